//! What goes up is what was judged: on Kong, whose router reads the target by itself.

#[path = "../../wasm/src/hostile_targets.rs"]
#[allow(unreachable_pub)] // the face of a crate there
mod hostile_targets;
#[path = "../../wasm/src/kong_router.rs"]
#[allow(unreachable_pub)]
mod kong_router;
#[path = "../../wasm/src/nginx.rs"]
#[allow(unreachable_pub)]
mod nginx;

use crate::world::{KEY, READ_KEY, Seen, World, with};
use hostile_targets::HostileTargets;
use kong_router::{seen_by_ollama, upstream_target};
use ollama_gate::Status;
use serde_json::{Value, json};

/// How many targets are tried, once for each way to mount the gate.
const TARGETS: usize = 100_000;

fn kong(prefix: Option<&str>) -> World {
    let mut configuration = with("/host/name", json!("kong"));
    configuration["public"] = json!(["health"]);
    configuration["log"] = json!({"allowed": true});
    if let Some(prefix) = prefix {
        configuration["path_prefix"] = json!(prefix);
    }
    World::new(&configuration)
}

/// A request for `raw`, as Kong shows it to the gate; none if nginx refuses it by itself.
fn send(world: &World, method: &str, raw: &[u8], key: Option<&str>) -> Option<Seen> {
    let (path, query) = nginx::target(raw).ok()?;
    let mut mapped = String::from_utf8_lossy(&path).into_owned();
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        mapped = format!("{mapped}?{}", String::from_utf8_lossy(&query));
    }
    *world.gateway.0.target.borrow_mut() = Some(nginx::request_uri(raw).to_vec());
    let key = key.map(|key| ("x-api-key", key));
    Some(world.send(method, &mapped, key.as_slice()))
}

/// The route that the gate judged, of a request that it let through.
fn judged(seen: &Seen) -> Option<&Value> {
    let let_through = seen.upstream.is_some();
    let_through.then(|| seen.record.get("route").unwrap_or(&Value::Null))
}

/// What a request line may hold, for the path that Ollama sees.
fn plainly(path: &[u8]) -> String {
    let safe = |byte: u8| byte.is_ascii_graphic() && !b"?#%\\".contains(&byte);
    let part = |byte: &u8| {
        if safe(*byte) {
            char::from(*byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    path.iter().map(part).collect()
}

#[test]
fn nothing_reaches_ollama_under_another_route_than_the_one_that_was_judged() {
    for prefix in [None, Some("/ollama")] {
        let (gated, plain) = (kong(prefix), kong(None));
        let mut targets = HostileTargets::new(0x6f6c_6c61_6d61);
        let (mut through, mut odd) = (0, 0);
        for _ in 0..TARGETS {
            let raw = targets.next().unwrap();
            let method = targets.pick(&["GET", "GET", "POST", "DELETE"]);
            let key = targets.pick(&[None, Some(READ_KEY), Some(KEY)]);
            let Some(seen) = send(&gated, method, &raw, key) else {
                continue;
            };
            let Some(route) = judged(&seen) else { continue };
            let Some(sent) = upstream_target(&raw, prefix) else {
                continue;
            };
            let path = seen_by_ollama(&sent);
            let same = send(&plain, method, plainly(&path).as_bytes(), key).unwrap();
            let shown = String::from_utf8_lossy(&raw).into_owned();
            let sent = String::from_utf8_lossy(&sent).into_owned();
            assert_eq!(
                Some(route),
                judged(&same),
                "{method} {shown} went up as {sent}"
            );
            through += 1;
            odd += usize::from(shown != sent);
        }
        println!("{prefix:?}: {through} went up, {odd} of them written otherwise");
        assert!(through > 1_000, "{through}: too few to say anything");
    }
}

/// Each was let through, on a real Kong 3.9.1 with an earlier module, or was judged as another path.
#[test]
fn what_was_judged_as_one_path_and_went_up_as_another_is_refused() {
    let world = kong(None);
    for (method, raw, key) in [
        ("GET", "/#/../api/tags", None),
        ("GET", "/api/version#/%2e%2e/tags", None),
        ("POST", "/api/show#/../generate", Some(READ_KEY)),
        ("GET", "/%3f/api/tags", None),
        ("GET", "/api/version%3f/../tags", None),
        ("GET", "/api/version%23/../tags", None),
        ("GET", "/api/%2574ags", Some(READ_KEY)),
        ("GET", "/api/%252e%252e/api/tags", Some(READ_KEY)),
        ("GET", "//api/version", None),
        ("GET", "/x/../api/version", None),
        ("GET", "/api\\version", None),
        ("GET", "/api%5cversion", Some(KEY)),
    ] {
        let seen = send(&world, method, raw.as_bytes(), key).unwrap();
        assert_eq!(seen.verdict(), (400, "malformed_path".into()), "{raw}");
    }
}

#[test]
fn a_target_that_kong_does_not_tell_lets_nobody_through() {
    let world = kong(None);
    *world.gateway.0.target.borrow_mut() = Some(Vec::new());
    let seen = world.send("GET", "/api/version", &[]);
    assert_eq!(seen.verdict(), (400, "malformed_request".into()));
    for status in [Status(2), Status(10), Status::UNIMPLEMENTED] {
        let failing = &world.gateway.0.failing;
        failing.borrow_mut().insert("request_target", status);
        let seen = world.send("GET", "/api/version", &[]);
        assert_eq!(seen.verdict(), (500, "host_failure".into()), "{status:?}");
    }
}

/// Without a `host` section the gate finds out at the first request that this is Kong.
#[test]
fn kong_that_is_not_named_is_asked_for_the_target_too() {
    let mut unnamed = with("/public", json!(["health"]));
    unnamed.as_object_mut().unwrap().remove("host");
    let world = World::kong(&unnamed);
    for _ in 0..2 {
        let seen = send(&world, "GET", b"/#/../api/tags", None).unwrap();
        assert_eq!(seen.verdict(), (400, "malformed_path".into()));
    }
    let seen = send(&world, "GET", b"/api/version", None).unwrap();
    assert_eq!(seen.verdict().0, 200);
    let asked = |call: &&&str| **call == "probe_nginx_property";
    assert_eq!(seen.calls.iter().filter(asked).count(), 0, "asked once");
}

#[test]
fn one_property_is_read_for_a_request_on_kong_and_none_elsewhere() {
    for (name, world, expected) in [
        ("kong", kong(None), 1),
        ("envoy", World::new(&with("/public", json!([]))), 0),
    ] {
        world.bearer("GET", "/api/tags", KEY);
        let calls = world.bearer("GET", "/api/tags", KEY).calls;
        let read = calls.iter().filter(|call| **call == "request_target");
        assert_eq!(read.count(), expected, "{name}");
    }
}
