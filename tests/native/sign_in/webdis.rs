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
    /// marks of logout tokens that came before: how many sessions ended, and for how many seconds each stands
    pub said: RefCell<BTreeMap<String, (usize, i64)>>,
    /// places at which nothing begins any more
    pub ended: RefCell<Vec<String>>,
    /// how many commands came
    pub count: Cell<u32>,
    /// whether what is asked is done, where `answer` stands in place of every answer
    pub is_deaf: Cell<bool>,
    /// the time, in seconds
    pub now: Cell<i64>,
    /// who has which lock, and until when
    pub locks: RefCell<BTreeMap<String, (String, i64)>>,
    /// since when a refresh is under way without an end, and how many have failed
    refreshes: RefCell<BTreeMap<String, (Option<i64>, u32)>>,
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
        let is_down = self.answer.borrow().is_some() && !self.is_deaf.get();
        if words[0] == "GET" {
            let found = self.sessions.borrow();
            return ("load", found.get(&words[1]).map(|one| one.0.clone()).into());
        }
        assert_eq!(words[0], "EVAL");
        let script = words[1].as_str();
        let count: usize = words[2].parse().unwrap();
        let (keys, arguments) = words[3..].split_at(count);
        if let Some(found) = self.lock(script, keys, arguments, is_down) {
            return found;
        }
        let mut sessions = self.sessions.borrow_mut();
        let mut places = self.places.borrow_mut();
        if script.contains("ZADD") {
            let has_ended = |place: &String| self.ended.borrow().contains(place);
            if keys[1..].iter().any(has_ended) {
                return ("create", "ended".into());
            }
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
        } else if script.contains("ZRANGE',k,") {
            if is_down {
                return ("end", Value::Null);
            }
            let (places_of, said) = match arguments.get(1) {
                Some(_) => keys.split_at(keys.len() - 1),
                None => (keys, &keys[..0]),
            };
            let mut before = self.said.borrow_mut();
            if let Some((count, _)) = said.first().and_then(|said| before.get(said)) {
                return ("end", count.to_string().into());
            }
            let names = places_of.iter().filter_map(|place| places.remove(place));
            let names: Vec<_> = names.flatten().collect();
            let ended = names.iter().filter(|name| sessions.remove(*name).is_some());
            let count = ended.count();
            if arguments.len() > 2 {
                self.ended.borrow_mut().push(keys[0].clone());
            }
            if let Some(said) = said.first() {
                let seconds = arguments[1].parse().unwrap();
                before.insert(said.clone(), (count, seconds));
            }
            ("end", count.into())
        } else {
            assert!(script.contains("'DEL',KEYS[1]"), "{script}");
            if !is_down {
                sessions.remove(&keys[0]);
            }
            ("remove", 1.into())
        }
    }

    /// The same of scripts about locks.
    fn lock(
        &self,
        script: &str,
        keys: &[String],
        arguments: &[String],
        is_down: bool,
    ) -> Option<(&'static str, Value)> {
        let name = if script.contains("'newer'") {
            "claim"
        } else if script.contains("KEEPTTL") {
            "save"
        } else if script.contains("KEYS[1],KEYS[2],KEYS[3]") {
            "end refused"
        } else if script.contains("HINCRBY") {
            "fail"
        } else if script.contains("'HDEL',KEYS[3],'since'") {
            "release"
        } else {
            return None;
        };
        if is_down {
            return Some((name, Value::Null));
        }
        let now = self.now.get();
        let mut locks = self.locks.borrow_mut();
        locks.retain(|_, (_, until)| *until > now);
        let seconds = |text: &String| text.parse::<i64>().unwrap() / 1000;
        let mut refreshes = self.refreshes.borrow_mut();
        if name == "fail" {
            let [lock, known, session] = keys else {
                panic!()
            };
            if !self.sessions.borrow().contains_key(session) {
                return Some((name, Value::Null));
            }
            if locks.get(lock).map(|(owner, _)| owner) == Some(&arguments[0]) {
                let (since, failures) = refreshes.entry(known.clone()).or_default();
                (*since, *failures) = (None, *failures + 1);
                let wait = seconds(&arguments[1]) * (1 << (*failures - 1).min(16));
                let until = now + wait.min(seconds(&arguments[2]));
                locks.insert(lock.clone(), ("-".to_owned(), until));
            }
            return Some((name, json!(["done"])));
        }
        let [session, lock, known, places @ ..] = keys else {
            panic!()
        };
        let mut sessions = self.sessions.borrow_mut();
        let Some((text, _)) = sessions.get_mut(session) else {
            return Some((name, Value::Null));
        };
        let held = locks.get(lock).map(|(owner, _)| owner.clone());
        let own = held.as_ref() == Some(&arguments[0]);
        let is_other = |seen: &String| !text.starts_with(seen.as_str());
        let value = match name {
            "claim" if !text.starts_with(&arguments[2]) => json!(["newer", text]),
            "claim" => match held.as_deref() {
                Some("-") => json!(["failed"]),
                Some(_) => {
                    let since = refreshes.get(known).and_then(|(since, _)| *since);
                    let since = since.filter(|since| *since > 0).map_or(0, |at| now - at);
                    json!(["held", (since * 1000).to_string()])
                }
                None if arguments[3] != "1" => json!(["free"]),
                None => {
                    let until = now + seconds(&arguments[1]);
                    locks.insert(lock.clone(), (arguments[0].clone(), until));
                    let (since, _) = refreshes.entry(known.clone()).or_default();
                    *since = match *since {
                        None => Some(0),
                        Some(0) => Some(now),
                        begun => begun,
                    };
                    json!(["taken"])
                }
            },
            "save" => {
                if !text.starts_with(&arguments[3]) {
                    let is_taken = held.as_deref().is_some_and(|held| held != "-");
                    if !own && (is_taken || is_other(&arguments[2])) {
                        return Some((name, json!(["other", text])));
                    }
                    text.clone_from(&arguments[1]);
                    if let [now, before] = places {
                        let mut places = self.places.borrow_mut();
                        let names = places.entry(before.clone()).or_default();
                        names.retain(|name| name != session);
                        places.entry(now.clone()).or_default().push(session.clone());
                    }
                }
                match seconds(&arguments[4]) {
                    0 => {
                        if own || held.as_deref() == Some("-") {
                            locks.remove(lock);
                        }
                        refreshes.remove(known);
                    }
                    lease if own || held.is_none() => {
                        locks.insert(lock.clone(), (arguments[0].clone(), now + lease));
                    }
                    _ => {}
                }
                json!(["done"])
            }
            "release" => {
                if own {
                    locks.remove(lock);
                    let begun = refreshes.get_mut(known);
                    if let Some((since, _)) = begun.filter(|(since, _)| *since == Some(0)) {
                        *since = None;
                    }
                }
                json!(["done"])
            }
            _ if !own && (held.is_some() || is_other(&arguments[1])) => json!(["other", text]),
            _ => {
                sessions.remove(session);
                locks.remove(lock);
                refreshes.remove(known);
                json!(["done"])
            }
        };
        Some((name, value))
    }

    /// The name and the text of its only session.
    pub(super) fn only(&self) -> (String, String) {
        let sessions = self.sessions.borrow();
        assert_eq!(sessions.len(), 1);
        let (name, (text, _)) = sessions.iter().next().unwrap();
        (name.clone(), text.clone())
    }
}
