//! The lock by which all gates of a store agree on who refreshes a session.
//!
//! It lapses by itself, and whoever holds it makes it last longer when it keeps what it has got so far. What is written
//! goes by the session that was read: one that somebody else has refreshed, ended or revoked meanwhile stays as it is.

use super::{Answer, Place, Store, unexpected, webdis};
use crate::source::{Call, Response};
use crate::time::Timestamp;

/// Takes the lock of a session, if nobody has it and the session is the one that was read.
///
/// Keys: the session, its lock, and what is known of its refreshes. Arguments: the owner, for how many milliseconds, what
/// the session begins with, `1` if the lock is to be taken, and when the session ends in any case, in milliseconds. What is
/// known of its refreshes lasts until then: a session may go on unused for less than that.
///
/// `since` is when it was first begun without an end. One that was broken off is forgiven: whoever closes a page is no
/// reason to hold up the next one.
const CLAIM: &str = "local v=redis.call('GET',KEYS[1]) if not v then return false end \
    if string.sub(v,1,#ARGV[3])~=ARGV[3] then return {'newer',v} end \
    local held=redis.call('GET',KEYS[2]) \
    if held=='-' then return {'failed'} end \
    local t=redis.call('TIME') local now=t[1]*1000+math.floor(t[2]/1000) \
    local since=tonumber(redis.call('HGET',KEYS[3],'since') or '-1') \
    if held then if since<1 then return {'held','0'} end return {'held',string.format('%.0f',math.max(0,now-since))} end \
    if ARGV[4]~='1' then return {'free'} end \
    redis.call('SET',KEYS[2],ARGV[1],'NX','PX',ARGV[2]) \
    if since<0 then since=0 elseif since==0 then since=now end \
    redis.call('HSET',KEYS[3],'since',string.format('%.0f',since)) \
    redis.call('PEXPIREAT',KEYS[3],string.format('%.0f',math.max(ARGV[5],now+2*ARGV[2]))) \
    return {'taken'}";

/// Keeps a session that was refreshed in place of the one that was read, with the end that it has. The lock is given up, or
/// made to last longer.
///
/// Keys: as above; and where it is noted from now on, and no more. Arguments: the owner, the sealed session, what the one
/// that was read begins with, what this one begins with, for how many milliseconds the lock lasts from now on, or `0`, its
/// name, and its end in seconds. A lock that has lapsed is no harm while nobody else has taken it, or had no answer by it
/// either, and the session is the one that was read. Where the answer to this was lost, it is done.
const SAVE: &str = "local v=redis.call('GET',KEYS[1]) if not v then return false end \
    local held=redis.call('GET',KEYS[2]) \
    if string.sub(v,1,#ARGV[4])~=ARGV[4] then \
    if held~=ARGV[1] and ((held and held~='-') or string.sub(v,1,#ARGV[3])~=ARGV[3]) then return {'other',v} end \
    redis.call('SET',KEYS[1],ARGV[2],'XX','KEEPTTL') \
    if KEYS[4] then redis.call('ZADD',KEYS[4],ARGV[7],ARGV[6]) redis.call('ZREM',KEYS[5],ARGV[6]) \
    local t=redis.call('TTL',KEYS[4]) if t<0 or t<redis.call('TTL',KEYS[1]) then redis.call('EXPIREAT',KEYS[4],ARGV[7]) end end end \
    if ARGV[5]~='0' then if held==ARGV[1] or not held then redis.call('SET',KEYS[2],ARGV[1],'PX',ARGV[5]) end return {'done'} end \
    if held==ARGV[1] or held=='-' then redis.call('DEL',KEYS[2]) end \
    redis.call('DEL',KEYS[3]) \
    return {'done'}";

/// Ends a session that the provider does not know any more.
///
/// Keys: as above. Arguments: the owner, and what the session that was read begins with.
const END: &str = "local v=redis.call('GET',KEYS[1]) if not v then return false end \
    local held=redis.call('GET',KEYS[2]) \
    if held~=ARGV[1] and (held or string.sub(v,1,#ARGV[2])~=ARGV[2]) then return {'other',v} end \
    redis.call('DEL',KEYS[1],KEYS[2],KEYS[3]) \
    return {'done'}";

/// Notes that the provider gave no answer: for a while nobody can take the lock, each time for longer.
///
/// Keys: the lock, what is known of the session's refreshes, and the session. Arguments: the owner, and how many milliseconds that is at
/// first and at the most.
const FAIL: &str = "if redis.call('EXISTS',KEYS[3])==0 then return false end \
    if redis.call('GET',KEYS[1])~=ARGV[1] then return {'done'} end \
    local n=redis.call('HINCRBY',KEYS[2],'failures',1) redis.call('HDEL',KEYS[2],'since') \
    local wait=math.min(ARGV[2]*2^math.min(n-1,16),tonumber(ARGV[3])) \
    redis.call('SET',KEYS[1],'-','PX',string.format('%.0f',wait)) \
    return {'done'}";

/// Gives the lock up: whoever took it did not ask. When others began without an answer, and how often there was none, stays.
///
/// Keys: as above. Argument: the owner.
const RELEASE: &str = "if redis.call('EXISTS',KEYS[1])==0 then return false end \
    if redis.call('GET',KEYS[2])==ARGV[1] then redis.call('DEL',KEYS[2]) \
    if redis.call('HGET',KEYS[3],'since')=='0' then redis.call('HDEL',KEYS[3],'since') end end \
    return {'done'}";

/// How many characters of a sealed session tell it from every other: its nonce is among them.
const BEGINNING: usize = 48;

/// The lock of one session, for whoever wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    name: String,
    owner: String,
    seen: String,
}

/// Who refreshes a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// whoever asked
    Taken,
    /// somebody else, who began so many milliseconds ago
    Held(i64),
    /// nobody at the moment: the provider gave no answer for it
    Failed,
    /// nobody, and whoever asked did not want to
    Free,
    /// it was refreshed: it is this one by now, sealed
    Newer(String),
    /// nobody: there is none any more
    Gone,
}

/// What became of something that was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// it was
    Done,
    /// it was not: somebody else has the lock, and the session is this one, sealed
    Other(String),
    /// it was not: the session has ended
    Gone,
}

impl Lock {
    /// That of the session called `name` which was read as `sealed`, for `owner`: a word that nobody else has.
    pub(crate) fn new(name: &str, owner: String, sealed: &str) -> Self {
        Self {
            name: name.to_owned(),
            owner,
            seen: beginning(sealed).to_owned(),
        }
    }

    /// The session is `sealed` by now, by its own owner.
    pub(crate) fn saw(&mut self, sealed: &str) {
        beginning(sealed).clone_into(&mut self.seen);
    }

    /// The session's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The same, of this owner.
    pub(crate) fn of(self, owner: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            ..self
        }
    }

    /// Its owner.
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    /// Whether the session that was read is `sealed`.
    pub(crate) fn is_of(&self, sealed: &str) -> bool {
        beginning(sealed) == self.seen
    }
}

fn beginning(sealed: &str) -> &str {
    sealed.get(..BEGINNING).unwrap_or(sealed)
}

impl Store {
    /// The call that takes `lock` for `lease` seconds; without a lease it asks who has it. The session `ends` in any case.
    /// [`claimed`] reads the answer.
    pub(crate) fn claim(&self, lock: &Lock, lease: Option<i64>, ends: Timestamp) -> Call {
        let milliseconds = lease.unwrap_or(1).saturating_mul(1000).to_string();
        let wanted = if lease.is_some() { "1" } else { "0" };
        let ends = ends.milliseconds().to_string();
        let arguments = [
            lock.owner.as_str(),
            &milliseconds,
            &lock.seen,
            wanted,
            &ends,
        ];
        self.script(CLAIM, &self.keys_of(lock), &arguments)
    }

    /// The call that keeps the session, `sealed` anew. The lock ends with it, or in `lease` seconds. [`written`] reads the
    /// answer. `renamed` is who it was of, and is of now, where that is not the same, and when it ends.
    pub(crate) fn save(
        &self,
        lock: &Lock,
        sealed: &str,
        lease: Option<i64>,
        renamed: Option<(&str, &str, Timestamp)>,
    ) -> Call {
        let lease = lease.map_or(0, |seconds| seconds.saturating_mul(1000));
        let lease = lease.to_string();
        let new = beginning(sealed);
        let mut keys = self.keys_of(lock).to_vec();
        let mut arguments = vec![lock.owner.as_str(), sealed, &lock.seen, new, &lease];
        let ends = renamed.map_or_else(String::new, |(_, _, ends)| ends.seconds().to_string());
        if let Some((before, now, _)) = renamed {
            keys.extend([now, before].map(|subject| self.place(Place::Subject(subject))));
            arguments.extend([lock.name.as_str(), &ends]);
        }
        self.script(SAVE, &keys, &arguments)
    }

    /// The call that ends the session. [`written`] reads the answer.
    pub(crate) fn end_refused(&self, lock: &Lock) -> Call {
        let arguments = [lock.owner.as_str(), &lock.seen];
        self.script(END, &self.keys_of(lock), &arguments)
    }

    /// The call that gives `lock` up. [`written`] reads the answer.
    pub(crate) fn release(&self, lock: &Lock) -> Call {
        self.script(RELEASE, &self.keys_of(lock), &[&lock.owner])
    }

    /// The call that has nobody refresh the session for a while: so many seconds at first, and at the most. [`written`]
    /// reads the answer.
    pub(crate) fn fail(&self, lock: &Lock, (first, max): (i64, i64)) -> Call {
        let [session, own, known] = self.keys_of(lock);
        let [first, max] = [first, max].map(|seconds| seconds.saturating_mul(1000).to_string());
        let arguments = [lock.owner.as_str(), &first, &max];
        self.script(FAIL, &[own, known, session], &arguments)
    }

    fn keys_of(&self, lock: &Lock) -> [String; 3] {
        ["session", "lock", "refresh"].map(|kind| self.key(kind, &lock.name))
    }
}

/// What `response` to [`Store::claim`] says.
///
/// # Errors
/// Why nobody can know.
pub(crate) fn claimed(response: &Response<'_>) -> Result<Claim, String> {
    let texts = match webdis::answer("EVAL", response)? {
        Answer::Nil => return Ok(Claim::Gone),
        Answer::Texts(texts) => texts,
        _ => return Err(unexpected()),
    };
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    match texts.as_slice() {
        ["taken"] => Ok(Claim::Taken),
        ["failed"] => Ok(Claim::Failed),
        ["free"] => Ok(Claim::Free),
        ["held", since] => since.parse().map(Claim::Held).map_err(|_| unexpected()),
        ["newer", sealed] => Ok(Claim::Newer((*sealed).to_owned())),
        _ => Err(unexpected()),
    }
}

/// What `response` to a call that writes says.
///
/// # Errors
/// Why nobody can know.
pub(crate) fn written(response: &Response<'_>) -> Result<Written, String> {
    let texts = match webdis::answer("EVAL", response)? {
        Answer::Nil => return Ok(Written::Gone),
        Answer::Texts(texts) => texts,
        _ => return Err(unexpected()),
    };
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    match texts.as_slice() {
        ["done"] => Ok(Written::Done),
        ["other", sealed] => Ok(Written::Other((*sealed).to_owned())),
        _ => Err(unexpected()),
    }
}
