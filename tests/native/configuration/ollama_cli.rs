//! `ollama_cli`, as it may be written and as it may not.

use crate::world::cli::{Cli, blob};
use crate::world::{World, configuration, errors};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn of(section: Value) -> Vec<String> {
    let mut all = configuration();
    all["ollama_cli"] = section;
    errors(&all)
}

fn of_keys(keys: Value) -> Vec<String> {
    of(json!({ "authorized_keys": keys }))
}

/// The one error of a key, without its path.
fn of_line(line: &str) -> String {
    let errors = of_keys(json!([line]));
    assert_eq!(errors.len(), 1, "{line}: {errors:?}");
    let message = errors[0].strip_prefix("ollama_cli.authorized_keys[0]: ");
    message.unwrap_or_else(|| panic!("{errors:?}")).to_owned()
}

const TYPE: &str = "is a key of another type, the `ollama` CLI signs with ssh-ed25519";
const FORM: &str = "expected `ssh-ed25519 AAAA… name`, without options in front";
const CUT: &str = "is not a complete ssh-ed25519 key: copy the line of id_ed25519.pub again";
const NAME: &str = "has no name: expected a comment of 1 to 128 characters of visible ASCII behind the key, or an object with an `id`";

#[test]
fn a_key_is_a_line_or_an_object_with_a_line() {
    let line = Cli::new(1).line("alice@laptop");
    let bare = format!("ssh-ed25519 {}", Cli::new(2).blob());
    for good in [
        json!([line]),
        json!([format!("  {line} \n")]),
        json!([line.replace(' ', "\t")]),
        json!([line.replace(' ', "  ")]),
        json!([{ "key": bare, "id": "bob" }]),
        json!([line, { "key": bare, "id": "bob", "subject": "bob", "scopes": ["manage"], "expires_at": "2027-01-31T00:00:00Z" }]),
        json!([]),
        json!({}),
    ] {
        assert_eq!(of_keys(good.clone()), Vec::<String>::new(), "{good}");
    }
}

#[test]
fn other_keys_and_other_lines_are_refused() {
    let blob_of = Cli::new(1).blob();
    let raw = STANDARD.decode(&blob_of).unwrap();
    for (line, message) in [
        (
            format!("ssh-rsa {} alice", blob("ssh-rsa", &[1; 279])),
            TYPE,
        ),
        (format!("ecdsa-sha2-nistp256 {blob_of} alice"), TYPE),
        (format!("sk-ssh-ed25519@openssh.com {blob_of} alice"), TYPE),
        (
            format!("sk-ecdsa-sha2-nistp256@openssh.com {blob_of} a"),
            TYPE,
        ),
        (
            format!("ssh-ed25519-cert-v01@openssh.com {blob_of} a"),
            TYPE,
        ),
        (format!("ssh-dss {blob_of} alice"), TYPE),
        (format!("restrict ssh-ed25519 {blob_of} alice"), FORM),
        (
            format!("from=\"10.0.0.0/8\" ssh-ed25519 {blob_of} alice"),
            FORM,
        ),
        (format!("SSH-ED25519 {blob_of} alice"), FORM),
        (format!("{blob_of} alice"), FORM),
        ("# ssh-ed25519".to_owned(), FORM),
        ("alice".to_owned(), FORM),
        (String::new(), FORM),
        ("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(), FORM),
        ("ssh-ed25519".to_owned(), CUT),
        ("ssh-ed25519 alice".to_owned(), CUT),
        (format!("ssh-ed25519 {} alice", &blob_of[..67]), CUT),
        (format!("ssh-ed25519 {}= alice", &blob_of[..67]), CUT),
        (format!("ssh-ed25519 {blob_of}= alice"), CUT),
        (
            format!("ssh-ed25519 {} alice", STANDARD.encode(&raw[..50])),
            CUT,
        ),
        (
            format!(
                "ssh-ed25519 {} alice",
                STANDARD.encode([&raw[..], &[0]].concat())
            ),
            CUT,
        ),
        (
            format!("ssh-ed25519 {} alice", blob("ssh-rsa", &[1; 279])),
            CUT,
        ),
        (
            format!(
                "ssh-ed25519 {} alice",
                blob("sk-ssh-ed25519@openssh.com", &[1; 32])
            ),
            CUT,
        ),
        (format!("ssh-ed25519 {blob_of}"), NAME),
        (format!("ssh-ed25519 {blob_of} alice at home"), NAME),
        (format!("ssh-ed25519 {blob_of} älice"), NAME),
        (format!("ssh-ed25519 {blob_of} {}", "a".repeat(129)), NAME),
    ] {
        assert_eq!(of_line(&line), message, "{line}");
    }
    let two = format!("{}\n{}", Cli::new(1).line("a"), Cli::new(2).line("b"));
    assert_eq!(
        of_line(&two),
        "holds several lines, expected one string for each key"
    );
}

#[test]
fn a_key_under_which_anything_verifies_is_refused() {
    let mut order_two = [0xff; 32];
    (order_two[0], order_two[31]) = (0xec, 0x7f);
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut identity_again = [0xff; 32];
    (identity_again[0], identity_again[31]) = (0xee, 0x7f);
    // The two points of order eight, of two signs each (RFC 7748 section 7 speaks of their like).
    let eight = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let order_eight: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&eight[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let order_eight: [u8; 32] = order_eight.try_into().unwrap();
    let mut negative = order_eight;
    negative[31] |= 0x80;
    for weak in [
        [0; 32],
        identity,
        identity_again,
        order_two,
        order_eight,
        negative,
    ] {
        let line = format!("ssh-ed25519 {} alice", blob("ssh-ed25519", &weak));
        assert_eq!(of_line(&line), "is no usable Ed25519 key", "{weak:02x?}");
    }
    let no_point = format!("ssh-ed25519 {} a", blob("ssh-ed25519", &[2; 32]));
    assert_eq!(of_line(&no_point), "is no usable Ed25519 key");
}

#[test]
fn keys_and_ids_are_unique() {
    let (alice, bob) = (Cli::new(1).line("alice"), Cli::new(2).line("alice"));
    assert_eq!(
        of_keys(json!([alice, bob])),
        ["ollama_cli.authorized_keys[1]: has an id that another key already uses"]
    );
    assert_eq!(
        of_keys(json!([alice, { "key": alice, "id": "other" }])),
        ["ollama_cli.authorized_keys[1]: is the same key as `alice`"]
    );
}

#[test]
fn every_error_has_its_path() {
    let line = Cli::new(1).line("alice");
    for (section, error) in [
        (json!({}), "ollama_cli.authorized_keys: is required"),
        (json!("x"), "ollama_cli: expected an object, found a string"),
        (
            json!({ "authorized_keys": "ssh-ed25519" }),
            "ollama_cli.authorized_keys: expected a list of keys, found a string",
        ),
        (
            json!({ "authorized_keys": [1] }),
            "ollama_cli.authorized_keys[0]: expected a line such as `ssh-ed25519 AAAA… name`, found a number",
        ),
        (
            json!({ "authorized_keys": [{ "id": "alice" }] }),
            "ollama_cli.authorized_keys[0].key: is required",
        ),
        (
            json!({ "authorized_keys": [{ "key": line, "scope": [] }] }),
            "ollama_cli.authorized_keys[0].scope: unknown field, did you mean `scopes`?",
        ),
        (
            json!({ "authorized_keys": [{ "key": line, "scopes": ["admin"] }] }),
            "ollama_cli.authorized_keys[0].scopes[0]: expected one of health, read, inference, manage, cloud, found `admin`",
        ),
        (
            json!({ "authorized_keys": [{ "key": "x", "id": "alice" }] }),
            &format!("ollama_cli.authorized_keys[0].key: {FORM}"),
        ),
        (
            json!({ "authorized_keys": [line], "windows": "1s" }),
            "ollama_cli.windows: unknown field, did you mean `window`?",
        ),
    ] {
        assert_eq!(of(section.clone()), [error], "{section}");
    }
    let several = of_keys(json!([{ "key": "x", "id": "", "expires_at": "soon", "subject": " " }]));
    assert_eq!(several.len(), 4, "{several:?}");
    assert_eq!(
        of_keys(json!([{ "key": line, "id": "" }])).len(),
        1,
        "a name that is wrong is not replaced by the comment"
    );
}

#[test]
fn windows_have_bounds() {
    for (field, good, bad) in [
        ("window", ["1s", "5m"], ["0s", "301s"]),
        ("replay_window", ["1s", "10s"], ["0s", "11s"]),
    ] {
        let with = |value: Value| {
            let mut section = json!({ "authorized_keys": [Cli::new(1).line("alice")] });
            section[field] = value;
            of(section)
        };
        for good in good {
            assert_eq!(with(json!(good)), Vec::<String>::new(), "{field}: {good}");
        }
        for bad in [
            json!(bad[0]),
            json!(bad[1]),
            json!(30),
            json!("500ms"),
            json!(""),
        ] {
            let errors = with(bad.clone());
            assert_eq!(errors.len(), 1, "{field} {bad}");
            let start = format!("ollama_cli.{field}: expected a duration");
            assert!(errors[0].starts_with(&start), "{bad}: {errors:?}");
        }
    }
}

#[test]
fn an_error_does_not_show_what_may_be_a_private_key() {
    let hidden = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW";
    for key in [
        hidden.to_owned(),
        format!("ssh-ed25519 {hidden} alice"),
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{hidden}\n-----END"),
    ] {
        for keys in [json!([key]), json!([{ "key": key, "id": "a" }]), json!(key)] {
            let errors = of_keys(keys.clone()).join("\n");
            assert!(
                !errors.is_empty() && !errors.contains("b3Blb"),
                "{keys}: {errors}"
            );
        }
    }
}

#[test]
fn keys_alone_are_enough_and_none_are_not() {
    let alone = json!({ "ollama_cli": { "authorized_keys": [Cli::new(1).line("alice")] } });
    assert!(World::new(&alone).configured);
    let none = errors(&json!({ "ollama_cli": { "authorized_keys": [] } }));
    assert_eq!(none.len(), 1);
    assert!(none[0].contains("nobody could come in"), "{none:?}");
}
