//! References that a gateway, a template engine or a secret manager would have resolved.
//!
//! Each leaves a reference that it cannot resolve as it is. Taken for a secret, it would let in
//! everybody who sends that text, and the text is in the documentation.

use super::{Form, bare, form, found, is_name, is_upper_name};

/// What the gateways themselves resolve. No value of any field has such a form.
const OF_GATEWAYS: [Form; 5] = [
    form("$env://", "", any, "`$env://…`"),
    form("$secret://", "", any, "`$secret://…`"),
    form("{vault://", "", any, "`{vault://…}`"),
    form("${{", "}}", any, "`${{…}}`"),
    form("${", "}", any, "`${…}`"),
];

/// What shells, templates and secret managers resolve. Refused where a secret stands.
const OF_OTHERS: [Form; 16] = [
    form("$(", ")", any, "`$(…)`"),
    form("{{", "}}", any, "`{{…}}`"),
    form("#{", "}", any, "`#{…}`"),
    form("<%", "%>", any, "`<%…%>`"),
    form("$", "", is_name_of_one_case, "`$NAME`"),
    form("%", "%", is_expression, "`%NAME%`"),
    form("env:", "", is_name, "`env:NAME`"),
    form("env.", "", is_name, "`env.NAME`"),
    form("process.env.", "", is_name, "`process.env.NAME`"),
    form("os.environ/", "", is_name, "`os.environ/NAME`"),
    form("file:", "", is_path, "`file:/…`"),
    form("vault:", "", is_path, "`vault:…`"),
    form("projects/", "", is_path, "`projects/…/secrets/…`"),
    form("arn:aws:", "", any, "`arn:aws:…`"),
    form("@microsoft.keyvault(", ")", any, "`@Microsoft.KeyVault(…)`"),
    form("enc[", "]", any, "`ENC[…]`"),
];

/// The form of a reference that a gateway would have resolved, wherever it stands.
pub(crate) fn gateway_reference(text: &str) -> Option<&'static str> {
    let text = bare(text);
    found(&OF_GATEWAYS, text).or_else(|| holds_variable(text).then_some("`${NAME}`"))
}

/// The form of a reference that anything on the way would have resolved. For texts that are to be
/// secrets; elsewhere some of these are values.
pub(crate) fn reference(text: &str) -> Option<&'static str> {
    let text = bare(text);
    gateway_reference(text)
        .or_else(|| found(&OF_OTHERS, text))
        .or_else(|| is_address(text).then_some("`scheme://…`"))
}

const fn any(_: &str) -> bool {
    true
}

/// A drawn secret of this alphabet alone has both cases.
fn is_of_one_case(text: &str) -> bool {
    let holds = |of: fn(&u8) -> bool| text.as_bytes().iter().any(of);
    !(holds(u8::is_ascii_uppercase) && holds(u8::is_ascii_lowercase))
}

fn is_name_of_one_case(text: &str) -> bool {
    is_name(text) && is_of_one_case(text)
}

fn is_expression(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:()-".contains(&byte);
    !text.is_empty() && text.bytes().all(fits) && is_of_one_case(text)
}

fn is_path(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_./#:-".contains(&byte);
    text.contains('/') && text.bytes().all(fits)
}

/// Whether it begins with a scheme (RFC 3986 section 3.1): `op://`, `ref+vault://`, `file://`.
fn is_address(text: &str) -> bool {
    let of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let marks = |character| matches!(character, '$' | '{' | '!' | '@');
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let scheme = scheme.map(|scheme| scheme.trim_start_matches(marks));
    scheme.is_some_and(|scheme| {
        let letter = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
        letter && scheme.len() <= 64 && scheme.bytes().all(of_scheme)
    })
}

/// Whether there is a `${NAME}`, `${{NAME}}` or `${NAME:-…}` anywhere in it, in capitals, as no secret
/// that was drawn has it.
fn holds_variable(text: &str) -> bool {
    text.split("${").skip(1).any(|rest| {
        let inner = rest.split_once('}').map(|(inner, _)| inner);
        let inner = inner.map(|inner| inner.trim_matches(['{', ' ']));
        let name = inner.and_then(|inner| inner.split(':').next());
        name.is_some_and(|name| name.len() >= 3 && is_upper_name(name.trim()))
    })
}
