//! A Redis behind webdis, as far as the gate uses one. What the scripts really do is tried on a real one, in
//! `tests/e2e/test_session_store.py`.

use super::decoded;
use ollama_gate_engine::Call;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// What it holds, and how it behaves.
#[derive(Debug, Default)]
pub(super) struct Webdis {
    /// sealed sessions, and for how many seconds each
    pub sessions: RefCell<BTreeMap<String, (String, i64)>>,
    /// names of sessions, by place
    pub places: RefCell<BTreeMap<String, Vec<String>>>,
    /// in place of every answer; `None` is none at all
    pub answer: RefCell<Option<Answer>>,
    /// how many commands came
    pub count: Cell<u32>,
}

/// An answer: its status and its body; `None` is none at all.
pub(super) type Answer = Option<(u16, Vec<u8>)>;

impl Webdis {
    /// What was asked, in a word, and the answer.
    pub(super) fn serve(&self, call: &Call) -> (String, Answer) {
        self.count.set(self.count.get() + 1);
        assert_eq!((call.method(), call.url().path()), ("POST", "/"));
        let body = String::from_utf8(call.body().unwrap().to_vec()).unwrap();
        assert!(!body.contains('.'), "webdis takes a dot for an ending");
        let words: Vec<_> = body.split('/').map(decoded).collect();
        let (asked, value) = self.run(&words);
        let answer = json!({ words[0].as_str(): value }).to_string();
        let own = self.answer.borrow().clone();
        let answer = own.unwrap_or_else(|| Some((200, answer.into_bytes())));
        (asked.to_owned(), answer)
    }

    fn run(&self, words: &[String]) -> (&'static str, Value) {
        // What cannot be reached does nothing.
        let is_down = self.answer.borrow().is_some();
        if words[0] == "GET" {
            let found = self.sessions.borrow();
            return ("load", found.get(&words[1]).map(|one| one.0.clone()).into());
        }
        assert_eq!(words[0], "EVAL");
        let script = words[1].as_str();
        let count: usize = words[2].parse().unwrap();
        let (keys, arguments) = words[3..].split_at(count);
        let mut sessions = self.sessions.borrow_mut();
        let mut places = self.places.borrow_mut();
        if script.contains("ZADD") {
            if !is_down {
                let kept = (arguments[0].clone(), arguments[1].parse().unwrap());
                sessions.insert(keys[0].clone(), kept);
                for place in &keys[1..] {
                    let names = places.entry(place.clone()).or_default();
                    names.push(keys[0].clone());
                }
            }
            ("create", 1.into())
        } else if script.contains("'EXPIRE',KEYS[1]") {
            let found = sessions.get_mut(&keys[0]).map(|kept| {
                kept.1 = arguments[0].parse().unwrap();
                kept.0.clone()
            });
            ("use", found.into())
        } else if script.contains("ZRANGE',KEYS[1]") {
            let names = places.remove(&keys[0]).unwrap_or_default();
            let ended = names.iter().filter(|name| sessions.remove(*name).is_some());
            ("end", ended.count().into())
        } else {
            assert!(script.contains("'DEL',KEYS[1]"), "{script}");
            if !is_down {
                sessions.remove(&keys[0]);
            }
            ("remove", 1.into())
        }
    }

    /// The name and the text of its only session.
    pub(super) fn only(&self) -> (String, String) {
        let sessions = self.sessions.borrow();
        assert_eq!(sessions.len(), 1);
        let (name, (text, _)) = sessions.iter().next().unwrap();
        (name.clone(), text.clone())
    }
}
