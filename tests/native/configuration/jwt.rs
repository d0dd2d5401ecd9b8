//! What an issuer may not be configured with: every error has the path of its field, and none
//! repeats a secret.

use crate::world::{SECRET, configuration, error, errors, remote, secret, signer, with};
use serde_json::{Value, json};

/// `jwt[0]` of these members, whatever was there before.
fn issuer(members: Value) -> Value {
    let mut all = configuration();
    all["jwt"][0] = members;
    all
}

/// The errors of an issuer with these algorithms and secrets.
fn secrets(algorithms: &[&str], secrets: Value) -> Vec<String> {
    errors(&issuer(
        json!({ "name": "j", "algorithms": algorithms, "secrets": secrets }),
    ))
}

/// The errors of `remote` with `value` at `jwt[0].<name>`; `null` takes it out.
fn remote_with(name: &str, value: Value) -> Vec<String> {
    let mut all = remote(json!({}));
    let issuer = all["jwt"][0].as_object_mut().unwrap();
    match value {
        Value::Null => drop(issuer.remove(name)),
        value => drop(issuer.insert(name.to_owned(), value)),
    }
    errors(&all)
}

#[test]
fn what_is_right_is_taken() {
    let none = Vec::<String>::new();
    assert_eq!(errors(&remote(json!({}))), none);
    let full = json!({
        "every": "10s", "max_stale": "30d", "cool_down": "5m", "timeout": "30s", "url": "http://[::1]:8080/a?b=c",
    });
    assert_eq!(errors(&remote(full)), none);
    assert_eq!(errors(&remote(json!({ "url": null }))), none);
    for (algorithm, length) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        assert_eq!(
            secrets(&[algorithm], json!([secret(length)])),
            none,
            "{algorithm}, {length}"
        );
    }
    let rules = json!({
        "name": "j", "algorithms": ["HS256"], "secrets": [SECRET], "typ": ["at+jwt"], "max_age": "1s",
        "max_lifetime": "3650d", "subject_claim": "/a~0b/~1", "scopes_claim": "https://example.com/roles",
        "required_claims": { "a": "x", "/b/c": [1, true], "d": { "absent": true },
            "e": { "word": "w" }, "f": [{ "suffix": "@a.example" }, { "prefix": "team/" }, "x", 1], "g": { "member": "m" } },
    });
    assert_eq!(errors(&issuer(rules)), none);
}

#[test]
fn a_secret_is_as_long_as_its_hash() {
    for (algorithms, least) in [
        (&["HS256"][..], 32),
        (&["HS384"], 48),
        (&["HS512"], 64),
        (&["HS256", "HS512"], 64),
        (&["HS384", "HS256"], 48),
    ] {
        let short = secret(least - 1);
        assert_eq!(
            secrets(algorithms, json!([secret(64), short])),
            [format!(
                "jwt[0].secrets[1]: expected {least} bytes or more (or `danger_allow_short_secret`), found {}",
                least - 1
            )],
            "{algorithms:?}, {least}"
        );
    }
    let mut short = with("/jwt/0/secrets", json!(["elevenbytes"]));
    short["jwt"][0]["danger_allow_short_secret"] = json!(true);
    assert_eq!(
        errors(&short),
        ["jwt[0].secrets[0]: expected 12 bytes or more, found 11"]
    );
    short["jwt"][0]["secrets"] = json!(["twelve bytes"]);
    assert_eq!(errors(&short), Vec::<String>::new());
    for (wrong, message) in [
        (
            json!([]),
            "jwt[0].secrets: expected a secret, found none that is set",
        ),
        (
            json!([{ "env": "UNSET", "optional": true }]),
            "jwt[0].secrets: expected a secret, found none that is set",
        ),
        (json!([""]), "jwt[0].secrets[0]: is empty"),
        (
            json!([{ "env": "UNSET" }]),
            "jwt[0].secrets[0]: environment variable `UNSET` is not set for the filter, the gateway must pass it on",
        ),
        (
            json!([1]),
            "jwt[0].secrets[0]: expected a string or {\"env\": \"NAME\"}, found a number",
        ),
        (
            json!(SECRET),
            "jwt[0].secrets: expected a list of secrets, found a string",
        ),
    ] {
        assert_eq!(secrets(&["HS256"], wrong.clone()), [message], "{wrong}");
    }
}

#[test]
fn keys_come_from_one_place() {
    let (secret, key, jwks) = (
        json!([SECRET]),
        json!([signer(1).jwk("k1")]),
        remote(json!({}))["jwt"][0]["jwks"].clone(),
    );
    let expected = ["jwt[0]: expected exactly one of `secrets`, `keys` and `jwks`"];
    for members in [
        json!({}),
        json!({ "secrets": secret, "keys": key }),
        json!({ "secrets": secret, "jwks": jwks }),
        json!({ "keys": key, "jwks": jwks }),
        json!({ "secrets": secret, "keys": key, "jwks": jwks }),
    ] {
        let mut all = members.clone();
        all["name"] = json!("j");
        all["algorithms"] = json!(["EdDSA"]);
        assert_eq!(errors(&issuer(all)), expected, "{members}");
    }
}

#[test]
fn an_algorithm_and_its_key_are_of_one_kind() {
    let public = |algorithms: &[&str], keys: Value| {
        errors(&issuer(
            json!({ "name": "j", "algorithms": algorithms, "keys": keys }),
        ))
    };
    let key = signer(1).jwk("k1");
    for algorithm in ["HS256", "HS384", "HS512"] {
        let message =
            format!("jwt[0].algorithms: {algorithm} needs `secrets`, give it an issuer of its own");
        assert!(
            public(&[algorithm], json!([key])).contains(&message),
            "{algorithm}"
        );
        assert!(
            public(&["EdDSA", algorithm], json!([key])).contains(&message),
            "{algorithm}"
        );
        assert_eq!(
            remote_with("algorithms", json!(["RS256", algorithm])),
            [message],
            "{algorithm}"
        );
    }
    for algorithm in [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
    ] {
        let message = format!(
            "jwt[0].algorithms: {algorithm} needs public keys, in `keys` or `jwks` instead of `secrets`"
        );
        for algorithms in [&[algorithm][..], &["HS256", algorithm]] {
            let found = secrets(algorithms, json!([secret(64)]));
            assert_eq!(
                found.as_slice(),
                std::slice::from_ref(&message),
                "{algorithm}, {algorithms:?}"
            );
        }
    }
    assert_eq!(
        public(&["ES256"], json!([key])),
        ["jwt[0].keys[0]: no algorithm of this issuer is for this Ed25519 key"]
    );
    assert_eq!(
        public(&["EdDSA", "RS256"], json!([key])),
        ["jwt[0].algorithms: no key of this issuer is for RS256"]
    );
}

#[test]
fn an_algorithm_is_named_to_the_letter() {
    let known = "HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, Ed25519";
    for name in [
        "none", "None", "hs256", "HS256 ", "HS1", "ES512", "ES256K", "Ed448", "dir", "",
    ] {
        assert_eq!(
            error("/jwt/0/algorithms", json!([name])),
            format!("jwt[0].algorithms[0]: expected one of {known}, found `{name}`"),
            "{name}"
        );
    }
    for wrong in [json!("HS256"), json!({ "HS256": true })] {
        let error = errors(&with("/jwt/0/algorithms", wrong.clone()));
        assert!(
            error[0].starts_with("jwt[0].algorithms: expected a list of algorithms, found "),
            "{wrong}"
        );
    }
}

#[test]
fn a_claim_is_a_name_or_a_pointer() {
    let message = "is not a JSON Pointer: `~` stands for itself as `~0`, `/` as `~1` (RFC 6901)";
    for field in ["subject_claim", "scopes_claim"] {
        let path = format!("/jwt/0/{field}");
        for wrong in ["/a~", "/a~2", "/~", "/a/b~x/c"] {
            assert_eq!(
                error(&path, json!(wrong)),
                format!("jwt[0].{field}: {message}"),
                "{field}, {wrong:?}"
            );
        }
        for wrong in [
            json!(""),
            json!("a b"),
            json!("a\r\nb"),
            json!("é"),
            json!(1),
            json!(["sub"]),
        ] {
            let error = error(&path, wrong.clone());
            let start =
                format!("jwt[0].{field}: expected 1 to 128 characters of visible ASCII, found ");
            assert!(error.starts_with(&start), "{wrong}: {error}");
        }
    }
    for name in ["/a~", ""] {
        let errors = errors(&with("/jwt/0/required_claims", json!({ name: 1 })));
        let end = "is neither the name of a claim nor a JSON Pointer";
        assert!(
            errors.len() == 1 && errors[0].ends_with(end),
            "{name}: {errors:?}"
        );
        assert!(
            errors[0].starts_with("jwt[0].required_claims."),
            "{name}: {errors:?}"
        );
    }
    let expected = "a string, a number of up to 14 digits, true or false, one of {\"word\": …}, {\"prefix\": …}, \
                    {\"suffix\": …} and {\"member\": …}, a list of these, or {\"absent\": true}";
    for (wrong, found) in [
        (json!({}), "an object"),
        (json!({ "absent": false }), "an object"),
        (json!({ "absent": true, "or": 1 }), "an object"),
        (json!({ "one_of": ["a"] }), "an object"),
        (json!([]), "a list"),
        (json!([["a"]]), "a list"),
        (json!([{ "absent": true }]), "a list"),
        (json!({ "word": "a", "suffix": "@b" }), "an object"),
        (json!({ "contains": "a" }), "an object"),
        (json!({ "Suffix": "@a" }), "an object"),
        (json!([{ "suffix": "@a", "prefix": "b/" }]), "a list"),
    ] {
        assert_eq!(
            error("/jwt/0/required_claims", json!({ "tier": wrong })),
            format!("jwt[0].required_claims.tier: expected {expected}, found {found}"),
            "{wrong}"
        );
    }
}

#[test]
fn a_beginning_or_end_that_could_be_somebody_elses_is_refused() {
    let open = "jwt[0].required_claims.email.suffix: has to begin with a separator";
    let word = "jwt[0].required_claims.email.word: is more than one word";
    let prefix = "jwt[0].required_claims.email.prefix: ends in a letter or digit";
    for (wrong, start) in [
        (json!({ "suffix": "example.com" }), open),
        (json!({ "suffix": "@" }), open),
        (json!({ "suffix": "@a@example.com" }), open),
        (json!({ "suffix": "@evil.com,@example.com" }), open),
        (json!({ "suffix": "@münchen.de" }), open),
        (json!({ "prefix": "https://sso.example.com" }), prefix),
        (json!({ "prefix": "ollama" }), prefix),
        (json!({ "word": "read manage" }), word),
    ] {
        let error = error("/jwt/0/required_claims", json!({ "email": wrong }));
        assert!(error.starts_with(start), "{wrong}: {error}");
    }
    let in_list = json!({ "email": ["a", { "suffix": "example.com" }] });
    let error = error("/jwt/0/required_claims", in_list);
    let start = "jwt[0].required_claims.email[1].suffix: has to begin";
    assert!(error.starts_with(start), "{error}");
    for form in ["word", "prefix", "suffix", "member"] {
        for value in [json!(""), json!(1), json!(null), json!(["a"]), json!({})] {
            let errors = errors(&with(
                "/jwt/0/required_claims",
                json!({ "email": { form: value } }),
            ));
            let start = format!("jwt[0].required_claims.email.{form}: ");
            let fit = errors.len() == 1 && errors[0].starts_with(&start);
            assert!(fit, "{form} {value}: {errors:?}");
        }
    }
}

#[test]
fn an_age_is_a_second_or_more() {
    for field in ["max_age", "max_lifetime"] {
        for wrong in [
            json!("0s"),
            json!("-1h"),
            json!("500ms"),
            json!("1500ms"),
            json!("3651d"),
            json!("1"),
            json!(3600),
            json!(""),
        ] {
            let error = error(&format!("/jwt/0/{field}"), wrong.clone());
            let start = format!("jwt[0].{field}: expected a duration such as \"30s\", of 1s to ");
            assert!(error.starts_with(&start), "{wrong}: {error}");
        }
    }
}

#[test]
fn a_type_is_one_that_a_token_can_have() {
    for (wrong, message) in [
        (
            json!([]),
            "jwt[0].typ: expected a non-empty list of strings, found none",
        ),
        (
            json!("JWT"),
            "jwt[0].typ: expected a non-empty list of strings, found `JWT`",
        ),
        (
            json!([""]),
            "jwt[0].typ[0]: expected a string that is not empty, found ``",
        ),
        (
            json!([1]),
            "jwt[0].typ[0]: expected a string that is not empty, found `1`",
        ),
    ] {
        assert_eq!(error("/jwt/0/typ", wrong.clone()), message, "{wrong}");
    }
}

#[test]
fn any_audience_and_a_list_of_them_exclude_each_other() {
    let mut both = with("/jwt/0/audiences", json!(["ollama"]));
    both["jwt"][0]["danger_allow_any_audience"] = json!(true);
    assert_eq!(
        errors(&both),
        ["jwt[0].danger_allow_any_audience: disables `audiences`: leave one of the two out"]
    );
    both["jwt"][0]["danger_allow_any_audience"] = json!(false);
    assert_eq!(errors(&both), Vec::<String>::new());
}

#[test]
fn a_number_that_not_every_gateway_passes_on_is_asked_for_as_text() {
    for number in [
        "100000000000000",
        "123456789012345",
        "0.123456789012345",
        "1e14",
    ] {
        let number: Value = serde_json::from_str(number).unwrap();
        let error = error("/jwt/0/required_claims", json!({ "id": number }));
        let expected = "jwt[0].required_claims.id: has over 14 digits, which not every gateway passes on: \
                        write it as a string";
        assert_eq!(error, expected, "{number}");
    }
    for number in ["99999999999999", "0.12345678901234", "-5", "0", "1e13"] {
        let number: Value = serde_json::from_str(number).unwrap();
        let found = errors(&with("/jwt/0/required_claims", json!({ "id": number })));
        assert_eq!(found, Vec::<String>::new(), "{number}");
    }
}

#[test]
fn a_limit_is_a_whole_number_in_every_form_that_a_gateway_makes_of_it() {
    for form in ["4096", "4096.0", "5000000000", "5e+09", "\"5000000000\""] {
        let form: Value = serde_json::from_str(form).unwrap();
        let found = errors(&with("/jwt/0/limits", json!({ "num_ctx": form })));
        assert_eq!(found, Vec::<String>::new(), "{form}");
    }
    for form in ["\"4096\"", "4096.5", "\"-5000000000\"", "\"5e+09\"", "-1"] {
        let form: Value = serde_json::from_str(form).unwrap();
        let found = errors(&with("/jwt/0/limits", json!({ "num_ctx": form })));
        assert!(
            found.len() == 1 && found[0].contains("expected a whole number"),
            "{form}: {found:?}"
        );
    }
}

#[test]
fn scopes_come_from_one_place_and_a_map_is_about_a_claim() {
    let of = |changes: Value| {
        let mut all = crate::world::configuration();
        for (name, value) in changes.as_object().unwrap() {
            all["jwt"][0][name] = value.clone();
        }
        errors(&all)
    };
    for (changes, expected) in [
        (
            json!({ "scopes": ["read"], "scopes_claim": "scope" }),
            "jwt[0].scopes: excludes `scopes_claim`: either every token has these, or its claim names them",
        ),
        (
            json!({ "scope_map": { "a": ["read"] } }),
            "jwt[0].scope_map: has no effect without `scopes_claim`, whose values it is about",
        ),
        (
            json!({ "scopes_claim": "scope", "scope_map": { "a": ["admin"] } }),
            "jwt[0].scope_map.a[0]: expected one of ",
        ),
        (
            json!({ "scopes": ["admin"] }),
            "jwt[0].scopes[0]: expected one of ",
        ),
    ] {
        let found = of(changes.clone());
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{changes}: {found:?}"
        );
    }
}
