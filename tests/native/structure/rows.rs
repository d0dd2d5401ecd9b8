//! A test that goes through a table says which row failed. Otherwise whoever breaks one row of forty
//! is shown two values and has to find out whose they are.

use super::source::sources;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// `code` with what stands in strings, characters and comments blanked out, of the same length.
fn blanked(code: &str) -> Vec<u8> {
    let mut bytes = code.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &code.as_bytes()[at..];
        let length = match rest[0] {
            b'/' if rest.starts_with(b"//") => find(rest, b"\n").unwrap_or(rest.len()),
            b'r' if !is_word(bytes.get(at.wrapping_sub(1))) => raw_string(rest).unwrap_or(0),
            b'"' => quoted(rest, b'"'),
            b'\'' => character(rest).unwrap_or(0),
            _ => 0,
        };
        bytes[at..at + length].fill(b' ');
        at += length.max(1);
    }
    bytes
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|found| found == part)
}

fn is_word(byte: Option<&u8>) -> bool {
    // `br"…"` is a raw string as well.
    byte.is_some_and(|byte| (byte.is_ascii_alphanumeric() && *byte != b'b') || *byte == b'_')
}

/// The length of the string that begins here, up to the `end` that no backslash stands before.
fn quoted(bytes: &[u8], end: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != end {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn raw_string(bytes: &[u8]) -> Option<usize> {
    let hashes = bytes[1..].iter().take_while(|byte| **byte == b'#').count();
    let open = 1 + hashes;
    (bytes.get(open) == Some(&b'"')).then_some(())?;
    let end = [&b"\""[..], &b"#".repeat(hashes)].concat();
    Some(open + 1 + find(&bytes[open + 1..], &end)? + end.len())
}

/// A character, and not a lifetime.
fn character(bytes: &[u8]) -> Option<usize> {
    if bytes.get(1) == Some(&b'\\') {
        return Some(quoted(bytes, b'\''));
    }
    let end = find(bytes.get(2..8.min(bytes.len()))?, b"'")?;
    (std::str::from_utf8(&bytes[1..end + 2])
        .ok()?
        .chars()
        .count()
        == 1)
        .then_some(end + 3)
}

/// The inside of the bracket at `open`, and where the commas are that separate its parts.
fn inside(code: &[u8], open: usize) -> (Range<usize>, Vec<usize>) {
    let (mut depth, mut commas) = (0, Vec::new());
    for (at, byte) in code.iter().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b',' if depth == 1 => commas.push(at),
            _ => {}
        }
        if depth == 0 {
            return (open + 1..at, commas);
        }
    }
    panic!("a bracket is open");
}

/// The bodies of the loops over tables: over a list that stands there, or a constant.
fn tables(code: &[u8]) -> Vec<Range<usize>> {
    let text = String::from_utf8_lossy(code);
    let mut bodies = Vec::new();
    for (start, _) in text.match_indices("for ") {
        let line = text[start..].lines().next().unwrap_or_default();
        let (Some((row, list)), b'\n' | b' ') = (line.split_once(" in "), code[start - 1]) else {
            continue;
        };
        let list = list.trim_start_matches('&');
        if row == "for _" || !list.starts_with(|first: char| first == '[' || first.is_uppercase()) {
            continue;
        }
        // Its `{` is the first that no other bracket holds.
        let mut at = start;
        while code[at] != b'{' {
            at = match code[at] {
                b'(' | b'[' => inside(code, at).0.end + 1,
                _ => at + 1,
            };
        }
        bodies.push(inside(code, at).0);
    }
    bodies
}

/// The lines of `code` with an assertion that says nothing of its row.
fn nameless(code: &str) -> Vec<usize> {
    let bare = blanked(code);
    let tables = tables(&bare);
    let text = String::from_utf8_lossy(&bare).into_owned();
    let mut lines = Vec::new();
    for (name, values) in [("assert!(", 1), ("assert_eq!(", 2), ("assert_ne!(", 2)] {
        for (start, _) in text.match_indices(name) {
            if !tables.iter().any(|body| body.contains(&start)) {
                continue;
            }
            let (whole, commas) = inside(&bare, start + name.len() - 1);
            let message = commas
                .get(values - 1)
                .map(|comma| &code[comma + 1..whole.end]);
            if !message.is_some_and(|message| message.contains('{')) {
                lines.push(code[..start].lines().count());
            }
        }
    }
    lines
}

#[test]
fn every_assertion_in_a_loop_over_a_table_names_its_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "tests/native"] {
        for path in sources(&root.join(folder)) {
            let code = fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.extend(nameless(&code).iter().map(|line| format!("{name}:{line}")));
        }
    }
    assert!(
        found.is_empty(),
        "write the row into the message (`\"{{method}} {{path}}\"`) of\n{}",
        found.join("\n")
    );
}

#[test]
fn an_assertion_that_names_no_row_is_found() {
    let of = |body: &str| {
        let code =
            format!("fn t() {{\n    for (a, b) in [(1, '}}'), (2, '{{')] {{\n{body}\n    }}\n}}\n");
        !nameless(&code).is_empty()
    };
    for (body, is_found) in [
        ("assert!(a == 1);", true),
        ("assert!(f(a, b, c));", true),
        ("assert_eq!(a, \"x, {y}, z\");", true),
        ("assert_eq!(a, r#\"x\", {y}, z\"#,);", true),
        ("assert_eq!(a, 1, \"the same for all\");", true),
        ("assert_ne!(a, [1, 2]); // \"{a}\"", true),
        ("assert!(a == 1, \"{a}\");", false),
        ("assert_eq!(\n a,\n 1,\n \"{a}\",\n);", false),
        ("assert_eq!(a, b',', \"{} {b}\", a);", false),
    ] {
        assert_eq!(of(body), is_found, "{body}");
    }
    for (head, is_table) in [
        ("for a in &LIST", true),
        ("for _ in [1, 2]", false),
        ("for a in 0..9", false),
        ("for a in list", false),
    ] {
        let code = format!("fn t() {{\n    {head} {{\n assert!(x);\n }}\n}}\n");
        assert_eq!(!nameless(&code).is_empty(), is_table, "{head}");
    }
}
