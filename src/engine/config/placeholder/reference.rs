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
const OF_OTHERS: [Form; 24] = [
    form("$(", ")", any, "`$(…)`"),
    form("{{", "}}", any, "`{{…}}`"),
    form("#{", "}", any, "`#{…}`"),
    form("<%", "%>", any, "`<%…%>`"),
    form("((", "))", any, "`((…))`"),
    form("$", "", is_name_of_one_case, "`$NAME`"),
    form("$env:", "", is_name, "`$env:NAME`"),
    form("$env{", "}", is_name, "`$ENV{NAME}`"),
    form("%", "%", is_expression, "`%NAME%`"),
    form("env:", "", is_name, "`env:NAME`"),
    form("env.", "", is_name, "`env.NAME`"),
    form("process.env.", "", is_name, "`process.env.NAME`"),
    form("os.environ/", "", is_name, "`os.environ/NAME`"),
    form("os.environ[", "]", is_quoted_name, "`os.environ[…]`"),
    form("env(", ")", is_quoted_name, "`env(NAME)`"),
    form("getenv(", ")", is_quoted_name, "`getenv(NAME)`"),
    form("os.getenv(", ")", is_quoted_name, "`os.getenv(NAME)`"),
    form("secrets.", "", is_name, "`secrets.NAME`"),
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
    let text = behind_scheme(bare(text));
    gateway_reference(text)
        .or_else(|| found(&OF_OTHERS, text))
        .or_else(|| is_address(text).then_some("`scheme://…`"))
        .or_else(|| is_file(text).then_some("the path of a file"))
        .or_else(|| is_field(text).then_some("`path/to/secret#field`"))
        .or_else(|| is_attribute(text).then_some("`var.name`"))
        .or_else(|| is_named_elsewhere(text).then_some("`store:name`"))
}

/// What follows the scheme of an `Authorization` (RFC 9110 section 11.1), if `text` begins with a usual one.
fn behind_scheme(text: &str) -> &str {
    let schemes = ["Bearer", "Basic", "Token", "ApiKey"];
    match text.split_once(' ') {
        Some((first, rest)) if schemes.iter().any(|one| first.eq_ignore_ascii_case(one)) => {
            bare(rest)
        }
        _ => text,
    }
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

fn is_quoted_name(text: &str) -> bool {
    is_name(bare(text))
}

/// Where secrets are mounted, and where else files with them stand.
const FOLDERS: [&str; 18] = [
    "/run/",
    "/var/",
    "/etc/",
    "/mnt/",
    "/home/",
    "/root/",
    "/opt/",
    "/usr/",
    "/srv/",
    "/tmp/",
    "/app/",
    "/config/",
    "/data/",
    "/secrets/",
    "/vault/",
    "~/",
    "./",
    "../",
];

/// Whether it is the path of a file, alone, behind the `@` of curl or behind `file=`.
fn is_file(text: &str) -> bool {
    let behind = |before| text.strip_prefix(before);
    let path = behind("@").or_else(|| behind("file="));
    let path = path.unwrap_or(text);
    FOLDERS.iter().any(|folder| path.starts_with(folder)) && is_path(path.trim_start_matches('~'))
}

/// Whether it names a field of a secret in a store: `secret/data/ollama#key`.
fn is_field(text: &str) -> bool {
    let parts = text.split_once('#');
    parts.is_some_and(|(path, field)| is_words(path) && is_words(field) && path.contains('/'))
}

/// What the languages of configurations are about: `var.key` of Terraform and the like.
const ROOTS: [&str; 12] = [
    "var", "local", "data", "module", "config", "values", "vars", "inputs", "steps", "github",
    "vault", "settings",
];

/// Whether it is such a language's name for a value: `var.ollama_key`, `github.secrets.KEY`.
fn is_attribute(text: &str) -> bool {
    let is_root = |root: &str| ROOTS.iter().any(|known| root.eq_ignore_ascii_case(known));
    let named = text.trim_start_matches('.').split_once('.');
    named.is_some_and(|(root, name)| is_root(root) && is_words(name) && !name.contains('/'))
}

/// Stores of secrets, as references begin with them.
const STORES: [&str; 26] = [
    "akeyless",
    "aws",
    "azure",
    "azurekeyvault",
    "bitwarden",
    "bws",
    "chamber",
    "conjur",
    "credstash",
    "doppler",
    "gcp",
    "infisical",
    "k8s",
    "keychain",
    "keyring",
    "keyvault",
    "kms",
    "kubernetes",
    "op",
    "parameterstore",
    "secret",
    "secretkeyref",
    "secretmanager",
    "secretref",
    "secretsmanager",
    "ssm",
];

/// Whether it says by which name a store knows the secret: `secretRef:gate-key`, `ssm:/prod/key`.
fn is_named_elsewhere(text: &str) -> bool {
    let is_store = |store: &str| STORES.iter().any(|known| store.eq_ignore_ascii_case(known));
    let named = text.split_once(':').filter(|(store, _)| is_store(store));
    named.is_some_and(|(_, name)| name.split(':').all(is_words))
}

/// Whether it is made of names alone, as people and programs write them: letters of one case in every
/// word, and no digit. A drawn secret of this length has others.
fn is_words(text: &str) -> bool {
    let separator = |character: char| matches!(character, '/' | '_' | '-' | '.');
    let word =
        |word: &str| word.bytes().all(|byte| byte.is_ascii_alphabetic()) && is_of_one_case(word);
    text.len() >= 3 && text.split(separator).all(word)
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
