//! `cors`

use super::field::{Field, Shape};
use super::host::HostName;
use super::reader::{Node, Reader};
use super::upstream::HEADER;
use crate::cors::{Cors, is_always_allowed};
use crate::http::FieldKind;
use crate::upstream::FRAMING;
use std::net::Ipv6Addr;
use std::rc::Rc;

table! {
    pub(super) CORS => CorsSection {
        allow_origins: Field::optional(
            Shape::List(&Shape::Pattern("^[a-z][a-z0-9+.-]*://[a-z0-9._:\\[\\]-]+$")),
            "the origins whose pages may use the gate with a credential of their own, as browsers write them: \
             `https://app.example.com`, `http://localhost:3000`. Wildcards are not supported. Default: none",
        ),
        allow_headers: Field::optional(
            Shape::List(&HEADER),
            "additional headers that these pages may send, such as `X-Title` or `HTTP-Referer`. Wildcards are not \
             supported. Default: none",
        ),
    }
}

/// The longest origin.
const MAX_ORIGIN_BYTES: usize = 256;

/// The sites, if there is one.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Cors> {
    let section = reader.section::<CorsSection>(node)?;
    let headers = section.allow_headers.node();
    let headers = headers.map(|node| read_headers(reader, &node));
    let headers = headers.unwrap_or_default();
    let list = section.allow_origins.node();
    let list = list.map(|list| reader.list(&list, "a list of origins"));
    if list.as_ref().is_none_or(Vec::is_empty) && !headers.is_empty() {
        let message = "has no effect without sites in `allow_origins`";
        reader.refuse(&section.allow_headers.place(), message);
    }
    let mut origins: Vec<Rc<str>> = Vec::new();
    for node in list? {
        let Some(origin) = read_origin(reader, &node) else {
            continue;
        };
        if origins.iter().any(|other| **other == *origin) {
            reader.refuse(&node, "is a duplicate")
        } else {
            origins.push(origin.into())
        }
    }
    (!origins.is_empty()).then(|| Cors::new(origins).with_headers(headers))
}

/// The headers that pages may send too, in lower case.
fn read_headers(reader: &mut Reader<'_>, node: &Node<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for item in reader.list(node, "a list of headers") {
        let expected = "the name of a header such as \"X-Title\"";
        let name = reader.parsed(&item, expected, |text| {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            let fit = (1..=64).contains(&text.len()) && text.bytes().all(token);
            fit.then(|| text.to_ascii_lowercase())
        });
        let Some(name) = name else { continue };
        match why_not(&name) {
            Some(why_not) => reader.refuse(&item, why_not),
            None if names.contains(&name) => reader.refuse(&item, "is a duplicate"),
            None => names.push(name),
        }
    }
    names
}

/// Why the header `name`, lower-case, need not or cannot be listed.
fn why_not(name: &str) -> Option<&'static str> {
    if is_always_allowed(name) {
        return Some("may be sent anyway");
    }
    if FieldKind::of(name.as_bytes()) == FieldKind::Private {
        return Some(
            "never reaches Ollama; if credentials come in it, `credential_headers` lists it, and pages may send it",
        );
    }
    let by_browser = FieldKind::of(name.as_bytes()) != FieldKind::Other
        || FRAMING.contains(&name) && name != "content-encoding"
        || ["sec-", "proxy-", "access-control-"]
            .iter()
            .any(|start| name.starts_with(start));
    by_browser.then_some("is for browsers and gateways alone to set")
}

/// What the log says at startup of a plugin that takes the effect of `cors` away.
pub(super) fn warning(cors: Option<&Cors>, host: Option<HostName>) -> Option<String> {
    let warned = cors.is_some() && host == Some(HostName::Apisix);
    warned.then(|| {
        "cors: has no effect with the plugin `proxy-buffering` on this route: APISIX then discards the request before \
         its response arrives. Remove the plugin, streams do not need it"
            .to_owned()
    })
}

fn read_origin<'j>(reader: &mut Reader<'_>, node: &Node<'j>) -> Option<&'j str> {
    let why_not = match node.json.text() {
        Some("null") => "is the origin of every page that hides its own, and cannot be listed",
        Some(text) if text.contains('*') => "is a wildcard: list each origin",
        _ => {
            let expected = "an origin as browsers write it, such as \"https://app.example.com\": in lower case, \
                            without a slash or a path behind it, and without the scheme's own port";
            return reader.parsed(node, expected, |text| is_origin(text).then_some(text));
        }
    };
    reader.refuse(node, why_not);
    None
}

/// An origin in the form in which browsers send it (RFC 6454 section 6.2): scheme, host, and the port
/// unless it is the scheme's own.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let of_scheme = |byte: u8| lower(byte) || b"+.-".contains(&byte);
    let scheme_fits = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(of_scheme);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host_fits = match address {
        Some(address) => {
            address.parse::<Ipv6Addr>().is_ok()
                && address.bytes().all(|byte| lower(byte) || byte == b':')
        }
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| lower(byte) || b"._-".contains(&byte))
        }
    };
    let port_fits = |port: &str| {
        let own = matches!((scheme, port), ("https", "443") | ("http", "80"));
        let canonical = port
            .parse::<u16>()
            .is_ok_and(|number| number.to_string() == port);
        canonical && port != "0" && !own
    };
    text.len() <= MAX_ORIGIN_BYTES && scheme_fits && host_fits && port.is_none_or(port_fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_would_send() {
        for origin in [
            "https://app.example.com",
            "http://localhost:3000",
            "http://127.0.0.1",
            "https://a.example:8443",
            "http://[::1]:5173",
            "https://xn--bcher-kva.example",
            "app://obsidian.md",
            "chrome-extension://abcdefghijklmnop",
            "https://a.example:80",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        let long = format!("https://{}", "a".repeat(MAX_ORIGIN_BYTES));
        for other in [
            "",
            "https://",
            "app.example.com",
            "//app.example.com",
            "https:app.example.com",
            "https://app.example.com/",
            "https://app.example.com/a",
            "https://app.example.com?a",
            "https://app.example.com#a",
            "https://App.example.com",
            "HTTPS://app.example.com",
            "https://app.example.com:443",
            "http://app.example.com:80",
            "https://app.example.com:0",
            "https://app.example.com:08443",
            "https://app.example.com:65536",
            "https://app.example.com:",
            "https://app.example.com:+1",
            "https://u@app.example.com",
            "https://b\u{fc}cher.example",
            "https://a b",
            "https://a, https://b",
            "https://[::1",
            "https://::1",
            "https://[::G]",
            "https://[::A]",
            "1https://a",
            "file://",
            &long,
        ] {
            assert!(!is_origin(other), "{other}");
        }
    }
}
