//! Rules about what a request, its body, a reply or a second configuration is.

use ollama_gate_wasm_tests::map::Pairs;
use ollama_gate_wasm_tests::{ClientRequest, Verdict};

use crate::broken::{Broken, OPEN};
use crate::rules::{ALL, ENVOYS, Rule, head, tags};
use crate::support::*;

/// In the order of hosts.md.
pub const RULES: &[Rule] = &[
    Rule {
        row: "header read",
        never: "take the first of two credential headers by name",
        held_by: &["decisions::the_same_key_twice_is_no_conflict_and_two_keys_are"],
        noticed: |host| {
            let by_name = head(
                "(drop (call $value (i32.const 0) @x-api-key@ (i32.const 100) (i32.const 104)))
                 (if (result i32) (i32.eq (call $byte) (i32.const 103)) (then (i32.const 0)) (else (call $deny)))",
            );
            by_name.forwards(
                host,
                &tags()
                    .header("x-api-key", "good")
                    .header("x-api-key", "evil"),
            )
        },
        on: ALL,
    },
    Rule {
        row: "header read",
        never: "read a joined Authorization by its beginning",
        held_by: &["decisions::a_doubled_authorization_never_comes_in"],
        noticed: |host| {
            let prefix = head(
                "(drop (call $value (i32.const 0) @authorization@ (i32.const 100) (i32.const 104)))
                 (if (result i32) (i32.eq (call $byte) (i32.const 66)) (then (i32.const 0)) (else (call $deny)))",
            );
            prefix.forwards(host, &tags().bearer("good").bearer("evil"))
        },
        on: ENVOYS,
    },
    Rule {
        row: "header removal",
        never: "remove without blanking: it reaches the upstream",
        held_by: &["upstream::no_credential_cookie_origin_or_identity_of_the_clients_goes_on"],
        noticed: |host| {
            let remove = head("(drop (call $remove (i32.const 0) @authorization@)) (i32.const 0)");
            let outcome = remove.send(host, &tags().bearer("secret"));
            !outcome.upstream_text("authorization").is_empty()
        },
        on: &[KONG],
    },
    Rule {
        row: "header removal",
        never: "let a header through that stands there twice: only the first is blanked",
        held_by: &["upstream::each_of_them_is_removed_whatever_its_spelling_and_twice_is_refused"],
        noticed: |host| {
            let blank = head(
                "(drop (call $replace (i32.const 0) @remote-user@ (i32.const 0) (i32.const 0)))
                 (drop (call $remove (i32.const 0) @remote-user@)) (i32.const 0)",
            );
            let outcome = blank.send(
                host,
                &tags().header("Remote-User", "a").header("remote-user", "b"),
            );
            !outcome.upstream_text("remote-user").is_empty()
        },
        on: &[KONG],
    },
    Rule {
        row: "write `:authority`, `:path`",
        never: "write `:authority`",
        held_by: &["upstream::host_is_the_configured_one_and_path_and_query_are_untouched"],
        noticed: |host| {
            let write =
                head("(drop (call $replace (i32.const 0) @:authority@ @ollama@)) (i32.const 0)");
            let outcome = write.send(host, &tags());
            outcome.upstream_header(":authority") != ["ollama"]
        },
        on: &[APISIX, KONG],
    },
    Rule {
        row: "write `:authority`, `:path`",
        never: "write `:path`",
        held_by: &["upstream::host_is_the_configured_one_and_path_and_query_are_untouched"],
        noticed: |host| {
            let write = head("(drop (call $replace (i32.const 0) @:path@ @ollama@)) (i32.const 0)");
            write.send(host, &tags()).upstream_header(":path") != ["ollama"]
        },
        on: &[APISIX, KONG],
    },
    Rule {
        row: "write `:authority`, `:path`",
        never: "judge by `:path`: it ends at `#`, and what goes up does not",
        held_by: &[
            "targets::a_target_that_two_readers_read_differently_is_refused_on_every_gateway",
            "targets::nothing_goes_up_under_another_route_than_the_one_that_was_judged",
        ],
        noticed: |host| {
            // Lets in whatever is asked for `/`.
            let public = head(
                "(drop (call $value (i32.const 0) @:path@ (i32.const 100) (i32.const 104)))
                 (if (result i32) (i32.eq (i32.load (i32.const 104)) (i32.const 1)) (then (i32.const 0)) (else (call $deny)))",
            );
            let outcome = public.send(host, &tags().target(b"/#/../api/tags"));
            outcome.upstream_header(":path") == ["/api/tags"]
        },
        on: &[KONG],
    },
    Rule {
        row: "request body",
        never: "edit headers after Continue",
        held_by: &[
            "lifecycle::a_body_in_pieces_and_trailers_pass_after_an_allowed_head",
            "bodies::the_body_decides_on_every_gateway",
        ],
        noticed: |host| {
            let body = "(drop (call $replace (i32.const 0) @x-header@ @body@)) (i32.const 0)";
            Broken { body, ..OPEN }.crashes(host, &ClientRequest::post("/api/chat"))
        },
        on: ENVOYS,
    },
    Rule {
        row: "request body",
        never: "decide at the body's end_of_stream alone: with trailers it never comes",
        held_by: &[
            "lifecycle::body_and_trailers_after_a_denial_are_never_let_through",
            "lifecycle::trailers_before_the_head_are_never_let_through",
            "bodies::envoy_holds_the_head_with_the_body_where_that_is_configured",
        ],
        noticed: |host| {
            let body =
                "(if (result i32) (local.get $ends) (then (call $deny)) (else (i32.const 1)))";
            let mut gateway = Broken { body, ..OPEN }.gateway(host);
            let root = gateway.root();
            let Ok(id) = gateway.open(root, &ClientRequest::post("/api/chat")) else {
                return false;
            };
            // nginx shows a module no trailers.
            ENVOYS.contains(&host)
                && gateway.request_headers(id)
                && !gateway.request_body(id, b"{}", false)
                && gateway.request_trailers(id)
        },
        on: ENVOYS,
    },
    Rule {
        row: "request body",
        never: "hold the head for the body, where that is not asked for: it never comes",
        held_by: &["rules::no_request_is_ever_held"],
        noticed: |host| !head("(i32.const 1)").forwards(host, &ClientRequest::post("/api/chat")),
        on: &[ISTIO, APISIX, KONG],
    },
    Rule {
        row: "request body",
        never: "let a body through that reads as none: it may be in a file",
        held_by: &[
            "bodies::a_body_that_reads_as_none_is_refused",
            "bodies::a_body_that_the_gateway_does_not_hold_is_a_413",
        ],
        noticed: |host| {
            let body = "(if (result i32) (call $buffer (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 100) (i32.const 104))
                (then (i32.const 0)) (else (call $deny)))";
            let mut gateway = Broken { body, ..OPEN }.gateway(host);
            let root = gateway.root();
            let Ok(id) = gateway.open(root, &ClientRequest::post("/api/chat")) else {
                return false;
            };
            gateway.request_headers(id) && gateway.request_body(id, &[b'x'; 9000], true)
        },
        on: &[KONG],
    },
    Rule {
        row: "request body",
        never: "decide in the body callback, where it is not asked for: it never comes",
        held_by: &[
            "rules::no_request_is_ever_held",
            "bodies::only_apisix_is_asked_to_show_a_body_and_a_refusal_is_closed",
        ],
        noticed: |host| {
            Broken {
                body: "(call $deny)",
                ..OPEN
            }
            .forwards(host, &ClientRequest::post("/api/chat"))
        },
        on: &[APISIX],
    },
    Rule {
        row: "local reply",
        never: "send an error without a body",
        held_by: &["answers::only_a_401_carries_a_challenge_and_every_denial_is_json"],
        noticed: |host| {
            head("(drop (call $send (i32.const 401) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const -1))) (i32.const 1)")
                .crashes(host, &tags())
        },
        on: ALL,
    },
    Rule {
        row: "local reply",
        never: "set two cookies with one reply",
        held_by: &["rules::no_reply_sets_a_cookie"],
        noticed: |host| {
            let broken = Broken {
                head: "(call $deny)",
                reply_headers: two_cookies,
                ..OPEN
            };
            broken.send(host, &tags()).reply_header("set-cookie") == ["b=2"]
        },
        on: &[KONG],
    },
    Rule {
        row: "shared data",
        never: "count on shared data, or take what stands there for one's own",
        held_by: &["rules::the_filter_makes_no_call_but_these"],
        noticed: |host| {
            let broken = head(
                "(if (result i32) (call $shared @keys@ (i32.const 100) (i32.const 104) (i32.const 112))
                 (then (call $deny)) (else (i32.const 0)))",
            );
            let outcome = broken.send(host, &tags());
            outcome.forwarded() || matches!(outcome.verdict, Verdict::Crashed(_))
        },
        on: &[ISTIO, KONG],
    },
    Rule {
        row: "client address",
        never: "trust an address with port 0: it is the client's own X-Forwarded-For",
        held_by: &["networks::an_invented_address_is_not_believed"],
        noticed: |host| {
            let broken = head(
                r"(drop (call $property @source\00address@ (i32.const 100) (i32.const 104)))
                 (if (result i32) (i32.eq (call $byte) (i32.const 49)) (then (i32.const 0)) (else (call $deny)))",
            );
            broken.forwards(host, &tags().header("X-Forwarded-For", "10.0.0.1"))
        },
        on: ENVOYS,
    },
    Rule {
        row: "client address",
        never: "take nginx's `remote_addr` for the peer: from loopback it is what X-Real-IP says",
        held_by: &[
            "networks::who_comes_through_a_proxy_on_the_same_machine_cannot_name_an_address",
        ],
        noticed: |host| {
            let broken = head(
                r"(drop (call $property @remote_addr@ (i32.const 100) (i32.const 104)))
                 (if (result i32) (i32.eq (call $byte) (i32.const 57)) (then (i32.const 0)) (else (call $deny)))",
            );
            let claimed = tags().header("X-Real-IP", "9.9.9.9");
            broken.forwards(host, &claimed.from("127.0.0.1"))
        },
        on: &[APISIX],
    },
    Rule {
        row: "response body",
        never: "count on it that the response comes to the context of its request",
        held_by: &["browsers::a_response_without_its_request_is_left_as_it_is_and_serves_on"],
        noticed: |host| {
            let broken = Broken {
                head: "(global.set $open (local.get $id)) (i32.const 0)",
                response: "(if (i32.ne (global.get $open) (local.get 0)) (then (unreachable))) (i32.const 0)",
                ..OPEN
            };
            let mut gateway = broken.gateway(host);
            gateway.world().redirects = true;
            let root = gateway.root();
            let outcome = gateway.try_send_to(root, &tags());
            matches!(outcome.verdict, Verdict::Crashed(_))
        },
        on: &[APISIX],
    },
    Rule {
        row: "foreign functions",
        never: "call one that may be unknown",
        held_by: &["signatures::the_module_on_kong_comes_to_the_verdicts_of_the_table"],
        noticed: |host| {
            head("(drop (call $foreign @verify_signature@ (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 104))) (i32.const 0)")
                .crashes(host, &tags())
        },
        on: &[KONG],
    },
    Rule {
        row: "VMs",
        never: "keep a configuration in a static: it is another route's",
        held_by: &[
            "contexts::two_root_contexts_share_nothing",
            "instances::two_instances_in_one_vm_decide_as_each_alone",
        ],
        noticed: |host| {
            let broken = Broken {
                configure: "(global.set $open (i32.gt_u (local.get $size) (i32.const 2))) (i32.const 1)",
                head: "(if (result i32) (global.get $open) (then (i32.const 0)) (else (call $deny)))",
                ..OPEN
            };
            let mut gateway = broken.gateway(host);
            let first = gateway.root();
            let closed = !gateway.try_send_to(first, &tags()).forwarded();
            gateway.configure(b"{\"open\": true}");
            closed && gateway.try_send_to(first, &tags()).forwarded()
        },
        on: ALL,
    },
    Rule {
        row: "also seen",
        never: "count on `:path`: CONNECT has none",
        held_by: &["hostile::targets_of_another_form_are_refused"],
        noticed: |host| {
            let mut connect = ClientRequest::new("CONNECT", "/");
            connect.target = None;
            head("(if (call $value (i32.const 0) @:path@ (i32.const 100) (i32.const 104)) (then (unreachable))) (i32.const 0)")
                .crashes(host, &connect)
        },
        on: ENVOYS,
    },
    Rule {
        row: "source, and APISIX's header map",
        never: "take the header map for whole: it is cut, on Kong at 96 headers, or written past its space",
        held_by: &["floods::a_crowd_of_headers_hides_no_credential_and_no_identity"],
        noticed: |host| {
            let broken = head(
                "(drop (call $pairs (i32.const 0) (i32.const 100) (i32.const 104)))
                 (if (result i32) (i32.lt_u (i32.load (i32.load (i32.const 100))) (i32.const 110))
                   (then (i32.const 0)) (else (call $deny)))",
            );
            let mut crowd = tags();
            for number in 0..110 {
                crowd = crowd.header(&format!("x-{number}"), "1");
            }
            broken.forwards(host, &crowd) || broken.crashes(host, &crowd)
        },
        on: &[APISIX, KONG],
    },
    Rule {
        row: "97 fields",
        never: "count on the number of headers that the callback of the head is told: it may be 0",
        held_by: &["floods::a_crowd_of_headers_hides_no_credential_and_no_identity"],
        noticed: |host| {
            let broken = head(
                "(if (result i32) (i32.lt_u (local.get $count) (i32.const 10))
                   (then (i32.const 0)) (else (call $deny)))",
            );
            let mut crowd = tags();
            for number in 0..50 {
                crowd = crowd.header(&format!("x-{number}"), "1");
            }
            broken.forwards(host, &crowd)
        },
        on: &[APISIX],
    },
];

fn two_cookies() -> Pairs {
    vec![
        (b"set-cookie".to_vec(), b"a=1".to_vec()),
        (b"set-cookie".to_vec(), b"b=2".to_vec()),
    ]
}
