//! `import` writes what the gate takes, and names what the file only seemed to do.

use super::support::{Folder, Ran};

const HTPASSWD: &str = "server {
    listen 443 ssl; server_name ollama.example.com _;
    location / {
        auth_basic \"Ollama\"; # a comment with ; and {
        auth_basic_user_file /etc/nginx/.htpasswd;
        proxy_pass http://127.0.0.1:11434;
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
    }
}";

const KEYS: &str = "map $http_authorization $who {
    default 0;
    \"Bearer sk-q8ZtW2vLx5RkHn3Jb7Yp\" alice;
    'Bearer sk-m4XcT9wGd6PsQf1Vz8Uj' 1;
    \"~^Bearer .*\" 1;
    \"Bearer sk-z1LkB7rNe2HyWd5Co3Ta\" 0;
}
server {
    server_name ~^ollama *.lan gate.lan;
    allow 192.168.1.0/24; deny all;
    location /api/ {
        if ($who = 0) { return 401; }
        proxy_set_header Host localhost:11434;
        proxy_set_header Authorization '';
        proxy_read_timeout 1h;
        proxy_pass http://127.0.0.1:11434;
    }
}";

fn import(site: &str, options: &[&str]) -> (Folder, Ran) {
    let folder = Folder::new();
    folder.write("site", site);
    let ran = folder.run([options, &["import", "nginx", "site"]].concat());
    (folder, ran)
}

#[test]
fn a_site_with_htpasswd_becomes_basic() {
    let (folder, ran) = import(HTPASSWD, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for note in [
        "OLLAMA_HTPASSWD",
        "403 to a foreign one",
        "the credential went on to Ollama",
        "60 silent seconds",
    ] {
        assert!(ran.error.contains(note), "{note}: {}", ran.error);
    }
    folder.write("gate.json", &ran.output);
    assert_eq!(folder.run(["check", "gate.json"]).code, Some(0));
    let report = folder.run(["--json", "import", "nginx", "site"]).json();
    assert_eq!(
        report["plugin"]["basic"]["htpasswd"]["env"],
        "OLLAMA_HTPASSWD"
    );
    assert_eq!(
        report["plugin"]["hosts"],
        serde_json::json!(["ollama.example.com"])
    );
    assert_eq!(
        report["notes"].as_array().unwrap().len(),
        ran.error.lines().count()
    );
}

#[test]
fn a_map_of_keys_becomes_digests_and_only_of_those_that_opened() {
    let (folder, ran) = import(KEYS, &["--json"]);
    let report = ran.json();
    let keys = report["plugin"]["api_keys"]["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2, "{report:#}");
    assert_eq!(
        report["plugin"]["network"],
        serde_json::json!({ "allow": ["192.168.1.0/24"] })
    );
    assert_eq!(report["plugin"]["hosts"], serde_json::json!(["gate.lan"]));
    assert!(!ran.output.contains("sk-"), "{report:#}");
    let notes = report["notes"].to_string();
    assert!(
        notes.contains("`/api` and not `/v1`") && notes.contains("is a pattern"),
        "{notes}"
    );
    for wrong in ["403", "went on to Ollama", "60 silent"] {
        assert!(!notes.contains(wrong), "{notes}");
    }
    // The key opens the gate, and the one that the map shut out does not.
    folder.write("gate.json", report["plugin"].to_string());
    for (key, code) in [
        ("sk-q8ZtW2vLx5RkHn3Jb7Yp", 0),
        ("sk-z1LkB7rNe2HyWd5Co3Ta", 1),
    ] {
        let header = format!("Authorization: Bearer {key}");
        let line = [
            "explain",
            "gate.json",
            "--request",
            "GET /api/tags",
            "--from",
            "192.168.1.5",
            "--header",
            &header,
            "--header",
            "Host: gate.lan",
        ];
        let ran = folder.run(line);
        assert_eq!(ran.code, Some(code), "{ran:?}");
    }
}

#[test]
fn rules_that_let_more_in_than_they_seemed_to_are_named() {
    let open = HTPASSWD.replace(
        "proxy_pass",
        "satisfy any; allow 10.0.0.0/8; deny 10.9.0.0/16; deny all; proxy_pass",
    );
    let open = open.replace(
        "listen",
        "location /v1/ { auth_basic off; proxy_pass http://127.0.0.1:11434; } listen",
    );
    let (_, ran) = import(&open, &[]);
    for note in [
        "`satisfy any` let addresses in",
        "`location /v1/` asked for no password",
        "outweighs `network.allow`",
        "differ between locations",
    ] {
        assert!(ran.error.contains(note), "{note}: {ran:?}");
    }
}

#[test]
fn a_site_that_guards_nothing_is_one_sentence() {
    for (site, why) in [
        (
            "server { location / { proxy_pass http://127.0.0.1:11434; } }",
            "nobody shows a credential there",
        ),
        (
            "server { location / { allow 10.0.0.0/8; deny all; proxy_pass http://o:11434; } }",
            "nobody shows a credential there",
        ),
        (
            "server { auth_basic x; auth_basic off; }",
            "no `proxy_pass` in it",
        ),
        ("server { location / {", "it ends within a block"),
        ("server { a \"b }", "a quotation mark is not closed"),
        ("}", "expected `;` or a directive before `}`"),
    ] {
        let (_, ran) = import(site, &[]);
        assert!(ran.sentence().contains(why), "{site}: {ran:?}");
    }
    let (_, ran) = import(&"a{".repeat(100_000), &[]);
    assert!(ran.sentence().contains("deep"), "{ran:?}");
}
