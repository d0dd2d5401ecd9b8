//! Keys that the issuer publishes: requests wait for them, and go on when they are there.

mod answers;
mod discovery;
mod headers;
mod refresh;
mod ticks;
mod waiting;

use crate::world::{World, jwks, remote, signer};
use serde_json::{Value, json};

fn ok() -> (u16, String) {
    (200, String::new())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn waits() -> (u16, String) {
    (0, "waits".to_owned())
}

/// A token of the key `k1`.
fn good() -> String {
    signer(1).token("k1", json!({}))
}

/// A token of the key `kid`, which is key number `number`.
fn token(number: u8, kid: &str) -> String {
    signer(number).token(kid, json!({}))
}

/// A JWKS of these keys.
fn set(keys: &[(u8, &str)]) -> Vec<u8> {
    let keys: Vec<_> = keys
        .iter()
        .map(|(number, kid)| signer(*number).jwk(kid))
        .collect();
    jwks(&keys)
}

/// A JWKS with the key `k1`.
fn one_key() -> Vec<u8> {
    set(&[(1, "k1")])
}

/// A gateway that nobody named has no ticks: requests refresh what grows old.
fn without_ticks(members: Value) -> World {
    let mut configuration = remote(members);
    configuration.as_object_mut().unwrap().remove("host");
    World::new(&configuration)
}

/// The same, with the key `k1`, fetched for a request just now.
fn filled() -> World {
    let world = without_ticks(json!({}));
    assert_eq!(world.ask(&good()).answer(200, &one_key()), ok());
    world
}
