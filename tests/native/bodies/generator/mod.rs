//! Seeded bodies, from the usual to the hostile. The same seed gives the same bodies everywhere.

mod draw;
mod forms;
mod members;
mod mutations;

pub(crate) use draw::Draw;
pub(crate) use forms::{FormBody, form};

use members::Member;
use mutations::{OF_BYTES, OF_MEMBERS};

/// A body, and what was done to it.
pub(crate) struct Body {
    pub bytes: Vec<u8>,
    /// the mutations, in the order in which they were made; none for a usual body
    pub kinds: Vec<&'static str>,
}

/// The next body.
pub(crate) fn body(draw: &mut Draw) -> Body {
    let mut members = members::usual(draw);
    let mut kinds = Vec::new();
    let count = draw.of(&[0, 0, 1, 1, 1, 1, 2, 2, 3]);
    for _ in 0..count {
        let (kind, mutate) = draw.of(&OF_MEMBERS);
        mutate(&mut members, draw);
        kinds.push(kind);
    }
    let mut bytes = written(&members, draw);
    if draw.chance(25) {
        let (kind, mutate) = draw.of(&OF_BYTES);
        mutate(&mut bytes, draw);
        kinds.push(kind);
    }
    Body { bytes, kinds }
}

/// The names of all mutations.
pub(crate) fn kinds() -> Vec<&'static str> {
    let members = OF_MEMBERS.iter().map(|(kind, _)| *kind);
    members
        .chain(OF_BYTES.iter().map(|(kind, _)| *kind))
        .collect()
}

/// `members` as an object, with white space here and there.
fn written(members: &[Member], draw: &mut Draw) -> Vec<u8> {
    const SPACES: [&str; 8] = ["", "", "", "", " ", "\n  ", "\t", "\r\n"];
    let mut bytes = draw.of(&SPACES).as_bytes().to_vec();
    bytes.push(b'{');
    for (place, (name, value)) in members.iter().enumerate() {
        if place > 0 {
            bytes.push(b',');
        }
        for part in [&name[..], b":", value] {
            bytes.extend_from_slice(draw.of(&SPACES).as_bytes());
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(draw.of(&SPACES).as_bytes());
    }
    bytes.push(b'}');
    bytes.extend_from_slice(draw.of(&SPACES).as_bytes());
    bytes
}
