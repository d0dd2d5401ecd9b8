//! Questions about all bytes of a text, sixteen at a time where there are vectors.
//!
//! A header's value has some dozens of bytes: a loop that the compiler makes vectors of by itself goes through what
//! is left at its end byte by byte, which took longer than all before it. Here the last sixteen are looked at once
//! more instead.

/// Whether each byte of `text` is ASCII behind `before`, up to `~`, and none of `others`.
#[inline]
pub(crate) fn is_ascii_behind<const N: usize>(text: &[u8], before: u8, others: [u8; N]) -> bool {
    #[cfg(target_feature = "simd128")]
    if let Some(all) = vector::is_ascii_behind(text, before, others) {
        return all;
    }
    let fits = |byte: u8| before < byte && byte <= b'~' && !others.contains(&byte);
    text.iter().all(|byte| fits(*byte))
}

/// Whether `byte` is in `text`.
#[inline]
pub(crate) fn has(text: &[u8], byte: u8) -> bool {
    #[cfg(target_feature = "simd128")]
    if let Some(found) = vector::has(text, byte) {
        return found;
    }
    text.contains(&byte)
}

/// Whether one of `pairs` stands in `text`.
#[inline]
pub(crate) fn has_pair<const N: usize>(text: &[u8], pairs: [[u8; 2]; N]) -> bool {
    #[cfg(target_feature = "simd128")]
    if let Some(found) = vector::has_pair(text, pairs) {
        return found;
    }
    let is_one = |pair: &[u8]| pairs.iter().any(|own| own == pair);
    text.windows(2).any(is_one)
}

/// The same as WebAssembly's vectors have it. None of a text that is too short for them.
#[cfg(target_feature = "simd128")]
mod vector {
    use std::arch::wasm32::{
        i8x16_all_true, i8x16_gt, i8x16_splat, u8x16_eq, u8x16_splat, u64x2, v128, v128_and,
        v128_andnot, v128_any_true, v128_or,
    };

    #[inline]
    pub(super) fn is_ascii_behind<const N: usize>(
        text: &[u8],
        before: u8,
        others: [u8; N],
    ) -> Option<bool> {
        let before = i8x16_splat(i8::try_from(before).ok()?);
        let odd = any(text, |bytes| {
            // A byte that is not ASCII is a negative number.
            let fit = i8x16_gt(bytes, before);
            let odd = others
                .into_iter()
                .fold(is(bytes, 0x7f), |odd, other| v128_or(odd, is(bytes, other)));
            !i8x16_all_true(v128_andnot(fit, odd))
        });
        odd.map(|odd| !odd)
    }

    #[inline]
    pub(super) fn has(text: &[u8], byte: u8) -> Option<bool> {
        any(text, |bytes| v128_any_true(is(bytes, byte)))
    }

    #[inline]
    pub(super) fn has_pair<const N: usize>(text: &[u8], pairs: [[u8; 2]; N]) -> Option<bool> {
        let found = |ones: v128, others: v128| {
            let none = u8x16_splat(0);
            let found = pairs.into_iter().fold(none, |found, [one, other]| {
                v128_or(found, v128_and(is(ones, one), is(others, other)))
            });
            v128_any_true(found)
        };
        let Some(last) = text.last_chunk::<17>() else {
            let (first, last) = (text.first_chunk::<9>()?, text.last_chunk::<9>()?);
            let ones = u64x2(beginning(first), beginning(last));
            return Some(found(ones, u64x2(end(first), end(last))));
        };
        let of = |bytes: &[u8; 17]| {
            let ones = bytes.first_chunk().map(sixteen);
            let others = bytes.last_chunk().map(sixteen);
            ones.zip(others)
                .is_some_and(|(ones, others)| found(ones, others))
        };
        let mut rest = text;
        while let Some(bytes) = rest.first_chunk() {
            if of(bytes) {
                return Some(true);
            }
            rest = rest.get(16..).unwrap_or_default();
        }
        Some(of(last))
    }

    /// Whether `found` says so of some bytes of `text`, each of which it is asked about at least once.
    #[inline]
    fn any(text: &[u8], found: impl Fn(v128) -> bool) -> Option<bool> {
        if let Some(last) = text.last_chunk() {
            let mut chunks = text.as_chunks().0.iter();
            return Some(chunks.any(|chunk| found(sixteen(chunk))) || found(sixteen(last)));
        }
        if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            return Some(found(u64x2(beginning(first), end(last))));
        }
        let (first, last) = (text.first_chunk::<4>()?, text.last_chunk::<4>()?);
        let [first, last] = [first, last].map(|four| u64::from(u32::from_le_bytes(*four)));
        let eight = first | last.wrapping_shl(32);
        Some(found(u64x2(eight, eight)))
    }

    #[inline]
    fn is(bytes: v128, byte: u8) -> v128 {
        u8x16_eq(bytes, u8x16_splat(byte))
    }

    #[inline]
    fn sixteen(bytes: &[u8; 16]) -> v128 {
        u64x2(beginning(bytes), end(bytes))
    }

    #[inline]
    fn beginning<const N: usize>(bytes: &[u8; N]) -> u64 {
        bytes
            .first_chunk()
            .map_or(0, |eight| u64::from_le_bytes(*eight))
    }

    #[inline]
    fn end<const N: usize>(bytes: &[u8; N]) -> u64 {
        bytes
            .last_chunk()
            .map_or(0, |eight| u64::from_le_bytes(*eight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: std::ops::Range<usize> = 0..70;

    #[test]
    fn a_byte_that_does_not_fit_is_found_wherever_it_stands() {
        for length in LENGTHS {
            let mut text = vec![b'a'; length];
            assert!(is_ascii_behind(&text, b' ', *b"%#"), "{length}");
            for place in 0..length {
                for odd in [0, b' ', b'%', b'#', 0x7f, 0x80, 0xff] {
                    text[place] = odd;
                    assert!(!is_ascii_behind(&text, b' ', *b"%#"), "{length}, {place}");
                }
                for plain in [b'!', b'~', b'"'] {
                    text[place] = plain;
                    assert!(is_ascii_behind(&text, b' ', *b"%#"), "{length}, {place}");
                }
            }
        }
    }

    #[test]
    fn each_byte_is_judged_by_itself() {
        for byte in 0..=255_u8 {
            for length in [1, 5, 9, 20] {
                let text = vec![byte; length];
                let fits = (b' '..=b'~').contains(&byte) && byte != b'"';
                assert_eq!(is_ascii_behind(&text, 0x1f, *b"\""), fits, "{byte}");
            }
        }
    }

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        for length in LENGTHS {
            let mut text = vec![b'a'; length];
            assert!(!has(&text, b','), "{length}");
            for place in 0..length {
                text[place] = b',';
                assert!(has(&text, b','), "{length}, {place}");
                text[place] = b'a';
            }
        }
    }

    #[test]
    fn a_pair_is_found_wherever_it_stands_and_no_half_of_one_is() {
        for length in LENGTHS {
            let mut text = vec![b'a'; length];
            for place in 0..length {
                text[place] = b'/';
                assert!(!has_pair(&text, [*b"//", *b"/."]), "{length}, {place}");
                for other in *b"/." {
                    if let Some(next) = text.get_mut(place + 1) {
                        *next = other;
                        assert!(has_pair(&text, [*b"//", *b"/."]), "{length}, {place}");
                        text[place + 1] = b'a';
                    }
                }
                text[place] = b'a';
            }
        }
    }
}
