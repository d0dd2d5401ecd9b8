//! Tokens whose text is wrong: other spellings of base64url, other numbers of parts, and parts that
//! were changed after they were signed.

use super::{ACCEPTED, FORGED, MALFORMED, Setting, Table, claims, input_of, join, token};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) fn fill(table: &mut Table) {
    parts(table);
    json_of_the_header(table);
    spellings_of_what_is_signed(table);
    spellings_of_the_signature(table);
    changes(table);
}

fn parts(table: &mut Table) {
    let good = token(&table.header(json!({})), &table.current);
    let parts: Vec<_> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for (name, text) in [
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.{signature}")),
        ("four parts, one empty", format!("{good}.")),
        ("an empty part before", format!(".{good}")),
        (
            "five parts, as a JWE",
            format!("{good}.{payload}.{signature}"),
        ),
        ("twice", format!("{good}.{good}")),
        ("no header", format!(".{payload}.{signature}")),
        ("no payload", format!("{header}..{signature}")),
        ("no payload and no signature", format!("{header}..")),
        ("a detached payload", format!("{header}.e30.{signature}")),
        (
            "header and payload swapped",
            format!("{payload}.{header}.{signature}"),
        ),
        ("nothing but dots", "..".to_owned()),
    ] {
        let expected = match name {
            // It does not even begin as a token, and there are no API keys to look it up in.
            "an empty part before" => (401, "unsupported_credential"),
            // Without claims there is no expiry; that is seen before any signature is.
            "a detached payload" => (401, "missing_expiry"),
            _ => MALFORMED,
        };
        table.put(name, Setting::Alone, text, expected);
    }
}

fn json_of_the_header(table: &mut Table) {
    let own = table.algorithm;
    let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let (deep, deeper) = (deep(5_000), deep(10_000));
    for (name, header) in [
        (
            "alg twice, none first",
            format!(r#"{{"alg":"none","alg":"{own}"}}"#),
        ),
        (
            "alg twice, none last",
            format!(r#"{{"alg":"{own}","alg":"none"}}"#),
        ),
        (
            "alg twice, the same",
            format!(r#"{{"alg":"{own}","alg":"{own}"}}"#),
        ),
        (
            "kid twice",
            format!(r#"{{"alg":"{own}","kid":"now","kid":"x"}}"#),
        ),
        (
            "alg twice in other letters",
            format!(r#"{{"alg":"{own}","\u0061lg":"{own}"}}"#),
        ),
        (
            "nested 5,000 deep",
            format!(r#"{{"alg":"{own}","x":{deep}}}"#),
        ),
        (
            "nested 10,000 deep",
            format!(r#"{{"alg":"{own}","x":{deeper}}}"#),
        ),
        ("something behind it", format!(r#"{{"alg":"{own}"}} {{}}"#)),
        ("a zero behind it", format!("{{\"alg\":\"{own}\"}}\0")),
        (
            "a byte order mark before it",
            format!("\u{feff}{{\"alg\":\"{own}\"}}"),
        ),
        ("a comment in it", format!(r#"{{"alg":"{own}"/**/}}"#)),
        ("a list around it", format!(r#"[{{"alg":"{own}"}}]"#)),
        ("a string", format!(r#""{own}""#)),
        ("no JSON", own.to_owned()),
    ] {
        let input = input_of(&header, &claims().to_string());
        let signed = join(&input, &table.current.sign(input.as_bytes()));
        // No credential is that long.
        let expected = match name {
            "nested 10,000 deep" => (401, "malformed_credential"),
            _ => MALFORMED,
        };
        table.put(format!("header: {name}"), Setting::Alone, signed, expected);
    }
}

/// Header and payload in other spellings of base64, signed as they stand: the signature is right, the
/// text is not.
fn spellings_of_what_is_signed(table: &mut Table) {
    let algorithm = table.algorithm;
    let mut put = |name: String, input: String, expected| {
        let signed = join(&input, &table.current.sign(input.as_bytes()));
        table.put(name, Setting::Alone, signed, expected);
    };
    for place in 0..2 {
        let part = ["header", "payload"][place];
        for rest in 0..3 {
            let text = |fill: &str| match place {
                0 => json!({ "alg": algorithm, "fill": fill }).to_string(),
                _ => json!({ "sub": "alice", "exp": 4_102_444_800_u64, "fill": fill }).to_string(),
            };
            // The signs that the two alphabets of base64 write differently, and a length that leaves
            // no, one or two bytes at the end.
            let mut fill = ">>>>>>?????".to_owned();
            while text(&fill).len() % 3 != rest {
                fill.push('x');
            }
            let encoded = URL_SAFE_NO_PAD.encode(text(&fill));
            let whole = |spelled: &str| match place {
                0 => format!("{spelled}.{}", URL_SAFE_NO_PAD.encode(claims().to_string())),
                _ => {
                    let header = json!({ "alg": algorithm }).to_string();
                    format!("{}.{spelled}", URL_SAFE_NO_PAD.encode(header))
                }
            };
            let name = format!("{part} with {rest} bytes at its end");
            put(name.clone(), whole(&encoded), ACCEPTED);
            for (how, spelled) in misspellings(&encoded) {
                put(format!("{name}, {how}"), whole(&spelled), MALFORMED);
            }
        }
    }
}

fn spellings_of_the_signature(table: &mut Table) {
    let misspelt = |input: &str, signature: &str| -> Vec<_> {
        let spelled = misspellings(signature);
        let tokens = spelled.into_iter();
        tokens
            .map(|(how, spelled)| (how, format!("{input}.{spelled}")))
            .collect()
    };
    // The first one that has a sign which the two alphabets write differently.
    let found = (0..).find_map(|number| {
        let mut claims = claims();
        claims["jti"] = json!(number);
        let header = json!({ "alg": table.algorithm }).to_string();
        let input = input_of(&header, &claims.to_string());
        let signature = URL_SAFE_NO_PAD.encode(table.current.sign(input.as_bytes()));
        (signature.contains('-') && signature.contains('_')).then_some((input, signature))
    });
    let (input, signature) = found.unwrap();
    let good = format!("{input}.{signature}");
    table.put(
        "the signature as it should be spelled",
        Setting::Alone,
        good,
        ACCEPTED,
    );
    for (how, token) in misspelt(&input, &signature) {
        table.put(
            format!("signature, {how}"),
            Setting::Alone,
            token,
            MALFORMED,
        );
    }
}

/// Every other spelling of `encoded` that a lenient reader takes for the same.
fn misspellings(encoded: &str) -> Vec<(String, String)> {
    let mut found = vec![
        ("padded once".to_owned(), format!("{encoded}=")),
        ("padded twice".to_owned(), format!("{encoded}==")),
        ("padding escaped".to_owned(), format!("{encoded}%3D")),
        (
            "in the other alphabet".to_owned(),
            encoded.replace('-', "+").replace('_', "/"),
        ),
        ("+ for -".to_owned(), encoded.replace('-', "+")),
        ("/ for _".to_owned(), encoded.replace('_', "/")),
        (
            "a sign of neither".to_owned(),
            format!("{}*{}", &encoded[..4], &encoded[4..]),
        ),
    ];
    let stray = match encoded.len() % 4 {
        2 => 16,
        3 => 4,
        _ => 1,
    };
    let (start, last) = encoded.split_at(encoded.len() - 1);
    let value = ALPHABET.find(last).unwrap();
    for bits in 1..stray {
        let spelled = format!("{start}{}", &ALPHABET[value ^ bits..][..1]);
        found.push((format!("stray bits {bits}"), spelled));
    }
    found
}

/// What was changed after it was signed.
fn changes(table: &mut Table) {
    let own = table.algorithm;
    let plain = json!({ "alg": own, "typ": "JWT" });
    let good = token(&plain, &table.current);
    let (input, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let text = claims().to_string();
    let mut changed = Vec::new();
    // The lowest bit of every letter of the subject, and of the expiry's last digit.
    let at = text.find("alice").unwrap();
    let digit = text.find("4102444800").unwrap() + 9;
    for place in (at..at + 5).chain([digit]) {
        let mut bytes = text.clone().into_bytes();
        bytes[place] ^= 1;
        let payload = URL_SAFE_NO_PAD.encode(bytes);
        changed.push((
            format!("payload bit in byte {place}"),
            format!("{header}.{payload}"),
        ));
    }
    for (name, claims) in [
        ("another subject", text.replace("alice", "admin")),
        ("a later expiry", text.replace("4102444800", "9102444800")),
        ("one more claim", text.replace('}', r#","scope":"manage"}"#)),
        ("a space in the payload", format!("{text} ")),
    ] {
        changed.push((
            name.to_owned(),
            format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims)),
        ));
    }
    for (name, header) in [
        (
            "another typ",
            json!({ "alg": own, "typ": "at+jwt" }).to_string(),
        ),
        ("no typ", json!({ "alg": own }).to_string()),
        (
            "a kid put in",
            json!({ "alg": own, "typ": "JWT", "kid": "now" }).to_string(),
        ),
        ("a space in the header", format!("{plain} ")),
        ("another order", format!(r#"{{"typ":"JWT","alg":"{own}"}}"#)),
    ] {
        changed.push((
            name.to_owned(),
            format!("{}.{payload}", URL_SAFE_NO_PAD.encode(header)),
        ));
    }
    for (name, input) in changed {
        let forged = format!("{input}.{signature}");
        table.put(format!("changed: {name}"), Setting::Alone, forged, FORGED);
    }
}
