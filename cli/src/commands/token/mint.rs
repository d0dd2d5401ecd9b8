//! `token mint`: a token, signed by a key of ours.

use crate::input::Input;
use crate::moment;
use crate::output::{Failure, Report};
use crate::signing::{Encoding, SecretOptions, public_jwk, thumbprint};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ollama_gate_engine::{Algorithm, Json};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Makes a token and prints it
///
/// The key comes from a file or a variable and is never an argument, which everybody on the machine can read.
/// Without --kid the token names the key by its thumbprint (RFC 7638), as `jwks new` does.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    key: SecretOptions,
    /// How the bytes of a shared secret are written
    #[arg(long, value_enum, default_value_t = Encoding::Text)]
    encoding: Encoding,
    /// How it is signed, such as ES256 [default: RS256, ES256, ES384, EdDSA or HS256, by the key]
    #[arg(long, value_name = "ALG", value_parser = algorithm)]
    algorithm: Option<Algorithm>,
    /// The name of the key in the header [default: that of the JWK, or the thumbprint of the key]
    #[arg(long)]
    kid: Option<String>,
    /// The type in the header
    #[arg(long = "type", value_name = "TYPE", default_value = "JWT")]
    kind: String,
    /// Whose token it is, `sub`
    #[arg(long)]
    subject: Option<String>,
    /// Who issues it, `iss`
    #[arg(long)]
    issuer: Option<String>,
    /// Whom it is for, `aud`; may be repeated
    #[arg(long)]
    audience: Vec<String>,
    /// How long it is valid, `exp`
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = moment::read_span)]
    expires_in: Duration,
    /// From when it is valid, `nbf`, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    not_before: Option<i64>,
    /// Another claim, its value JSON or else text; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    claim: Vec<String>,
    /// A file with a JSON object of claims; those of the other options take the place of its own
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    /// When it is made, `iat`, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    at: Option<i64>,
}

/// In: the name of an algorithm, to the letter.
///
/// # Errors
/// What was expected.
pub(in crate::commands) fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::named(name)
        .ok_or_else(|| format!("expected one of {}", Algorithm::names().join(", ")))
}

/// A token.
#[derive(Debug)]
pub(super) struct Minted {
    token: String,
    header: Value,
    claims: Map<String, Value>,
}

/// Makes it.
///
/// # Errors
/// The key or a claim cannot be used.
pub(super) fn run(options: &Options) -> Result<Minted, Failure> {
    let (key, kid) = options.key.read(options.encoding)?;
    let algorithm = options.algorithm.unwrap_or_else(|| key.algorithm());
    let of_key = || {
        let jwk = Value::Object(public_jwk(&key)?).to_string();
        thumbprint(&Json::parse(jwk.as_bytes()).ok()?)
    };
    let kid = options.kid.clone().or(kid).or_else(of_key);
    let mut header = json!({ "alg": algorithm.name(), "typ": options.kind });
    if let (Some(kid), Value::Object(members)) = (kid, &mut header) {
        members.insert("kid".to_owned(), json!(kid));
    }
    let claims = claims(options)?;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", part(&header), part(&Value::Object(claims.clone())));
    let signature = key.sign(algorithm, input.as_bytes())?;
    Ok(Minted {
        token: format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)),
        header,
        claims,
    })
}

fn claims(options: &Options) -> Result<Map<String, Value>, Failure> {
    let mut claims = match &options.claims {
        None => Map::new(),
        Some(path) => {
            let input = Input::read(path)?;
            let read: Result<Map<String, Value>, _> = serde_json::from_str(&input.text);
            read.map_err(|error| {
                Failure::new(format!(
                    "{} is no JSON object: line {}",
                    input.name(),
                    error.line()
                ))
            })?
        }
    };
    for (place, claim) in options.claim.iter().enumerate() {
        let pair = claim.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) = pair.ok_or_else(|| {
            Failure::new(format!("--claim number {} is not NAME=VALUE", place + 1))
        })?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        claims.insert(name.to_owned(), value);
    }
    for (name, value) in [("sub", &options.subject), ("iss", &options.issuer)] {
        if let Some(value) = value {
            claims.insert(name.to_owned(), json!(value));
        }
    }
    match options.audience.as_slice() {
        [] => {}
        [one] => drop(claims.insert("aud".to_owned(), json!(one))),
        several => drop(claims.insert("aud".to_owned(), json!(several))),
    }
    if let Some(time) = options.not_before {
        claims.insert("nbf".to_owned(), json!(time));
    }
    let now = options.at.unwrap_or_else(moment::now);
    let seconds = i64::try_from(options.expires_in.as_secs()).unwrap_or(i64::MAX);
    for (name, time) in [("iat", now), ("exp", now.saturating_add(seconds))] {
        if !claims.contains_key(name) {
            claims.insert(name.to_owned(), json!(time));
        }
    }
    Ok(claims)
}

impl Report for Minted {
    fn text(&self) -> String {
        format!("{}\n", self.token)
    }

    fn json(&self) -> Value {
        json!({ "token": self.token, "header": self.header, "claims": self.claims })
    }
}
