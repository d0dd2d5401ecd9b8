//! Texts that were meant to be replaced by a secret: references that nothing resolved, words of
//! examples, and what can be guessed.

mod example;
mod guessable;
mod reference;
mod stray;

pub(super) use example::{example, published_digests};
pub(super) use guessable::weakness;
pub(super) use reference::{gateway_reference, reference};
pub(super) use stray::stray;

/// A form of a reference, and how an error names it. Case does not matter: APISIX ignores it.
struct Form {
    /// how it begins, in lower case
    begins: &'static str,
    /// how it ends
    ends: &'static str,
    /// what stands between
    inner: fn(&str) -> bool,
    /// the form, without anything of the text at hand
    shown: &'static str,
}

const fn form(
    begins: &'static str,
    ends: &'static str,
    inner: fn(&str) -> bool,
    shown: &'static str,
) -> Form {
    Form {
        begins,
        ends,
        inner,
        shown,
    }
}

/// Without the white space and the quotation marks around it.
fn bare(text: &str) -> &str {
    let quote = |character| matches!(character, '"' | '\'' | '`');
    text.trim().trim_matches(quote).trim()
}

/// The first of `forms` that `text` has.
fn found(forms: &[Form], text: &str) -> Option<&'static str> {
    let fits = |form: &&Form| {
        let (begins, ends) = (form.begins.len(), form.ends.len());
        let start = text.get(..begins);
        let start = start.is_some_and(|start| start.eq_ignore_ascii_case(form.begins));
        let inner = text.get(begins..).and_then(|rest| {
            let end = rest.len().checked_sub(ends)?;
            rest.ends_with(form.ends).then(|| rest.get(..end))?
        });
        start && inner.is_some_and(form.inner)
    };
    forms.iter().find(fits).map(|form| form.shown)
}

fn is_name(text: &str) -> bool {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let digit = text.starts_with(|first: char| first.is_ascii_digit());
    !text.is_empty() && !digit && text.bytes().all(of_name)
}

fn is_upper_name(text: &str) -> bool {
    is_name(text) && !text.bytes().any(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests;
