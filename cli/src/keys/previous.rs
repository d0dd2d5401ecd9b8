//! The secrets of a key that count beside its current one, until an end.

use crate::moment;
use serde_json::{Map, Value, json};

/// The secrets of a key that count beside its new one.
#[derive(Debug, Default)]
pub struct Previous {
    /// as the record has them
    pub items: Vec<Value>,
    /// until when the secret counts that the new one replaces; none if it does not
    replaced: Option<i64>,
    /// until when the last of those before it counts
    older: Option<i64>,
}

impl Previous {
    /// In: the record of the key until now, and when the secret is to end that is replaced.
    ///
    /// No secret counts for longer than it would have: the new record has another end, and a key that was revoked,
    /// has expired or is not valid yet would come back with it, and one that is disabled when it is enabled.
    pub fn of(old: &Map<String, Value>, now: i64, end: i64) -> Self {
        let time = |record: &Map<String, Value>, name: &str| {
            let text = record.get(name)?.as_str();
            Some(text.and_then(|text| moment::read(text).ok()))
        };
        // A time that cannot be read lets no secret live.
        let start = time(old, "not_before").map_or(i64::MIN, |start| start.unwrap_or(i64::MAX));
        let most = time(old, "expires_at").map_or(i64::MAX, |end| end.unwrap_or(now));
        if start > now || most <= now || is_disabled(old) {
            return Self::default();
        }
        let mut previous = Self::default();
        let items = old.get("previous").and_then(Value::as_array);
        for item in items.into_iter().flatten().filter_map(Value::as_object) {
            let mut item = item.clone();
            if let Some(until) = time(&item, "until").flatten() {
                if until <= now {
                    continue;
                }
                if until > most {
                    item.insert("until".into(), json!(moment::written(most)));
                }
                previous.older = previous.older.max(Some(until.min(most)));
            }
            previous.items.push(Value::Object(item));
        }
        let end = end.min(most);
        if end > now {
            let mut secret = old.clone();
            secret.retain(|name, _| name == "sha256" || name == "key");
            secret.insert("until".into(), json!(moment::written(end)));
            previous.items.push(Value::Object(secret));
            previous.replaced = Some(end);
        }
        previous
    }

    /// The sentence about the secret that is replaced.
    pub fn note(&self) -> String {
        let over = "The old secret is not valid any more";
        match (self.replaced, self.older) {
            (Some(end), _) => format!("The old secret is valid until {}.", moment::written(end)),
            (None, None) => format!("{over}."),
            (None, Some(end)) => {
                let end = moment::written(end);
                format!("{over}, but one before it is until {end}.")
            }
        }
    }
}

/// Whether nobody comes in with the key of this record, whatever its dates are.
pub fn is_disabled(record: &Map<String, Value>) -> bool {
    // What is no Boolean is refused by the gate, and lets no secret live here.
    record
        .get("disabled")
        .is_some_and(|value| *value != json!(false))
}

/// The ends of the old secrets of `record` that still count: none does for longer than the key.
pub fn ends(record: &Value, now: i64) -> Vec<&str> {
    let after = |one: &str, other: i64| moment::read(one).is_ok_and(|one| one > other);
    let own = record.get("expires_at").and_then(Value::as_str);
    let most = own.and_then(|own| Some((own, moment::read(own).ok()?)));
    let items = record.get("previous").and_then(Value::as_array);
    let ends = items
        .into_iter()
        .flatten()
        .filter_map(|item| item.get("until")?.as_str());
    ends.map(|end| match most {
        Some((own, most)) if after(end, most) => own,
        _ => end,
    })
    .filter(|end| after(end, now))
    .collect()
}
