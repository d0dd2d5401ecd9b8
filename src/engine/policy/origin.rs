//! Requests that a browser may send by itself.
//!
//! The gate drops `Origin` for Ollama's sake, and with it Ollama's only defence against hostile
//! pages. So it takes over that duty: where no credential proves that the client meant it, a
//! request of a page from elsewhere is refused.

use super::Hosts;
use crate::cors::Cors;
use crate::denial::{Denial, Reason, quoted_address};
use crate::http::{Authority, FieldKind, Origin, RequestHead};
use crate::identity::SentByBrowser;

/// Advice for whoever was made to send this by a page of `origin`.
#[cold]
fn advice(sent: SentByBrowser, origin: &[u8]) -> String {
    let page = page_of(origin);
    match sent {
        SentByBrowser::Password => format!(
            "{page} may not use the password that the browser sends by itself: let it send a key of its own"
        ),
        SentByBrowser::Cookie => format!(
            "{page} may not use the cookie that the browser sends by itself: let it send a key of its own"
        ),
        SentByBrowser::ProxyHeader => format!(
            "{page} may not use the token that a proxy adds to what the browser sends, let it send a key of its own"
        ),
        SentByBrowser::Nothing => format!("{page} needs a credential of its own"),
    }
}

/// A page of `origin`, as a sentence names it. What has a user in it is none, and may be a password.
pub(crate) fn page_of(origin: &[u8]) -> String {
    match std::str::from_utf8(origin) {
        Ok(text) if !text.is_empty() && !text.contains('@') => {
            format!("a page of another site, {},", quoted_address(text))
        }
        _ => "a page of another site".to_owned(),
    }
}

/// Whose pages may use the gate.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pages<'e> {
    /// those of the sites that are listed
    pub cors: Option<&'e Cors>,
    /// the names of the gate, whose pages are its own
    pub hosts: Option<&'e Hosts>,
    /// where people sign in at it, if they do
    pub site: Option<&'e Origin>,
}

/// The same for a request without a credential.
///
/// # Errors
/// [`Reason::OriginDenied`].
pub(crate) fn check(head: &RequestHead<'_>, pages: Pages<'_>) -> Result<(), Denial> {
    check_by_browser(head, pages, SentByBrowser::Nothing)
}

/// Passes a request without `Origin`, with that of the host it is sent to, or with one that the
/// configuration lists. The browser may have `sent` by itself what proves its caller.
///
/// # Errors
/// [`Reason::OriginDenied`] for any other, `null` included.
pub(crate) fn check_by_browser(
    head: &RequestHead<'_>,
    pages: Pages<'_>,
    sent: SentByBrowser,
) -> Result<(), Denial> {
    let listed = |origin: &[u8]| pages.cors.is_some_and(|cors| cors.knows(origin).is_some());
    let is_foreign = |origin: &&[u8]| !is_own(origin, head, pages) && !listed(origin);
    match head.values(FieldKind::Origin).find(is_foreign) {
        Some(origin) => Err(Denial::new(Reason::OriginDenied, advice(sent, origin))),
        None => Ok(()),
    }
}

/// Whether `origin` (RFC 6454 section 7, `scheme://host[:port]`) is where the request with `head` was
/// sent to, port included, or where people sign in at the gate, if it was sent there. A page without TLS is none of
/// a gate with TLS, also where a proxy in front takes TLS off: whoever sits on the way can write it.
fn is_own(origin: &[u8], head: &RequestHead<'_>, pages: Pages<'_>) -> bool {
    let of = |scheme: &[u8]| origin.strip_prefix(scheme).and_then(Authority::parse);
    let Some(asked) = Authority::parse(head.host()) else {
        return false;
    };
    let (page, is_https) = match (of(b"https://"), of(b"http://")) {
        (Some(page), _) => (page, true),
        (None, Some(page)) => (page, false),
        (None, None) => return false,
    };
    let has_tls = || {
        head.is_https() == Some(true)
            || pages.hosts.is_some_and(|hosts| hosts.is_https_only(&asked))
            || pages
                .site
                .is_some_and(|site| site.is_https() && asked.is_host_of(site.authority()))
    };
    if !is_https && has_tls() {
        return false;
    }
    let own_port = if is_https { 443 } else { 80 };
    let port = |of: &Authority| of.port().unwrap_or(own_port);
    let is_sent_to = page.is_host_of(&asked) && port(&page) == port(&asked);
    // A proxy in front may have taken off the port.
    let is_site = |site: &Origin| site.is_asked_as(&asked) && site.is(is_https, &page);
    is_sent_to || pages.site.is_some_and(is_site)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Host;

    fn own(origin: &[u8], host: &[u8], scheme: Option<&[u8]>, hosts: Option<&Hosts>) -> bool {
        let pages = Pages {
            hosts,
            ..Pages::default()
        };
        let pairs: [(&[u8], &[u8]); 3] = [(b":method", b"GET"), (b":path", b"/"), (b"host", host)];
        let scheme = scheme.map(|scheme| (&b":scheme"[..], scheme));
        let head = RequestHead::read(pairs.into_iter().chain(scheme)).unwrap();
        is_own(origin, &head, pages)
    }

    #[test]
    fn an_origin_is_its_own_only_if_scheme_host_and_port_say_so() {
        for (origin, is_own) in [
            (&b"https://gate.example"[..], false),
            (b"https://gate.example:8443.evil", false),
            (b"https://evil/gate.example:8443", false),
            (b"https://evil@gate.example:8443", false),
            (b"https://gate.example:8443/", false),
            (b"https://gate.example:8443 https://evil", false),
            (b"ftp://gate.example:8443", false),
            (b"gate.example:8443", false),
            (b"null", false),
            (b"", false),
            (b"\xff", false),
            (b"https://gate.example:8443", true),
            (b"http://GATE.example:8443", true),
        ] {
            let shown = String::from_utf8_lossy(origin);
            assert_eq!(
                own(origin, b"gate.example:8443", None, None),
                is_own,
                "{shown}"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_origin_and_nothing_that_may_be_a_password() {
        let long = format!("https://{}.example", "a".repeat(500));
        for (origin, named) in [
            (
                "chrome-extension://abcdef",
                Some("`chrome-extension://abcdef`"),
            ),
            ("null", Some("`null`")),
            ("https://a`b", Some("`https://a\\u{60}b`")),
            ("https://sk-alice-0123@evil.example", None),
            ("", None),
        ] {
            let page = page_of(origin.as_bytes());
            assert_eq!(page.contains('`'), named.is_some(), "{page}");
            assert!(page.contains(named.unwrap_or_default()), "{page}");
        }
        assert_eq!(page_of(b"https://\xff"), "a page of another site");
        assert!(page_of(long.as_bytes()).len() < 200);
    }

    #[test]
    fn the_port_of_the_scheme_may_be_named_or_not() {
        for (origin, host, is_own) in [
            (&b"https://gate.example"[..], &b"gate.example:80"[..], false),
            (b"http://gate.example", b"gate.example:443", false),
            (b"https://gate.example", b"gate.example:8443", false),
            (b"https://gate.example", b"gate.example:443", true),
            (b"https://gate.example:443", b"gate.example", true),
            (b"http://gate.example", b"gate.example:80", true),
            (b"https://gate.example", b"gate.example.", true),
            (b"https://[::1]", b"[0:0:0:0:0:0:0:1]:443", true),
        ] {
            let shown = String::from_utf8_lossy(origin);
            assert_eq!(own(origin, host, None, None), is_own, "{shown}");
        }
    }

    #[test]
    fn a_page_without_tls_is_none_of_a_gate_with_tls() {
        let hosts = Hosts::new(vec![Host {
            authority: Authority::parse(b"gate.example").unwrap(),
            https: true,
        }]);
        for (scheme, hosts, is_own) in [
            (Some(&b"https"[..]), None, false),
            (Some(b"HTTPS"), None, false),
            (Some(b"http"), Some(&hosts), false),
            (None, Some(&hosts), false),
            (Some(b"http"), None, true),
            (None, None, true),
        ] {
            let page = own(b"http://gate.example", b"gate.example", scheme, hosts);
            assert_eq!(page, is_own, "{scheme:?}");
            // Over TLS the page is as good as the gate, also where a proxy in front takes TLS off.
            let page = own(b"https://gate.example", b"gate.example", scheme, hosts);
            assert!(page, "{scheme:?}");
        }
    }
}
