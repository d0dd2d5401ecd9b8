//! Passing over the inside of a string that nobody wants, its escapes included.

use super::block::{Block, LENGTH};
use super::skip::{InText, length_before};

/// The last control character; none may stand in a string.
const LAST_CONTROL: u8 = 0x1F;

/// What is left of `bytes`, the inside of a string, where its state is needed again: at its end, at an error, at an
/// escape that is cut.
#[inline]
pub(super) fn pass_over(bytes: &[u8]) -> &[u8] {
    /// Most names and values end within these.
    const SHORT: usize = 16;
    let short = bytes.get(..SHORT).unwrap_or(bytes);
    let plain = length_before::<InText>(short);
    match bytes.get(plain..).unwrap_or_default() {
        rest @ [b'"', ..] => rest,
        rest => behind_escapes(behind_blocks(rest)),
    }
}

/// The same, at the latest where a block has an error or is none. No escape has begun there.
fn behind_blocks(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    // Whether its first byte is escaped, as a bit.
    let mut is_escaped = 0;
    while let Some((block, after)) = rest.split_first_chunk::<LENGTH>() {
        let block = Block::new(block);
        let [quotes, slashes] = [b'"', b'\\'].map(|byte| block.are(byte));
        let controls = block.up_to(LAST_CONTROL);
        // Images of tens of megabytes pass here.
        if is_escaped == 0 && !(quotes | slashes | controls).any() {
            rest = after;
            continue;
        }
        let (quotes, slashes) = (quotes.rare_bits(), slashes.bits());
        let (escaped, next) = escaped_by(slashes, is_escaped);
        let end = quotes & !escaped;
        // All bits below the lowest one, or all if there is none.
        let inside = end.wrapping_sub(1) & !end;
        let usual = quotes | slashes | (block.are(b'n') | block.are(b't')).bits();
        let judged = match escaped & inside & !usual {
            0 => Judged::default(),
            others => Judged::of(block, others),
        };
        if judged.wrong | (controls.rare_bits() & inside) != 0 {
            break;
        }
        if end != 0 {
            return from_lowest(rest, end);
        }
        (rest, is_escaped) = match judged.cut {
            0 => (after, next),
            cut => (from_lowest(rest, cut), 0),
        };
    }
    // Not every escape has begun in the rest.
    let length = rest.len().saturating_add(usize::from(is_escaped != 0));
    let start = bytes.len().saturating_sub(length);
    bytes.get(start..).unwrap_or_default()
}

/// `bytes` from the place of the lowest bit of `bits` on.
fn from_lowest(bytes: &[u8], bits: u64) -> &[u8] {
    let place = usize::try_from(bits.trailing_zeros()).unwrap_or_default();
    bytes.get(place..).unwrap_or_default()
}

/// Which bytes of a block are escaped that has these backslashes, and, as a bit, whether the first one of the next
/// block is. `carried` is that of this one.
fn escaped_by(slashes: u64, carried: u64) -> (u64, u64) {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let behind = slashes.wrapping_shl(1) | carried;
    if slashes & behind == 0 {
        return (behind, slashes.wrapping_shr(63));
    }
    // Of backslashes behind one another each second one is escaped. Where such a run begins at an odd place, adding
    // its first bit carries through it, and turns over which places of it and behind it are meant.
    let slashes = slashes & !carried;
    let behind = slashes.wrapping_shl(1) | carried;
    let odd = slashes & !EVEN & !behind;
    let (turned, next) = odd.overflowing_add(slashes);
    ((EVEN ^ turned.wrapping_shl(1)) & behind, u64::from(next))
}

/// What there is to say of escapes other than the most usual ones.
#[derive(Default)]
struct Judged {
    /// what is none: the letter, or a digit
    wrong: u64,
    /// the backslash of one whose digits do not end in its block
    cut: u64,
}

impl Judged {
    /// Of the escapes in `block` with these letters.
    fn of(block: Block, letters: u64) -> Self {
        let units = block.are(b'u').bits() & letters;
        let single = [b'/', b'b', b'f'].map(|letter| block.are(letter));
        let single = single
            .into_iter()
            .fold(block.are(b'r'), |all, one| all | one);
        let wrong = letters & !units & !single.bits();
        if units == 0 {
            return Self { wrong, cut: 0 };
        }
        let digits = [1, 2, 3, 4].map(|behind| units.wrapping_shl(behind));
        let digits = digits.into_iter().fold(0, |all, one| all | one);
        Self {
            wrong: wrong | digits & !block.digits().bits(),
            // The last four letters have digits behind the block.
            cut: (units & 0xF000_0000_0000_0000).wrapping_shr(1),
        }
    }
}

/// The same, one escape after another.
fn behind_escapes(mut bytes: &[u8]) -> &[u8] {
    loop {
        let plain = length_before::<InText>(bytes);
        let rest = bytes.get(plain..).unwrap_or_default();
        bytes = match rest {
            [b'\\', letter, after @ ..] if is_whole_escape(*letter) => after,
            [b'\\', b'u', a, b, c, d, after @ ..]
                if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) =>
            {
                after
            }
            _ => return rest,
        };
    }
}

/// Whether `letter` behind a backslash is an escape by itself.
const fn is_whole_escape(letter: u8) -> bool {
    matches!(
        letter,
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'
    )
}
