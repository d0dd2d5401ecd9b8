//! The gate's configuration as text, in the two forms that gateways' files have it in.

use ollama_gate_engine::Json;

/// How wide a value on one line may be, without its indentation.
const MAX_WIDTH: usize = 100;

/// In: a value. Out: its lines as JSON, what is short on one line.
pub(super) fn json(value: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    json_lines(value, "", "", "", &mut lines);
    lines
}

fn json_lines(value: &Json, indent: &str, before: &str, after: &str, lines: &mut Vec<String>) {
    let nested = format!("{indent}  ");
    let comma = |place: usize, count: usize| if place + 1 < count { "," } else { "" };
    match value {
        Json::Object(members) if !indent.is_empty() && fits(value) || members.is_empty() => {
            lines.push(format!("{indent}{before}{}{after}", inline(value)));
        }
        Json::Object(members) => {
            lines.push(format!("{indent}{before}{{"));
            for (place, (name, member)) in members.iter().enumerate() {
                let name = format!("{}: ", quoted(name));
                json_lines(member, &nested, &name, comma(place, members.len()), lines);
            }
            lines.push(format!("{indent}}}{after}"));
        }
        Json::List(items) if !fits(value) => {
            lines.push(format!("{indent}{before}["));
            for (place, item) in items.iter().enumerate() {
                json_lines(item, &nested, "", comma(place, items.len()), lines);
            }
            lines.push(format!("{indent}]{after}"));
        }
        _ => lines.push(format!("{indent}{before}{}{after}", inline(value))),
    }
}

/// Out: whether a value is short, and no list of objects or lists is in it.
fn fits(value: &Json) -> bool {
    fn flat(value: &Json) -> bool {
        match value {
            Json::Object(members) => members.iter().all(|(_, member)| flat(member)),
            Json::List(items) => items
                .iter()
                .all(|item| !matches!(item, Json::Object(_) | Json::List(_))),
            _ => true,
        }
    }
    flat(value) && inline(value).chars().count() <= MAX_WIDTH
}

fn inline(value: &Json) -> String {
    match value {
        Json::Object(members) if members.is_empty() => "{}".to_owned(),
        Json::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|(name, member)| format!("{}: {}", quoted(name), inline(member)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Json::List(items) => format!(
            "[{}]",
            items.iter().map(inline).collect::<Vec<_>>().join(", ")
        ),
        scalar => simple(scalar, quoted),
    }
}

/// In: an object. Out: its lines as YAML: objects of plain values, and lists of them, on one line each.
pub(super) fn yaml(value: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    yaml_lines(value, "", &mut lines);
    lines
}

fn yaml_lines(value: &Json, indent: &str, lines: &mut Vec<String>) {
    let nested = format!("{indent}  ");
    match value {
        Json::Object(members) => {
            for (name, member) in members {
                let name = scalar(name);
                if on_one_line(member) {
                    lines.push(format!("{indent}{name}: {}", flow(member)));
                } else {
                    lines.push(format!("{indent}{name}:"));
                    yaml_lines(member, &nested, lines);
                }
            }
        }
        Json::List(items) => {
            for item in items {
                if matches!(item, Json::Object(members) if !members.is_empty()) {
                    let first = lines.len();
                    yaml_lines(item, &nested, lines);
                    if let Some(line) = lines.get_mut(first) {
                        *line = format!("{indent}- {}", line.trim_start());
                    }
                } else {
                    lines.push(format!("{indent}- {}", flow(item)));
                }
            }
        }
        other => lines.push(format!("{indent}{}", flow(other))),
    }
}

fn on_one_line(value: &Json) -> bool {
    match value {
        Json::Object(members) => {
            members
                .iter()
                .all(|(_, member)| !matches!(member, Json::Object(_)))
                && fits(value)
        }
        Json::List(items) => items.is_empty() || fits(value),
        _ => true,
    }
}

fn flow(value: &Json) -> String {
    match value {
        Json::Object(members) if members.is_empty() => "{}".to_owned(),
        Json::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|(name, member)| format!("{}: {}", scalar(name), flow(member)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Json::List(items) => format!(
            "[{}]",
            items.iter().map(flow).collect::<Vec<_>>().join(", ")
        ),
        other => simple(other, scalar),
    }
}

fn simple(value: &Json, text: fn(&str) -> String) -> String {
    match value {
        Json::Text(value) => text(value),
        // The writer of the documents knows numbers the way they came.
        other => crate::document::to_text(other),
    }
}

/// In: a text. Out: the way it stands in YAML: plain where every reader of YAML takes it for a text.
pub(super) fn scalar(text: &str) -> String {
    const OTHERS: [&str; 10] = [
        "true", "false", "yes", "no", "on", "off", "null", "y", "n", "inf",
    ];
    let first = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic());
    let number = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    // `127.0.0.1` is no number to any reader; `1e5`, `0x1f` and `1_0` are to some.
    let address = text.split('.').count() == 4
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let size = number && text.ends_with("iB");
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte));
    let other = OTHERS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if plain && !other && (first || address || size) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// In: a text. Out: the way it stands in JSON, and in YAML's double quotes.
fn quoted(text: &str) -> String {
    let mut result = String::from('"');
    for character in text.chars() {
        match character {
            '"' => result.push_str("\\\""),
            '\\' => result.push_str("\\\\"),
            '\n' => result.push_str("\\n"),
            // YAML breaks lines at some of these, and forbids others.
            '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                result.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => result.push(other),
        }
    }
    result.push('"');
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_some_reader_takes_for_something_else_is_quoted() {
        for text in [
            "yes", "No", "null", "1", "1.5", "1e5", "0x1f", "12:30:00", "", " a", "a b", "a: b",
            "#a", "- a", "*a", "$env://A", "a\nb",
        ] {
            assert!(scalar(text).starts_with('"'), "{text:?}");
        }
        for text in [
            "first",
            "OLLAMA_GATE_KEY",
            "127.0.0.1",
            "64MiB",
            "host.docker.internal",
            ".run",
        ] {
            assert_eq!(scalar(text) == text, text != ".run", "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let value = Json::parse(
            "{\"a\":{\"b\":[{\"c\":\"x\\ny\\u0085\\u2028\",\"d\":[1,2.5,true,null]},[],{}]},\"n o\":\"'\\\"\\\\\"}".as_bytes(),
        )
        .expect("JSON");
        let text = json(&value).join("\n");
        assert_eq!(Json::parse(text.as_bytes()).expect("JSON"), value);
        let text = yaml(&value).join("\n");
        let read = crate::document::yaml(&text).expect("YAML");
        assert_eq!(read, [value], "{text}");
    }
}
