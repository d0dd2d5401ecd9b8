//! What Envoy does with a request before the filter sees it, as the pack sets it up: it refuses some, and writes paths
//! in their plain form. The end-to-end tests hold it against a real Envoy, request by request.

use super::Request;

/// The methods that Envoy's reader of HTTP/1 knows.
const METHODS: [&str; 35] = [
    "ACL",
    "BIND",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LINK",
    "LOCK",
    "M-SEARCH",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "NOTIFY",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
];
/// Headers of which Envoy makes one, with what it puts between the values.
const JOINED: [(&str, &str); 2] = [("authorization", ","), ("x-forwarded-for", ",")];

/// In: a request as the client sends it. Out: as the filter sees it.
///
/// # Errors
/// Why Envoy answers it by itself, with 400 and in words of its own.
pub(super) fn envoy(request: &Request) -> Result<Request, &'static str> {
    if !METHODS.contains(&request.method.as_str()) {
        return Err("Envoy knows no such method");
    }
    if request.headers.iter().any(|(name, _)| name.contains('_')) {
        return Err("a header name has an underscore (`headers_with_underscores_action`)");
    }
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in &request.headers {
        let between = JOINED.iter().find(|(joined, _)| joined == name);
        let first = headers.iter_mut().find(|(known, _)| known == name);
        match (between, first) {
            (Some((_, between)), Some((_, list))) => {
                list.push_str(between);
                list.push_str(value);
            }
            _ => headers.push((name.clone(), value.clone())),
        }
    }
    let upgrades = |(name, value): &(String, String)| {
        let mut words = value.split(',').map(str::trim);
        name == "connection" && words.any(|word| word.eq_ignore_ascii_case("upgrade"))
    };
    if !headers.iter().any(upgrades) {
        headers.retain(|(name, _)| name != "upgrade");
    }
    Ok(Request {
        path: path(&request.path)?,
        headers,
        ..request.clone()
    })
}

/// `normalize_path`, `merge_slashes` and `path_with_escaped_slashes_action: REJECT_REQUEST`.
fn path(target: &str) -> Result<String, &'static str> {
    if target.contains('#') {
        return Err("the path has a fragment");
    }
    if !target.is_ascii() {
        return Err("the path has a byte beyond ASCII");
    }
    let (path, query) = match target.find('?') {
        Some(place) => target.split_at(place),
        None => (target, ""),
    };
    let lower = path.to_ascii_lowercase();
    if lower.contains("%2f") || lower.contains("%5c") {
        return Err("the path has an encoded slash (`path_with_escaped_slashes_action`)");
    }
    if lower.contains("%00") {
        return Err("the path has an encoded zero (`normalize_path`)");
    }
    let mut merged = merge(&normalized(path));
    merged.push_str(query);
    Ok(merged)
}

/// The path in the form of the WHATWG's URL standard: dot segments are resolved, a backslash is a slash, what need not
/// be encoded is decoded, and what has to be is encoded.
fn normalized(path: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let slashed = path.replace('\\', "/");
    let segments: Vec<&str> = slashed.split('/').skip(1).collect();
    let last = segments.len().saturating_sub(1);
    for (place, segment) in segments.into_iter().enumerate() {
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        match dots.as_str() {
            "." | ".." => {
                if dots == ".." {
                    out.pop();
                }
                if place == last {
                    out.push(String::new());
                }
            }
            _ => out.push(plain(segment)),
        }
    }
    format!("/{}", out.join("/"))
}

/// A segment that is no dot segment.
fn plain(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut out = String::new();
    let mut place = 0;
    while let Some(byte) = bytes.get(place).copied() {
        let digits = segment.get(place + 1..place + 3).filter(|_| byte == b'%');
        let decoded = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match decoded {
            Some(decoded) if decoded.is_ascii_alphanumeric() || b"-._~".contains(&decoded) => {
                out.push(char::from(decoded));
                place += 3;
            }
            Some(_) => {
                out.push_str(segment.get(place..place + 3).unwrap_or_default());
                place += 3;
            }
            None => {
                let kept = byte.is_ascii_graphic() && !b"\"<>`{}^".contains(&byte);
                if kept {
                    out.push(char::from(byte));
                } else {
                    out.push_str(&format!("%{byte:02X}"));
                }
                place += 1;
            }
        }
    }
    out
}

/// Several slashes in a row are one.
fn merge(path: &str) -> String {
    if !path.contains("//") {
        return path.to_owned();
    }
    let segments: Vec<_> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let end = if path.ends_with('/') { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn dot_segments_are_resolved_and_slashes_merged_before_the_query() {
        for (target, seen) in [
            ("/api/../api/tags", "/api/tags"),
            ("/api/%2E%2e/tags", "/tags"),
            ("/api/tags/..", "/api/"),
            ("/..", "/"),
            ("//api//tags//?x=//../", "/api/tags/?x=//../"),
            ("/api\\tags", "/api/tags"),
            ("/api/t%61gs%20", "/api/tags%20"),
            ("/api/tags%", "/api/tags%"),
            ("/api/.../tags", "/api/.../tags"),
        ] {
            assert_eq!(path(target).as_deref(), Ok(seen), "{target}");
        }
        for refused in ["/api%2ftags", "/api%5Ctags", "/a%00", "/a#b"] {
            assert!(path(refused).is_err(), "{refused}");
        }
    }
}
