//! A document of keys, as something that is fetched, and what is taken for a mistake in one.

use super::envelope::Envelope;
use super::reading::KeyReading;
use super::record::NewKey;
use super::roster::Roster;
use super::set::KeySet;
use crate::json::Json;
use crate::source::{Answer, Call, Document, Read};
use crate::time::Timestamp;
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

/// A document of keys, as something that is fetched.
#[derive(Debug)]
pub(crate) struct KeyDocument {
    /// how it is asked for
    pub call: Call,
    /// what it comes in
    pub envelope: Envelope,
    /// what its records are held against
    pub context: Rc<DocumentContext>,
}

/// What the records of a document are held against.
#[derive(Debug)]
pub(crate) struct DocumentContext {
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

impl DocumentRules {
    /// Refuses what is more likely a mistake than meant: `keys` of a document before which `of` keys were held, and
    /// which lacks so many of them.
    pub(super) fn check(self, keys: &KeySet, removed: usize, of: usize) -> Result<(), String> {
        if keys.is_empty() && !self.allow_empty {
            return Err("it has no key (`allow_empty` takes one without any)".to_owned());
        }
        let allowed = of.saturating_mul(self.max_removed);
        if removed > FEW && removed.saturating_mul(100) > allowed && !keys.is_empty() {
            return Err(format!(
                "{removed} of {of} keys are missing from it, more than `max_removed` allows"
            ));
        }
        Ok(())
    }
}

impl KeyDocument {
    /// Its keys are these from now on.
    pub(super) fn is_held(&self, keys: &Rc<KeySet>) {
        self.context.roster.put(self.context.number, keys);
    }
}

impl Document for KeyDocument {
    type Value = KeySet;

    fn first(&self, _: Timestamp) -> Call {
        self.call.clone()
    }

    fn read(&self, answer: &Answer<'_, KeySet>) -> Result<Read<KeySet>, String> {
        let opening = self.envelope.open(answer.body.to_vec());
        let context = Rc::clone(&self.context);
        let reading = KeyReading::new(context, opening, answer.held.is_some());
        Ok(Read::InPieces(Box::new(reading)))
    }
}
