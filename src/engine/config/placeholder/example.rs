//! Examples, and the defaults of programs: everybody knows them.

use super::guessable::is_regular;
use super::{Form, bare, form, found, is_upper_name};
use crate::authn::api_key::{KeyDigest, digest};
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
const PUBLISHED: [&str; 32] = [
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
];

/// The words that examples are made of. A text with nothing but these is no secret.
const WORDS: [&str; 98] = [
    "a",
    "access",
    "admin",
    "an",
    "and",
    "another",
    "any",
    "api",
    "apikey",
    "at",
    "auth",
    "be",
    "bearer",
    "bit",
    "bits",
    "by",
    "byte",
    "bytes",
    "change",
    "changeit",
    "changeme",
    "changethis",
    "char",
    "characters",
    "chars",
    "client",
    "default",
    "demo",
    "dummy",
    "enter",
    "example",
    "fake",
    "fill",
    "fixme",
    "for",
    "foo",
    "bar",
    "baz",
    "from",
    "gate",
    "goes",
    "hello",
    "here",
    "hmac",
    "in",
    "insert",
    "is",
    "it",
    "jwt",
    "key",
    "least",
    "letmein",
    "long",
    "master",
    "me",
    "my",
    "no",
    "none",
    "not",
    "of",
    "ollama",
    "one",
    "openai",
    "or",
    "paste",
    "password",
    "placeholder",
    "please",
    "private",
    "proj",
    "put",
    "qwerty",
    "qwertyuiop",
    "random",
    "real",
    "replace",
    "replaceme",
    "required",
    "sample",
    "secret",
    "second",
    "set",
    "shared",
    "sk",
    "some",
    "something",
    "string",
    "strong",
    "super",
    "supersecret",
    "test",
    "text",
    "the",
    "this",
    "to",
    "token",
    "todo",
    "tbd",
];

/// More of them, which only go with those above.
const FILLING: [&str; 12] = [
    "value", "very", "webui", "welcome", "with", "world", "x", "xx", "xxx", "xxxx", "you", "your",
];

/// A longer text is no word of an example.
const MAX_EXAMPLE_BYTES: usize = 256;

/// What kind of example a text is, if it is one.
pub(crate) fn example(text: &str) -> Option<&'static str> {
    let text = bare(text);
    if text.len() > MAX_EXAMPLE_BYTES {
        return None;
    }
    let published = |known: &&str| text.eq_ignore_ascii_case(known);
    if PUBLISHED.iter().any(published) {
        return Some("a text that is published");
    }
    if is_variable_name(text) {
        return Some("the name of a variable");
    }
    found(&MARKS, text).or_else(|| is_made_of_words(text).then_some("the words of an example"))
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
    let (mut found, mut others) = (0_usize, 0_usize);
    for part in parts.filter(|part| !part.is_empty()) {
        if WORDS.contains(&part) || is_compound(part) {
            found = found.saturating_add(1);
        } else if !(FILLING.contains(&part) || is_plain_number(part)) {
            others = others.saturating_add(1);
        }
    }
    found > 0 && others == 0
}

/// Whether it is several of the words written together: `yoursecretkey`.
fn is_compound(part: &str) -> bool {
    let mut ends = vec![false; part.len().saturating_add(1)];
    if let Some(start) = ends.first_mut() {
        *start = true;
    }
    for place in 0..part.len() {
        let (true, Some(rest)) = (ends.get(place) == Some(&true), part.get(place..)) else {
            continue;
        };
        let known = WORDS.iter().chain(&FILLING);
        for word in known.filter(|word| word.len() > 1 && rest.starts_with(**word)) {
            if let Some(end) = ends.get_mut(place.saturating_add(word.len())) {
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
