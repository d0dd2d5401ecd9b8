//! What the rest of the gateway is told of a request: whose it is, and what it may need.

use super::record::Facts;
use crate::denial::{Denial, Reason};
use crate::identity::Identity;
use std::borrow::Cow;

/// The longest subject that is told, in bytes. A cut one could be somebody else's.
const MAX_SUBJECT_BYTES: usize = 256;

/// Names and values for the gateway's other filters and its access log. The values are visible ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared(Vec<(&'static str, String)>);

impl Shared {
    /// Of a request that was decided, as far as it is known. Nothing of a caller who proved nothing.
    #[inline(never)] // or those who share nothing pay for it
    pub(super) fn of(facts: &Facts<'_, '_>) -> Self {
        let mut pairs = Vec::with_capacity(4);
        if let Some(identity) = &facts.identity {
            let told = [
                ("ollama_gate.method", identity.method.name()),
                ("ollama_gate.credential_id", &*identity.id),
                ("ollama_gate.subject", &identity.subject),
            ];
            pairs.extend(told.map(|(name, value)| (name, plain(value).into_owned())));
        }
        if let Some(route) = facts.route() {
            pairs.push(("ollama_gate.scope", route.scope().name().to_owned()));
        }
        Self(pairs)
    }

    /// Each name with its value.
    pub fn pairs(&self) -> &[(&'static str, String)] {
        &self.0
    }
}

/// Refuses a caller who cannot be told.
///
/// # Errors
/// [`Reason::UnsafeIdentity`] if the subject is too long.
#[inline(never)] // as above
pub(super) fn check(identity: &Identity<'_>) -> Result<(), Denial> {
    if identity.subject.len() <= MAX_SUBJECT_BYTES {
        return Ok(());
    }
    let advice = format!(
        "a name of more than {MAX_SUBJECT_BYTES} bytes is not shared with the gateway, ask \
             the operator for a shorter one"
    );
    Err(Denial::new(Reason::UnsafeIdentity, advice))
}

/// `text` in visible ASCII that can end no field of a log line. What else stands in it is written as
/// in an address (RFC 3986 section 2.1), `%` too, so two different texts stay different.
fn plain(text: &str) -> Cow<'_, str> {
    let fit = |byte: u8| byte.is_ascii_graphic() && !b"%\"\\".contains(&byte);
    if text.bytes().all(fit) {
        return Cow::Borrowed(text);
    }
    let written = text.bytes().map(|byte| {
        if fit(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    Cow::Owned(written.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn what_is_plain_stays() {
        for text in [
            "alice",
            "alice@example.com",
            "auth0|5f7c8ec7",
            "a=b;c,d'e/f",
        ] {
            assert_eq!(plain(text), text, "{text:?}");
        }
    }

    #[test]
    fn what_could_break_a_line_or_a_field_is_written_as_in_an_address() {
        for (text, written) in [
            ("a b", "a%20b"),
            ("a\r\nb", "a%0D%0Ab"),
            ("\u{0}\u{7f}\u{1b}[2J", "%00%7F%1B[2J"),
            ("a\"b\\c", "a%22b%5Cc"),
            ("100%", "100%25"),
            ("J\u{fc}rgen", "J%C3%BCrgen"),
            ("a\u{202e}b", "a%E2%80%AEb"),
            ("\u{2028}", "%E2%80%A8"),
        ] {
            assert_eq!(plain(text), written, "{text:?}");
        }
    }

    #[test]
    fn two_different_names_stay_different() {
        let names = ["a b", "a%20b", "a%2520b", "a+b", "a%2fb", "a/b", "a%2Fb"];
        let written: HashSet<_> = names.iter().map(|name| plain(name)).collect();
        assert_eq!(written.len(), names.len());
    }
}
