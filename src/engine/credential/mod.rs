//! What the client presented, wherever it put it.

mod configured;
mod copies;

pub(crate) use configured::CredentialHeader;
pub(crate) use copies::Copies;

use crate::bytes::has;
use crate::denial::{Denial, Reason};
use crate::http::{FieldKind, Place, RequestHead, is_visible_ascii};

/// The longest credential that is looked at, in bytes.
pub(crate) const MAX_CREDENTIAL: usize = 16 * 1024;

/// What clients send when nobody set a key.
const PLACEHOLDERS: [&str; 62] = [
    "ollama",
    "ollama-local",
    "none",
    "null",
    "undefined",
    "empty",
    "dummy",
    "lm-studio",
    "not-needed",
    "no-key",
    "no-key-required",
    "no-api-key",
    "api-key-not-set",
    "sk-no-key-required",
    "ollama-key",
    "ollama_key",
    "ollama-api-key",
    "sk-ollama",
    "lmstudio",
    "lm_studio",
    "local",
    "local-key",
    "sk-local",
    "na",
    "n/a",
    "nil",
    "false",
    "fake",
    "fake-key",
    "fake_key",
    "sk-fake",
    "fake-api-key",
    "dummy-key",
    "dummy_key",
    "dummy-api-key",
    "dummy_api_key",
    "sk-dummy",
    "placeholder",
    "sk-placeholder",
    "noop",
    "unused",
    "not-used",
    "not-required",
    "not-set",
    "not-provided",
    "user_provided",
    "nokey",
    "no_key",
    "no_api_key",
    "no-key-needed",
    "sk-none",
    "sk-xxx",
    "sk-xxxx",
    "x",
    "xx",
    "xxx",
    "xxxx",
    "key",
    "api-key",
    "apikey",
    "anything",
    "test",
];

/// No placeholder is longer, in bytes.
const MAX_PLACEHOLDER: usize = 18;

/// How the `ollama` CLI's own signature begins: an ssh-ed25519 key blob in base64.
const SSH_ED25519: &str = "AAAAC3NzaC1lZDI1NTE5";

/// How it would begin with a key of another type: ssh-rsa, ecdsa-sha2-nistp*, ssh-dss, and the keys
/// in hardware, sk-ssh-ed25519 and sk-ecdsa.
const SSH_OTHERS: [&str; 5] = [
    "AAAAB3NzaC1yc2E",
    "AAAAE2VjZHNhLXNoYTItbmlzdH",
    "AAAAB3NzaC1kc3M",
    "AAAAGnNrLXNzaC1lZDI1NTE5",
    "AAAAInNrLWVjZHNhLXNoYTItbmlzdH",
];

/// The credentials of one request, at most one of a kind. None is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presented<'a> {
    /// an opaque key
    pub api_key: Option<&'a str>,
    /// something in the shape of a JWS or JWE
    pub token: Option<&'a str>,
    /// the `ollama` CLI's own signature
    pub signature: Option<&'a str>,
    /// what follows `Basic`, not decoded
    pub basic: Option<&'a str>,
    /// what else stood there, for the message when nothing better did
    pub leftover: Option<Leftover<'a>>,
}

/// Something that stood where a credential stands and is none that the gate takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftover<'a> {
    /// one of the known placeholders
    Placeholder(&'static str),
    /// an `Authorization` scheme other than Bearer and Basic, by its name if it is a registered one
    Scheme(Option<&'static str>),
    /// bytes that no credential has, or too many, in the header of this name
    Malformed(&'a str, Flaw),
}

/// Why something cannot be a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// it is longer than [`MAX_CREDENTIAL`]
    TooLong,
    /// it begins with this scheme: twice in `Authorization`, or in a header that has no schemes
    Scheme(&'static str),
    /// there is white space in it
    Space,
    /// there is a byte in it that is not printable ASCII
    Unprintable,
}

impl Flaw {
    /// That of `value`, which is too long or not all visible ASCII.
    #[cold]
    pub(crate) fn of(value: &[u8]) -> Self {
        if value.len() > MAX_CREDENTIAL {
            return Self::TooLong;
        }
        let (scheme, _) = split_scheme(value);
        if let Some(known) = ["Bearer", "Basic"]
            .into_iter()
            .find(|known| scheme.eq_ignore_ascii_case(known.as_bytes()))
        {
            return Self::Scheme(known);
        }
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        let plain = |byte: &u8| is_space(byte) || byte.is_ascii_graphic();
        if value.iter().all(plain) {
            Self::Space
        } else {
            Self::Unprintable
        }
    }
}

const TWICE: &str = "a credential header appears more than once, send it once";

/// Two different values of one kind, or one field twice.
fn ambiguous(advice: &'static str) -> Denial {
    Denial::new(Reason::AmbiguousCredential, advice)
}

impl<'a> Presented<'a> {
    /// Whether there is nothing that could prove who is calling.
    pub(crate) const fn is_empty(&self) -> bool {
        !self.is_meant() && self.basic.is_none()
    }

    /// Whether something was put there on purpose, and nothing else: no browser sends a header with
    /// a key, a token or a signature by itself, as it does a password that it was told once.
    pub(crate) const fn is_meant(&self) -> bool {
        let meant = self.api_key.is_some() || self.token.is_some() || self.signature.is_some();
        meant && self.basic.is_none()
    }

    /// Collects the credentials of `head` from every place, the `configured` ones among them.
    ///
    /// Empty is absent; the same value in two places is one value.
    ///
    /// # Errors
    /// [`Reason::AmbiguousCredential`] for a repeated field, a comma in `Authorization` (Envoy
    /// joins repeated ones so) or in one that is configured, or two different values of one kind.
    pub(crate) fn collect(
        head: &RequestHead<'a>,
        configured: &[CredentialHeader],
    ) -> Result<Self, Denial> {
        let mut values = [None; Place::ALL.len()];
        for field in head.fields() {
            if let FieldKind::Credential(place) = field.kind
                && let Some(slot) = values.get_mut(place.index())
                && slot.replace(field.value).is_some()
            {
                return Err(ambiguous(TWICE));
            }
        }
        let mut presented = Self::default();
        for (place, value) in Place::ALL.into_iter().zip(values) {
            if let Some(value) = value {
                presented.add(place, value.trim_ascii(), configured)?;
            }
        }
        if !configured.is_empty() {
            presented.collect_configured(head, configured)?;
        }
        Ok(presented)
    }

    /// Adds what stands in the headers that are `configured`.
    #[inline(never)] // hardly any gate has one
    fn collect_configured(
        &mut self,
        head: &RequestHead<'a>,
        configured: &[CredentialHeader],
    ) -> Result<(), Denial> {
        for own in configured.iter().filter(|own| !own.is_authorization()) {
            let is_own = |name: &[u8]| name.eq_ignore_ascii_case(own.name.as_bytes());
            let mut fields = head.fields().iter().filter(|field| is_own(field.name));
            let Some(field) = fields.next() else {
                continue;
            };
            if fields.next().is_some() {
                return Err(ambiguous(TWICE));
            }
            // A gateway may have joined two fields, as Envoy does.
            if holds_comma(field.value) {
                return Err(ambiguous(
                    "a credential header holds more than one value, send one",
                ));
            }
            let value = field.value.trim_ascii();
            let value = own.behind_scheme(value).unwrap_or(value);
            // It is ASCII, as the name in the configuration is.
            let name = std::str::from_utf8(field.name).unwrap_or_default();
            self.put(name, value)?;
        }
        Ok(())
    }

    /// Remembers what is no credential, the first of it. A placeholder says less than anything else.
    fn leave(&mut self, leftover: Leftover<'a>) {
        if matches!(self.leftover, None | Some(Leftover::Placeholder(_))) {
            self.leftover = Some(leftover);
        }
    }

    fn add(
        &mut self,
        place: Place,
        value: &'a [u8],
        configured: &[CredentialHeader],
    ) -> Result<(), Denial> {
        let value = match place {
            Place::Authorization if holds_comma(value) => {
                return Err(ambiguous(
                    "`Authorization` holds more than one value, send one",
                ));
            }
            Place::Authorization => match authorization(value) {
                Authorization::Bearer(value) => value,
                Authorization::Basic(value) => {
                    self.basic = self.text(place.name(), value);
                    return Ok(());
                }
                Authorization::Other(scheme) => {
                    let mut own = configured.iter().filter(|own| own.is_authorization());
                    let Some(value) = own.find_map(|own| own.behind_scheme(value)) else {
                        self.leave(Leftover::Scheme(scheme));
                        return Ok(());
                    };
                    value
                }
            },
            _ => value,
        };
        self.put(place.name(), value)
    }

    /// `value` of the header `name`, if it could be a credential; empty is absent.
    fn text(&mut self, name: &'a str, value: &'a [u8]) -> Option<&'a str> {
        if value.is_empty() {
            return None;
        }
        let fit = value.len() <= MAX_CREDENTIAL && is_visible_ascii(value);
        let text = std::str::from_utf8(value).ok().filter(|_| fit);
        if text.is_none() {
            self.leave(Leftover::Malformed(name, Flaw::of(value)));
        }
        text
    }

    /// Adds the key, token or signature that stands in the header `name`.
    fn put(&mut self, name: &'a str, value: &'a [u8]) -> Result<(), Denial> {
        let Some(text) = self.text(name, value) else {
            return Ok(());
        };
        let slot = match shape(text) {
            Shape::ApiKey => &mut self.api_key,
            Shape::Token => &mut self.token,
            Shape::Signature => &mut self.signature,
            Shape::Other(leftover) => {
                self.leave(leftover);
                return Ok(());
            }
        };
        match slot {
            Some(other) if *other != text => Err(ambiguous(
                "two headers hold different credentials of one kind, send one of them",
            )),
            _ => {
                *slot = Some(text);
                Ok(())
            }
        }
    }
}

fn holds_comma(value: &[u8]) -> bool {
    has(value, b',')
}

/// An `Authorization` value by its scheme.
enum Authorization<'a> {
    /// what follows `Bearer`, or the bare value (kilocode)
    Bearer(&'a [u8]),
    /// what follows `Basic`
    Basic(&'a [u8]),
    /// a scheme that is not accepted, by its name if it is a registered one
    Other(Option<&'static str>),
}

/// The schemes that a refusal may name. Any other first word may be a part of a credential.
const OTHER_SCHEMES: [&str; 10] = [
    "Digest",
    "Negotiate",
    "NTLM",
    "DPoP",
    "AWS4-HMAC-SHA256",
    "Hawk",
    "Token",
    "ApiKey",
    "Api-Key",
    "Key",
];

#[cold]
fn other_scheme(scheme: &[u8]) -> Option<&'static str> {
    let named = |known: &&str| scheme.eq_ignore_ascii_case(known.as_bytes());
    OTHER_SCHEMES.into_iter().find(named)
}

/// The first word of `value`, and what follows it, if anything does.
#[inline(always)]
fn split_scheme(value: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = value.splitn(2, |byte| matches!(byte, b' ' | b'\t'));
    let scheme = parts.next().unwrap_or_default();
    (scheme, parts.next().map(<[u8]>::trim_ascii))
}

fn authorization(value: &[u8]) -> Authorization<'_> {
    let (scheme, rest) = split_scheme(value);
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Authorization::Bearer(rest.unwrap_or_default());
    }
    if scheme.eq_ignore_ascii_case(b"basic") {
        return Authorization::Basic(rest.unwrap_or_default());
    }
    match rest {
        None => Authorization::Bearer(value),
        Some(_) => Authorization::Other(other_scheme(scheme)),
    }
}

/// Whether `text`, presented by a client, would be looked up as an API key.
pub(crate) fn is_api_key(text: &str) -> bool {
    matches!(shape(text), Shape::ApiKey)
}

/// What `text`, a key or token that is not known, seems to be instead, and what to do about it: no byte of it
/// is shown.
#[cold]
pub(crate) fn mistaken(text: &str) -> Option<&'static str> {
    let stands_in = |begins: &str, ends: &str| {
        text.len() > 1 && text.starts_with(begins) && text.ends_with(ends)
    };
    let begins = |word: &str| {
        let start = text.get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let is_quoted = ["\"", "'", "`"].iter().any(|mark| stands_in(mark, mark));
    let is_variable = text.starts_with('$') || stands_in("%", "%") || stands_in("{{", "}}");
    let is_example = stands_in("<", ">") || stands_in("{", "}") || stands_in("[", "]");
    let yours = ["your", "sk-your", "my-api", "my_api", "insert", "replace"];
    match () {
        () if is_quoted => Some("it stands in quotation marks, send it without them"),
        () if begins("bearer") => Some("it begins with `Bearer`, write a space behind that word"),
        () if is_variable => Some(
            "it looks like the name of a variable that nothing replaced by its value: check how your client \
             reads its settings",
        ),
        () if is_example || yours.iter().any(|word| begins(word)) => {
            Some("it looks like an example, set your own key in its place")
        }
        () => None,
    }
}

/// Whether `text` begins with an SSH key of a type that the `ollama` CLI does not make.
pub(crate) fn is_other_ssh_key(text: &str) -> bool {
    text.starts_with("AAAA") && SSH_OTHERS.iter().any(|start| text.starts_with(start))
}

enum Shape {
    ApiKey,
    Token,
    Signature,
    Other(Leftover<'static>),
}

/// Tells an API key from a token by its shape alone. A JWS has three parts (RFC 7515 section 7.1),
/// a JWE five (RFC 7516), and both begin with the `{"` of a JSON header.
fn shape(text: &str) -> Shape {
    if text.len() <= MAX_PLACEHOLDER
        && let Some(known) = PLACEHOLDERS
            .into_iter()
            .find(|known| text.eq_ignore_ascii_case(known))
    {
        return Shape::Other(Leftover::Placeholder(known));
    }
    if text.starts_with(SSH_ED25519) || is_other_ssh_key(text) {
        return Shape::Signature;
    }
    // A key is not looked through for dots.
    if text.starts_with("sk-") {
        return Shape::ApiKey;
    }
    let mut dots = text.bytes().filter(|byte| *byte == b'.');
    let is_token = if text.starts_with("eyJ") {
        // The first dot is not far, and the others say no more.
        dots.next().is_some()
    } else {
        dots.count() == 2
    };
    if is_token {
        Shape::Token
    } else {
        Shape::ApiKey
    }
}

#[cfg(test)]
mod tests;
