//! `basic`: what is taken, what is refused, and that no hash is ever shown.

use crate::world::{Gateway, SECRET, World, error, errors, with};
use serde_json::{Value, json};

/// bcrypt of cost 5, made by libxcrypt.
const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO";
/// The part that must not be shown.
const PART: &str = "abcdefghijklmnopqrstuu";

fn hash(cost: u32) -> String {
    HASH.replacen("$05$", &format!("${cost:02}$"), 1)
}

fn user(name: &str, hash: &str) -> Value {
    json!({ "name": name, "password_hash": hash })
}

/// The one error of a configuration whose only user has this hash.
fn refused(hash: &str) -> String {
    let told = error("/basic", json!({ "users": [user("bob", hash)] }));
    let rest = told.strip_prefix("basic.users[0].password_hash: the hash of `bob` ");
    rest.unwrap_or_else(|| panic!("{told}")).to_owned()
}

/// What is wrong with this htpasswd file.
fn refused_file(text: &str) -> String {
    let told = error("/basic", json!({ "htpasswd": text }));
    assert!(!told.contains(PART), "{told}");
    told.strip_prefix("basic.htpasswd: ").unwrap().to_owned()
}

/// Whether the configuration with this `basic` is taken.
fn is_taken(basic: Value) -> bool {
    let errors = errors(&with("/basic", basic));
    assert_eq!(errors, Vec::<String>::new());
    true
}

#[test]
fn every_kind_that_htpasswd_and_openssl_make_is_taken() {
    for hash in [
        hash(4),
        hash(8),
        HASH.replacen("$2y$", "$2b$", 1),
        HASH.replacen("$2y$", "$2a$", 1),
        "$apr1$saltsalt$EGVZDNN6gOqijy.tv9axG/".to_owned(),
        "$1$saltsalt$NuzA7WTAelpl95xgBGWN60".to_owned(),
        "$5$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/".to_owned(),
        "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=".to_owned(),
    ] {
        assert!(is_taken(json!({ "users": [user("bob", &hash)] })), "{hash}");
        assert!(
            is_taken(json!({ "htpasswd": format!("bob:{hash}") })),
            "{hash}"
        );
    }
}

#[test]
fn another_kind_is_refused_with_the_name_of_its_user_and_without_the_hash() {
    for other in [
        "secret-in-the-clear",
        "rqXexS6ZhobKA",
        "{SSHA}W6ZhobKArqXexSW6ZhobKArqXexSW6Zh",
        "$2x$05$abcdefghijklmnopqrstuu",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA",
        "",
    ] {
        if !other.is_empty() {
            let told = refused(other);
            assert!(
                told.starts_with("is of an unsupported kind"),
                "{other:?}: {told}"
            );
            assert!(
                !told.contains(&other[other.len() - 6..]),
                "{other:?}: {told}"
            );
        }
        let told = refused_file(&format!("alice:{HASH}\nbob:{other}\n"));
        let expected = "line 2: the hash of `bob` is of an unsupported kind, expected one of `htpasswd -B`, of \
                        `openssl passwd` with `-6`, `-5`, `-apr1` or `-1`, or `{SHA}`";
        assert_eq!(told, expected, "{other:?}");
    }
    assert_eq!(
        refused(&format!("bob:{HASH}")),
        "is a whole line, expected what follows the colon"
    );
    assert_eq!(
        refused(&HASH[..HASH.len() - 1]),
        "is cut off or changed, check how it was copied"
    );
}

#[test]
fn a_hash_that_blocks_a_worker_is_refused_unless_that_is_wanted() {
    for (cost, milliseconds) in [(9, 51), (10, 102), (12, 409)] {
        let slow = hash(cost);
        let told = format!(
            "is bcrypt of cost {cost} and would block a worker for some {milliseconds} ms at each new login, make it \
             with `htpasswd -B -C 5` or set `danger_allow_slow_hash`"
        );
        assert_eq!(refused(&slow), told, "{cost}, {milliseconds}");
        let line = refused_file(&format!("bob:{slow}"));
        assert_eq!(
            line,
            format!("line 1: the hash of `bob` {told}"),
            "{cost}, {milliseconds}"
        );
        let unwanted = json!({ "users": [user("bob", &slow)], "danger_allow_slow_hash": false });
        assert!(
            error("/basic", unwanted).contains("danger_allow_slow_hash"),
            "{cost}, {milliseconds}"
        );
        assert!(
            is_taken(json!({ "users": [user("bob", &slow)], "danger_allow_slow_hash": true })),
            "{cost}, {milliseconds}"
        );
    }
    let never = refused(&hash(13));
    assert_eq!(
        never,
        "costs too much in every case (bcrypt over 12, SHA-crypt over 200000 rounds)"
    );
    let wanted = json!({ "users": [user("bob", &hash(13))], "danger_allow_slow_hash": true });
    assert!(error("/basic", wanted).ends_with(&never));
}

#[test]
fn slow_hashes_are_told_at_the_start_and_others_are_not() {
    let lines = |cost| {
        let basic = json!({ "users": [user("bob", &hash(cost))], "danger_allow_slow_hash": true });
        let world = World::new(&with("/basic", basic));
        let lines = world.gateway.0.lines.borrow();
        let lines = lines.iter().map(|(_, line)| line.clone());
        lines
            .filter(|line| line.contains("basic"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        lines(10),
        ["ollama-gate: basic: 1 of the users have a slow hash: each new login blocks a worker"]
    );
    assert_eq!(lines(8), Vec::<String>::new());
}

#[test]
fn every_bad_line_of_a_file_is_named_at_once() {
    let text = format!(
        "\u{feff}# users\r\n\r\nalice:{HASH}:a remark\r\nbob\n  carol:plain\n:{HASH}\n{HASH}:dave\nalice:{HASH}\nerin smith:{HASH}\nzo\u{eb}:{HASH}\n"
    );
    let told = refused_file(&text);
    let name = "begins with no name of 1 to 128 characters of visible ASCII";
    let kind = "is of an unsupported kind, expected one of `htpasswd -B`, of `openssl passwd` with `-6`, `-5`, \
                `-apr1` or `-1`, or `{SHA}`";
    let expected = [
        "line 4: has no colon".to_owned(),
        format!("line 5: the hash of `carol` {kind}"),
        format!("line 6: {name}"),
        format!("line 7: {name}"),
        "line 8: `alice` is already used by another user".to_owned(),
        format!("line 9: {name}"),
        format!("line 10: {name}"),
    ];
    assert_eq!(told, expected.join("; "));
    let many = refused_file(&"x\n".repeat(1000));
    assert!(
        many.ends_with("; line 10: has no colon; and 990 more lines"),
        "{many}"
    );
    // The files of htdigest have a realm where the hash stands.
    let digest = refused_file("alice:realm:0123456789abcdef0123456789abcdef");
    assert_eq!(digest, format!("line 1: the hash of `alice` {kind}"));
}

#[test]
fn users_have_one_name_each_without_a_colon() {
    let again = json!({ "users": [user("bob", HASH), user("bob", HASH)] });
    assert_eq!(
        error("/basic", again),
        "basic.users[1].name: is already used by another user"
    );
    let both = json!({ "users": [user("bob", HASH)], "htpasswd": format!("bob:{HASH}") });
    assert_eq!(
        error("/basic", both),
        "basic.htpasswd: line 1: `bob` is already used by another user"
    );
    assert_eq!(
        error("/basic", json!({ "users": [user("a:b", HASH)] })),
        "basic.users[0].name: contains a colon, which would end the name when it is sent"
    );
    for bad in [
        json!(""),
        json!("a b"),
        json!("zo\u{eb}"),
        json!("x".repeat(129)),
        json!(1),
    ] {
        let users = json!({ "users": [{ "name": bad, "password_hash": HASH }] });
        let told = error("/basic", users);
        assert!(
            told.starts_with("basic.users[0].name: expected 1 to 128 characters"),
            "{bad}: {told}"
        );
    }
    // A hash in the place of the name is not shown.
    let swapped = error("/basic", json!({ "users": [user(HASH, "bob")] }));
    assert!(!swapped.contains(PART), "{swapped}");
}

#[test]
fn a_user_without_a_hash_has_a_line_in_the_file() {
    let bob = json!({ "name": "bob", "scopes": ["read"] });
    assert!(is_taken(
        json!({ "users": [bob], "htpasswd": format!("alice:{HASH}\nbob:{HASH}") })
    ));
    let missing = "basic.users[0].password_hash: is required";
    let no_line = format!("{missing}: `htpasswd` has no line for this name");
    for (basic, told) in [
        (json!({ "users": [bob] }), missing),
        (
            json!({ "users": [bob], "htpasswd": format!("alice:{HASH}\nBob:{HASH}\nbob2:{HASH}") }),
            no_line.as_str(),
        ),
        (
            json!({ "users": [bob], "htpasswd": { "env": "UNSET", "optional": true } }),
            no_line.as_str(),
        ),
        (
            json!({ "users": [bob], "htpasswd": format!("bob:{HASH}\nbob:{HASH}") }),
            "basic.htpasswd: line 2: `bob` is already used by another user",
        ),
        (
            json!({ "users": [bob, bob], "htpasswd": format!("bob:{HASH}") }),
            "basic.users[1].name: is already used by another user",
        ),
        (
            json!({ "users": [bob, user("bob", HASH)], "htpasswd": format!("bob:{HASH}") }),
            "basic.users[1].name: is already used by another user",
        ),
    ] {
        assert_eq!(error("/basic", basic.clone()), told, "{basic}");
    }
    // What is wrong with the line is told once, and every other name too.
    let carol = json!({ "name": "carol" });
    let told = errors(&with(
        "/basic",
        json!({ "users": [bob, carol], "htpasswd": "bob:plain" }),
    ));
    assert!(
        told[0].starts_with("basic.htpasswd: line 1: the hash of `bob` is of an unsupported kind")
    );
    assert_eq!(told[1], no_line.replace("users[0]", "users[1]").as_str());
    assert_eq!(told.len(), 2);
}

#[test]
fn what_all_users_have_is_told_with_its_place() {
    for (field, value, told) in [
        (
            "scopes",
            json!(["everything"]),
            "basic.scopes[0]: expected one of health, read, inference, manage, cloud, found `everything`",
        ),
        (
            "scopes",
            json!("read"),
            "basic.scopes: expected a list of scopes, found a string",
        ),
        (
            "limits",
            json!({ "num_ctx": 0 }),
            "basic.limits.num_ctx: expected a whole number of 1 to 9007199254740991, found `0`",
        ),
        (
            "model",
            json!([]),
            "basic.model: unknown field, did you mean `models`?",
        ),
    ] {
        let basic = json!({ "htpasswd": format!("bob:{HASH}"), field: value });
        assert_eq!(error("/basic", basic), told, "{field}, {value}");
    }
}

#[test]
fn the_section_has_users_or_a_file_and_nothing_else() {
    for empty in [
        json!({}),
        json!([]),
        json!({ "danger_allow_slow_hash": true }),
    ] {
        assert_eq!(
            error("/basic", empty.clone()),
            "basic: expected at least one of `users` and `htpasswd`",
            "{empty}"
        );
    }
    assert_eq!(
        error("/basic", json!({ "user": [], "users": [] })),
        "basic.user: unknown field, did you mean `users`?"
    );
    assert_eq!(
        errors(&with("/basic", json!({ "users": [{}] }))),
        [
            "basic.users[0].name: is required",
            "basic.users[0].password_hash: is required"
        ]
    );
    for (field, value) in [
        ("scopes", json!(["everything"])),
        ("subject", json!("")),
        ("password_hash", json!(1)),
        ("password_hash", json!("")),
        ("password", json!("secret")),
    ] {
        let mut user = user("bob", HASH);
        user[field] = value.clone();
        let told = error("/basic", json!({ "users": [user] }));
        assert!(
            told.starts_with(&format!("basic.users[0].{field}")),
            "{field} {value}: {told}"
        );
    }
    assert!(is_taken(json!({ "users": [] })));
    assert!(is_taken(json!({ "htpasswd": "# nobody yet" })));
}

#[test]
fn users_alone_are_enough_and_none_are_not() {
    let only = |basic: Value| {
        errors(&json!({ "basic": basic, "hosts": ["gate.example"], "host": { "name": "envoy" } }))
    };
    assert_eq!(
        only(json!({ "users": [user("bob", HASH)] })),
        Vec::<String>::new()
    );
    assert_eq!(
        only(json!({ "htpasswd": format!("bob:{HASH}\n") })),
        Vec::<String>::new()
    );
    for none in [json!({ "users": [] }), json!({ "htpasswd": "#" })] {
        assert!(
            only(none.clone())[0].contains("nobody could come in"),
            "{none}"
        );
    }
}

#[test]
fn hashes_and_files_come_from_the_environment_too() {
    let gate = |configuration: Value| {
        let gateway = Gateway::default();
        let world = World::on(gateway, configuration.to_string().as_bytes());
        world.errors()
    };
    let basic = |basic: Value| json!({ "basic": basic, "host": { "name": "envoy" } });
    let unset = json!({ "name": "bob", "password_hash": { "env": "UNSET" } });
    let told = gate(basic(json!({ "users": [unset] })));
    assert!(
        told[0]
            .starts_with("basic.users[0].password_hash: environment variable `UNSET` is not set"),
        "{told:?}"
    );
    let told = gate(basic(json!({ "htpasswd": { "env": "UNSET" } })));
    assert!(
        told[0].starts_with("basic.htpasswd: environment variable `UNSET`"),
        "{told:?}"
    );
    // The world's secret is no hash, which shows that it was read, and it is not shown.
    let told = gate(basic(
        json!({ "users": [{ "name": "bob", "password_hash": { "env": "WEBUI_SECRET_KEY" } }] }),
    ));
    assert!(
        told[0].contains("the hash of `bob` is of an unsupported kind"),
        "{told:?}"
    );
    assert!(!told[0].contains(SECRET));
}
