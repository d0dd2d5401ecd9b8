//! What is done to a usual body, each under a name by which the outcomes are counted.

use super::Draw;
use super::members::{MODELS, Member, member, value};

type OfMembers = fn(&mut Vec<Member>, &mut Draw);
type OfBytes = fn(&mut Vec<u8>, &mut Draw);

/// Those that work on the members.
pub(crate) const OF_MEMBERS: [(&str, OfMembers); 18] = [
    ("case", |members, draw| {
        rename(members, draw, in_another_case)
    }),
    ("folding", |members, draw| rename(members, draw, folded)),
    ("escaped name", |members, draw| {
        rename(members, draw, escaped)
    }),
    ("similar name", |members, draw| {
        rename(members, draw, similar)
    }),
    ("bytes in a name", |members, draw| {
        rename(members, draw, broken)
    }),
    ("duplicate", |members, draw| {
        again(members, draw, str::to_owned, false)
    }),
    ("duplicate null", |members, draw| {
        again(members, draw, str::to_owned, true)
    }),
    ("duplicate in case", |members, draw| {
        again(members, draw, |name| name.to_uppercase(), false)
    }),
    ("duplicate folded", |members, draw| {
        again(
            members,
            draw,
            |name| name.replace('s', "\u{17F}").replace('k', "\u{212A}"),
            false,
        );
    }),
    ("duplicate escaped", |members, draw| {
        again(
            members,
            draw,
            |name| name.replacen('m', "\\u006d", 1).replace('e', "\\u0065"),
            false,
        );
    }),
    ("value of another type", |members, draw| {
        set(
            members,
            draw,
            &[
                "5",
                "true",
                "[]",
                "{}",
                "\"x\"",
                "null",
                "[\"evil\"]",
                "-0.0",
            ],
        );
    }),
    ("bytes in a value", |members, draw| {
        let values: [&[u8]; 9] = [
            b"\"a\xff\"",
            b"\"\xc0\xaf\"",
            b"\"\xed\xa0\x80\"",
            b"\"\xe2\x84\"",
            br#""\ud800""#,
            br#""\udc00x""#,
            br#""\ud800\ud800\udc00""#,
            br#""\ud83d\u0065""#,
            b"\"a\0\"",
        ];
        let value = draw.of(&values).to_vec();
        let place = matters(members, draw);
        members[place].1 = value;
    }),
    ("number", |members, draw| {
        let name = draw.of(&[
            "max_tokens",
            "max_completion_tokens",
            "max_output_tokens",
            "keep_alive",
            "num_ctx",
            "num_predict",
        ]);
        let number = draw.of(&[
            "1e9",
            "1e400",
            "-1e400",
            "4096.0",
            "4096.9",
            "-0.5",
            "-1",
            "1e-9",
            "9007199254740993",
            "1e15",
            "9223372036854775807",
            "9223372036854775808",
            "1e18",
            "9e9",
            "123456.789",
            "0.1",
            "01",
            "1.",
            "0.30000000000000004",
            "100000000000000000000000000000000000000000000000000000000000000000000000",
        ]);
        put(members, name, number);
    }),
    ("duration", |members, draw| {
        let duration = draw.of(&[
            r#""""#,
            r#""5""#,
            r#""-1""#,
            r#""1d""#,
            r#"" 5m""#,
            r#""5M""#,
            r#""+1h""#,
            r#""-0s""#,
            r#"".5s""#,
            r#""1.s""#,
            r#""1h1m1s1ms1us1ns""#,
            r#""0.123456789s""#,
            r#""1.1234567890123h""#,
            r#""-1.5h""#,
            r#""2562047h47m16.854775807s""#,
            r#""2562048h""#,
            r#""9223372036854775808ns""#,
            r#""1\u006d""#,
            "\"1\u{b5}s\"",
            "\"1\u{3bc}s\"",
            r#""0.1234567890123456789s""#,
            r#""1m\u0000""#,
        ]);
        put(members, "keep_alive", duration);
    }),
    ("options", |members, draw| {
        let options = draw.of(&[
            r#"{"num_ctx":1,"num_ctx":1000000}"#,
            r#"{"Num_Ctx":1000000}"#,
            r#"{"num_ctx":"1000000"}"#,
            r#"{"num_ctx":1,"num_ctx":null}"#,
            r#"{"num_predict":[1]}"#,
            r#"{"\u006eum_ctx":1000000}"#,
            r#"{"num_predict":1,"options":{"num_predict":2}}"#,
            r#"{"num_ctx":{"num_ctx":1}}"#,
            "[]",
            "null",
            r#"{"num_\u212actx":1}"#,
            "{\"num_predict\":5,\"NUM_PREDICT\":6}",
            r#"{"num_ctx ":1}"#,
        ]);
        put(members, "options", options);
    }),
    ("tools", |members, draw| {
        let tools = draw.of(&[
            r#"[{"type":" web_search"}]"#,
            r#"[{"TYPE":"web_search"}]"#,
            r#"[{"type":"WEB_SEARCH"}]"#,
            r#"[{"type":"function","Type":"web_search_2"}]"#,
            r#"[null,[],"web_search"]"#,
            r#"{"type":"web_search"}"#,
            r#"[{"\u0074ype":"web\u005fsearch"}]"#,
            r#"[{"type":"web_search","type":null}]"#,
            r#"[{"type":"web_search","type":"x"}]"#,
            r#"[{"tools":[{"type":"web_search"}]}]"#,
            "[{\"type\":\"\u{a0}\u{2003}web_search\"}]",
            r#"[{"type":"xweb_search"}]"#,
            r#"[{"type":["web_search"]}]"#,
        ]);
        put(members, "tools", tools);
    }),
    ("long value", |members, draw| {
        // 1024 bytes are kept: those that fit, and those that do not.
        let name = draw.of(&MATTER[..6]);
        let (letter, count) = draw.of(&[("a", 1020), ("\\u0061", 1020), ("\u{20AC}", 340)]);
        let more = draw.below(8);
        put(
            members,
            name,
            &format!("\"{}{}\"", letter.repeat(count), "b".repeat(more)),
        );
    }),
    ("two names", |members, draw| {
        for name in ["model", "name"] {
            let model = draw.of(&MODELS[..4]);
            put(members, name, model);
        }
    }),
];

/// Those that work on the written body.
pub(crate) const OF_BYTES: [(&str, OfBytes); 8] = [
    ("trailing", |bytes, draw| {
        let trailing: [&[u8]; 9] = [
            br#"{"model":"evil"}"#,
            b"{}",
            b"}",
            b",",
            b"\0",
            b"null",
            b"\xef\xbb\xbf",
            b"//",
            b" \n\t\r ",
        ];
        bytes.extend_from_slice(draw.of(&trailing));
    }),
    ("truncated", |bytes, draw| {
        bytes.truncate(draw.below(bytes.len()))
    }),
    ("mark", |bytes, draw| {
        let marks: [&[u8]; 5] = [
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            b"\xfe\xff",
            b"\xc2\xa0",
            b"\0",
        ];
        bytes.splice(..0, draw.of(&marks).iter().copied());
    }),
    ("byte changed", |bytes, draw| {
        let place = draw.below(bytes.len());
        bytes[place] = draw.of(SYNTAX);
    }),
    ("byte put in", |bytes, draw| {
        let place = draw.below(bytes.len());
        bytes.insert(place, draw.of(SYNTAX));
    }),
    ("byte taken out", |bytes, draw| {
        bytes.remove(draw.below(bytes.len()));
    }),
    ("piece repeated", |bytes, draw| {
        let mut ends = [draw.below(bytes.len()), draw.below(bytes.len())];
        ends.sort_unstable();
        let piece = bytes[ends[0]..ends[1]].to_vec();
        let place = draw.below(bytes.len());
        bytes.splice(place..place, piece);
    }),
    ("wrapped", |bytes, draw| {
        let (open, close) = draw.of(&[
            ("[", "]"),
            ("{\"model\":", "}"),
            ("{\"a\":", "}"),
            ("\"", "\""),
        ]);
        *bytes = [open.as_bytes(), bytes, close.as_bytes()].concat();
    }),
];

/// Bytes that mean something in JSON, and some that do not.
const SYNTAX: &[u8] = b"{}[]\",:\\/ \n\t\r0123456789.-+eEtrufalsenm_\0\x1f\x7f\x80\xc3\xe2\xff";

const MATTER: [&str; 22] = [
    "model",
    "name",
    "source",
    "destination",
    "from",
    "remote_host",
    "keep_alive",
    "raw",
    "_debug_render_only",
    "stream",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "options",
    "tools",
    "template",
    "files",
    "adapters",
    "draft_files",
    "modelfile",
    "path",
    "parameters",
];

/// The place of a member that matters; one is added where there is none.
fn matters(members: &mut Vec<Member>, draw: &mut Draw) -> usize {
    let is_known = |(name, _): &Member| MATTER.iter().any(|known| *name == member(known, "").0);
    let places: Vec<usize> = (0..members.len())
        .filter(|place| is_known(&members[*place]))
        .collect();
    if places.is_empty() {
        let name = draw.of(&MATTER);
        members.push(member(name, value(name, draw)));
        return members.len() - 1;
    }
    draw.of(&places)
}

/// The name of a member without its quotes.
fn bare(member: &Member) -> String {
    let name = String::from_utf8_lossy(&member.0).into_owned();
    name.trim_matches('"').to_owned()
}

fn rename(members: &mut Vec<Member>, draw: &mut Draw, new: fn(&str, &mut Draw) -> Vec<u8>) {
    let place = matters(members, draw);
    let name = new(&bare(&members[place]), draw);
    members[place].0 = [b"\"", &name[..], b"\""].concat();
}

fn in_another_case(name: &str, draw: &mut Draw) -> Vec<u8> {
    let other = |letter: char| {
        if draw.chance(50) {
            letter.to_ascii_uppercase()
        } else {
            letter
        }
    };
    name.chars().map(other).collect::<String>().into_bytes()
}

fn folded(name: &str, draw: &mut Draw) -> Vec<u8> {
    let letters = draw.of(&[
        ("\u{17F}", "\u{212A}"),
        ("\\u017f", "\\u212A"),
        ("\u{17F}", "K"),
    ]);
    name.replace('s', letters.0)
        .replace('k', letters.1)
        .into_bytes()
}

fn escaped(name: &str, draw: &mut Draw) -> Vec<u8> {
    let other = |letter: char| {
        if draw.chance(40) {
            format!("\\u{:04X}", u32::from(letter))
        } else {
            letter.to_string()
        }
    };
    name.chars().map(other).collect::<String>().into_bytes()
}

fn similar(name: &str, draw: &mut Draw) -> Vec<u8> {
    match draw.below(7) {
        0 => format!("{name}s"),
        1 => format!(" {name}"),
        2 => format!("{name}\\u0000"),
        3 => name.replace('e', "\u{435}"),
        4 => name.replace('o', "\u{131}"),
        5 => name.replace('_', "-"),
        _ => name.repeat(400),
    }
    .into_bytes()
}

fn broken(name: &str, draw: &mut Draw) -> Vec<u8> {
    let (first, rest) = name.as_bytes().split_at(1);
    let middles: [&[u8]; 6] = [b"\xff", b"\\ud800", b"\xed\xa0\x80", b"\xc2", b"\n", b"\\x"];
    let middle = draw.of(&middles);
    [first, middle, rest].concat()
}

/// Adds a member that matters once more, under a spelling of its name, at any place.
fn again(members: &mut Vec<Member>, draw: &mut Draw, spelling: fn(&str) -> String, is_null: bool) {
    let place = matters(members, draw);
    let name = bare(&members[place]);
    let value = if is_null {
        b"null".to_vec()
    } else {
        value(&name, draw)
    };
    let at = draw.below(members.len() + 1);
    members.insert(at, member(&spelling(&name), value));
}

/// Gives a member that matters one of `values`.
fn set(members: &mut Vec<Member>, draw: &mut Draw, values: &[&str]) {
    let place = matters(members, draw);
    members[place].1 = draw.of(values).as_bytes().to_vec();
}

/// Sets the member called `name`, or that option, to `value`.
fn put(members: &mut Vec<Member>, name: &str, value: &str) {
    if name.starts_with("num_") {
        return put(members, "options", &format!("{{\"{name}\":{value}}}"));
    }
    let new = member(name, value);
    match members.iter_mut().find(|(old, _)| *old == new.0) {
        Some(old) => *old = new,
        None => members.push(new),
    }
}
