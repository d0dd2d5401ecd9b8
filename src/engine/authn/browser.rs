//! Credentials that a browser sends by itself: a password that it was told once, and cookies.
//!
//! Whoever is recognised by one is marked so, and policy refuses pages from elsewhere.

use super::basic::{Login, Users};
use super::jwt::{TokenUse, Tokens};
use super::{Asking, Authenticators, preferred_refusal};
use crate::credential::{Flaw, MAX_CREDENTIAL, Presented};
use crate::denial::{Denial, Reason};
use crate::grant::RuleSet;
use crate::http::{FieldKind, RequestHead, cookie, is_visible_ascii};
use crate::identity::{Identity, Method};
use crate::source::Refusal;
use std::rc::Rc;

/// What a browser may have sent by itself.
pub(super) enum BrowserCredential<'a> {
    /// what stands behind `Basic`, as it came and as it was read
    Login(&'a str, Result<Login, Denial>),
    /// a token in the cookie of the issuer at this place
    Cookie(usize, &'a str),
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
        tokens: &Tokens,
        head: &RequestHead<'a>,
    ) -> Result<Option<Box<Self>>, Denial> {
        let found = if let Some(text) = presented.basic {
            Some(Self::login(text, presented.api_key)?)
        } else if presented.is_empty() && presented.leftover.is_none() {
            Self::cookie(tokens, head)?
        } else {
            None
        };
        Ok(found.map(Box::new))
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

    fn cookie(tokens: &Tokens, head: &RequestHead<'a>) -> Result<Option<Self>, Denial> {
        let ambiguous = |advice| Err(Denial::new(Reason::AmbiguousCredential, advice));
        let mut found = None;
        for (issuer, name) in tokens.cookies() {
            for header in head.values(FieldKind::Cookie) {
                let Ok(value) = cookie(header, name) else {
                    return ambiguous(
                        "a cookie with a credential appears more than once, clear the site's cookies",
                    );
                };
                let Some(value) = value else { continue };
                let fit = value.len() <= MAX_CREDENTIAL && is_visible_ascii(value);
                let token = std::str::from_utf8(value).ok().filter(|_| fit);
                let token = token.ok_or_else(|| {
                    let what = match Flaw::of(value) {
                        Flaw::TooLong => "is too long to hold a token",
                        Flaw::Space | Flaw::Scheme(_) => "holds white space",
                        Flaw::Unprintable => "holds a byte that is not printable ASCII",
                    };
                    let advice = format!("the cookie `{name}` {what}, sign in again");
                    Denial::new(Reason::MalformedCredential, advice)
                })?;
                if found.replace(Self::Cookie(issuer, token)).is_some() {
                    return ambiguous("two cookies hold credentials, clear the site's cookies");
                }
            }
        }
        Ok(found)
    }
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
        let identity = match credential {
            BrowserCredential::Login(text, login) => self.behind_login(text, login, head, asking),
            BrowserCredential::Cookie(issuer, token) => {
                self.behind_token(token, TokenUse::Cookie(issuer), self.context(asking)?)
            }
        };
        Ok(Identity {
            by_browser: true,
            ..identity?
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
            match self.keys.verify(key, asking.clock) {
                Ok(key) => return self.behind_key(key, head, asking),
                Err(denial) if denial.reason() == Reason::UnknownKey => {
                    unknown_key = Some(denial);
                }
                Err(denial) => return Err(denial.into()),
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
            id: &user.name,
            subject: Rc::clone(&user.subject),
            scopes: user.scopes,
            unmapped: None,
            claims: None,
            by_previous_secret: false,
            by_browser: true,
            allow_from: None,
            expiry: None,
            rules: RuleSet::own(&user.rules),
        })
    }
}
