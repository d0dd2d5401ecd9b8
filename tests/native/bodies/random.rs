//! Bodies from a seed, usual and hostile, held against another parser of JSON.

use super::generator::{self, Draw};
use super::read_in;
use ollama_gate_engine::internals::{MAX_KEPT, Members, Scanner};
use serde_json::{Value, json};

/// What `serde_json` says of `body`, which takes the last of two members.
fn other_parser(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

fn agrees(members: &Members, other: &Value) -> bool {
    let texts = [
        ("model", &members.model),
        ("name", &members.name),
        ("source", &members.source),
        ("destination", &members.destination),
        ("from", &members.from),
        ("remote_host", &members.remote_host),
    ];
    let flags = [
        ("raw", members.raw),
        ("_debug_render_only", members.debug_render_only),
    ];
    let texts = texts.map(|(name, text)| (name, json!(text)));
    let flags = flags.map(|(name, flag)| (name, json!(flag)));
    let mut all = texts.into_iter().chain(flags);
    all.all(|(name, ours)| other[name] == ours)
}

#[test]
fn bodies_from_a_seed_read_the_same_in_any_chunks_and_as_another_parser_reads_them() {
    let mut draw = Draw::new(17);
    let (mut accepted, mut unread) = (0, 0);
    for _ in 0..20_000 {
        let body = generator::body(&mut draw).bytes;
        let whole = read_in(&body, body.len().max(1));
        for _ in 0..2 {
            let size = 1 + draw.below(20);
            assert_eq!(read_in(&body, size), whole, "{size}");
        }
        let Ok(members) = whole else {
            continue;
        };
        accepted += 1;
        match other_parser(&body) {
            // It takes no text that is not Unicode, wherever it stands.
            None => unread += 1,
            Some(other) => {
                let shown = String::from_utf8_lossy(&body);
                assert!(agrees(&members, &other), "{shown}");
            }
        }
    }
    assert!(accepted > 5000, "{accepted}");
    assert!(unread < accepted / 20, "{unread} of {accepted}");
}

#[test]
fn any_bytes_at_all_are_read_without_a_fault() {
    const PIECES: [&[u8]; 28] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\"",
        b"\\",
        b" ",
        b"\n",
        b"0",
        b"1",
        b"-",
        b".",
        b"e",
        b"\\u",
        b"00e9",
        b"true",
        b"null",
        b"\"model\"",
        b"\"model\":\"a\"",
        b"\"options\":{",
        b"\"num_ctx\":1",
        b"\xff",
        b"\xe2\x84\xaa",
        b"\\ud83d",
        b"\0",
        b"\"tools\":[{\"type\":",
    ];
    let mut draw = Draw::new(23);
    let mut accepted = 0;
    for _ in 0..50_000 {
        let mut body = b"{".to_vec();
        for _ in 0..draw.below(12) {
            body.extend_from_slice(draw.of(&PIECES));
        }
        if draw.chance(50) {
            body.push(b'}');
        }
        let mut scanner = Scanner::new();
        for byte in &body {
            let _ = scanner.feed(&[*byte]);
        }
        assert!(scanner.memory_bytes() < 4 * MAX_KEPT);
        let bytewise = scanner.finish();
        assert_eq!(bytewise, read_in(&body, body.len()));
        let Ok(members) = bytewise else {
            continue;
        };
        accepted += 1;
        if let Some(other) = other_parser(&body) {
            let shown = String::from_utf8_lossy(&body);
            assert!(agrees(&members, &other), "{shown}");
        }
    }
    assert!(accepted > 1000, "{accepted}");
}
