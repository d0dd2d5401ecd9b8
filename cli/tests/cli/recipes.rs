//! The files that people protect Ollama by today: what `import` writes passes `check`, and the whole of it is as recorded.

use super::support::{Folder, of_repository, snapshot};

/// The file in `cli/tests/recipes`, whose it is, and what it only seemed to do.
const RECIPES: [(&str, &str, &[&str]); 12] = [
    (
        "nginx.conf",
        "nginx",
        &["answers 403 to a foreign one", "`/api` and not `/v1`"],
    ),
    (
        "apisix.yaml",
        "apisix",
        &[
            "`jwt-auth` with `key` on the route did nothing",
            "`jwt-auth` with `exp` on the route did nothing",
            "the secret of `alice` is too weak for the gate",
            "`/api/*` and not `/v1/*`",
            "answers 403 to a foreign one",
            "`limit-count` was not taken over",
        ],
    ),
    (
        "apisix-consumers.yaml",
        "apisix",
        &[
            "the route for /api/tags asked for no credential",
            "the key of `carol` is no key for the gate",
            "passwords stood in the clear",
            "looked up in `$secret://vault/1/bob/secret`",
        ],
    ),
    (
        "kong.yaml",
        "kong",
        &[
            "the credential went on to Ollama",
            "`/api` and not `/v1`",
            "`preserve_host`",
            "from the query too",
        ],
    ),
    (
        "kong-jwt.json",
        "kong",
        &[
            "took expired tokens",
            "the secret of `tools` is too weak",
            "`build` are signed by an algorithm",
        ],
    ),
    (
        "oauth2-proxy.cfg",
        "oauth2-proxy",
        &[
            "`login` was not written",
            "cookie_refresh, cookie_expire, session_store_type, redis_connection_url",
            "`skip_auth_routes` let everybody in",
            "`trusted_ips` let these addresses in",
            "`client_secret` stands in the file",
        ],
    ),
    (
        "oauth2-proxy.yaml",
        "oauth2-proxy",
        &[
            "`authenticated_emails_file` narrowed who may come in",
            "everybody who has an account",
        ],
    ),
    (
        "open-webui.env",
        "open-webui",
        &[
            "the secret of `Open WebUI` is too weak",
            "`JWT_EXPIRES_IN=-1`",
            "`OLLAMA_BASE_URL` leads to Ollama itself",
            "`OPENAI_API_BASE_URLS` leads to Ollama itself",
            "`OPENAI_API_BASE_URLS` leads to another provider",
            "`ENABLE_API_KEYS`",
            "names that anybody could send",
        ],
    ),
    (
        "open-webui.yaml",
        "open-webui",
        &["has a default in the file"],
    ),
    (
        "litellm.yaml",
        "litellm",
        &[
            "`master_key` stands in the file",
            "the key of `litellm-master` is no key for the gate",
            "virtual keys and their budgets are in the database",
            "clients called `coder` what Ollama calls `qwen3:8b`",
            "`gpt-4o` is none of Ollama's models",
            "`use_x_forwarded_for`",
        ],
    ),
    (
        "litellm-env.yaml",
        "litellm",
        &["`master_key` managed LiteLLM too"],
    ),
    (
        "apisix-route.json",
        "apisix",
        &["no consumer in the file has a key for `key-auth`"],
    ),
];

fn recipe(name: &str) -> String {
    std::fs::read_to_string(of_repository(&format!("cli/tests/recipes/{name}"))).unwrap()
}

#[test]
fn each_recipe_becomes_what_check_accepts_and_its_mistakes_are_named() {
    for (name, source, mistakes) in RECIPES {
        let folder = Folder::new();
        folder.write(name, recipe(name));
        let ran = folder.run(["import", source, name]);
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        for mistake in mistakes {
            assert!(
                ran.error.contains(mistake),
                "{name}: {mistake}: {}",
                ran.error
            );
        }
        folder.write("gate.json", &ran.output);
        let checked = folder.run(["check", "gate.json"]);
        assert_eq!(checked.code, Some(0), "{name}: {checked:?}");
        let report = folder.run(["--json", "import", source, name]).json();
        let written: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
        assert_eq!(report["plugin"], written, "{name}");
        snapshot(&format!("import-{}", name.replace('.', "-")), &report);
    }
}

#[test]
fn no_secret_of_a_recipe_is_in_what_is_written_or_said() {
    for (name, source, _) in RECIPES {
        let folder = Folder::new();
        folder.write(name, recipe(name));
        let ran = folder.run(["import", source, name]);
        let all = format!("{}{}", ran.output, ran.error);
        for secret in [
            "my-secret-key",
            "sk-q8Zt",
            "sk-m4Xc",
            "in-the-clear",
            "auth-one",
            "not-a-secret",
            "0123456789abcdef0123",
            "t0p-s3cr3t",
            "changeme",
            "sk-1234",
            "c2hvcnQ",
        ] {
            assert!(!all.contains(secret), "{name}: {secret}: {all}");
        }
    }
}

#[test]
fn keys_open_what_was_written_as_they_opened_what_was_read() {
    let folder = Folder::new();
    folder.write("apisix.yaml", recipe("apisix-consumers.yaml"));
    let ran = folder.run(["import", "apisix", "apisix.yaml"]);
    folder.write("gate.json", &ran.output);
    for (header, code) in [
        ("X-Team-Key: sk-q8ZtW2vLx5RkHn3Jb7YpAlice", 0),
        ("Authorization: Bearer sk-q8ZtW2vLx5RkHn3Jb7YpAlice", 0),
        ("X-Team-Key: auth-one", 1),
        ("X-Team-Key: sk-m4XcT9wGd6PsQf1Vz8UjMallory", 1),
        ("apikey: sk-q8ZtW2vLx5RkHn3Jb7YpAlice", 1),
    ] {
        let line = [
            "explain",
            "gate.json",
            "--request",
            "GET /api/tags",
            "--header",
            header,
            "--header",
            "Host: ollama.example.com",
        ];
        let users = "alice:$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2";
        let secret = "W45/G5MyANqlZIh6sRif0g/3iMa8wMP1zW+4npNfQt06NpqkSfAt+dGP3FIERlwIpr0pL+DCnukNr6DAoPF1/w==";
        let variables = [("OLLAMA_HTPASSWD", users), ("BOB_JWT_SECRET", secret)];
        let ran = folder.run_with(line, &variables, b"");
        assert_eq!(ran.code, Some(code), "{header}: {ran:?}");
    }
}

#[test]
fn what_narrowed_and_cannot_be_taken_over_closes() {
    let folder = Folder::new();
    folder.write("compose.yaml", recipe("oauth2-proxy.yaml"));
    let report = folder
        .run(["--json", "import", "oauth2-proxy", "compose.yaml"])
        .json();
    assert_eq!(report["plugin"]["jwt"][0]["scopes"], serde_json::json!([]));
}

#[test]
fn a_file_that_guards_nothing_or_is_another_programs_is_one_sentence() {
    for (source, text, why) in [
        ("apisix", "routes: []", "no `routes` in it"),
        (
            "apisix",
            "routes: [{ uri: /api/*, upstream: { nodes: { 'o:11434': 1 } } }]",
            "nobody shows a credential",
        ),
        ("apisix", "a: [", "neither JSON nor YAML"),
        ("kong", "services: []", "no `_format_version`"),
        ("kong", "_format_version: '3.0'", "no `services`"),
        (
            "kong",
            "_format_version: '3.0'\nservices: [{ name: o, url: 'http://o:11434' }]",
            "nobody shows a credential",
        ),
        (
            "oauth2-proxy",
            "provider = \"github\"\nclient_id = \"a\"",
            "nobody shows a credential there that the gate can check",
        ),
        ("oauth2-proxy", "a: b", "no setting of oauth2-proxy"),
        (
            "oauth2-proxy",
            "client_secret = \"sk-not-shown",
            "is no TOML",
        ),
        ("open-webui", "PORT=8080", "no setting of Open WebUI"),
        ("litellm", "services: {}", "no `model_list`"),
        ("litellm", "{", "is not JSON"),
    ] {
        let folder = Folder::new();
        folder.write("file", text);
        let ran = folder.run(["import", source, "file"]);
        assert!(ran.sentence().contains(why), "{source} {text}: {ran:?}");
        assert!(!ran.error.contains("sk-not-shown"), "{ran:?}");
    }
}

#[test]
fn a_recipe_cut_anywhere_is_taken_over_or_is_one_sentence() {
    for (name, source, _) in RECIPES {
        let whole = recipe(name);
        let folder = Folder::new();
        // Every place would be minutes of starting the program.
        for end in (1..whole.len()).step_by(23) {
            let cut = whole.get(..end).unwrap();
            let ran = folder.run_with(["import", source, "-"], &[], cut.as_bytes());
            match ran.code {
                Some(0) => assert!(ran.json().is_object(), "{name} {end}"),
                _ => drop(ran.sentence()),
            }
        }
    }
}

#[test]
fn what_is_no_file_for_import_is_one_sentence() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("folder")).unwrap();
    folder.write("latin1", b"a: \xe9");
    let large = std::fs::File::create(folder.path("large")).unwrap();
    large.set_len(100 << 20).unwrap();
    folder.write("deep", format!("a: {}", "[".repeat(100_000)));
    folder.write("deep.cfg", format!("a = {}", "[".repeat(100_000)));
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (next, last) in "bcdefghij".chars().zip("abcdefghi".chars()) {
        bomb += &format!(
            "{next}: &{next} [{}]\n",
            vec![format!("*{last}"); 9].join(", ")
        );
    }
    folder.write("bomb", bomb);
    for source in [
        "nginx",
        "apisix",
        "kong",
        "oauth2-proxy",
        "open-webui",
        "litellm",
    ] {
        for name in [
            "folder", "latin1", "large", "absent", "deep", "deep.cfg", "bomb",
        ] {
            let ran = folder.run(["import", source, name]);
            assert!(!ran.sentence().is_empty(), "{source} {name}");
        }
    }
}
