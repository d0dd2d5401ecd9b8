//! Sixty-four bytes, looked at at once: by vectors where WebAssembly has them, by eight bytes elsewhere.

use std::ops::{BitAnd, BitOr, Not};

#[cfg(target_feature = "simd128")]
use vectors::*;
#[cfg(not(target_feature = "simd128"))]
use words::*;

/// How many bytes a block has.
pub(crate) const LENGTH: usize = 64;

/// How many parts a block has.
const PARTS: usize = LENGTH / size_of::<Part>();

/// A block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block([Part; PARTS]);

/// Which bytes of a block are of some kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks([Part; PARTS]);

impl Block {
    /// Of these bytes.
    #[inline]
    pub(crate) fn new(bytes: &[u8; LENGTH]) -> Self {
        let (parts, _) = bytes.as_chunks();
        let mut block = [part(&[0; size_of::<Part>()]); PARTS];
        for (place, bytes) in block.iter_mut().zip(parts) {
            *place = part(bytes);
        }
        Self(block)
    }

    /// The bytes that are `byte`.
    #[inline]
    pub(crate) fn are(self, byte: u8) -> Marks {
        Marks(self.0.map(|part| equal(part, byte)))
    }

    /// The bytes that are `last`, which is ASCII, or below it.
    #[inline]
    pub(crate) fn up_to(self, last: u8) -> Marks {
        Marks(self.0.map(|part| at_most(part, last)))
    }

    /// The hexadecimal digits.
    #[inline]
    pub(crate) fn digits(self) -> Marks {
        let between = |before: u8, last: u8| self.up_to(last) & !self.up_to(before);
        between(b'/', b'9') | between(b'@', b'F') | between(b'`', b'f')
    }
}

impl Marks {
    /// Whether any byte is.
    #[inline]
    pub(crate) fn any(self) -> bool {
        let [mut all, others @ ..] = self.0;
        for part in others {
            all = or(all, part);
        }
        is_any(all)
    }

    /// A bit for each byte, the first the lowest.
    #[inline]
    pub(crate) fn bits(self) -> u64 {
        bits_of(self.0)
    }

    /// The same, quicker where none is, and slower elsewhere.
    #[inline]
    pub(crate) fn rare_bits(self) -> u64 {
        if self.any() { self.bits() } else { 0 }
    }
}

impl BitOr for Marks {
    type Output = Self;

    #[inline]
    fn bitor(mut self, other: Self) -> Self {
        for (part, other) in self.0.iter_mut().zip(other.0) {
            *part = or(*part, other);
        }
        self
    }
}

impl BitAnd for Marks {
    type Output = Self;

    #[inline]
    fn bitand(mut self, other: Self) -> Self {
        for (part, other) in self.0.iter_mut().zip(other.0) {
            *part = and(*part, other);
        }
        self
    }
}

impl Not for Marks {
    type Output = Self;

    #[inline]
    fn not(mut self) -> Self {
        for part in &mut self.0 {
            *part = not(*part);
        }
        self
    }
}

/// Sixteen bytes at once; of a byte that is marked all bits are set.
#[cfg(target_feature = "simd128")]
mod vectors {
    use std::arch::wasm32::{
        i8x16_bitmask, u8x16_eq, u8x16_le, u8x16_splat, u64x2, v128, v128_and, v128_any_true,
        v128_not, v128_or,
    };

    pub(super) type Part = v128;

    #[inline]
    pub(super) fn part(bytes: &[u8; 16]) -> Part {
        // Two words come to one load.
        let [low, high] = [bytes.first_chunk(), bytes.last_chunk()];
        let [low, high] = [low, high].map(|word| word.map_or(0, |word| u64::from_le_bytes(*word)));
        u64x2(low, high)
    }

    #[inline]
    pub(super) fn equal(part: Part, byte: u8) -> Part {
        u8x16_eq(part, u8x16_splat(byte))
    }

    #[inline]
    pub(super) fn at_most(part: Part, last: u8) -> Part {
        u8x16_le(part, u8x16_splat(last))
    }

    #[inline]
    pub(super) fn or(part: Part, other: Part) -> Part {
        v128_or(part, other)
    }

    #[inline]
    pub(super) fn and(part: Part, other: Part) -> Part {
        v128_and(part, other)
    }

    #[inline]
    pub(super) fn not(part: Part) -> Part {
        v128_not(part)
    }

    #[inline]
    pub(super) fn is_any(part: Part) -> bool {
        v128_any_true(part)
    }

    /// A bit for each byte.
    #[inline]
    pub(super) fn bits_of(parts: [Part; 4]) -> u64 {
        // V8 takes a fifth longer over the same in a loop.
        let [a, b, c, d] = parts.map(|part| u64::from(i8x16_bitmask(part)));
        a | b.wrapping_shl(16) | c.wrapping_shl(32) | d.wrapping_shl(48)
    }
}

/// Eight bytes at once; of a byte that is marked the highest bit is set, and no other.
#[cfg(not(target_feature = "simd128"))]
mod words {
    use crate::ollama::body::skip::eight;

    pub(super) type Part = u64;

    const HIGHEST: u64 = eight(0x80);

    pub(super) const fn part(bytes: &[u8; 8]) -> Part {
        u64::from_le_bytes(*bytes)
    }

    pub(super) const fn equal(part: Part, byte: u8) -> Part {
        at_most(part ^ eight(byte), 0)
    }

    pub(super) const fn at_most(part: Part, last: u8) -> Part {
        // A byte that is more carries into its highest bit, and no further.
        let more = (part & !HIGHEST).wrapping_add(eight(0x7F_u8.wrapping_sub(last)));
        !(more | part) & HIGHEST
    }

    pub(super) const fn or(part: Part, other: Part) -> Part {
        part | other
    }

    pub(super) const fn and(part: Part, other: Part) -> Part {
        part & other
    }

    pub(super) const fn not(part: Part) -> Part {
        !part & HIGHEST
    }

    pub(super) const fn is_any(part: Part) -> bool {
        part != 0
    }

    /// A bit for each byte.
    pub(super) fn bits_of(parts: [Part; 8]) -> u64 {
        // The product has each of the lowest bits in its highest byte, in its place.
        let bits = |part: Part| {
            let lowest = part.wrapping_shr(7);
            lowest.wrapping_mul(0x0102_0408_1020_4080).wrapping_shr(56)
        };
        let parts = parts.into_iter().rev();
        parts.fold(0, |all, part| all.wrapping_shl(8) | bits(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is marked, byte by byte.
    fn expected(bytes: &[u8; LENGTH], is: impl Fn(u8) -> bool) -> u64 {
        let places = bytes.iter().enumerate();
        places.fold(0, |bits, (place, byte)| {
            bits | u64::from(is(*byte)) << place
        })
    }

    #[test]
    fn every_byte_is_judged_by_itself_wherever_it_stands() {
        for byte in 0..=255 {
            for other in [0, b' ', b'a', 0x7F, 0x80, 0xFF, byte ^ 1, byte ^ 0x80] {
                for place in 0..LENGTH {
                    let mut bytes = [other; LENGTH];
                    bytes[place] = byte;
                    let block = Block::new(&bytes);
                    let hold = |marks: Marks, is: &dyn Fn(u8) -> bool| {
                        let expected = expected(&bytes, is);
                        assert_eq!(marks.bits(), expected, "{byte} among {other}");
                        assert_eq!(marks.any(), expected != 0, "{byte} among {other}");
                        assert_eq!((!marks).bits(), !expected, "{byte} among {other}");
                        assert_eq!(marks.rare_bits(), expected, "{byte} among {other}");
                    };
                    hold(block.are(b'\\'), &|byte| byte == b'\\');
                    hold(block.up_to(0x1F), &|byte| byte < 0x20);
                    hold(block.digits(), &|byte| byte.is_ascii_hexdigit());
                    hold(block.are(byte), &|one| one == byte);
                }
            }
        }
    }
}
