//! Every set of keys of one configuration.

use super::set::{KeyEntry, KeySet, Taken};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// All sets of keys of one configuration, by the names that logs have for where they are from: an id and a secret
/// are in one of them.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    places: RefCell<Vec<(Rc<str>, Rc<KeySet>)>>,
    changes: Cell<u64>,
}

impl Roster {
    /// Adds a place with these keys. Gives its number.
    pub(crate) fn add(&self, name: &str, keys: Rc<KeySet>) -> usize {
        let mut places = self.places.borrow_mut();
        places.push((name.into(), keys));
        places.len().saturating_sub(1)
    }

    /// The place has these keys from now on.
    pub(super) fn put(&self, number: usize, keys: &Rc<KeySet>) {
        if let Some((_, own)) = self.places.borrow_mut().get_mut(number) {
            *own = Rc::clone(keys);
            self.changes.set(self.changes.get().saturating_add(1));
        }
    }

    /// What the place has.
    pub(super) fn keys(&self, number: usize) -> Rc<KeySet> {
        let places = self.places.borrow();
        let keys = places.get(number).map(|(_, keys)| Rc::clone(keys));
        keys.unwrap_or_default()
    }

    /// How often a place has got other keys.
    pub(super) const fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.places.borrow().len()
    }

    /// What `record`, of the place `own`, has in common with another place.
    pub(super) fn conflict(&self, own: usize, record: &KeyEntry) -> Option<String> {
        let places = self.places.borrow();
        let others = places.iter().enumerate().filter(|(place, _)| *place != own);
        others.into_iter().find_map(|(_, (name, other))| {
            let id = &record.key.id;
            Some(match other.has_of(record)? {
                Taken::Id => format!("the key `{id}` is in {name} too"),
                Taken::Secret(there) => {
                    format!("the key `{id}` has the same secret as `{there}` in {name}")
                }
            })
        })
    }
}
