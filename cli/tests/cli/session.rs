//! `session` asks webdis as the gate does, and says what it cannot know.

use super::support::{Folder, Ran, snapshot};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

const RING: &str = "c2d41f7e90ab3658d1e7042f9c85b36a";
const PASSWORD: &str = "Basic Z2F0ZTpxVDJ2THg3UmJaNG1XZA==";
const VARIABLES: [(&str, &str); 2] = [("RING", RING), ("WEBDIS", PASSWORD)];

/// A webdis that answers each command with what `answer` makes of it. Gives its port, and what it was asked.
fn webdis(
    answer: impl Fn(&str) -> (u16, String) + Send + 'static,
) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            // The length is known once the head is there.
            let text = loop {
                let read = connection.read(&mut chunk).unwrap();
                request.extend_from_slice(&chunk[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("Content-Length: "));
                    length.is_some_and(|length| body.len() >= length.parse().unwrap())
                });
                if whole || read == 0 {
                    break text;
                }
            };
            let (status, body) = answer(text.split("\r\n\r\n").nth(1).unwrap_or_default());
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n");
            requests.lock().unwrap().push(text);
            drop(connection.write_all([head, body].concat().as_bytes()));
        }
    });
    (port, asked)
}

fn folder(store: bool) -> Folder {
    let folder = Folder::new();
    let mut login = json!({
        "issuer": "https://sso.example", "upstream": "sso", "client_id": "gate",
        "client_secret": { "env": "NOT_NEEDED_HERE" }, "url": "https://gate.example",
        "secrets": [{ "env": "RING" }],
    });
    if store {
        login["store"] = json!({ "kind": "redis", "url": "http://webdis.invalid", "upstream": "webdis",
            "headers": { "authorization": { "env": "WEBDIS" } } });
    }
    let configuration =
        json!({ "login": login, "hosts": ["gate.example"], "host": { "name": "envoy" } });
    folder.write("gate.json", configuration.to_string());
    folder
}

fn session(port: u16, action: &str) -> Ran {
    let url = format!("http://127.0.0.1:{port}");
    let line = [
        "--json",
        "session",
        action,
        "gate.json",
        "--subject",
        "alice",
        "--webdis",
        &url,
    ];
    folder(true).run_with(line, &VARIABLES, b"")
}

fn answer(value: Value) -> impl Fn(&str) -> (u16, String) + Send {
    move |_| (200, json!({ "EVAL": value }).to_string())
}

#[test]
fn sessions_are_revoked_by_one_command_that_names_nobody() {
    let (port, asked) = webdis(answer(json!(2)));
    let ran = session(port, "revoke");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    snapshot("session-revoke", &ran.json());
    let asked = asked.lock().unwrap();
    let [request] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains(&format!("authorization: {PASSWORD}\r\n")),
        "{request}"
    );
    assert!(!request.contains("alice"), "{request}");
}

#[test]
fn a_person_without_a_session_has_an_empty_list() {
    let (port, _) = webdis(answer(json!([])));
    let ran = session(port, "list");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    snapshot("session-list", &ran.json());
}

#[test]
fn what_cannot_be_known_is_an_error_in_one_sentence_without_a_secret() {
    let name = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let sealed = move |body: &str| {
        let answer = if body.starts_with("GET/") {
            json!({ "GET": "AQAA" })
        } else {
            json!({ "EVAL": [name] })
        };
        (200, answer.to_string())
    };
    let (other_ring, _) = webdis(sealed);
    let (refusing, _) = webdis(|_| (403, String::new()));
    let (down, _) = webdis(|_| (503, String::new()));
    let (page, _) = webdis(|_| (200, "<html>".to_owned()));
    let (error, _) = webdis(answer(json!([false, "NOAUTH Authentication required."])));
    for (port, action, why) in [
        (other_ring, "list", "none of these `secrets`"),
        (refusing, "revoke", "its `acl` does not let"),
        (down, "revoke", "does not reach Redis"),
        (page, "revoke", "none of webdis"),
        (error, "list", "error `NOAUTH`"),
        (1, "revoke", "`--webdis`"),
    ] {
        let ran = session(port, action);
        let report = ran.json();
        let message = report["error"].as_str().unwrap();
        assert_eq!(ran.code, Some(2), "{why}: {ran:?}");
        assert!(message.contains(why), "{why}: {message}");
        for secret in [RING, PASSWORD] {
            assert!(
                !ran.output.contains(secret) && !ran.error.contains(secret),
                "{ran:?}"
            );
        }
    }
}

#[test]
fn a_configuration_without_a_store_or_its_secrets_is_told_so() {
    let line = ["session", "list", "gate.json", "--subject", "alice"];
    let ran = folder(false).run_with(line, &VARIABLES, b"");
    assert!(ran.sentence().contains("no `login.store`"), "{ran:?}");
    for (missing, left) in [("RING", VARIABLES[1]), ("WEBDIS", VARIABLES[0])] {
        let ran = folder(true).run_with(line, &[left], b"");
        assert_eq!(
            ran.sentence(),
            format!("{missing} is needed here and not set")
        );
    }
}

#[test]
fn a_subject_that_a_log_line_has_cut_is_refused_and_nobody_is_asked() {
    let (port, asked) = webdis(answer(json!(0)));
    let url = format!("http://127.0.0.1:{port}");
    let run = |action: &str, subject: &str| {
        let line = [
            "session",
            action,
            "gate.json",
            "--subject",
            subject,
            "--webdis",
            &url,
        ];
        folder(true).run_with(line, &VARIABLES, b"")
    };
    // A line cuts between characters: of one with four bytes, up to three less are left.
    for left in [125, 128] {
        for action in ["list", "revoke"] {
            let ran = run(action, &format!("{}…", "x".repeat(left)));
            assert_eq!(ran.code, Some(2), "{ran:?}");
            assert!(ran.sentence().contains("give it in full"), "{ran:?}");
        }
    }
    assert!(asked.lock().unwrap().is_empty());
    for whole in ["x".repeat(200), "alice…".to_owned()] {
        let ran = run("revoke", &whole);
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[test]
fn the_help_of_revoke_says_that_other_gates_go_on() {
    let ran = Folder::new().run(["session", "revoke", "--help"]);
    assert!(
        ran.output.contains("every instance of this gate"),
        "{ran:?}"
    );
    assert!(ran.output.contains("configuration of each"), "{ran:?}");
}
