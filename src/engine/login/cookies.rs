//! The cookies of sign-ins under way: one for each, so that several tabs can be at it.

use super::attempt::{self, Attempt, MAX_SECONDS};
use super::failed;
use crate::denial::Denial;
use crate::http::{FieldKind, RequestHead};
use crate::session::{CookieName, MAX_COOKIE, MAX_COOKIES, MAX_PARTS, Parts, Ring, pairs};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// How many a browser carries at the most. Whoever begins one more gives up the oldest.
const MAX_ATTEMPTS: usize = 8;
/// The most bytes of all of them, unless the newest alone has more. Beside the longest session, and 4 kB of others, they
/// stay within what is searched of a request's cookies.
const MAX_BYTES: usize = 8 * 1024;
/// What stands between and in front of values: `; `, `=` and `1.`.
const AROUND: usize = 5;
const _: () = assert!(MAX_BYTES + MAX_PARTS * MAX_COOKIE + 4096 <= MAX_COOKIES);

/// A sign-in under way, as a browser carries it.
#[derive(Debug)]
struct Carried<'a> {
    id: &'a str,
    /// its value; none of what is there twice, or not whole
    sealed: Option<Cow<'a, [u8]>>,
}

/// What the names of the cookies of `gate` hold, so that those of several gates on one host stay apart: a browser
/// sends each of them to every path and every port.
pub(super) fn tag(gate: &str) -> String {
    let digest = Sha256::digest(gate.as_bytes());
    let first = digest.first_chunk().copied().unwrap_or_default();
    format!("{:08x}", u32::from_be_bytes(first))
}

/// The cookies of sign-ins.
#[derive(Debug)]
pub(super) struct AttemptCookies {
    /// what their names begin with, behind a prefix that browsers know
    name: String,
    path: String,
    secure: bool,
}

impl AttemptCookies {
    /// Those of the gate with this [`tag`], sent to `path` and below.
    pub(super) fn new(gate: &str, path: String, secure: bool) -> Self {
        Self {
            name: format!("ollama-gate-login-{gate}-"),
            path,
            secure,
        }
    }

    fn name(&self, id: &str) -> CookieName {
        CookieName::new(&[&self.name, id].concat(), &self.path, self.secure)
    }

    /// The value of `Set-Cookie` that makes a browser carry what was `sealed` of the attempt called `id`.
    ///
    /// # Errors
    /// It does not fit.
    pub(super) fn set(&self, id: &str, sealed: &str) -> Result<String, Denial> {
        let set = self.name(id).set(sealed, MAX_SECONDS, Parts::NONE);
        let set = set.ok().filter(|lines| lines.len() == 1);
        let set = set.and_then(|mut lines| lines.pop());
        set.ok_or_else(|| failed("its address is too long to return to"))
    }

    /// The values of `Set-Cookie` that take it away.
    pub(super) fn removed(&self, id: &str) -> Vec<String> {
        self.name(id).removed(Parts::FIRST)
    }

    /// What was sealed of the attempt called `id`, if the browser that sent `head` carries it.
    pub(super) fn find<'a>(&self, head: &'a RequestHead<'_>, id: &str) -> Option<Cow<'a, [u8]>> {
        let mut all = self.carried(head.values(FieldKind::Cookie)).into_iter();
        all.find(|carried| carried.id == id)?.sealed
    }

    /// The values of `Set-Cookie` that make room for `another` one: they take away what opens no more, and the
    /// oldest where there are too many.
    pub(super) fn superfluous(
        &self,
        head: &RequestHead<'_>,
        ring: &Ring,
        another: &str,
    ) -> Vec<String> {
        let mut bytes = another.len();
        let mut kept = Vec::new();
        let mut removed = Vec::new();
        for carried in self.carried(head.values(FieldKind::Cookie)) {
            let sealed = carried.sealed.unwrap_or_default();
            match Attempt::begun(ring, &sealed) {
                Some(begun) => kept.push((begun, carried.id, sealed.len())),
                None => removed.push(carried.id),
            }
        }
        // The newest first.
        kept.sort();
        for (place, (_, id, length)) in (1_usize..).zip(kept.into_iter().rev()) {
            let name = self.name(id).as_str().len();
            bytes = bytes
                .saturating_add(name)
                .saturating_add(AROUND)
                .saturating_add(length);
            if place >= MAX_ATTEMPTS || bytes > MAX_BYTES {
                removed.push(id);
            }
        }
        removed
            .into_iter()
            .flat_map(|id| self.removed(id))
            .collect()
    }

    /// Those in the `Cookie` headers `headers`, in one pass, as far as they are looked for: beyond a bound a
    /// gateway would refuse the answer that takes them away.
    fn carried<'a>(&self, headers: impl IntoIterator<Item = &'a [u8]>) -> Vec<Carried<'a>> {
        const MAX_LOOKED_AT: usize = 40;
        let name = self.name("");
        let mut all: Vec<Carried<'a>> = Vec::new();
        for pair in pairs(headers) {
            let Ok(pair) = pair else {
                // None of what cannot be read whole counts; it can be taken away.
                all.iter_mut().for_each(|carried| carried.sealed = None);
                break;
            };
            let rest = pair.strip_prefix(name.as_str().as_bytes());
            let named = rest.and_then(|rest| rest.split(|byte| *byte == b'=').next());
            let named = named.and_then(|named| std::str::from_utf8(named).ok());
            let Some(id) = named.and_then(|named| attempt::id(named).filter(|id| *id == named))
            else {
                continue;
            };
            if let Some(twice) = all.iter_mut().find(|carried| carried.id == id) {
                twice.sealed = None;
            } else if all.len() < MAX_LOOKED_AT {
                let found = self.name(id).find([pair]).ok();
                let sealed = found.and_then(|found| found.text);
                all.push(Carried { id, sealed });
            }
        }
        all
    }
}
