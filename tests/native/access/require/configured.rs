//! What `require` may name.

use super::{Absent, Right, Wrong, ask, required, world};
use crate::world::{error, errors, with};
use serde_json::{Value, json};

#[test]
fn all_is_every_kind_that_is_configured() {
    let mut keys = required(json!("all"));
    keys.as_object_mut().unwrap().remove("jwt");
    assert_eq!(ask(&world(&keys, Right), Right, Absent).verdict().0, 200);
    let mut tokens = required(json!("all"));
    tokens.as_object_mut().unwrap().remove("api_keys");
    assert_eq!(ask(&world(&tokens, Right), Absent, Right).verdict().0, 200);
    assert_eq!(
        ask(&world(&tokens, Wrong), Absent, Right).verdict(),
        (403, "network_denied".into())
    );
}

#[test]
fn what_cannot_be_met_or_names_nobody_is_refused() {
    let refused = |require: Value| errors(&required(require));
    let of = |at_least: Value, of: Value| refused(json!({ "at_least": at_least, "of": of }));
    assert_eq!(
        of(json!(1), json!(["network", "api_key"])),
        ["require.at_least: expected a whole number of 2 to 2, found `1`"]
    );
    assert_eq!(
        of(json!(1), json!(["network"])),
        [
            "require.at_least: cannot be met: a network alone names nobody, so `of` needs a credential too"
        ]
    );
    for at_least in [json!(0), json!(3), json!(-1), json!(1.5)] {
        let found = of(at_least.clone(), json!(["api_key", "jwt"]));
        assert_eq!(
            found,
            [format!(
                "require.at_least: expected a whole number of 1 to 2, found `{at_least}`"
            )],
            "{at_least}"
        );
    }
    assert_eq!(
        of(json!(1), json!([])),
        ["require.of: expected a method such as \"api_key\", found none"]
    );
    assert_eq!(
        of(json!(1), json!(["api_key", "api_key"])),
        ["require.of[1]: is a duplicate"]
    );
    assert_eq!(
        of(json!(1), json!(["api-key"])),
        [
            "require.of[0]: expected one of network, api_key, jwt, ollama_cli, basic, found `api-key`"
        ]
    );
    assert_eq!(
        refused(json!({})),
        ["require.at_least: is required", "require.of: is required"]
    );
    assert_eq!(
        error("/require", json!("both")),
        "require: expected \"any\", \"all\" or {\"at_least\": 2, \"of\": [\"network\", \"api_key\"]}, found `both`"
    );
    assert_eq!(
        error("/require", json!(2)),
        "require: expected an object, found a number"
    );
}

#[test]
fn what_is_not_configured_counts_for_nobody() {
    let two = json!({ "at_least": 2, "of": ["network", "jwt", "api_key"] });
    let mut no_tokens = required(two.clone());
    no_tokens.as_object_mut().unwrap().remove("jwt");
    let nobody = "has no effect: none of these is configured";
    assert_eq!(errors(&no_tokens), [format!("require.of[1]: {nobody}")]);
    let network = "require.of[0]: has no effect: there is no `network.allow` and no key with `allow_from`, or \
                   they allow every address";
    let absent = with("/require", two);
    assert_eq!(errors(&absent), [network]);
    for section in [
        json!({ "deny": ["10.0.0.0/8"] }),
        json!({ "allow": ["0.0.0.0/0"] }),
        json!({ "allow": ["::/0"] }),
    ] {
        let mut configuration = absent.clone();
        configuration["network"] = section.clone();
        assert_eq!(errors(&configuration), [network], "{section}");
    }
    let mut of_a_key = absent;
    of_a_key["api_keys"]["keys"][2]["allow_from"] = json!(["0.0.0.0/0"]);
    assert_eq!(errors(&of_a_key), [network]);
    of_a_key["api_keys"]["keys"][0]["allow_from"] = json!(["10.0.0.0/8"]);
    assert_eq!(errors(&of_a_key), Vec::<String>::new());
}
