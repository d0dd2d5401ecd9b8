//! The kinds of place from which the credential is fetched, each with answers that are good and bad there. What
//! holds for one holds for all: a new kind gets the suite by a row in `KINDS`.

use super::with_credential;
use serde_json::{Value, json};

/// A kind of place.
pub(super) struct Kind {
    pub name: &'static str,
    members: fn() -> Value,
    /// The body of an answer with this credential.
    pub good: fn(&str) -> String,
    /// The body of an answer with this credential, which says that it ends in so many seconds.
    pub ending: fn(&str, i64) -> String,
    /// Bodies that are bad here and nowhere else.
    pub bad: &'static [&'static str],
}

pub(super) const KINDS: [Kind; 4] = [
    Kind {
        name: "text",
        members: || json!({ "source": { "upstream": "front", "url": "http://front.example/token" } }),
        good: |value| format!("{value}\n"),
        ending: |value, seconds| jwt(value, seconds),
        bad: &["two words", "\u{e4}", "a\nb"],
    },
    Kind {
        name: "json",
        members: || {
            json!({ "source": { "upstream": "front", "url": "http://front.example/token",
                "pointer": "/data/token", "expires_in": "/lease" } })
        },
        good: |value| json!({ "data": { "token": value }, "lease": 600 }).to_string(),
        ending: |value, seconds| {
            json!({ "data": { "token": value }, "lease": seconds }).to_string()
        },
        bad: &[
            "token",
            r#"{"data":{}}"#,
            r#"{"data":{"token":7},"lease":1}"#,
            r#"{"data":{"token":""},"lease":1}"#,
            r#"{"data":{"token":"a b"},"lease":1}"#,
            r#"{"data":{"token":"abc"}}"#,
            r#"{"data":{"token":"abc"},"lease":"soon"}"#,
            r#"{"data":{"token":"abc"},"data":{"token":"abc"},"lease":9}"#,
        ],
    },
    Kind {
        name: "grant",
        members: grant,
        good: |value| token(value, json!(600)),
        ending: |value, seconds| token(value, json!(seconds)),
        bad: GRANT_BAD,
    },
    Kind {
        name: "grant by post",
        members: || {
            let mut members = grant();
            members["client_credentials"]["auth"] = json!("client_secret_post");
            members
        },
        good: |value| token(value, Value::Null),
        ending: |value, seconds| token(&jwt(value, seconds), Value::Null),
        bad: GRANT_BAD,
    },
];

const GRANT_BAD: &[&str] = &[
    "token",
    r#"{"access_token":"abc"}"#,
    r#"{"access_token":"abc","token_type":"mac","expires_in":60}"#,
    r#"{"access_token":"abc","token_type":"DPoP","expires_in":60}"#,
    r#"{"access_token":"abc","token_type":7,"expires_in":60}"#,
    r#"{"token_type":"Bearer","expires_in":60}"#,
    r#"{"access_token":"","token_type":"Bearer","expires_in":60}"#,
    r#"{"access_token":"a b","token_type":"Bearer","expires_in":60}"#,
    r#"{"access_token":["abc"],"token_type":"Bearer","expires_in":60}"#,
    r#"{"access_token":"abc","token_type":"Bearer","expires_in":"soon"}"#,
    r#"{"access_token":"abc","token_type":"Bearer","expires_in":-1}"#,
    r#"{"access_token":"abc","access_token":"abc","token_type":"Bearer","expires_in":60}"#,
    r#"{"error":"invalid_client"}"#,
];

/// Bodies of a 200 that are a credential nowhere.
pub(super) const BAD: [&str; 11] = [
    "",
    "\n",
    "<html><body>Sign in</body></html>",
    "<!doctype html>",
    "[]",
    "[\"abc\"]",
    "null ",
    "{}",
    "{\"error\":\"down for maintenance\"}",
    "\"abc\"",
    "a\u{0}b",
];

pub(super) const SECRET: &str = "client-5b0e97c1d24f8a63";

pub(super) fn grant() -> Value {
    json!({ "client_credentials": { "upstream": "sso", "token_url": "https://sso.example/token",
        "client_id": "the gate", "client_secret": SECRET, "scope": "ollama read" } })
}

fn token(value: &str, expires_in: Value) -> String {
    let mut answer = json!({ "access_token": value, "token_type": "bearer" });
    if !expires_in.is_null() {
        answer["expires_in"] = expires_in;
    }
    answer.to_string()
}

/// A JWT that ends in so many seconds after the world's beginning, with `value` as its signature.
pub(super) fn jwt(value: &str, seconds: i64) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims = json!({ "exp": crate::world::NOW + seconds }).to_string();
    format!(
        "eyJhbGciOiJub25lIn0.{}.{value}",
        URL_SAFE_NO_PAD.encode(claims)
    )
}

impl Kind {
    /// A configuration that fetches from there.
    pub(super) fn configuration(&self) -> Value {
        with_credential((self.members)())
    }

    /// The same on a gateway without ticks.
    pub(super) fn on_apisix(&self) -> Value {
        let mut configuration = self.configuration();
        configuration["host"] = json!({ "name": "apisix" });
        for (kind, server) in [
            ("source", "front:80"),
            ("client_credentials", "sso.example:443"),
        ] {
            let place = configuration["upstream"]["credential"].get_mut(kind);
            if let Some(place) = place {
                place["upstream"] = json!(server);
            }
        }
        configuration
    }
}
