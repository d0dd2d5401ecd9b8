//! Why a request without a credential that could be checked is refused.

use super::Authenticators;
use super::api_key::KeyRing;
use super::basic::Users;
use super::jwt::Tokens;
use crate::cors;
use crate::credential::{CredentialHeader, Flaw, Leftover, MAX_CREDENTIAL, Presented};
use crate::denial::{Denial, Reason};
use crate::http::{FieldKind, Place, RequestHead};
use std::borrow::Cow;

/// How to send a credential that this configuration accepts. Put together once: what strangers send most is
/// nothing.
#[derive(Debug)]
pub(super) struct Advice {
    /// for whoever sent something else
    send: String,
    /// for whoever sent nothing
    missing: String,
}

impl Advice {
    /// For these keys, tokens and users, with the places that every gate looks at and those that are
    /// `configured`. Whether keys of `ollama` CLIs are known is `may_sign`.
    pub(super) fn new(
        keys: &KeyRing,
        tokens: &Tokens,
        users: &Users,
        may_sign: bool,
        configured: &[CredentialHeader],
    ) -> Self {
        let by_bearer = !keys.is_empty() || tokens.accepts_credentials();
        let what = if keys.is_empty() { "token" } else { "key" };
        let mut places = Vec::new();
        if by_bearer {
            places.push(format!("`Authorization: Bearer <your {what}>`"));
            places.extend(configured.iter().map(|own| own.example(what)));
        }
        if !users.is_empty() {
            places.push("a name and a password (`Authorization: Basic`)".to_owned());
        }
        let cookies = tokens.cookies();
        places.extend(cookies.map(|(_, name)| {
            format!("the cookie `{name}` of a browser that is signed in where it comes from")
        }));
        let proxies = tokens.assertion_headers();
        places
            .extend(proxies.map(|(_, name)| format!("`{name}`, by way of the proxy that adds it")));
        let program = if may_sign {
            "signs with its own SSH key where OLLAMA_AUTH=1 is set"
        } else {
            "sends no key: it needs `ollama_cli` in the gate's configuration"
        };
        let Some(last) = places.pop() else {
            let send = format!("the `ollama` program {program}");
            return Self {
                missing: send.clone(),
                send,
            };
        };
        let send = match places.join(", ") {
            first if first.is_empty() => format!("send {last}"),
            first => format!("send {first} or {last}"),
        };
        let libraries = if by_bearer {
            "Ollama's Python library sends what OLLAMA_API_KEY holds, the JavaScript one takes it in \
             `headers`, and "
        } else {
            ""
        };
        Self {
            missing: format!("{send}; {libraries}the `ollama` program {program}"),
            send,
        }
    }
}

impl Authenticators {
    /// The refusal of the request with `head`, in which `presented` holds nothing that could be
    /// checked. Of what was sent it shows no byte.
    pub(super) fn without_credential(
        &self,
        presented: &Presented<'_>,
        head: &RequestHead<'_>,
    ) -> Denial {
        match presented.leftover {
            None => self.missing(head),
            Some(Leftover::Placeholder(known)) => Denial::new(
                Reason::PlaceholderCredential,
                format!(
                    "`{known}` is what clients send when no key was set, set your own in the client"
                ),
            ),
            Some(Leftover::Scheme(scheme)) => {
                let send = &self.advice.send;
                let cause = match scheme {
                    Some(scheme) => format!("the scheme `{scheme}` is not accepted"),
                    None => {
                        "the first word in `Authorization` is no scheme that is accepted".into()
                    }
                };
                let advice = format!("{cause}, {send}");
                Denial::new(Reason::UnsupportedCredential, advice).because(cause)
            }
            Some(Leftover::Malformed(name, flaw)) => {
                Denial::new(Reason::MalformedCredential, malformed(name, flaw))
            }
        }
    }

    /// `denial`; where this kind of credential is not accepted at all, with the kinds that are.
    pub(super) fn with_instead(&self, denial: Denial) -> Denial {
        match denial.reason() {
            Reason::UnsupportedCredential => denial.and_advice(&self.advice.send),
            _ => denial,
        }
    }

    /// The refusal where no header holds a credential. The advice is long and the same for everybody who sends nothing, so
    /// the log leaves it out.
    fn missing(&self, head: &RequestHead<'_>) -> Denial {
        let denial = |advice| Denial::new(Reason::MissingCredential, advice);
        match self.visible_mistake(head) {
            Some(advice) => denial(advice),
            None => denial(self.advice.missing.clone().into()).because("no credential was sent"),
        }
    }

    /// What to do about a mistake that shows, if there is one.
    fn visible_mistake(&self, head: &RequestHead<'_>) -> Option<Cow<'static, str>> {
        let is_bare = |value: &[u8]| {
            let value = value.trim_ascii();
            value.eq_ignore_ascii_case(b"bearer") || value.eq_ignore_ascii_case(b"basic")
        };
        let place = FieldKind::Credential(Place::Authorization);
        if head.values(place).any(is_bare) {
            let advice = "nothing follows the scheme in `Authorization`, check the variable or setting that \
                          should hold your key";
            return Some(advice.into());
        }
        let present = |name: &&str| head.value(name).is_some();
        if let Some(name) = self.tokens.user_headers().find(present) {
            let advice = format!(
                "the token in `{name}` only names the user of an API key, also send that key as \
                 `Authorization: Bearer <key>`"
            );
            return Some(advice.into());
        }
        cors::is_preflight(head).then(|| {
            "a browser asks by it what a page of another site may send: the operator lists that site in \
             `cors.allow_origins`, or a program outside the browser sends the request"
                .into()
        })
    }
}

/// What is wrong with the value of the header `name`, and what to do about it.
fn malformed(name: &str, flaw: Flaw) -> String {
    let has_schemes = name == Place::Authorization.name();
    match (has_schemes, flaw) {
        (_, Flaw::TooLong) => {
            format!("`{name}` holds more than {MAX_CREDENTIAL} bytes, send the key or token alone")
        }
        (true, Flaw::Scheme(scheme)) => format!(
            "a second scheme, `{scheme}`, follows the first in `{name}`: set the key without \
             `{scheme}` in a client that adds a scheme itself"
        ),
        (false, Flaw::Scheme(scheme)) => {
            format!("`{name}` begins with `{scheme}`, send the key in it without a scheme")
        }
        (_, Flaw::Space) => format!(
            "there is white space inside the value of `{name}`, copy the key or token as one piece"
        ),
        (_, Flaw::Unprintable) => format!(
            "the value of `{name}` holds a byte that is not printable ASCII, such as a typographic \
             quotation mark or an invisible character: copy the key or token again as plain text"
        ),
    }
}
