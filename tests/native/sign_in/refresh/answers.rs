//! What the provider answers to a refresh token, beside tokens: it says no in several ways, and what it says of the person
//! cannot always be proved at once.

use super::*;
use crate::world::signer;

#[test]
fn whatever_says_that_nobody_but_the_person_can_go_on_ends_the_session() {
    for code in [
        "invalid_grant",
        "interaction_required",
        "login_required",
        "consent_required",
        "account_selection_required",
        "access_denied",
    ] {
        let (world, provider, mut browser) = signed_in_for(300, refreshing());
        let body = json!({ "error": code, "error_description": "SECRET" }).to_string();
        *provider.grants.answer.borrow_mut() = Some((400, body.into_bytes()));
        world.wait(3600);
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict, (401, "expired_session".to_owned()), "{code}");
        let said = world.lines_with("session_refresh_refused");
        assert!(said[0].contains(code), "{code}: {said:?}");
        assert!(!said[0].contains("SECRET"), "{code}: {said:?}");
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict.0, 401, "{code}");
    }
}

#[test]
fn what_says_nothing_of_the_person_ends_no_session() {
    for (status, code) in [
        (200, "login_required"),
        (503, "login_required"),
        (400, "temporarily_unavailable"),
        (400, "Login_Required"),
        (400, "unauthorized_client"),
        // A firewall in front of the provider says so too.
        (403, "access_denied"),
        (429, "access_denied"),
        (302, "login_required"),
    ] {
        let (world, provider, mut browser) = signed_in_for(300, refreshing());
        let body = json!({ "error": code }).to_string().into_bytes();
        *provider.grants.answer.borrow_mut() = Some((status, body));
        world.wait(3600);
        for _ in 0..3 {
            let (status, _) = asked(&world, &provider, &mut browser);
            assert_eq!(status, 200, "{status} {code}");
        }
    }
}

#[test]
fn a_page_that_has_the_words_of_a_refusal_ends_no_session() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    let body = br#"{"error":"access_denied"}"#.to_vec();
    *provider.grants.answer.borrow_mut() = Some((400, body));
    provider.types.borrow_mut().insert("/token", "text/html");
    world.wait(3600);
    for _ in 0..3 {
        assert_eq!(asked(&world, &provider, &mut browser).0, 200);
    }
}

#[test]
fn an_id_token_whose_key_nobody_can_publish_ends_the_session() {
    let long = format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, "k".repeat(257));
    for header in [r#"{"alg":"EdDSA"}"#, &long] {
        let (world, provider, mut browser) = signed_in_for(300, refreshing());
        world.wait(240);
        let claims =
            json!({ "iss": ISSUER, "aud": "gate", "sub": "alice", "iat": NOW, "exp": NOW + 900 });
        let token = signer(1).sign(header, &claims.to_string());
        let answer = json!({ "token_type": "Bearer", "access_token": "at-2", "id_token": token });
        *provider.grants.answer.borrow_mut() = Some((200, answer.to_string().into_bytes()));
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict.0, 401, "{header}");
    }
}

#[test]
fn a_key_that_is_not_published_yet_ends_no_session_and_its_token_counts_once_it_is() {
    let (world, provider, mut browser) = signed_in_by_a_group();
    provider.grants.key.set(2);
    assert_eq!(asked(&world, &provider, &mut browser).0, 200);
    let said = world.lines_with("session_refresh_failed");
    assert!(said[0].contains("cannot be verified"), "{said:?}");
    for _ in 0..30 {
        world.wait(1);
        assert_eq!(asked(&world, &provider, &mut browser).0, 200);
    }
    provider.keys.borrow_mut().push(signer(2).jwk("k2"));
    for _ in 0..90 {
        asked(&world, &provider, &mut browser);
        world.wait(1);
    }
    // What it says since then is that the group was taken away.
    assert_eq!(asked(&world, &provider, &mut browser).0, 403);
    assert_eq!(provider.grants.refused.get(), 0, "no token was used twice");
}

/// The public key of RFC 7517 appendix A.1.
const RSA: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

#[test]
fn an_id_token_that_nobody_had_the_time_to_look_at_ends_no_session() {
    let mut login = refreshing();
    login["algorithms"] = json!(["EdDSA", "RS256"]);
    let (world, provider, _) = signed_in_for(300, login);
    let rsa = json!({ "kty": "RSA", "kid": "r1", "use": "sig", "e": "AQAB", "n": RSA });
    provider.keys.borrow_mut().push(rsa);
    let mut browsers: Vec<_> = (0..80)
        .map(|number| {
            if number % 8 == 7 {
                world.wait(1);
            }
            let mut browser = Browser::default();
            browser.sign_in(&world, &provider, "/api/tags");
            assert!(browser.cookies.contains_key(SESSION), "{number}");
            browser
        })
        .collect();
    world.wait(600);
    let claims =
        json!({ "iss": ISSUER, "aud": "gate", "sub": "alice", "exp": NOW + 7200, "iat": NOW });
    let [head, claims] = [json!({ "alg": "RS256", "kid": "r1" }), claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let forged = |number: usize| {
        let signature = URL_SAFE_NO_PAD.encode([u8::try_from(number).unwrap(); 256]);
        let answer = json!({
            "token_type": "Bearer", "access_token": "at-2", "id_token": format!("{head}.{claims}.{signature}"),
            "refresh_token": "rt-forged", "expires_in": 300,
        });
        (200, answer.to_string().into_bytes())
    };
    let mut seen = Vec::new();
    for (number, browser) in browsers.iter_mut().enumerate() {
        *provider.grants.answer.borrow_mut() = Some(forged(number));
        seen.push(asked(&world, &provider, browser).0);
    }
    let looked_at = seen.iter().filter(|status| **status == 401).count();
    assert!(
        (1..80).contains(&looked_at),
        "a forgery ends a session: {seen:?}"
    );
    let rest = seen.iter().skip(looked_at);
    assert!(rest.into_iter().all(|status| *status == 200), "{seen:?}");
}

#[test]
fn whoever_asks_too_often_where_to_ask_is_not_let_in_by_that() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    provider.grants.end();
    world.wait(3600);
    // One that knows nothing of the provider yet.
    let started = replica(&world, refreshing());
    let mut refused = 0;
    for number in 0..40 {
        let request = browser.ask(&started, "GET", "/api/tags", &[]);
        let reply = request.seen.as_ref().map(|seen| seen.reply.as_ref());
        match reply.map(|reply| reply.map(|reply| reply.status)) {
            None => assert!(request.waits_for.is_some(), "{number}"),
            Some(Some(503)) => refused += 1,
            other => panic!("{number}: {other:?}"),
        }
    }
    assert!(refused > 0, "there is a bound");
    started.wait(2);
    let verdict = fetched(&started, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict.0, 401);
}
