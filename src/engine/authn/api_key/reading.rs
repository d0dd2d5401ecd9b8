//! A document of keys that is read in pieces, from the answer of a server to a set of records, or to why it is not
//! taken. Nothing of it counts before all of it was checked.

use super::document::DocumentContext;
use super::envelope::{Document, Opening};
use super::history::Succession;
use super::record::KeyDigest;
use super::records::{Next, Records};
use super::set::{KeyEntry, KeySet, Taken};
use super::text::Utf8;
use crate::json::Json;
use crate::source::{Budget, Piece, Read, Reading};
use crate::time::Timestamp;
use sha2::{Digest as _, Sha256};
use std::rc::Rc;

/// What a record costs beside its length.
const PER_RECORD: usize = 256;
/// What it costs to look for a record in another set, and to put one away.
const PER_LOOK: usize = 24;
/// How many bytes are digested for the price of one that is read as a record.
const CHEAP: usize = 8;
/// The shortest record, about: with its SHA-256.
const SHORT_RECORD: usize = 96;

/// A document that is being read.
#[derive(Debug)]
pub(super) struct KeyReading {
    context: Rc<DocumentContext>,
    /// the keys before it, however old
    before: Rc<KeySet>,
    /// whether they are in force
    is_held: bool,
    work: Work,
}

#[derive(Debug)]
enum Work {
    /// out of the answer
    Opening(Opening),
    /// is it another one than before?
    Digesting(Document, Box<Digesting>),
    /// its records
    Reading(Document, Records, Box<Draft>),
    /// what was there before and is not there now, from this place on
    Comparing(Box<Draft>, usize),
    /// what another place has too, from this place on, and how often those had changed
    Crossing(Box<Draft>, usize, u64),
    /// what is needed no more
    Clearing(Rc<KeySet>),
    Ended,
}

#[derive(Debug, Default)]
struct Digesting {
    at: usize,
    digest: Sha256,
    utf8: Utf8,
}

/// What a document says, as far as it was read.
#[derive(Debug)]
struct Draft {
    keys: KeySet,
    warnings: Vec<String>,
    changes: Succession,
    /// whether a key in it may open the gate
    opens: bool,
}

/// It is known what the document says.
#[derive(Debug)]
struct End {
    read: Result<Read<KeySet>, String>,
    /// what was made of it, if that counts for nothing
    rest: Option<KeySet>,
}

impl End {
    fn failed(why: String) -> Box<Self> {
        let (read, rest) = (Err(why), None);
        Box::new(Self { read, rest })
    }
}

impl KeyReading {
    /// Of the document that comes out of `opening`, while another one is held, or none.
    pub(super) fn new(context: Rc<DocumentContext>, opening: Opening, is_held: bool) -> Self {
        Self {
            before: context.roster.keys(context.number),
            context,
            is_held,
            work: Work::Opening(opening),
        }
    }

    /// Goes on. What comes next, or what the document says.
    fn go_on(&mut self, work: Work, budget: &mut Budget, now: Timestamp) -> Result<Work, Box<End>> {
        Ok(match work {
            Work::Opening(mut opening) => match opening.step(budget).map_err(End::failed)? {
                Some(document) => Work::Digesting(document, Box::default()),
                None => Work::Opening(opening),
            },
            Work::Digesting(document, mut digesting) => {
                match digesting.step(&document, budget).map_err(End::failed)? {
                    None => Work::Digesting(document, digesting),
                    Some(digest) if self.is_held && *self.before.fingerprint() == digest => {
                        let (read, rest) = (Ok(Read::Unchanged), None);
                        return Err(Box::new(End { read, rest }));
                    }
                    Some(digest) => {
                        let most = document.place.len() / SHORT_RECORD;
                        let draft = Draft::new(KeySet::of_document(digest, most));
                        Work::Reading(document, Records::default(), Box::new(draft))
                    }
                }
            }
            Work::Reading(document, mut records, mut draft) => {
                match self.read(&document, &mut records, &mut draft, budget, now) {
                    Ok(false) => Work::Reading(document, records, draft),
                    Ok(true) => Work::Comparing(draft, 0),
                    Err(why) => return Err(draft.refused(why)),
                }
            }
            Work::Comparing(draft, at) => self.compare(draft, at, budget)?,
            Work::Crossing(draft, at, changes) => self.cross(draft, at, changes, budget)?,
            Work::Clearing(keys) => clear(keys, budget),
            Work::Ended => Work::Ended,
        })
    }

    /// Reads records within `budget`. Whether that was all.
    fn read(
        &self,
        document: &Document,
        records: &mut Records,
        draft: &mut Draft,
        budget: &mut Budget,
        now: Timestamp,
    ) -> Result<bool, String> {
        let text = document.text.get(document.place.clone());
        while budget.is_left() {
            let (next, length) = records.next(text.unwrap_or_default())?;
            budget.spend(length);
            match next {
                Next::Record(record, place) => {
                    budget.spend(PER_RECORD);
                    self.take(record, place, draft, now)?;
                }
                Next::Between => {}
                Next::End => return Ok(true),
            }
        }
        Ok(false)
    }

    fn take(
        &self,
        record: &str,
        place: usize,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Result<(), String> {
        let json = Json::parse(record.as_bytes());
        let json = json.map_err(|_| format!("keys[{place}] is not JSON"))?;
        let read = self.context.reader.read(&json);
        let (new, warned) = read.map_err(|why| format!("keys[{place}]{why}"))?;
        let id = Rc::clone(&new.key.id);
        let is_over = new
            .key
            .expires_at
            .as_ref()
            .is_some_and(|(end, _)| now >= *end);
        draft.opens |= !new.key.disabled && !is_over;
        let warned = warned.into_iter().map(|why| format!("keys[{place}]{why}"));
        draft.warnings.extend(warned);
        let (keys, before) = (&mut draft.keys, &*self.before);
        let inserted = keys.insert(new, Some(self.context.place), Some(before));
        inserted.map_err(|taken| match taken {
            Taken::Id => format!("keys[{place}]: the id `{id}` is used by two keys"),
            Taken::Secret(other) => {
                format!("keys[{place}]: `{id}` has the same secret as `{other}`")
            }
        })?;
        match (before.record(&id), draft.keys.record(&id)) {
            (None, _) => draft.changes.added.push(&id),
            (Some(old), Some(new))
                if !Rc::ptr_eq(&old.key, &new.key) || old.current != new.current =>
            {
                draft.changes.changed.push(&id);
            }
            (Some(_), _) => {}
        }
        Ok(())
    }

    /// Looks for what was there before and is not there now.
    fn compare(
        &self,
        mut draft: Box<Draft>,
        at: usize,
        budget: &mut Budget,
    ) -> Result<Work, Box<End>> {
        let part = self.before.part(at, budget.items(PER_LOOK));
        budget.spend(part.len().max(1).saturating_mul(PER_LOOK));
        for record in part {
            draft.compare(&self.before, record);
        }
        if !part.is_empty() {
            return Ok(Work::Comparing(draft, at.saturating_add(part.len())));
        }
        // What is in force no more is no measure.
        let (removed, of) = if self.is_held {
            (draft.changes.removed.len(), self.before.len())
        } else {
            (0, 0)
        };
        match self.context.rules.check(&draft.keys, removed, of) {
            Ok(()) => Ok(Work::Crossing(draft, 0, self.context.roster.changes())),
            Err(why) => Err(draft.refused(why)),
        }
    }

    /// Looks for records that another place has too. An id may have come there while they were looked for: then all
    /// are looked for again.
    fn cross(
        &self,
        draft: Box<Draft>,
        at: usize,
        changes: u64,
        budget: &mut Budget,
    ) -> Result<Work, Box<End>> {
        let roster = &self.context.roster;
        if roster.changes() != changes {
            return Ok(Work::Crossing(draft, 0, roster.changes()));
        }
        let each = roster.len().saturating_mul(PER_LOOK);
        let part = draft.keys.part(at, budget.items(each));
        budget.spend(part.len().max(1).saturating_mul(each));
        let own = self.context.number;
        let conflict = part.iter().find_map(|record| roster.conflict(own, record));
        if let Some(conflict) = conflict {
            return Err(draft.refused(conflict));
        }
        if part.is_empty() {
            return Err(draft.accepted());
        }
        let next = at.saturating_add(part.len());
        Ok(Work::Crossing(draft, next, changes))
    }
}

/// Puts away some of `keys`, unless they are in force.
fn clear(keys: Rc<KeySet>, budget: &mut Budget) -> Work {
    let Ok(mut keys) = Rc::try_unwrap(keys) else {
        return Work::Ended;
    };
    let max = budget.items(PER_LOOK);
    budget.spend(max.min(keys.len()).saturating_mul(PER_LOOK));
    if keys.shrink(max) {
        Work::Clearing(Rc::new(keys))
    } else {
        Work::Ended
    }
}

impl Reading<KeySet> for KeyReading {
    fn step(&mut self, budget: &mut Budget, now: Timestamp) -> Piece<KeySet> {
        let work = std::mem::replace(&mut self.work, Work::Ended);
        match self.go_on(work, budget, now) {
            Ok(Work::Ended) => Piece::Ended,
            Ok(work) => {
                self.work = work;
                Piece::More
            }
            Err(end) => {
                // Of a document that counts, it is the one before it that is put away.
                let rest = end.rest.map(Rc::new);
                let rest = rest.unwrap_or_else(|| std::mem::take(&mut self.before));
                self.work = Work::Clearing(rest);
                Piece::Read(end.read)
            }
        }
    }
}

impl Digesting {
    /// The SHA-256 of `document`, once all of it was read.
    fn step(
        &mut self,
        document: &Document,
        budget: &mut Budget,
    ) -> Result<Option<KeyDigest>, String> {
        let text = document.text.get(document.place.clone());
        let text = text.unwrap_or_default();
        let max = budget.items(1).saturating_mul(CHEAP);
        let end = self.at.saturating_add(max).min(text.len());
        let piece = text.get(self.at..end).unwrap_or_default();
        budget.spend(piece.len() / CHEAP);
        self.digest.update(piece);
        self.at = end;
        let is_text = self.utf8.step(text, max);
        let is_text = is_text.map_err(|()| "the document is not UTF-8")?;
        let done = end == text.len() && is_text;
        Ok(done.then(|| std::mem::take(&mut self.digest).finalize().into()))
    }
}

impl Draft {
    /// Without a record, to be filled into `keys`.
    fn new(keys: KeySet) -> Self {
        Self {
            keys,
            warnings: Vec::new(),
            changes: Succession::default(),
            opens: false,
        }
    }

    /// It is not taken.
    fn refused(self, why: String) -> Box<End> {
        let (read, rest) = (Err(why), Some(self.keys));
        Box::new(End { read, rest })
    }

    /// All of it was checked.
    fn accepted(mut self) -> Box<End> {
        if !self.keys.is_empty() && !self.opens {
            let warning = "no key in it opens the gate: each is disabled or has expired";
            self.warnings.push(warning.to_owned());
        }
        self.keys.follow(self.changes);
        let read = Ok(Read::Value {
            value: self.keys,
            warnings: self.warnings,
            lifetime: None,
        });
        Box::new(End { read, rest: None })
    }

    /// What becomes of `record`, of the keys before it.
    fn compare(&mut self, before: &KeySet, record: &KeyEntry) {
        if self.keys.record(&record.key.id).is_none() {
            self.changes.removed.push(&record.key.id);
        }
        for digest in record.digests() {
            let (Some(old), next) = (before.find(digest), self.keys.find(digest)) else {
                continue;
            };
            if !next.is_some_and(|next| old.goes_on_as(next)) {
                self.changes.ended.push(Rc::clone(old));
            }
        }
    }
}
