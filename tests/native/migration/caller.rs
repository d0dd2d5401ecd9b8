//! What the callers of an example have: keys and tokens, made as the table says.

use super::page::{Example, spans};
use crate::tokens::signatures::table::signer::{Owner, Signer, hmac};
use crate::world::NOW;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The names of an example, each with what it stands for.
pub(crate) fn callers(example: &Example) -> Vec<(String, String)> {
    let made = example.callers.iter().map(|cells| {
        let [name, value, algorithm, by] = cells.as_slice() else {
            panic!("{cells:?} are not four cells");
        };
        let [name, value, algorithm, by] =
            [name, value, algorithm, by].map(|cell| spans(cell).first().copied().unwrap_or(""));
        let value = match algorithm {
            "" => value.to_owned(),
            algorithm => token(value, algorithm, by),
        };
        (name.to_owned(), value)
    });
    let mut made: Vec<_> = made.collect();
    // The longest first, so that no name is taken for the beginning of another.
    made.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    made
}

/// The keys that the provider publishes: those that sign something here, but for the unknown `k9`.
pub(crate) fn published(example: &Example) -> Vec<Value> {
    let signs = |name: &&str| {
        let quoted = format!("`{name}`");
        example.callers.iter().any(|cells| cells[3] == quoted)
    };
    let names = ["k1", "k2"].into_iter().filter(signs);
    names
        .map(|name| Signer::new("RS256", owner(name)).named_jwk(name))
        .collect()
}

fn owner(name: &str) -> Owner {
    match name {
        "k1" => Owner::Current,
        "k2" => Owner::Previous,
        _ => Owner::Stranger,
    }
}

/// A token with these claims. `by` is a secret, or the name of a provider's key.
fn token(claims: &str, algorithm: &str, by: &str) -> String {
    let claims: Value = serde_json::from_str(claims).unwrap();
    let claims = dated(claims).to_string();
    let of_provider = by.starts_with('k') && by.len() == 2;
    let header = if of_provider {
        json!({ "alg": algorithm, "kid": by })
    } else {
        json!({ "alg": algorithm })
    };
    let input = [header.to_string(), claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature = match (of_provider, algorithm) {
        (false, _) => hmac(algorithm, by.as_bytes(), input.as_bytes()),
        // The public key as if it were a secret.
        (true, "HS256") => {
            let public = Signer::new("RS256", owner(by)).pem();
            hmac(algorithm, public.as_bytes(), input.as_bytes())
        }
        (true, "ES256") => Signer::new("ES256", owner(by)).sign(input.as_bytes()),
        (true, _) => Signer::new("RS256", owner(by)).sign(input.as_bytes()),
    };
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The claims with moments in the place of `+1h` and the like.
fn dated(mut claims: Value) -> Value {
    for name in ["exp", "nbf", "iat"] {
        let moment = claims.get(name).and_then(Value::as_str).and_then(moment);
        if let Some(moment) = moment {
            claims[name] = json!(moment);
        }
    }
    claims
}

fn moment(text: &str) -> Option<i64> {
    let number = text.trim_end_matches(['s', 'm', 'h']);
    let unit = match text.strip_prefix(number)? {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    Some(NOW + number.parse::<i64>().ok()? * unit)
}
