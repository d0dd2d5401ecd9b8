//! Keys that grow old, and keys that are not there.

use super::{filled, good, ok, one_key, refused, set, token, waits, without_ticks};
use crate::world::{ISSUER, KEY, NOW, Request, World, jwks, remote, signer};
use serde_json::json;

#[test]
fn an_unknown_key_is_looked_for_once_and_then_refused() {
    let world = filled();
    let stranger = token(2, "k2");
    let mut first = world.ask(&stranger);
    assert_eq!(first.verdict(), waits());
    assert_eq!(
        first.answer(200, &one_key()),
        refused(401, "unknown_signing_key")
    );
    assert_eq!(world.call_count(), 2);
    // It is known to be missing. Others may be there by now, and are not looked for yet.
    assert_eq!(
        world.ask(&stranger).verdict(),
        refused(401, "unknown_signing_key")
    );
    for kid in ["k3", "K1"] {
        let number = if kid == "k3" { 3 } else { 1 };
        let other = world.ask(&token(number, kid));
        assert_eq!(other.verdict(), refused(503, "keys_pending"), "{kid}");
        assert_eq!(
            other.reply_header("retry-after").as_deref(),
            Some("10"),
            "{kid}"
        );
    }
    world.wait(9);
    assert_eq!(
        world.ask(&stranger).verdict(),
        refused(401, "unknown_signing_key")
    );
    assert_eq!(world.ask(&good()).verdict(), ok());
    assert_eq!(world.call_count(), 2);
    world.wait(1);
    assert_eq!(world.ask(&stranger).verdict(), waits());
}

#[test]
fn a_key_that_is_new_is_found_and_the_old_one_holds_until_it_is_gone() {
    let world = filled();
    let new = token(2, "k2");
    let both = set(&[(1, "k1"), (2, "k2")]);
    assert_eq!(world.ask(&new).answer(200, &both), ok());
    assert_eq!(world.ask(&good()).verdict(), ok());
    world.wait(10);
    let newest = token(3, "k3");
    let without_old = set(&[(2, "k2"), (3, "k3")]);
    assert_eq!(world.ask(&newest).answer(200, &without_old), ok());
    assert_eq!(world.ask(&new).verdict(), ok());
    // The first one was let in a moment ago. What was known of it is forgotten with its key.
    let known = world.ask(&good());
    assert_eq!(known.verdict(), refused(503, "keys_pending"));
    assert_eq!(world.call_count(), 3);
    world.wait(10);
    let unknown = refused(401, "unknown_signing_key");
    assert_eq!(world.ask(&good()).answer(200, &without_old), unknown);
}

#[test]
fn a_token_that_was_forged_is_judged_anew_by_other_keys() {
    let world = filled();
    let early = token(2, "k1");
    let forged = refused(401, "invalid_signature");
    assert_eq!(world.ask(&early).answer(200, &one_key()), forged);
    assert_eq!(world.ask(&early).verdict(), forged);
    world.wait(10);
    let exchanged = set(&[(2, "k1"), (4, "k4")]);
    assert_eq!(world.ask(&token(4, "k4")).answer(200, &exchanged), ok());
    assert_eq!(world.ask(&early).verdict(), ok());
    assert_eq!(world.ask(&good()).verdict(), forged);
}

#[test]
fn the_log_has_whose_a_forged_token_claims_to_be() {
    let world = filled();
    let forged = refused(401, "invalid_signature");
    assert_eq!(world.ask(&token(2, "k1")).answer(200, &one_key()), forged);
    let lines = world.lines_with("invalid_signature");
    assert!(
        lines[0].contains(r#""claimed_subject":"alice""#),
        "{lines:?}"
    );
}

#[test]
fn a_very_long_name_of_a_key_asks_for_nothing() {
    let world = filled();
    for length in [257, 8_000] {
        let stranger = token(2, &"k".repeat(length));
        assert_eq!(
            world.ask(&stranger).verdict(),
            refused(401, "unknown_signing_key"),
            "{length}"
        );
    }
    assert_eq!(world.call_count(), 1);
    assert_eq!(world.ask(&token(2, &"k".repeat(256))).verdict(), waits());
}

#[test]
fn a_token_that_names_no_key_of_a_set_in_which_all_have_names_tries_none() {
    let world = filled();
    for number in [1, 2] {
        let request = world.ask(&nameless(number));
        let verdict = refused(401, "unknown_signing_key");
        assert_eq!(request.verdict(), verdict, "{number}");
        let reply = request.seen.as_ref().unwrap().body();
        let told = "its header names no key (`kid`), and every key of its issuer has a name";
        assert!(reply.to_string().contains(told), "{reply}");
    }
    assert_eq!(world.call_count(), 1);
}

/// A token that names no key, of this one.
fn nameless(number: u8) -> String {
    let claims = json!({ "iss": ISSUER, "aud": "ollama", "sub": "alice", "exp": NOW + 60 });
    signer(number).sign(r#"{"alg":"EdDSA"}"#, &claims.to_string())
}

/// A JWKS without names, of these keys.
fn unnamed(numbers: &[u8]) -> Vec<u8> {
    let keys = numbers.iter().map(|number| {
        let mut key = signer(*number).jwk("");
        key.as_object_mut().unwrap().remove("kid");
        key
    });
    jwks(&keys.collect::<Vec<_>>())
}

#[test]
fn a_key_that_is_exchanged_without_a_name_is_found_by_the_first_token_of_the_new_one() {
    let world = without_ticks(json!({}));
    assert_eq!(world.ask(&nameless(1)).answer(200, &unnamed(&[1])), ok());
    let mut new = world.ask(&nameless(2));
    assert_eq!(new.verdict(), waits());
    assert_eq!(new.answer(200, &unnamed(&[2])), ok());
    assert_eq!(world.ask(&nameless(2)).verdict(), ok());
    // The old one is gone, and the keys are as new as can be.
    let old = refused(401, "invalid_signature");
    assert_eq!(world.ask(&nameless(1)).verdict(), old);
    assert_eq!(world.call_count(), 2);
}

#[test]
fn a_key_that_is_exchanged_under_its_name_is_found_too() {
    let world = filled();
    let new = token(2, "k1");
    assert_eq!(world.ask(&new).answer(200, &set(&[(2, "k1")])), ok());
    assert_eq!(world.ask(&new).verdict(), ok());
    assert_eq!(world.call_count(), 2);
}

#[test]
fn a_token_of_a_new_key_that_comes_in_the_cool_down_is_good_after_it() {
    let world = filled();
    let forged = refused(401, "invalid_signature");
    assert_eq!(world.ask(&token(3, "k1")).answer(200, &one_key()), forged);
    // The provider exchanges its key only now.
    let new = token(2, "k1");
    for _ in 0..3 {
        assert_eq!(world.ask(&new).verdict(), forged);
        world.wait(3);
    }
    assert_eq!(world.call_count(), 2);
    world.wait(1);
    assert_eq!(world.ask(&new).answer(200, &set(&[(2, "k1")])), ok());
}

#[test]
fn forged_tokens_without_end_are_a_call_in_each_cool_down() {
    let world = filled();
    let forged = refused(401, "invalid_signature");
    for second in 0..60 {
        for number in 0..4 {
            let claims = json!({ "jti": format!("{second}-{number}") });
            let mut request = world.ask(&signer(2).token("k1", claims));
            if request.waits_for.is_some() {
                assert_eq!(request.answer(200, &one_key()), forged);
            }
            assert_eq!(request.verdict(), forged);
            // With unknown names between them, they share it.
            let stranger = world.ask(&token(2, &format!("k-{second}-{number}")));
            assert_eq!(stranger.verdict(), refused(503, "keys_pending"));
        }
        world.wait(1);
    }
    assert_eq!(world.call_count(), 7);
}

#[test]
fn one_forged_token_that_comes_again_and_again_is_looked_into_once() {
    let world = filled();
    let forged = token(2, "k1");
    let verdict = refused(401, "invalid_signature");
    assert_eq!(world.ask(&forged).answer(200, &one_key()), verdict);
    for _ in 0..60 {
        world.wait(1);
        assert_eq!(world.ask(&forged).verdict(), verdict);
    }
    assert_eq!(world.call_count(), 2);
}

#[test]
fn a_look_that_fails_leaves_a_bad_signature_a_bad_signature() {
    let world = filled();
    let new = token(2, "k1");
    let forged = refused(401, "invalid_signature");
    assert_eq!(world.ask(&new).answer(500, b""), forged);
    assert_eq!(world.ask(&new).verdict(), forged, "it is left alone");
    assert_eq!(world.call_count(), 2);
    world.wait(1);
    assert_eq!(world.ask(&new).answer(200, &set(&[(2, "k1")])), ok());
}

#[test]
fn a_look_that_fails_is_told_as_such_once_and_known_keys_go_on() {
    let world = filled();
    let stranger = token(2, "k2");
    let mut first = world.ask(&stranger);
    assert_eq!(first.answer(500, b""), refused(503, "keys_unavailable"));
    assert_eq!(first.reply_header("retry-after").as_deref(), Some("1"));
    assert_eq!(
        world.ask(&stranger).verdict(),
        refused(401, "unknown_signing_key")
    );
    assert_eq!(world.ask(&good()).verdict(), ok());
    let other = world.ask(&token(3, "k3"));
    assert_eq!(other.verdict(), refused(503, "keys_unavailable"));
    assert_eq!(world.call_count(), 2, "the provider is left alone");
    world.wait(1);
    assert_eq!(world.ask(&token(3, "k3")).verdict(), waits());
}

#[test]
fn the_answer_says_when_the_provider_is_asked_again() {
    let world = without_ticks(json!({}));
    let mut waited = Vec::new();
    for _ in 0..6 {
        let failed = world.ask(&good()).answer(500, b"");
        assert_eq!(failed, refused(503, "keys_unavailable"));
        let lines = world.lines_with("the next attempt is in");
        let refused_at_once = world.ask(&good());
        assert_eq!(refused_at_once.verdict(), refused(503, "keys_unavailable"));
        let seconds = refused_at_once.reply_header("retry-after").unwrap();
        assert!(
            lines[0].contains(&format!("the next attempt is in {seconds} s")),
            "{lines:?}"
        );
        let seconds: i64 = seconds.parse().unwrap();
        world.wait(seconds - 1);
        assert_eq!(
            world.ask(&good()).verdict(),
            refused(503, "keys_unavailable")
        );
        world.wait(1);
        waited.push(seconds);
    }
    assert!(
        waited.windows(2).all(|pair| pair[0] < pair[1]),
        "{waited:?}"
    );
    assert_eq!(world.call_count(), 6);
    assert_eq!(world.ask(&good()).answer(200, &one_key()), ok());
    assert_eq!(world.lines_with("keys: fetched").len(), 1);
}

#[test]
fn a_client_that_goes_away_spoils_nothing() {
    let world = filled();
    for second in 0..100 {
        drop(world.ask(&token(2, &format!("k-{second}"))));
        drop(world.ask(&token(3, "k1")));
    }
    assert_eq!(world.call_count(), 1 + 4, "four in a cool-down");
    let late = world.ask(&token(2, "k2"));
    assert_eq!(late.verdict(), refused(503, "keys_pending"));
    assert_eq!(world.ask(&good()).verdict(), ok());
    world.wait(10);
    let both = set(&[(1, "k1"), (2, "k2")]);
    assert_eq!(world.ask(&token(2, "k2")).answer(200, &both), ok());
    assert_eq!(world.ask(&good()).verdict(), ok());
}

#[test]
fn old_keys_hold_while_the_provider_is_down_and_no_longer_than_that() {
    let world = filled();
    world.wait(600);
    // One request asks; its call fails, and it goes on with what there is.
    let mut asks = world.ask(&good());
    assert_eq!(asks.verdict(), waits());
    assert_eq!(world.ask(&good()).verdict(), ok(), "others do not wait");
    assert_eq!(asks.answer(500, b""), ok());
    assert_eq!(world.ask(&good()).verdict(), ok());
    assert_eq!(world.call_count(), 2);
    world.wait(1);
    assert_eq!(world.ask(&good()).answer_of_size(None, b"", 0), ok());
    world.wait(3600 - 601 - 1);
    assert_eq!(world.ask(&good()).answer(503, b""), ok(), "the last second");
    world.wait(1);
    // The token was let in a second ago. The keys behind it are gone.
    assert_eq!(
        world.ask(&good()).verdict(),
        refused(503, "keys_unavailable")
    );
    assert_eq!(world.ask(KEY).verdict(), ok());
    world.wait(300);
    let mut last = world.ask(&signer(1).token("k1", json!({ "exp": NOW + 9_000 })));
    assert_eq!(last.answer(200, &one_key()), ok(), "it came back");
}

#[test]
fn old_keys_are_exchanged_by_the_request_that_finds_them_old() {
    let world = filled();
    world.wait(600);
    let mut old = world.ask(&good());
    assert_eq!(
        old.answer(200, &set(&[(2, "k2")])),
        refused(401, "unknown_signing_key")
    );
    assert_eq!(world.call_count(), 2, "one fetch is enough for one request");
    assert_eq!(world.ask(&token(2, "k2")).verdict(), ok());
}

#[test]
fn a_clock_that_was_put_back_locks_nobody_out() {
    let world = filled();
    world.wait(-100_000);
    assert_eq!(world.ask(&good()).answer(500, b""), ok());
    assert_eq!(world.ask(&good()).verdict(), ok());
    world.wait(100_000);
    assert_eq!(world.ask(&good()).verdict(), waits());
}

#[test]
fn keys_that_stand_in_no_set_yet_are_no_reason_to_wait_twice() {
    let world = World::new(&remote(json!({})));
    // The keys come, the one that signed is not among them, and that is that.
    let mut request = world.ask(&token(2, "k2"));
    assert_eq!(
        request.answer(200, &one_key()),
        refused(401, "unknown_signing_key")
    );
    assert!(request.waits_for.is_none());
    assert_eq!(
        world.ask(&token(2, "k2")).verdict(),
        refused(401, "unknown_signing_key")
    );
}

#[test]
fn names_of_keys_without_end_are_a_call_every_ten_seconds() {
    let world = filled();
    let mut calls = 0;
    for second in 0..60 {
        for number in 0..4 {
            let mut request = world.ask(&token(2, &format!("k-{second}-{number}")));
            if request.waits_for.is_some() {
                calls += 1;
                let unknown = refused(401, "unknown_signing_key");
                assert_eq!(
                    request.answer(200, &one_key()),
                    unknown,
                    "{second}, {number}"
                );
            } else {
                assert_eq!(
                    request.verdict(),
                    refused(503, "keys_pending"),
                    "{second}, {number}"
                );
            }
        }
        world.wait(1);
    }
    assert_eq!((calls, world.call_count()), (6, 7));
}

#[test]
fn no_call_goes_to_an_address_in_a_token() {
    let world = filled();
    let claims =
        json!({ "iss": ISSUER, "aud": "ollama", "sub": "alice", "exp": NOW + 60 }).to_string();
    let evil = "https://evil.example/certs";
    let own = signer(2).jwk("k1");
    let asks = |request: &Request| {
        let (_, call) = request.waits_for.as_ref().unwrap();
        (
            call.url().authority().to_owned(),
            call.url().path().to_owned(),
        )
    };
    for header in [
        json!({ "alg": "EdDSA", "kid": "k1", "jku": evil }),
        json!({ "alg": "EdDSA", "kid": "k1", "x5u": evil }),
        json!({ "alg": "EdDSA", "kid": "k1", "jwk": own }),
        json!({ "alg": "EdDSA", "kid": "k1", "jwk": own, "jku": evil, "x5c": ["MIIB"], "x5t": "AA" }),
    ] {
        let header = header.to_string();
        let mut forged = world.ask(&signer(2).sign(&header, &claims));
        assert_eq!(
            asks(&forged),
            ("sso.example".to_owned(), "/certs".to_owned()),
            "{header}"
        );
        let verdict = forged.answer(200, &one_key());
        assert_eq!(verdict, refused(401, "invalid_signature"), "{header}");
        world.wait(10);
        let good = world.ask(&signer(1).sign(&header, &claims));
        assert_eq!(good.verdict(), ok(), "{header}");
    }
    // An unknown name leads to the issuer's own address, and to no other.
    let header = json!({ "alg": "EdDSA", "kid": evil, "jku": evil }).to_string();
    let stranger = world.ask(&signer(2).sign(&header, &claims));
    assert_eq!(
        asks(&stranger),
        ("sso.example".to_owned(), "/certs".to_owned())
    );
}
