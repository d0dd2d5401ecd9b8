//! Sessions that refresh themselves.

mod answers;
mod bodies;
mod goes_on;
mod in_store;
mod in_store_failures;
mod in_store_races;
mod pages;
mod races;
mod refused;

use super::sessions::fetched;
use super::*;

/// What has the provider asked every five minutes, and before a token ends.
fn refreshing() -> Value {
    json!({ "cookie_refresh": "5m", "cookie_expire": "8h", "scope": "openid offline_access" })
}

/// Somebody is signed in at a gate with this login, by tokens that are good for so many seconds.
fn signed_in_for(seconds: i64, login: Value) -> (World, Provider, Browser) {
    let (world, provider, mut browser) = (gate(login), issuing(seconds), Browser::default());
    // Browsers bring times back in whole seconds.
    world.gateway.0.fraction.set(250_000_000);
    let answer = browser.sign_in(&world, &provider, "/api/tags");
    assert_eq!(answer.status(), 303, "{answer:?}");
    (world, provider, browser)
}

/// Somebody is signed in by a group, which the provider takes away before the next refresh is due.
fn signed_in_by_a_group() -> (World, Provider, Browser) {
    let mut login = refreshing();
    login["scopes_claim"] = json!("groups");
    login["scope_map"] = json!({ "staff": ["read"] });
    let (world, provider, mut browser) = (gate(login), issuing(300), Browser::default());
    *provider.claims.borrow_mut() = json!({ "groups": ["staff"] });
    browser.sign_in(&world, &provider, "/api/tags");
    *provider.grants.claims.borrow_mut() = json!({ "groups": [] });
    world.wait(240);
    (world, provider, browser)
}

/// Signs out, as the page of the gate's own does.
fn sign_out(world: &World, provider: &Provider, browser: &mut Browser) {
    let who = browser.go(world, provider, "/.gate/whoami").json();
    let target = who["sign_out"].as_str().unwrap().to_owned();
    let own = [("origin", "https://gate.example")];
    browser.send(world, provider, "POST", &target, &own);
    assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
}

/// A provider whose tokens are good for so many seconds.
fn issuing(seconds: i64) -> Provider {
    let provider = Provider::new();
    provider.grants.issues.set(true);
    provider.grants.expires_in.set(Some(seconds));
    provider
}

/// Another gateway with the same configuration, at the same time.
fn replica(of: &World, login: Value) -> World {
    let gateway = Gateway::default();
    gateway.0.seed.set(1);
    let world = World::on(gateway, with_login(login).to_string().as_bytes());
    world.gateway.0.seconds.set(of.gateway.0.seconds.get());
    assert!(world.configured, "{:?}", world.errors());
    world
}

/// Another worker of the same gateway.
fn worker(of: &World, login: Value) -> World {
    let shared = of.gateway.0.shared.clone();
    let state = crate::world::State {
        shared,
        ..Default::default()
    };
    state.seed.set(2);
    let world = World::on(
        Gateway(std::rc::Rc::new(state)),
        with_login(login).to_string().as_bytes(),
    );
    world.gateway.0.seconds.set(of.gateway.0.seconds.get());
    assert!(world.configured, "{:?}", world.errors());
    world
}

/// Status and what was asked, of a program's request with the browser's cookies.
fn asked(world: &World, provider: &Provider, browser: &mut Browser) -> (u16, Vec<String>) {
    let answer = browser.send(world, provider, "GET", "/api/tags", &[]);
    (answer.status(), answer.asked)
}

const TOKEN: [&str; 1] = ["/token"];
const NOTHING: [&str; 0] = [];

/// As many others as a worker refreshes at a time, each with a session.
fn others_signed_in(world: &World, provider: &Provider) -> Vec<Browser> {
    let sign_in = |_| {
        let mut other = Browser::default();
        // More codes than so many are not redeemed in a second.
        world.wait(1);
        other.sign_in(world, provider, "/api/tags");
        other
    };
    (0..32).map(sign_in).collect()
}
