//! How many methods have to prove a caller: a truth table, and what it says of subjects.

mod basic;
mod configured;
mod signature;
mod subjects;

use crate::world::{ADMIN_KEY, Gateway, KEY, Seen, World, errors, jwt, with};
use serde_json::{Value, json};

/// How one method is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Absent,
    Wrong,
    Right,
}

use Shown::{Absent, Right, Wrong};

const SHOWN: [Shown; 3] = [Absent, Wrong, Right];
const WRONG_KEY: &str = "sk-unknown-0123456789";

/// `configuration()` with a network and this `require`.
fn required(require: Value) -> Value {
    let mut configuration = with("/network", json!({ "allow": ["10.0.0.0/8"] }));
    configuration["require"] = require;
    configuration
}

/// The world of `configuration`, with a client whose address is not known, outside, or inside.
fn world(configuration: &Value, network: Shown) -> World {
    let gateway = Gateway::default();
    let address = match network {
        Absent => "10.0.0.1:0",
        Wrong => "203.0.113.9:5000",
        Right => "10.0.0.1:5000",
    };
    *gateway.0.address.borrow_mut() = ("source\0address".to_owned(), address.into());
    let world = World::on(gateway, configuration.to_string().as_bytes());
    assert!(world.configured, "{:?}", world.errors());
    world
}

fn ask(world: &World, key: Shown, token: Shown) -> Seen {
    let good = jwt(json!({}));
    let mut fields = Vec::new();
    match key {
        Absent => {}
        Wrong => fields.push(("x-api-key", WRONG_KEY)),
        Right => fields.push(("x-api-key", KEY)),
    }
    match token {
        Absent => {}
        Wrong => fields.push(("authorization", "Bearer a.b.c")),
        Right => fields.push(("authorization", good.as_str())),
    }
    world.send("GET", "/api/tags", &fields)
}

/// What each form of `require` says, written down by hand: the rows are API key and JWT as they are
/// presented, for a client inside the network. `2` is 200; the rest are codes of a refusal.
#[test]
fn the_truth_table_inside_the_network() {
    let any = [
        ["missing_credential", "malformed_token", "2"],
        ["unknown_key", "unknown_key", "2"],
        ["2", "2", "2"],
    ];
    let both = [
        [
            "missing_credential",
            "insufficient_methods",
            "insufficient_methods",
        ],
        ["insufficient_methods", "unknown_key", "unknown_key"],
        ["insufficient_methods", "malformed_token", "2"],
    ];
    let both_token_first = [
        [
            "missing_credential",
            "insufficient_methods",
            "insufficient_methods",
        ],
        ["insufficient_methods", "malformed_token", "unknown_key"],
        ["insufficient_methods", "malformed_token", "2"],
    ];
    let key_only = [
        [
            "missing_credential",
            "insufficient_methods",
            "insufficient_methods",
        ],
        ["unknown_key", "unknown_key", "unknown_key"],
        ["2", "2", "2"],
    ];
    let token_only = [
        ["missing_credential", "malformed_token", "2"],
        ["insufficient_methods", "malformed_token", "2"],
        ["insufficient_methods", "malformed_token", "2"],
    ];
    for (require, table) in [
        (json!("any"), any),
        (json!({ "at_least": 1, "of": ["api_key", "jwt"] }), any),
        (
            json!({ "at_least": 2, "of": ["network", "api_key", "jwt"] }),
            any,
        ),
        (
            json!({ "at_least": 2, "of": ["api_key", "jwt", "network"] }),
            any,
        ),
        (json!("all"), both),
        (json!({ "at_least": 2, "of": ["api_key", "jwt"] }), both),
        (
            json!({ "at_least": 3, "of": ["network", "api_key", "jwt"] }),
            both,
        ),
        (
            json!({ "at_least": 2, "of": ["jwt", "api_key"] }),
            both_token_first,
        ),
        (
            json!({ "at_least": 3, "of": ["jwt", "network", "api_key"] }),
            both_token_first,
        ),
        (json!({ "at_least": 1, "of": ["api_key"] }), key_only),
        (
            json!({ "at_least": 2, "of": ["network", "api_key"] }),
            key_only,
        ),
        (json!({ "at_least": 1, "of": ["jwt"] }), token_only),
        (
            json!({ "at_least": 2, "of": ["jwt", "network"] }),
            token_only,
        ),
    ] {
        let world = world(&required(require.clone()), Right);
        for (key, row) in SHOWN.into_iter().zip(table) {
            for (token, expected) in SHOWN.into_iter().zip(row) {
                let expected = match expected {
                    "2" => (200, String::new()),
                    code => (401, code.to_owned()),
                };
                let verdict = ask(&world, key, token).verdict();
                assert_eq!(verdict, expected, "{require}: key {key:?}, token {token:?}");
            }
        }
    }
}

/// Every combination of the three methods against every form: 27 times 2 and 3 and 7 subsets.
#[test]
fn every_combination_is_decided_as_counting_says() {
    let names = ["network", "api_key", "jwt"];
    let (mut allowed, mut denied) = (0, 0);
    for subset in 1..8_usize {
        let of: Vec<_> = (0..3).filter(|bit| subset & (1 << bit) != 0).collect();
        let with_network = of.contains(&0);
        for at_least in 1..=of.len() {
            let named: Vec<_> = of.iter().map(|place| names[*place]).collect();
            let configuration = required(json!({ "at_least": at_least, "of": named }));
            if with_network && at_least < 2 {
                assert!(
                    !errors(&configuration).is_empty(),
                    "a network alone opens nothing: {subset:?}, {at_least:?}"
                );
                continue;
            }
            for network in SHOWN {
                let world = world(&configuration, network);
                for key in SHOWN {
                    for token in SHOWN {
                        let methods = [network, key, token];
                        let good = of.iter().filter(|place| methods[**place] == Right).count();
                        // A network restricts, whether it counts or not.
                        let open = good >= at_least && network == Right;
                        let verdict = ask(&world, key, token).verdict();
                        let shown = format!("{at_least} of {named:?}: {methods:?}: {verdict:?}");
                        assert_eq!(verdict.0 == 200, open, "{shown}");
                        *(if open { &mut allowed } else { &mut denied }) += 1;
                        let proved =
                            key == Right && of.contains(&1) || token == Right && of.contains(&2);
                        if proved && network != Right && verdict.0 == 403 {
                            let code = if network == Wrong {
                                "network_denied"
                            } else {
                                "address_unknown"
                            };
                            assert_eq!(verdict.1, code, "{shown}");
                        } else if !open {
                            assert_eq!(verdict.0, 401, "{shown}");
                        }
                    }
                }
            }
        }
    }
    // 1 of key, of token, of both; 2 of both; 2 of network and key, of network and token; 2 and 3 of three.
    assert_eq!(
        (allowed, denied),
        (3 + 3 + 5 + 1 + 3 + 3 + 5 + 1, 8 * 27 - 24)
    );
}

#[test]
fn a_refusal_says_what_is_there_and_what_to_send() {
    let sentence = |require: Value, key, token| {
        let seen = ask(&world(&required(require), Right), key, token);
        assert_eq!(seen.verdict(), (401, "insufficient_methods".into()));
        seen.body()["error"].as_str().unwrap().to_owned()
    };
    let begin = "more methods of authentication are required here:";
    // Nothing is said of whether the one that is there is good.
    for shown in [Right, Wrong] {
        assert_eq!(
            sentence(json!("all"), shown, Absent),
            format!(
                "{begin} 2 of api_key, jwt are required, the request has api_key: also send jwt"
            ),
            "{shown:?}"
        );
        let three = json!({ "at_least": 3, "of": ["network", "api_key", "jwt"] });
        assert_eq!(
            sentence(three, Absent, shown),
            format!(
                "{begin} 3 of network, api_key, jwt are required, the request has jwt: also send api_key"
            ),
            "{shown:?}"
        );
        let key = json!({ "at_least": 2, "of": ["network", "api_key"] });
        assert_eq!(
            sentence(key, Absent, shown),
            format!(
                "{begin} 2 of network, api_key are required, the request has none of them: also send api_key"
            ),
            "{shown:?}"
        );
    }
}

#[test]
fn the_network_is_held_before_a_second_method_is_looked_at() {
    for require in [
        json!("all"),
        json!({ "at_least": 3, "of": ["network", "api_key", "jwt"] }),
    ] {
        let outside = world(&required(require.clone()), Wrong);
        let verdict = ask(&outside, Right, Wrong).verdict();
        assert_eq!(verdict, (403, "network_denied".into()), "{require}");
        let stranger = ask(&outside, Wrong, Right).verdict();
        assert_eq!(stranger, (401, "unknown_key".into()), "{require}");
    }
}

#[test]
fn the_public_needs_no_method_and_malformed_goes_before() {
    let mut configuration = required(json!("all"));
    configuration["public"] = json!(["health"]);
    let world = world(&configuration, Right);
    assert_eq!(world.send("GET", "/", &[]).verdict().0, 200);
    let two = [("x-api-key", KEY), ("api-key", ADMIN_KEY)];
    assert_eq!(
        world.send("GET", "/api/tags", &two).verdict(),
        (400, "ambiguous_credential".into())
    );
    let placeholder = world.bearer("GET", "/api/tags", "ollama");
    assert_eq!(
        placeholder.verdict(),
        (401, "placeholder_credential".into())
    );
}
