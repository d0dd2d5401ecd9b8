//! Bodies that two readers could understand differently, or that are no JSON at all.

use super::{all_refused, read, read_in};
use ollama_gate_engine::internals::{BodyError, MAX_DEPTH, MAX_KEPT, Scanner};

/// The members of the body that matter, each with a good value.
const TOP: [(&str, &str); 15] = [
    ("model", r#""a""#),
    ("name", r#""a""#),
    ("source", r#""a""#),
    ("destination", r#""a""#),
    ("from", r#""a""#),
    ("remote_host", r#""a""#),
    ("keep_alive", "1"),
    ("raw", "true"),
    ("_debug_render_only", "false"),
    ("stream", "true"),
    ("max_tokens", "1"),
    ("max_completion_tokens", "1"),
    ("max_output_tokens", "1"),
    ("options", "{}"),
    ("tools", "[]"),
];

/// Those of `options`.
const OPTIONS: [&str; 2] = ["num_ctx", "num_predict"];

#[test]
fn no_member_that_matters_may_stand_twice() {
    for (name, value) in TOP {
        for (first, second) in [(value, value), (value, "null"), ("null", value)] {
            let body = format!(r#"{{"{name}": {first}, "x": 1, "{name}": {second}}}"#);
            assert_eq!(read(&body), Err(BodyError::Duplicate(name)), "{body}");
            let upper = name.to_uppercase();
            let body = format!(r#"{{"{name}": {first}, "{upper}": {second}}}"#);
            assert_eq!(read(&body), Err(BodyError::Duplicate(name)), "{body}");
        }
    }
    for name in OPTIONS {
        let body = format!(r#"{{"options": {{"{name}": 1, "{name}": 1}}}}"#);
        assert_eq!(read(&body), Err(BodyError::Duplicate(name)), "{body}");
    }
}

#[test]
fn no_member_that_matters_may_be_spelled_otherwise() {
    let variants = |name: &str| {
        let mut first = name.to_owned();
        let place = first
            .find(|letter: char| letter.is_ascii_lowercase())
            .unwrap();
        first[place..=place].make_ascii_uppercase();
        [
            name.to_uppercase(),
            first,
            name.replacen('s', "\u{17F}", 1),
            name.replacen('k', "\u{212A}", 1),
            name.replacen('s', r"\u017f", 1),
            name.replacen('k', r"\u212A", 1),
            name.replacen('e', r"\u0045", 1),
        ]
    };
    let mut count = 0;
    let top = TOP.map(|(name, value)| (name, format!(r#"{{"NAME": {value}}}"#)));
    let options = OPTIONS.map(|name| (name, r#"{"options": {"NAME": 1}}"#.to_owned()));
    for (name, body) in top.into_iter().chain(options) {
        for variant in variants(name).into_iter().filter(|variant| variant != name) {
            let body = body.replace("NAME", &variant);
            assert_eq!(read(&body), Err(BodyError::Spelling(name)), "{body}");
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn a_value_has_the_type_that_ollama_expects() {
    let values = ["true", "1", r#""a""#, "[]", "{}"];
    let fits = |name: &str, value: &str| match name {
        "keep_alive" => value == "1",
        "raw" | "_debug_render_only" | "stream" => value == "true",
        "options" => value == "{}",
        "tools" => value == "[]",
        name if name.starts_with("max_") || name.starts_with("num_") => value == "1",
        _ => value == r#""a""#,
    };
    let top = TOP.map(|(name, _)| (name, r#"{"NAME": VALUE}"#));
    let options = OPTIONS.map(|name| (name, r#"{"options": {"NAME": VALUE}}"#));
    for (name, body) in top.into_iter().chain(options) {
        for value in values {
            let body = body.replace("NAME", name).replace("VALUE", value);
            let expected = match (name, value) {
                ("keep_alive", r#""a""#) => Err(BodyError::KeepAlive),
                (name, value) if fits(name, value) => Ok(()),
                (name, _) => Err(BodyError::WrongType(name)),
            };
            assert_eq!(read(&body).map(drop), expected, "{body}");
        }
    }
}

#[test]
fn nothing_but_white_space_follows_the_object() {
    all_refused(
        BodyError::TrailingData,
        &[
            r#"{"model": "a"} {"model": "b"}"#,
            r#"{"model": "a"}}"#,
            r#"{"model": "a"},"#,
            r#"{"model": "a"} null"#,
            "{}\u{b}",
            "{}\u{a0}",
            "{}\u{feff}",
            "{}\0",
            "{}//",
        ],
    );
    assert!(read("{} \t\r\n ").is_ok());
}

#[test]
fn a_body_is_an_object_from_its_first_byte() {
    all_refused(BodyError::Empty, &["", " ", "\r\n\t "]);
    all_refused(BodyError::ByteOrderMark, &["\u{feff}{}", " \u{feff}{}"]);
    for body in [&b"\xff\xfe{\0}\0"[..], b"\xfe\xff\0{\0}"] {
        assert_eq!(
            read(body),
            Err(BodyError::ByteOrderMark),
            "{}",
            body.escape_ascii()
        );
    }
    all_refused(
        BodyError::NotAnObject,
        &[
            "null",
            "[]",
            "[{}]",
            r#""model""#,
            "1",
            "true",
            "model=a",
            "\0{}",
            "\u{a0}{}",
            "}",
        ],
    );
}

#[test]
fn an_object_has_to_end() {
    let body = r#"{"model": "a", "b": [1, {"c": "\u0041"}, true], "d": null}"#;
    for end in 1..body.len() {
        assert_eq!(read(&body[..end]), Err(BodyError::Truncated), "{end}");
    }
    assert!(read(body).is_ok());
}

#[test]
fn the_syntax_is_that_of_the_standard() {
    for value in [
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "0x1",
        "1_0",
        "NaN",
        "Infinity",
        "-Infinity",
        "tru",
        "trues",
        "True",
        "nul",
        "nulll",
        "undefined",
        "'a'",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1:2]",
        "[1}",
        "{]",
        "{,}",
        r#"{"b":1,}"#,
        r#"{"b" 1}"#,
        r#"{"b":}"#,
        r#"{"b"}"#,
        "{b:1}",
        "{1:1}",
        r#"{"b":1 "c":2}"#,
        r#""\x""#,
        r#""\u12G4""#,
        "\"\n\"",
        "\"\t\"",
        "\"\0\"",
        "/**/1",
        "1//",
        "",
        "1 1",
        "\u{a0}1",
    ] {
        let body = format!(r#"{{"model": "a", "b": {value}}}"#);
        assert_eq!(read(&body), Err(BodyError::Syntax), "{body}");
    }
    all_refused(
        BodyError::Syntax,
        &[
            "{,}",
            r#"{"model": "a",}"#,
            r#"{"model": "a" "b": 1}"#,
            r#"{"model": "a"; "b": 1}"#,
            r#"{"model"= "a"}"#,
            r#"{"model":: "a"}"#,
            r#"{model: "a"}"#,
            r#"{"model": "a"]"#,
            r#"{'model': 'a'}"#,
            "{\"mo\ndel\": \"a\"}",
            "{/**/}",
            "{{}}",
            "{[]}",
        ],
    );
}

#[test]
fn what_matters_is_valid_unicode() {
    for body in [
        &b"{\"model\": \"a\xff\"}"[..],
        b"{\"model\": \"\xc0\xaf\"}",
        b"{\"model\": \"\xed\xa0\x80\"}",
        b"{\"model\": \"\xf4\x90\x80\x80\"}",
        b"{\"model\": \"\xe2\x84\"}",
        br#"{"model": "\ud800"}"#,
        br#"{"model": "\udc00\ud800"}"#,
        br#"{"model": "\ud800\ud800\udc00"}"#,
        br#"{"model": "\ud800\n"}"#,
        br#"{"model": "\ud800x"}"#,
        br#"{"keep_alive": "5m\ud800"}"#,
        b"{\"mo\xffdel\": \"a\"}",
        br#"{"model\ud800": "a"}"#,
        b"{\"options\": {\"\xff\": 1}}",
        b"{\"tools\": [{\"\xff\": 1}]}",
        b"{\"tools\": [{\"type\": \"\xff\"}]}",
    ] {
        let shown = String::from_utf8_lossy(body);
        assert_eq!(read(body), Err(BodyError::NotUnicode), "{shown}");
    }
}

#[test]
fn a_value_that_matters_is_short() {
    let body = |length| format!(r#"{{"model": "{}"}}"#, "a".repeat(length));
    assert!(read(body(MAX_KEPT)).is_ok());
    let too_long = Err(BodyError::TooLong("model"));
    assert_eq!(read(body(MAX_KEPT + 1)), too_long);
    assert_eq!(read_in(body(5_000_000).as_bytes(), 65536), too_long);
    let zeros = "0".repeat(2000);
    for (name, body) in [
        (
            "num_ctx",
            format!(r#"{{"options": {{"num_ctx": 1{zeros}}}}}"#),
        ),
        (
            "num_ctx",
            format!(r#"{{"options": {{"num_ctx": 0.{zeros}1}}}}"#),
        ),
        ("max_tokens", format!(r#"{{"max_tokens": 1{zeros}}}"#)),
        ("keep_alive", format!(r#"{{"keep_alive": 1{zeros}}}"#)),
        ("type", format!(r#"{{"tools": [{{"type": "{zeros}"}}]}}"#)),
    ] {
        assert_eq!(read(&body), Err(BodyError::TooLong(name)), "{name}");
    }
}

#[test]
fn depth_is_bounded() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nested = |depth: usize| {
            let value = [open.repeat(depth), "1".to_owned(), close.repeat(depth)].concat();
            format!(r#"{{"a": {value}}}"#)
        };
        let most = MAX_DEPTH as usize - 1;
        assert!(read(nested(most)).is_ok(), "{open}");
        assert_eq!(read(nested(most + 1)), Err(BodyError::TooDeep), "{open}");
        assert_eq!(
            read_in(nested(1_000_000).as_bytes(), 65536),
            Err(BodyError::TooDeep),
            "{open}"
        );
    }
}

#[test]
fn two_different_names_of_one_model_are_refused() {
    all_refused(
        BodyError::TwoNames,
        &[
            r#"{"model": "a", "name": "b"}"#,
            r#"{"name": "a", "model": "A"}"#,
            r#"{"name": "a", "model": ""}"#,
            r#"{"name": "a", "model": "a:latest"}"#,
        ],
    );
}

#[test]
fn what_was_refused_once_stays_refused() {
    let mut scanner = Scanner::new();
    let duplicate = Err(BodyError::Duplicate("model"));
    assert_eq!(scanner.feed(br#"{"model": "a", "model""#), duplicate);
    assert_eq!(scanner.feed(br#": "a"}"#), duplicate);
    assert_eq!(scanner.feed(b""), duplicate);
    assert_eq!(scanner.finish(), duplicate.map(|()| unreachable!()));
}

#[test]
fn advice_says_what_to_do_and_quotes_nothing() {
    for (body, advice) in [
        ("", "send a JSON object as the body"),
        (
            r#"{"model": "secret", "model": "secret"}"#,
            "send `model` once",
        ),
        (r#"{"Model": "secret"}"#, "spell `model` exactly so"),
        (r#"{"secret": secret}"#, "send valid JSON (RFC 8259)"),
        (
            r#"{"keep_alive": "secret"}"#,
            "send `keep_alive` as a duration, such as `5m`, or as a number of seconds",
        ),
        (
            r#"{"model": ["secret"]}"#,
            "send `model` with a value of its type, or leave it out",
        ),
    ] {
        assert_eq!(read(body).unwrap_err().advice(), advice, "{body}");
    }
}
