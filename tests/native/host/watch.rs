//! What is watched whether requests come or not: the gauges, and the warnings before something ends.

use crate::world::{Gateway, KEY, NOW, World, configuration, jwt};
use ollama_gate_engine::{Level, Timestamp};
use serde_json::{Value, json};

const DAY: i64 = 24 * 3600;

/// `seconds` from now, as a record has it.
fn moment(seconds: i64) -> String {
    Timestamp::from_seconds(NOW + seconds).to_string()
}

/// A key that ends in so many seconds.
fn key(id: &str, ends_in: i64) -> Value {
    json!({ "id": id, "key": format!("sk-{id}-7c1e90b4f2d85a36"), "expires_at": moment(ends_in) })
}

/// `configuration()` with these keys besides.
fn with_keys(keys: &[Value]) -> Value {
    let mut all = configuration();
    let list = all["api_keys"]["keys"].as_array_mut().unwrap();
    list.extend(keys.iter().cloned());
    all
}

fn with_source(mut all: Value) -> Value {
    all["api_keys"]["source"] =
        json!({ "url": "http://keys.internal/keys.json", "upstream": "keys" });
    all
}

/// `configuration()` with this credential for Ollama's front.
fn with_credential(credential: Value) -> Value {
    let mut all = configuration();
    all["upstream"] = json!({ "credential": credential });
    all
}

fn shown(world: &World, name: &str) -> Option<u64> {
    let gauges = world.gateway.0.gauges.borrow();
    let name = format!("ollama_gate_{name}");
    let mut found = gauges.iter().filter(|(own, _)| *own == name);
    found.next().unwrap_or_else(|| panic!("{name}")).1
}

/// The moment `seconds` from now, as a gauge shows it.
fn at(seconds: i64) -> Option<u64> {
    Some((NOW + seconds).unsigned_abs())
}

/// The warnings so far, parsed, and none is kept.
fn warnings(world: &World) -> Vec<Value> {
    let lines = world.gateway.0.lines.take();
    let warnings = lines.iter().filter(|(_, line)| line.contains("_soon"));
    let parsed = warnings.map(|(level, line)| {
        assert_eq!(*level, Level::Warn, "{line}");
        serde_json::from_str(line).unwrap()
    });
    parsed.collect()
}

fn ids(warnings: &[Value]) -> Vec<&str> {
    let ids = warnings.iter().filter_map(|line| line["id"].as_str());
    ids.collect()
}

#[test]
fn the_gauges_of_keys_say_which_ends_next_and_how_many_within_a_week() {
    let keys = [
        key("first", 3600),
        key("second", 6 * DAY),
        key("third", 30 * DAY),
    ];
    let mut world = World::new(&with_keys(&keys));
    assert_eq!(shown(&world, "keys_next_expiry_timestamp_seconds"), None);
    world.tick();
    assert_eq!(
        shown(&world, "keys_next_expiry_timestamp_seconds"),
        at(3600)
    );
    assert_eq!(shown(&world, "keys_expiring_soon"), Some(2));
    world.wait(3600);
    world.tick();
    assert_eq!(
        shown(&world, "keys_next_expiry_timestamp_seconds"),
        at(6 * DAY)
    );
    assert_eq!(shown(&world, "keys_expiring_soon"), Some(1));
    // Nothing else is there, and nothing is told that did not change.
    for name in [
        "keys_generation",
        "keys_last_success_timestamp_seconds",
        "jwks_last_success_timestamp_seconds",
        "upstream_credential_generation",
        "upstream_credential_last_success_timestamp_seconds",
        "upstream_credential_expiry_timestamp_seconds",
    ] {
        assert_eq!(shown(&world, name), Some(0), "{name}");
    }
    world.gateway.0.calls.borrow_mut().clear();
    world.tick();
    assert!(!world.gateway.0.calls.borrow().contains(&"record"));
}

#[test]
fn the_gauges_of_a_document_say_how_often_it_changed_and_when_it_was_last_had() {
    let mut world = World::new(&with_source(configuration()));
    world.tick();
    assert_eq!(shown(&world, "keys_last_success_timestamp_seconds"), at(0));
    assert_eq!(shown(&world, "keys_generation"), Some(0));
    world.wait(7);
    let document = json!([key("fetched", 2 * DAY)]).to_string();
    world.answer_root(1, 200, document.as_bytes());
    world.tick();
    assert_eq!(shown(&world, "keys_last_success_timestamp_seconds"), at(7));
    assert_eq!(shown(&world, "keys_generation"), Some(1));
    assert_eq!(
        shown(&world, "keys_next_expiry_timestamp_seconds"),
        at(2 * DAY)
    );
    // A failure leaves the moment as it was; the same document is no change.
    world.wait(60);
    world.tick();
    world.answer_root(2, 500, b"");
    world.tick();
    assert_eq!(shown(&world, "keys_last_success_timestamp_seconds"), at(7));
    world.wait(60);
    world.tick();
    world.answer_root(3, 200, document.as_bytes());
    world.tick();
    assert_eq!(
        shown(&world, "keys_last_success_timestamp_seconds"),
        at(127)
    );
    assert_eq!(shown(&world, "keys_generation"), Some(1));
}

#[test]
fn the_gauges_of_the_own_credential_say_when_it_ends_and_go_on_saying_it_when_it_has() {
    let mut world = World::new(&with_credential(json!({ "client_credentials": {
        "token_url": "https://sso.example/token", "upstream": "sso", "client_id": "gate",
        "client_secret": "c81d4e2e-bcf2-11e6-869b-7df92533d2db" } })));
    world.tick();
    let expiry = "upstream_credential_expiry_timestamp_seconds";
    assert_eq!(shown(&world, expiry), Some(0));
    let token = br#"{"access_token":"abc-81c2d7","token_type":"Bearer","expires_in":3600}"#;
    world.answer_root(1, 200, token);
    world.tick();
    assert_eq!(shown(&world, expiry), at(3595));
    assert_eq!(shown(&world, "upstream_credential_generation"), Some(1));
    let last = "upstream_credential_last_success_timestamp_seconds";
    assert_eq!(shown(&world, last), at(0));
    world.wait(4000);
    world.tick();
    assert_eq!(shown(&world, expiry), at(3595));
    assert_eq!(shown(&world, last), at(0));
}

#[test]
fn a_fixed_credential_that_is_a_jwt_is_known_to_end() {
    let exp = NOW + 3 * DAY;
    let token = jwt(json!({ "exp": exp }));
    let mut world = World::new(&with_credential(json!({ "value": token })));
    world.tick();
    let expiry = "upstream_credential_expiry_timestamp_seconds";
    assert_eq!(shown(&world, expiry), at(3 * DAY));
    let warned = warnings(&world);
    assert_eq!(warned.len(), 1);
    assert_eq!(warned[0]["event"], "upstream_credential_expires_soon");
    assert_eq!(warned[0]["seconds_left"], 3 * DAY);
}

#[test]
fn a_key_that_ends_within_a_week_is_warned_of_once_a_day() {
    let keys = [key("soon", 2 * DAY), key("later", 8 * DAY)];
    let mut world = World::new(&with_keys(&keys));
    world.tick();
    let warned = warnings(&world);
    assert_eq!(
        warned,
        [json!({
            "gate": "ollama-gate", "event": "key_expires_soon", "id": "soon", "expires_at": moment(2 * DAY),
            "seconds_left": 2 * DAY,
        })]
    );
    for _ in 0..23 {
        world.wait(3600);
        world.tick();
    }
    assert_eq!(warnings(&world), [] as [Value; 0]);
    world.wait(3600);
    world.tick();
    assert_eq!(ids(&warnings(&world)), ["soon", "later"]);
    // What has ended is warned of no more: who goes on with it is refused, with a line of its own.
    world.wait(DAY);
    world.tick();
    assert_eq!(ids(&warnings(&world)), ["later"]);
}

#[test]
fn a_key_of_a_document_is_warned_of_as_soon_as_it_is_there_and_by_one_worker() {
    let gateway = Gateway::default();
    let text = with_source(configuration()).to_string();
    let mut world = World::on(gateway.clone(), text.as_bytes());
    world.tick();
    let document = json!([key("fetched", DAY)]).to_string();
    world.answer_root(1, 200, document.as_bytes());
    world.tick();
    let warned = warnings(&world);
    assert_eq!(ids(&warned), ["fetched"]);
    assert_eq!(warned[0]["source"], "keys");
    // Another worker of the same gateway shares its memory, and its calls have numbers that go on.
    let mut other = World::on(gateway, text.as_bytes());
    other.tick();
    other.answer_root(2, 200, document.as_bytes());
    other.tick();
    assert_eq!(other.lines_with("keys_changed").len(), 1);
    assert_eq!(warnings(&other), [] as [Value; 0]);
    other.wait(DAY - 1);
    other.tick();
    assert_eq!(warnings(&other), [] as [Value; 0]);
}

#[test]
fn two_gates_in_one_gateway_warn_each_of_its_own_keys_and_credential() {
    let fronts = ["one", "two"].map(|name| {
        with_credential(
            json!({ "source": { "url": format!("http://{name}.example/token"), "upstream": name,
            "every": "1h", "max_stale": "1h" } }),
        )
    });
    let gates = [2 * DAY, 3 * DAY].map(|end| {
        let mut all = with_keys(&[key("first", end)]);
        all["upstream"] = json!({ "credential": { "value": jwt(json!({ "exp": NOW + end })) } });
        all
    });
    for pair in [gates, fronts] {
        let gateway = Gateway::default();
        for (place, all) in pair.iter().enumerate() {
            let mut world = World::on(gateway.clone(), all.to_string().as_bytes());
            assert!(world.configured, "{:?}", world.errors());
            let calls = world.call_count();
            world.tick();
            if world.call_count() > calls {
                world.answer_root(world.call_count(), 200, b"abc-81c2d7e0");
                world.tick();
                // Its last tenth.
                world.wait(3300);
                world.tick();
            }
            let warned = warnings(&world);
            let own = warned
                .iter()
                .filter(|line| line["event"] == "upstream_credential_expires_soon");
            assert_eq!(own.count(), 1, "{place}: {warned:?}");
            let has_key = all["api_keys"]["keys"].to_string().contains("first");
            assert_eq!(
                ids(&warned).len(),
                usize::from(has_key),
                "{place}: {warned:?}"
            );
        }
    }
}

#[test]
fn thousands_of_keys_that_end_together_are_twenty_lines_and_one() {
    let keys: Vec<_> = (0..3000)
        .map(|number| key(&format!("key-{number}"), DAY + number))
        .collect();
    let mut world = World::new(&with_keys(&keys));
    world.tick();
    let warned = warnings(&world);
    assert_eq!(warned.len(), 21);
    assert_eq!(warned[20]["event"], "keys_expire_soon");
    assert_eq!(warned[20]["beyond"], 2980);
    assert_eq!(ids(&warned)[0], "key-0");
    for _ in 0..10 {
        world.wait(60);
        world.tick();
    }
    assert_eq!(warnings(&world), [] as [Value; 0]);
    // The next day they end one after another, and others come to be the next: those are counted, not named.
    world.wait(DAY - 600);
    for _ in 0..40 {
        world.tick();
        world.wait(60);
    }
    let warned = warnings(&world);
    assert_eq!(warned.len(), 21);
    assert_eq!(ids(&warned)[0], "key-1");
    assert_eq!(warned[20]["beyond"], 2979);
}

#[test]
fn a_key_that_comes_when_twenty_were_named_is_counted_and_not_named() {
    let keys: Vec<_> = (0..20)
        .map(|number| key(&format!("key-{number}"), DAY + number))
        .collect();
    let mut world = World::new(&with_source(with_keys(&keys)));
    world.tick();
    assert_eq!(ids(&warnings(&world)).len(), 20);
    let document = json!([key("one", 60), key("two", 2 * DAY)]).to_string();
    world.answer_root(1, 200, document.as_bytes());
    world.tick();
    let warned = warnings(&world);
    assert_eq!(ids(&warned), [] as [&str; 0]);
    assert_eq!(warned[0]["beyond"], 2);
}

#[test]
fn what_workers_share_of_warnings_does_not_grow_with_the_keys_that_end() {
    let gateway = Gateway::default();
    for number in 0..200 {
        let keys: Vec<_> = (0..20)
            .map(|place| key(&format!("key-{number}-{place}"), DAY))
            .collect();
        let mut world = World::on(gateway.clone(), with_keys(&keys).to_string().as_bytes());
        world.tick();
        assert_eq!(ids(&warnings(&world)).len(), 20);
    }
    let shared = gateway.0.shared.borrow();
    assert!(shared.len() <= 1_100, "{}", shared.len());
}

#[test]
fn without_ticks_requests_bring_the_warning_and_no_request_is_refused_for_it() {
    let mut configuration = with_keys(&[key("soon", 2 * DAY)]);
    configuration["host"] = json!({ "name": "apisix" });
    let world = World::apisix(&configuration);
    let ask = || world.ask_with("/api/tags", &[("x-api-key", KEY), ("host", "gate.example")]);
    assert_eq!(ask().verdict().0, 200);
    assert_eq!(ids(&warnings(&world)), ["soon"]);
    assert_eq!(ask().verdict().0, 200);
    assert_eq!(warnings(&world), [] as [Value; 0]);
    world.wait(DAY);
    // What needs no clock reads it for this once in sixteen requests.
    let told = (0..16).flat_map(|_| {
        assert_eq!(ask().verdict().0, 200);
        warnings(&world)
    });
    assert_eq!(ids(&told.collect::<Vec<_>>()), ["soon"]);
}

#[test]
fn without_ticks_requests_that_need_no_clock_read_it_now_and_then_for_the_warning() {
    let mut configuration = with_keys(&[key("soon", 2 * DAY)]);
    configuration["host"] = json!({ "name": "apisix" });
    configuration["public"] = json!(["health"]);
    let world = World::apisix(&configuration);
    let reads = |requests: usize| {
        let ask = || world.ask_with("/", &[("host", "gate.example")]);
        let all = (0..requests).flat_map(|_| ask().seen.unwrap().calls);
        all.filter(|call| *call == "wall_clock").count()
    };
    assert_eq!(reads(1), 1, "the first");
    assert_eq!(ids(&warnings(&world)), ["soon"]);
    assert_eq!(reads(15), 0);
    world.wait(DAY);
    assert_eq!(reads(1), 1, "the next");
    assert_eq!(ids(&warnings(&world)), ["soon"], "once a day");
    assert_eq!(reads(160), 10, "one in sixteen");
}

#[test]
fn the_own_credential_is_warned_of_only_when_no_other_comes() {
    let source = json!({ "source": { "url": "http://front.example/token", "upstream": "front", "every": "1h",
        "pointer": "/token", "expires_in": "/left" } });
    let mut world = World::new(&with_credential(source));
    let answer = |left: i64| json!({ "token": "abc-81c2d7e0", "left": left }).to_string();
    world.tick();
    world.answer_root(1, 200, answer(10 * 3600).as_bytes());
    world.tick();
    assert_eq!(warnings(&world), [] as [Value; 0]);
    // It is fetched again and again, and stays the same until its last tenth.
    let mut number = 1;
    for hour in 1..10 {
        world.wait(3600);
        world.tick();
        number += 1;
        world.answer_root(number, 200, answer((10 - hour) * 3600).as_bytes());
        world.tick();
        let events = warnings(&world);
        assert_eq!(events.len(), usize::from(hour == 9), "{hour}: {events:?}");
    }
}
