//! Signing out: here, and at the provider (OpenID Connect RP-Initiated Logout 1.0).

use super::attempt::with_parameters;
use super::provider::Endpoints;
use super::{Login, Outstanding, SessionPorts, Settled, Stored};
use crate::denial::{Denial, Reason};
use crate::http::RequestHead;
use crate::session::{Entropy, Purpose, Session};
use crate::source::Call;

/// The longest address with `id_token_hint` that browsers are sent to, in bytes: servers and proxies take 8 kB of a
/// request's line, and often 4 kB of an answer's head. Without it the provider asks whether that was meant.
pub(super) const MAX_END_ADDRESS: usize = 4096;

/// Somebody who signs out.
#[derive(Debug)]
pub(crate) struct Departure {
    /// where the provider signs people out, if it does
    pub to_provider: Option<String>,
    /// the values of `Set-Cookie`
    pub cookies: Vec<String>,
}

impl Login {
    /// What a request has to bring that ends `session`: nobody else can make one, so no page elsewhere can.
    ///
    /// # Errors
    /// None can be made.
    pub(crate) fn form_token(
        &self,
        session: &Session,
        entropy: Entropy<'_>,
    ) -> Result<String, Denial> {
        let sealed = self
            .ring
            .seal(Purpose::Form, form(session).as_bytes(), entropy);
        sealed.map_err(|_| Denial::host_failure())
    }

    /// Ends the session of the browser that sent `head` with this `token`, if it has one, once the call is answered that
    /// the store needs, if there is one. `stored` is what was read for it of the store.
    ///
    /// # Errors
    /// The token is none for this session, or nobody can know.
    pub(crate) fn sign_out(
        &self,
        head: &RequestHead<'_>,
        stored: Option<&Stored>,
        token: Option<&str>,
        endpoints: Option<&Endpoints>,
        around: SessionPorts<'_>,
    ) -> Result<(Outstanding, Option<Call>), Denial> {
        let now = around.entropy.now;
        let signed_out = self.site.signed_out_url();
        // Cookies that open no more are taken away all the same.
        let cookies = self.session.removed(around.held);
        let session = match self.session(head, stored, now) {
            Ok((session, _)) => session,
            // It may go on where nobody can see it.
            Err(denial) if denial.reason() == Reason::SessionStoreUnavailable => {
                return Err(denial);
            }
            Err(_) => {
                self.note_departed(head, around);
                let departure = Departure {
                    to_provider: None,
                    cookies,
                };
                return Ok((Outstanding::new(None, Settled::SignedOut(departure)), None));
            }
        };
        let opened = token.and_then(|token| self.ring.open(Purpose::Form, token.as_bytes()));
        if opened.is_none_or(|opened| opened.plaintext != form(&session).as_bytes()) {
            let advice = "sign out on the gate's own page, which has what this needs";
            return Err(Denial::new(Reason::OriginDenied, advice));
        }
        self.note_end(&session, around);
        let end = endpoints.and_then(|endpoints| endpoints.end_session.as_deref());
        let to_provider = end.map(|end| {
            let mut parameters = vec![
                ("client_id", self.provider.client.id.as_str()),
                ("post_logout_redirect_uri", &signed_out),
            ];
            let unhinted = with_parameters(end, &parameters);
            let Some(hint) = &session.sign_out_hint else {
                return unhinted;
            };
            parameters.push(("id_token_hint", hint.expose()));
            let hinted = with_parameters(end, &parameters);
            if hinted.len() <= MAX_END_ADDRESS {
                hinted
            } else {
                unhinted
            }
        });
        let departure = Settled::SignedOut(Departure {
            to_provider,
            cookies,
        });
        let event = Some(("signed_out", session));
        Ok((Outstanding::new(event, departure), self.forget(head, now)))
    }
}

/// What is sealed for the form that ends `session`, and stays the same while it lasts.
pub(super) fn form(session: &Session) -> String {
    let signed_in = session.signed_in.seconds();
    format!(
        "sign out\n{signed_in}\n{}\n{}",
        session.issuer, session.subject
    )
}
