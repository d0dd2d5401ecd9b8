//! What a browser carries of a session that a store keeps: which one it is, and nothing of it.

use crate::session::{Entropy, Purpose, Ring, TooLong};
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;

/// How many bytes the name of a session has.
const ID: usize = 24;

/// Which session of the store it is. The gate alone makes one, and no browser chooses its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    id: [u8; ID],
    /// when the session ends at the latest
    pub ends: Timestamp,
}

/// As bytes, to be sealed. Numbers are never used again.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct Encoded {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(int64, tag = "2")]
    ends: i64,
}

impl Ticket {
    /// A new one, of a name that nobody can foretell, for a session that ends so.
    pub(crate) fn new(ring: &Ring, ends: Timestamp, entropy: Entropy<'_>) -> Option<Self> {
        let drawn = ring.draw("session", entropy);
        let id = *drawn.first_chunk()?;
        Some(Self { id, ends })
    }

    /// The session's name, as the store has it.
    pub(crate) fn name(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.id)
    }

    /// Sealed, for the browser.
    ///
    /// # Errors
    /// [`TooLong`].
    pub(crate) fn seal(&self, ring: &Ring, entropy: Entropy<'_>) -> Result<String, TooLong> {
        let encoded = Encoded {
            id: self.id.to_vec(),
            ends: self.ends.seconds(),
        };
        ring.seal(Purpose::Ticket, &encoded.encode_to_vec(), entropy)
    }

    /// The one that was `sealed`, and whether a previous secret opened it.
    pub(crate) fn open(ring: &Ring, sealed: &[u8]) -> Option<(Self, bool)> {
        let opened = ring.open(Purpose::Ticket, sealed)?;
        let encoded = Encoded::decode(opened.plaintext.as_slice()).ok()?;
        let ticket = Self {
            id: encoded.id.try_into().ok()?,
            ends: Timestamp::from_seconds(encoded.ends),
        };
        Some((ticket, opened.by_previous))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const ENDS: Timestamp = Timestamp::from_seconds(1_700_003_600);

    fn ring(secret: u8, gate: &str) -> Ring {
        Ring::new(&[Secret::new(vec![secret; 32])], gate, 1).unwrap()
    }

    fn entropy() -> Entropy<'static> {
        Entropy {
            random: b"random",
            now: Timestamp::from_seconds(1_700_000_000),
        }
    }

    #[test]
    fn a_ticket_names_a_session_that_nobody_else_names() {
        let ring = ring(1, "gate");
        let [one, other] = [(); 2].map(|()| Ticket::new(&ring, ENDS, entropy()).unwrap());
        assert_ne!(one.name(), other.name());
        assert_eq!(one.name().len(), 32);
        let sealed = one.seal(&ring, entropy()).unwrap();
        assert_eq!(Ticket::open(&ring, sealed.as_bytes()), Some((one, false)));
    }

    #[test]
    fn a_ticket_that_was_changed_or_is_of_another_gate_secret_or_purpose_is_none() {
        let own = ring(1, "gate");
        let sealed = |ring: &Ring| {
            let ticket = Ticket::new(ring, ENDS, entropy()).unwrap();
            ticket.seal(ring, entropy()).unwrap()
        };
        for (secret, gate) in [(2, "gate"), (1, "other")] {
            let text = sealed(&ring(secret, gate));
            let opened = Ticket::open(&own, text.as_bytes());
            assert_eq!(opened, None, "{secret} {gate}");
        }
        let text = sealed(&own);
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let other = URL_SAFE_NO_PAD.encode(other);
            assert_eq!(Ticket::open(&own, other.as_bytes()), None, "bit {bit}");
        }
        for length in 0..text.len() {
            assert_eq!(Ticket::open(&own, &text.as_bytes()[..length]), None);
        }
        let plain = Encoded {
            id: vec![7; ID],
            ends: ENDS.seconds(),
        };
        let session = own.seal(Purpose::Session, &plain.encode_to_vec(), entropy());
        assert_eq!(Ticket::open(&own, session.unwrap().as_bytes()), None);
        for length in [0, ID - 1, ID + 1] {
            let plain = Encoded {
                id: vec![7; length],
                ends: ENDS.seconds(),
            };
            let wrong = own.seal(Purpose::Ticket, &plain.encode_to_vec(), entropy());
            assert_eq!(
                Ticket::open(&own, wrong.unwrap().as_bytes()),
                None,
                "{length}"
            );
        }
    }
}
