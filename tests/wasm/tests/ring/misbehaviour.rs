//! The profiles, tried by small modules that do what a module must not do: a
//! rule that nobody breaks in a test is a rule that may not be there.

use ollama_gate_wasm_tests::{CallEnd, ClientRequest, Gateway, Verdict, module};

use crate::broken::head_of_a_call;
use crate::support::{APISIX, ENVOY, HOSTS, KONG};

/// A module with these two bodies: the head's callback (returns the action) and
/// the callback of an HTTP call.
fn text(head: &str, callback: &str) -> String {
    let (call, size) = head_of_a_call();
    format!(
        r#"(module
  (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 0) ":authorityx-headerbody")
  (data (i32.const 4096) "{call}")
  (global $free (mut i32) (i32.const 65536))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
  (global $stream (mut i32) (i32.const 0))
  (func $head (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
    (global.set $stream (local.get $id)) {head})
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (call $edit) (i32.const 0))
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
    (drop (call $effective (global.get $stream))) {callback})
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))
  (func (export "proxy_on_log") (param i32))
  (func (export "proxy_on_delete") (param i32))
  (func $edit (drop (call $replace (i32.const 0) (i32.const 10) (i32.const 8) (i32.const 18) (i32.const 4))))
  (func $authority (drop (call $replace (i32.const 0) (i32.const 0) (i32.const 10) (i32.const 18) (i32.const 4))))
  (func $map (drop (call $pairs (i32.const 0) (i32.const 100) (i32.const 104))))
  (func $fetch (drop (call $call (i32.const 18) (i32.const 4) (i32.const 4096) (i32.const {size}) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 108))))
  (func $empty (drop (call $reply (i32.const 401) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const -1))))
  (func $deny (drop (call $reply (i32.const 401) (i32.const 0) (i32.const 0) (i32.const 18) (i32.const 4)
    (i32.const 0) (i32.const 0) (i32.const -1)))))"#
    )
}

fn gateway(host: usize, head: &str, callback: &str) -> Gateway {
    load(host, &text(head, callback))
}

fn load(host: usize, text: &str) -> Gateway {
    let module = module::compile(text.as_bytes());
    let mut gateway = Gateway::of(&module, HOSTS[host](), &[]);
    assert!(gateway.configure(b"{}").accepted);
    gateway
}

fn verdict(host: usize, head: &str, request: &ClientRequest) -> Verdict {
    let mut gateway = gateway(host, head, "");
    let root = gateway.root();
    gateway.try_send_to(root, request).verdict
}

fn crashes(host: usize, head: &str, request: &ClientRequest) -> bool {
    matches!(verdict(host, head, request), Verdict::Crashed(_))
}

#[test]
pub fn the_whole_map_without_host_takes_apisix_down_and_not_envoy() {
    let map = "(call $map) (i32.const 0)";
    let request = ClientRequest::get("/").without_host();
    assert!(crashes(APISIX, map, &request));
    assert_eq!(verdict(ENVOY, map, &request), Verdict::Forwarded);
    assert_eq!(
        verdict(APISIX, map, &ClientRequest::get("/")),
        Verdict::Forwarded
    );
}

#[test]
pub fn pause_for_nothing_takes_apisix_down_and_hangs_on_envoy() {
    assert!(crashes(APISIX, "(i32.const 1)", &ClientRequest::get("/")));
    assert_eq!(
        verdict(ENVOY, "(i32.const 1)", &ClientRequest::get("/")),
        Verdict::Held
    );
}

#[test]
pub fn a_write_to_the_authority_is_a_failure_on_apisix_alone() {
    let write = "(call $authority) (i32.const 0)";
    assert!(crashes(APISIX, write, &ClientRequest::get("/")));
    assert_eq!(
        verdict(ENVOY, write, &ClientRequest::get("/")),
        Verdict::Forwarded
    );
}

#[test]
pub fn a_header_edit_after_continue_traps_on_envoy() {
    assert!(crashes(ENVOY, "(i32.const 0)", &ClientRequest::post("/")));
    // APISIX shows no body to a module that did not ask for it.
    assert_eq!(
        verdict(APISIX, "(i32.const 0)", &ClientRequest::post("/")),
        Verdict::Forwarded
    );
}

#[test]
pub fn a_denial_needs_a_body_and_a_pause() {
    for host in [ENVOY, APISIX] {
        let request = ClientRequest::get("/");
        assert_eq!(
            verdict(host, "(call $deny) (i32.const 1)", &request),
            Verdict::Replied
        );
        assert!(crashes(host, "(call $deny) (i32.const 0)", &request));
        assert!(crashes(host, "(call $empty) (i32.const 1)", &request));
        assert!(crashes(
            host,
            "(call $deny) (call $deny) (i32.const 1)",
            &request
        ));
        assert!(crashes(host, "(unreachable)", &request));
    }
}

#[test]
pub fn after_a_callback_apisix_goes_on_by_itself_and_envoy_waits() {
    for (host, callback, expected) in [
        (APISIX, "", Verdict::Forwarded),
        (ENVOY, "", Verdict::Held),
        (
            ENVOY,
            "(drop (call $continue (i32.const 0)))",
            Verdict::Forwarded,
        ),
        (APISIX, "(call $deny)", Verdict::Replied),
        (ENVOY, "(call $deny)", Verdict::Replied),
        (APISIX, "(call $fetch)", Verdict::Held),
    ] {
        let mut gateway = gateway(host, "(call $fetch) (i32.const 1)", callback);
        let root = gateway.root();
        let Ok(id) = gateway.open(root, &ClientRequest::get("/")) else {
            panic!("refused by the gateway");
        };
        assert!(!gateway.request_headers(id));
        let token = gateway.calls()[0].token;
        gateway.answer_call(token, CallEnd::NoConnection);
        assert_eq!(gateway.close(id).verdict, expected, "{host} {callback}");
    }
}

#[test]
pub fn a_callback_that_is_not_there_takes_kong_down_and_no_other() {
    let whole = text("(i32.const 0)", "");
    for callback in ["response_headers", "response_body", "done", "log", "delete"] {
        let name = format!("proxy_on_{callback}\"");
        assert_eq!(whole.matches(&name).count(), 1, "{callback}");
        let without = whole.replace(&name, "unused\"");
        for host in [ENVOY, APISIX, KONG] {
            let mut gateway = load(host, &without);
            let root = gateway.root();
            let verdict = gateway.try_send_to(root, &ClientRequest::get("/")).verdict;
            let crashed = matches!(verdict, Verdict::Crashed(_));
            assert_eq!(crashed, host == KONG, "{callback}: {verdict:?}");
        }
    }
}
