//! Attacks on the choice of the algorithm and of the key (RFC 8725 sections 2.1 and 3.1 to 3.3).

use super::signer::hmac;
use super::{
    ACCEPTED, ALGORITHMS, Expected, FORGED, MALFORMED, Setting, Table, UNKNOWN_KID, UNSUPPORTED,
    input, join, token,
};
use serde_json::{Value, json};

pub(super) fn fill(table: &mut Table) {
    none(table);
    public_key_as_secret(table);
    other_names(table);
    other_keys(table);
    kids(table);
    brought_along(table);
    extensions(table);
}

/// `none` in every case, with the signature left out and with one that would be right.
fn none(table: &mut Table) {
    for capitals in 0..16 {
        let letters = "none".char_indices();
        let name: String = letters
            .map(|(place, letter)| match capitals >> place & 1 {
                1 => letter.to_ascii_uppercase(),
                _ => letter,
            })
            .collect();
        let header = table.header(json!({ "alg": name }));
        let signed = token(&header, &table.current);
        for setting in [Setting::Alone, Setting::Beside, Setting::Wide] {
            let bare = format!("{}.", input(&header));
            table.put(format!("{name}, no signature"), setting, bare, UNSUPPORTED);
            let signed = signed.clone();
            table.put(format!("{name}, signed"), setting, signed, UNSUPPORTED);
        }
    }
    for (name, header) in [
        ("no alg", json!({ "typ": "JWT" })),
        ("alg is null", json!({ "alg": null })),
        ("alg is a list", json!({ "alg": [table.algorithm] })),
        ("alg is a number", json!({ "alg": 256 })),
        ("alg has capitals", json!({ "ALG": table.algorithm })),
    ] {
        let signed = token(&header, &table.current);
        table.put(name, Setting::Alone, signed, MALFORMED);
        table.put(
            name,
            Setting::Wide,
            token(&header, &table.stranger),
            MALFORMED,
        );
    }
}

/// The public key taken for the secret of an HMAC, in every form that a tool might have tried.
fn public_key_as_secret(table: &mut Table) {
    let mut secrets = vec![("nothing", Vec::new())];
    if !table.is_hmac() {
        let (current, pem) = (&table.current, table.current.pem());
        let der = current.der();
        let last = der.len() - 32;
        secrets.extend([
            ("its PEM", pem.clone().into_bytes()),
            (
                "its PEM without the last line break",
                pem.trim_end().as_bytes().to_vec(),
            ),
            ("its PEM with CRLF", pem.replace('\n', "\r\n").into_bytes()),
            ("its PEM in one line", pem.replace('\n', "").into_bytes()),
            ("its DER", der.clone()),
            ("the end of its DER", der[last..].to_vec()),
            ("its JWK", current.jwk().to_string().into_bytes()),
            (
                "its JWK with a name",
                current.named_jwk("now").to_string().into_bytes(),
            ),
        ]);
        secrets.extend(current.modulus().map(|modulus| ("its modulus", modulus)));
    } else {
        let other = super::Signer::new("RS256", super::Owner::Current);
        secrets.push(("the PEM of the other issuer", other.pem().into_bytes()));
        secrets.push(("\"secret\"", b"secret".to_vec()));
    }
    let is_taken = |setting, algorithm: &str| match setting {
        Setting::Wide => table.is_hmac(),
        Setting::Beside if !table.is_hmac() => true,
        _ => algorithm == table.algorithm,
    };
    let mut found = Vec::new();
    for algorithm in &ALGORITHMS[..3] {
        for (name, secret) in &secrets {
            let header = table.header(json!({ "alg": algorithm }));
            let input = input(&header);
            let forged = join(&input, &hmac(algorithm, secret, input.as_bytes()));
            for setting in [Setting::Alone, Setting::Jwk, Setting::Beside, Setting::Wide] {
                let expected = if is_taken(setting, algorithm) {
                    FORGED
                } else {
                    UNSUPPORTED
                };
                let name = format!("{algorithm} with {name}");
                found.push((name, setting, forged.clone(), expected));
            }
        }
    }
    for (name, setting, forged, expected) in found {
        table.put(name, setting, forged, expected);
    }
}

/// The name of every other algorithm over a signature by the right key.
fn other_names(table: &mut Table) {
    let unknown = [
        "ES512", "ES256K", "Ed448", "RS1", "HS1", "A256GCM", "dir", "",
    ];
    let own = table.algorithm;
    let (lower, spaced) = (own.to_lowercase(), format!("{own} "));
    let names = ALGORITHMS
        .into_iter()
        .chain(unknown)
        .chain([&*lower, &*spaced]);
    let family = |name: &str| name.starts_with("HS");
    let right = token(&table.header(json!({})), &table.current);
    let (_, old_signature) = right.rsplit_once('.').unwrap();
    // One algorithm with two names (RFC 9864 section 2.2).
    let twins = |name: &str| {
        let names = ["EdDSA", "Ed25519"];
        names.contains(&name) && names.contains(&own)
    };
    for name in names.filter(|name| *name != own) {
        let known = ALGORITHMS.contains(&name);
        let header = table.header(json!({ "alg": name }));
        let renamed = format!("{}.{old_signature}", input(&header));
        let signed = token(&header, &table.current);
        for (how, forged) in [("signed so", signed), ("renamed", renamed)] {
            let twin = if how == "signed so" { ACCEPTED } else { FORGED };
            let how = format!("alg `{name}`, {how}");
            if twins(name) {
                for setting in [Setting::Alone, Setting::Wide, Setting::Beside] {
                    table.put(how.clone(), setting, forged.clone(), twin);
                }
                continue;
            }
            table.put(how.clone(), Setting::Alone, forged.clone(), UNSUPPORTED);
            let of_wide = if known && family(name) == family(own) {
                FORGED
            } else {
                UNSUPPORTED
            };
            table.put(how.clone(), Setting::Wide, forged.clone(), of_wide);
            // The other issuer takes every HMAC, or RS256.
            let of_other =
                if known && (!family(own) && family(name) || family(own) && name == "RS256") {
                    FORGED
                } else {
                    UNSUPPORTED
                };
            table.put(how, Setting::Beside, forged, of_other);
        }
    }
}

/// Keys of the same type that are not the right one.
fn other_keys(table: &mut Table) {
    let strange = token(&table.header(json!({})), &table.stranger);
    for setting in [
        Setting::Alone,
        Setting::Jwk,
        Setting::Ring,
        Setting::Nameless,
        Setting::Beside,
        Setting::Wide,
    ] {
        table.put("by a stranger", setting, strange.clone(), FORGED);
    }
    let named = token(&table.header(json!({ "kid": "now" })), &table.stranger);
    table.put("by a stranger, with a kid", Setting::Ring, named, FORGED);
}

/// `kid` names a key, and is never more than a name.
fn kids(table: &mut Table) {
    let swapped = token(&table.header(json!({ "kid": "before" })), &table.current);
    let expected = table.unless_hmac(FORGED);
    table.put("kid of the other key", Setting::Ring, swapped, expected);
    if !table.is_hmac() {
        let other = if table.algorithm.starts_with("Ed") {
            "ES256"
        } else {
            "EdDSA"
        };
        let swapped = token(&table.header(json!({ "kid": other })), &table.current);
        table.put(
            "kid of a key of another kind",
            Setting::Wide,
            swapped,
            FORGED,
        );
    }
    let nameless = table.unless_hmac(UNKNOWN_KID);
    for (what, header) in [
        ("no kid", table.header(json!({}))),
        ("an empty kid", table.header(json!({ "kid": "" }))),
        ("kid null", table.header(json!({ "kid": null }))),
    ] {
        let [current, previous] =
            [&table.current, &table.previous].map(|signer| token(&header, signer));
        for (who, signed) in [("current", current), ("previous", previous)] {
            let name = format!("{what} where all keys have names, by the {who} key");
            table.put(name, Setting::Named, signed, nameless);
        }
        let strange = token(&header, &table.stranger);
        let expected = if table.is_hmac() { FORGED } else { UNKNOWN_KID };
        let name = format!("{what} where all keys have names, by a stranger");
        table.put(name, Setting::Named, strange, expected);
    }
    let now = token(&table.header(json!({ "kid": "now" })), &table.current);
    table.put(
        "the right kid where all have names",
        Setting::Named,
        now,
        ACCEPTED,
    );
    for kid in [json!(""), json!(null)] {
        let header = table.header(json!({ "kid": kid }));
        let name = |whose| format!("kid {kid}, which names none, by {whose}");
        let by = |signer| token(&header, signer);
        let [right, wrong] = [by(&table.current), by(&table.stranger)];
        table.put(name("the current key"), Setting::Ring, right, ACCEPTED);
        table.put(name("a stranger"), Setting::Ring, wrong, FORGED);
    }
    let long = "k".repeat(4_000);
    for kid in [
        "Now",
        "now ",
        "now\u{0}",
        "no",
        "*",
        "before,now",
        "../../../../dev/null",
        "/etc/passwd",
        "file:///proc/sys/kernel/randomize_va_space",
        "https://evil.example/key.pem",
        "now' OR '1'='1",
        "x' UNION SELECT 'AAAA'; --",
        "$(id)",
        "| cat /etc/passwd",
        "{{7*7}}",
        "\r\nx-injected: 1",
        &long,
    ] {
        let name = format!("kid {:?}", kid.chars().take(30).collect::<String>());
        let header = table.header(json!({ "kid": kid }));
        let expected = table.unless_hmac(UNKNOWN_KID);
        table.put(
            &name,
            Setting::Ring,
            token(&header, &table.current),
            expected,
        );
        if !table.is_hmac() {
            // The file's content, or nothing, as the secret.
            for secret in [&b""[..], b"AAAA"] {
                let header = table.header(json!({ "alg": "HS256", "kid": kid }));
                let input = input(&header);
                let forged = join(&input, &hmac("HS256", secret, input.as_bytes()));
                let name = format!("{name}, HS256 with {secret:?}");
                table.put(name, Setting::Ring, forged, UNSUPPORTED);
            }
        }
    }
    for kid in [json!(1), json!([]), json!(["now"]), json!({ "kid": "now" })] {
        let signed = token(&table.header(json!({ "kid": kid })), &table.current);
        table.put(format!("kid {kid}"), Setting::Ring, signed, MALFORMED);
    }
}

/// Keys that the token brings along or points to: none is ever taken, so the token is as good as its
/// signature.
fn brought_along(table: &mut Table) {
    let own: Value = if table.is_hmac() {
        json!({ "kty": "oct", "k": "AAAA" })
    } else {
        table.stranger.named_jwk("now")
    };
    for (name, value) in [
        ("jwk", own),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5c", json!([])),
    ] {
        put_with(table, name, &value, [ACCEPTED, FORGED]);
    }
}

/// Parameters that ask for something else than a signature: refused even where the signature is
/// right.
fn extensions(table: &mut Table) {
    for (name, value) in [
        ("crit", json!(["b64"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        put_with(table, name, &value, [MALFORMED; 2]);
    }
}

/// Tokens whose header has `name`, by the right key and by a stranger.
fn put_with(table: &mut Table, name: &str, value: &Value, [right, strange]: [Expected; 2]) {
    let header = table.header(json!({ name: value }));
    let [by_right, by_stranger] =
        [&table.current, &table.stranger].map(|signer| token(&header, signer));
    let value = value.to_string();
    for (who, signed, expected) in [
        ("right key", by_right, right),
        ("stranger", by_stranger, strange),
    ] {
        let what = format!("{name} {value:.30}, by the {who}");
        table.put(&what, Setting::Alone, signed.clone(), expected);
        table.put(&what, Setting::Ring, signed, expected);
    }
}
