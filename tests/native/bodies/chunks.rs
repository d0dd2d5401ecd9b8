//! Bodies cut anywhere, and bodies of a hundred megabytes.

use super::{members, read_in};
use ollama_gate_engine::internals::{BodyError, MAX_KEPT, Scanner};

/// All that a reader may hold, of whatever body: six names, and one text in two sizes.
const MAX_HELD_BYTES: usize = 8 * MAX_KEPT + 1024;

const BODIES: [&[u8]; 6] = [
    br#" {"model": "ll\u0061ma\ud83d\ude00", "options": {"num_ctx": -1.5e3, "x": [1, [true]]}, "raw": false} "#,
    "{\"m\u{f6}\": \"\u{212a}\", \"keep_alive\": \"1h\u{b5}\", \"model\": \"\u{17f}\"}".as_bytes(),
    br#"{"tools": [{"type": "web_search_1"}], "max_tokens": 12, "model": "a", "model": "b"}"#,
    b"{\"model\": \"a\xff\", \"b\": nul}",
    br#"{"a": "\u00zz", "model": "b"}"#,
    br#"{"model": "a"} {"model": "b"}"#,
];

#[test]
fn a_body_cut_in_two_or_three_anywhere_reads_as_the_whole() {
    for body in BODIES {
        let whole = read_in(body, body.len());
        let cut = |ends: [usize; 2]| {
            let mut scanner = Scanner::new();
            let [first, second] = ends;
            for chunk in [&body[..first], &body[first..second], &[], &body[second..]] {
                scanner.feed(chunk)?;
            }
            scanner.finish()
        };
        for first in 0..=body.len() {
            for second in first..=body.len() {
                assert_eq!(cut([first, second]), whole, "{first} {second}");
            }
        }
    }
}

/// Feeds what `pieces` yields in chunks of 64 kB, and checks after each what is held.
fn stream(pieces: impl Iterator<Item = Vec<u8>>) -> (Scanner, u64) {
    let (mut scanner, mut sent) = (Scanner::new(), 0);
    for piece in pieces {
        for chunk in piece.chunks(65536) {
            scanner.feed(chunk).unwrap();
            sent += chunk.len() as u64;
            let held = scanner.memory_bytes();
            assert!(held <= MAX_HELD_BYTES, "{held} bytes are held after {sent}");
        }
    }
    (scanner, sent)
}

#[test]
fn a_hundred_megabytes_pass_with_the_model_behind_the_image() {
    let start = br#"{"messages": [{"role": "user", "images": [""#.to_vec();
    let image = std::iter::repeat_n(b"iVBORw0KGgo/+A==".repeat(65536), 95);
    let middle = br#""]}], "prompt": ""#.to_vec();
    let text = std::iter::repeat_n(br#"the \"model\": is\u00e9 "#.repeat(50_000), 2);
    let end = br#"", "model": "llava", "options": {"num_ctx": 4096}}"#.to_vec();
    let pieces = [start]
        .into_iter()
        .chain(image)
        .chain([middle])
        .chain(text)
        .chain([end]);
    let (scanner, sent) = stream(pieces);
    assert!(sent > 100_000_000, "{sent}");
    let members = scanner.finish().unwrap();
    assert_eq!(members.model.as_deref(), Some("llava"));
    assert_eq!(members.num_ctx.unwrap().value(), 4096);
    assert_eq!(members.bytes, sent);
}

#[test]
fn nothing_that_a_body_can_hold_grows_what_is_held() {
    let names = |name: &'static str| {
        let many = std::iter::repeat_n(format!("{name}:0,").repeat(1000).into_bytes(), 10);
        [b"{".to_vec()].into_iter().chain(many)
    };
    for name in [r#""a""#, r#""modell""#, r#""\u006d\u0065""#] {
        stream(names(name));
    }
    let in_tools = std::iter::repeat_n(
        br#"{"type":"function","typ":[{"type":1}]},"#.repeat(1000),
        10,
    );
    stream([br#"{"tools": ["#.to_vec()].into_iter().chain(in_tools));
    let long_name = std::iter::repeat_n(vec![b'a'; 65536], 10);
    stream([b"{\"".to_vec()].into_iter().chain(long_name));
    let long_value = std::iter::repeat_n(vec![b'a'; 65536], 10);
    stream([b"{\"model\": \"".to_vec()].into_iter().chain(long_value));
    let long_number = std::iter::repeat_n(vec![b'1'; 65536], 10);
    stream(
        [b"{\"max_tokens\": ".to_vec()]
            .into_iter()
            .chain(long_number),
    );
    let spaces = std::iter::repeat_n(vec![b' '; 65536], 10);
    stream([b"{\"model\"".to_vec()].into_iter().chain(spaces));
    let full = "a".repeat(MAX_KEPT);
    let models = [
        "model",
        "name",
        "source",
        "destination",
        "from",
        "remote_host",
    ];
    let models = models
        .map(|name| format!(r#""{name}": "{full}""#))
        .join(",");
    stream([format!("{{{models}}}").into_bytes()].into_iter());
}

#[test]
fn a_body_that_never_ends_is_not_read_behind_its_first_error() {
    let mut scanner = Scanner::new();
    let error = scanner.feed(b"{\"model\": 5").unwrap_err();
    assert_eq!(error, BodyError::WrongType("model"));
    let held = scanner.memory_bytes();
    for _ in 0..1000 {
        assert_eq!(scanner.feed(&[b'a'; 65536]), Err(error));
    }
    assert_eq!(scanner.memory_bytes(), held);
}

#[test]
fn the_length_is_counted_with_its_white_space() {
    assert_eq!(members(" {} \n").bytes, 5);
}
