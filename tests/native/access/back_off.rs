//! `back_off`: who is held back, and that nobody is for what others did.

use crate::world::{KEY, Seen, World, configuration, errors, jwks, jwt, remote, signer, with};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// bcrypt of `correct horse`, made by libxcrypt.
const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2";
/// An HTTP status and a code.
type Verdict = (u16, String);

/// Three failures within a minute hold back for 30 seconds.
fn limits() -> Value {
    json!({ "after": 3, "within": "1m", "for": "30s" })
}

fn users() -> Value {
    let mut all = with("/back_off", limits());
    all["basic"] = json!({ "users": [
        { "name": "alice", "password_hash": HASH },
        { "name": "bob", "password_hash": HASH },
    ] });
    all
}

/// `jwt[0]` signs with a public key that stands in the configuration.
fn tokens() -> Value {
    let mut all = remote(json!({}));
    let issuer = all["jwt"][0].as_object_mut().unwrap();
    issuer.remove("jwks");
    issuer.insert("keys".into(), json!([signer(1).jwk("k1")]));
    all["back_off"] = limits();
    all
}

fn world(configuration: &Value) -> World {
    let world = World::new(configuration);
    assert!(world.configured, "{:?}", world.errors());
    move_to(&world, "203.0.113.7:40000");
    world
}

/// From now on requests come from `address`, as Envoy writes it.
fn move_to(world: &World, address: &str) {
    let property = ("source\0address".to_owned(), address.as_bytes().to_vec());
    *world.gateway.0.address.borrow_mut() = property;
}

fn login(world: &World, pair: &str) -> Seen {
    let basic = format!("Basic {}", STANDARD.encode(pair));
    world.send("GET", "/api/tags", &[("authorization", &basic)])
}

fn tries(world: &World, user: &str, from: usize, count: usize) -> Vec<Verdict> {
    let passwords = (from..from + count).map(|number| format!("{user}:guess {number}"));
    passwords
        .map(|pair| login(world, &pair).verdict())
        .collect()
}

/// A token for `subject` that another key signed, each time another one.
fn forged(subject: &str, number: usize) -> String {
    signer(2).token("k1", json!({ "sub": subject, "jti": number.to_string() }))
}

fn right(subject: &str, number: usize) -> String {
    signer(1).token("k1", json!({ "sub": subject, "jti": number.to_string() }))
}

fn forge(world: &World, subject: &str, count: usize) -> Vec<Verdict> {
    let tokens = (0..count).map(|number| forged(subject, number));
    tokens
        .map(|token| world.bearer("GET", "/api/tags", &token).verdict())
        .collect()
}

fn ok() -> Verdict {
    (200, String::new())
}

fn wrong() -> Verdict {
    (401, "wrong_password".into())
}

fn invalid() -> Verdict {
    (401, "invalid_signature".into())
}

fn held() -> Verdict {
    (429, "too_many_failures".into())
}

fn header(seen: &Seen, name: &str) -> Option<String> {
    let headers = &seen.reply.as_ref().unwrap().headers;
    let found = headers.iter().find(|header| header.0 == name);
    found.map(|header| header.1.clone())
}

#[test]
fn without_it_nobody_is_held_back() {
    let mut off = users();
    off.as_object_mut().unwrap().remove("back_off");
    let world = world(&off);
    assert_eq!(tries(&world, "alice", 0, 20), vec![wrong(); 20]);
}

#[test]
fn whoever_guesses_is_held_back_and_told_for_how_long() {
    let world = world(&users());
    assert_eq!(tries(&world, "alice", 0, 3), vec![wrong(); 3]);
    let seen = login(&world, "alice:guess 4");
    assert_eq!(seen.verdict(), held());
    assert_eq!(header(&seen, "retry-after").as_deref(), Some("30"));
    assert_eq!(header(&seen, "www-authenticate"), None);
    assert_eq!(seen.record["id"], "alice");
    assert_eq!(seen.record["address"], "203.0.113.7");
    assert_eq!(
        world.counted("ollama_gate_denied_too_many_failures_total"),
        1
    );
    world.wait(29);
    let seen = login(&world, "alice:guess 5");
    assert_eq!(header(&seen, "retry-after").as_deref(), Some("1"));
    world.wait(1);
    assert_eq!(login(&world, "alice:correct horse").verdict(), ok());
}

#[test]
fn the_refusal_is_in_the_words_of_the_client() {
    let world = world(&users());
    let basic = |path: &str, number: usize| {
        let pair = format!("Basic {}", STANDARD.encode(format!("bob:guess {number}")));
        world.send("POST", path, &[("authorization", &pair)])
    };
    for number in 0..3 {
        assert_eq!(basic("/api/chat", number).verdict(), wrong(), "{number}");
    }
    let kind = "rate_limit_error";
    let anthropic = basic("/v1/messages", 3);
    assert_eq!(anthropic.verdict(), held());
    assert_eq!(anthropic.body()["error"]["type"], kind);
    let openai = basic("/v1/chat/completions", 4);
    assert_eq!(openai.body()["error"]["type"], kind);
    let ollama = basic("/api/chat", 5).body();
    let told = ollama["error"].as_str().unwrap();
    assert!(told.ends_with("try again in 30 seconds"), "{told}");
}

#[test]
fn a_right_password_is_not_refused_because_others_were_wrong() {
    let world = world(&users());
    assert_eq!(tries(&world, "alice", 0, 4)[3], held());
    // Another user behind the same address.
    assert_eq!(login(&world, "bob:correct horse").verdict(), ok());
    // The same user elsewhere.
    move_to(&world, "203.0.113.8:40000");
    assert_eq!(login(&world, "alice:correct horse").verdict(), ok());
    // What is known is not looked at anew, wherever it comes from.
    move_to(&world, "203.0.113.7:50000");
    assert_eq!(login(&world, "alice:guess 9").verdict(), held());
    assert_eq!(login(&world, "alice:correct horse").verdict(), ok());
}

#[test]
fn a_right_password_of_the_same_name_and_address_waits_until_it_is_known() {
    let world = world(&users());
    assert_eq!(tries(&world, "alice", 0, 3), vec![wrong(); 3]);
    assert_eq!(login(&world, "alice:correct horse").verdict(), held());
    world.wait(30);
    assert_eq!(login(&world, "alice:correct horse").verdict(), ok());
    assert_eq!(tries(&world, "alice", 10, 4)[3], held());
    assert_eq!(login(&world, "alice:correct horse").verdict(), ok());
}

#[test]
fn what_is_proved_cheaply_comes_in_beside_what_is_held_back() {
    let world = world(&users());
    assert_eq!(tries(&world, "alice", 0, 4)[3], held());
    let basic = format!("Basic {}", STANDARD.encode("alice:guess 7"));
    let both = [("authorization", basic.as_str()), ("x-api-key", KEY)];
    assert_eq!(world.send("GET", "/api/tags", &both).verdict(), ok());
    assert_eq!(world.bearer("GET", "/api/tags", KEY).verdict(), ok());
    // A key in the password's place is a key.
    assert_eq!(login(&world, &format!("alice:{KEY}")).verdict(), ok());
    let shared = jwt(json!({ "sub": "alice" }));
    assert_eq!(world.bearer("GET", "/api/tags", &shared).verdict(), ok());
}

#[test]
fn the_same_wrong_password_again_counts_once() {
    let world = world(&users());
    for _ in 0..20 {
        assert_eq!(login(&world, "alice:old one").verdict(), wrong());
    }
    assert_eq!(login(&world, "alice:correct horse").verdict(), ok());
}

#[test]
fn a_name_that_there_is_not_is_held_back_as_one_that_there_is() {
    let world = world(&users());
    let (known, unknown) = (tries(&world, "alice", 0, 5), tries(&world, "carol", 0, 5));
    assert_eq!(known, unknown);
    assert_eq!(known[3..], [held(), held()]);
    let body = |name: &str| login(&world, &format!("{name}:guess 9")).body();
    assert_eq!(body("alice"), body("carol"));
}

#[test]
fn who_is_held_back_spends_nothing_of_the_time_for_others() {
    let world = world(&users());
    // 3,200 microseconds each of 400,000.
    for (number, verdict) in tries(&world, "alice", 0, 300).into_iter().enumerate() {
        let expected = if number < 3 { wrong() } else { held() };
        assert_eq!(verdict, expected, "{number}");
    }
    assert_eq!(login(&world, "bob:correct horse").verdict(), ok());
}

#[test]
fn forged_tokens_for_a_subject_are_held_back_and_right_ones_of_others_are_not() {
    let world = world(&tokens());
    let known = right("alice", 0);
    let ask = |token: &str| world.bearer("GET", "/api/tags", token);
    assert_eq!(ask(&known).verdict(), ok());
    assert_eq!(
        forge(&world, "alice", 5),
        [vec![invalid(); 3], vec![held(); 2]].concat()
    );
    let seen = ask(&forged("alice", 9));
    assert_eq!(header(&seen, "retry-after").as_deref(), Some("30"));
    assert_eq!(seen.record["id"], "sso");
    // Known, of another subject, from elsewhere.
    assert_eq!(ask(&known).verdict(), ok());
    assert_eq!(ask(&right("bob", 1)).verdict(), ok());
    let waits = right("alice", 2);
    assert_eq!(ask(&waits).verdict(), held());
    move_to(&world, "198.51.100.1:40000");
    assert_eq!(ask(&right("alice", 3)).verdict(), ok());
    move_to(&world, "203.0.113.7:40000");
    // What was not looked at is not remembered as forged.
    world.wait(30);
    assert_eq!(ask(&waits).verdict(), ok());
    assert_eq!(
        forge(&world, "alice", 3)[2],
        invalid(),
        "a clean slate, and known forgeries"
    );
}

#[test]
fn a_token_with_a_secret_is_checked_every_time() {
    let mut all = users();
    all["jwt"][0]["secrets"] = json!([{ "env": "WEBUI_SECRET_KEY" }]);
    let world = world(&all);
    let token = |number: usize| jwt(json!({ "sub": "alice", "n": number }));
    for number in 0..20 {
        let forged = format!("{}x", token(number));
        let verdict = world.bearer("GET", "/api/tags", &forged).verdict();
        assert_eq!(verdict, invalid(), "{number}");
    }
    assert_eq!(world.bearer("GET", "/api/tags", &token(99)).verdict(), ok());
}

#[test]
fn a_token_that_another_issuer_would_take_is_not_called_forged() {
    let mut all = tokens();
    let mut second = all["jwt"][0].clone();
    second["name"] = json!("second");
    second["keys"] = json!([signer(3).jwk("k1")]);
    all["jwt"].as_array_mut().unwrap().push(second);
    let world = world(&all);
    assert_eq!(forge(&world, "alice", 4)[3], held());
    let ask = |token: &str| world.bearer("GET", "/api/tags", token).verdict();
    let right = signer(3).token("k1", json!({ "sub": "alice" }));
    assert_eq!(ask(&right), held());
    world.wait(30);
    assert_eq!(ask(&right), ok());
}

#[test]
fn keys_that_are_fetched_are_waited_for_and_the_address_is_known_after_that() {
    let mut all = remote(json!({}));
    all["back_off"] = json!({ "after": 1 });
    let world = world(&all);
    let mut request = world.ask(&forged("alice", 0));
    assert_eq!(request.verdict(), (0, "waits".into()));
    // After the answer the gateway tells no address any more.
    move_to(&world, "");
    let keys = jwks(&[signer(1).jwk("k1")]);
    assert_eq!(request.answer(200, &keys), invalid());
    move_to(&world, "203.0.113.7:40000");
    let seen = world.bearer("GET", "/api/tags", &right("alice", 1));
    assert_eq!(seen.verdict(), held());
}

#[test]
fn where_no_address_is_told_nobody_is_held_back_and_the_log_says_so() {
    // Nothing; and what a client writes, as an Envoy without `use_remote_address` takes it.
    for address in ["", "203.0.113.7:0", "unix:/x"] {
        let world = world(&users());
        move_to(&world, address);
        let first = login(&world, "alice:guess 0");
        assert_eq!(first.verdict(), wrong(), "{address}");
        assert_eq!(
            world.lines_with("back_off has no effect").len(),
            1,
            "{address}"
        );
        assert_eq!(tries(&world, "alice", 1, 9), vec![wrong(); 9], "{address}");
        assert_eq!(
            world.lines_with("back_off has no effect").len(),
            0,
            "once: {address}"
        );
        assert_eq!(
            login(&world, "alice:correct horse").verdict(),
            ok(),
            "{address}"
        );
    }
}

#[test]
fn behind_trusted_proxies_it_is_the_clients_address_that_counts() {
    let mut all = users();
    all["network"] = json!({ "trusted_proxies": 1 });
    let world = world(&all);
    move_to(&world, "10.0.0.1:40000");
    let ask = |client: &str, pair: &str| {
        let basic = format!("Basic {}", STANDARD.encode(pair));
        let forwarded = format!("9.9.9.9, {client}, 10.0.0.1");
        let fields = [
            ("authorization", basic.as_str()),
            ("x-forwarded-for", &forwarded),
        ];
        world.send("GET", "/api/tags", &fields).verdict()
    };
    for number in 0..3 {
        assert_eq!(
            ask("192.0.2.1", &format!("alice:guess {number}")),
            wrong(),
            "{number}"
        );
    }
    assert_eq!(ask("192.0.2.1", "alice:correct horse"), held());
    assert_eq!(ask("192.0.2.2", "alice:correct horse"), ok());
}

#[test]
fn nobody_is_asked_for_an_address_before_something_was_wrong() {
    let world = world(&users());
    let asked = |seen: &Seen| {
        let property = |call: &&&str| **call == "request_property";
        seen.calls.iter().filter(property).count()
    };
    assert_eq!(asked(&world.bearer("GET", "/api/tags", KEY)), 0);
    assert_eq!(asked(&login(&world, "alice:correct horse")), 0, "hashed");
    assert_eq!(asked(&login(&world, "alice:correct horse")), 0, "known");
    assert_eq!(asked(&login(&world, "bob:wrong")), 1);
    assert_eq!(asked(&world.bearer("GET", "/api/tags", KEY)), 0);
    assert_eq!(asked(&login(&world, "alice:correct horse")), 0, "known");
    assert_eq!(asked(&login(&world, "bob:correct horse")), 1);
}

#[test]
fn report_mode_counts_and_lets_through() {
    let mut all = users();
    all["mode"] = json!("report");
    let world = world(&all);
    assert_eq!(tries(&world, "alice", 0, 5), vec![ok(); 5]);
    let counted = world.counted("ollama_gate_report_denied_too_many_failures_total");
    assert_eq!(counted, 2);
}

#[test]
fn a_configuration_that_could_hold_nobody_back_is_refused() {
    let only_keys = with("/back_off", json!({}));
    assert_eq!(
        errors(&only_keys),
        [
            "back_off: has no effect: passwords (`basic`) and tokens with public keys (`jwt`) are held back, and there are none"
        ]
    );
    let mut unnamed = users();
    unnamed.as_object_mut().unwrap().remove("host");
    assert_eq!(
        errors(&unnamed),
        [
            "back_off: requires `host.name`: each gateway provides the client's address in its own way"
        ]
    );
    for (name, value, expected) in [
        (
            "after",
            json!(0),
            "expected a whole number of 1 to 1000, found `0`",
        ),
        (
            "after",
            json!(1001),
            "expected a whole number of 1 to 1000, found `1001`",
        ),
        (
            "after",
            json!("10"),
            "expected a whole number of 1 to 1000, found `10`",
        ),
        (
            "within",
            json!("0s"),
            "expected a duration such as \"30s\", of 1s to 1h, found `0s`",
        ),
        (
            "for",
            json!("2h"),
            "expected a duration such as \"30s\", of 1s to 1h, found `2h`",
        ),
        (
            "for",
            json!(30),
            "expected a duration such as \"30s\", of 1s to 1h, found `30`",
        ),
        (
            "until",
            json!("30s"),
            "unknown field, expected one of after, within, for",
        ),
    ] {
        let mut all = users();
        all["back_off"] = json!({ name: value });
        assert_eq!(
            errors(&all),
            [format!("back_off.{name}: {expected}")],
            "{name}, {value}"
        );
    }
    for wrong in [json!(true), json!([1]), json!("on"), Value::Null] {
        let mut all = users();
        all["back_off"] = wrong.clone();
        assert_eq!(errors(&all).len(), 1, "{wrong}");
    }
}

#[test]
fn the_defaults_are_ten_a_minute_and_thirty_seconds() {
    let mut all = users();
    all["back_off"] = json!({});
    let world = world(&all);
    assert_eq!(tries(&world, "alice", 0, 11)[..10], vec![wrong(); 10]);
    let seen = login(&world, "alice:guess 11");
    assert_eq!(header(&seen, "retry-after").as_deref(), Some("30"));
    assert_eq!(configuration().get("back_off"), None);
}
