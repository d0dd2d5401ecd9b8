//! What the CLI sends: `<key>:<signature>` in the header, `ts=UNIX` in the query.

use super::SignedRequest;
use super::ssh::{KeyBytes, key_of_blob};
use crate::credential::is_other_ssh_key;
use crate::denial::{Denial, Reason};
use crate::http::without_query;
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How long a signature is in base64, padding included.
const ENCODED: usize = 88;
/// The most digits that a time has. 11 reach the year 5138.
const DIGITS: usize = 11;

/// The 64 bytes of a signature (RFC 8032 section 5.1.6).
type SignatureBytes = [u8; 64];

/// A signature that is not verified.
#[derive(Debug)]
pub(crate) struct CliSignature {
    pub key: KeyBytes,
    pub signature: SignatureBytes,
    pub time: Timestamp,
}

fn malformed(advice: &'static str) -> Denial {
    Denial::new(Reason::MalformedSignature, advice)
}

impl CliSignature {
    /// Reads the header's value and the query that belongs to it.
    ///
    /// # Errors
    /// [`Reason::MalformedSignature`] for any form but the CLI's own. It sends no other query, and
    /// what else stood there would not be signed.
    pub(crate) fn read(presented: &str, signed: SignedRequest<'_>) -> Result<Self, Denial> {
        if is_other_ssh_key(presented) {
            return Err(malformed(
                "only ssh-ed25519 keys are accepted, such as the one that the CLI creates in ~/.ollama/id_ed25519",
            ));
        }
        let (key, signature) = parts(presented).ok_or_else(|| {
            malformed("expected `<ssh-ed25519 key>:<signature>`, both in base64 and whole")
        })?;
        let time = time(signed.target).ok_or_else(|| {
            malformed("the query must be `ts=` and the time in seconds, and nothing else")
        })?;
        Ok(Self {
            key,
            signature,
            time,
        })
    }

    /// The bytes that the CLI signs. `signed` is the request that this was read from.
    ///
    /// The path goes in as it was sent, not decoded: with a decoded `?` in it two requests could
    /// have one message.
    pub(crate) fn message(&self, signed: SignedRequest<'_>) -> Vec<u8> {
        let time = self.time.seconds().to_string();
        let path = without_query(signed.target);
        [signed.method, b",", path, b"?ts=", time.as_bytes()].concat()
    }
}

fn parts(presented: &str) -> Option<(KeyBytes, SignatureBytes)> {
    let (key, signature) = presented.split_once(':')?;
    let signature = Some(signature).filter(|signature| signature.len() == ENCODED)?;
    let signature = STANDARD.decode(signature).ok()?.try_into().ok()?;
    Some((key_of_blob(key)?, signature))
}

/// The time in a query that is `ts=` and a number as the CLI writes it, without sign or leading
/// zero, so that it is the same number in the message.
fn time(target: &[u8]) -> Option<Timestamp> {
    let query = target.strip_prefix(without_query(target))?;
    let digits = query.strip_prefix(b"?ts=")?;
    let fit = digits.len() <= DIGITS
        && digits.iter().all(u8::is_ascii_digit)
        && digits.first().is_some_and(|first| *first != b'0');
    let digits = std::str::from_utf8(digits).ok().filter(|_| fit)?;
    digits.parse().ok().map(Timestamp::from_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_the_time_and_nothing_else() {
        let seconds = |target: &[u8]| time(target).map(Timestamp::seconds);
        assert_eq!(seconds(b"/?ts=1767225600"), Some(1_767_225_600));
        assert_eq!(seconds(b"/api/tags?ts=1"), Some(1));
        for wrong in [
            &b"/"[..],
            b"/?",
            b"/?ts",
            b"/?ts=",
            b"/?ts=1&ts=1",
            b"/?ts=1&a=1",
            b"/?a=1&ts=1",
            b"/?ts=1&",
            b"/?&ts=1",
            b"/?ts=1;a=1",
            b"/?TS=1",
            b"/?t%73=1",
            b"/?ts=%31",
            b"/?ts==1",
            b"/??ts=1",
            b"/?ts=1?",
            b"/?ts=+1",
            b"/?ts=-1",
            b"/?ts=0",
            b"/?ts=01",
            b"/?ts=1.0",
            b"/?ts=1e9",
            b"/?ts=0x1",
            b"/?ts=one",
            b"/?ts=\xd9\xa1",
            b"/?ts=123456789012",
            b"/?ts=1#",
        ] {
            assert_eq!(time(wrong), None, "{}", String::from_utf8_lossy(wrong));
        }
    }
}
