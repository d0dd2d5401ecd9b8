//! What a sign-in has to keep for the session to be refreshed.

use super::SessionPorts;
use crate::authn::jwt::ExpectedNonce;
use crate::login::Login;
use crate::login::redemption::Tokens;
use crate::session::{Refresh, Session};

impl Login {
    /// Has `session`, of the person called `sub` at the provider, refreshed from now on, if sessions are, by the refresh
    /// token among `tokens`. `nonce` was sent at the sign-in.
    pub(in crate::login) fn make_refreshable(
        &self,
        session: &mut Session,
        tokens: &Tokens,
        (sub, nonce): (&str, &str),
        around: SessionPorts<'_>,
    ) {
        let Some(period) = self.lifetimes.refresh else {
            return;
        };
        let Some(token) = &tokens.refresh_token else {
            let cause = "the provider issued no refresh token: most do for `offline_access` in `login.scope`";
            self.tell_unrefreshable(session, cause);
            session.ends = self.lifetimes.end(session);
            return;
        };
        let now = around.entropy.now;
        let mut refresh = Refresh {
            token: token.clone(),
            due: now,
            margin: 0,
            instance: self.instance(around),
            sub: (sub != session.subject).then(|| sub.to_owned()),
            nonce: ExpectedNonce::mark(nonce),
        };
        refresh.schedule(period, tokens.expires_in, now);
        session.refresh = Some(refresh);
    }
}
