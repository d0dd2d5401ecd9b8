//! Who is sent to sign in: a browser that shows a page, and nobody else. A client of the API that is redirected
//! reads a login form where it expected JSON.

use crate::http::RequestHead;

/// Whether `head` is of a browser on its way to a page that somebody will see.
pub(crate) fn is_navigation(head: &RequestHead<'_>) -> bool {
    // Fetch metadata is sent by all that is called a browser today, but over plain HTTP only to this machine.
    let all = |name: &str, wanted: &[u8]| {
        let mut values = head.values_of(name);
        values.all(|value| value.trim_ascii() == wanted)
    };
    head.method() == b"GET"
        && head.values_of("accept").any(takes_html)
        && all("sec-fetch-mode", b"navigate")
        && all("sec-fetch-dest", b"document")
        // A page that is fetched ahead is not on show; its login would be one that nobody began.
        && head.values_of("sec-purpose").next().is_none()
        && head.values_of("purpose").next().is_none()
        && head.values_of("upgrade").next().is_none()
}

/// Whether `accept` names HTML itself, with a quality over 0 (RFC 9110 section 12.5.1). `*/*` is what
/// programs send.
fn takes_html(accept: &[u8]) -> bool {
    accept.split(|byte| *byte == b',').any(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let html = parts.next().is_some_and(|media| {
            media.eq_ignore_ascii_case(b"text/html")
                || media.eq_ignore_ascii_case(b"application/xhtml+xml")
        });
        html && parts.all(|parameter| !is_quality(parameter) || is_over_zero(parameter))
    })
}

fn is_quality(parameter: &[u8]) -> bool {
    let name = parameter.split(|byte| *byte == b'=').next();
    name.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"q"))
}

/// Whether the weight in `parameter` is well formed and over 0 (RFC 9110 section 12.4.2).
fn is_over_zero(parameter: &[u8]) -> bool {
    let value = match parameter {
        [b'q' | b'Q', b'=', value @ ..] => value,
        _ => return false,
    };
    match value {
        [b'1'] | [b'1', b'.'] => true,
        [b'1', b'.', rest @ ..] => rest.len() <= 3 && rest.iter().all(|digit| *digit == b'0'),
        [b'0', b'.', rest @ ..] => {
            rest.len() <= 3
                && rest.iter().all(u8::is_ascii_digit)
                && rest.iter().any(|digit| *digit != b'0')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROMIUM: &str =
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

    fn sent(method: &str, fields: &[(&str, &str)]) -> bool {
        let line = [
            (":method", method),
            (":path", "/"),
            ("host", "gate.example"),
        ];
        let all: Vec<_> = line.iter().chain(fields).collect();
        let pairs = all
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        is_navigation(&RequestHead::read(pairs).unwrap())
    }

    #[test]
    fn nobody_but_a_navigation_is_redirected() {
        let html = ("accept", CHROMIUM);
        for (method, fields) in [
            ("GET", &[][..]),
            ("GET", &[("accept", "*/*")]),
            ("GET", &[("accept", "text/*")]),
            ("GET", &[("accept", "application/json, text/plain, */*")]),
            ("GET", &[("accept", "text/event-stream")]),
            ("GET", &[("accept", "text/htmlx")]),
            (
                "GET",
                &[("accept", "application/json;profile=\"text/html\"")],
            ),
            ("POST", &[html]),
            ("HEAD", &[html]),
            ("OPTIONS", &[html]),
            ("get", &[html]),
            ("GET", &[html, ("sec-fetch-mode", "cors")]),
            ("GET", &[html, ("sec-fetch-mode", "no-cors")]),
            ("GET", &[html, ("sec-fetch-mode", "websocket")]),
            ("GET", &[html, ("sec-fetch-mode", "")]),
            ("GET", &[html, ("sec-fetch-mode", "Navigate")]),
            ("GET", &[html, ("sec-fetch-mode", "navigate, cors")]),
            (
                "GET",
                &[
                    html,
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-mode", "cors"),
                ],
            ),
            (
                "GET",
                &[
                    html,
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "iframe"),
                ],
            ),
            (
                "GET",
                &[
                    html,
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "embed"),
                ],
            ),
            ("GET", &[html, ("sec-fetch-dest", "empty")]),
            ("GET", &[html, ("sec-purpose", "prefetch;prerender")]),
            ("GET", &[html, ("purpose", "prefetch")]),
            ("GET", &[html, ("upgrade", "websocket")]),
        ] {
            assert!(!sent(method, fields), "{method} {fields:?}");
        }
    }

    #[test]
    fn html_that_is_not_wanted_is_not_sent() {
        for (accept, wanted) in [
            ("text/html;q=0", false),
            ("text/html;q=0.", false),
            ("text/html;q=0.0", false),
            ("text/html; q=0.000", false),
            ("text/html;charset=utf-8;q=0", false),
            ("text/html;Q=0", false),
            ("text/html;q=", false),
            ("text/html;q", false),
            ("text/html;q=-1", false),
            ("text/html;q=1.1", false),
            ("text/html;q=0.0001", false),
            ("text/html;q =0", false),
            ("text/html;q=nan", false),
            ("text/html", true),
            ("TEXT/HTML", true),
            (" text/html ;q=0.1", true),
            ("text/html;q=0.001", true),
            ("text/html;q=1.000", true),
            ("text/html;level=1", true),
            ("application/json, text/html;q=0.5", true),
            (CHROMIUM, true),
        ] {
            assert_eq!(sent("GET", &[("accept", accept)]), wanted, "{accept}");
        }
    }

    #[test]
    fn a_browser_with_and_without_fetch_metadata_is_redirected() {
        let html = ("accept", CHROMIUM);
        let mode = ("sec-fetch-mode", "navigate");
        for fields in [
            &[html][..],
            &[html, mode],
            &[html, mode, ("sec-fetch-dest", "document")],
            &[
                html,
                mode,
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-user", "?1"),
            ],
        ] {
            assert!(sent("GET", fields), "{fields:?}");
        }
    }
}
