//! A document of keys: from the answer of a server to a set of records, or to why it is not taken.

use super::envelope::{Envelope, items, members};
use super::record::NewKey;
use super::set::{KeySet, Taken};
use super::{digest, record::KeyDigest};
use crate::json::Json;
use crate::source::{Answer, Call, Document, Read};
use crate::time::Timestamp;
use serde_json::value::RawValue;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// So few keys may be missing from a document at a time, whatever their share is.
const FEW: usize = 3;

/// What makes a record of its JSON: the configuration, since a record is the same wherever it stands.
pub(crate) trait ReadRecord: fmt::Debug {
    /// The record in `json`, and what an operator is to be warned of.
    ///
    /// # Errors
    /// The first thing that is wrong with it, with its path in the record.
    fn read(&self, json: &Json) -> Result<(NewKey, Vec<String>), String>;
}

/// What is taken for a mistake of whoever wrote the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DocumentRules {
    /// whether it may have no key
    pub allow_empty: bool,
    /// the most keys in a hundred that may be missing from it that were there before
    pub max_removed: usize,
}

/// All sets of keys of one configuration, by the names that logs have for where they are from: an id and a secret
/// are in one of them.
#[derive(Debug, Default)]
pub(crate) struct Roster(RefCell<Vec<(Rc<str>, Rc<KeySet>)>>);

impl Roster {
    /// Adds a place with these keys. Gives its number.
    pub(crate) fn add(&self, name: &str, keys: Rc<KeySet>) -> usize {
        let mut all = self.0.borrow_mut();
        all.push((name.into(), keys));
        all.len().saturating_sub(1)
    }

    /// What `keys`, of the place `own`, has in common with another place.
    fn conflict(&self, own: usize, keys: &KeySet) -> Option<String> {
        let all = self.0.borrow();
        let others = all.iter().enumerate().filter(|(place, _)| *place != own);
        others.into_iter().find_map(|(_, (name, other))| {
            let (id, taken) = other.in_both(keys)?;
            Some(match taken {
                Taken::Id => format!("the key `{id}` is in {name} too"),
                Taken::Secret(there) => {
                    format!("the key `{id}` has the same secret as `{there}` in {name}")
                }
            })
        })
    }
}

/// A document of keys, as something that is fetched.
#[derive(Debug)]
pub(crate) struct KeyDocument {
    /// how it is asked for
    pub call: Call,
    /// what it comes in
    pub envelope: Envelope,
    /// what is taken for a mistake
    pub rules: DocumentRules,
    /// who reads its records
    pub reader: Rc<dyn ReadRecord>,
    /// where else keys are
    pub roster: Rc<Roster>,
    /// its own number there
    pub number: usize,
    /// its place among the documents of the configuration
    pub place: usize,
}

impl KeyDocument {
    /// Its keys are these from now on.
    pub(super) fn is_held(&self, keys: &Rc<KeySet>) {
        if let Some((_, own)) = self.roster.0.borrow_mut().get_mut(self.number) {
            *own = Rc::clone(keys);
        }
    }

    fn keys(
        &self,
        text: &str,
        fingerprint: KeyDigest,
        held: Option<&KeySet>,
    ) -> Result<(KeySet, Vec<String>), String> {
        let mut keys = KeySet::of_document(fingerprint);
        let mut warnings = Vec::new();
        for (place, record) in records(text)?.into_iter().enumerate() {
            let json = Json::parse(record.get().as_bytes());
            let json = json.map_err(|_| format!("keys[{place}] is not JSON"))?;
            let read = self.reader.read(&json);
            let (new, warned) = read.map_err(|why| format!("keys[{place}]{why}"))?;
            let id = Rc::clone(&new.key.id);
            warnings.extend(warned.into_iter().map(|why| format!("keys[{place}]{why}")));
            keys.insert(new, Some(self.place), held)
                .map_err(|taken| match taken {
                    Taken::Id => format!("keys[{place}]: the id `{id}` is used by two keys"),
                    Taken::Secret(other) => {
                        format!("keys[{place}]: `{id}` has the same secret as `{other}`")
                    }
                })?;
        }
        Ok((keys, warnings))
    }

    /// Refuses what is more likely a mistake than meant.
    fn check(&self, keys: &KeySet, held: Option<&KeySet>) -> Result<(), String> {
        if keys.is_empty() && !self.rules.allow_empty {
            return Err("it has no key (`allow_empty` takes one without any)".to_owned());
        }
        let Some(held) = held else { return Ok(()) };
        let removed = held.keys().filter(|key| keys.key(&key.id).is_none());
        let (removed, of) = (removed.count(), held.len());
        let allowed = of.saturating_mul(self.rules.max_removed);
        if removed > FEW && removed.saturating_mul(100) > allowed && !keys.is_empty() {
            return Err(format!(
                "{removed} of {of} keys are missing from it, more than `max_removed` allows"
            ));
        }
        Ok(())
    }
}

impl Document for KeyDocument {
    type Value = KeySet;

    fn first(&self, _: Timestamp) -> Call {
        self.call.clone()
    }

    fn read(&self, answer: &Answer<'_, KeySet>) -> Result<Read<KeySet>, String> {
        let text = self.envelope.open(answer.body)?;
        let fingerprint = digest(&text);
        if answer
            .held
            .is_some_and(|held| *held.fingerprint() == fingerprint)
        {
            return Ok(Read::Unchanged);
        }
        let text = std::str::from_utf8(&text).map_err(|_| "the document is not UTF-8")?;
        let (value, mut warnings) = self.keys(text, fingerprint, answer.held)?;
        self.check(&value, answer.held)?;
        if let Some(conflict) = self.roster.conflict(self.number, &value) {
            return Err(conflict);
        }
        let over = |end: &Option<_>| {
            let end: Option<&(_, _)> = end.as_ref();
            end.is_some_and(|(end, _): &(_, Box<str>)| answer.now >= *end)
        };
        if !value.is_empty()
            && value
                .keys()
                .all(|key| key.disabled || over(&key.expires_at))
        {
            warnings
                .push("no key in it opens the gate: each is disabled or has expired".to_owned());
        }
        Ok(Read::Value {
            value,
            warnings,
            lifetime: None,
        })
    }
}

/// The records in the document: it is a list of them, or an object with one in `keys`, as `api_keys` is.
fn records(text: &str) -> Result<Vec<&RawValue>, String> {
    const EXPECTED: &str = "the document is neither a list of keys nor an object with `keys`";
    let text = text.trim();
    if text.starts_with('[') {
        return items(text).map_err(|_| "the document is not JSON".to_owned());
    }
    let members = members(text).map_err(|_| "the document is not JSON")?;
    match members.as_slice() {
        [(name, list)] if name == "keys" && list.get().starts_with('[') => {
            items(list.get()).map_err(|_| "the document is not JSON".to_owned())
        }
        _ => Err(EXPECTED.to_owned()),
    }
}
