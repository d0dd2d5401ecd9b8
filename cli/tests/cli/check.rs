//! `check`: every error with its path, in whatever file the configuration is.

use super::support::{Folder, of_repository, words};
use serde_json::json;

#[test]
fn the_configuration_in_each_pack_is_found_and_holds() {
    let folder = Folder::new();
    for (file, host, place) in [
        (
            "envoy/tls.yaml",
            "envoy",
            "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.config.configuration.value",
        ),
        (
            "envoy/struct.yaml",
            "envoy",
            "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.config.configuration.value",
        ),
        (
            "envoy/watched/gate.yaml",
            "envoy",
            "resources[0].typed_config.config.configuration.value",
        ),
        ("istio/wasm-plugin.yaml", "istio", "spec.pluginConfig"),
        (
            "istio/traffic-extension.yaml",
            "istio",
            "spec.wasm.pluginConfig",
        ),
        (
            "envoy-gateway/gate.yaml",
            "envoy-gateway",
            "spec.wasm[0].config",
        ),
        (
            "apisix/apisix.yaml",
            "apisix",
            "routes[0].plugins.ollama-gate.conf",
        ),
        ("apisix/route.json", "apisix", "plugins.ollama-gate.conf"),
        (
            "kong/kong.yaml",
            "kong",
            "services[0].filter_chains[0].filters[0].config",
        ),
        ("kong/filter-chain.json", "kong", "filters[0].config"),
    ] {
        let path = of_repository(file);
        let ran = folder.run_with(
            ["check".as_ref(), path.as_os_str(), "--json".as_ref()],
            &[("OLLAMA_GATE_KEY", "sk-4fT9wQz7Lx2VbN8m")],
            b"",
        );
        let report = ran.json();
        assert_eq!(
            (ran.code, &report["errors"]),
            (Some(0), &json!(0)),
            "{file}: {ran:?}"
        );
        let found = json!([{ "host": host, "place": place }]);
        assert_eq!(report["configurations"], found, "{file}");
    }
}

#[test]
fn every_error_is_reported_with_its_path_and_no_secret() {
    let folder = Folder::new();
    folder.write(
        "gate.json",
        r#"{ "api_keys": { "keys": [ { "id": "a", "key": "sk-short" }, { "id": "b", "subjct": "bob" } ] },
             "public": ["read"] }"#,
    );
    let ran = folder.run(words("check gate.json --json"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.json();
    let paths: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["path"])
        .collect();
    assert_eq!(
        paths,
        [
            "api_keys.keys[0].key",
            "api_keys.keys[1].subjct",
            "public[0]"
        ]
    );
    assert_eq!(report["ok"], false);
    assert!(!ran.output.contains("sk-short"), "{ran:?}");
}

#[test]
fn an_error_in_yaml_is_one_of_the_configuration_in_it() {
    let folder = Folder::new();
    folder.write(
        "wasm.yaml",
        "apiVersion: v1\nspec:\n  pluginConfig:\n    api_keys: { keys: [{ id: a }] }\n",
    );
    let ran = folder.run(words("check wasm.yaml --json"));
    let report = ran.json();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(report["findings"][0]["place"], "spec.pluginConfig");
    assert_eq!(report["findings"][0]["path"], "api_keys.keys[0]");
}

#[test]
fn what_is_not_json_is_an_error_of_the_whole_document() {
    let folder = Folder::new();
    folder.write("gate.json", r#"{ "api_keys": [ }"#);
    let ran = folder.run(words("check gate.json"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.output.starts_with("error: is not JSON"), "{ran:?}");
}

#[test]
fn a_variable_that_is_not_set_here_is_a_warning_and_not_an_error() {
    let folder = Folder::new();
    let pem = r#"{ "name": "sso", "issuer": "https://sso.example", "audiences": ["ollama"],
                   "algorithms": ["RS256"], "keys": [ { "pem": { "env": "PEM" } } ] }"#;
    folder.write(
        "gate.json",
        format!(
            r#"{{ "api_keys": {{ "keys": [ {{ "id": "a", "key": {{ "env": "KEY" }} }},
                 {{ "id": "b", "key": {{ "env": "OLD", "optional": true }} }} ] }}, "jwt": [ {pem} ] }}"#
        ),
    );
    let ran = folder.run(words("check gate.json --json"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    let found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["code"], &one["path"]))
        .collect();
    let code = &json!("variable_unset");
    assert_eq!(
        found,
        [
            (code, &json!("api_keys.keys[0].key")),
            (code, &json!("jwt[0].keys[0].pem"))
        ]
    );
    let strict = folder.run(words("check gate.json --strict"));
    assert_eq!(strict.code, Some(1), "{strict:?}");
    // What is set is checked, from wherever it comes.
    folder.write("weak.env", "# ours\nKEY=changemechangeme\nexport PEM=x\n");
    let ran = folder.run(words("check gate.json --env-file weak.env"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.output
            .contains("error: api_keys.keys[0].key: is the words of an example"),
        "{ran:?}"
    );
    assert!(!ran.output.contains("changemechangeme"), "{ran:?}");
    folder.write("broken.env", "sk-a-secret-alone\n");
    let ran = folder.run(words("check gate.json --env-file broken.env"));
    assert_eq!(ran.sentence(), "`broken.env` line 1 is not NAME=value");
}
