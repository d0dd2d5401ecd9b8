//! Small modules that do what a module must not do.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ollama_gate_wasm_tests::map::{self, Pairs};
use ollama_gate_wasm_tests::{ClientRequest, Gateway, Outcome, Verdict, module};

use crate::support::HOSTS;

/// The callbacks of a module, as WebAssembly text. `@word@` stands for a
/// pointer and a size: the place of that word in the module's memory.
#[derive(Clone, Copy)]
pub struct Broken {
    /// `on_configure`: 1 is accepted.
    pub configure: &'static str,
    /// The head: 0 goes on, 1 pauses.
    pub head: &'static str,
    /// The body, the same.
    pub body: &'static str,
    /// The answer to an HTTP call.
    pub callback: &'static str,
    /// The response's head.
    pub response: &'static str,
    /// A tick.
    pub tick: &'static str,
    /// More imports.
    pub imports: &'static str,
    /// What `$reply` sends.
    pub reply_headers: fn() -> Pairs,
}

/// Takes every configuration and lets everything through.
pub const OPEN: Broken = Broken {
    configure: "(i32.const 1)",
    head: "(i32.const 0)",
    body: "(i32.const 0)",
    callback: "",
    response: "(i32.const 0)",
    tick: "",
    imports: "",
    reply_headers: Pairs::new,
};

const TEXT: &str = r#"(module
  (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $value (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $set_tick (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  IMPORTS
  (memory (export "memory") 8)
  (data (i32.const 1024) "WORDS")
  (data (i32.const 4096) "HEADERS")
  (data (i32.const 8192) "CALL_HEAD")
  (global $free (mut i32) (i32.const 65536))
  (global $open (mut i32) (i32.const 0))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32) CONFIGURE)
  (func (export "proxy_on_request_headers") (param $id i32) (param $count i32) (param $ends i32) (result i32) HEAD)
  (func (export "proxy_on_request_body") (param $id i32) (param $size i32) (param $ends i32) (result i32) BODY)
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32) CALLBACK)
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) RESPONSE)
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_tick") (param i32) TICK)
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))
  (func (export "proxy_on_log") (param i32))
  (func (export "proxy_on_delete") (param i32))
  ;; the first byte of what the last call gave
  (func $byte (result i32) (i32.load8_u (i32.load (i32.const 100))))
  (func $fetch (drop (call $http_call @body@ (i32.const 8192) (i32.const CALL_SIZE) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 108))))
  (func $deny (result i32)
    (drop (call $send (i32.const 401) (i32.const 0) (i32.const 0) @body@
      (i32.const 4096) (i32.const SIZE) (i32.const -1)))
    (i32.const 1)))"#;

/// The headers that a call needs, as text of a data segment, and their size.
pub fn head_of_a_call() -> (String, usize) {
    let names = [(":method", "GET"), (":path", "/"), (":authority", "sso")];
    let pairs = names.map(|(name, value)| (name.into(), value.into()));
    let bytes = map::encode(&pairs.to_vec());
    (escaped(&bytes), bytes.len())
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

impl Broken {
    fn text(&self) -> String {
        let headers = map::encode(&(self.reply_headers)());
        let headers_text = escaped(&headers);
        let (call, call_size) = head_of_a_call();
        let text = TEXT
            .replace("CALL_HEAD", &call)
            .replace("CALL_SIZE", &call_size.to_string())
            .replace("IMPORTS", self.imports)
            .replace("CONFIGURE", self.configure)
            .replace("HEADERS", &headers_text)
            .replace("HEAD", self.head)
            .replace("BODY", self.body)
            .replace("CALLBACK", self.callback)
            .replace("RESPONSE", self.response)
            .replace("TICK", self.tick)
            .replace("SIZE", &headers.len().to_string());
        let (mut words, mut out) = (String::new(), String::new());
        for (number, part) in text.split('@').enumerate() {
            if number % 2 == 0 {
                out.push_str(part);
                continue;
            }
            let at = 1024 + words.replace("\\00", "0").len();
            let size = part.replace("\\00", "0").len();
            out.push_str(&format!("(i32.const {at}) (i32.const {size})"));
            words.push_str(part);
        }
        out.replace("WORDS", &words)
    }

    /// The module in a gateway, not configured.
    pub fn load(&self, host: usize) -> Gateway {
        let module = module::compile(self.text().as_bytes());
        Gateway::of(&module, HOSTS[host](), &[])
    }

    /// Whether it loads at all.
    pub fn loads(&self, host: usize) -> bool {
        catch_unwind(AssertUnwindSafe(|| self.load(host))).is_ok()
    }

    /// The module in a gateway with some configuration.
    pub fn gateway(&self, host: usize) -> Gateway {
        let mut gateway = self.load(host);
        gateway.configure(b"{}");
        gateway
    }

    /// What comes of one request.
    pub fn send(&self, host: usize, request: &ClientRequest) -> Outcome {
        let mut gateway = self.gateway(host);
        let root = gateway.root();
        gateway.try_send_to(root, request)
    }

    /// Whether a request takes the worker down.
    pub fn crashes(&self, host: usize, request: &ClientRequest) -> bool {
        matches!(self.send(host, request).verdict, Verdict::Crashed(_))
    }

    /// Whether configuring it takes the worker down.
    pub fn crashes_at_once(&self, host: usize) -> bool {
        let mut gateway = self.load(host);
        catch_unwind(AssertUnwindSafe(|| gateway.configure(b"{}"))).is_err()
    }

    /// Whether a request goes on to the upstream.
    pub fn forwards(&self, host: usize, request: &ClientRequest) -> bool {
        self.send(host, request).forwarded()
    }
}
