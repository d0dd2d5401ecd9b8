//! Requests that a browser may send by itself.
//!
//! The gate drops `Origin` for Ollama's sake, and with it Ollama's only defence against hostile
//! pages. So it takes over that duty: where no credential proves that the client meant it, a
//! request of a page from elsewhere is refused.

use crate::cors::Cors;
use crate::denial::{Denial, Reason};
use crate::http::{FieldKind, RequestHead};

/// Advice for whoever was made to send a credential.
const BY_BROWSER: &str = "a page from elsewhere may not use the cookie or password that the browser \
                       sends by itself, let it send a key of its own";

/// The same for a request whose credential the browser may have sent by itself.
///
/// # Errors
/// [`Reason::OriginDenied`].
pub fn check_by_browser(head: &RequestHead<'_>, cors: Option<&Cors>) -> Result<(), Denial> {
    check(head, cors).map_err(|denial| Denial::new(denial.reason(), BY_BROWSER))
}

/// Passes a request without `Origin`, with that of the host it is sent to, or with one that the
/// configuration lists.
///
/// # Errors
/// [`Reason::OriginDenied`] for any other, `null` included.
pub fn check(head: &RequestHead<'_>, cors: Option<&Cors>) -> Result<(), Denial> {
    let listed = |origin| cors.is_some_and(|cors| cors.knows(origin).is_some());
    if head
        .values(FieldKind::Origin)
        .all(|origin| is_own(origin, head.host()) || listed(origin))
    {
        return Ok(());
    }
    let advice = "a page from elsewhere may ask only with a credential of its own";
    Err(Denial::new(Reason::OriginDenied, advice))
}

/// Whether `origin` (RFC 6454 section 7, `scheme://host[:port]`) is at `host`, port included.
fn is_own(origin: &[u8], host: &[u8]) -> bool {
    [&b"https://"[..], b"http://"]
        .iter()
        .any(|scheme| match origin.strip_prefix(*scheme) {
            Some(authority) => authority.eq_ignore_ascii_case(host),
            None => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_its_own_only_if_scheme_host_and_port_say_so() {
        for (origin, own) in [
            (&b"https://gate.example:8443"[..], true),
            (b"http://GATE.example:8443", true),
            (b"https://gate.example", false),
            (b"https://gate.example:8443.evil", false),
            (b"https://evil/gate.example:8443", false),
            (b"https://evil@gate.example:8443", false),
            (b"gate.example:8443", false),
            (b"null", false),
            (b"", false),
            (b"\xff", false),
        ] {
            let shown = String::from_utf8_lossy(origin);
            assert_eq!(is_own(origin, b"gate.example:8443"), own, "{shown}");
        }
    }
}
