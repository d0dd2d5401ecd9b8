//! Single values: text, times, durations, secrets.

use super::field::{Field, Shape};
use super::placeholder;
use super::reader::{Node, Reader, shortened, unresolved};
use super::table::Member;
use crate::grant::ScopeSet;
use crate::http::is_visible_ascii;
use crate::json::Json;
use crate::ollama::Scope;
use crate::secret::Secret;
use crate::time::Timestamp;
use std::ops::RangeInclusive;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The longest piece of a value that an error shows.
const SHOWN: usize = 40;

/// The longest name of a key, an issuer or a subject.
const MAX_NAME_BYTES: usize = 128;

table! {
    pub(super) SECRET => SecretSection {
        env: Field::required(
            Shape::Pattern("^[A-Z0-9_]{1,64}$"),
            "the environment variable that holds the secret. Its name may contain A to Z, 0 to 9 and `_` only, so \
             that a secret pasted here by mistake is refused",
        ),
        optional: Field::optional(
            Shape::Boolean,
            "`true`: the variable may be unset, for instance that of a previous secret",
        ),
    }
}

/// The bounds of a field that has none: nothing is within.
const NOTHING: RangeInclusive<u64> = RangeInclusive::new(1, 0);

/// In every section with secrets that the caller presents or signs with.
pub(super) const ALLOW_PLACEHOLDER: Field = Field::optional(
    Shape::Boolean,
    "`true` accepts a secret that is an example or can be guessed, with a warning at startup. An unresolved \
     reference is never accepted",
);

impl Reader<'_> {
    /// Adds "expected …, found …" and shows a short piece of the value. Never for secrets.
    fn mismatch_shown(&mut self, node: &Node<'_>, expected: &str) {
        let shown = match node.json {
            Json::Text(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            Json::Bool(value) => value.to_string(),
            _ => return self.mismatch(node, expected),
        };
        if may_be_secret(&shown) {
            return self.mismatch(node, expected);
        }
        let shown = shortened(&shown, SHOWN);
        self.refuse(node, format!("expected {expected}, found `{shown}`"));
    }

    /// A string for which `read` has a value.
    pub(crate) fn parsed<'j, T>(
        &mut self,
        node: &Node<'j>,
        expected: &str,
        read: impl FnOnce(&'j str) -> Option<T>,
    ) -> Option<T> {
        let value = node.json.text().and_then(read);
        if value.is_none() {
            self.mismatch_shown(node, expected);
        }
        value
    }

    /// A string that is not empty.
    pub(crate) fn text(&mut self, node: &Node<'_>, expected: &str) -> Option<String> {
        let read = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.parsed(node, expected, read)
    }

    /// A name for logs and headers: 1 to 128 characters of visible ASCII.
    pub(crate) fn name(&mut self, node: &Node<'_>) -> Option<String> {
        let fit = |text: &&str| is_visible_ascii(text.as_bytes()) && text.len() <= MAX_NAME_BYTES;
        self.parsed(node, "1 to 128 characters of visible ASCII", |text| {
            Some(text).filter(fit).map(str::to_owned)
        })
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, node: &Node<'_>) -> Option<bool> {
        match node.json {
            Json::Bool(value) => Some(*value),
            _ => {
                self.mismatch_shown(node, "true or false");
                None
            }
        }
    }

    /// Whether a switch is on; one that is not given is off.
    pub(crate) fn is_true(&mut self, member: &Member<'_>) -> bool {
        member.read(self, Self::boolean) == Some(true)
    }

    /// A whole number within the bounds of its field.
    pub(crate) fn whole<N>(&mut self, member: &Member<'_>) -> Option<N>
    where
        N: TryFrom<u64>,
    {
        let range = match member.shape() {
            Shape::Whole(min, max) => min..=max,
            _ => NOTHING,
        };
        let node = member.node()?;
        let value = N::try_from(self.whole_within(&node, range)?).ok();
        if value.is_none() {
            self.mismatch(&node, "a smaller number");
        }
        value
    }

    /// A whole number within `range`.
    pub(crate) fn whole_within(
        &mut self,
        node: &Node<'_>,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = node.json.whole().filter(|value| range.contains(value));
        if value.is_none() {
            let expected = format!("a whole number of {} to {}", range.start(), range.end());
            self.mismatch_shown(node, &expected);
        }
        value
    }

    /// A moment, RFC 3339, rounded down to the second.
    pub(crate) fn time(&mut self, node: &Node<'_>) -> Option<Timestamp> {
        let expected = "a time such as \"2027-01-31T00:00:00Z\" (RFC 3339)";
        self.parsed(node, expected, |text| {
            let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
            Some(Timestamp::from_seconds(time.unix_timestamp()))
        })
    }

    /// A moment, and how it is written.
    pub(crate) fn time_as_written(&mut self, node: &Node<'_>) -> Option<(Timestamp, String)> {
        let time = self.time(node)?;
        Some((time, node.json.text()?.to_owned()))
    }

    /// A duration in whole seconds, within the bounds of its field.
    pub(crate) fn duration(&mut self, member: &Member<'_>) -> Option<Duration> {
        let range = match member.shape() {
            Shape::Duration(min, max) => min..=max,
            _ => NOTHING,
        };
        let shown = |seconds| humantime::format_duration(Duration::from_secs(seconds));
        let max = shown(*range.end());
        let expected = match *range.start() {
            0 => format!("a duration such as \"30s\", of at most {max}"),
            min => format!("a duration such as \"30s\", of {} to {max}", shown(min)),
        };
        self.parsed(&member.node()?, &expected, |text| {
            let duration = humantime::parse_duration(text).ok()?;
            let fit = range.contains(&duration.as_secs()) && duration.subsec_nanos() == 0;
            fit.then_some(duration)
        })
    }

    /// The seconds of a duration within the bounds of its field.
    pub(crate) fn seconds(&mut self, member: &Member<'_>) -> Option<i64> {
        let duration = self.duration(member)?;
        i64::try_from(duration.as_secs()).ok()
    }

    /// A number of bytes, within the bounds of its field.
    pub(crate) fn size(&mut self, member: &Member<'_>) -> Option<u64> {
        let range = match member.shape() {
            Shape::Size(max) => 1..=max,
            _ => NOTHING,
        };
        let expected = format!(
            "a size such as \"64MiB\" (B, KiB, MiB or GiB), of 1 to {} bytes",
            range.end()
        );
        self.parsed(&member.node()?, &expected, |text| {
            let bytes = bytes(text)?;
            range.contains(&bytes).then_some(bytes)
        })
    }

    /// A list of scope names.
    pub(crate) fn scopes(&mut self, node: &Node<'_>, allowed: &[Scope]) -> ScopeSet {
        let names: Vec<_> = allowed.iter().map(|scope| scope.name()).collect();
        let expected = match names.as_slice() {
            [only] => format!("\"{only}\""),
            names => format!("one of {}", names.join(", ")),
        };
        let read = |text: &str| Scope::named(text).filter(|scope| allowed.contains(scope));
        self.list(node, "a list of scopes")
            .iter()
            .filter_map(|item| self.parsed(item, &expected, read))
            .collect()
    }

    /// A list of one or more strings.
    pub(crate) fn texts(&mut self, node: &Node<'_>) -> Option<Vec<String>> {
        let expected = "a non-empty list of strings";
        let items = match node.json {
            Json::Text(_) => {
                self.mismatch_shown(node, expected);
                return None;
            }
            _ => self.list(node, expected),
        };
        if items.is_empty() {
            self.refuse(node, format!("expected {expected}, found none"));
        }
        items
            .iter()
            .map(|item| self.text(item, "a string that is not empty"))
            .collect()
    }

    /// A secret on one line: a string, or `{"env": "NAME"}`. An optional variable that is unset is `None` too.
    pub(crate) fn secret(&mut self, node: &Node<'_>) -> Option<Secret<String>> {
        let secret = self.secret_text(node)?;
        self.check_stray(node, secret.expose()).then_some(secret)
    }

    /// Whether nothing is about `secret` that was hardly meant to be part of it. If it is, it is refused: a
    /// token signed with the secret itself would be called forged.
    pub(crate) fn check_stray(&mut self, node: &Node<'_>, secret: &str) -> bool {
        let stray = placeholder::stray(secret);
        if let Some(stray) = stray {
            let variable = node.json.member("env").and_then(Json::text);
            let subject = variable.map(|name| format!("environment variable `{name}` "));
            let subject = subject.unwrap_or_default();
            let message =
                format!("{subject}{stray}, which would be part of the secret: leave that out");
            self.refuse(node, message);
        }
        stray.is_none()
    }

    /// A secret of any text, line breaks included, written as of [`Self::secret`].
    pub(crate) fn secret_text(&mut self, node: &Node<'_>) -> Option<Secret<String>> {
        match node.json {
            Json::Text(text) if text.is_empty() => {
                self.refuse(node, "is empty");
                None
            }
            Json::Text(text) => match placeholder::reference(text) {
                Some(shown) => {
                    self.refuse(node, unresolved(shown));
                    None
                }
                None => Some(Secret::new(text.clone())),
            },
            Json::Object(_) => self.secret_of_environment(node),
            _ => {
                self.mismatch(node, "a string or {\"env\": \"NAME\"}");
                None
            }
        }
    }

    fn secret_of_environment(&mut self, node: &Node<'_>) -> Option<Secret<String>> {
        let section = self.section::<SecretSection>(node)?;
        let optional = self.is_true(&section.optional);
        self.variable(node, &section.env.node()?, optional)
    }

    /// The secret in the variable that `field` names, of the secret at `node`.
    pub(crate) fn variable(
        &mut self,
        node: &Node<'_>,
        field: &Node<'_>,
        optional: bool,
    ) -> Option<Secret<String>> {
        let Some(name) = field.json.text().filter(|name| is_variable(name)) else {
            // Not shown: it may be the secret itself.
            let expected = "the name of an environment variable, of A to Z, 0 to 9 and _";
            self.mismatch(field, expected);
            return None;
        };
        match (self.environment)(name).filter(|value| !value.is_empty()) {
            None if optional => None,
            None => {
                let message = format!(
                    "environment variable `{name}` is not set for the filter, the gateway must pass it on"
                );
                self.refuse(node, message);
                None
            }
            Some(value) => match placeholder::reference(&value) {
                Some(shown) => {
                    let message = format!(
                        "environment variable `{name}` holds {shown}, a reference that was not resolved: it has \
                         to hold the secret itself"
                    );
                    self.refuse(node, message);
                    None
                }
                None => Some(Secret::new(value)),
            },
        }
    }

    /// Whether `secret` may stand at `node`: it is no example and cannot be guessed, or such are `allowed`.
    pub(crate) fn check_drawn(&mut self, node: &Node<'_>, secret: &str, allowed: bool) -> bool {
        let problem = match placeholder::example(secret) {
            Some(kind) => Some(format!("is {kind}, a placeholder that was not replaced")),
            None => placeholder::weakness(secret).map(|why| format!("can be guessed: {why}")),
        };
        problem.is_none_or(|problem| self.check_allowed(node, &problem, allowed))
    }

    /// Whether a secret with this `problem` may stand at `node`. It is refused, or there is a warning.
    pub(crate) fn check_allowed(&mut self, node: &Node<'_>, problem: &str, allowed: bool) -> bool {
        if allowed {
            let place = node.path();
            let line = format!("{place}: ANYONE CAN GUESS THIS SECRET: it {problem}");
            self.warnings.push(line);
        } else {
            let message = format!(
                "{problem}: put a secret of your own there, such as one of `make key` or of `openssl rand -hex 32` \
                 (or insist with `danger_allow_placeholder_secret`)"
            );
            self.refuse(node, message);
        }
        allowed
    }
}

/// The number of bytes that `text` says, such as `64MiB`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let scale = match unit.strip_prefix(' ').unwrap_or(unit) {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

/// Upper-case, as variables that hold secrets are: a secret pasted in its place is none.
fn is_variable(name: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let first = |byte: u8| !byte.is_ascii_digit();
    name.len() <= 64 && name.bytes().next().is_some_and(first) && name.bytes().all(fit)
}

/// Whether a value that is wrong where it stands may be a secret that belongs elsewhere.
fn may_be_secret(text: &str) -> bool {
    let word = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let longest = text.split(|character| !word(character)).map(str::len).max();
    text.contains('@')
        || text.starts_with("sk-")
        || text.starts_with("eyJ")
        || longest.is_some_and(|length| length >= 16)
}
