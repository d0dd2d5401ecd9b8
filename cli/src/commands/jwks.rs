//! `jwks`: makes key pairs for tokens, and says what the gate makes of a set.

use super::token::algorithm;
use crate::input::{Input, shown, why};
use crate::output::{Failure, Report, Verdict};
use crate::signing::{PrivateKey, RSA_BITS, public_jwk, thumbprint};
use crate::stop::Stop;
use ollama_gate_engine::internals::key_of_jwk;
use ollama_gate_engine::{Algorithm, Json, PublicKey};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Makes key pairs for tokens, and says what the gate makes of a set
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    New(New),
    Show(Show),
}

/// Makes a key: the private half into a file of its own, the public set onto the output
///
/// For HS256, HS384 and HS512 it is a shared secret, which has no public half.
#[derive(Debug, clap::Args)]
struct New {
    /// What it is for, such as ES256
    #[arg(long, value_name = "ALG", default_value = "ES256", value_parser = algorithm)]
    algorithm: Algorithm,
    /// The new file for the private key, PEM, which nobody else can read
    #[arg(long, value_name = "FILE")]
    private: PathBuf,
    /// A new file for the public set [default: print it]
    #[arg(long, value_name = "FILE")]
    public: Option<PathBuf>,
    /// The name of the key [default: its thumbprint]
    #[arg(long)]
    kid: Option<String>,
    /// How many bits an RSA key has, 2048 to 8192
    #[arg(long, default_value_t = 2048)]
    bits: usize,
}

/// Lists the keys of a set, and says of each what the gate makes of it
#[derive(Debug, clap::Args)]
struct Show {
    /// A JWKS, a JWK or a public key in PEM; `-` is the standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Does what is asked for.
///
/// # Errors
/// A file cannot be read or written.
pub fn run(options: &Options) -> Result<Box<dyn Report>, Failure> {
    match &options.action {
        Action::New(options) => Ok(Box::new(new(options)?)),
        Action::Show(options) => Ok(Box::new(show(options)?)),
    }
}

/// A key that was made.
#[derive(Debug)]
struct CreatedKey {
    private: PathBuf,
    public: Option<PathBuf>,
    kid: Option<String>,
    algorithm: &'static str,
    set: Option<Value>,
}

fn new(options: &New) -> Result<CreatedKey, Failure> {
    if !RSA_BITS.contains(&options.bits) {
        return Err(Failure::new(format!(
            "--bits takes {} to {}",
            RSA_BITS.start(),
            RSA_BITS.end()
        )));
    }
    let key = PrivateKey::draw(options.algorithm, options.bits)?;
    let mut kid = options.kid.clone();
    let set = public_jwk(&key).map(|mut jwk| {
        let parsed = Json::parse(Value::Object(jwk.clone()).to_string().as_bytes()).ok();
        let kid =
            kid.get_or_insert_with(|| parsed.as_ref().and_then(thumbprint).unwrap_or_default());
        jwk.insert("kid".into(), json!(kid));
        jwk.insert("alg".into(), json!(options.algorithm.name()));
        jwk.insert("use".into(), json!("sig"));
        json!({ "keys": [jwk] })
    });
    if set.is_none() && options.public.is_some() {
        return Err(Failure::new(
            "a shared secret has no public half: leave --public out",
        ));
    }
    let pem = key.pem()?;
    // Both are written, or none: a signal that comes meanwhile is too late.
    let _noted = Stop::listen()?;
    create(&options.private, &pem, 0o600)?;
    if let (Some(path), Some(set)) = (&options.public, &set)
        && let Err(failure) = create(path, &format!("{set:#}\n"), 0o644)
    {
        // Nothing half-made is left.
        drop(fs::remove_file(&options.private));
        return Err(failure);
    }
    Ok(CreatedKey {
        private: options.private.clone(),
        public: options.public.clone(),
        kid: set.as_ref().and(kid),
        algorithm: options.algorithm.name(),
        set,
    })
}

/// Writes a file that was not there.
fn create(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::new(format!(
            "{} is there already, and no key is overwritten",
            shown(path)
        )),
        _ => Failure::new(format!("{} {}", shown(path), why(&error))),
    };
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(failed)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    written.map_err(|error| {
        drop(fs::remove_file(path));
        failed(error)
    })
}

impl Report for CreatedKey {
    fn text(&self) -> String {
        match (&self.set, &self.public) {
            (Some(set), None) => format!("{set:#}\n"),
            (Some(_), Some(public)) => format!(
                "the private key is in {}, the public set in {}\n",
                shown(&self.private),
                shown(public)
            ),
            (None, _) => format!(
                "the secret is in {}: it is for `jwt[].secrets`, by a variable\n",
                shown(&self.private)
            ),
        }
    }

    fn json(&self) -> Value {
        let path = |path: &Path| path.display().to_string();
        json!({
            "private": path(&self.private), "public": self.public.as_deref().map(path),
            "kid": self.kid, "algorithm": self.algorithm, "set": self.set,
        })
    }
}

/// A key of a set. Nothing that is private of it is kept.
#[derive(Debug)]
struct Listed {
    kind: String,
    kid: Option<String>,
    algorithm: Option<String>,
    usage: Option<String>,
    thumbprint: Option<String>,
    is_private: bool,
    /// the algorithms that the gate takes it for, or why for none
    fits: Result<Vec<&'static str>, String>,
}

/// Members that only a private or secret key has.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

#[derive(Debug)]
struct Set(Vec<Listed>);

fn show(options: &Show) -> Result<Set, Failure> {
    let input = Input::read(&options.file)?;
    if input.text.contains("-----BEGIN") {
        let is_private = input.text.contains("PRIVATE KEY");
        let fits = PublicKey::from_pem(&input.text).map(|key| algorithms(&key, None));
        let kind = "PEM".to_owned();
        return Ok(Set(vec![Listed {
            kind,
            kid: None,
            algorithm: None,
            usage: None,
            thumbprint: None,
            is_private,
            fits,
        }]));
    }
    let json = Json::parse(input.text.as_bytes())
        .map_err(|why| Failure::new(format!("{} is neither JSON nor PEM: {why}", input.name())))?;
    let keys = match json.member("keys") {
        Some(Json::List(keys)) => keys.as_slice(),
        _ if json.member("kty").is_some() => std::slice::from_ref(&json),
        _ => {
            return Err(Failure::new(format!(
                "{} is no JWKS: it has no list `keys`",
                input.name()
            )));
        }
    };
    Ok(Set(keys.iter().map(listed).collect()))
}

fn listed(jwk: &Json) -> Listed {
    let text = |name: &str| {
        let text = jwk.member(name).and_then(Json::text);
        text.map(|text| text.escape_debug().take(256).collect::<String>())
    };
    let kind = [text("kty"), text("crv")]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let says = |name: &&str| {
        jwk.member(name)
            .is_some_and(|value| !matches!(value, Json::Null))
    };
    Listed {
        kind,
        kid: text("kid"),
        algorithm: text("alg"),
        usage: text("use"),
        thumbprint: thumbprint(jwk),
        is_private: PRIVATE.iter().any(says),
        fits: key_of_jwk(jwk).map(|key| algorithms(&key.public, key.algorithm)),
    }
}

/// What `key` can verify, if it is not for `only` one.
fn algorithms(key: &PublicKey, only: Option<Algorithm>) -> Vec<&'static str> {
    let all = Algorithm::ALL.into_iter().filter(|one| key.fits(*one));
    all.filter(|one| only.is_none_or(|only| only == *one))
        .map(Algorithm::name)
        .collect()
}

impl Report for Set {
    fn text(&self) -> String {
        let mut text = String::new();
        for key in &self.0 {
            let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            let verdict = match &key.fits {
                Ok(fits) => format!("the gate takes it for {}", fits.join(", ")),
                Err(why) => format!("the gate does not take it: it {why}"),
            };
            let kind = if key.kind.is_empty() { "?" } else { &key.kind };
            text.push_str(&format!(
                "{kind}  kid {}  alg {}  use {}  thumbprint {}\n  {verdict}\n",
                word(&key.kid),
                word(&key.algorithm),
                word(&key.usage),
                word(&key.thumbprint)
            ));
        }
        if text.is_empty() {
            text.push_str("no keys\n");
        }
        text
    }

    fn json(&self) -> Value {
        let of = |key: &Listed| {
            json!({
                "kind": key.kind, "kid": key.kid, "alg": key.algorithm, "use": key.usage, "thumbprint": key.thumbprint,
                "private": key.is_private, "algorithms": key.fits.as_deref().unwrap_or_default(),
                "refused": key.fits.as_ref().err(),
            })
        };
        json!({ "keys": self.0.iter().map(of).collect::<Vec<_>>() })
    }

    /// A private key where a public one belongs has to be replaced, and a set of which nothing can be used verifies nothing.
    fn verdict(&self) -> Verdict {
        let usable = self.0.iter().any(|key| key.fits.is_ok());
        if usable && !self.0.iter().any(|key| key.is_private) {
            Verdict::Fine
        } else {
            Verdict::Found
        }
    }
}
