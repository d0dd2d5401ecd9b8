//! Secrets that nobody drew: few characters, a piece over and over, keys in a row.
//!
//! The bounds are such that no drawn secret of 16 characters or more is refused, whatever its alphabet:
//! hexadecimal and decimal digits, base64, UUIDs.

/// Fewer different characters are no secret, however often they come.
const MIN_DISTINCT: usize = 4;
/// The shortest run, such as `012345` or `fedcba`, that counts as one.
const MIN_RUN: usize = 6;

/// The shortest piece of a text that is nothing but runs, and the shortest such text.
const MIN_STEP: usize = 3;
const MIN_STEPS: usize = 9;

/// How keys lie beside each other, in rows and in columns, and the same from behind.
const KEYBOARD: [&str; 2] = [
    "qwertyuiop qwertzuiop asdfghjkl zxcvbnm 1q2w3e4r5t6y7u8i9o0p 1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "p0lo9ki8mju7nhy6bgt5vfr4cde3xsw2zaq1 p0o9i8u7y6t5r4e3w2q1 mnbvcxz lkjhgfdsa poiuztrewq poiuytrewq",
];

/// What masks a secret or stands in for one, so often on end.
const MASKS: &[u8] = b"xX*.?_#-";
const MIN_MASK: usize = 8;

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
    let plain = plain(text);
    let counts = || plain.bytes().all(|byte| byte.is_ascii_digit()) && is_regular(&plain);
    if is_regular(text) || counts() || is_in_steps(&plain) {
        return Some("half of it or more only counts up or down");
    }
    if is_masked(text) {
        return Some("a part of it is masked");
    }
    is_on_keyboard(&plain).then_some("half of it or more is in a row on a keyboard")
}

/// Its letters and digits, in lower case, without what begins a key.
fn plain(text: &str) -> String {
    let text = text.strip_prefix("sk-").unwrap_or(text);
    let fit = text.chars().filter(char::is_ascii_alphanumeric);
    fit.map(|character| character.to_ascii_lowercase())
        .collect()
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
    let runs = runs(text).into_iter().filter(|run| *run >= MIN_RUN);
    let in_runs: usize = runs.sum();
    in_runs.saturating_mul(2) >= text.len() && in_runs > 0
}

/// Whether it is nothing but short runs, as `abc123def456`.
fn is_in_steps(plain: &str) -> bool {
    plain.len() >= MIN_STEPS && runs(plain).iter().all(|run| *run >= MIN_STEP)
}

/// How long its runs are, one after the other.
fn runs(text: &str) -> Vec<usize> {
    let mut runs = Vec::new();
    let mut run = 1_usize;
    let mut step = None;
    for pair in text.as_bytes().windows(2) {
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
            runs.push(run);
            run = if counts { 2 } else { 1 };
        }
        step = counts.then_some(next);
    }
    runs.push(run);
    runs
}

fn is_masked(text: &str) -> bool {
    let mut parts = text.as_bytes().windows(MIN_MASK);
    parts.any(|part| {
        let mut masks = MASKS.iter();
        masks.any(|mask| part.iter().all(|byte| byte == mask))
    })
}

/// Whether half of it or more is in rows or columns of a keyboard, in either direction.
fn is_on_keyboard(plain: &str) -> bool {
    let mut in_rows = vec![false; plain.len()];
    for place in 0..plain.len() {
        let part = plain.get(place..place.saturating_add(MIN_RUN));
        if part.is_some_and(|part| KEYBOARD.iter().any(|rows| rows.contains(part))) {
            let keys = in_rows.iter_mut().skip(place).take(MIN_RUN);
            keys.for_each(|key| *key = true);
        }
    }
    let count = in_rows.iter().filter(|key| **key).count();
    count.saturating_mul(2) >= plain.len() && count > 0
}

#[cfg(test)]
#[path = "guessable_tests.rs"]
mod tests;
