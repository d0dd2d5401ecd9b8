//! What every kind of server may answer in the place of a document: nothing of it takes a key away or lets
//! somebody in. A new kind goes through this by its row in `KINDS`.

use super::*;

const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// Answers that are no document, with what the log says of each.
fn faults(kind: &Kind) -> Vec<(u16, Vec<u8>, &'static str)> {
    let doc = |keys: Value| answer(kind, &json!({ "keys": keys }));
    let good = answer(kind, &one());
    let mut faults = vec![
        (500, good.clone(), "status 500"),
        (503, good.clone(), "status 503"),
        (404, b"404 page not found".to_vec(), "status 404"),
        (401, good.clone(), "status 401"),
        (201, good.clone(), "status 201"),
        (204, Vec::new(), "status 204"),
        (206, good.clone(), "status 206"),
        (304, Vec::new(), "(304)"),
        (200, Vec::new(), ""),
        (200, b"<!doctype html><title>Sign in</title>".to_vec(), ""),
        (
            200,
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00".to_vec(),
            "not UTF-8",
        ),
        (200, b"null".to_vec(), ""),
        (200, b"\"keys\"".to_vec(), ""),
        (200, b"{}".to_vec(), ""),
        (200, [&good[..], b"x"].concat(), ""),
        (200, [b"\xef\xbb\xbf\xef\xbb\xbf", &good[..]].concat(), ""),
        (200, doc(json!([])), "no key"),
        (200, doc(json!({})), ""),
        (200, doc(json!("keys")), ""),
        (200, doc(json!([1])), "keys[0]"),
        (200, doc(json!([null])), "keys[0]"),
        (200, doc(json!([{ "id": "a" }])), "keys[0]"),
        (
            200,
            doc(json!([{ "id": "a", "sha256": "00" }])),
            "keys[0].sha256",
        ),
        (
            200,
            doc(json!([{ "id": "a", "key": FETCHED, "scopes": null }])),
            "keys[0].scopes",
        ),
        (
            200,
            doc(json!([{ "id": "a", "key": FETCHED, "scope": [] }])),
            "keys[0].scope",
        ),
        (
            200,
            doc(json!([{ "id": "a", "key": FETCHED, "expires_at": "soon" }])),
            "keys[0].expires_at",
        ),
        (
            200,
            doc(json!([{ "id": "a", "key": { "env": "WEBUI_SECRET_KEY" } }])),
            "keys[0].key",
        ),
        (
            200,
            doc(json!([{ "id": "a", "key": "sk-your-api-key-here" }])),
            "keys[0].key",
        ),
        (
            200,
            doc(json!([{ "id": "a", "key": OTHER }, { "id": "a", "key": FETCHED }])),
            "used by two keys",
        ),
        (
            200,
            doc(json!([{ "id": "a", "key": OTHER }, { "id": "b", "key": OTHER }])),
            "same secret as `a`",
        ),
        (
            200,
            doc(json!([{ "id": "alice-laptop", "key": OTHER }])),
            "is in the configuration too",
        ),
        (
            200,
            doc(json!([{ "id": "b", "key": KEY }])),
            "same secret as `alice-laptop` in the configuration",
        ),
    ];
    faults.extend(REDIRECTS.map(|status| (status, good.clone(), "redirect")));
    faults
}

#[test]
fn whatever_comes_in_the_place_of_a_document_the_last_good_one_holds() {
    for kind in KINDS {
        for (status, body, why) in faults(&kind) {
            let mut world = world(&kind, &json!({}));
            world.fetch(200, &answer(&kind, &one()));
            world.wait(30);
            world.fetch(status, &body);
            let what = format!(
                "{} {status} {why} {}",
                kind.name,
                String::from_utf8_lossy(&body)
            );
            let lines = world.lines_with("fetch failed");
            assert_eq!(lines.len(), 1, "{what}");
            assert!(lines[0].contains(why), "{what}: {lines:?}");
            for secret in [FETCHED, OTHER, KEY, "hvs.token", "your-api-key"] {
                assert!(!lines[0].contains(secret), "{what}: {lines:?}");
            }
            assert_eq!(world.counted("ollama_gate_fetch_failed_total"), 1, "{what}");
            assert_eq!(world.verdict(FETCHED), ok(), "{what}");
            assert_eq!(world.verdict(OTHER), refused(401, "unknown_key"), "{what}");
            assert_eq!(world.verdict(KEY), ok(), "{what}");
        }
    }
}

#[test]
fn whatever_comes_first_in_the_place_of_a_document_nobody_is_let_in_by_it() {
    for kind in KINDS {
        for (status, body, why) in faults(&kind) {
            let mut world = world(&kind, &json!({}));
            world.fetch(status, &body);
            for key in [FETCHED, OTHER] {
                let verdict = world.verdict(key);
                let wanted = refused(503, "keys_unavailable");
                assert_eq!(verdict, wanted, "{} {status} {why}", kind.name);
            }
            assert_eq!(world.verdict(KEY), ok(), "{} {status} {why}", kind.name);
        }
    }
}

#[test]
fn a_document_that_ends_anywhere_is_none() {
    for kind in KINDS {
        let whole = answer(&kind, &one());
        let mut world = world(&kind, &json!({ "every": "1s", "max_stale": "30d" }));
        world.fetch(200, &answer(&kind, &document(&[("before", OTHER)])));
        for end in 0..whole.len() {
            world.wait(3);
            world.fetch(200, &whole[..end]);
            assert_eq!(world.verdict(OTHER), ok(), "{} cut at {end}", kind.name);
            assert_eq!(
                world.verdict(FETCHED),
                refused(401, "unknown_key"),
                "{} cut at {end}",
                kind.name
            );
        }
        world.wait(3);
        world.fetch(200, &whole);
        assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
    }
}

#[test]
fn a_gigabyte_is_not_even_taken_over() {
    for kind in KINDS {
        let mut world = world(&kind, &json!({ "max_bytes": "64KiB" }));
        world.tick();
        *world.gateway.0.answer.borrow_mut() = Some((200, answer(&kind, &one())));
        world.gateway.0.calls.borrow_mut().clear();
        world.root.call_done(ollama_gate::CallToken(1), 1 << 30);
        assert!(
            !world.gateway.0.calls.borrow().contains(&"call_body"),
            "{}",
            kind.name
        );
        let lines = world.lines_with("1073741824 bytes, over 65536");
        assert_eq!(lines.len(), 1, "{}", kind.name);
        assert_eq!(
            world.verdict(FETCHED),
            refused(503, "keys_unavailable"),
            "{}",
            kind.name
        );
    }
}

#[test]
fn a_server_that_answers_too_late_or_not_at_all_takes_nothing_away() {
    for kind in KINDS {
        let mut world = world(&kind, &json!({ "timeout": "2s" }));
        world.fetch(200, &answer(&kind, &one()));
        world.wait(30);
        // The gateway ends a call that takes too long, and shows no answer.
        world.tick();
        let last = world.gateway.0.http_calls.borrow().last().cloned().unwrap();
        assert_eq!(last.timeout().as_secs(), 2, "{}", kind.name);
        *world.gateway.0.answer.borrow_mut() = None;
        world.root.call_done(ollama_gate::CallToken(2), 0);
        assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
    }
}

#[test]
fn a_server_that_is_not_there_at_the_start_is_503_until_it_comes() {
    for kind in KINDS {
        let mut world = world(&kind, &json!({ "every": "1s" }));
        for attempt in 1..=3 {
            let calls = world.call_count();
            while world.call_count() == calls {
                world.wait(1);
                world.tick();
            }
            *world.gateway.0.answer.borrow_mut() = None;
            let last = u32::try_from(world.call_count()).unwrap();
            world.root.call_done(ollama_gate::CallToken(last), 0);
            let what = format!("{} {attempt}", kind.name);
            assert_eq!(
                world.verdict(FETCHED),
                refused(503, "keys_unavailable"),
                "{what}"
            );
            assert_eq!(world.verdict(KEY), ok(), "{what}");
        }
        world.wait(3);
        world.fetch(200, &answer(&kind, &one()));
        assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
        assert_eq!(
            world.verdict(OTHER),
            refused(401, "unknown_key"),
            "{}",
            kind.name
        );
    }
}

#[test]
fn a_304_with_another_validator_does_not_hide_what_changes() {
    for kind in KINDS {
        let mut world = world(&kind, &json!({}));
        let tag = |world: &World, tag: &str| {
            *world.gateway.0.answer_headers.borrow_mut() = vec![("etag", tag.to_owned())];
        };
        tag(&world, "\"1\"");
        world.fetch(200, &answer(&kind, &one()));
        world.wait(30);
        tag(&world, "\"2\"");
        world.fetch(304, b"");
        assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
        world.wait(30);
        world.fetch(200, &answer(&kind, &document(&[("other", OTHER)])));
        let last = world.gateway.0.http_calls.borrow().last().cloned().unwrap();
        assert!(
            last.headers().all(|(name, _)| name != "if-none-match"),
            "{}",
            kind.name
        );
        assert_eq!(
            world.verdict(FETCHED),
            refused(401, "unknown_key"),
            "{}",
            kind.name
        );
        assert_eq!(world.verdict(OTHER), ok(), "{}", kind.name);
    }
}

#[test]
fn a_304_without_a_document_before_it_and_one_with_a_wrong_validator_change_nothing() {
    for kind in KINDS {
        let mut world = world(&kind, &json!({}));
        world.fetch(304, b"");
        assert_eq!(
            world.verdict(FETCHED),
            refused(503, "keys_unavailable"),
            "{}",
            kind.name
        );
        world.wait(30);
        *world.gateway.0.answer_headers.borrow_mut() = vec![("etag", "\"1\"".to_owned())];
        world.fetch(200, &answer(&kind, &one()));
        assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
        // It names what it has, and the server has nothing newer.
        world.wait(30);
        world.fetch(304, b"");
        let last = world.gateway.0.http_calls.borrow().last().cloned().unwrap();
        assert!(
            last.headers()
                .any(|header| header == ("if-none-match", "\"1\"")),
            "{}",
            kind.name
        );
        assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
        // A validator that is the same with another document: the document counts.
        world.wait(30);
        world.fetch(
            200,
            &answer(&kind, &document(&[("other", OTHER), ("fetched", FETCHED)])),
        );
        assert_eq!(world.verdict(OTHER), ok(), "{}", kind.name);
    }
}

#[test]
fn what_says_that_it_is_compressed_is_no_document() {
    for kind in KINDS {
        let mut world = world(&kind, &json!({}));
        *world.gateway.0.answer_headers.borrow_mut() =
            vec![("content-encoding", "gzip".to_owned())];
        world.fetch(200, &answer(&kind, &one()));
        assert_eq!(world.lines_with("is compressed").len(), 1, "{}", kind.name);
        assert_eq!(
            world.verdict(FETCHED),
            refused(503, "keys_unavailable"),
            "{}",
            kind.name
        );
    }
}

#[test]
fn a_clock_that_is_put_back_an_hour_locks_nobody_out_and_lets_nobody_in() {
    for kind in KINDS {
        let mut world = world(&kind, &json!({}));
        world.fetch(200, &answer(&kind, &one()));
        world.wait(-3600);
        assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
        assert_eq!(
            world.verdict(OTHER),
            refused(401, "unknown_key"),
            "{}",
            kind.name
        );
        // What was revoked meanwhile is refused with the next fetch, as ever.
        world.fetch(200, &answer(&kind, &document(&[("other", OTHER)])));
        assert_eq!(
            world.verdict(FETCHED),
            refused(401, "unknown_key"),
            "{}",
            kind.name
        );
        assert_eq!(world.verdict(OTHER), ok(), "{}", kind.name);
    }
}

#[test]
fn a_server_that_is_there_every_other_second_costs_nobody_an_answer() {
    for kind in KINDS {
        let mut world = world(&kind, &json!({ "every": "1s" }));
        let good = answer(&kind, &one());
        world.fetch(200, &good);
        for second in 0..60 {
            world.wait(1);
            let calls = world.call_count();
            world.tick();
            if world.call_count() > calls {
                let (status, body) = if second % 2 == 0 {
                    (503, &b""[..])
                } else {
                    (200, &good[..])
                };
                world.answer_root(calls + 1, status, body);
            }
            assert_eq!(world.verdict(FETCHED), ok(), "{} {second}", kind.name);
            assert_eq!(
                world.verdict(OTHER),
                refused(401, "unknown_key"),
                "{} {second}",
                kind.name
            );
        }
    }
}

#[test]
fn a_document_whose_keys_have_all_expired_is_taken_and_told() {
    for kind in KINDS {
        let mut world = world(&kind, &json!({}));
        world.fetch(200, &answer(&kind, &one()));
        world.wait(30);
        let mut ended = one();
        ended["keys"][0]["expires_at"] = json!("2025-06-01T00:00:00Z");
        world.fetch(200, &answer(&kind, &ended));
        assert_eq!(
            world.verdict(FETCHED),
            refused(401, "expired_key"),
            "{}",
            kind.name
        );
    }
    let mut world = world(&KINDS[0], &json!({}));
    let mut ended = one();
    ended["keys"][0]["disabled"] = json!(true);
    world.fetch(200, ended.to_string().as_bytes());
    assert_eq!(world.lines_with("no key in it opens the gate").len(), 1);
}
