//! Credentials that a browser sends by itself: a password that it was told once, and cookies. What a proxy
//! adds for whoever is signed in there is one of them: it does so for every page that a browser shows.
//!
//! Whoever is recognised by one is marked so, and policy refuses pages from elsewhere.

use super::basic::{Login, Users};
use super::jwt::{TokenUse, Tokens};
use super::{Asking, Authenticators, preferred_refusal};
use crate::credential::{Flaw, MAX_CREDENTIAL, Presented};
use crate::denial::{Denial, Reason};
use crate::grant::RuleSet;
use crate::http::{FieldKind, RequestHead, cookie, is_visible_ascii};
use crate::identity::{CredentialId, Identity, Method, SentByBrowser};
use crate::source::Refusal;
use std::rc::Rc;

/// What a browser may have sent by itself.
pub(super) enum BrowserCredential<'a> {
    /// what stands behind `Basic`, as it came and as it was read
    Login(&'a str, Result<Login, Denial>),
    /// a token in a cookie, or in the header of a proxy
    Token(TokenUse, &'a str),
    /// a session at the gate itself, and what there is beside it
    Session(Option<(TokenUse, &'a str)>),
}

impl<'a> BrowserCredential<'a> {
    /// What there is of it in the request with `head`. A cookie counts only where no header holds a
    /// credential, an unusable one included.
    ///
    /// # Errors
    /// It contradicts what else is there, or itself.
    #[inline(never)] // or those who send no such thing pay for it
    pub(super) fn find(
        presented: &Presented<'a>,
        authenticators: &Authenticators,
        head: &RequestHead<'a>,
    ) -> Result<Option<Box<Self>>, Denial> {
        let found = if let Some(text) = presented.basic {
            Some(Self::login(text, presented.api_key)?)
        } else if presented.is_empty() && presented.leftover.is_none() {
            let tokens = &authenticators.tokens;
            let sessions = authenticators.sessions.as_ref();
            // What a proxy says of whoever is signed in there is in a header, and no cookie counts beside that: the
            // session may be of somebody who used this browser before.
            let assertion = Self::assertion(tokens, head)?;
            if assertion.is_none() && sessions.is_some_and(|own| own.is_presented(head)) {
                // Other hosts of the domain can set that one, and shut nobody out who has a session.
                match Self::cookie(tokens, head) {
                    Ok(Some(Self::Token(usage, token))) => {
                        Some(Self::Session(Some((usage, token))))
                    }
                    _ => Some(Self::Session(None)),
                }
            } else {
                Self::token(assertion, tokens, head)?
            }
        } else {
            None
        };
        Ok(found.map(Box::new))
    }

    /// What of it a browser sends by itself.
    const fn sent(&self) -> SentByBrowser {
        match self {
            Self::Login(..) => SentByBrowser::Password,
            Self::Token(TokenUse::Assertion(_), _) => SentByBrowser::ProxyHeader,
            Self::Token(..) | Self::Session(_) => SentByBrowser::Cookie,
        }
    }

    fn login(text: &'a str, beside: Option<&str>) -> Result<Self, Denial> {
        let login = Login::read(text);
        let key = login.as_ref().ok().and_then(Login::key);
        if let (Some(key), Some(other)) = (key, beside)
            && key != other
        {
            let advice = "two headers hold different API keys, send one of them";
            return Err(Denial::new(Reason::AmbiguousCredential, advice));
        }
        Ok(Self::Login(text, login))
    }

    fn token(
        assertion: Option<Self>,
        tokens: &Tokens,
        head: &RequestHead<'a>,
    ) -> Result<Option<Self>, Denial> {
        let cookie = Self::cookie(tokens, head)?;
        match (&assertion, &cookie) {
            (Some(Self::Token(_, one)), Some(Self::Token(_, other))) if one != other => ambiguous(
                "a cookie and the header of a proxy hold different tokens, clear the site's cookies",
            ),
            _ => Ok(assertion.or(cookie)),
        }
    }

    fn assertion(tokens: &Tokens, head: &RequestHead<'a>) -> Result<Option<Self>, Denial> {
        let mut found = None;
        for (issuer, name) in tokens.assertion_headers() {
            for value in head.values_of(name).map(<[u8]>::trim_ascii) {
                if value.is_empty() {
                    continue;
                }
                let token = text("header", name, value)?;
                let token = Self::Token(TokenUse::Assertion(issuer), token);
                if found.replace(token).is_some() {
                    return ambiguous("headers of proxies hold two credentials, send one");
                }
            }
        }
        Ok(found)
    }

    fn cookie(tokens: &Tokens, head: &RequestHead<'a>) -> Result<Option<Self>, Denial> {
        let mut found = None;
        for (issuer, name) in tokens.cookies() {
            for header in head.values(FieldKind::Cookie) {
                let Ok(value) = cookie(header, name) else {
                    return ambiguous(
                        "a cookie with a credential appears more than once, clear the site's cookies",
                    );
                };
                let Some(value) = value else { continue };
                let token = text("cookie", name, value)?;
                if found
                    .replace(Self::Token(TokenUse::Cookie(issuer), token))
                    .is_some()
                {
                    return ambiguous("two cookies hold credentials, clear the site's cookies");
                }
            }
        }
        Ok(found)
    }
}

fn ambiguous<T>(advice: &'static str) -> Result<T, Denial> {
    Err(Denial::new(Reason::AmbiguousCredential, advice))
}

/// The token that is `value` of the cookie or header called `name`, as far as it could be one.
fn text<'a>(kind: &str, name: &str, value: &'a [u8]) -> Result<&'a str, Denial> {
    let fit = value.len() <= MAX_CREDENTIAL && is_visible_ascii(value);
    let token = std::str::from_utf8(value).ok().filter(|_| fit);
    token.ok_or_else(|| {
        let what = match Flaw::of(value) {
            Flaw::TooLong => "is too long to hold a token",
            Flaw::Space | Flaw::Scheme(_) => "holds white space",
            Flaw::Unprintable => "holds a byte that is not printable ASCII",
        };
        let advice = format!("the {kind} `{name}` {what}, sign in again");
        Denial::new(Reason::MalformedCredential, advice)
    })
}

impl Authenticators {
    /// Whoever stands behind what a browser may have sent by itself.
    #[inline(never)] // as above
    pub(super) fn behind_browser<'e>(
        &'e self,
        credential: BrowserCredential<'_>,
        head: &RequestHead<'_>,
        asking: Asking<'_>,
    ) -> Result<Identity<'e>, Refusal> {
        let sent = credential.sent();
        let identity = match credential {
            BrowserCredential::Login(text, login) => self.behind_login(text, login, head, asking),
            BrowserCredential::Token(usage, token) => {
                self.behind_token(token, usage, self.context(asking)?)
            }
            BrowserCredential::Session(beside) => match (self.behind_session(head, asking), beside)
            {
                // A right credential is not refused because another one was wrong. Of a session that cannot be asked for
                // nobody knows that it is.
                (Err(denial), Some((usage, token))) if denial.reason().status() != 503 => {
                    let token = BrowserCredential::Token(usage, token);
                    return match self.behind_browser(token, head, asking) {
                        // Whoever has a session that is over is sent to sign in.
                        Err(Refusal::Denied(_)) => Err(denial.into()),
                        decided => decided,
                    };
                }
                (signed_in, _) => signed_in.map_err(Refusal::from),
            },
        };
        Ok(Identity {
            by_browser: Some(sent),
            ..identity?
        })
    }

    /// Whoever is signed in at the gate itself.
    fn behind_session<'e>(
        &'e self,
        head: &RequestHead<'_>,
        asking: Asking<'_>,
    ) -> Result<Identity<'e>, Denial> {
        let sessions = self.sessions.as_ref();
        let sessions = sessions
            .ok_or_else(|| Denial::new(Reason::UnsupportedCredential, "nobody signs in here"))?;
        let signed_in = match asking.session {
            // It may have ended while the request waited for its refresh.
            Some(known) => {
                let known = known.clone()?;
                if asking.clock.now()? >= known.expiry.at {
                    return Err(Denial::new(known.expiry.reason, "sign in again"));
                }
                known
            }
            None => sessions.open(head, asking.clock.now()?)?,
        };
        Ok(Identity {
            method: Method::Session,
            id: CredentialId::Configured(sessions.name()),
            subject: signed_in.subject,
            scopes: signed_in.scopes,
            unmapped: signed_in.unmapped,
            claims: Some(signed_in.claims),
            by_previous_secret: signed_in.by_previous_secret,
            by_browser: Some(SentByBrowser::Cookie),
            allow_from: None,
            fetched: None,
            labels: None,
            expiry: Some(signed_in.expiry),
            rules: RuleSet::own(&signed_in.rules),
        })
    }

    /// The user who logged in, or the owner of the API key that stands in the password's place.
    ///
    /// A password that looks like a key and is none may still be the user's.
    fn behind_login<'e>(
        &'e self,
        text: &str,
        login: Result<Login, Denial>,
        head: &RequestHead<'_>,
        asking: Asking<'_>,
    ) -> Result<Identity<'e>, Refusal> {
        let login = match login {
            // Nobody is told how to write what is not taken at all.
            Err(_) if self.users.is_empty() => {
                return Err(Users::unsupported(!self.keys.is_empty()).into());
            }
            login => login?,
        };
        let mut unknown_key = None;
        if let Some(key) = login.key().filter(|_| !self.keys.is_empty()) {
            match self.keys.verify(key, asking.clock, asking.tried) {
                Ok(secret) => return self.behind_key(&secret, head, asking),
                Err(Refusal::Denied(denial)) if denial.reason() == Reason::UnknownKey => {
                    unknown_key = Some(denial);
                }
                Err(refusal) => return Err(refusal),
            }
        }
        if self.users.is_empty() {
            let unsupported = || Users::unsupported(!self.keys.is_empty());
            return Err(unknown_key.unwrap_or_else(unsupported).into());
        }
        let context = self.context(asking)?;
        let user = match self
            .users
            .verify(text, &login, context.now, context.attempts)
        {
            Ok(user) => user,
            // Of what could not be checked nothing is known.
            Err(denial) => return Err(preferred_refusal(unknown_key, denial).into()),
        };
        Ok(Identity {
            method: Method::Basic,
            id: CredentialId::Configured(&user.name),
            subject: Rc::clone(&user.subject),
            scopes: user.scopes,
            unmapped: None,
            claims: None,
            by_previous_secret: false,
            by_browser: Some(SentByBrowser::Password),
            allow_from: None,
            fetched: None,
            labels: None,
            expiry: None,
            rules: RuleSet::own(&user.rules),
        })
    }
}
