//! Sessions that refresh themselves.

mod bodies;
mod goes_on;
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
