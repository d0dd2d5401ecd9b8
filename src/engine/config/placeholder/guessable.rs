//! Secrets that nobody drew: few characters, a piece over and over, keys in a row.
//!
//! The bounds are such that no drawn secret of 16 characters or more is refused, whatever its alphabet:
//! hexadecimal and decimal digits, base64, UUIDs.

/// Fewer different characters are no secret, however often they come.
const MIN_DISTINCT: usize = 4;
/// The shortest run, such as `012345` or `fedcba`, that counts as one.
const MIN_RUN: usize = 6;

/// The longest piece of which repetitions are looked for.
const MAX_PIECE_BYTES: usize = 1024;

/// What about `text` can be guessed, if anything.
pub(crate) fn weakness(text: &str) -> Option<&'static str> {
    if !is_varied(text) {
        return Some("it has fewer than 4 different characters");
    }
    if is_repeated(text.as_bytes()) {
        return Some("it repeats one piece");
    }
    is_regular(text).then_some("half of it or more only counts up or down")
}

fn is_varied(text: &str) -> bool {
    let mut seen = ['\0'; MIN_DISTINCT];
    let mut count = 0_usize;
    for character in text.chars() {
        if seen.iter().take(count).any(|known| *known == character) {
            continue;
        }
        if let Some(slot) = seen.get_mut(count) {
            *slot = character;
        }
        count = count.saturating_add(1);
        if count == MIN_DISTINCT {
            return true;
        }
    }
    false
}

/// Whether it is one piece, at most half of it, over and over, the last time perhaps in part.
fn is_repeated(text: &[u8]) -> bool {
    let longest = (text.len() / 2).min(MAX_PIECE_BYTES);
    (1..=longest).any(|piece| {
        // Shifted by the piece, it is the same again.
        let pairs = text.iter().skip(piece).zip(text);
        pairs
            .into_iter()
            .all(|(one, other)| one.eq_ignore_ascii_case(other))
    })
}

/// Whether half of its characters or more stand in runs, each one more, one less or the same as the
/// character before, in either case.
pub(crate) fn is_regular(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut in_runs = 0_usize;
    let mut run = 1_usize;
    let mut step = None;
    let mut end = |run: usize| {
        if run >= MIN_RUN {
            in_runs = in_runs.saturating_add(run);
        }
    };
    for pair in bytes.windows(2) {
        let next = match pair {
            [one, two] => {
                let [one, two] = [one, two].map(|byte| i16::from(byte.to_ascii_lowercase()));
                two.saturating_sub(one)
            }
            _ => continue,
        };
        let counts = next.abs() <= 1;
        if counts && (step.is_none() || step == Some(next)) {
            run = run.saturating_add(1);
        } else {
            end(run);
            run = if counts { 2 } else { 1 };
        }
        step = counts.then_some(next);
    }
    end(run);
    in_runs.saturating_mul(2) >= bytes.len() && in_runs > 0
}

#[cfg(test)]
#[path = "guessable_tests.rs"]
mod tests;
