//! HS256 tokens: time, signature, issuer, audience, scopes.

use ollama_gate_wasm_tests::ClientRequest;
use ollama_gate_wasm_tests::credentials::{token, token_with};
use ollama_gate_wasm_tests::world::NOON;
use serde_json::{Value, json};

use crate::support::*;

fn chat(token: &str) -> ClientRequest {
    ClientRequest::post("/api/chat").bearer(token)
}

#[test]
pub fn a_token_lives_until_its_expiry_and_the_leeway() {
    on_every_host(|lab| {
        let short = token(WEBUI_SECRET, &json!({"sub": "bob", "exp": NOON + 10}));
        lab.allowed(&chat(&short));
        lab.at(65);
        lab.allowed(&chat(&short));
        lab.at(75);
        lab.denied(&chat(&short), 401, "expired_token");
        lab.at(0);
        let coming = token(
            WEBUI_SECRET,
            &json!({"sub": "bob", "exp": NOON + 9000, "nbf": NOON + 120}),
        );
        lab.denied(&chat(&coming), 401, "token_not_yet_valid");
        lab.at(65);
        lab.allowed(&chat(&coming));
    });
}

#[test]
pub fn a_token_without_expiry_comes_in_only_where_the_configuration_says_so() {
    let eternal = token(WEBUI_SECRET, &json!({"sub": "bob"}));
    on_every_host(|lab| {
        lab.denied(&chat(&eternal), 401, "missing_expiry");
    });
    let lenient = json!({"jwt": [{"name": "w", "algorithms": ["HS256"],
        "secrets": [{"env": "WEBUI_SECRET_KEY"}], "require_expiry": false}]});
    on_every_host_with(&with(plain(), lenient), |lab| {
        lab.allowed(&chat(&eternal));
        let old = token(WEBUI_SECRET, &json!({"sub": "bob", "exp": NOON - 3600}));
        lab.denied(&chat(&old), 401, "expired_token");
    });
}

#[test]
pub fn no_single_bit_of_a_signature_may_change() {
    on_every_host(|lab| {
        let good = session();
        let (signed, signature) = good.rsplit_once('.').expect("three parts");
        for (at, byte) in signature.char_indices() {
            let other = if byte == 'A' { 'Q' } else { 'A' };
            let mut changed = signature.to_owned();
            changed.replace_range(at..=at, &other.to_string());
            let outcome = lab.send(&chat(&format!("{signed}.{changed}")));
            assert_eq!(outcome.status(), 401, "{at}: {:?}", outcome.reply);
        }
        let stranger = token(
            "another-secret-92f4c7e1b0-d83a6e5f17",
            &json!({"sub": "bob", "exp": NOON + 60}),
        );
        lab.denied(&chat(&stranger), 401, "invalid_signature");
        lab.allowed(&chat(&good));
    });
}

#[test]
pub fn the_algorithm_is_the_configurations_and_never_the_tokens() {
    on_every_host(|lab| {
        let claims = json!({"sub": "bob", "exp": NOON + 60});
        for algorithm in ["none", "None", "HS384", "RS256", "ES256", ""] {
            let forged = token_with(WEBUI_SECRET, &json!({"alg": algorithm}), &claims);
            let outcome = lab.send(&chat(&forged));
            assert_eq!(outcome.status(), 401, "{algorithm}");
            assert_ne!(outcome.code(), "invalid_signature", "{algorithm}");
        }
        for header in [
            json!({"alg": "HS256", "crit": ["exp"]}),
            json!({"alg": "HS256", "b64": false}),
            json!({"alg": "HS256", "zip": "DEF"}),
            json!({"alg": "HS256", "enc": "A256GCM"}),
            json!({"alg": ["HS256"]}),
            json!([]),
            json!({}),
        ] {
            let outcome = lab.send(&chat(&token_with(WEBUI_SECRET, &header, &claims)));
            assert_eq!(outcome.status(), 401, "{header}");
        }
    });
}

#[test]
pub fn claims_of_the_wrong_type_are_refused() {
    on_every_host(|lab| {
        for claims in [
            json!({"sub": "bob", "exp": "tomorrow"}),
            json!({"sub": "bob", "exp": null}),
            json!({"sub": "bob", "exp": [NOON]}),
            json!({"sub": "bob", "exp": -1}),
            json!({"sub": "bob", "exp": NOON + 60, "nbf": "now"}),
            json!({"sub": 7, "exp": NOON + 60}),
            json!({"sub": "", "exp": NOON + 60}),
            json!({"sub": null, "exp": NOON + 60}),
            json!({"exp": NOON + 60}),
            json!([1, 2]),
            json!("bob"),
            Value::Null,
        ] {
            let outcome = lab.send(&chat(&token(WEBUI_SECRET, &claims)));
            assert_eq!(outcome.status(), 401, "{}: {claims}", lab.host);
        }
        lab.denied(
            &chat(&token(WEBUI_SECRET, &json!({"exp": NOON + 60}))),
            401,
            "missing_subject",
        );
    });
}

#[test]
pub fn issuer_and_audience_must_be_the_configured_ones() {
    let claims = |changes: Value| {
        let base = json!({"sub": "eve", "exp": NOON + 60, "iss": "https://sso.example.com",
            "aud": "ollama", "scope": "inference"});
        token(CORP_SECRET, &with(base, changes))
    };
    on_every_host_with(&corporate(), |lab| {
        lab.allowed(&chat(&claims(json!({}))));
        lab.allowed(&chat(&claims(json!({"aud": ["other", "ollama"]}))));
        for (changes, code) in [
            (json!({"iss": "https://evil.example"}), "wrong_issuer"),
            (json!({"iss": null}), "wrong_issuer"),
            (json!({"iss": "https://sso.example.com/"}), "wrong_issuer"),
            (json!({"aud": "other"}), "wrong_audience"),
            (json!({"aud": []}), "wrong_audience"),
        ] {
            let outcome = lab.send(&chat(&claims(changes.clone())));
            assert_eq!(outcome.status(), 401, "{changes}");
            if !changes
                .as_object()
                .expect("an object")
                .values()
                .any(|v| v.is_null() || v.is_array())
            {
                assert_eq!(outcome.code(), code, "{changes}");
            }
        }
    });
    on_every_host(|lab| {
        let addressed = token(
            WEBUI_SECRET,
            &json!({"sub": "bob", "exp": NOON + 60, "aud": "x"}),
        );
        lab.denied(&chat(&addressed), 401, "wrong_audience");
    });
}

#[test]
pub fn the_scopes_claim_decides_where_one_is_configured() {
    let claims = |scope: Value| {
        token(
            CORP_SECRET,
            &json!({"sub": "eve", "exp": NOON + 60,
            "iss": "https://sso.example.com", "aud": "ollama", "scope": scope}),
        )
    };
    on_every_host_with(&corporate(), |lab| {
        lab.allowed(&chat(&claims(json!("read inference"))));
        lab.allowed(&chat(&claims(json!(["inference", "openid"]))));
        for none in [
            json!("read"),
            json!(""),
            json!([]),
            json!("openid profile"),
            json!("INFERENCE"),
        ] {
            lab.denied(&chat(&claims(none)), 403, "scope_denied");
        }
        // The members of an object are its values, whatever is in them.
        lab.allowed(&chat(&claims(json!({"inference": true}))));
        for odd in [json!({"roles": "inference"}), json!(["read inference"])] {
            lab.denied(&chat(&claims(odd)), 403, "scope_denied");
        }
    });
}

#[test]
pub fn the_previous_secret_counts_while_it_is_set() {
    for host in HOSTS {
        let previous = "previous-secret-6d20f9b3e8-17c5a4e09bd2";
        let mut lab = Lab::unconfigured(host());
        lab.hide(previous);
        let old = token(previous, &json!({"sub": "bob", "exp": NOON + 60}));
        assert!(lab.configure(&plain()).accepted);
        lab.denied(&chat(&old), 401, "invalid_signature");
        let rotated = json!({"jwt": [{"name": "open-webui", "algorithms": ["HS256"],
            "secrets": [{"env": "WEBUI_SECRET_KEY"}, previous]}]});
        assert!(lab.configure(&with(plain(), rotated)).accepted);
        lab.allowed(&chat(&old));
        lab.allowed(&chat(&session()));
    }
}

/// The usual claims of the `corp` issuer, with `changes` put over them.
fn corp(changes: Value) -> String {
    let base =
        json!({"sub": "eve", "exp": NOON + 60, "iss": "https://sso.example.com", "aud": "ollama"});
    token(CORP_SECRET, &with(base, changes))
}

/// [`corporate`] with `changes` put over its issuer.
fn issuer(changes: Value) -> Value {
    let mut configuration = corporate();
    configuration["jwt"][0] = with(configuration["jwt"][0].clone(), changes);
    configuration
}

#[test]
pub fn the_providers_words_mean_what_the_map_says_on_every_gateway() {
    let map = json!({ "ollama/use": ["read", "inference"], "team chat": ["inference"], "ollama-admins": ["manage"] });
    on_every_host_with(
        &issuer(json!({ "scopes_claim": "roles", "scope_map": map })),
        |lab| {
            for roles in [
                json!("openid ollama/use"),
                json!("team chat"),
                json!(["staff", "team chat"]),
                json!({ "ollama/use": { "3141": "example.com" } }),
            ] {
                lab.allowed(&chat(&corp(json!({ "roles": roles }))));
            }
            for roles in [
                json!("inference"),
                json!("team chats"),
                json!(["openid ollama/use"]),
                json!("ollama-admins"),
                json!({ "ollama/use": null }),
                json!({ "ollama/use": false }),
                json!({ "x": { "ollama/use": {} } }),
                json!([]),
                json!(null),
            ] {
                let denied = corp(json!({ "roles": roles }));
                lab.denied(&chat(&denied), 403, "scope_denied");
            }
            let outcome = lab.send(&chat(&corp(json!({ "roles": ["staff", "wiki"] }))));
            let reply = outcome.reply.expect("a refusal");
            let body = String::from_utf8_lossy(&reply.body).into_owned();
            let told =
                "its claim `roles` is a list with `staff`, `wiki`, none of which maps to a scope";
            assert!(body.contains(told), "{}: {body}", lab.host);
        },
    );
}

#[test]
pub fn the_scopes_of_an_issuer_are_those_of_each_of_its_tokens() {
    let mut configuration = issuer(json!({ "scopes": ["inference"] }));
    let issuer = configuration["jwt"][0].as_object_mut();
    issuer.expect("an issuer").remove("scopes_claim");
    on_every_host_with(&configuration, |lab| {
        for scope in [json!("manage"), json!(""), json!(null), json!(7)] {
            lab.allowed(&chat(&corp(json!({ "scope": scope }))));
            let tags = ClientRequest::get("/api/tags").bearer(&corp(json!({ "scope": scope })));
            lab.denied(&tags, 403, "scope_denied");
        }
    });
}

#[test]
pub fn a_required_claim_is_compared_alike_on_every_gateway() {
    let required = json!({
        "email": [{ "suffix": "@example.com" }, { "suffix": "@example.org" }],
        "scp": { "word": "access_as_user" },
        "group": { "prefix": "team/" },
        "roles": { "member": "ollama-user" },
    });
    let mut configuration = issuer(
        json!({ "scopes": ["inference"], "required_claims": required, "numeric_subject": true }),
    );
    let issuer = configuration["jwt"][0].as_object_mut();
    issuer.expect("an issuer").remove("scopes_claim");
    let good = json!({ "sub": 7, "email": "eve@Example.com", "scp": "openid access_as_user", "group": ["x", "team/a"],
        "roles": { "ollama-user": { "3141": "example.com" } } });
    on_every_host_with(&configuration, |lab| {
        lab.allowed(&chat(&corp(good.clone())));
        for changes in [
            json!({ "email": "eve@evil-example.com" }),
            json!({ "email": "a@evil.com,@example.com" }),
            json!({ "email": "a@evil.com,b@example.com" }),
            json!({ "email": "a@evil.com b@example.com" }),
            json!({ "scp": "openid access_as_users" }),
            json!({ "scp": "openid,access_as_user" }),
            json!({ "group": "team/" }),
            json!({ "group": "xteam/a" }),
            json!({ "roles": ["ollama-user"] }),
            json!({ "roles": { "ollama-user": null } }),
        ] {
            let token = corp(with(good.clone(), changes));
            lab.denied(&chat(&token), 401, "claim_mismatch");
        }
        let fraction = corp(with(good.clone(), json!({ "sub": 1.5 })));
        lab.denied(&chat(&fraction), 401, "malformed_token");
    });
}
