//! `required_claims`

use super::super::reader::{Node, Reader};
use crate::authn::jwt::{ClaimPath, Expected, Fit, Prefix, RequiredClaim, Suffix};
use crate::json::Json;
use serde_json::Number;

/// The most digits of a number that every gateway passes on.
const MAX_DIGITS: usize = 14;

const EXPECTED: &str = "a string, a number of up to 14 digits, true or false, one of {\"word\": …}, {\"prefix\": …}, \
                        {\"suffix\": …} and {\"member\": …}, a list of these, or {\"absent\": true}";

/// What the claims in `node` have to be.
pub(crate) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Vec<RequiredClaim> {
    let mut required = Vec::new();
    for (name, node) in reader.entries(node) {
        let Some(path) = ClaimPath::parse(name).filter(|_| !name.is_empty()) else {
            reader.refuse(&node, "is neither the name of a claim nor a JSON Pointer");
            continue;
        };
        if let Some(expected) = read_expected(reader, &node) {
            required.push(RequiredClaim { path, expected });
        }
    }
    required
}

fn read_expected(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Expected> {
    let absent = Json::Bool(true);
    let fits = match node.json {
        Json::Object(members)
            if members.len() == 1 && node.json.member("absent") == Some(&absent) =>
        {
            return Some(Expected::Absent);
        }
        Json::List(items) if !items.is_empty() => {
            let items = node.items();
            if !items
                .iter()
                .all(|item| is_plain(item.json) || form(item).is_some())
            {
                reader.mismatch(node, EXPECTED);
                return None;
            }
            let fits = items.iter().map(|item| read_fit(reader, item));
            fits.collect::<Option<_>>()?
        }
        _ => vec![read_fit(reader, node)?],
    };
    Some(Expected::OneOf(fits))
}

fn read_fit(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Fit> {
    if is_plain(node.json) {
        return Some(Fit::Value(node.json.clone()));
    }
    if matches!(node.json, Json::Number(_)) {
        let message = "has over 14 digits, which not every gateway passes on: write it as a string";
        reader.refuse(node, message);
        return None;
    }
    let Some((name, value)) = form(node) else {
        reader.mismatch(node, EXPECTED);
        return None;
    };
    let place = node.member(name, value);
    let text = reader.text(&place, "a string that is not empty")?;
    let (fit, message) = match name {
        "word" => (
            (!text.bytes().any(|byte| byte.is_ascii_whitespace())).then_some(Fit::Word(text)),
            "is more than one word, and is compared with one at a time",
        ),
        "prefix" => (
            Prefix::new(&text).map(Fit::Prefix),
            "ends in a letter or digit, so that `https://sso.example.com` would fit `https://sso.example.com.evil`: end \
             it with a separator such as `/`",
        ),
        "suffix" => (
            Suffix::new(&text).map(Fit::Suffix),
            "has to begin with a separator, so that `example.com` does not fit `evil-example.com`: write a domain as \
             `@example.com`, or as `.example.com` for all that is below it, in ASCII",
        ),
        _ => (Some(Fit::Member(text)), ""),
    };
    if fit.is_none() {
        reader.refuse(&place, message);
    }
    fit
}

/// The one member of an object that says how to compare.
fn form<'j>(node: &Node<'j>) -> Option<(&'j str, &'j Json)> {
    match node.json {
        Json::Object(members) => match members.as_slice() {
            [(name, value)] if ["word", "prefix", "suffix", "member"].contains(&name.as_str()) => {
                Some((name, value))
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_plain(json: &Json) -> bool {
    match json {
        Json::Text(_) | Json::Bool(_) => true,
        Json::Number(number) => is_carried(number),
        _ => false,
    }
}

/// Whether each gateway passes `number` on as it is. APISIX and Kong write it with 14 digits.
fn is_carried(number: &Number) -> bool {
    let written = number.to_string();
    let (digits, _) = written.split_once(['e', 'E']).unwrap_or((&written, ""));
    let digits = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    };
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').len() <= MAX_DIGITS
        && number.as_f64().is_some_and(|value| value.abs() < 1.0e14)
}
