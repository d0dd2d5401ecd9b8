//! Bodies as clients send them.

use super::{members, read};
use ollama_gate_engine::internals::{KeepAlive, MAX_DEPTH, Members};
use std::time::Duration;

#[test]
fn a_chat_with_everything_says_what_it_asks_for() {
    let body = br#"{
        "model": "llama3.2:3b",
        "messages": [{"role": "user", "content": "hi", "images": ["aGVsbG8="], "tool_calls": []}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "stream": false,
        "format": {"type": "object", "properties": {"model": {"type": "string"}}},
        "keep_alive": "10m",
        "think": null,
        "options": {"num_ctx": 8192, "num_predict": 256, "temperature": 0.1, "stop": ["a", "b"]}
    }"#;
    let members = members(body);
    assert_eq!(members.model.as_deref(), Some("llama3.2:3b"));
    let ten_minutes = KeepAlive::For(Duration::from_secs(600));
    assert_eq!(members.keep_alive, Some(ten_minutes));
    assert_eq!(members.num_ctx.unwrap().value(), 8192);
    assert_eq!(members.num_predict.unwrap().value(), 256);
    assert!(!members.web_search);
    assert_eq!(members.bytes, body.len() as u64);
}

#[test]
fn a_body_without_any_member_that_matters_says_nothing() {
    for body in [
        "{}",
        " {\r\n\t} \n",
        r#"{"prompt": "model", "a": {"model": "b"}}"#,
    ] {
        let bytes = body.len() as u64;
        let nothing = Members {
            bytes,
            ..Members::default()
        };
        assert_eq!(members(body), nothing, "{body}");
    }
}

#[test]
fn an_escaped_name_is_the_name() {
    for body in [
        r#"{"\u006dodel": "a"}"#,
        r#"{"\u006d\u006f\u0064\u0065\u006C": "a"}"#,
        r#"{"model": "\u0061"}"#,
    ] {
        assert_eq!(members(body).model.as_deref(), Some("a"), "{body}");
    }
}

#[test]
fn what_stands_inside_other_members_is_none_of_the_bodys() {
    let body = r#"{
        "a": {"model": "b", "model": "c", "Model": 5, "options": {"num_ctx": 1}, "raw": 1},
        "b": [{"keep_alive": "x"}, [["model"]], "\"model\":\"d\""],
        "model": "e",
        "messages": [{"model": "f", "tools": [{"type": "web_search"}]}],
        "options": {"a": {"num_ctx": "g", "NUM_CTX": 1}, "model": 5, "type": "web_search"}
    }"#;
    let members = members(body);
    assert_eq!(members.model.as_deref(), Some("e"));
    assert_eq!((members.num_ctx, members.keep_alive), (None, None));
    assert!(!members.web_search);
}

#[test]
fn null_leaves_a_member_out() {
    let body = r#"{"model": null, "name": "a", "source": null, "destination": null, "from": null,
        "remote_host": null, "keep_alive": null, "raw": null, "_debug_render_only": null, "stream": null,
        "max_tokens": null, "max_completion_tokens": null, "max_output_tokens": null,
        "options": {"num_ctx": null, "num_predict": null}, "tools": null}"#;
    let expected = Members {
        name: Some("a".to_owned()),
        bytes: body.len() as u64,
        ..Members::default()
    };
    assert_eq!(members(body), expected);
    assert_eq!(members(r#"{"options": null}"#).num_ctx, None);
}

#[test]
fn the_names_of_models_stand_as_they_were_sent() {
    let body = r#"{"source": " A/b:C ", "destination": "", "from": "hf.co/x\u0000", "name": "\ud83d\ude00"}"#;
    let members = members(body);
    assert_eq!(members.source.as_deref(), Some(" A/b:C "));
    assert_eq!(members.destination.as_deref(), Some(""));
    assert_eq!(members.from.as_deref(), Some("hf.co/x\0"));
    assert_eq!(members.name.as_deref(), Some("\u{1F600}"));
}

#[test]
fn model_and_name_may_both_stand_when_they_are_the_same() {
    let members = members(r#"{"name": "a", "model": "a"}"#);
    assert_eq!(members.model, members.name);
}

#[test]
fn text_that_does_not_matter_may_hold_any_bytes() {
    for body in [
        &b"{\"prompt\": \"\xff\xfe\", \"model\": \"a\"}"[..],
        br#"{"prompt": "\ud800", "model": "a"}"#,
        b"{\"options\": {\"stop\": \"\xff\"}, \"messages\": [{\"\xff\": 1}], \"model\": \"a\"}",
    ] {
        assert_eq!(
            members(body).model.as_deref(),
            Some("a"),
            "{}",
            body.escape_ascii()
        );
    }
}

#[test]
fn a_name_of_any_length_is_passed_over() {
    for length in [100, 1023, 1024, 1025, 5000] {
        let long = "model".repeat(length / 5);
        let body = format!(r#"{{"{long}": {{"model": "b"}}, "{long}": 1, "model": "a"}}"#);
        assert_eq!(members(&body).model.as_deref(), Some("a"), "{length}");
    }
}

#[test]
fn depth_is_counted_down_again() {
    let depth = MAX_DEPTH as usize - 1;
    let deep = ["[".repeat(depth), "]".repeat(depth)].concat();
    let mixed = [r#"{"a":["#.repeat(depth / 2), "]}".repeat(depth / 2)].concat();
    let body = format!(r#"{{"a": {deep}, "b": {mixed}, "c": {deep}, "model": "a"}}"#);
    assert_eq!(members(&body).model.as_deref(), Some("a"));
    let body = format!(r#"{{"a": [{deep}], "model": "a"}}"#);
    assert!(read(&body).is_err());
}
