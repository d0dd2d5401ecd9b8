//! Passing over bytes that mean nothing, many at once.

/// How many bytes of `bytes` stand before the first for which `stops` holds.
#[inline]
pub fn length_before(bytes: &[u8], stops: impl Fn(u8) -> bool) -> usize {
    // The compiler makes vector instructions of blocks of these lengths.
    let passed = clean_blocks::<64>(bytes, &stops);
    let rest = bytes.get(passed..).unwrap_or_default();
    let passed = passed.saturating_add(clean_blocks::<16>(rest, &stops));
    let rest = bytes.get(passed..).unwrap_or_default();
    let more = rest.iter().position(|byte| stops(*byte));
    passed.saturating_add(more.unwrap_or(rest.len()))
}

/// The length of the blocks of `N` bytes at the beginning of `bytes` without a stop.
#[inline]
fn clean_blocks<const N: usize>(bytes: &[u8], stops: &impl Fn(u8) -> bool) -> usize {
    let (blocks, _) = bytes.as_chunks::<N>();
    // No early return within a block: that is what lets it be looked at as a whole.
    let has_stop = |block: &[u8; N]| block.iter().fold(false, |found, byte| found | stops(*byte));
    let clean = blocks.iter().take_while(|block| !has_stop(block)).count();
    clean.saturating_mul(N)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stop_is_found_wherever_it_stands() {
        for length in [0, 1, 63, 64, 65, 127, 128, 200] {
            let clean = vec![b'a'; length];
            assert_eq!(length_before(&clean, |byte| byte == b'"'), length);
            for place in 0..length {
                let mut bytes = clean.clone();
                for byte in &mut bytes[place..] {
                    *byte = b'"';
                }
                assert_eq!(length_before(&bytes, |byte| byte == b'"'), place);
            }
        }
    }
}
