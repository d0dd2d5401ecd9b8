//! `render` makes the packs, and what it makes is what was asked for.

use super::support::{Folder, Ran, of_repository};

/// The packs whose files change with the configuration: gateway, file, and a file with its configuration.
const PACKS: [(&str, &str, &str); 19] = [
    ("envoy", "envoy.yaml", "envoy/envoy.yaml"),
    ("envoy", "tls.yaml", "envoy/tls.yaml"),
    ("envoy", "struct.yaml", "envoy/struct.yaml"),
    ("envoy", "mounted.yaml", "envoy/mounted.yaml"),
    ("envoy", "watched/envoy.yaml", "envoy/envoy.yaml"),
    ("envoy", "watched/tls.yaml", "envoy/envoy.yaml"),
    ("envoy", "watched/certificate.yaml", "envoy/envoy.yaml"),
    ("envoy", "watched/gate.yaml", "envoy/watched/gate.yaml"),
    ("istio", "wasm-plugin.yaml", "istio/wasm-plugin.yaml"),
    (
        "istio",
        "traffic-extension.yaml",
        "istio/traffic-extension.yaml",
    ),
    ("istio", "envoy-filter.yaml", "istio/wasm-plugin.yaml"),
    ("istio", "gateway.yaml", "istio/wasm-plugin.yaml"),
    ("envoy-gateway", "gate.yaml", "envoy-gateway/gate.yaml"),
    ("envoy-gateway", "gateway.yaml", "envoy-gateway/gate.yaml"),
    ("envoy-gateway", "edge.yaml", "envoy-gateway/gate.yaml"),
    ("apisix", "apisix.yaml", "apisix/apisix.yaml"),
    ("apisix", "config.yaml", "apisix/apisix.yaml"),
    ("kong", "kong.yaml", "kong/kong.yaml"),
    ("kong", "kong.conf", "kong/kong.yaml"),
];

const PLUGIN: &str = r#"{ "api_keys": { "keys": [
    { "id": "yes", "key": { "env": "FIRST" }, "models": ["llama3.2", "qwen3:*"] },
    { "id": "o'brien:\"x\"", "key": { "env": "SECOND" } } ] },
  "signin_url": "https://wiki.example.com/keys#one" }"#;

fn render(line: &[&str]) -> Ran {
    let folder = Folder::new();
    folder.write("plugin.json", PLUGIN);
    folder.run([&["render"], line].concat())
}

/// The text of a run that wrote something.
fn written(line: &[&str]) -> String {
    let ran = render(line);
    assert_eq!((ran.code, ran.error.as_str()), (Some(0), ""), "{line:?}");
    ran.output
}

#[test]
fn the_packs_in_the_tree_are_what_render_makes() {
    for (host, file, config) in PACKS {
        let config = of_repository(config);
        let text = written(&[host, config.to_str().unwrap(), "--file", file]);
        let tree = std::fs::read_to_string(of_repository(&format!("{host}/{file}"))).unwrap();
        assert_eq!(text, tree, "{host}/{file}");
    }
}

#[test]
fn what_is_made_holds_the_configuration_that_went_in() {
    let folder = Folder::new();
    for (host, file, _) in PACKS {
        let text = written(&[host, "plugin.json", "--file", file]);
        if [
            "watched/envoy.yaml",
            "watched/tls.yaml",
            "watched/certificate.yaml",
            "envoy-filter.yaml",
            "gateway.yaml",
            "edge.yaml",
            "config.yaml",
            "kong.conf",
        ]
        .contains(&file)
        {
            continue;
        }
        // Once more out of what was made: nothing was lost, added or read as something else.
        folder.write("made.yaml", &text);
        let again = folder.run(["render", host, "made.yaml", "--file", file]);
        assert_eq!(
            (again.code, again.output.as_str()),
            (Some(0), text.as_str()),
            "{host}/{file}: {}",
            again.error
        );
        let check = folder.run(["--json", "check", "made.yaml"]);
        assert_eq!(check.code, Some(0), "{host}/{file}: {check:?}");
        // The way to another gateway and back changes nothing either.
        let other = folder.run(["render", "envoy", "made.yaml"]);
        assert_eq!(
            other.output,
            written(&["envoy", "plugin.json"]),
            "{host}/{file}: {}",
            other.error
        );
    }
}

#[test]
fn every_variable_is_handed_on() {
    let both = |text: &str, host: &str| {
        assert!(
            text.contains("FIRST") && text.contains("SECOND"),
            "{host}: {text}"
        );
        assert!(
            !text.contains("OLLAMA_GATE_KEY]") && !text.contains("name: OLLAMA_GATE_KEY"),
            "{host}: {text}"
        );
    };
    for (host, file) in [
        ("envoy", "envoy.yaml"),
        ("istio", "wasm-plugin.yaml"),
        ("istio", "gateway.yaml"),
        ("envoy-gateway", "gate.yaml"),
        ("envoy-gateway", "gateway.yaml"),
        ("apisix", "config.yaml"),
        ("kong", "kong.conf"),
    ] {
        both(&written(&[host, "plugin.json", "--file", file]), file);
    }
    assert!(written(&["envoy", "plugin.json"]).contains("host_env_keys: [FIRST, SECOND]\n"));
    assert!(
        written(&["istio", "plugin.json"])
            .contains("secretKeyRef: { name: ollama-gate, key: SECOND }\n")
    );
}

#[test]
fn a_configuration_without_variables_has_an_empty_list() {
    let folder = Folder::new();
    let digest = "0340a8b16491e2da92ea93de2a6d6c2118ff85b584544e190ae25c6613136331";
    folder.write(
        "plugin.json",
        format!(r#"{{"api_keys":{{"keys":[{{"id":"a","sha256":"{digest}"}}]}}}}"#),
    );
    for (host, line) in [
        ("istio", "    env: []\n"),
        ("envoy", "host_env_keys: []\n"),
        ("envoy-gateway", "hostKeys: []\n"),
    ] {
        let ran = folder.run(["render", host, "plugin.json"]);
        assert!(ran.output.contains(line), "{host}: {ran:?}");
    }
}

#[test]
fn options_change_what_they_say_and_nothing_else() {
    let text = written(&[
        "envoy",
        "plugin.json",
        "--upstream",
        "gpu.lan:11500",
        "--listen",
        "0.0.0.0:8443",
        "--tls",
        "a b/cert.pem,/k.pem",
        "--module",
        "/opt/gate.wasm",
    ]);
    for line in [
        "      type: STRICT_DNS\n",
        "{ address: gpu.lan, port_value: 11500 }",
        "{ address: 0.0.0.0, port_value: 8443 }",
        "certificate_chain: { filename: \"a b/cert.pem\" }",
        "private_key: { filename: \"/k.pem\" }",
        "local: { filename: \"/opt/gate.wasm\" }",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let text = text.replace("      dns_lookup_family: V4_PREFERRED\n", "");
    let plain = written(&["envoy", "plugin.json", "--file", "tls.yaml"]);
    let changed = text
        .lines()
        .zip(plain.lines())
        .filter(|(one, other)| one != other)
        .count();
    assert_eq!((changed, text.lines().count()), (6, plain.lines().count()));
    assert!(
        written(&["kong", "plugin.json", "--upstream", "[::1]:11434"])
            .contains("url: http://[::1]:11434\n")
    );
    assert!(
        written(&["apisix", "plugin.json", "--upstream", "10.0.0.5:11434"])
            .contains("\"10.0.0.5:11434\": 1\n")
    );
    let istio = written(&[
        "istio",
        "plugin.json",
        "--upstream",
        "gpu.internal:80",
        "--module",
        "oci://r.lan/gate:1",
    ]);
    assert!(
        istio.contains("{ host: gpu.internal, port: { number: 80 } }"),
        "{istio}"
    );
    assert!(istio.contains("  url: \"oci://r.lan/gate:1\"\n"), "{istio}");
}

#[test]
fn an_option_changes_what_is_written_or_is_refused() {
    for (host, file, _) in PACKS {
        let plain = written(&[host, "plugin.json", "--file", file]);
        for option in [
            ["--upstream", "gpu.lan:11500"],
            ["--listen", "0.0.0.0:8443"],
            ["--tls", "a/cert.pem,b/key.pem"],
            ["--module", "other.wasm"],
        ] {
            let ran = render(&[&[host, "plugin.json", "--file", file], &option[..]].concat());
            if ran.code == Some(0) {
                assert_ne!(ran.output, plain, "{host}/{file}: {option:?}");
            } else {
                let sentence = ran.sentence();
                assert!(sentence.starts_with(option[0]), "{host}/{file}: {sentence}");
            }
        }
    }
}

#[test]
fn bad_input_is_one_sentence() {
    let folder = Folder::new();
    folder.write("plugin.json", PLUGIN);
    folder.write("wrong.json", r#"{ "api_key": {} }"#);
    for (line, why) in [
        ("render nginx plugin.json", "invalid value 'nginx'"),
        ("render envoy missing.json", "`missing.json` does not exist"),
        ("render envoy wrong.json", "`wrong.json` has errors"),
        (
            "render envoy plugin.json --file kong.conf",
            "--file: expected one of `envoy.yaml`, `tls.yaml`",
        ),
        (
            "render envoy plugin.json --upstream gpu",
            "--upstream: expected a port",
        ),
        (
            "render envoy plugin.json --listen 0.0.0.0:0",
            "--listen: expected a port from 1 to 65535",
        ),
        (
            "render envoy plugin.json --upstream a\"b:1",
            "--upstream: expected a host",
        ),
        (
            "render envoy plugin.json --tls cert.pem",
            "--tls: expected two paths",
        ),
        (
            "render kong plugin.json --tls a,b",
            "--tls is for Envoy; Kong has certificates",
        ),
        (
            "render istio plugin.json --listen 0.0.0.0:443",
            "--listen is for Envoy",
        ),
        (
            "render envoy plugin.json --file envoy.yaml --tls a,b",
            "--tls: `envoy.yaml` has no place for it, expected one of `tls.yaml`, `watched/certificate.yaml`",
        ),
        (
            "render envoy plugin.json --file watched/gate.yaml --listen 0.0.0.0:443",
            "--listen: `watched/gate.yaml` has no place for it, expected one of `envoy.yaml`, `tls.yaml`",
        ),
        (
            "render envoy plugin.json --file watched/certificate.yaml --module m.wasm",
            "--module: `watched/certificate.yaml` has no place for it",
        ),
        (
            "render istio plugin.json --file wasm-plugin.yaml --upstream gpu:80",
            "--upstream: `wasm-plugin.yaml` has no place for it, expected one of `gateway.yaml`",
        ),
        (
            "render kong plugin.json --module m.wasm",
            "--module is for Envoy, Istio and Envoy Gateway; Kong has its folder in `wasm_filters_path`",
        ),
    ] {
        let ran = folder.run(line.split(' '));
        assert!(ran.sentence().contains(why), "{line}: {ran:?}");
    }
}
