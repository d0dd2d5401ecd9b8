//! A store, keys and bodies that do not come.

use super::*;
use ollama_gate::Flow;

#[test]
fn a_body_that_does_not_come_is_held_for_ten_seconds_and_its_place_is_free_then() {
    for mode in ["enforce", "report"] {
        let mut document = with_back_channel(json!({}));
        document["mode"] = json!(mode);
        let mut world = world(&document);
        let fields = [
            (":method", "POST"),
            (":path", PATH),
            (":authority", "gate.example"),
            FORM,
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let state = std::rc::Rc::clone(&world.gateway.0);
        *state.headers.borrow_mut() = fields.map(owned).to_vec();
        *state.body.borrow_mut() = b"logout_token=".to_vec();
        let statuses = || -> Vec<u16> {
            let replies = state.replies.borrow();
            replies.iter().map(|reply| reply.status).collect()
        };
        let mut held = Vec::new();
        let mut begin = |world: &World| {
            state.lines.borrow_mut().clear();
            let mut filter = world.root.filter().in_context(7);
            let flow = filter.request_head(fields.len(), false);
            assert_eq!(flow, Flow::Pause, "{mode}");
            held.push(filter);
            world.lines_with("too_much_held").is_empty()
        };
        // Whoever proves nothing has a few places, and not for ever.
        let taken = (0..600).take_while(|_| begin(&world)).count();
        assert_eq!(taken, 512, "{mode}: nobody's address is known here");
        let ticks = |world: &mut World, count: usize| {
            state.replies.borrow_mut().clear();
            (0..count).for_each(|_| world.root.tick());
            statuses()
        };
        // The refusal waits for the rest of its body, for two seconds.
        assert_eq!(ticks(&mut world, 10), [503], "{mode}");
        assert_eq!(ticks(&mut world, 1), vec![408; 512], "{mode}");
        let body = state.replies.borrow()[0].body.clone();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"], "temporarily_unavailable", "{mode}");
        assert_eq!(body["code"], "body_timeout", "{mode}");
        // What comes then is not read, and goes nowhere.
        let mut late = held.swap_remove(0);
        assert_eq!(late.request_body(13, true), Flow::Pause, "{mode}");
        assert_eq!(statuses().len(), 512, "{mode}");
        drop((held, late));
        let mut free = world.root.filter();
        state.lines.borrow_mut().clear();
        let flow = free.request_head(fields.len(), false);
        assert_eq!(flow, Flow::Pause, "{mode}");
        assert!(world.lines_with("too_much_held").is_empty(), "{mode}");
    }
}

#[test]
fn bodies_of_strangers_that_do_not_come_keep_out_no_token_of_the_provider() {
    let (world, provider, mut alice) = signed_in(json!({}));
    let state = std::rc::Rc::clone(&world.gateway.0);
    let from = |address: &str| {
        let told = format!("{address}:40000").into_bytes();
        *state.address.borrow_mut() = ("source\0address".to_owned(), told);
    };
    let fields = [
        (":method", "POST"),
        (":path", PATH),
        (":authority", "gate.example"),
        FORM,
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let head = fields.map(owned).to_vec();
    let begin = |world: &World| {
        *state.headers.borrow_mut() = head.clone();
        state.lines.borrow_mut().clear();
        let mut filter = world.root.filter();
        filter.request_head(fields.len(), false);
        world
            .lines_with("too_much_held")
            .is_empty()
            .then_some(filter)
    };
    // Behind one address: some that end in nothing, and some that stay.
    from("192.0.2.1");
    (0..64).for_each(|_| drop(begin(&world)));
    let few: Vec<_> = (0..64).filter_map(|_| begin(&world)).collect();
    assert_eq!(few.len(), 64);
    let first = token(json!({ "sid": "nobody", "jti": "j-0" }));
    assert_eq!(notify(&world, &provider, &first).status(), 200);
    // From every address that there is, as many as there is place for.
    let mut flood = few;
    for number in 0..200 {
        from(&format!("198.51.100.{number}"));
        flood.extend((0..33).map_while(|_| begin(&world)));
    }
    flood.extend((0..600).map_while(|_| begin(&world)));
    assert!(begin(&world).is_none(), "{}", flood.len());
    from("192.0.2.1");
    let answer = notify(&world, &provider, &token(json!({})));
    assert_eq!(answer.status(), 200, "{}", answer.record);
    assert!(!is_in(&world, &provider, &mut alice));
}

#[test]
fn a_store_that_does_not_answer_is_503_and_the_provider_s_next_try_works() {
    let (world, provider, mut alice) = signed_in(json!({}));
    let good = token(json!({}));
    for answer in [
        None,
        Some((503, Vec::new())),
        Some((403, Vec::new())),
        Some((200, b"<html>".to_vec())),
        Some((200, br#"{"EVAL":"x"}"#.to_vec())),
        Some((
            200,
            br#"{"EVAL":[false,"OOM command not allowed"]}"#.to_vec(),
        )),
    ] {
        let shown = format!("{answer:?}");
        *provider.webdis.answer.borrow_mut() = Some(answer);
        let refused = notify(&world, &provider, &good);
        let unavailable = (503, "session_store_unavailable".to_owned());
        assert_eq!(said(&refused), unavailable, "{shown}");
        assert_eq!(refused.header("retry-after"), "1", "{shown}");
        let cause = refused.record["cause"].as_str().unwrap();
        assert!(
            cause.contains(ISSUER) && cause.contains("`sid`"),
            "{shown}: {cause}"
        );
        assert_eq!(refused.record["claimed_subject"], "alice", "{shown}");
        assert!(world.lines_with("signed_out").is_empty(), "{shown}");
        assert!(world.lines_with(&good).is_empty(), "{shown}");
    }
    *provider.webdis.answer.borrow_mut() = None;
    assert!(is_in(&world, &provider, &mut alice));
    assert_eq!(notify(&world, &provider, &good).status(), 200);
    assert!(!is_in(&world, &provider, &mut alice));
}

#[test]
fn keys_that_cannot_be_had_are_503_and_the_next_try_works() {
    let (world, provider) = (world(&with_back_channel(json!({}))), Provider::new());
    *provider.metadata.borrow_mut() = json!({ "issuer": "https://evil.example" });
    let good = token(json!({}));
    let refused = notify(&world, &provider, &good);
    assert_eq!(said(&refused), (503, "keys_unavailable".to_owned()));
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(refused.record["claimed_subject"], "alice");
    *provider.metadata.borrow_mut() = json!({});
    world.wait(10);
    let later = notify(&world, &provider, &good);
    let asked = ["/.well-known/openid-configuration", "/certs", "end"];
    assert_eq!(
        (later.status(), later.asked.as_slice()),
        (200, &asked.map(str::to_owned)[..])
    );
}

#[test]
fn what_has_ended_is_told_though_redis_answered_too_late() {
    let (world, provider, mut alice) = signed_in(json!({}));
    let good = token(json!({}));
    *provider.webdis.answer.borrow_mut() = Some(None);
    provider.webdis.is_deaf.set(true);
    let late = notify(&world, &provider, &good);
    assert_eq!(said(&late), (503, "session_store_unavailable".into()));
    let cause = late.record["cause"].as_str().unwrap();
    assert!(cause.contains("is not known"), "{cause}");
    *provider.webdis.answer.borrow_mut() = None;
    assert_eq!(notify(&world, &provider, &good).status(), 200);
    let line = world.lines_with("logout_token_repeated").remove(0);
    assert!(line.contains(r#""sessions":1"#), "{line}");
    assert!(!is_in(&world, &provider, &mut alice));
}
