//! The cookies of sign-ins under way: one for each, so that several tabs can be at it.

use super::attempt::{Attempt, MAX_SECONDS};
use super::failed;
use crate::denial::Denial;
use crate::http::{FieldKind, RequestHead};
use crate::session::{CookieName, MAX_COOKIES, Parts, Ring};
use sha2::{Digest, Sha256};

/// How many a browser carries at the most. Whoever begins one more gives up the oldest.
const MAX_ATTEMPTS: usize = 8;

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
    secure: bool,
}

impl AttemptCookies {
    /// Those of the gate with this [`tag`].
    pub(super) fn new(gate: &str, secure: bool) -> Self {
        Self {
            name: format!("ollama-gate-login-{gate}-"),
            secure,
        }
    }

    fn name(&self, id: &str) -> CookieName {
        CookieName::new(&[&self.name, id].concat(), "/", self.secure)
    }

    /// The value of `Set-Cookie` that makes a browser carry what was `sealed` of the attempt called `id`.
    ///
    /// # Errors
    /// It does not fit.
    pub(super) fn set(&self, id: &str, sealed: &str) -> Result<Vec<String>, Denial> {
        let set = self.name(id).set(sealed, MAX_SECONDS, Parts::NONE);
        set.map_err(|_| failed("its address is too long to return to"))
    }

    /// The values of `Set-Cookie` that take it away from the browser that sent `head`.
    pub(super) fn removed(&self, head: &RequestHead<'_>, id: &str) -> Vec<String> {
        let name = self.name(id);
        let found = name.find(head.values(FieldKind::Cookie));
        name.removed(found.map_or(Parts::NONE, |found| found.held))
    }

    /// What was sealed of the attempt called `id`, if the browser that sent `head` carries it.
    pub(super) fn find(&self, head: &RequestHead<'_>, id: &str) -> Option<Vec<u8>> {
        let name = self.name(id);
        let found = name.find(head.values(FieldKind::Cookie)).ok()?;
        found.text.map(|text| text.into_owned())
    }

    /// The values of `Set-Cookie` that make room for another one: they take away what opens no more, and the
    /// oldest where there are too many.
    pub(super) fn superfluous(&self, head: &RequestHead<'_>, ring: &Ring) -> Vec<String> {
        let mut kept = Vec::new();
        let mut removed = Vec::new();
        for id in self.ids(head) {
            let sealed = self.find(head, &id);
            match sealed.and_then(|sealed| Attempt::begun(ring, &sealed)) {
                Some(begun) => kept.push((begun, id)),
                None => removed.push(id),
            }
        }
        kept.sort();
        let surplus = kept.len().saturating_add(1).saturating_sub(MAX_ATTEMPTS);
        removed.extend(kept.into_iter().take(surplus).map(|(_, id)| id));
        removed
            .iter()
            .flat_map(|id| self.removed(head, id))
            .collect()
    }

    /// The names of those that the browser carries, as far as they are looked for: beyond a bound a gateway
    /// would refuse the answer that takes them away.
    fn ids(&self, head: &RequestHead<'_>) -> Vec<String> {
        const MAX_LOOKED_AT: usize = 40;
        let name = self.name("");
        let mut ids: Vec<String> = Vec::new();
        let mut searched = 0_usize;
        for header in head.values(FieldKind::Cookie) {
            searched = searched.saturating_add(header.len());
            if searched > MAX_COOKIES {
                break;
            }
            let pairs = header.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let named = pairs.filter_map(|pair| {
                let rest = pair.strip_prefix(name.as_str().as_bytes())?;
                let id = rest.split(|byte| *byte == b'=').next()?;
                super::attempt::id(std::str::from_utf8(id).ok()?)
                    .filter(|own| own.len() == id.len())
            });
            for id in named {
                if ids.len() < MAX_LOOKED_AT && !ids.iter().any(|known| known == id) {
                    ids.push(id.to_owned());
                }
            }
        }
        ids
    }
}
