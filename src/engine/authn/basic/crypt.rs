//! The hashes of `openssl passwd`: MD5-crypt of FreeBSD and Apache, and SHA-crypt (Drepper, "Unix
//! crypt using SHA-256 and SHA-512").
//!
//! Both mix password and salt for many rounds and write the digest in an alphabet of their own, the
//! low six bits first.

use md5::Md5;
use sha2::{Digest, Sha256, Sha512};

/// The rounds of MD5-crypt.
const MD5_ROUNDS: u32 = 1000;

/// The 64 characters, in the order of their values.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether all of `text` is in the alphabet.
pub(crate) fn is_encoded(text: &str) -> bool {
    text.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// What is computed in each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// MD5
    Md5,
    /// SHA-256
    Sha256,
    /// SHA-512
    Sha512,
}

impl Hash {
    /// The digest of all `parts`, one after another.
    #[inline(never)] // or each use has a copy of its own, of some kilobytes
    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        let input = parts.concat();
        match self {
            Self::Md5 => Md5::digest(&input).to_vec(),
            Self::Sha256 => Sha256::digest(&input).to_vec(),
            Self::Sha512 => Sha512::digest(&input).to_vec(),
        }
    }

    /// One round, which both have.
    fn mixed(self, round: u32, digest: &[u8], password: &[u8], salt: &[u8]) -> Vec<u8> {
        let (first, last) = match round % 2 {
            1 => (password, digest),
            _ => (digest, password),
        };
        let unless = |divisor, part| match round.checked_rem(divisor) {
            Some(0) => &[][..],
            _ => part,
        };
        self.of(&[first, unless(3, salt), unless(7, password), last])
    }
}

/// MD5-crypt of `password`, encoded; `magic` is `$1$` or `$apr1$`.
pub(crate) fn md5_crypt(password: &[u8], salt: &[u8], magic: &str) -> Vec<u8> {
    let other = Hash::Md5.of(&[password, salt, password]);
    let other = repeated(&other, password.len());
    let mut parts = vec![password, magic.as_bytes(), salt, &other];
    let first = password.get(..1).unwrap_or_default();
    parts.extend(bits(password.len()).map(|bit| if bit { &[0][..] } else { first }));
    let mut digest = Hash::Md5.of(&parts);
    for round in 0..MD5_ROUNDS {
        digest = Hash::Md5.mixed(round, &digest, password, salt);
    }
    let groups = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let mut text = Encoded::of(&digest);
    for group in groups {
        text.push(group.map(Some), 4);
    }
    text.push([None, None, Some(11)], 2);
    text.text
}

/// SHA-crypt of `password`, encoded, with SHA-256 or SHA-512.
pub(crate) fn sha_crypt(hash: Hash, password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    let other = hash.of(&[password, salt, password]);
    let padding = repeated(&other, password.len());
    let mut parts = vec![password, salt, &padding];
    parts.extend(bits(password.len()).map(|bit| if bit { &other[..] } else { password }));
    let mut digest = hash.of(&parts);
    let of_password = hash.of(&vec![password; password.len()]);
    let times = 16_usize.saturating_add(digest.first().copied().unwrap_or_default().into());
    let of_salt = hash.of(&vec![salt; times]);
    let password = repeated(&of_password, password.len());
    let salt = repeated(&of_salt, salt.len());
    for round in 0..rounds {
        digest = hash.mixed(round, &digest, &password, &salt);
    }
    let mut text = Encoded::of(&digest);
    let third = digest.len() / 3;
    for number in 0..third {
        let second = number.saturating_add(third);
        let mut group = [number, second, second.saturating_add(third)];
        match hash {
            Hash::Sha512 => group.rotate_left(number % 3),
            _ => group.rotate_right(number % 3),
        }
        text.push(group.map(Some), 4);
    }
    match hash {
        Hash::Sha512 => text.push([None, None, Some(63)], 2),
        _ => text.push([None, Some(31), Some(30)], 3),
    }
    text.text
}

/// The bits of `length`, the lowest first, up to the highest that is set.
fn bits(length: usize) -> impl Iterator<Item = bool> {
    let rests = std::iter::successors(Some(length), |rest| Some(rest / 2));
    rests.take_while(|rest| *rest > 0).map(|rest| rest % 2 == 1)
}

/// `bytes` again and again, `length` bytes of them.
fn repeated(bytes: &[u8], length: usize) -> Vec<u8> {
    bytes.iter().copied().cycle().take(length).collect()
}

/// A digest that is being written.
struct Encoded<'d> {
    digest: &'d [u8],
    text: Vec<u8>,
}

impl<'d> Encoded<'d> {
    const fn of(digest: &'d [u8]) -> Self {
        Self {
            digest,
            text: Vec::new(),
        }
    }

    /// Writes `count` characters of three bytes of the digest, the first of them the highest.
    fn push(&mut self, places: [Option<usize>; 3], count: usize) {
        let byte = |place: Option<usize>| {
            let byte = place.and_then(|place| self.digest.get(place));
            byte.copied().unwrap_or_default()
        };
        let [high, middle, low] = places.map(byte);
        let mut bits = u32::from_be_bytes([0, high, middle, low]);
        for _ in 0..count {
            let [.., low] = bits.to_be_bytes();
            let character = ALPHABET.get(usize::from(low & 0x3f));
            self.text.extend(character.copied());
            bits >>= 6;
        }
    }
}
