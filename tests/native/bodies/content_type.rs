//! The Content-Type of a body that decides: read where Ollama reads it, and only if it stands there once.

use crate::world::{ADMIN_KEY, KEY, Seen, World};
use serde_json::json;

/// A key with a rule for models, and one without.
fn gate() -> World {
    World::new(&json!({
        "api_keys": { "keys": [
            { "id": "ruled", "key": KEY, "models": ["llama3.2"] },
            { "id": "free", "key": ADMIN_KEY },
        ] },
        "host": { "name": "envoy", "hold_head": true },
    }))
}

fn refusal(seen: &Seen) -> (u16, String) {
    assert!(seen.upstream.is_none(), "it went on");
    seen.verdict()
}

/// A transcription with `key`, whose boundary is `ours`, and which has these as its Content-Type.
fn transcribe(world: &World, key: &str, types: &[&str]) -> Seen {
    let disposition = "Content-Disposition: form-data; name=\"model\"";
    let body = format!("--ours\r\n{disposition}\r\n\r\nllama3.2\r\n--ours--\r\n");
    let bearer = format!("Bearer {key}");
    let mut fields = vec![("authorization", bearer.as_str())];
    let names = ["content-type", "Content-Type", "CONTENT-TYPE"];
    fields.extend(names.into_iter().zip(types.iter().copied()));
    let (seen, _) = world.post("/v1/audio/transcriptions", &fields, &[body.as_bytes()]);
    seen
}

#[test]
fn a_form_has_one_content_type() {
    let world = gate();
    let ours = "multipart/form-data; boundary=ours";
    let theirs = "multipart/form-data; boundary=theirs";
    assert_eq!(transcribe(&world, KEY, &[ours]).verdict().0, 200);
    for types in [
        &[ours, theirs][..],
        &[theirs, ours],
        &[ours, ours],
        &[ours, ""],
        &["", ours],
        &["application/json", ours],
        &[ours, "application/json", theirs],
        &["multipart/form-data; boundary=ours, multipart/form-data; boundary=theirs"],
        &["multipart/form-data; boundary=theirs,multipart/form-data; boundary=ours"],
        &["multipart/form-data; boundary=\"ours\",multipart/form-data; boundary=\"theirs\""],
        &["multipart/form-data; boundary=ours; boundary=theirs"],
    ] {
        let seen = transcribe(&world, KEY, types);
        assert_eq!(refusal(&seen), (400, "ambiguous_body".into()), "{types:?}");
        assert_eq!(seen.record["id"], "ruled", "{types:?}");
        // Who has no rule is not looked at.
        assert_eq!(
            transcribe(&world, ADMIN_KEY, types).verdict().0,
            200,
            "{types:?}"
        );
    }
}

#[test]
fn of_json_nobody_reads_the_content_type() {
    let world = gate();
    let key = format!("Bearer {KEY}");
    let fields = [
        ("authorization", key.as_str()),
        ("content-type", "application/json"),
        ("content-type", "text/plain"),
    ];
    let (seen, _) = world.post("/api/chat", &fields, &[br#"{"model": "llama3.2"}"#]);
    assert_eq!(seen.verdict().0, 200);
    let (seen, _) = world.post("/api/chat", &fields, &[br#"{"model": "qwen3"}"#]);
    assert_eq!(refusal(&seen), (403, "model_denied".into()));
}
