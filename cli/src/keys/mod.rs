//! API keys: what a new one looks like, and where its record is kept.

pub mod edit;
pub mod previous;
pub mod store;

use crate::output::Failure;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The digits of a key.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// So many are drawn: 256 bits.
const DRAWN: usize = 43;
/// So many are the checksum.
const CHECKED: usize = 6;
/// How every key begins.
const PREFIX: &str = "sk-";

/// A new key: `sk-`, 43 digits drawn at random, and 6 that are the CRC-32 of what is before them.
///
/// # Errors
/// The system has no randomness.
pub fn draw() -> Result<String, Failure> {
    let mut key = PREFIX.to_owned();
    while key.len() < PREFIX.len() + DRAWN {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes)
            .map_err(|error| Failure::new(format!("the system has no randomness: {error}")))?;
        // 248 is the last multiple of 62: every digit is as likely as every other.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        let digits = fair.filter_map(|byte| DIGITS.get(usize::from(*byte % 62)));
        let missing = PREFIX.len() + DRAWN - key.len();
        key.extend(digits.take(missing).map(|digit| char::from(*digit)));
    }
    let checksum = checksum(&key);
    Ok(key + &checksum)
}

/// What a text is, seen as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// one of [`draw`], copied whole
    Ours,
    /// one of [`draw`], with a wrong digit
    Mistyped,
    /// another one
    Other,
}

/// Whether `key` is one of [`draw`], and was copied without a mistake.
pub fn shape(key: &str) -> Shape {
    let digits = key.strip_prefix(PREFIX).unwrap_or_default();
    let fit =
        digits.len() == DRAWN + CHECKED && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match key.split_at_checked(PREFIX.len() + DRAWN) {
        Some((body, end)) if fit => {
            if checksum(body) == end {
                Shape::Ours
            } else {
                Shape::Mistyped
            }
        }
        _ => Shape::Other,
    }
}

/// The SHA-256 of `key`, as its record has it.
pub fn digest(key: &str) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(key.as_bytes()) {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Six digits, the highest first.
fn checksum(body: &str) -> String {
    let mut rest = crc32(body.as_bytes());
    let mut digits = Vec::with_capacity(CHECKED);
    for _ in 0..CHECKED {
        let digit = usize::try_from(rest % 62)
            .ok()
            .and_then(|place| DIGITS.get(place));
        digits.push(digit.map_or('0', |digit| char::from(*digit)));
        rest /= 62;
    }
    digits.iter().rev().collect()
}

/// CRC-32 of IEEE 802.3, as zlib has it.
fn crc32(bytes: &[u8]) -> u32 {
    let mut rest = u32::MAX;
    for byte in bytes {
        rest ^= u32::from(*byte);
        for _ in 0..8 {
            let low = rest & 1;
            rest = (rest >> 1) ^ (0xedb8_8320 * low);
        }
    }
    !rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_zlib() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn a_new_key_is_told_from_one_with_any_digit_changed_or_swapped() {
        let key = draw().unwrap();
        assert_eq!((key.len(), shape(&key)), (52, Shape::Ours));
        for place in 3..key.len() {
            let mut bytes = key.clone().into_bytes();
            bytes[place] = if bytes[place] == b'a' { b'b' } else { b'a' };
            let wrong = String::from_utf8(bytes).unwrap();
            assert_eq!(shape(&wrong), Shape::Mistyped, "{place}");
        }
        assert_eq!(shape(&key[..51]), Shape::Other);
        assert_eq!(shape("sk-4fT9wQz7Lx2VbN8m"), Shape::Other);
        assert_ne!(draw().unwrap(), key);
    }
}
