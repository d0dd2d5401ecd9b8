//! Every algorithm against right and forged tokens, with signatures computed in the module and by
//! the crypto of Envoy: both must come to the verdict that the table names.

pub(crate) mod envoy;
pub(crate) mod table;

use crate::world::{NOW, Seen, World};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use table::{ACCEPTED, Case, FORGED, cases_of, configurations};

/// A token that is longer is not remembered.
const MAX_REMEMBERED_BYTES: usize = 8 * 1024;

/// What one algorithm came to.
#[derive(Debug, Default)]
struct Row {
    accepted: usize,
    refused: BTreeMap<&'static str, usize>,
    questions: usize,
    /// every answer, to the byte
    answers: Vec<(String, Option<Vec<u8>>)>,
}

fn world(mut configuration: Value, host_crypto: bool) -> World {
    configuration["host"] = json!({ "name": "envoy" });
    let world = World::new(&configuration);
    assert!(world.configured, "{:?}", world.errors());
    if host_crypto {
        let foreign = &world.gateway.0.foreign;
        *foreign.borrow_mut() = Some(envoy::verify_signature);
    }
    world
}

/// A second goes by, or a quarter of an hour comes back: there is always time for a signature.
fn send(world: &World, case: &Case) -> Seen {
    let clock = &world.gateway.0.seconds;
    clock.set(NOW + (clock.get() - NOW + 1) % 900);
    world.bearer("GET", "/api/tags", &case.token)
}

fn asked(seen: &Seen) -> bool {
    seen.calls.contains(&"call_foreign")
}

/// Whether the answer came from the memory of forged tokens.
fn remembered(seen: &Seen) -> bool {
    let body = seen.reply.as_ref().map(|reply| reply.body.as_slice());
    let body = String::from_utf8_lossy(body.unwrap_or_default()).into_owned();
    body.contains("it was refused before")
}

/// Runs `cases` of `algorithm` in the worlds of one way to compute.
///
/// No memory can hide a verdict: a world sees every token for the first time, as no two of its
/// tokens are the same. Then it sees it a second time, when the memory answers, and must not differ.
fn run(algorithm: &str, cases: &[Case], host_crypto: bool) -> Row {
    let configurations = configurations();
    let mut worlds = BTreeMap::new();
    let mut row = Row::default();
    let (mut tokens, mut names) = (HashSet::new(), HashSet::new());
    for case in cases {
        let key = (case.configuration, &case.token);
        assert!(tokens.insert(key), "{algorithm}: {} twice", case.name);
        assert!(names.insert(&case.name), "two cases {}", case.name);
    }
    envoy::take_questions();
    for case in cases {
        let what = format!("{algorithm}: {}, host crypto: {host_crypto}", case.name);
        let entry = worlds.entry(case.configuration);
        let configuration = || configurations[case.configuration].clone();
        let world = &*entry.or_insert_with(|| world(configuration(), host_crypto));
        let seen = send(world, case);
        let expected = (case.expected.0, case.expected.1.to_owned());
        assert_eq!(seen.verdict(), expected, "{what}");
        assert!(!remembered(&seen), "{what}");
        let again = send(world, case);
        assert_eq!(again.verdict(), expected, "{what}, again");
        if case.token.len() <= MAX_REMEMBERED_BYTES {
            assert_eq!(remembered(&again), case.expected == FORGED, "{what}");
            assert!(!asked(&again), "{what}: asked again");
        }
        match case.expected {
            ACCEPTED => row.accepted += 1,
            (_, code) => *row.refused.entry(code).or_default() += 1,
        }
        let reply = seen.reply.map(|reply| reply.body);
        row.answers.push((case.name.clone(), reply));
    }
    row.questions = envoy::take_questions();
    // After the flood of forgeries what is right is still right.
    for case in cases.iter().filter(|case| case.expected == ACCEPTED) {
        let seen = send(&worlds[&case.configuration], case);
        assert_eq!(seen.verdict().0, 200, "{algorithm}: {}", case.name);
    }
    row
}

/// Runs `algorithms` with the module's and with Envoy's crypto, and prints what came out.
fn both(algorithms: &[&'static str], bits_asked: fn(&str) -> usize) {
    for algorithm in algorithms {
        let cases = cases_of(algorithm);
        let in_module = run(algorithm, &cases, false);
        let by_envoy = run(algorithm, &cases, true);
        assert_eq!(in_module.answers, by_envoy.answers, "{algorithm}");
        assert_eq!(in_module.questions, 0, "{algorithm}");
        let least = bits_asked(algorithm);
        let enough = match least {
            0 => by_envoy.questions <= 20,
            least => by_envoy.questions > least,
        };
        assert!(enough, "{algorithm}: {} questions", by_envoy.questions);
        let refused: usize = by_envoy.refused.values().sum();
        println!(
            "{algorithm}: accepted {}, refused {refused} {:?}; the same with Envoy's crypto ({} questions)",
            in_module.accepted, in_module.refused, by_envoy.questions
        );
    }
}

#[test]
fn hmac_is_decided_as_the_table_says() {
    both(&["HS256", "HS384", "HS512"], |_| 0);
}

#[test]
fn rsa_with_pkcs1_is_decided_as_the_table_says() {
    both(&["RS256", "RS384", "RS512"], |_| 2048);
}

#[test]
fn rsa_with_pss_is_decided_as_the_table_says() {
    both(&["PS256", "PS384", "PS512"], |_| 0);
}

#[test]
fn ecdsa_on_p256_is_decided_as_the_table_says() {
    both(&["ES256"], |_| 512);
}

#[test]
fn ecdsa_on_p384_is_decided_as_the_table_says() {
    both(&["ES384"], |_| 768);
}

#[test]
fn ed25519_is_decided_as_the_table_says() {
    both(&["EdDSA", "Ed25519"], |_| 0);
}
