//! What Kong's router makes of a request's target: the one that goes upstream.
//!
//! It starts from what the client sent (`$request_uri`), not from what nginx made of that (`$uri`,
//! which a filter sees as `:path`). All of it is "write `:authority`, `:path`" of hosts.md, and
//! source: `kong/tools/uri.lua`, `kong/router/utils.lua`, `runloop/handler.lua` of 3.9.1.

use super::nginx;

/// Bytes that mean something where they stand: they stay encoded if they were.
const RESERVED: &[u8] = b"!*'();:@&=+$,/?%#[]";

/// The target that the upstream is asked for; `None` where no route matches. The route is for `/`
/// with `strip_path: false`, as the pack has it, or for `prefix`, which is stripped.
#[must_use]
pub fn upstream_target(raw: &[u8], prefix: Option<&str>) -> Option<Vec<u8>> {
    let sent = nginx::request_uri(raw);
    // A `?` that is the first byte of all begins no query.
    let query = sent.iter().skip(1).position(|byte| *byte == b'?');
    let path = &sent[..query.map_or(sent.len(), |at| at + 1)];
    let path = resolved(&decoded(path));
    let below = path.strip_prefix(prefix.unwrap_or_default().as_bytes())?;
    let mut target = escaped(below);
    if prefix.is_some() && !target.starts_with(b"/") || target.is_empty() {
        target.insert(0, b'/');
    }
    // The query is nginx's again.
    if let Ok((_, Some(arguments))) = nginx::target(raw) {
        target.push(b'?');
        target.extend(arguments);
    }
    Some(target)
}

/// The path that Ollama's router sees of a target: what stands before the query, decoded once.
#[must_use]
pub fn seen_by_ollama(target: &[u8]) -> Vec<u8> {
    let path = target.split(|byte| *byte == b'?').next();
    let mut out = Vec::new();
    let mut rest = path.unwrap_or_default();
    while let Some((&byte, after)) = rest.split_first() {
        let number = triplet(rest);
        rest = if number.is_some() { &after[2..] } else { after };
        out.push(number.unwrap_or(byte));
    }
    out
}

/// The byte that the percent-encoding at the beginning of `text` stands for, if there is one.
fn triplet(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"%")?.get(..2)?;
    let hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| hexadecimal)?;
    u8::from_str_radix(digits, 16).ok()
}

/// Percent-encoding taken off where it means nothing.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        let Some(number) = triplet(rest) else {
            rest = after;
            out.push(byte);
            continue;
        };
        rest = &after[2..];
        if RESERVED.contains(&number) {
            out.extend(format!("%{number:02X}").bytes());
        } else {
            out.push(number);
        }
    }
    out
}

/// `.` and `..` taken out, and `//` made one.
fn resolved(path: &[u8]) -> Vec<u8> {
    let dots = path.contains(&b'.');
    let doubled = path.windows(2).any(|pair| pair == b"//");
    if !path.starts_with(b"/") || !(dots || doubled) {
        return path.to_vec();
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut folder = false;
    for part in path.split(|byte| *byte == b'/').skip(1) {
        folder = matches!(part, b"" | b"." | b"..");
        match part {
            b"" | b"." => {}
            b".." => {
                kept.pop();
            }
            part => kept.push(part),
        }
    }
    let mut out: Vec<u8> = kept
        .iter()
        .flat_map(|part| [b"/", *part].concat())
        .collect();
    if folder {
        out.push(b'/');
    }
    out
}

/// What is safe in a request line, and a `#`, which is none.
fn escaped(path: &[u8]) -> Vec<u8> {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut out = Vec::new();
    for byte in path {
        if safe(*byte) || RESERVED.contains(byte) {
            out.push(*byte);
        } else {
            out.extend(format!("%{byte:02X}").bytes());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_made_of_what_the_client_sent() {
        for (raw, sent) in [
            // Seen on Kong 3.9.1.
            ("/#/../api/tags", "/api/tags"),
            ("/api/version#/%2e%2e/tags", "/api/tags"),
            ("/%3f/api/tags", "/%3F/api/tags"),
            // By the source.
            ("/", "/"),
            ("/api/tags", "/api/tags"),
            ("/api/tags/", "/api/tags/"),
            ("/api/tags?a=/../b", "/api/tags?a=/../b"),
            ("/api/tags?a#b", "/api/tags?a"),
            ("/api//tags", "/api/tags"),
            ("/api/./tags/../ps", "/api/ps"),
            ("/api/x/..", "/api/"),
            ("/api/t%61gs", "/api/tags"),
            ("/api/%2574ags", "/api/%2574ags"),
            ("/api%2ftags", "/api%2Ftags"),
            ("/api/a%7bb|c", "/api/a%7Bb%7Cc"),
            ("/#/../../../api/delete", "/api/delete"),
            ("http://other/api/tags?x", "/api/tags?x"),
        ] {
            let target = upstream_target(raw.as_bytes(), None).expect("a route");
            assert_eq!(String::from_utf8_lossy(&target), sent, "{raw}");
        }
        for (raw, sent) in [
            ("/ollama/api/tags", Some("/api/tags")),
            ("/ollama", Some("/")),
            ("/ollama?x", Some("/?x")),
            ("/ollamas/x", Some("/s/x")),
            ("/x/../ollama/", Some("/")),
            ("/api/tags", None),
        ] {
            let target = upstream_target(raw.as_bytes(), Some("/ollama"));
            assert_eq!(target.as_deref(), sent.map(str::as_bytes), "{raw}");
        }
    }

    #[test]
    fn ollama_decodes_once_and_reads_no_query() {
        let seen = seen_by_ollama(b"/api/%2574%61gs%3f?%41");
        assert_eq!(String::from_utf8_lossy(&seen), "/api/%74ags?");
    }
}
