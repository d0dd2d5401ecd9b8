//! Requests with keys: wrong, made up, over, and good.

use super::answer::{Reach, reach, refuses, unclear_advice};
use super::client::Client;
use super::wire::Request;
use super::{Finding, token};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Keys that no gate has.
pub(super) fn bad_key(client: &Client) -> Finding {
    let tags = || Request::get("/api/tags");
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let wrong = "sk-ollama-gate-smoke-is-no-key-0000";
    let mut probes = vec![
        ("a wrong key".to_owned(), tags().bearer(Some(wrong))),
        (
            "a wrong `X-Api-Key`".to_owned(),
            tags().field("X-Api-Key", wrong),
        ),
        (
            "a wrong `X-Ollama-Token`".to_owned(),
            tags().field("X-Ollama-Token", wrong),
        ),
        (
            "a wrong password".to_owned(),
            tags().field("Authorization", basic("admin:ollama-gate-smoke")),
        ),
        (
            "a wrong cookie".to_owned(),
            tags().field("Cookie", format!("token={wrong}")),
        ),
        (
            "a wrong key".to_owned(),
            Request::get("/v1/models").bearer(Some(wrong)),
        ),
        (
            "a wrong key".to_owned(),
            Request::new("DELETE", "/api/delete")
                .json(r#"{"model":"ollama-gate-smoke/no"}"#)
                .bearer(Some(wrong)),
        ),
        (
            "nothing after `Bearer`".to_owned(),
            tags().field("Authorization", "Bearer "),
        ),
        (
            "an empty `Authorization`".to_owned(),
            tags().field("Authorization", ""),
        ),
        (
            "an empty `X-Api-Key`".to_owned(),
            tags().field("X-Api-Key", ""),
        ),
        (
            "an empty password".to_owned(),
            tags().field("Authorization", basic(":")),
        ),
    ];
    for common in [
        "ollama",
        "none",
        "null",
        "undefined",
        "EMPTY",
        "dummy",
        "changeme",
        "test",
        "sk-1234",
    ] {
        probes.push((
            format!("the common key `{common}`"),
            tags().bearer(Some(common)),
        ));
    }
    refuses(
        client,
        "bad_key",
        probes,
        "let the gateway compare keys, not only look whether there is one; replace common ones",
    )
}

/// Tokens that anybody can make.
pub(super) fn forged_token(client: &Client) -> Finding {
    let mut probes = vec![("a token with `alg: none`".to_owned(), token::unsigned())];
    for secret in token::COMMON_SECRETS {
        probes.push((
            format!("a token signed with the common secret `{secret}`"),
            token::signed(secret),
        ));
    }
    let probes = probes
        .into_iter()
        .map(|(what, token)| (what, Request::get("/api/tags").bearer(Some(&token))));
    refuses(
        client,
        "forged_token",
        probes,
        "sign tokens with a secret of 32 random bytes, and let the gate accept the algorithm of the issuer alone",
    )
}

/// A key that worked once.
pub(super) fn expired_key(client: &Client, key: Option<&str>) -> Finding {
    let Some(key) = key else {
        return Finding::skipped(
            "expired_key",
            "no expired key was given (`--expired-key-env`, `--expired-key-file`)",
        );
    };
    let probes = ["/api/tags", "/v1/models"].map(|path| {
        (
            "the expired key".to_owned(),
            Request::get(path).bearer(Some(key)),
        )
    });
    refuses(
        client,
        "expired_key",
        probes,
        "let the gateway enforce the end of keys and tokens (`expires_at`, `exp`)",
    )
}

/// The key that should work.
pub(super) fn good_key(client: &Client, key: Option<&str>) -> Finding {
    const CHECK: &str = "good_key";
    let Some(key) = key else {
        return Finding::skipped(CHECK, "no key was given (`--key-env`, `--key-file`)");
    };
    let request = Request::get("/api/tags").bearer(Some(key));
    let answer = match client.send(&request) {
        Ok(answer) => answer,
        Err(failure) => {
            return Finding::unknown(
                CHECK,
                format!("{} failed: {failure}", request.shown()),
                failure.advice(),
            );
        }
    };
    if answer.status == 200
        && member(&answer.body, "models").is_some_and(|models| models.is_array())
    {
        return Finding::guarded(CHECK, "the key gets the list of models");
    }
    let code = member(&answer.body, "code");
    let code = code
        .as_ref()
        .and_then(Value::as_str)
        .filter(|code| is_word(code));
    let found = match code {
        Some(code) => format!(
            "{} with the key gave {} `{code}`",
            request.shown(),
            answer.status
        ),
        None => format!("{} with the key gave {}", request.shown(), answer.status),
    };
    let advice = match answer.status {
        401 => {
            "check the key; if it is right, the gateway refuses everybody, which hides what else it does"
        }
        403 => "give a key with the scope `read`, and the address that clients use",
        _ => unclear_advice(&answer),
    };
    Finding::unknown(CHECK, found, advice)
}

/// Ollama itself, behind the gate.
pub(super) fn ollama_answers(client: &Client, key: Option<&str>) -> Finding {
    const CHECK: &str = "ollama_answers";
    if key.is_none() {
        return Finding::skipped(CHECK, "no key was given");
    }
    let request = Request::get("/api/version").bearer(key);
    match client.send(&request) {
        Ok(answer) => match member(&answer.body, "version")
            .as_ref()
            .and_then(Value::as_str)
        {
            Some(version) if answer.status == 200 && is_word(version) => {
                Finding::guarded(CHECK, format!("Ollama {version} answers"))
            }
            _ => Finding::unknown(
                CHECK,
                format!("{} with the key gave {}", request.shown(), answer.status),
                "start Ollama, and check the address that the gateway has for it",
            ),
        },
        Err(failure) => Finding::unknown(
            CHECK,
            format!("{} failed: {failure}", request.shown()),
            failure.advice(),
        ),
    }
}

/// What an ordinary key must not do.
pub(super) fn scope(client: &Client, key: Option<&str>, manager: bool) -> Finding {
    const CHECK: &str = "scope";
    let Some(key) = key else {
        return Finding::skipped(CHECK, "no key was given");
    };
    if manager {
        return Finding::skipped(CHECK, "the key may manage models (`--manager`)");
    }
    let managed = [
        Request::new("DELETE", "/api/delete")
            .json(r#"{"model":"ollama-gate-smoke/no-such-model:none"}"#),
        Request::new("POST", "/api/pull").json("{}"),
        Request::new("POST", "/api/create").json("{}"),
    ];
    let mut refused = 0;
    for request in managed {
        let request = request.bearer(Some(key));
        match client
            .send(&request)
            .map(|answer| (reach(&answer), answer.status))
        {
            Ok((Reach::Ollama, status)) => {
                return Finding::open(
                    CHECK,
                    format!(
                        "the key may manage models: {} gave {status}",
                        request.shown()
                    ),
                    "give keys `scopes: [read, inference]`; if this one is meant to manage, say `--manager`",
                );
            }
            Ok((Reach::Refused, _)) => refused += 1,
            Ok((Reach::Unclear(why), status)) => {
                let found = format!("{} gave {status}, {why}", request.shown());
                return Finding::unknown(
                    CHECK,
                    found,
                    "look at the gateway's log for this request",
                );
            }
            Err(failure) => {
                return Finding::unknown(
                    CHECK,
                    format!("{} failed: {failure}", request.shown()),
                    failure.advice(),
                );
            }
        }
    }
    Finding::guarded(
        CHECK,
        format!("{refused} managing requests with the key were refused"),
    )
}

fn member(body: &str, name: &str) -> Option<Value> {
    serde_json::from_str::<Value>(body)
        .ok()?
        .get_mut(name)
        .map(Value::take)
}

/// Out: whether a text of the other side may be shown as it is.
fn is_word(text: &str) -> bool {
    text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
}
