//! Rules about the module itself, its configuration, and the calls that it makes.

use ollama_gate_wasm_tests::{CallEnd, Verdict};
use wasmparser::{Validator, WasmFeatures};

use crate::broken::{Broken, OPEN};
use crate::rules::{ALL, ENVOYS, Rule, head, tags};
use crate::support::*;

/// In the order of hosts.md.
pub const RULES: &[Rule] = &[
    Rule {
        row: "three ways 1",
        never: "trap: every later request on that worker fails",
        held_by: &[
            "hostile::hostile_bytes_in_a_header_never_trap_and_never_open_the_gate",
            "floods::requests_put_together_at_random_never_trap_and_never_slip_in",
        ],
        noticed: |host| {
            let mut gateway = head("(unreachable)").gateway(host);
            let root = gateway.root();
            (0..2).all(|_| {
                matches!(
                    gateway.try_send_to(root, &tags()).verdict,
                    Verdict::Crashed(_)
                )
            })
        },
        on: ALL,
    },
    Rule {
        row: "three ways 2",
        never: "trap on a value that is not UTF-8",
        held_by: &["hostile::hostile_bytes_beside_a_good_key_never_trap"],
        noticed: |host| {
            let strict = head(
                "(drop (call $value (i32.const 0) @x-any@ (i32.const 100) (i32.const 104)))
                 (if (i32.gt_u (call $byte) (i32.const 127)) (then (unreachable))) (i32.const 0)",
            );
            strict.crashes(host, &tags().header("x-any", b"\xff"))
                && !strict.crashes(host, &tags().header("x-any", "a"))
        },
        on: ALL,
    },
    Rule {
        row: "three ways 2, clock",
        never: "trap on 12 (unimplemented), which is what the proxy-wasm clock answers",
        held_by: &[
            "faults::whichever_call_of_an_allowed_request_fails_nothing_goes_on_with_a_credential",
            "rules::the_filter_makes_no_call_but_these",
        ],
        noticed: |host| {
            head("(if (i32.eq (call $time (i32.const 120)) (i32.const 12)) (then (unreachable))) (i32.const 0)")
                .crashes(host, &tags())
        },
        on: &[APISIX],
    },
    Rule {
        row: "three ways 3",
        never: "read the whole map of a request without Host",
        held_by: &["hostile::a_request_without_host_is_answered_and_takes_no_worker_down"],
        noticed: |host| {
            head("(drop (call $pairs (i32.const 0) (i32.const 100) (i32.const 104))) (i32.const 0)")
                .crashes(host, &tags().without_host())
        },
        on: &[APISIX],
    },
    Rule {
        row: "three ways 3",
        never: "read `:authority` of a request without Host",
        held_by: &["hostile::a_request_without_host_is_answered_and_takes_no_worker_down"],
        noticed: |host| {
            head("(drop (call $value (i32.const 0) @:authority@ (i32.const 100) (i32.const 104))) (i32.const 0)")
                .crashes(host, &tags().without_host())
        },
        on: &[APISIX],
    },
    Rule {
        row: "three ways 3",
        never: "read the map of a response with over 20 headers",
        held_by: &["rules::the_filter_makes_no_call_but_these"],
        noticed: |host| {
            let broken = Broken {
                head: "(call $deny)",
                response: "(drop (call $pairs (i32.const 2) (i32.const 100) (i32.const 104))) (i32.const 0)",
                reply_headers: || vec![(b"x-filler".to_vec(), b"1".to_vec()); 21],
                ..OPEN
            };
            broken.crashes(host, &tags())
        },
        on: &[APISIX],
    },
    Rule {
        row: "three ways 3",
        never: "pause without a local reply or a call in flight",
        held_by: &[
            "hostile::hostile_paths_are_refused_in_the_dialect_of_their_beginning",
            "faults::calls_that_always_fail_never_open_the_gate",
        ],
        noticed: |host| head("(i32.const 1)").crashes(host, &tags()),
        on: &[APISIX],
    },
    Rule {
        row: "three ways 3, finding out",
        never: "ask for `plugin_name` in on_configure",
        held_by: &["rules::the_filter_asks_for_no_property_outside_a_request"],
        noticed: |host| {
            let configure = "(drop (call $property @plugin_name@ (i32.const 100) (i32.const 104))) (i32.const 1)";
            Broken { configure, ..OPEN }.crashes_at_once(host)
        },
        on: &[KONG],
    },
    Rule {
        row: "finding out",
        never: "ask for any property outside a request",
        held_by: &["rules::the_filter_asks_for_no_property_outside_a_request"],
        noticed: |host| {
            let configure =
                "(drop (call $property @worker_id@ (i32.const 100) (i32.const 104))) (i32.const 1)";
            Broken { configure, ..OPEN }.crashes_at_once(host)
        },
        on: &[KONG],
    },
    Rule {
        row: "what may be imported",
        never: "import `proxy_get_log_level`: APISIX then proxies without authentication",
        held_by: &["shape::every_import_is_one_that_all_gateways_link_with_that_signature"],
        noticed: |host| {
            let imports = r#"(import "env" "proxy_get_log_level" (func (param i32) (result i32)))"#;
            !Broken { imports, ..OPEN }.loads(host)
        },
        on: ALL,
    },
    Rule {
        row: "what may be imported",
        never: "import `proxy_get_metric`",
        held_by: &["shape::every_import_is_one_that_all_gateways_link_with_that_signature"],
        noticed: |host| {
            let imports =
                r#"(import "env" "proxy_get_metric" (func (param i32 i32) (result i32)))"#;
            !Broken { imports, ..OPEN }.loads(host)
        },
        on: ALL,
    },
    Rule {
        row: "what may be imported",
        never: "use a feature that wasmtime 0.38 lacks: tail calls, threads, 64-bit memory",
        held_by: &["shape::the_module_needs_no_feature_that_wasmtime_0_38_lacks"],
        noticed: |_| {
            let tail_call =
                b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x06\x01\x04\0\x12\0\x0b";
            let threads = b"\0asm\x01\0\0\0\x05\x04\x01\x03\x01\x02";
            let memory64 = b"\0asm\x01\0\0\0\x05\x03\x01\x04\x01";
            [&tail_call[..], threads, memory64].iter().all(|module| {
                let all = Validator::new_with_features(WasmFeatures::all()).validate_all(module);
                all.is_ok() && crate::shape::validate(module).is_err()
            })
        },
        on: ALL,
    },
    Rule {
        row: "bad config",
        never: "count on it that no request comes after a refused configuration",
        held_by: &[
            "configuration::documents_that_are_no_configuration_are_refused_and_deny_everything",
            "contexts::a_root_context_that_was_never_configured_lets_nobody_through",
        ],
        noticed: |host| {
            Broken {
                configure: "(i32.const 0)",
                ..OPEN
            }
            .forwards(host, &tags())
        },
        on: &[ENVOY, ISTIO, KONG],
    },
    Rule {
        row: "bad config",
        never: "say no: it is parsed, and its errors logged, in each phase of each request",
        held_by: &["configuration::a_refused_configuration_is_read_and_logged_once_whoever_asks"],
        noticed: |host| {
            let closed = Broken {
                configure: "(i32.const 0)",
                head: "(call $deny)",
                ..OPEN
            };
            closed.send(host, &tags()).verdict == Verdict::RefusedByHost(503)
        },
        on: &[APISIX],
    },
    Rule {
        row: "bad config",
        never: "say no at the start: there is then no filter, and everything is proxied",
        held_by: &[
            "configuration::a_refused_configuration_closes_the_gate_at_the_start_and_on_a_reload",
        ],
        noticed: |host| {
            let closed = Broken {
                configure: "(i32.const 0)",
                head: "(call $deny)",
                ..OPEN
            };
            closed.forwards(host, &tags())
        },
        on: &[KONG],
    },
    Rule {
        row: "bad config",
        never: "say no on a reload: the configuration before it goes on, with the keys that are gone",
        held_by: &[
            "configuration::a_refused_configuration_closes_the_gate_at_the_start_and_on_a_reload",
        ],
        noticed: |host| {
            let small = Broken {
                configure: "(i32.eq (local.get $size) (i32.const 2))",
                ..OPEN
            };
            let mut gateway = small.gateway(host);
            let first = gateway.root();
            gateway.configure(b"{\"keys\": 1}");
            gateway.root() == first
        },
        on: &[KONG],
    },
    Rule {
        row: "secrets",
        never: "take an unresolved reference for a secret",
        held_by: &["configuration::what_is_not_understood_or_not_resolved_is_refused"],
        noticed: |host| {
            let mut gateway = OPEN.load(host);
            gateway
                .configure(br#"{"api_keys":{"keys":[{"id":"a","key":"$env://KEY"}]}}"#)
                .accepted
        },
        on: ALL,
    },
    Rule {
        row: "randomness",
        never: "make a secret of random_get alone: two fresh workers may draw the same",
        held_by: &["rules::the_filter_makes_no_call_but_these"],
        noticed: |host| {
            let broken = head("(drop (call $random (i32.const 1024) (i32.const 4))) (call $deny)");
            let draw = || broken.send(host, &tags()).reply.map(|reply| reply.body);
            draw().is_some() && draw() == draw()
        },
        on: ALL,
    },
    Rule {
        row: "tick",
        never: "set a tick outside the root context",
        held_by: &["waiting::where_there_are_ticks_no_request_waits"],
        noticed: |host| {
            head("(drop (call $set_tick (i32.const 1000))) (i32.const 0)").crashes(host, &tags())
        },
        on: &[KONG],
    },
    Rule {
        row: "tick",
        never: "set a tick twice",
        held_by: &["waiting::where_there_are_ticks_no_request_waits"],
        noticed: |host| {
            let configure = "(drop (call $set_tick (i32.const 1000))) (drop (call $set_tick (i32.const 500))) (i32.const 1)";
            Broken { configure, ..OPEN }.crashes_at_once(host)
        },
        on: &[KONG],
    },
    Rule {
        row: "tick",
        never: "make an HTTP call in the first tick",
        held_by: &["waiting::where_there_are_ticks_no_request_waits"],
        noticed: |host| {
            let mut gateway = Broken {
                tick: "(call $fetch)",
                ..OPEN
            }
            .gateway(host);
            let root = gateway.root();
            gateway.tick(root);
            gateway.dead().is_some()
        },
        on: &[KONG],
    },
    Rule {
        row: "tick",
        never: "make an HTTP call where the root hears the answer to another",
        held_by: &["waiting::discovery_in_ticks_is_one_call_in_each"],
        noticed: |host| {
            let broken = Broken {
                tick: "(call $fetch)",
                callback: "(call $fetch)",
                ..OPEN
            };
            let mut gateway = broken.gateway(host);
            let root = gateway.root();
            gateway.world().ticks = 1;
            gateway.tick(root);
            if let Some(call) = gateway.calls().first().cloned() {
                gateway.answer_call(call.token, CallEnd::of(200, "{}"));
            }
            gateway.dead().is_some()
        },
        on: &[KONG],
    },
    Rule {
        row: "Seen on a real Kong",
        never: "fetch in the ticks of a configuration that may be over: nobody ends it",
        held_by: &["waiting::a_configuration_that_is_over_fetches_nothing"],
        noticed: |host| {
            let mut gateway = Broken {
                tick: "(call $fetch)",
                ..OPEN
            }
            .gateway(host);
            let old = gateway.root();
            gateway.configure(b"{}");
            gateway.world().ticks = 1;
            !HOSTS[host]().ends_root_contexts() && !gateway.tick(old).fetches.is_empty()
        },
        on: &[KONG],
    },
    Rule {
        row: "HTTP call",
        never: "leave a request without an answer after the callback: it goes on by itself",
        held_by: &[
            "remote::the_first_request_has_the_keys_fetched_and_goes_on",
            "remote::whatever_comes_in_the_place_of_keys_is_503_and_nothing_goes_on",
        ],
        noticed: |host| after_a_call(host, "") == Verdict::Forwarded,
        on: &[APISIX, KONG],
    },
    Rule {
        row: "HTTP call",
        never: "forget to resume: the client hangs",
        held_by: &[
            "remote::the_first_request_has_the_keys_fetched_and_goes_on",
            "remote::whatever_comes_in_the_place_of_keys_is_503_and_nothing_goes_on",
        ],
        noticed: |host| after_a_call(host, "") == Verdict::Held,
        on: ENVOYS,
    },
];

/// A request that waits for a call, and this callback.
fn after_a_call(host: usize, callback: &'static str) -> Verdict {
    let broken = Broken {
        head: "(call $fetch) (i32.const 1)",
        callback,
        ..OPEN
    };
    let mut gateway = broken.gateway(host);
    let root = gateway.root();
    let Ok(id) = gateway.open(root, &tags()) else {
        panic!("refused by the gateway");
    };
    assert!(!gateway.request_headers(id));
    let token = gateway.calls()[0].token;
    gateway.answer_call(token, CallEnd::NoConnection);
    gateway.close(id).verdict
}
