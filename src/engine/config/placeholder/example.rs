//! Examples, and the defaults of programs: everybody knows them.

use super::guessable::is_regular;
use super::{Form, bare, form, found, is_upper_name};
use crate::authn::api_key::{KeyDigest, digest};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::collections::HashSet;

/// What a person was to put a secret in the place of.
const MARKS: [Form; 7] = [
    form("<", ">", is_phrase, "`<…>`"),
    form("[", "]", is_phrase, "`[…]`"),
    form("{", "}", is_phrase, "`{…}`"),
    form("@", "@", is_upper_name, "`@…@`"),
    form("__", "__", is_upper_name, "`__…__`"),
    form("", "...", is_beginning, "a text that ends in `...`"),
    form("", "…", is_beginning, "a text that ends in `…`"),
];

/// Texts that are published, as examples or as defaults: everybody knows them. Ours, then those of
/// OpenAI's and Ollama's clients, LiteLLM, vLLM, LM Studio, Open WebUI, APISIX and jwt.io.
const PUBLISHED: [&str; 38] = [
    "sk-demo-not-a-secret-000000",
    "sk-second-not-a-secret-0000",
    "sk-...",
    "sk-…",
    "",
    "changeme",
    "change-me",
    "change_me",
    "replaceme",
    "secret",
    "password",
    "admin",
    "test",
    "none",
    "null",
    "empty",
    "dummy",
    "ollama",
    "ollama-local",
    "sk-no-key-required",
    "no-key-required",
    "sk-your-key-here",
    "sk-your-key-goes-here",
    "your-api-key",
    "your_api_key",
    "sk-1234",
    "lm-studio",
    "t0p-s3cr3t",
    "edd1c9f034335f136f87ad84b625c8f1",
    "4054f7cf07e344346cd3f287985e76a2",
    "your-256-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    "your-super-secret-and-long-postgres-password",
    "correct horse battery staple",
    "correct-horse-battery-staple",
    "correcthorsebatterystaple",
    "super-secret-jwt-token-with-at-least-32-characters-long",
];

/// The words that examples are made of, each between spaces. A text with nothing but these is no secret.
const WORDS: &str = " \
    a access admin after an and another any api apikey at auth bar baz be bearer before below \
    best bit bits by byte bytes change changeit changeme changethis char characters chars client \
    confidential configured created cryptographic default demo dev development dont dummy edit \
    enough enter environment example existing fake file fill fixme foo for from gate generate \
    generated generator goes good guess guessable hello here hex hidden hmac hope in insert is \
    it jwt keep key known least length letmein litellm llm local localhost long make masked \
    master me min minimum more must my never new no nobody none not nothing null of ollama one \
    openai openssl or own pass passphrase passwd password paste phrase placeholder please \
    postgres private prod production proj provide provided put qwerty qwertyuiop rand random \
    real redacted replace replaceme required safe safely same sample second secret secrets \
    secure securely sensitive set share shared should side sk so some something staging string \
    strings strong strongly super supersecret system tbd test text than that the there thing \
    this to todo token type undefined unknown unsafe unset update use used user uses valid \
    variable when which word words write written yourself ";

/// More of them, which only go with those above.
const FILLING: &str = " value very webui welcome with world x xx xxx xxxx you your ";

/// None of them is longer.
const MAX_WORD: usize = 13;

/// A word with a number at it has at least so many letters.
const MIN_NUMBERED: usize = 6;

/// So many letters written together may hold words of one letter.
const MIN_WITH_ONE_LETTER: usize = 12;

/// A longer text is no word of an example.
const MAX_EXAMPLE_BYTES: usize = 256;

/// What kind of example a text is, if it is one.
pub(crate) fn example(text: &str) -> Option<&'static str> {
    let text = bare(text);
    if text.len() > MAX_EXAMPLE_BYTES {
        return None;
    }
    of_words(text).or_else(|| {
        // As Kubernetes has them written.
        let decoded = decoded(text)?;
        of_words(bare(&decoded)).map(|_| "an example in base64")
    })
}

fn of_words(text: &str) -> Option<&'static str> {
    let published = |known: &&str| text.eq_ignore_ascii_case(known);
    if PUBLISHED.iter().any(published) {
        return Some("a text that is published");
    }
    if is_variable_name(text) {
        return Some("the name of a variable");
    }
    found(&MARKS, text).or_else(|| is_made_of_words(text).then_some("the words of an example"))
}

/// What `text` says in base64 (RFC 4648 section 4), if that is text.
fn decoded(text: &str) -> Option<String> {
    const PADDED_OR_NOT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&STANDARD, PADDED_OR_NOT);
    String::from_utf8(engine.decode(text).ok()?).ok()
}

/// The digests of texts that are published, in the usual spellings.
pub(crate) fn published_digests() -> HashSet<KeyDigest> {
    let spelled = |text: &&str| [(*text).to_owned(), text.to_ascii_uppercase()];
    let texts = PUBLISHED.iter().flat_map(spelled);
    texts.map(|text| digest(text.as_bytes())).collect()
}

/// Words, without a digit: a drawn secret between brackets has some.
fn is_phrase(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphabetic() || b" _./'-".contains(&byte);
    text.bytes().all(fits)
}

fn is_beginning(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Whether it is written as the name of a variable with several words: `OLLAMA_GATE_KEY`.
fn is_variable_name(text: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    text.contains('_') && text.split('_').all(word)
}

/// Whether every word of it is one of examples, with numbers such as `256` or `1234567890` between.
fn is_made_of_words(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let parts = lower.split(|character: char| !character.is_ascii_alphanumeric());
    let mut found = false;
    for part in parts.filter(|part| !part.is_empty()) {
        if is_among(part, WORDS) || is_compound(part) || is_numbered(part) {
            found = true;
        } else if !(is_among(part, FILLING) || is_plain_number(part)) {
            return false;
        }
    }
    found
}

fn is_among(part: &str, words: &str) -> bool {
    part.len() <= MAX_WORD && words.contains(&format!(" {part} "))
}

/// Whether it is a long word or several, with a number before or behind them: `secretkey123456`.
fn is_numbered(part: &str) -> bool {
    let digit = |character: char| character.is_ascii_digit();
    let letters = part.trim_matches(digit);
    let mut numbers = part.splitn(2, letters);
    letters.len() >= MIN_NUMBERED
        && letters.len() < part.len()
        && is_compound(letters)
        && numbers.all(is_plain_number)
}

/// Whether it is one of the words or several, written together: `yoursecretkey`.
fn is_compound(part: &str) -> bool {
    // A drawn text of a few letters may be a short word and many an `a`.
    let is_long = part.len() >= MIN_WITH_ONE_LETTER && !part.bytes().all(|byte| byte == b'a');
    let min = if is_long { 1 } else { 2 };
    let mut ends = vec![false; part.len().saturating_add(1)];
    if let Some(start) = ends.first_mut() {
        *start = true;
    }
    for place in 0..part.len() {
        let (true, Some(rest)) = (ends.get(place) == Some(&true), part.get(place..)) else {
            continue;
        };
        for length in min..=MAX_WORD.min(rest.len()) {
            let is_word = |word| is_among(word, WORDS) || is_among(word, FILLING);
            let end = ends.get_mut(place.saturating_add(length));
            if let (true, Some(end)) = (rest.get(..length).is_some_and(is_word), end) {
                *end = true;
            }
        }
    }
    ends.last() == Some(&true)
}

/// A short number, or one that only counts.
fn is_plain_number(part: &str) -> bool {
    let digits = part.bytes().all(|byte| byte.is_ascii_digit());
    digits && (part.len() <= 4 || is_regular(part))
}
