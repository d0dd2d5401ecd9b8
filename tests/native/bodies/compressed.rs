//! Compressed bodies under a rule that looks into them.

use crate::world::*;
use ollama_gate::Flow;
use serde_json::{Value, json};

const CHAT: &[u8] = br#"{"model":"llama3.2","messages":[]}"#;
const OTHER: &[u8] = br#"{"model":"qwen3","messages":[]}"#;
/// Where Ollama takes them.
const ROUTES: [&str; 5] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/messages",
];

fn configuration(limit: &str) -> Value {
    json!({
        "api_keys": { "keys": [
            { "id": "ruled", "key": KEY, "models": ["llama3.2"] },
            { "id": "sized", "key": READ_KEY, "limits": { "request_bytes": 2000 } },
            { "id": "free", "key": ADMIN_KEY } ] },
        "host": { "name": "envoy", "hold_head": true, "body_limit": limit },
    })
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(text, 3).unwrap()
}

fn post(world: &World, key: &str, path: &str, coding: &str, parts: &[&[u8]]) -> Seen {
    let bearer = format!("Bearer {key}");
    let fields = [
        ("authorization", bearer.as_str()),
        ("content-encoding", coding),
    ];
    world.post(path, &fields, parts).0
}

#[test]
fn zstd_is_judged_by_what_comes_of_it_where_ollama_takes_it() {
    let world = World::new(&configuration("1MiB"));
    let (chat, other) = (zstd(CHAT), zstd(OTHER));
    for path in ROUTES {
        let seen = post(&world, KEY, path, "zstd", &[&chat]);
        assert_eq!(seen.verdict().0, 200, "{path}");
        assert_eq!(seen.upstream_values("content-encoding"), ["zstd"], "{path}");
        let seen = post(&world, KEY, path, "zstd", &[&other]);
        assert_eq!(seen.verdict(), (403, "model_denied".into()), "{path}");
        let seen = post(&world, KEY, path, "zstd", &[CHAT]);
        assert_eq!(seen.verdict(), (400, "ambiguous_body".into()), "{path}");
        let seen = post(&world, KEY, path, "identity", &[&chat]);
        assert_eq!(seen.verdict(), (400, "ambiguous_body".into()), "{path}");
    }
    let pieces: Vec<&[u8]> = chat.chunks(1).collect();
    let seen = post(&world, KEY, ROUTES[0], "zstd", &pieces);
    assert_eq!(seen.verdict().0, 200);
    let seen = post(&world, KEY, ROUTES[0], "zstd", &[&chat[..9]]);
    assert_eq!(seen.verdict(), (400, "ambiguous_body".into()));
    // The second frame is a part of the body too.
    let two = [zstd(&CHAT[..9]), zstd(&CHAT[9..])].concat();
    let seen = post(&world, KEY, ROUTES[0], "zstd", &[&two]);
    assert_eq!(seen.verdict().0, 200);
    let two = [zstd(CHAT), zstd(OTHER)].concat();
    let seen = post(&world, KEY, ROUTES[0], "zstd", &[&two]);
    assert_eq!(seen.verdict(), (400, "ambiguous_body".into()));
}

#[test]
fn where_ollama_does_not_take_it_and_in_other_words_it_is_refused_with_the_remedy() {
    let world = World::new(&configuration("1MiB"));
    let chat = zstd(CHAT);
    for (path, coding, remedy) in [
        ("/api/chat", "zstd", "uncompressed, and without"),
        ("/api/generate", "zstd", "uncompressed, and without"),
        ("/api/show", "gzip", "uncompressed, and without"),
        ("/v1/responses", "gzip", "`Content-Encoding: zstd`"),
        ("/v1/responses", "br", "`Content-Encoding: zstd`"),
        ("/v1/responses", "Zstd", "`Content-Encoding: zstd`"),
        ("/v1/responses", "zstd, gzip", "`Content-Encoding: zstd`"),
        (
            "/v1/responses",
            "identity, zstd",
            "`Content-Encoding: zstd`",
        ),
    ] {
        let seen = post(&world, KEY, path, coding, &[&chat]);
        assert_eq!(
            seen.verdict(),
            (400, "ambiguous_body".into()),
            "{path} {coding}"
        );
        let advice = seen.body().to_string();
        assert!(advice.contains(remedy), "{path} {coding}: {advice}");
    }
}

#[test]
fn what_it_grows_to_is_bounded() {
    let world = World::new(&configuration("2MiB"));
    let long = |count: usize| {
        let filler = "x".repeat(count);
        zstd(format!(r#"{{"model":"llama3.2","prompt":"{filler}"}}"#).as_bytes())
    };
    let small = long(1000);
    let seen = post(&world, READ_KEY, "/v1/completions", "zstd", &[&small]);
    assert_eq!(seen.verdict().0, 200);
    let large = long(3000);
    assert!(large.len() < 200, "it is short on its way");
    let seen = post(&world, READ_KEY, "/v1/completions", "zstd", &[&large]);
    assert_eq!(seen.verdict(), (403, "limit_exceeded".into()));
    for count in [2 << 20, 200 << 20] {
        let bomb = long(count);
        let seen = post(&world, KEY, "/v1/completions", "zstd", &[&bomb]);
        assert_eq!(seen.verdict(), (413, "body_too_large".into()), "{count}");
    }
}

#[test]
fn who_has_no_rule_sends_what_he_likes() {
    let world = World::new(&configuration("1MiB"));
    for coding in ["zstd", "gzip", "identity, zstd"] {
        let seen = post(&world, ADMIN_KEY, "/v1/responses", coding, &[b"anything"]);
        assert_eq!(seen.verdict().0, 200, "{coding}");
        assert!(!seen.calls.contains(&"request_body"), "{coding}");
    }
}

#[test]
fn a_decoder_that_waits_gives_back_its_memory_when_the_client_hangs_up() {
    let world = World::new(&configuration("64MiB"));
    let mut noise = 1_u64;
    let text = std::iter::repeat_with(|| {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        noise.to_be_bytes()[0] % 90 + 35
    });
    let text = text
        .filter(|byte| *byte != b'\\')
        .take(9 << 20)
        .collect::<Vec<u8>>();
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), -5).unwrap();
    encoder.window_log(23).unwrap();
    std::io::Write::write_all(&mut encoder, br#"{"model":"llama3.2","prompt":""#).unwrap();
    std::io::Write::write_all(&mut encoder, &text).unwrap();
    let body = encoder.finish().unwrap();
    for round in 0..2 {
        let mut waiting = Vec::new();
        let refusal = loop {
            let key = format!("Bearer {KEY}");
            let head = [
                (":method", "POST"),
                (":path", "/v1/completions"),
                (":authority", "a"),
                ("authorization", key.as_str()),
                ("content-encoding", "zstd"),
            ];
            let state = &world.gateway.0;
            *state.headers.borrow_mut() =
                head.map(|(name, value)| (name.into(), value.into())).into();
            state.replies.borrow_mut().clear();
            *state.body.borrow_mut() = body[..body.len() - 10].to_vec();
            let mut filter = world.root.filter();
            assert_eq!(
                filter.request_head(head.len(), false),
                Flow::Pause,
                "{round}"
            );
            assert_eq!(
                filter.request_body(body.len() - 10, false),
                Flow::Pause,
                "{round}"
            );
            waiting.push(filter);
            if let Some(reply) = state.replies.borrow().first() {
                break reply.clone();
            }
        };
        assert_eq!((refusal.status, waiting.len()), (503, 4), "{round}");
        let names: Vec<_> = refusal.headers.iter().map(|(name, _)| *name).collect();
        assert!(names.contains(&"retry-after"), "{round}: {names:?}");
    }
}
