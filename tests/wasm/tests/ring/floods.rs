//! Too long, too many, malformed, at random: refused, at a bounded cost.

use ollama_gate_wasm_tests::credentials::token;
use ollama_gate_wasm_tests::world::NOON;
use ollama_gate_wasm_tests::{ClientRequest, Verdict, apisix, kong, map};
use serde_json::json;

use crate::hostile::one_line_each;
use crate::support::*;

/// The fuel that no hostile request may use up: 300 times a usual one.
const MUCH_FUEL: u64 = 60_000_000;

#[test]
pub fn long_credentials_are_refused_and_cost_little() {
    on_every_host(|lab| {
        lab.world().large_header_buffers = true;
        let long = "a".repeat(64 << 10);
        let dots = ".".repeat(10_000);
        let token = session();
        let mut most = 0;
        for value in [
            long.clone(),
            dots.clone(),
            format!("sk-{long}"),
            format!("{long}.{long}.{long}"),
            format!("{token}{dots}"),
            format!("{token}{long}"),
            format!("{}{}", "eyJ".repeat(20_000), ".a.b"),
            format!("{}.{}.x", "W1tb".repeat(16_000), "W1tb".repeat(16_000)),
            "Bearer ".repeat(9_000),
            " ".repeat(64 << 10),
            ",".repeat(64 << 10),
            "=".repeat(64 << 10),
        ] {
            for name in ["Authorization", "x-api-key", "X-Ollama-Token"] {
                for value in [value.clone(), format!("Bearer {value}")] {
                    let request = ClientRequest::post("/v1/messages").header(name, &value);
                    let outcome = lab.send(&request);
                    let shown = value.get(..40).unwrap_or(&value);
                    assert_eq!(outcome.verdict, Verdict::Replied, "{name}: {shown}");
                    assert!(
                        matches!(outcome.status(), 400 | 401),
                        "{name}: {shown}: {:?}",
                        outcome.status()
                    );
                    assert_eq!(outcome.json()["type"], "error", "{name}: {shown}");
                    most = most.max(outcome.record.fuel);
                }
            }
        }
        println!(
            "{}: the most that a long credential costs: {most} fuel",
            lab.host
        );
        assert!(most < MUCH_FUEL, "{most}");
        lab.still_serves();
    });
}

/// hosts.md: 8,000 bytes of credential pass nginx's buffers as APISIX has them, and 12,000 get its own
/// 400. Raised, they let in what the gate takes.
#[test]
pub fn a_long_token_meets_the_buffers_of_the_gateway_before_the_gate() {
    on_every_host(|lab| {
        let long = |bytes| {
            token(
                WEBUI_SECRET,
                &json!({"sub": "bob", "exp": NOON + 3600, "x": "x".repeat(bytes)}),
            )
        };
        for (bytes, passes) in [(5_800, true), (9_000, false)] {
            let request = ClientRequest::get("/api/tags").bearer(&long(bytes));
            let outcome = lab.send(&request);
            let passes = passes || lab.host != "apisix";
            assert_eq!(outcome.forwarded(), passes, "{}: {bytes}", lab.host);
            let refused = outcome.verdict == Verdict::RefusedByHost(400);
            assert_eq!(refused, !passes, "{}: {bytes}", lab.host);
            lab.world().large_header_buffers = true;
            lab.allowed(&request);
            lab.world().large_header_buffers = false;
        }
    });
}

#[test]
pub fn a_long_path_costs_little() {
    on_every_host(|lab| {
        let mut most = 0;
        for piece in ["a", "/", "%41", "%", "../", "//", ";", "?", "\u{ff}"] {
            let path = format!("/v1/models/{}", piece.repeat((64 << 10) / piece.len()));
            let outcome = lab.send(&ClientRequest::get(&path).bearer(READER));
            one_line_each(&outcome);
            let line = outcome
                .record
                .log
                .iter()
                .map(|line| line.text.len())
                .max()
                .unwrap_or(0);
            assert!(line < 2000, "a log line of {line} bytes for {piece}");
            most = most.max(outcome.record.fuel);
        }
        println!("{}: the most that a long path costs: {most} fuel", lab.host);
        assert!(most < MUCH_FUEL, "{most}");
        lab.still_serves();
    });
}

#[test]
pub fn a_crowd_of_headers_hides_no_credential_and_no_identity() {
    on_every_host(|lab| {
        for crowd in [90, 94, 95, 96, 97, 98, 99, 100, 101, 150, 500] {
            for last in [
                "Authorization",
                "x-api-key",
                "X-Forwarded-User",
                "Cookie",
                "X-OpenWebUI-User-Role",
                "x_forwarded_user",
            ] {
                let mut request = ClientRequest::get("/api/tags");
                if last != "Authorization" {
                    request = request.bearer(ALICE);
                }
                for number in 0..crowd {
                    request = request.header(&format!("x-filler-{number}"), "1");
                }
                let secret = if last == "Authorization" {
                    format!("Bearer {ALICE}")
                } else {
                    ALICE.into()
                };
                let outcome = lab.send(&request.header(last, &secret));
                assert!(
                    outcome.upstream_text(last).is_empty(),
                    "{} {crowd} {last}",
                    lab.host
                );
                let cut = match lab.host {
                    "apisix" => crowd >= apisix::HEADERS_IN_THE_MAP,
                    "kong" => crowd >= kong::PAIRS_IN_THE_MAP,
                    _ => false,
                };
                if cut {
                    assert_eq!(outcome.verdict, Verdict::Replied, "{crowd} {last}");
                }
            }
        }
        lab.still_serves();
    });
}

/// What the refusal says of the number holds on each gateway, whatever it adds by itself.
#[test]
pub fn as_many_fields_as_the_refusal_names_are_taken_on_every_gateway() {
    let crowd = |fields: usize| {
        let others = 2; // Host and Authorization
        (others..fields).fold(
            ClientRequest::get("/api/tags").bearer(ALICE),
            |request, number| request.header(&format!("x-filler-{number}"), "1"),
        )
    };
    on_every_host(|lab| {
        lab.allowed(&crowd(96));
        let outcome = lab.denied(&crowd(120), 400, "malformed_request");
        let said = outcome
            .reply
            .map(|reply| String::from_utf8_lossy(&reply.body).into_owned());
        let said = said.unwrap_or_default();
        assert!(said.contains("send at most 96, `Host` included"), "{said}");
        // Seen on the real one.
        if lab.host == "apisix" {
            lab.denied(&crowd(97), 400, "malformed_request");
        }
    });
}

#[test]
pub fn a_crowd_hides_nothing_from_a_filter_that_was_not_told_where_it_is() {
    for host in HOSTS {
        let mut lab = Lab::unconfigured(host());
        let json = plain().to_string();
        assert!(lab.configure_bytes(json.as_bytes()).accepted);
        for crowd in [90, 94, 95, 96, 97, 98, 99, 100, 150] {
            let mut request = ClientRequest::get("/api/tags").bearer(ALICE);
            for number in 0..crowd {
                request = request.header(&format!("x-filler-{number}"), "1");
            }
            let outcome = lab.send(&request.header("X-Forwarded-User", "root"));
            assert!(
                outcome.upstream_text("x-forwarded-user").is_empty(),
                "{} {crowd}",
                lab.host
            );
        }
    }
}

#[test]
pub fn malformed_map_bytes_are_a_denial() {
    on_every_host(|lab| {
        let good = map::encode(&vec![
            (b":path".to_vec(), b"/api/tags".to_vec()),
            (b":method".to_vec(), b"GET".to_vec()),
            (b":authority".to_vec(), b"gate".to_vec()),
            (
                b"authorization".to_vec(),
                format!("Bearer {ALICE}").into_bytes(),
            ),
        ]);
        let mut maps: Vec<Vec<u8>> = (0..good.len()).map(|size| good[..size].to_vec()).collect();
        for (at, number) in [
            (0, u32::MAX),
            (0, 5),
            (0, 1 << 29),
            (4, u32::MAX),
            (8, u32::MAX),
            (8, 1 << 31),
            (4, 0x7fff_fff0),
        ] {
            let mut map = good.clone();
            map[at..at + 4].copy_from_slice(&number.to_le_bytes());
            maps.push(map);
        }
        maps.push(vec![0xff; 4096]);
        maps.push(vec![0; 4096]);
        for map in maps {
            let size = map.len();
            lab.world().raw_map = Some(map);
            let outcome = lab.send(&ClientRequest::get("/api/tags"));
            assert!(!outcome.forwarded(), "{}: {size} bytes", lab.host);
            assert_ne!(outcome.verdict, Verdict::Held, "{}: {size} bytes", lab.host);
        }
        lab.world().raw_map = None;
        lab.still_serves();
    });
}

#[test]
pub fn requests_put_together_at_random_never_trap_and_never_slip_in() {
    // The first twelve make paths, all of them make header values.
    let pieces: &[&[u8]] = &[
        b"/api/tags",
        b"/api/chat",
        b"/",
        b"//",
        b"..",
        b"%2f",
        b"%00",
        b"?",
        b"/v1/models/",
        b"#",
        b"\xff",
        b"\\",
        b"Bearer ",
        b"Basic ",
        b"sk-",
        b".",
        b",",
        b" ",
        b"\x00",
        b"\r\n",
        b"eyJhbGciOiJIUzI1NiJ9",
        b"e30",
        b"ollama",
        b"=",
        b";",
        b"\"",
        b"",
        b"\t",
        b"%",
        b"none",
        STRANGER.as_bytes(),
    ];
    let names = [
        "authorization",
        "Authorization",
        "x-api-key",
        "api-key",
        "X-Ollama-Token",
        "cookie",
        "origin",
        "host",
        "content-length",
        "te",
        "x-forwarded-user",
        "",
    ];
    let methods = [
        "GET", "POST", "HEAD", "DELETE", "OPTIONS", "", "get", "\u{0}",
    ];
    on_every_host_with(&with(plain(), serde_json::json!({"public": []})), |lab| {
        let mut dice = 0x1234_5678_9abc_def0_u64;
        let mut roll = move |sides: usize| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            usize::try_from(dice % sides as u64).expect("small")
        };
        for _ in 0..3000 {
            let mut some = |of: &[&[u8]], most: usize| -> Vec<u8> {
                (0..roll(most))
                    .flat_map(|_| of[roll(of.len())].to_vec())
                    .collect()
            };
            let target = some(&pieces[..12], 5);
            let values: Vec<Vec<u8>> = (0..6).map(|_| some(pieces, 5)).collect();
            let mut request = ClientRequest::new(methods[roll(methods.len())], "/").target(&target);
            if roll(4) == 0 {
                request = request.target(b"/api/tags");
            }
            for value in values.iter().take(roll(6)) {
                request = request.header(names[roll(names.len())], value);
            }
            if roll(8) == 0 {
                request = request.without_host();
            }
            let outcome = lab.send(&request);
            assert!(!outcome.forwarded(), "{}: {request:?}", lab.host);
            assert_ne!(outcome.verdict, Verdict::Held, "{}: {request:?}", lab.host);
            one_line_each(&outcome);
        }
        lab.still_serves();
    });
}
