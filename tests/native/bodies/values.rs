//! Numbers, durations and tools, as Ollama would take them.

use super::{all_refused, members, read};
use ollama_gate_engine::internals::{BodyError, KeepAlive, Number};
use std::time::Duration;

#[test]
fn an_option_loses_its_fraction_as_it_does_in_ollama() {
    for (number, value) in [
        ("4096", 4096),
        ("4096.0", 4096),
        ("4096.999", 4096),
        ("1e9", 1_000_000_000),
        ("0", 0),
        ("-0", 0),
        ("-1", -1),
        ("-1.9", -1),
        ("0.00001e9", 10_000),
    ] {
        let body = format!(r#"{{"options": {{"num_ctx": {number}, "num_predict": {number}}}}}"#);
        let members = members(&body);
        assert_eq!(members.num_ctx.unwrap().value(), value, "{number}");
        assert_eq!(members.num_predict.unwrap().value(), value, "{number}");
    }
}

#[test]
fn a_number_without_one_meaning_is_refused() {
    for number in ["1e400", "-1e400", "1e19", "99999999999999999999", "1e16"] {
        for name in ["num_ctx", "num_predict"] {
            let body = format!(r#"{{"options": {{"{name}": {number}}}}}"#);
            assert_eq!(read(&body), Err(BodyError::OutOfRange(name)), "{body}");
        }
    }
    for number in [
        "1e3",
        "1.0",
        "0.5",
        "1e400",
        "99999999999999999999",
        "-9223372036854775809",
    ] {
        for name in ["max_tokens", "max_completion_tokens", "max_output_tokens"] {
            let body = format!(r#"{{"{name}": {number}}}"#);
            assert_eq!(read(&body), Err(BodyError::OutOfRange(name)), "{body}");
        }
    }
    all_refused(
        BodyError::KeepAlive,
        &[
            r#"{"keep_alive": 1e400}"#,
            r#"{"keep_alive": -1e400}"#,
            r#"{"keep_alive": 1e12}"#,
            r#"{"keep_alive": ""}"#,
            r#"{"keep_alive": "5"}"#,
            r#"{"keep_alive": "-1"}"#,
            r#"{"keep_alive": "forever"}"#,
            r#"{"keep_alive": "1d"}"#,
            r#"{"keep_alive": " 5m"}"#,
        ],
    );
}

#[test]
fn a_negative_duration_is_forever_in_every_form() {
    for value in [
        "-1",
        "-0.5",
        "-1e300",
        r#""-1s""#,
        r#""-1ns""#,
        r#""\u002d1h""#,
    ] {
        let body = format!(r#"{{"keep_alive": {value}}}"#);
        assert_eq!(
            members(&body).keep_alive,
            Some(KeepAlive::Forever),
            "{body}"
        );
    }
    for value in ["0", "-0", "0.0", r#""0""#, r#""-0""#, r#""0s""#, r#""-0h""#] {
        let body = format!(r#"{{"keep_alive": {value}}}"#);
        let unload = KeepAlive::For(Duration::ZERO);
        assert_eq!(members(&body).keep_alive, Some(unload), "{body}");
    }
}

#[test]
fn the_three_numbers_of_tokens_are_told_apart() {
    let numbers = |body: &str| {
        let members = members(body);
        let all = [
            members.max_tokens,
            members.max_completion_tokens,
            members.max_output_tokens,
        ];
        all.map(|number| number.map(Number::value))
    };
    for (body, expected) in [
        (r#"{"max_tokens": 5}"#, [Some(5), None, None]),
        (r#"{"max_completion_tokens": 5}"#, [None, Some(5), None]),
        (r#"{"max_output_tokens": 5}"#, [None, None, Some(5)]),
        (
            r#"{"max_tokens": 5, "max_completion_tokens": -1, "max_output_tokens": 0}"#,
            [Some(5), Some(-1), Some(0)],
        ),
        (
            r#"{"max_output_tokens": null, "max_tokens": 5}"#,
            [Some(5), None, None],
        ),
    ] {
        assert_eq!(numbers(body), expected, "{body}");
    }
}

#[test]
fn a_tool_of_web_search_is_seen_in_every_spelling() {
    for tools in [
        r#"[{"type": "web_search"}]"#,
        r#"[{"type": "web_search_20250305", "name": "web_search"}]"#,
        r#"[{"type": " \n\u00a0web_search"}]"#,
        r#"[{"type": "Web_Search"}]"#,
        r#"[{"TYPE": "web_search"}]"#,
        r#"[{"\u0074ype": "web\u005fsearch"}]"#,
        r#"[null, {"type": "function"}, {"name": "a", "type": "web_search"}]"#,
        r#"[{"type": "web_search", "type": "function"}]"#,
        r#"[{"type": "function", "type": "web_search"}]"#,
        r#"[{"type": "namespace", "tools": [{"type": "web_search"}]}]"#,
        r#"[{"a": [[{"type": "web_search"}]]}]"#,
    ] {
        let body = format!(r#"{{"tools": {tools}, "model": "a"}}"#);
        assert!(members(&body).web_search, "{body}");
    }
}

#[test]
fn other_tools_search_nothing() {
    for tools in [
        "[]",
        "[null]",
        r#"[{"type": "function", "function": {"name": "web_search"}}]"#,
        r#"[{"type": "custom", "name": "web_search"}]"#,
        r#"[{"type": "web"}, {"type": "search"}, {"type": "websearch"}, {"type": null}]"#,
        r#"[{"function": {"parameters": {"properties": {"type": {"type": "string"}, "Type": 5}}}}]"#,
        r#"[{"name": "type", "type": ["web_search"]}]"#,
        r#"[{"a": "type", "b": "web_search"}]"#,
    ] {
        let body = format!(r#"{{"tools": {tools}, "model": "a"}}"#);
        assert!(!members(&body).web_search, "{body}");
    }
    let other = r#"{"tool": [{"type": "web_search"}], "tools": [], "x": {"type": "web_search"}}"#;
    assert!(!members(other).web_search);
}
