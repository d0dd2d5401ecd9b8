//! Sessions that no cookie holds: a Redis keeps them, sealed, and a browser carries a ticket.
//!
//! Redis sees names that the gate has drawn, sealed sessions, and hashes of subjects. Whoever reads it learns when
//! somebody is signed in, and neither who it is nor a ticket; whoever writes to it can end sessions, and make none: each
//! is sealed for its own name.

mod lock;
mod ticket;
mod waiting;
mod webdis;

pub(crate) use lock::{Claim, Lock, Written, claimed, written};
pub(crate) use ticket::Ticket;
pub(crate) use waiting::Waiter;
use waiting::Waiting;
pub(crate) use webdis::{Answer, Webdis};

use crate::source::{Call, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The most sessions that somebody has at a time. A new one ends that which would end first.
pub(crate) const MAX_OF_SUBJECT: usize = 256;

/// The longest time from the redemption of a code until its session is kept, in seconds.
const MAX_SIGN_IN: i64 = 120;

/// Reads a session, and has it end later. Argument: after how many seconds.
const USE: &str =
    "local v=redis.call('GET',KEYS[1]) if v then redis.call('EXPIRE',KEYS[1],ARGV[1]) end return v";

/// Keeps a new session, and notes it where it is looked for. Where there are too many, names whose session is gone make room
/// first, then those that would end first, and never the new one: whoever has just signed in is signed in. Answers 1 if so.
/// At a place that has ended meanwhile nothing begins.
///
/// Keys: the session, then the places. Arguments: the sealed session, for how many seconds at first, its name, the time, its
/// end, what names of sessions begin with, and for how many seconds in all.
const CREATE: &str = "for i=2,#KEYS do if redis.call('EXISTS',KEYS[i]..':ended')==1 then return 'ended' end end \
    redis.call('SET',KEYS[1],ARGV[1],'EX',ARGV[2]) \
    for i=2,#KEYS do local k=KEYS[i] \
    redis.call('ZREMRANGEBYSCORE',k,'-inf',ARGV[4]) \
    redis.call('ZADD',k,ARGV[5],ARGV[3]) \
    local n=redis.call('ZCARD',k)-256 \
    if n>0 then for _,s in ipairs(redis.call('ZRANGE',k,0,-1)) do \
    if redis.call('EXISTS',ARGV[6]..s)==0 then n=n-redis.call('ZREM',k,s) end end end \
    if n>0 then for _,s in ipairs(redis.call('ZRANGE',k,0,n)) do \
    if n>0 and s~=ARGV[3] then redis.call('DEL',ARGV[6]..s) n=n-redis.call('ZREM',k,s) end end end \
    if redis.call('TTL',k)<tonumber(ARGV[7]) then redis.call('EXPIRE',k,ARGV[7]) end end \
    return redis.call('EXISTS',KEYS[1])";

/// Ends the sessions that are noted at some places, and answers with their number. What makes room is done first, so that a
/// Redis that is full does it too. Where it was done before by the same mark, the answer is the number of then, as a text.
///
/// Keys: the places, and behind them a mark where this may be done once. Arguments: what names of sessions begin with, for
/// how many seconds the mark stands, if there is one, and for how many nothing begins at the first place, if that has ended.
const END: &str = "local m=ARGV[2] and KEYS[#KEYS] local v=m and redis.call('GET',m) if v then return v end \
    local n=0 \
    for _,k in ipairs(KEYS) do if k~=m then \
    for _,s in ipairs(redis.call('ZRANGE',k,0,-1)) do n=n+redis.call('DEL',ARGV[1]..s) end \
    redis.call('DEL',k) end end \
    if m then redis.call('SET',m,n,'EX',ARGV[2]) end \
    if ARGV[3] then redis.call('SET',KEYS[1]..':ended','1','EX',ARGV[3]) end \
    return n";

/// The names of the sessions that are noted at a place and have not ended.
const LIST: &str = "return redis.call('ZRANGEBYSCORE',KEYS[1],'('..ARGV[1],'+inf')";

/// Where sessions are kept, as the configuration has it.
#[derive(Debug)]
pub(crate) struct Store {
    webdis: Webdis,
    /// what all its keys begin with
    prefix: String,
    /// what tells this gate from others in the same store
    gate: String,
    waiting: Waiting,
}

/// When a session begins and ends, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// the time
    pub now: i64,
    /// when it ends in any case
    pub ends: i64,
    /// after how long unused, if that ends it
    pub idle: Option<i64>,
}

/// What sessions are looked for by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// the person, as log lines have it
    Subject(&'a str),
    /// the person, as the provider has it (`sub`)
    Sub(&'a str),
    /// the session at the provider (`sid`)
    Sid(&'a str),
    /// the person, as the provider has it, in a session of which it did not say which one it is there
    Unnamed(&'a str),
}

/// How many sessions have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// so many, now
    Now(u64),
    /// so many, when this was said before
    Before(u64),
}

impl Place<'_> {
    const fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Subject(text) => ("subject", text),
            Self::Sub(text) => ("sub", text),
            Self::Sid(text) => ("sid", text),
            Self::Unnamed(text) => ("unnamed", text),
        }
    }
}

impl Store {
    /// The store of `gate` behind `webdis`, whose keys all begin with `prefix`.
    pub(crate) fn new(webdis: Webdis, prefix: String, gate: &str) -> Self {
        Self {
            webdis,
            prefix,
            gate: gate.to_owned(),
            waiting: Waiting::default(),
        }
    }

    /// A place among the requests that wait for a session to be read, if there is one.
    pub(crate) fn wait(&self) -> Option<Waiter> {
        self.waiting.enter()
    }

    /// How long its answers are waited for.
    pub(crate) const fn timeout(&self) -> Duration {
        self.webdis.timeout
    }

    /// The call that reads the session called `name`, and with `idle` has it end after so many seconds unless it is read
    /// again. [`found`] reads the answer.
    pub(crate) fn load(&self, name: &str, idle: Option<i64>) -> Call {
        let key = self.key("session", name);
        match idle {
            None => self.webdis.call(&["GET", &key]),
            Some(seconds) => self.script(USE, &[key], &[&seconds.max(1).to_string()]),
        }
    }

    /// The call that keeps the session called `name`, `sealed`, within these `times`, and notes it at these `places`.
    /// [`done`] reads the answer.
    pub(crate) fn create(
        &self,
        name: &str,
        sealed: &str,
        times: Times,
        places: &[Place<'_>],
    ) -> Call {
        let mut keys = vec![self.key("session", name)];
        keys.extend(places.iter().map(|place| self.place(*place)));
        let whole = times.ends.saturating_sub(times.now).max(1);
        let first = times.idle.map_or(whole, |idle| whole.min(idle.max(1)));
        let [whole, first, now, ends] =
            [whole, first, times.now, times.ends].map(|number| number.to_string());
        let sessions = self.key("session", "");
        let arguments = [sealed, &first, name, &now, &ends, &sessions, &whole];
        self.script(CREATE, &keys, &arguments)
    }

    /// The call that ends the session called `name`. [`done`] reads the answer.
    pub(crate) fn remove(&self, name: &str) -> Call {
        let key = self.key("session", name);
        self.script("redis.call('DEL',KEYS[1]) return 1", &[key], &[])
    }

    /// The call that ends the sessions that are noted at these `places`. With `once`, a word and for how many seconds it
    /// counts, nothing is done if that word was said before. [`ended`] reads the answer.
    pub(crate) fn end(&self, places: &[Place<'_>], once: Option<(&str, i64)>) -> Call {
        let mut keys: Vec<_> = places.iter().map(|place| self.place(*place)).collect();
        let mut arguments = vec![self.key("session", "")];
        if let Some((word, seconds)) = once {
            keys.push(self.key("said", &self.hashed("said", word)));
            arguments.push(seconds.max(1).to_string());
            // A session at the provider does not begin again, and a sign-in of it may be under way.
            if let Some(Place::Sid(_)) = places.first() {
                arguments.push(MAX_SIGN_IN.to_string());
            }
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.script(END, &keys, &arguments)
    }

    /// The call that asks for the names of the sessions at `place` which end after `now`, in seconds. [`names`] reads the
    /// answer.
    pub(crate) fn list(&self, place: Place<'_>, now: i64) -> Call {
        self.script(LIST, &[self.place(place)], &[&now.to_string()])
    }

    fn script(&self, text: &str, keys: &[String], arguments: &[&str]) -> Call {
        let count = keys.len().to_string();
        let mut words = vec!["EVAL", text, &count];
        words.extend(keys.iter().map(String::as_str));
        words.extend(arguments);
        self.webdis.call(&words)
    }

    fn key(&self, kind: &str, name: &str) -> String {
        [&self.prefix, kind, ":", name].concat()
    }

    fn place(&self, place: Place<'_>) -> String {
        let (kind, text) = place.parts();
        self.key(kind, &self.hashed(kind, text))
    }

    /// A hash of `text`, another one for each kind of key and each gate.
    fn hashed(&self, kind: &str, text: &str) -> String {
        let mut hash = Sha256::new();
        for part in [&self.gate, kind, text] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }
}

/// The sealed session that `response` to [`Store::load`] with `idle` holds, if there is one.
///
/// # Errors
/// Why nobody can know.
pub(crate) fn found(idle: Option<i64>, response: &Response<'_>) -> Result<Option<String>, String> {
    let command = if idle.is_some() { "EVAL" } else { "GET" };
    match webdis::answer(command, response)? {
        Answer::Nil => Ok(None),
        Answer::Text(text) => Ok(Some(text)),
        _ => Err(unexpected()),
    }
}

/// Whether what was asked was done.
///
/// # Errors
/// It was not, or nobody can know.
pub(crate) fn done(response: &Response<'_>) -> Result<(), String> {
    match webdis::answer("EVAL", response)? {
        Answer::Number(1) => Ok(()),
        Answer::Text(word) if word == "ended" => {
            Err("the provider has ended this session meanwhile".to_owned())
        }
        _ => Err(unexpected()),
    }
}

/// How many sessions have ended.
///
/// # Errors
/// Nobody can know.
pub(crate) fn ended(response: &Response<'_>) -> Result<Ended, String> {
    match webdis::answer("EVAL", response)? {
        Answer::Number(count) => Ok(Ended::Now(count)),
        Answer::Text(count) => {
            let count = count.parse().map_err(|_| unexpected())?;
            Ok(Ended::Before(count))
        }
        _ => Err(unexpected()),
    }
}

/// The names of sessions.
///
/// # Errors
/// Nobody can know.
pub(crate) fn names(response: &Response<'_>) -> Result<Vec<String>, String> {
    match webdis::answer("EVAL", response)? {
        Answer::Texts(names) if names.len() <= MAX_OF_SUBJECT => Ok(names),
        _ => Err(unexpected()),
    }
}

fn unexpected() -> String {
    "Redis answered with something else than what was asked".to_owned()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
