//! Each cause of a refusal has a sentence of its own, which says what to do and shows no credential.

use crate::world::{NOW, SECRET, Seen, World, configuration, header, jwt, sign};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The sentence for the caller, without the clause that all refusals of its code begin with.
fn advice(seen: &Seen) -> (String, String) {
    let body = seen.body();
    let message = body["error"].as_str().unwrap();
    let (_, advice) = message.split_once(": ").unwrap();
    (seen.verdict().1, advice.to_owned())
}

#[test]
fn each_flaw_of_a_credential_has_a_sentence_of_its_own() {
    let mut configuration = configuration();
    configuration["jwt"][0]["cookie"] = json!("session");
    let users = json!({ "name": "webui", "algorithms": ["HS256"], "secrets": [{ "env": "WEBUI_SECRET_KEY" }],
        "header": "X-OpenWebUI-User-Jwt" });
    configuration["jwt"].as_array_mut().unwrap().push(users);
    let world = World::new(&configuration);
    let long = format!("Bearer {}", "q".repeat(16_385));
    let long_cookie = format!("session={}", "q".repeat(16_385));
    let mut seen = HashMap::new();
    for (name, value, code, says) in [
        (
            "accept",
            "*/*",
            "missing_credential",
            "send `Authorization: Bearer <your key>` or the cookie `session` of a browser",
        ),
        (
            "authorization",
            "Bearer ",
            "missing_credential",
            "nothing follows the scheme",
        ),
        (
            "x-openwebui-user-jwt",
            "a.b.c",
            "missing_credential",
            "the token in `x-openwebui-user-jwt` only names the user",
        ),
        (
            "authorization",
            "Bearer none",
            "placeholder_credential",
            "`none` is what clients send",
        ),
        (
            "authorization",
            "Digest SECRET",
            "unsupported_credential",
            "the scheme `Digest` is not accepted",
        ),
        (
            "authorization",
            "SECRET more",
            "unsupported_credential",
            "the first word in `Authorization` is no scheme",
        ),
        (
            "authorization",
            &long,
            "malformed_credential",
            "`Authorization` holds more than 16384 bytes",
        ),
        (
            "authorization",
            "Bearer Bearer SECRET",
            "malformed_credential",
            "a second scheme, `Bearer`, follows",
        ),
        (
            "authorization",
            "Bearer Basic SECRET",
            "malformed_credential",
            "a second scheme, `Basic`, follows",
        ),
        (
            "x-api-key",
            "Bearer SECRET",
            "malformed_credential",
            "`X-Api-Key` begins with `Bearer`, send the key",
        ),
        (
            "authorization",
            "Bearer SECRET more",
            "malformed_credential",
            "there is white space inside the value of `Authorization`",
        ),
        (
            "api-key",
            "SECRET more",
            "malformed_credential",
            "there is white space inside the value of `Api-Key`",
        ),
        (
            "authorization",
            "Bearer “SECRET”",
            "malformed_credential",
            "the value of `Authorization` holds a byte that is not printable ASCII",
        ),
        (
            "api-key",
            "SECRET\u{200b}",
            "malformed_credential",
            "the value of `Api-Key` holds a byte that is not printable ASCII",
        ),
        (
            "cookie",
            &long_cookie,
            "malformed_credential",
            "the cookie `session` is too long",
        ),
        (
            "cookie",
            "session=SECRET more",
            "malformed_credential",
            "the cookie `session` holds white space",
        ),
        (
            "cookie",
            "session=SECRÉT",
            "malformed_credential",
            "the cookie `session` holds a byte that is not",
        ),
    ] {
        let seen_now = world.send("GET", "/api/tags", &[(name, value)]);
        let (found, advice) = advice(&seen_now);
        assert_eq!(found, code, "{name}: {value}");
        assert!(advice.starts_with(says), "{name}: {value}: {advice}");
        for told in [advice.clone(), seen_now.record.to_string()] {
            let shows = ["SECR", "more", "qqq", "a.b.c"]
                .iter()
                .find(|part| told.replace("more than", "").contains(**part));
            assert_eq!(shows, None, "{name}: {value}: {told}");
        }
        let before = seen.insert(advice, value.to_owned());
        assert_eq!(before, None, "the same sentence for `{value}`");
    }
}

#[test]
fn a_line_says_what_was_sent_and_leaves_out_what_the_caller_is_told_to_send() {
    let world = World::new(&configuration());
    for (name, value, cause) in [
        ("accept", "*/*", "no credential was sent"),
        (
            "authorization",
            "Digest SECRET",
            "the scheme `Digest` is not accepted",
        ),
        (
            "authorization",
            "SECRET more",
            "the first word in `Authorization` is no scheme that is accepted",
        ),
    ] {
        let seen = world.send("GET", "/api/tags", &[(name, value)]);
        let (_, advice) = advice(&seen);
        assert!(
            advice.contains("`Authorization: Bearer <your key>`"),
            "{advice}"
        );
        assert_eq!(seen.record["cause"], cause, "{name}: {value}");
    }
}

/// An issuer with a name of its own for every rule.
fn issuer() -> Value {
    json!({
        "name": "corp", "issuer": "https://sso.example.com/realms/main", "audiences": ["ollama", "https://gate.example"],
        "algorithms": ["HS256"], "secrets": [{ "env": "WEBUI_SECRET_KEY" }], "typ": ["JWT"],
        "required_claims": { "hd": "example.com", "/acr/level": [2, 3] }, "max_lifetime": "1h",
    })
}

/// The claims of a good token of [`issuer`], with `changed` put in; `null` takes a claim out.
fn claims(changed: Value) -> String {
    let mut claims = json!({
        "iss": "https://sso.example.com/realms/main", "aud": "ollama", "hd": "example.com", "acr": { "level": 2 },
        "sub": "alice", "iat": NOW, "exp": NOW + 3600,
    });
    for (name, value) in changed.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    sign(&header().to_string(), &claims.to_string(), SECRET)
}

#[test]
fn each_fault_of_a_token_says_what_was_found_and_the_log_what_was_expected() {
    let world = World::new(&json!({ "jwt": [issuer()], "host": { "name": "envoy" } }));
    assert_eq!(world.errors(), [""; 0]);
    let send = |token: &str| world.bearer("GET", "/api/tags", token);
    assert_eq!(send(&claims(json!({}))).verdict().0, 200);
    let other = "https://sso.example.com/realms/other";
    for (changed, code, told, cause) in [
        (
            json!({ "iss": other }),
            "wrong_issuer",
            "its `iss` is `https://sso.example.com/realms/other`, sign in where",
            "its `iss` is `https://sso.example.com/realms/other`, expected `https://sso.example.com/realms/main`",
        ),
        (
            json!({ "iss": "https://sso.example.com/realms/main/" }),
            "wrong_issuer",
            "only the slash at the end differs",
            "expected `https://sso.example.com/realms/main`",
        ),
        (
            json!({ "iss": null }),
            "wrong_issuer",
            "it has no `iss`",
            "it has no `iss`, expected `https://sso",
        ),
        (
            json!({ "iss": 7 }),
            "malformed_token",
            "its claim `iss` is a number, expected a string",
            "",
        ),
        (
            json!({ "aud": "account" }),
            "wrong_audience",
            "its `aud` is `account`, ask",
            "its `aud` is `account`, expected `ollama`, `https://gate.example`",
        ),
        (
            json!({ "aud": ["a", "b", "c", "d", "e"] }),
            "wrong_audience",
            "its `aud` is `a`, `b`, `c`, `d` and 1 more",
            "",
        ),
        (
            json!({ "aud": null }),
            "wrong_audience",
            "it has no `aud`",
            "it has no `aud`, expected `ollama`",
        ),
        (
            json!({ "aud": [1] }),
            "malformed_token",
            "its claim `aud` is a list that holds something else, expected a list of strings",
            "",
        ),
        (
            json!({ "exp": (NOW + 3600) * 1000 }),
            "malformed_token",
            "its claim `exp` is 1767229200000, which looks like milliseconds",
            "",
        ),
        (
            json!({ "iat": NOW * 1000 }),
            "malformed_token",
            "its claim `iat` is 1767225600000, which looks like milliseconds",
            "",
        ),
        (
            json!({ "nbf": NOW * 1_000_000 }),
            "malformed_token",
            "its claim `nbf` is 1767225600000000, which looks like",
            "",
        ),
        (
            json!({ "exp": "soon" }),
            "malformed_token",
            "its claim `exp` is a string, expected a number of seconds",
            "",
        ),
        (
            json!({ "exp": -1 }),
            "malformed_token",
            "its claim `exp` is not a moment after 1970",
            "",
        ),
        (
            json!({ "exp": NOW - 86_400 }),
            "expired_token",
            "it expired 24 hours ago, sign in again",
            "",
        ),
        (
            json!({ "exp": null }),
            "missing_expiry",
            "ask its issuer for a token with `exp`",
            "",
        ),
        (
            json!({ "nbf": NOW + 600 }),
            "token_not_yet_valid",
            "its `nbf` is 10 minutes ahead of this gate's clock",
            "",
        ),
        (
            json!({ "iat": NOW + 90 }),
            "token_not_yet_valid",
            "its `iat` is 90 seconds ahead",
            "",
        ),
        (
            json!({ "exp": NOW + 7200 }),
            "excessive_lifetime",
            "from `iat` to `exp` are 7200 seconds, this gate accepts at most 3600",
            "",
        ),
        (
            json!({ "iat": null }),
            "excessive_lifetime",
            "its lifetime cannot be known, ask its issuer for a token with `iat`",
            "",
        ),
        (
            json!({ "hd": "evil.example" }),
            "claim_mismatch",
            "its claim `hd` is `evil.example`, this gate requires another value",
            "its claim `hd` is `evil.example`, expected `example.com`",
        ),
        (
            json!({ "hd": ["a", { "b": 1 }] }),
            "claim_mismatch",
            "its claim `hd` is a list with `a`, an object, ",
            "",
        ),
        (
            json!({ "hd": null }),
            "claim_mismatch",
            "its claim `hd` is missing, this gate requires it",
            "is missing, expected `example.com`",
        ),
        (
            json!({ "acr": { "level": "2" } }),
            "claim_mismatch",
            "its claim `/acr/level` is `2`, this gate requires",
            "expected `2`, `3`",
        ),
        (
            json!({ "sub": "" }),
            "missing_subject",
            "its claim `sub`, which has to name the caller, is empty",
            "",
        ),
        (
            json!({ "sub": null }),
            "missing_subject",
            "its claim `sub`, which has to name the caller, is missing",
            "",
        ),
        (
            json!({ "sub": 7 }),
            "malformed_token",
            "its claim `sub` is a number, expected a string",
            "",
        ),
    ] {
        let seen = send(&claims(changed.clone()));
        assert_eq!(seen.verdict(), (401, code.to_owned()), "{changed}");
        let (_, advice) = advice(&seen);
        assert!(advice.contains(told), "{changed}: {advice}");
        let logged = seen.record["cause"].as_str().unwrap();
        let expected = if cause.is_empty() { told } else { cause };
        assert!(logged.contains(expected), "{changed}: {logged}");
        if !cause.is_empty() {
            assert!(!advice.contains("expected"), "told to a stranger: {advice}");
        }
        let subject = changed.get("sub").map_or(json!("alice"), |_| Value::Null);
        let claimed = &seen.record["claimed_subject"];
        assert!(
            *claimed == subject || changed["sub"] == "",
            "{changed}: {claimed}"
        );
    }
}

#[test]
fn a_token_that_was_cut_is_told_from_one_of_another_secret() {
    let world = World::new(&configuration());
    let send = |token: &str| advice(&world.bearer("GET", "/api/tags", token));
    let good = jwt(json!({}));
    let cut = &good[..good.len() - 7];
    let (header_and_claims, signature) = good.rsplit_once('.').unwrap();
    let other = sign(
        &header().to_string(),
        r#"{"sub":"alice","exp":1767229200}"#,
        "another secret of 32 bytes or so",
    );
    for (token, code, told) in [
        (
            cut.to_owned(),
            "invalid_signature",
            "it has 27 bytes, and one of HS256 has 32: copy the token whole",
        ),
        (
            format!("{header_and_claims}."),
            "invalid_signature",
            "it has 0 bytes, and one of HS256 has 32",
        ),
        (
            other,
            "invalid_signature",
            "it was made with another secret than this gate has",
        ),
        (
            header_and_claims.to_owned(),
            "malformed_token",
            "it has fewer than the three parts of a JWT, copy it whole",
        ),
        (
            format!("{good}.{signature}"),
            "malformed_token",
            "it has more than the three parts of a JWT",
        ),
        (
            format!("{good}.a.b"),
            "malformed_token",
            "it has five parts: encrypted tokens (JWE) are not supported",
        ),
    ] {
        let (found, advice) = send(&token);
        assert_eq!(found, code, "{token}: {advice}");
        assert!(advice.contains(told), "{token}: {advice}");
    }
}

#[test]
fn what_a_token_says_of_itself_is_bounded_and_escaped_wherever_it_is_shown() {
    let world = World::new(&json!({ "jwt": [issuer()], "host": { "name": "envoy" } }));
    assert_eq!(world.errors(), [""; 0]);
    let evil = "x\r\nSet-Cookie: a=b\u{1b}[2J`\u{202e}\"},{".repeat(2_000 / 30);
    let nested: Value =
        serde_json::from_str(&format!("{}1{}", "[".repeat(40), "]".repeat(40))).unwrap();
    for changed in [
        json!({ "iss": evil }),
        json!({ "aud": vec![evil.clone(); 9] }),
        json!({ "hd": evil }),
        json!({ "hd": vec![evil.clone(); 9] }),
        json!({ "hd": nested }),
        json!({ "sub": evil, "hd": null }),
        json!({ "exp": 1e300, "sub": evil }),
    ] {
        let seen = world.bearer("GET", "/api/tags", &claims(changed.clone()));
        let (_, advice) = advice(&seen);
        assert!(advice.len() < 2_400, "{changed}: {}", advice.len());
        let plain = |character| matches!(character, ' '..='~' | '…');
        assert!(advice.chars().all(plain), "{advice}");
        let line = seen.record.to_string();
        assert!(line.len() < 1_200, "{changed}: {}", line.len());
        let lines = world.gateway.0.lines.borrow();
        for (_, line) in lines.iter() {
            assert!(!line.contains(['\r', '\n', '\u{1b}']), "{line}");
        }
    }
}

#[test]
fn a_refusal_names_its_status_in_a_header_for_a_gateway_that_takes_the_request_for_grpc() {
    let world = World::new(&configuration());
    for (content_type, shown) in [
        ("application/grpc", true),
        ("application/grpc+proto", true),
        ("application/json", false),
        ("text/plain, application/grpc", false),
    ] {
        let seen = world.send("GET", "/api/tags", &[("content-type", content_type)]);
        let reply = seen.reply.unwrap();
        let status = reply
            .headers
            .iter()
            .find(|(name, _)| *name == "x-ollama-gate-status")
            .map(|(_, value)| value.as_str());
        assert_eq!(status, shown.then_some("401"), "{content_type}");
    }
}
