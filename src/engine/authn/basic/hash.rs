//! The hash of a password, as `htpasswd` and `openssl passwd` write it.

use super::MAX_PASSWORD_BYTES;
use super::crypt::{Hash, is_encoded, md5_crypt, sha_crypt};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fmt;

/// bcrypt's own base64. What it writes has bits to spare at the end, and not all writers clear them.
const BCRYPT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// The beginnings of bcrypt's hashes. `$2x$` marks those of a broken one.
const BCRYPT_MARKS: [&str; 3] = ["$2y$", "$2b$", "$2a$"];

/// The costs of bcrypt that are taken.
const COSTS: std::ops::RangeInclusive<u32> = 4..=12;
/// The rounds of SHA-crypt that are taken, and how many there are if it says nothing.
const ROUNDS: std::ops::RangeInclusive<u32> = 1_000..=200_000;
const DEFAULT_ROUNDS: u32 = 5_000;

/// What takes longer than bcrypt at cost 8 is slow, in microseconds.
const SLOW: u32 = 25_600;

/// A hash, and with what it was made.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash {
    scheme: Scheme,
    /// the digest, in bytes or encoded, as the scheme makes it
    digest: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq)]
enum Scheme {
    Bcrypt {
        cost: u32,
        salt: [u8; 16],
    },
    Md5Crypt {
        magic: &'static str,
        salt: String,
    },
    ShaCrypt {
        hash: Hash,
        rounds: u32,
        salt: String,
    },
    Sha1,
}

/// Why a text is no hash that can be used. Never shows any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// of no kind that is taken
    Kind,
    /// a whole line of an htpasswd file
    Line,
    /// begins like one, and is none
    Malformed,
    /// no worker should compute it
    TooSlow,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kind => {
                "is of an unsupported kind, expected one of `htpasswd -B`, of `openssl passwd` \
                 with `-6`, `-5`, `-apr1` or `-1`, or `{SHA}`"
            }
            Self::Line => "is a whole line, expected what follows the colon",
            Self::Malformed => "is cut off or changed, check how it was copied",
            Self::TooSlow => {
                "costs too much in every case (bcrypt over 12, SHA-crypt over 200000 rounds)"
            }
        })
    }
}

impl PasswordHash {
    /// Reads a hash, which is what follows the name and the colon in a line of an htpasswd file.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(crate) fn parse(text: &str) -> Result<Self, Unusable> {
        let after = |mark: &str| text.strip_prefix(mark);
        if let Some(rest) = BCRYPT_MARKS.into_iter().find_map(after) {
            return bcrypt_of(rest);
        }
        for magic in ["$apr1$", "$1$"] {
            if let Some(rest) = after(magic) {
                let (salt, digest) = salted(rest, 8, 22)?;
                let scheme = Scheme::Md5Crypt { magic, salt };
                return Ok(Self { scheme, digest });
            }
        }
        for (mark, hash, length) in [("$5$", Hash::Sha256, 43), ("$6$", Hash::Sha512, 86)] {
            if let Some(rest) = after(mark) {
                let (rounds, rest) = rounds_of(rest)?;
                let (salt, digest) = salted(rest, 16, length)?;
                let scheme = Scheme::ShaCrypt { hash, rounds, salt };
                return Ok(Self { scheme, digest });
            }
        }
        if let Some(rest) = after("{SHA}") {
            let digest = STANDARD.decode(rest).ok();
            let digest = digest.filter(|digest| digest.len() == 20);
            return Ok(Self {
                scheme: Scheme::Sha1,
                digest: digest.ok_or(Unusable::Malformed)?,
            });
        }
        // No kind of hash has a colon in it.
        Err(if text.contains(':') {
            Unusable::Line
        } else {
            Unusable::Kind
        })
    }

    /// Whether `password` is the one that was hashed. Takes the same time wherever they differ.
    pub(crate) fn fits(&self, password: &str) -> bool {
        let password = password.as_bytes();
        // bcrypt looks at no more, and takes a zero byte for the end.
        if password.len() > MAX_PASSWORD_BYTES || password.contains(&0) {
            return false;
        }
        let digest = match &self.scheme {
            Scheme::Bcrypt { cost, salt } => {
                // As in C, a zero byte belongs to the password, if there is space for it.
                let mut key = [password, &[0]].concat();
                key.truncate(MAX_PASSWORD_BYTES);
                let mut digest = bcrypt::bcrypt(*cost, *salt, &key).to_vec();
                // The last byte is not written.
                digest.truncate(23);
                digest
            }
            Scheme::Md5Crypt { magic, salt } => md5_crypt(password, salt.as_bytes(), magic),
            Scheme::ShaCrypt { hash, rounds, salt } => {
                sha_crypt(*hash, password, salt.as_bytes(), *rounds)
            }
            Scheme::Sha1 => Sha1::digest(password).to_vec(),
        };
        let pairs = digest.iter().zip(&self.digest);
        digest.len() == self.digest.len()
            && pairs.fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
    }

    /// What it takes in wasm, about.
    pub(crate) fn microseconds(&self) -> u32 {
        match &self.scheme {
            Scheme::Bcrypt { cost, .. } => 1_u32
                .checked_shl(*cost)
                .unwrap_or(u32::MAX)
                .saturating_mul(100),
            Scheme::ShaCrypt { rounds, .. } => rounds.saturating_mul(2),
            Scheme::Md5Crypt { .. } => 1_000,
            Scheme::Sha1 => 1,
        }
    }

    /// Whether it blocks a worker longer than bcrypt at cost 8.
    pub(crate) fn is_slow(&self) -> bool {
        self.microseconds() > SLOW
    }

    /// Its kind and cost, for messages.
    pub(crate) fn kind(&self) -> String {
        match &self.scheme {
            Scheme::Bcrypt { cost, .. } => format!("bcrypt of cost {cost}"),
            Scheme::Md5Crypt { .. } => "MD5-crypt".to_owned(),
            Scheme::ShaCrypt { rounds, .. } => {
                format!("SHA-crypt of {rounds} rounds")
            }
            Scheme::Sha1 => "SHA-1".to_owned(),
        }
    }

    /// Adds it to what depends on every hash.
    pub(super) fn add_to(&self, all: &mut Sha256) {
        all.update(&self.digest);
    }
}

impl fmt::Debug for PasswordHash {
    /// Shows its kind, and none of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({})", self.kind())
    }
}

/// `05$`, 22 characters of salt, 31 of digest.
fn bcrypt_of(rest: &str) -> Result<PasswordHash, Unusable> {
    let (cost, rest) = rest.split_once('$').ok_or(Unusable::Malformed)?;
    let cost = number(cost).filter(|_| cost.len() == 2);
    let cost = cost.filter(|cost| (*COSTS.start()..=31).contains(cost));
    let cost = cost.ok_or(Unusable::Malformed)?;
    let decoded = |text: Option<&str>| text.and_then(|text| BCRYPT.decode(text).ok());
    let salt = decoded(rest.get(..22)).and_then(|salt| salt.try_into().ok());
    let digest = decoded(rest.get(22..)).filter(|digest| digest.len() == 23);
    let (Some(salt), Some(digest)) = (salt, digest) else {
        return Err(Unusable::Malformed);
    };
    if !COSTS.contains(&cost) {
        return Err(Unusable::TooSlow);
    }
    let scheme = Scheme::Bcrypt { cost, salt };
    Ok(PasswordHash { scheme, digest })
}

/// What `rounds=` says, and what follows it.
fn rounds_of(text: &str) -> Result<(u32, &str), Unusable> {
    let Some(rest) = text.strip_prefix("rounds=") else {
        return Ok((DEFAULT_ROUNDS, text));
    };
    let (rounds, rest) = rest.split_once('$').ok_or(Unusable::Malformed)?;
    match number(rounds) {
        Some(rounds) if ROUNDS.contains(&rounds) => Ok((rounds, rest)),
        Some(rounds) if rounds > *ROUNDS.end() => Err(Unusable::TooSlow),
        _ => Err(Unusable::Malformed),
    }
}

fn number(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

/// A salt of at most `max` characters, and a digest of `length` behind a `$`.
fn salted(text: &str, max: usize, length: usize) -> Result<(String, Vec<u8>), Unusable> {
    let (salt, digest) = text.split_once('$').ok_or(Unusable::Malformed)?;
    let fit = salt.len() <= max && salt.bytes().all(|byte| byte.is_ascii_graphic());
    if !fit || digest.len() != length || !is_encoded(digest) {
        return Err(Unusable::Malformed);
    }
    Ok((salt.to_owned(), digest.as_bytes().to_vec()))
}

#[cfg(test)]
#[path = "hash_tests.rs"]
mod tests;
