//! `key rotate`: two secrets until the grace is over, and none that had ended before.

use super::key::{explain, key_of};
use super::support::{Folder, words};
use serde_json::{Value, json};

#[test]
fn a_rotated_key_has_two_secrets_until_the_grace_is_over() {
    let folder = Folder::new();
    folder.write("gate.json", r#"{ "hosts": ["gate.example"] }"#);
    let old = key_of(&folder.run(words("key new gate.json --id alice --json")));
    let ran = folder.run(words("key rotate gate.json --id alice --grace 24h --json"));
    let new = key_of(&ran);
    assert_ne!(old, new);
    let record = ran.json()["record"].clone();
    let previous = record["previous"].as_array().unwrap();
    assert_eq!((&record["id"], previous.len()), (&json!("alice"), 1));
    let end = previous[0]["until"].as_str().unwrap().to_owned();
    assert!(
        ran.json()["note"].as_str().unwrap().contains(&end),
        "{ran:?}"
    );
    let listed = folder.run(words("key list gate.json --json")).json();
    let keys = listed["keys"].as_array().unwrap();
    assert_eq!((keys.len(), &keys[0]["id"]), (1, &json!("alice")));
    assert_eq!(keys[0]["old_secrets_until"], json!([end]));
    let shown = folder.run(words("key list gate.json"));
    assert!(
        shown.output.contains(&format!("old secret until {end}")),
        "{shown:?}"
    );
    let today = "2026-11-27T00:00:00Z";
    for key in [&old, &new] {
        let report = explain(&folder, key, "GET /api/tags", today);
        assert_eq!(
            (&report["decision"], &report["id"], &report["subject"]),
            (&json!("allowed"), &json!("alice"), &json!("alice")),
            "{report}"
        );
    }
    assert_eq!(
        explain(&folder, &old, "GET /api/tags", &end)["code"],
        "expired_key"
    );
    assert_eq!(explain(&folder, &new, "GET /api/tags", &end)["id"], "alice");
    // Rotated again at once, it has three.
    let newest = key_of(&folder.run(words("key rotate gate.json --id alice --grace 1h --json")));
    for key in [&old, &new, &newest] {
        let report = explain(&folder, key, "GET /api/tags", today);
        assert_eq!(report["decision"], "allowed", "{report}");
    }
}

#[test]
fn a_rotated_key_keeps_its_record_and_loses_what_counts_no_more() {
    let folder = Folder::new();
    let digest = |part: &str| part.repeat(16);
    for (members, kept) in [
        // The secret of the environment stays there.
        (
            json!({ "key": { "env": "ALICE" } }),
            vec![json!({ "env": "ALICE" })],
        ),
        // What ends before the grace does ends then, and what has ended counts no more.
        (
            json!({ "sha256": digest("5f2c"), "expires_at": "2020-01-01T00:00:00Z" }),
            vec![],
        ),
        (
            json!({ "sha256": digest("5f2c"), "not_before": "2100-01-01T00:00:00Z" }),
            vec![],
        ),
        // Then its old secrets do not count either.
        (
            json!({ "sha256": digest("5f2c"), "expires_at": "2020-01-01T00:00:00Z", "previous": [
                { "key": { "env": "OLDER" }, "until": "2100-01-01T00:00:00Z" },
            ] }),
            vec![],
        ),
        (
            json!({ "sha256": digest("5f2c"), "not_before": "2100-01-01T00:00:00Z", "previous": [
                { "key": { "env": "OLDER" }, "until": "2100-01-01T00:00:00Z" },
            ] }),
            vec![],
        ),
        (
            json!({ "key": { "env": "ALICE" }, "previous": [
                { "key": { "env": "OLDER" }, "until": "2100-01-01T00:00:00Z" },
                { "key": { "env": "OLDEST" }, "until": "2020-01-01T00:00:00Z" },
            ] }),
            vec![json!({ "env": "OLDER" }), json!({ "env": "ALICE" })],
        ),
    ] {
        let mut record =
            json!({ "id": "alice", "scopes": ["read"], "labels": { "team": "search" } });
        for (name, value) in members.as_object().unwrap() {
            record[name] = value.clone();
        }
        let all = json!({ "hosts": ["gate.example"], "api_keys": { "keys": [record, { "id": "bob", "key": { "env": "BOB" } }] } });
        folder.write("gate.json", all.to_string());
        let ran = folder.run(words("key rotate gate.json --id alice --json"));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let text = std::fs::read_to_string(folder.path("gate.json")).unwrap();
        let after: Value = serde_json::from_str(&text).unwrap();
        let keys = after["api_keys"]["keys"].as_array().unwrap();
        assert_eq!(
            (&keys[0]["id"], &keys[1]["id"]),
            (&json!("alice"), &json!("bob"))
        );
        assert_eq!(
            (&keys[0]["scopes"], &keys[0]["labels"]["team"]),
            (&json!(["read"]), &json!("search"))
        );
        assert!(
            keys[0].get("key").is_none() && keys[0].get("not_before").is_none(),
            "{text}"
        );
        let previous = keys[0]["previous"].as_array().cloned().unwrap_or_default();
        let secrets: Vec<_> = previous.iter().map(|item| item["key"].clone()).collect();
        assert_eq!(secrets, kept, "{text}");
    }
}

#[test]
fn a_secret_of_a_key_that_was_revoked_does_not_come_back_when_the_key_is_rotated() {
    let folder = Folder::new();
    folder.write("gate.json", r#"{ "hosts": ["gate.example"] }"#);
    let leaked = key_of(&folder.run(words("key new gate.json --id alice --json")));
    let line = "key rotate gate.json --id alice --grace 7d --json";
    let second = key_of(&folder.run(words(line)));
    assert_eq!(
        folder.run(words("key revoke gate.json --id alice")).code,
        Some(0)
    );
    let listed = folder.run(words("key list gate.json --json")).json();
    assert_eq!(listed["keys"][0]["old_secrets_until"], json!([]));
    let ran = folder.run(words(line));
    let third = key_of(&ran);
    // Before the secrets end that the record had.
    let at = "2026-11-27T00:00:00Z";
    for key in [&leaked, &second] {
        let report = explain(&folder, key, "GET /api/tags", at);
        assert_eq!(report["code"], "unknown_key", "{report}");
    }
    assert_eq!(explain(&folder, &third, "GET /api/tags", at)["id"], "alice");
    assert_eq!(ran.json()["note"], "The old secret is not valid any more.");
    assert_eq!(ran.json()["record"].get("previous"), None, "{ran:?}");
}

#[test]
fn a_disabled_key_is_listed_as_such_and_no_secret_of_it_comes_back_when_it_is_enabled() {
    let folder = Folder::new();
    let path = folder.write("gate.json", r#"{ "hosts": ["gate.example"] }"#);
    let leaked = key_of(&folder.run(words("key new gate.json --id alice --json")));
    let set = |from: &str, to: &str| {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    };
    let id = "\"id\":\"alice\"";
    set(id, &format!("{id},\"disabled\":true"));
    let listed = folder.run(words("key list gate.json --json")).json();
    assert_eq!(listed["keys"][0]["state"], "disabled");
    let ran = folder.run(words("key rotate gate.json --id alice --grace 7d --json"));
    let second = key_of(&ran);
    assert_eq!(
        ran.json()["note"],
        "The old secret is not valid any more. The key is disabled, so its new secret is not valid either."
    );
    assert_eq!(ran.json()["record"].get("previous"), None, "{ran:?}");
    set("\"disabled\":true", "\"disabled\":false");
    let at = "2026-11-28T00:00:00Z";
    let report = explain(&folder, &leaked, "GET /api/tags", at);
    assert_eq!(report["code"], "unknown_key", "{report}");
    assert_eq!(
        explain(&folder, &second, "GET /api/tags", at)["id"],
        "alice"
    );
}

#[test]
fn no_old_secret_counts_for_longer_than_its_key_would_have() {
    let folder = Folder::new();
    let digest =
        |end: &str| format!("9b7f3c1e5a2d8f604c7e1b9a3d5f8e2c6a4b0d9e7f1c3a5b8d2e6f4a0c9b7d{end}");
    let (end, later) = ("2098-01-01T00:00:00Z", "2099-01-01T00:00:00Z");
    let record = json!({ "id": "alice", "sha256": digest("1e"), "expires_at": end, "previous": [
        { "sha256": digest("2e"), "until": later },
        { "sha256": digest("3e"), "until": "2097-01-01T00:00:00Z" },
    ] });
    let all = json!({ "hosts": ["gate.example"], "api_keys": { "keys": [record] } });
    folder.write("gate.json", all.to_string());
    let untils = json!([end, "2097-01-01T00:00:00Z"]);
    let listed = folder.run(words("key list gate.json --json")).json();
    assert_eq!(listed["keys"][0]["old_secrets_until"], untils);
    // Without grace the secret that is replaced ends at once, and the note is about that one.
    let line = "key rotate gate.json --id alice --grace 0s --json --expires";
    let ran = folder.run(words(&format!("{line} {later}")));
    let previous = ran.json()["record"]["previous"].clone();
    let kept: Vec<_> = previous
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["until"])
        .collect();
    assert_eq!(json!(kept), untils, "{ran:?}");
    assert_eq!(
        ran.json()["note"],
        format!("The old secret is not valid any more, but one before it is until {end}.")
    );
}
