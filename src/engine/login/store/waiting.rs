//! How many requests of a worker wait for the store: what they hold meanwhile is everybody's.

use std::cell::Cell;
use std::rc::Rc;

/// How many may.
pub(crate) const MAX_WAITING: u32 = 256;
/// After how many calls in a row without an answer one at a time may.
const SILENT: u32 = 4;

/// Those of one worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    count: Rc<Cell<u32>>,
    /// how many calls in a row had no answer
    unanswered: Rc<Cell<u32>>,
}

/// One of them. Dropping it makes room.
#[derive(Debug)]
pub(crate) struct Waiter(Waiting);

impl Waiting {
    /// Another one, if there is room.
    pub(crate) fn enter(&self) -> Option<Waiter> {
        let max = if self.unanswered.get() < SILENT {
            MAX_WAITING
        } else {
            1
        };
        let now = self.count.get();
        (now < max).then(|| {
            self.count.set(now.saturating_add(1));
            Waiter(self.clone())
        })
    }
}

impl Waiter {
    /// Its call has come to an end, with an answer of the store or without.
    pub(crate) fn ended(self, with_answer: bool) {
        let before = self.0.unanswered.get();
        let unanswered = if with_answer {
            0
        } else {
            before.saturating_add(1)
        };
        self.0.unanswered.set(unanswered);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let count = &self.0.count;
        count.set(count.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_silent_is_waited_for_by_one_at_a_time_until_it_answers() {
        let waiting = Waiting::default();
        let all: Vec<_> = (0..MAX_WAITING).map(|_| waiting.enter().unwrap()).collect();
        assert!(waiting.enter().is_none());
        drop(all);
        for number in 0..SILENT {
            let others = waiting.enter();
            let one = waiting.enter();
            assert!(others.is_some() && one.is_some(), "{number}");
            one.unwrap().ended(false);
        }
        let one = waiting.enter().unwrap();
        assert!(waiting.enter().is_none());
        one.ended(true);
        let both = (waiting.enter(), waiting.enter());
        assert!(both.0.is_some() && both.1.is_some());
    }
}
