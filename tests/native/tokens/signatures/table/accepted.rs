//! What the gate has to take.

use super::{ACCEPTED, FORGED, Setting, Table, claims, input_of, join, token};
use serde_json::json;

pub(super) fn fill(table: &mut Table) {
    let plain = token(&table.header(json!({})), &table.current);
    for setting in [
        Setting::Alone,
        Setting::Jwk,
        Setting::Ring,
        Setting::Nameless,
        Setting::Beside,
        Setting::Wide,
    ] {
        // The one key of every kind is that of the row, but for the RSA ones, which share it.
        table.put("no kid", setting, plain.clone(), ACCEPTED);
    }
    let previous = token(&table.header(json!({})), &table.previous);
    for setting in [Setting::Ring, Setting::Nameless] {
        table.put(
            "by the previous key, no kid",
            setting,
            previous.clone(),
            ACCEPTED,
        );
    }
    for setting in [Setting::Alone, Setting::Jwk, Setting::Beside, Setting::Wide] {
        table.put(
            "by the previous key, which is gone",
            setting,
            previous.clone(),
            FORGED,
        );
    }
    let now = token(&table.header(json!({ "kid": "now" })), &table.current);
    table.put("kid of a JWK", Setting::Ring, now.clone(), ACCEPTED);
    for setting in [Setting::Alone, Setting::Jwk, Setting::Nameless] {
        table.put(
            "a kid where no key has a name",
            setting,
            now.clone(),
            ACCEPTED,
        );
    }
    let before = token(&table.header(json!({ "kid": "before" })), &table.previous);
    table.put("kid of a PEM", Setting::Ring, before, ACCEPTED);
    let family = match table.algorithm {
        "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => "RS256",
        own => own,
    };
    let of_wide = token(&table.header(json!({ "kid": family })), &table.current);
    table.put(
        "kid of a key among other kinds",
        Setting::Wide,
        of_wide,
        ACCEPTED,
    );
    for (name, header) in [
        (
            "typ in lower case",
            json!({ "alg": table.algorithm, "typ": "jwt" }),
        ),
        (
            "typ of an access token",
            json!({ "alg": table.algorithm, "typ": "at+jwt" }),
        ),
        ("no typ", json!({ "alg": table.algorithm })),
        (
            "unknown members",
            table.header(json!({ "x5t": "AAAA", "cty": "JWT", "nonce": "1" })),
        ),
    ] {
        let signed = token(&header, &table.current);
        table.put(name, Setting::Alone, signed, ACCEPTED);
    }
    // What is signed are the bytes, not the JSON that they stand for.
    let spaced = format!(
        " {{ \"typ\" : \"JWT\" ,\n\"alg\":\"{}\" }} ",
        table.algorithm
    );
    let input = input_of(&spaced, &format!("\t{} ", claims()));
    let signature = table.current.sign(input.as_bytes());
    table.put(
        "JSON with spaces",
        Setting::Alone,
        join(&input, &signature),
        ACCEPTED,
    );
}
