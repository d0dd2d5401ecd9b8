//! Tokens of every algorithm, right ones and forged ones, each with what the gate must answer.
//!
//! It depends on no gate: any ring can take [`configurations`] and [`cases_of`], and must come to the
//! same verdicts.

mod accepted;
mod bytes;
mod keys;
mod shapes;
pub(crate) mod signer;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
pub(crate) use signer::ALGORITHMS;
use signer::{Owner, Signer};

/// What the gate must answer: the status and the code; `(200, "")` for what goes on to Ollama.
pub(crate) type Expected = (u16, &'static str);

/// It goes on to Ollama.
pub(crate) const ACCEPTED: Expected = (200, "");
/// Its shape is wrong, whoever signed it.
pub(crate) const MALFORMED: Expected = (401, "malformed_token");
/// Its algorithm is not the configuration's.
pub(crate) const UNSUPPORTED: Expected = (401, "unsupported_algorithm");
/// None of the keys signed it.
pub(crate) const FORGED: Expected = (401, "invalid_signature");
/// It names a key that its issuer does not have.
pub(crate) const UNKNOWN_KID: Expected = (401, "unknown_signing_key");

/// One token and what the gate must answer.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// what it is, unique within the algorithm and the configuration
    pub name: String,
    /// the place of its configuration in [`configurations`]
    pub configuration: usize,
    /// the token
    pub token: String,
    /// what the gate must answer
    pub expected: Expected,
    /// one of hundreds alike, such as one bit of the signature, of which a slow ring may take some
    pub is_bulk: bool,
}

/// How an issuer is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// its current key alone, in PEM, without a name; or its current secret alone
    Alone,
    /// its current key alone, as JWK, without a name; or its current secret alone
    Jwk,
    /// its current and its previous key as the list of a JWKS, with names, and the current one once more
    /// without; or both secrets
    Ring,
    /// its current and its previous key, both with names; or both secrets
    Named,
    /// its previous and its current key without names, in this order; or both secrets, likewise
    Nameless,
    /// another issuer before it, with secrets if this one has keys, and with a key if it has secrets
    Beside,
    /// every algorithm of its family with keys of every kind, one of them without a name; or every HMAC
    /// with one secret
    Wide,
}

impl Setting {
    const ALL: [Self; 7] = [
        Self::Alone,
        Self::Jwk,
        Self::Ring,
        Self::Named,
        Self::Nameless,
        Self::Beside,
        Self::Wide,
    ];
}

/// A configuration for every algorithm and setting. The section `host` is left to the ring.
pub(crate) fn configurations() -> Vec<Value> {
    let pairs = ALGORITHMS
        .into_iter()
        .flat_map(|algorithm| Setting::ALL.map(|setting| (algorithm, setting)));
    pairs
        .map(|(algorithm, setting)| json!({ "jwt": issuers(algorithm, setting) }))
        .collect()
}

fn issuers(algorithm: &'static str, setting: Setting) -> Value {
    let current = Signer::new(algorithm, Owner::Current);
    let previous = Signer::new(algorithm, Owner::Previous);
    if let (Some(current), Some(previous)) = (current.secret(), previous.secret()) {
        let secrets = match setting {
            Setting::Ring | Setting::Named => vec![current, previous],
            Setting::Nameless => vec![previous, current],
            _ => vec![current],
        };
        let algorithms: &[&str] = match setting {
            Setting::Wide => &ALGORITHMS[..3],
            _ => &[algorithm],
        };
        let issuer = json!({ "name": "secrets", "algorithms": algorithms, "secrets": secrets });
        let other = Signer::new("RS256", Owner::Current);
        let other =
            json!({ "name": "keys", "algorithms": ["RS256"], "keys": [ { "pem": other.pem() } ] });
        return match setting {
            Setting::Beside => json!([other, issuer]),
            _ => json!([issuer]),
        };
    }
    let keys = match setting {
        Setting::Alone | Setting::Beside => json!([ { "pem": current.pem() } ]),
        Setting::Jwk => json!([current.jwk()]),
        Setting::Ring => json!([
            { "kid": "before", "pem": previous.pem(), "alg": algorithm },
            with_purpose(current.named_jwk("now"), algorithm),
            current.jwk(),
        ]),
        Setting::Named => json!([current.named_jwk("now"), previous.named_jwk("before")]),
        Setting::Nameless => json!([previous.jwk(), { "pem": current.pem() }]),
        Setting::Wide => {
            let of = |algorithm| Signer::new(algorithm, Owner::Current).named_jwk(algorithm);
            let mut keys = ["RS256", "ES256", "ES384", "EdDSA", "Ed25519"]
                .map(of)
                .to_vec();
            // Where one has no name, a token need not name one.
            keys.push(Signer::new("RS256", Owner::Current).jwk());
            json!(keys)
        }
    };
    let algorithms: &[&str] = match setting {
        Setting::Wide => &ALGORITHMS[3..],
        _ => &[algorithm],
    };
    let issuer = json!({ "name": "keys", "algorithms": algorithms, "keys": keys });
    let other = Signer::new("HS512", Owner::Current);
    let other =
        json!({ "name": "secrets", "algorithms": &ALGORITHMS[..3], "secrets": [ other.secret() ] });
    match setting {
        Setting::Beside => json!([other, issuer]),
        _ => json!([issuer]),
    }
}

/// As a key server publishes it.
fn with_purpose(mut jwk: Value, algorithm: &str) -> Value {
    jwk["use"] = json!("sig");
    jwk["alg"] = json!(algorithm);
    jwk["key_ops"] = json!(["verify"]);
    jwk["x5t"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAA");
    jwk
}

/// Every case of one algorithm.
pub(crate) fn cases_of(algorithm: &'static str) -> Vec<Case> {
    let mut table = Table::new(algorithm);
    accepted::fill(&mut table);
    keys::fill(&mut table);
    shapes::fill(&mut table);
    bytes::fill(&mut table);
    table.cases
}

/// The cases of one algorithm, as they come together.
struct Table {
    algorithm: &'static str,
    current: Signer,
    previous: Signer,
    stranger: Signer,
    cases: Vec<Case>,
}

impl Table {
    fn new(algorithm: &'static str) -> Self {
        Self {
            algorithm,
            current: Signer::new(algorithm, Owner::Current),
            previous: Signer::new(algorithm, Owner::Previous),
            stranger: Signer::new(algorithm, Owner::Stranger),
            cases: Vec::new(),
        }
    }

    fn is_hmac(&self) -> bool {
        self.current.secret().is_some()
    }

    /// `refused` where there are keys with names; secrets have none, so that there it is accepted.
    fn unless_hmac(&self, refused: Expected) -> Expected {
        if self.is_hmac() { ACCEPTED } else { refused }
    }

    fn put(
        &mut self,
        name: impl Into<String>,
        setting: Setting,
        token: String,
        expected: Expected,
    ) {
        let known = |list: &[&str], name| list.iter().position(|known| *known == name);
        let row = known(&ALGORITHMS, self.algorithm).unwrap();
        let column = Setting::ALL.iter().position(|known| *known == setting);
        self.cases.push(Case {
            name: format!("{} ({setting:?})", name.into()),
            configuration: row * Setting::ALL.len() + column.unwrap(),
            token,
            expected,
            is_bulk: false,
        });
    }

    /// One of hundreds.
    fn put_bulk(&mut self, name: String, setting: Setting, token: String, expected: Expected) {
        self.put(name, setting, token, expected);
        self.cases.last_mut().unwrap().is_bulk = true;
    }

    /// The header with the algorithm of this row, and `members`.
    fn header(&self, members: Value) -> Value {
        let mut header = json!({ "alg": self.algorithm, "typ": "JWT" });
        for (name, value) in members.as_object().unwrap() {
            header[name] = value.clone();
        }
        header
    }
}

/// What the tokens claim: they outlive every clock of the tests.
fn claims() -> Value {
    json!({ "sub": "alice", "exp": 4_102_444_800_u64 })
}

/// Header and claims as they are signed.
fn input(header: &Value) -> String {
    input_of(&header.to_string(), &claims().to_string())
}

fn input_of(header: &str, claims: &str) -> String {
    [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".")
}

/// A token with this header, signed by `signer`.
fn token(header: &Value, signer: &Signer) -> String {
    let input = input(header);
    let signature = signer.sign(input.as_bytes());
    join(&input, &signature)
}

fn join(input: &str, signature: &[u8]) -> String {
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}
