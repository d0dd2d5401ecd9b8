//! When a session is refreshed, and by whom.

use super::GRACE;
use super::slots::Mark;
use crate::session::Refresh;
use crate::time::Timestamp;

/// Whether a session is to be refreshed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// another gateway has its turn
    ByAnother,
    /// it is, and goes on without it
    Now,
    /// it is, and does not
    Overdue,
}

/// The longest time that a session is refreshed ahead, in seconds.
const MAX_MARGIN: i64 = 60;

impl Refresh {
    /// Plans the next one at `now`: after `period` seconds, and some time before an access token that is good for
    /// `expires_in` seconds is not any more.
    pub(crate) fn schedule(&mut self, period: i64, expires_in: Option<i64>, now: Timestamp) {
        // Browsers bring it back in whole seconds, and by this it is known.
        let now = Timestamp::from_seconds(now.seconds());
        let good_for = expires_in
            .map_or(period, |expires_in| expires_in.min(period))
            .max(1);
        self.margin = (good_for / 3).clamp(1, MAX_MARGIN);
        let latest = expires_in.map(|expires_in| expires_in.saturating_sub(self.margin).max(0));
        self.due = now.plus(latest.map_or(period, |latest| latest.min(period)));
    }

    /// Whether it is to be done now, once it is due, at the gateway of this number.
    ///
    /// The gateway that made the session begins. Others wait for half of the margin, and then for a part of the other
    /// half, each for its own: at a steady rate of requests one gateway refreshes it, and the browser carries what
    /// came of it before another has its turn.
    pub(super) fn is_due(&self, mark: Mark, instance: u64, now: Timestamp) -> Due {
        if self.is_overdue(now) {
            return Due::Overdue;
        }
        let passed = now.milliseconds().saturating_sub(self.due.milliseconds());
        let margin = self.margin.saturating_mul(1000);
        let half = margin / 2;
        let turn = if instance == self.instance {
            0
        } else {
            half.saturating_add(mark.spread(instance, half))
        };
        if passed < turn {
            Due::ByAnother
        } else {
            Due::Now
        }
    }

    /// Whether it is worth nothing until it was refreshed.
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        now >= self.due.plus(self.margin)
    }

    /// Whether a session that cannot be refreshed any more has ended.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.due.plus(self.margin.saturating_add(GRACE))
    }
}
