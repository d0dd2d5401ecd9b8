//! Claims that a token must, or must not, have.

use super::claims::{ClaimPath, UnverifiedClaims};
use super::explain;
use crate::denial::{Denial, Reason};
use crate::json::Json;

/// What a claim has to be.
#[derive(Debug)]
pub(crate) enum Expected {
    /// a value that fits one of these, or a list with such a value in it
    OneOf(Vec<Fit>),
    /// not there
    Absent,
}

/// What one value of a claim has to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fit {
    /// this value
    Value(Json),
    /// a string that has this among the words between its spaces (RFC 8693 section 4.2)
    Word(String),
    /// a longer string that begins so
    Prefix(Prefix),
    /// a longer string that ends so
    Suffix(Suffix),
    /// an object with a member of this name
    Member(String),
}

/// A beginning that ends where a name may: `https://sso.example.com` would fit `https://sso.example.com.evil`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(String);

/// An end that begins where a name may: `example.com` would fit `evil-example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suffix(String);

/// A claim that a token must, or must not, have.
#[derive(Debug)]
pub(crate) struct RequiredClaim {
    /// where it stands
    pub path: ClaimPath,
    /// what it has to be
    pub expected: Expected,
}

impl Prefix {
    /// From what the configuration says. `None` where `text` ends in a letter or digit.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let bounded = text.chars().next_back().is_some_and(is_boundary);
        bounded.then(|| Self(text.to_owned()))
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    fn fits(&self, value: &str) -> bool {
        let rest = value.strip_prefix(&self.0);
        rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_control))
    }
}

impl Suffix {
    /// From what the configuration says. `None` where `text` begins with a letter or digit, or with `@` or
    /// `.` and no domain follows.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let fit = match text.strip_prefix(['@', '.']) {
            Some(domain) => is_domain(domain),
            None => text.chars().next().is_some_and(is_boundary),
        };
        fit.then(|| Self(text.to_owned()))
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Behind `@` and `.` stands a domain: its case does not count (RFC 4343), and what stands before it has to
    /// be the rest of one address, so that no second address, display name or comment comes along.
    fn fits(&self, value: &str) -> bool {
        let before = value.len().checked_sub(self.0.len());
        let Some((before, end)) = before.and_then(|place| value.split_at_checked(place)) else {
            return false;
        };
        match self.0.chars().next() {
            Some('@') => end.eq_ignore_ascii_case(&self.0) && is_local_part(before),
            Some('.') => end.eq_ignore_ascii_case(&self.0) && is_host_or_address(before),
            _ => end == self.0 && !before.is_empty() && !before.contains(char::is_control),
        }
    }
}

fn is_boundary(character: char) -> bool {
    // What is not ASCII may be a letter; the tables that know are larger than all of this.
    character.is_ascii_punctuation() || character == ' '
}

/// Names of letters, digits, `-` and `_` between dots.
fn is_domain(text: &str) -> bool {
    let of_label = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let mut labels = text.split('.');
    labels.all(|label| !label.is_empty() && label.bytes().all(of_label))
}

/// What an address has before its `@`, without quotation marks (RFC 5322 section 3.4.1). Only ASCII: there are
/// characters beyond it that look like `@` and `,`, and few mailboxes.
fn is_local_part(text: &str) -> bool {
    let of_text =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-.".contains(&byte);
    !text.is_empty() && text.bytes().all(of_text)
}

fn is_host_or_address(text: &str) -> bool {
    match text.split_once('@') {
        None => is_domain(text),
        Some((local, domain)) => is_local_part(local) && is_domain(domain),
    }
}

impl Fit {
    /// Whether `found`, a claim by itself, is so.
    fn is(&self, found: &Json) -> bool {
        match (self, found) {
            (Self::Word(word), Json::Text(text)) => {
                text.split(' ').any(|found| found == word) || text == word
            }
            // Several words are several values, of which another one may fit.
            (Self::Prefix(_) | Self::Suffix(_), Json::Text(text))
                if text.bytes().any(|byte| byte.is_ascii_whitespace()) =>
            {
                false
            }
            (Self::Member(name), found @ Json::Object(_)) => {
                let member = found.member(name);
                member.is_some_and(|member| !matches!(member, Json::Null | Json::Bool(false)))
            }
            _ => self.is_item(found),
        }
    }

    /// Whether `found`, an item of a list, is so. It is one value, whatever spaces it has.
    fn is_item(&self, found: &Json) -> bool {
        match (self, found) {
            (Self::Value(value), found) => value.says(found),
            (Self::Word(word), Json::Text(text)) => text == word,
            (Self::Prefix(prefix), Json::Text(text)) => prefix.fits(text),
            (Self::Suffix(suffix), Json::Text(text)) => suffix.fits(text),
            _ => false,
        }
    }
}

impl RequiredClaim {
    /// Holds `claims` against it.
    ///
    /// # Errors
    /// [`Reason::ClaimMismatch`], with what was found.
    pub(super) fn check(&self, claims: &UnverifiedClaims) -> Result<(), Denial> {
        let found = claims.at(&self.path);
        let fit = match (&self.expected, found) {
            (Expected::Absent, found) => found.is_none(),
            (Expected::OneOf(fits), Some(Json::List(items))) => {
                let fits_item = |item| fits.iter().any(|fit| fit.is_item(item));
                items.iter().any(fits_item)
            }
            (Expected::OneOf(fits), Some(found)) => fits.iter().any(|fit| fit.is(found)),
            (Expected::OneOf(_), None) => false,
        };
        if fit {
            return Ok(());
        }
        let (name, is_there) = (self.path.written(), found.is_some());
        let found = match found {
            None => format!("its claim `{name}` is missing"),
            Some(found) => format!("its claim `{name}` is {}", explain::value(found)),
        };
        let cause = format!("{found}, expected {}", explain::expected(&self.expected));
        let advice = match (&self.expected, is_there) {
            (Expected::OneOf(_), true) => format!("{found}, this gate requires another value"),
            (Expected::OneOf(_), false) => format!("{found}, this gate requires it"),
            (Expected::Absent, _) => format!("{found}, this gate accepts no token with that claim"),
        };
        Err(Denial::new(Reason::ClaimMismatch, advice).because(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffix(text: &str, value: &str) -> bool {
        Suffix::new(text).unwrap().fits(value)
    }

    #[test]
    fn a_suffix_begins_and_a_prefix_ends_where_a_name_may() {
        for bounded in [
            "@example.com",
            ".example.com",
            "-admins",
            "/read",
            ":x",
            " x",
            "@a",
        ] {
            assert!(Suffix::new(bounded).is_some(), "{bounded}");
        }
        for open in [
            "",
            "example.com",
            "1",
            "é.com",
            "@",
            ".",
            "@.com",
            "@a..b",
            "@a@b",
            "@a b",
            "@ü.de",
            "\u{0}x",
        ] {
            assert_eq!(Suffix::new(open), None, "{open}");
        }
        for bounded in ["ollama/", "team-", "https://sso.example.com/", "a "] {
            assert!(Prefix::new(bounded).is_some(), "{bounded}");
        }
        for open in ["", "ollama", "https://sso.example.com", "x1", "é", "a\u{0}"] {
            assert_eq!(Prefix::new(open), None, "{open}");
        }
    }

    #[test]
    fn a_domain_fits_one_address_in_it_and_nothing_that_only_ends_so() {
        for good in ["a@example.com", "A.b+c@EXAMPLE.com", "o'neil@example.com"] {
            assert!(suffix("@example.com", good), "{good}");
        }
        for evil in [
            "@example.com",
            "a@evil-example.com",
            "evil-example.com",
            "a@evil.com,@example.com",
            "a@evil.com,b@example.com",
            "a@evil.com;b@example.com",
            "a@evil.com b@example.com",
            "a@evil.com\tb@example.com",
            "a@evil.com@example.com",
            "\"a@evil.com\"@example.com",
            "<a@evil.com>b@example.com",
            "(a)b@example.com",
            "jürgen@example.com",
            "a@evil.com\u{0}@example.com",
            "a\u{ff20}evil.com,b@example.com",
            "a@evil.com\n@example.com",
            "a@sub.example.com",
            "a@example.com.",
            "a@example.com.evil",
            "a@example.com ",
            "a@exampl\u{212a}.com",
            "example.com",
            "",
        ] {
            assert!(!suffix("@example.com", evil), "{evil:?}");
        }
    }

    #[test]
    fn a_domain_that_begins_with_a_dot_fits_what_is_below_it() {
        for good in [
            "a.example.com",
            "a.b.Example.com",
            "x@a.example.com",
            "svc_1.example.com",
        ] {
            assert!(suffix(".example.com", good), "{good}");
        }
        for evil in [
            ".example.com",
            "example.com",
            "x@example.com",
            "x@.example.com",
            "x@evil.com,a.example.com",
            "x@evil.com@a.example.com",
            "evil.com/a.example.com",
            "a..example.com",
        ] {
            assert!(!suffix(".example.com", evil), "{evil:?}");
        }
    }

    #[test]
    fn another_beginning_or_end_is_compared_as_it_is() {
        assert!(suffix("-admins", "team a-admins"));
        assert!(!suffix("-admins", "x-Admins") && !suffix("-admins", "-admins"));
        assert!(!suffix("-admins", "é") && !suffix("-admins", "a\u{0}-admins"));
        let fits = |value| Prefix::new("ollama/").unwrap().fits(value);
        assert!(fits("ollama/read"));
        for other in [
            "ollama/",
            "ollama",
            "Ollama/read",
            "xollama/read",
            "ollama/\u{0}",
        ] {
            assert!(!fits(other), "{other:?}");
        }
    }
}
