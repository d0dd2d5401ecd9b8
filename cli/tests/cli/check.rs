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
            "envoy/mounted.yaml",
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
            (ran.code, &report["findings"]),
            (Some(0), &json!([])),
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

/// The codes of what `check` finds in `text`, as a file of this mode.
fn codes(text: &str, mode: u32, line: &str) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.write("file", text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let variables = [
        ("OLLAMA_GATE_KEY", "sk-4fT9wQz7Lx2VbN8m"),
        ("OTHER", "sk-9xR2mKq8Vt5YhB3n"),
    ];
    let ran = folder.run_with(
        words(format!("check file --json {line}").trim_end()),
        &variables,
        b"",
    );
    assert!(!ran.output.contains("4fT9wQz7Lx2VbN8m"), "{ran:?}");
    let report = ran.json();
    let found = report["findings"]
        .as_array()
        .unwrap_or_else(|| panic!("{ran:?}"));
    found
        .iter()
        .map(|one| one["code"].as_str().unwrap().to_owned())
        .collect()
}

/// A pack, what of it is replaced by what, and the code of what is wrong then.
const BROKEN: [(&str, &str, &str, &str); 17] = [
    (
        "envoy/envoy.yaml",
        "allow_on_headers_stop_iteration: true",
        "allow_on_headers_stop_iteration: false",
        "setting_missing",
    ),
    (
        "envoy/envoy.yaml",
        "failure_policy: FAIL_RELOAD",
        "failure_policy: FAIL_OPEN",
        "fail_open",
    ),
    (
        "envoy/envoy.yaml",
        "host_env_keys: [OLLAMA_GATE_KEY]",
        "host_env_keys: [OTHER]",
        "variable_not_passed",
    ),
    (
        "envoy/envoy.yaml",
        "{ \"name\": \"envoy\",",
        "{ \"name\": \"kong\",",
        "host_mismatch",
    ),
    (
        "envoy/envoy.yaml",
        "plain-status: {",
        "ollama-gate: { disabled: true,",
        "route_unguarded",
    ),
    (
        "envoy/struct.yaml",
        "allow_on_headers_stop_iteration: true",
        "allow_on_headers_stop_iteration: false",
        "setting_missing",
    ),
    (
        "istio/wasm-plugin.yaml",
        "FAIL_CLOSE",
        "FAIL_OPEN",
        "fail_open",
    ),
    (
        "istio/wasm-plugin.yaml",
        "- name: OLLAMA_GATE_KEY",
        "- name: OTHER",
        "variable_not_passed",
    ),
    (
        "istio/wasm-plugin.yaml",
        "host: { name: istio }",
        "log: {}",
        "host_missing",
    ),
    (
        "istio/traffic-extension.yaml",
        "FAIL_CLOSE",
        "FAIL_OPEN",
        "fail_open",
    ),
    (
        "envoy-gateway/gate.yaml",
        "failOpen: false",
        "failOpen: true",
        "fail_open",
    ),
    (
        "envoy-gateway/gate.yaml",
        "hostKeys: [OLLAMA_GATE_KEY]",
        "hostKeys: []",
        "variable_not_passed",
    ),
    (
        "apisix/apisix.yaml",
        "uri: /*",
        "uri: /api/*",
        "v1_not_covered",
    ),
    (
        "apisix/route.json",
        "\"uri\": \"/*\"",
        "\"uris\": [\"/api/*\", \"/\"]",
        "v1_not_covered",
    ),
    (
        "kong/kong.yaml",
        "paths: [\"/\"]",
        "paths: [\"/api\"]",
        "v1_not_covered",
    ),
    (
        "kong/kong.yaml",
        "enabled: true",
        "enabled: false",
        "route_unguarded",
    ),
    (
        "kong/filter-chain.json",
        "\"enabled\": true",
        "\"enabled\": false",
        "route_unguarded",
    ),
];

#[test]
fn a_setting_of_the_gateway_that_does_not_guard_or_not_work_is_found() {
    for (file, from, to, code) in BROKEN {
        let text = std::fs::read_to_string(of_repository(file)).unwrap();
        assert!(text.contains(from), "{file} {from}");
        let found = codes(&text.replace(from, to), 0o644, "");
        assert!(
            found.iter().any(|own| own == code),
            "{file} {to}: {found:?}"
        );
    }
}

#[test]
fn another_route_of_the_file_may_cover_what_one_does_not() {
    let route = |id: &str, uri: &str| {
        json!({ "id": id, "uri": uri, "plugins": { "ollama-gate": { "conf": {
            "api_keys": { "keys": [{ "id": "a", "key": "$env://OLLAMA_GATE_KEY" }] }, "host": { "name": "apisix" } } } } })
    };
    let both = json!({ "routes": [route("a", "/api/*"), route("b", "/v1/*")] });
    assert_eq!(codes(&both.to_string(), 0o600, ""), [""; 0]);
}

#[test]
fn what_is_unwise_in_the_configuration_is_found() {
    let key = |members: serde_json::Value| {
        let mut key = json!({ "id": "a", "key": { "env": "OLLAMA_GATE_KEY" } });
        key.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        json!({ "api_keys": { "keys": [key] } }).to_string()
    };
    let anonymous = |scope: &str| {
        json!({ "hosts": ["a"], "allow_anonymous": { "scopes": [scope] } }).to_string()
    };
    for (text, mode, line, code, is_found) in [
        (
            key(json!({ "expires_at": "2001-01-01T00:00:00Z" })),
            0o600,
            "",
            "expired",
            true,
        ),
        (
            key(json!({ "expires_at": "2900-01-01T00:00:00Z" })),
            0o600,
            "",
            "expires_soon",
            false,
        ),
        (
            key(json!({ "expires_at": "2900-01-01T00:00:00Z" })),
            0o600,
            "--within 1000years",
            "expires_soon",
            true,
        ),
        (
            key(json!({ "danger_allow_placeholder_secret": true })),
            0o600,
            "",
            "danger_setting",
            true,
        ),
        (
            key(json!({ "key": "sk-9xR2mKq8Vt5YhB3n" })),
            0o644,
            "",
            "world_readable",
            true,
        ),
        (
            key(json!({ "key": "sk-9xR2mKq8Vt5YhB3n" })),
            0o640,
            "",
            "world_readable",
            false,
        ),
        (key(json!({})), 0o644, "", "world_readable", false),
        (anonymous("inference"), 0o600, "", "open_scope", true),
        (anonymous("read"), 0o600, "", "open_scope", false),
    ] {
        let found = codes(&text, mode, line);
        assert_eq!(
            found.iter().any(|own| own == code),
            is_found,
            "{text} {mode:o} {line}: {found:?}"
        );
    }
    let jwt = json!({ "jwt": [{ "name": "a", "algorithms": ["HS256"], "secrets": ["q7Zk2xWv9bRt4LmPq7Yk2xWv9cRt4LnQ"] }] });
    let found = codes(&jwt.to_string(), 0o644, "");
    assert!(found.iter().any(|own| own == "world_readable"), "{found:?}");
}
