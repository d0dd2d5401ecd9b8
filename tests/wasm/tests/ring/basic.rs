//! Names and passwords, keys in a password's place, and tokens in a cookie.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ollama_gate_wasm_tests::ClientRequest;
use ollama_gate_wasm_tests::world::NOON;
use serde_json::{Value, json};

use crate::support::*;

const PASSWORD: &str = "correct horse: battery";
/// That password, as `htpasswd` of Apache 2.4 and `openssl passwd` write it: a user for each kind.
const FILE: &str = r"# made by htpasswd and openssl
bcrypt:$2y$04$hBnSIXdeVvAgOrBRxhjRbODI0TyOW5RcRFMRMcZDsc7IVpGqHmaPm

sha256:$5$rounds=1000$ehsEplY2J5IXbf6D$qwSaR.g/9EiH69yukhVUy.wspCkUahPx8zQPbbdkv36
sha512:$6$rounds=1000$Ig4g4K8Hv/wsclMm$aHrwFBqK2POmQ2ygzNuCraqNDnyP7lPD8WtDjW3E9K1IlTDl10acChVee/b2ORNAF1QX3alJnMkY3.wk.U.po1
md5:$apr1$GDZDzTTb$PnFdhDdALXIHcjFh2p2Qp.
one:$1$RNCYOjjH$5HWrgrylWPG/InQDp571m0
sha:{SHA}9GhyoftjpdqzBywCDABhFP4MvCM=
";
const KINDS: [&str; 6] = ["bcrypt", "sha256", "sha512", "md5", "one", "sha"];

/// The usual configuration with these users, and with the issuer's tokens in the cookie `token`.
fn house() -> Value {
    let mut all = with(
        plain(),
        json!({ "hosts": ["gate.example.com"], "basic": { "htpasswd": FILE } }),
    );
    all["jwt"][0]["cookie"] = json!("token");
    all
}

fn basic(pair: impl AsRef<[u8]>) -> ClientRequest {
    let value = format!("Basic {}", STANDARD.encode(pair));
    ClientRequest::get("/api/tags").header("Authorization", value)
}

fn cookie(value: &str) -> ClientRequest {
    ClientRequest::get("/api/tags").header("Cookie", value)
}

#[test]
pub fn a_password_of_every_kind_of_hash_opens_the_gate_and_no_other_does() {
    on_every_host_with(&house(), |lab| {
        lab.hide(PASSWORD);
        for user in KINDS {
            for _ in 0..2 {
                let outcome = lab.allowed(&basic(format!("{user}:{PASSWORD}")));
                assert_eq!(outcome.upstream_text("authorization"), Vec::<&str>::new());
                let wrong = basic(format!("{user}:{PASSWORD}."));
                lab.denied(&wrong, 401, "wrong_password");
            }
        }
        let nobody = basic(format!("nobody:{PASSWORD}"));
        lab.denied(&nobody, 401, "wrong_password");
        lab.still_serves();
    });
}

#[test]
pub fn a_key_opens_the_gate_as_the_password() {
    for configuration in [house(), plain()] {
        on_every_host_with(&configuration, |lab| {
            for user in ["", "sha", "anybody"] {
                lab.allowed(&basic(format!("{user}:{ALICE}")));
                let stranger = basic(format!("{user}:{STRANGER}"));
                lab.denied(&stranger, 401, "unknown_key");
                lab.denied(&basic(format!("{user}:{EXPIRED}")), 401, "expired_key");
                lab.denied(&basic(format!("{user}:{NOBODY}")), 403, "scope_denied");
            }
            let two = basic(format!(":{ALICE}")).header("x-api-key", READER);
            lab.denied(&two, 400, "ambiguous_credential");
        });
    }
}

#[test]
pub fn a_token_opens_the_gate_from_the_cookie_where_no_header_holds_anything() {
    on_every_host_with(&house(), |lab| {
        let good = format!("theme=dark; token={}", session());
        let outcome = lab.allowed(&cookie(&good));
        assert_eq!(outcome.upstream_text("cookie"), Vec::<&str>::new());
        lab.allowed(&cookie(&good).header("Authorization", ""));
        for (name, value, code) in [
            ("x-api-key", STRANGER, "unknown_key"),
            ("Authorization", "Bearer ollama", "placeholder_credential"),
            ("Authorization", "Basic c2hhOngu", "wrong_password"),
            ("X-Ollama-Token", STRANGER, "unknown_key"),
        ] {
            lab.denied(&cookie(&good).header(name, value), 401, code);
        }
        let twice = format!("token={}; token={}", session(), session());
        lab.denied(&cookie(&twice), 400, "ambiguous_credential");
        let old = json!({"sub": "bob", "exp": NOON - 3600});
        let old = ollama_gate_wasm_tests::credentials::token(WEBUI_SECRET, &old);
        lab.denied(&cookie(&format!("token={old}")), 401, "expired_token");
        lab.denied(&cookie(&format!("Token={old}")), 401, "missing_credential");
    });
}

#[test]
pub fn a_page_from_elsewhere_can_use_neither_password_nor_cookie() {
    on_every_host_with(&house(), |lab| {
        for request in [
            basic(format!("sha:{PASSWORD}")),
            basic(format!("sha:{ALICE}")),
            cookie(&format!("token={}", session())),
        ] {
            lab.allowed(&request);
            for origin in ["https://evil.example", "null"] {
                let page = request.clone().header("Origin", origin);
                lab.denied(&page, 403, "origin_denied");
            }
            // A key of the page's own was put there on purpose.
            let meant = request.header("Origin", "https://evil.example");
            lab.allowed(&meant.header("x-api-key", ALICE));
        }
    });
}

#[test]
pub fn a_token_that_a_proxy_adds_counts_as_a_cookie_does() {
    const NAME: &str = "Cf-Access-Jwt-Assertion";
    let mut configured = house();
    configured["jwt"][0]["assertion_header"] = json!(NAME);
    on_every_host_with(&configured, |lab| {
        let token = session();
        lab.hide(&token);
        let request = ClientRequest::get("/api/tags").header(NAME, &token);
        let outcome = lab.allowed(&request);
        let left = outcome.upstream_text("cf-access-jwt-assertion");
        assert!(left.is_empty(), "{}: {left:?}", lab.host);
        for origin in ["https://evil.example", "null"] {
            let page = request.clone().header("Origin", origin);
            lab.denied(&page, 403, "origin_denied");
        }
        let beside = request.header("x-api-key", STRANGER);
        lab.denied(&beside, 401, "unknown_key");
        let underscores = ClientRequest::get("/api/tags").header("cf_access_jwt_assertion", &token);
        lab.denied(&underscores, 401, "missing_credential");
        lab.still_serves();
    });
}

#[test]
pub fn a_browser_is_asked_for_name_and_password() {
    let challenge = r#"Basic realm="ollama-gate", charset="UTF-8""#;
    on_every_host_with(&house(), |lab| {
        let outcome = lab.denied(&ClientRequest::get("/api/tags"), 401, "missing_credential");
        let told = outcome.reply_header("www-authenticate");
        // Kong keeps the last of the two.
        match lab.host {
            "kong" => assert_eq!(told, [challenge]),
            _ => assert_eq!(told, [r#"Bearer realm="ollama-gate""#, challenge]),
        }
        let denied = ClientRequest::post("/api/pull").bearer(ALICE);
        let denied = lab.denied(&denied, 403, "scope_denied");
        assert!(denied.reply_header("www-authenticate").is_empty());
    });
}

#[test]
pub fn hostile_bytes_behind_basic_and_in_cookies_never_trap() {
    on_every_host_with(&house(), |lab| {
        for pair in [
            &b"\xff\xfe:\xfd"[..],
            b"sha",
            b"sha:",
            b":",
            b"sha\0:x",
            b"sha:x\r\nx-api-key: y",
            &[b'a'; 8000],
            &[b':'; 8000],
        ] {
            lab.denied(&basic(pair), 401, "malformed_credential");
        }
        for value in ["Basic =", "Basic ====", "Basic a b", "Basic \u{e9}"] {
            let request = ClientRequest::get("/api/tags").header("Authorization", value);
            lab.denied(&request, 401, "malformed_credential");
        }
        for value in [
            "token",
            "=;=;=",
            "token=;",
            ";;;;",
            "token\u{e9}=a",
            "a,token=b",
        ] {
            lab.denied(&cookie(value), 401, "missing_credential");
        }
        lab.denied(&cookie("token=a b"), 401, "malformed_credential");
        lab.denied(
            &cookie(&"token=a;".repeat(500)),
            400,
            "ambiguous_credential",
        );
        lab.still_serves();
    });
}

#[test]
pub fn a_login_that_is_known_is_not_hashed_again() {
    on_every_host_with(&house(), |lab| {
        for pair in [format!("bcrypt:{PASSWORD}"), "bcrypt:wrong".to_owned()] {
            let request = basic(pair);
            let first = lab.send(&request).record.fuel;
            let second = lab.send(&request).record.fuel;
            assert!(second * 10 < first, "{}: {first}, {second}", lab.host);
        }
    });
}

#[test]
pub fn a_file_with_a_line_of_another_kind_is_refused_and_denies_everything() {
    on_every_host(|lab| {
        let secret = "UZfkPMbhWrpuE";
        lab.hide(secret);
        // As `htpasswd -d` makes it.
        let file = format!("{FILE}carol:{secret}\n");
        let configured = lab.configure(&with(
            plain(),
            json!({ "hosts": ["gate.example.com"], "basic": { "htpasswd": file } }),
        ));
        assert!(!configured.accepted, "{}", lab.host);
        let told = configured.record.everything();
        let expected = "basic.htpasswd: line 9: the hash of `carol` is of an unsupported kind";
        assert!(told.contains(expected), "{told}");
        let request = basic(format!("sha:{PASSWORD}"));
        lab.denied(&request, 500, "misconfigured");
    });
}
