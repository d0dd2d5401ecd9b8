//! What the module imports, as the ABI has it: functions, and the numbers that they take.

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    pub(super) fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    pub(super) fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    pub(super) fn proxy_set_effective_context(context: u32) -> u32;
    pub(super) fn proxy_get_buffer_bytes(
        kind: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    pub(super) fn proxy_set_buffer_bytes(
        kind: u32,
        start: usize,
        max: usize,
        data: *const u8,
        size: usize,
    ) -> u32;
    pub(super) fn proxy_get_header_map_pairs(
        kind: u32,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    pub(super) fn proxy_set_header_map_pairs(kind: u32, data: *const u8, size: usize) -> u32;
    pub(super) fn proxy_get_header_map_value(
        kind: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    pub(super) fn proxy_replace_header_map_value(
        kind: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    pub(super) fn proxy_add_header_map_value(
        kind: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    pub(super) fn proxy_remove_header_map_value(
        kind: u32,
        name: *const u8,
        name_size: usize,
    ) -> u32;
    pub(super) fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    pub(super) fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    pub(super) fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> u32;
    pub(super) fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        version: u32,
    ) -> u32;
    pub(super) fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    pub(super) fn proxy_define_metric(
        kind: u32,
        name: *const u8,
        name_size: usize,
        id: *mut u32,
    ) -> u32;
    pub(super) fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    pub(super) fn proxy_record_metric(id: u32, value: u64) -> u32;
    pub(super) fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    pub(super) fn proxy_continue_stream(kind: u32) -> u32;
    pub(super) fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        argument: *const u8,
        argument_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    pub(super) fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
    pub(super) fn random_get(buffer: *mut u8, size: usize) -> u32;
}

pub(super) const REQUEST_HEADERS: u32 = 0;
pub(super) const REQUEST_TRAILERS: u32 = 1;
pub(super) const REQUEST_BODY: u32 = 0;
pub(super) const RESPONSE_BODY: u32 = 1;
pub(super) const RESPONSE_HEADERS: u32 = 2;
pub(super) const CALL_RESPONSE_HEADERS: u32 = 6;
pub(super) const CALL_RESPONSE_BODY: u32 = 4;
pub(super) const REQUEST_STREAM: u32 = 0;
pub(super) const PLUGIN_CONFIGURATION: u32 = 7;
pub(super) const METRIC_COUNTER: u32 = 0;
pub(super) const METRIC_GAUGE: u32 = 1;
pub(super) const CLOCK_REALTIME: u32 = 0;
/// Whatever is there is replaced.
pub(super) const ANY_VERSION: u32 = 0;
/// What the ABI means by "no gRPC status".
pub(super) const NO_GRPC_STATUS: i32 = -1;
/// The clock may be this coarse, in nanoseconds.
pub(super) const PRECISION: u64 = 1_000_000;
/// More than any buffer has. APISIX takes the number for a signed one, and refuses one below 1.
pub(super) const ALL: usize = 0x7fff_ffff;
