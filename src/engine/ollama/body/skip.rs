//! Passing over bytes that mean nothing, many at once.

#[cfg(target_feature = "simd128")]
use std::arch::wasm32::{u8x16_eq, u8x16_lt, u8x16_splat, v128, v128_or};

/// What ends a run of bytes that mean nothing.
pub(crate) trait Stop {
    /// Whether `byte` ends it.
    fn is(byte: u8) -> bool;
    /// For eight bytes, the first the lowest: the highest bit of each that ends it. Behind the first
    /// of them others may be marked that do not.
    fn marks(bytes: u64) -> u64;
    /// For sixteen bytes: all bits of each that ends it.
    #[cfg(target_feature = "simd128")]
    fn marks_of_vector(bytes: v128) -> v128;
}

/// The end of plain text inside a JSON string: a quote, a backslash, a control character.
pub(crate) struct InText;

/// A carriage return.
pub(crate) struct Break;

/// Eight times the same byte.
pub(super) const fn eight(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks the bytes of `bytes` that are below `limit`, which is at most 128.
const fn below(bytes: u64, limit: u8) -> u64 {
    bytes.wrapping_sub(eight(limit)) & !bytes & eight(0x80)
}

impl Stop for InText {
    fn is(byte: u8) -> bool {
        byte < 0x20 || byte == b'"' || byte == b'\\'
    }

    fn marks(bytes: u64) -> u64 {
        below(bytes, 0x20) | below(bytes ^ eight(b'"'), 1) | below(bytes ^ eight(b'\\'), 1)
    }

    #[cfg(target_feature = "simd128")]
    #[inline]
    fn marks_of_vector(bytes: v128) -> v128 {
        let control = u8x16_lt(bytes, u8x16_splat(0x20));
        let quote = u8x16_eq(bytes, u8x16_splat(b'"'));
        let backslash = u8x16_eq(bytes, u8x16_splat(b'\\'));
        v128_or(control, v128_or(quote, backslash))
    }
}

impl Stop for Break {
    fn is(byte: u8) -> bool {
        byte == b'\r'
    }

    fn marks(bytes: u64) -> u64 {
        below(bytes ^ eight(b'\r'), 1)
    }

    #[cfg(target_feature = "simd128")]
    #[inline]
    fn marks_of_vector(bytes: v128) -> v128 {
        u8x16_eq(bytes, u8x16_splat(b'\r'))
    }
}

/// How many bytes of `bytes` stand before the first that is a stop.
#[inline]
pub(crate) fn length_before<S: Stop>(bytes: &[u8]) -> usize {
    /// Most names and lines end within these.
    const SHORT: usize = 64;
    let Some((short, long)) = bytes.split_at_checked(SHORT) else {
        return in_short::<S>(bytes);
    };
    match in_short::<S>(short) {
        SHORT => {
            let clean = clean_blocks::<S>(long);
            let rest = long.get(clean..).unwrap_or_default();
            SHORT
                .saturating_add(clean)
                .saturating_add(in_short::<S>(rest))
        }
        length => length,
    }
}

/// The same for few bytes, by sixteen where there are vectors.
#[inline]
fn in_short<S: Stop>(bytes: &[u8]) -> usize {
    #[cfg(target_feature = "simd128")]
    {
        let (vectors, tail) = bytes.as_chunks::<16>();
        let mut marks = 0;
        let clean = vectors.iter().position(|vector| {
            marks = vector::marks::<S>(vector);
            marks != 0
        });
        let place = match clean {
            Some(_) => usize::try_from(marks.trailing_zeros()).unwrap_or_default(),
            None => in_words::<S>(tail),
        };
        let clean = clean.unwrap_or(vectors.len());
        clean.wrapping_mul(16).wrapping_add(place)
    }
    #[cfg(not(target_feature = "simd128"))]
    in_words::<S>(bytes)
}

/// The same, by eight.
#[inline]
fn in_words<S: Stop>(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut passed = 0_usize;
    for word in words {
        let marks = S::marks(u64::from_le_bytes(*word));
        if marks != 0 {
            let place = usize::try_from(marks.trailing_zeros().wrapping_shr(3));
            return passed.saturating_add(place.unwrap_or_default());
        }
        passed = passed.saturating_add(8);
    }
    let more = tail.iter().position(|byte| S::is(*byte));
    passed.saturating_add(more.unwrap_or(tail.len()))
}

/// The length of the blocks without a stop at the beginning of `bytes`.
#[inline]
fn clean_blocks<S: Stop>(bytes: &[u8]) -> usize {
    /// The compiler makes vector instructions of blocks of this length.
    const BLOCK: usize = 64;
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    // No early return within a block: that is what lets it be looked at as a whole.
    let has_stop =
        |block: &[u8; BLOCK]| block.iter().fold(false, |found, byte| found | S::is(*byte));
    let clean = blocks.iter().take_while(|block| !has_stop(block)).count();
    clean.saturating_mul(BLOCK)
}

/// Sixteen bytes at once, as WebAssembly has it.
#[cfg(target_feature = "simd128")]
mod vector {
    use super::Stop;
    use std::arch::wasm32::{i8x16_bitmask, u64x2};

    /// A bit for each of `bytes` that is a stop, the first the lowest.
    #[inline]
    pub(super) fn marks<S: Stop>(bytes: &[u8; 16]) -> u16 {
        let [low, high] = [bytes.first_chunk(), bytes.last_chunk()];
        let [low, high] = [low, high].map(|word| word.map_or(0, |word| u64::from_le_bytes(*word)));
        i8x16_bitmask(S::marks_of_vector(u64x2(low, high)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds<S: Stop>(stop: u8) {
        for length in [0, 1, 7, 8, 31, 32, 33, 63, 64, 95, 96, 97, 160, 200] {
            let clean = vec![b'a'; length];
            assert_eq!(length_before::<S>(&clean), length, "{length}");
            for place in 0..length {
                let mut bytes = clean.clone();
                bytes[place] = stop;
                assert_eq!(length_before::<S>(&bytes), place, "{length}, {place}");
                bytes[place..].fill(stop);
                assert_eq!(length_before::<S>(&bytes), place, "{length}, {place}");
            }
        }
    }

    #[test]
    fn the_first_stop_is_found_wherever_it_stands() {
        holds::<InText>(b'"');
        holds::<InText>(b'\\');
        holds::<InText>(0);
        holds::<InText>(0x1F);
        holds::<Break>(b'\r');
    }

    /// The arithmetic on eight bytes has borrows between them.
    #[test]
    fn any_two_bytes_are_judged_as_each_alone() {
        fn holds<S: Stop>() {
            for first in 0..=255 {
                for second in 0..=255 {
                    let bytes = [b'a', b'b', first, second, b'c', b'd', b'e', b'f'];
                    let expected = bytes.iter().position(|byte| S::is(*byte)).unwrap_or(8);
                    assert_eq!(length_before::<S>(&bytes), expected, "{bytes:?}");
                }
            }
        }
        holds::<InText>();
        holds::<Break>();
    }
}
