//! Hostile input: a denial in the right dialect, no trap, and the next good
//! request served by the same instance.

use ollama_gate_wasm_tests::{ClientRequest, Outcome, Verdict, nginx};

use crate::support::*;

const BYTES: &[&[u8]] = &[
    b"\x00",
    b"\x01",
    b"\t",
    b"\n",
    b"\r\n",
    b"\x1f",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc2\x9b",
    b"\"",
    b"\\",
    b"\xe2\x80\xa8",
];

const HEADERS: &[&str] = &[
    "authorization",
    "x-api-key",
    "api-key",
    "x-ollama-token",
    "cookie",
    "origin",
    "user-agent",
    "x-request-id",
    "x-forwarded-user",
    "content-type",
    "proxy-authorization",
    "x-anything",
];

#[test]
pub fn hostile_bytes_in_a_header_never_trap_and_never_open_the_gate() {
    on_every_host(|lab| {
        // Its request id is the client's to choose, and is logged.
        for name in HEADERS.iter().filter(|name| **name != "x-request-id") {
            for bytes in BYTES {
                for value in [
                    bytes.to_vec(),
                    [ALICE.as_bytes(), bytes].concat(),
                    [*bytes, ALICE.as_bytes()].concat(),
                    [b"Bearer ", *bytes].concat(),
                ] {
                    let request = ClientRequest::get("/api/tags").header(name, &value);
                    let outcome = lab.send(&request);
                    if outcome.forwarded() {
                        // Whitespace around a value is not part of it (RFC 9110, 5.5).
                        assert!(value.trim_ascii() == ALICE.as_bytes(), "{name}: {value:?}");
                    }
                    one_line_each(&outcome);
                }
            }
        }
        lab.still_serves();
    });
}

#[test]
pub fn hostile_bytes_beside_a_good_key_never_trap() {
    on_every_host(|lab| {
        for name in HEADERS.iter().filter(|name| **name != "authorization") {
            for bytes in BYTES {
                let request = ClientRequest::get("/api/tags")
                    .bearer(ALICE)
                    .header(name, bytes);
                one_line_each(&lab.send(&request));
                let mut request = ClientRequest::get("/api/tags").bearer(ALICE);
                request.headers.push((bytes.to_vec(), b"value".to_vec()));
                one_line_each(&lab.send(&request));
            }
        }
        for bytes in BYTES {
            let mut request = ClientRequest::get("/api/tags").bearer(ALICE);
            request.host = Some(bytes.to_vec());
            one_line_each(&lab.send(&request));
            request.method = Some(bytes.to_vec());
            let outcome = lab.send(&request);
            assert!(!outcome.forwarded());
            one_line_each(&outcome);
        }
        lab.still_serves();
    });
}

#[test]
pub fn hostile_paths_are_refused_in_the_dialect_of_their_beginning() {
    on_every_host(|lab| {
        for prefix in ["/api/", "/v1/", "/v1/messages/"] {
            for tail in [
                &b"../api/tags"[..],
                b"..",
                b"./tags",
                b"%2e%2e/tags",
                b"%2E./tags",
                b"x/..%2ftags",
                b"/tags",
                b"%2ftags",
                b"%2Ftags",
                b"x%5ctags",
                b"x\\tags",
                b"tags%00",
                b"tags\x00",
                b"tags%0a",
                b"tags\xff",
                b"tags%ff",
                b"tags%",
                b"tags%4",
                b"tags%zz",
                b"tags%252f..",
                b"tags;x=1",
                b"tags#x",
                b"tags /x",
                b"tags\t",
                b"t\r\nags",
                b"tags%7f",
                b"\xc0\xae",
            ] {
                let target = [prefix.as_bytes(), tail].concat();
                let request = ClientRequest::get("/").target(&target).bearer(ALICE);
                let outcome = lab.send(&request);
                let shown = String::from_utf8_lossy(&target).into_owned();
                if lab.host == "kong" && nginx::target(&target).is_err() {
                    assert_eq!(outcome.verdict, Verdict::RefusedByHost(400), "{shown}");
                    continue;
                }
                assert_eq!(outcome.verdict, Verdict::Replied, "{}: {shown}", lab.host);
                assert!(
                    matches!(outcome.status(), 400 | 404),
                    "{shown}: {:?}",
                    outcome.reply
                );
                // Which dialect an undecodable path has is open; a body it has.
                assert!(outcome.json().is_object(), "{shown}: {:?}", outcome.reply);
                if prefix == "/api/" {
                    assert!(
                        outcome.json()["error"].is_string(),
                        "{shown}: {}",
                        outcome.json()
                    );
                }
                one_line_each(&outcome);
            }
        }
        lab.still_serves();
    });
}

#[test]
pub fn targets_of_another_form_are_refused() {
    on_every_host(|lab| {
        for (method, target) in [
            ("GET", &b"http://gate.example.com/api/tags"[..]),
            ("GET", b"http://evil.example/api/tags"),
            ("GET", b"//evil.example/api/tags"),
            ("OPTIONS", b"*"),
            ("CONNECT", b"gate.example.com:443"),
            ("GET", b""),
            ("GET", b"api/tags"),
            ("GET", b"?/api/tags"),
            ("GET", b"/?/api/tags"),
        ] {
            let request = ClientRequest::new(method, "/").target(target);
            let outcome = lab.send(&request.clone().bearer(ALICE));
            let anonymous = lab.send(&request);
            // nginx takes scheme and host off an absolute form.
            let absolute = target.starts_with(b"http://") && lab.host == "kong";
            let root = target == b"/?/api/tags" || absolute;
            assert_eq!(
                outcome.forwarded(),
                root,
                "{}: {method} {target:?} {outcome:?}",
                lab.host
            );
            assert!(
                root || !anonymous.forwarded(),
                "{}: {method} {target:?}",
                lab.host
            );
        }
        let mut connect = ClientRequest::new("CONNECT", "/").bearer(ALICE);
        connect.target = None;
        lab.refused(&connect);
        connect.headers.clear();
        lab.refused(&connect);
        connect.method = None;
        lab.refused(&connect);
        lab.still_serves();
    });
}

#[test]
pub fn a_request_without_host_is_answered_and_takes_no_worker_down() {
    on_every_host(|lab| {
        for request in [
            ClientRequest::get("/api/tags").without_host(),
            ClientRequest::get("/api/tags").bearer(ALICE).without_host(),
            ClientRequest::get("/api/version").without_host(),
            ClientRequest::post("/v1/messages").without_host(),
            ClientRequest::get("/")
                .without_host()
                .header("X-Forwarded-Host", "gate.example.com"),
        ] {
            let outcome = lab.send(&request);
            // On Kong the server's own name stands in for it: see differences.rs.
            if lab.host != "kong" {
                assert_eq!(outcome.status(), 400, "{request:?} {outcome:?}");
                assert_eq!(outcome.code(), "malformed_request");
            }
        }
        lab.still_serves();
    });
}

#[test]
pub fn an_empty_host_takes_no_worker_down() {
    on_every_host(|lab| {
        let mut request = ClientRequest::get("/api/tags").bearer(ALICE);
        request.host = Some(Vec::new());
        lab.send(&request);
        lab.still_serves();
    });
}

/// Every log line is one line, and one JSON object; every reply has a JSON body.
pub fn one_line_each(outcome: &Outcome) {
    for line in &outcome.record.log {
        assert!(
            !line.text.contains(|letter: char| letter.is_control()),
            "{:?}",
            line.text
        );
        let json: Result<serde_json::Value, _> = serde_json::from_str(&line.text);
        assert!(json.is_ok_and(|json| json.is_object()), "{:?}", line.text);
    }
    if outcome.verdict == Verdict::Replied {
        assert!(outcome.json().is_object(), "{:?}", outcome.reply);
    }
    assert_ne!(outcome.verdict, Verdict::Held);
}
