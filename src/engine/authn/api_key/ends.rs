//! When keys end: what is watched of them, whether anybody uses them or not.

use super::record::ApiKey;
use crate::time::Timestamp;
use std::rc::Rc;

/// A key ends soon if it ends within so many seconds: a week.
pub(crate) const SOON: i64 = 7 * 24 * 3600;

/// The keys of one set that end, the next one first, and those that end together in the order of the set. Disabled
/// keys are not among them: nobody waits for those.
#[derive(Debug, Default)]
pub(super) struct KeyEnds(Vec<(Timestamp, Rc<str>)>);

impl KeyEnds {
    /// The ends of these keys.
    pub(super) fn of<'k>(keys: impl Iterator<Item = &'k ApiKey>) -> Self {
        let ends = keys.filter(|key| !key.disabled).filter_map(|key| {
            let (end, _) = key.expires_at.as_ref()?;
            Some((*end, Rc::clone(&key.id)))
        });
        let mut ends: Vec<_> = ends.collect();
        // By the time alone: to compare ids as well, where many keys end together, takes ten times as long.
        ends.sort_by_key(|(end, _)| *end);
        Self(ends)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that have not ended at `now`, the next one first.
    pub(super) fn ahead(&self, now: Timestamp) -> &[(Timestamp, Rc<str>)] {
        let over = self.0.partition_point(|(end, _)| *end <= now);
        self.0.get(over..).unwrap_or_default()
    }

    /// Those of them that end soon.
    pub(super) fn soon(&self, now: Timestamp) -> &[(Timestamp, Rc<str>)] {
        let ahead = self.ahead(now);
        let soon = ahead.partition_point(|(end, _)| end.since(now) <= SOON);
        ahead.get(..soon).unwrap_or_default()
    }
}

/// A key that ends soon.
#[derive(Debug)]
pub(crate) struct EndingKey {
    /// the first moment at which it is no longer valid
    pub end: Timestamp,
    /// its id
    pub id: Rc<str>,
    /// the document that it is in; none if it stands in the configuration
    pub source: Option<Rc<str>>,
}

/// What is known of all keys together at one moment.
#[derive(Debug, Default)]
pub(crate) struct KeysSeen {
    /// how often documents have changed
    pub generation: u64,
    /// the next end of any key
    pub next_end: Option<Timestamp>,
    /// how many keys end soon
    pub ending_soon: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::ScopeSet;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn key(id: &str, ends_in: Option<i64>, disabled: bool) -> ApiKey {
        ApiKey {
            id: id.into(),
            subject: id.into(),
            scopes: ScopeSet::default(),
            disabled,
            not_before: None,
            expires_at: ends_in.map(|seconds| (NOW.plus(seconds), "then".into())),
            users: None,
            allow_from: None,
            rules: None,
            labels: None,
        }
    }

    #[test]
    fn a_key_counts_until_it_has_ended_and_is_soon_over_for_a_week() {
        let keys = [
            key("later", Some(SOON + 1), false),
            key("never", None, false),
            key("tomorrow", Some(86_400), false),
            key("off", Some(60), true),
            key("over", Some(0), false),
            key("week", Some(SOON), false),
            key("then", Some(86_400), false),
        ];
        let ends = KeyEnds::of(keys.iter());
        let ids = |part: &[(Timestamp, Rc<str>)]| {
            let ids: Vec<_> = part.iter().map(|(_, id)| id.to_string()).collect();
            ids.join(" ")
        };
        assert_eq!(ids(ends.ahead(NOW)), "tomorrow then week later");
        assert_eq!(ids(ends.soon(NOW)), "tomorrow then week");
        assert_eq!(ids(ends.soon(NOW.plus(86_400))), "week later");
        assert_eq!(ids(ends.ahead(NOW.plus(SOON + 1))), "");
        assert_eq!(
            ids(ends.ahead(NOW.plus(-1))),
            "over tomorrow then week later"
        );
    }
}
