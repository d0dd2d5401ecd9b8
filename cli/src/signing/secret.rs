//! Where the key that signs is: a file, or a variable, and never the command line.

use super::{PrivateKey, private_jwk, private_pem};
use crate::input::Input;
use crate::output::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ollama_gate_engine::Json;
use std::path::PathBuf;

/// Where it is.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct SecretOptions {
    /// A private key: PEM or JWK; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The variable with a private key, PEM or JWK
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
    /// A shared secret, for HS256, HS384 and HS512; a line break at its end does not count
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// The variable with a shared secret
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
}

/// How the bytes of a shared secret are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Encoding {
    /// The text is the secret
    Text,
    /// Base64
    Base64,
    /// Base64url
    Base64url,
    /// Hexadecimal digits
    Hex,
}

impl SecretOptions {
    /// Reads it. Out: the key, and its `kid` if it is a JWK that has one.
    ///
    /// # Errors
    /// It is not there, or is none. Nothing of it is in the sentence.
    pub fn read(&self, encoding: Encoding) -> Result<(PrivateKey, Option<String>), Failure> {
        let (text, name) = match (&self.key, &self.secret, &self.key_env, &self.secret_env) {
            (Some(path), ..) | (_, Some(path), ..) => {
                let input = Input::read(path)?;
                let name = input.name();
                (input.text, name)
            }
            (.., Some(name), _) | (.., Some(name)) => {
                (variable(name)?, format!("`{}`", name.escape_debug()))
            }
            _ => return Err(Failure::new("no key is named")),
        };
        let failed = |why: String| Failure::new(format!("{name} {why}"));
        if self.secret.is_some() || self.secret_env.is_some() {
            let text = text.trim_end_matches(['\r', '\n']);
            let secret = decoded(text, encoding)
                .ok_or_else(|| failed("is not written in this --encoding".to_owned()))?;
            return Ok((PrivateKey::Shared(secret), None));
        }
        if text.trim_start().starts_with('{') {
            let jwk = Json::parse(text.as_bytes()).map_err(|_| failed("is not JSON".to_owned()))?;
            return private_jwk(&jwk).map_err(failed);
        }
        private_pem(&text).map(|key| (key, None)).map_err(failed)
    }
}

fn variable(name: &str) -> Result<String, Failure> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value.ok_or_else(|| Failure::new(format!("the variable `{}` is not set", name.escape_debug())))
}

fn decoded(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    let plain: String = text.split_whitespace().collect();
    let plain = plain.trim_end_matches('=');
    match encoding {
        Encoding::Text => Some(text.as_bytes().to_vec()),
        Encoding::Base64 => STANDARD_NO_PAD.decode(plain).ok(),
        Encoding::Base64url => URL_SAFE_NO_PAD.decode(plain).ok(),
        Encoding::Hex => {
            let digits = plain.as_bytes().chunks(2);
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
            plain
                .len()
                .is_multiple_of(2)
                .then(|| digits.map(byte).collect::<Option<_>>())
                .flatten()
        }
    }
}
