//! `renew`: a certificate and its key that belong together, at every moment.

use super::support::{Folder, gate, on_a_small_disk};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// A gate with a certificate that was made here.
fn served() -> Folder {
    let folder = Folder::new();
    folder.write("module.wasm", b"\0asm\x01\0\0\0");
    let ran = folder.run(["init", "gate", "--module", "module.wasm"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    folder
}

/// Certificate, key and authority of the gate at `folder`.
fn files(folder: &Path) -> [String; 3] {
    ["cert.pem", "key.pem", "ca.pem"].map(|name| fs::read_to_string(folder.join(name)).unwrap())
}

/// Whether the certificate in `folder` is that of its key, which `init` tells of those that are brought.
fn fits(folder: &Folder, place: &str) -> bool {
    let pair = format!("{place}/cert.pem,{place}/key.pem");
    let line = ["init", "probe", "--module", "module.wasm", "--tls", &pair];
    let ran = folder.run(line);
    drop(fs::remove_dir_all(folder.path("probe")));
    ran.code == Some(0)
}

#[test]
fn another_certificate_takes_the_place_and_the_one_before_is_kept() {
    let folder = served();
    let mut before = files(&folder.path("gate/tls"));
    for _ in 0..2 {
        let ran = folder.run(["renew", "gate"]);
        assert_eq!((ran.code, ran.error.as_str()), (Some(0), ""), "{ran:?}");
        let now = files(&folder.path("gate/tls"));
        assert!(before.iter().zip(&now).all(|(old, new)| old != new));
        assert_eq!(files(&folder.path("gate/tls.before")), before);
        assert!(fits(&folder, "gate/tls") && fits(&folder, "gate/tls.before"));
        before = now;
    }
    let mode = |name: &str| {
        let file = fs::metadata(folder.path(name)).unwrap();
        file.permissions().mode() & 0o777
    };
    assert_eq!(mode("gate/tls"), 0o700);
    assert_eq!(mode("gate/tls/key.pem"), 0o600);
    assert_eq!(mode("gate/tls/ca.pem"), 0o644);
    let home = [("XDG_CONFIG_HOME", "/nowhere")];
    let status = folder.run_with(["status", "gate", "--json", "--user"], &home, b"");
    assert_eq!(status.json()["certificate"]["expired"], false, "{status:?}");
}

#[test]
fn a_certificate_that_was_not_made_here_is_left_alone() {
    let folder = served();
    let pair = "gate/tls/cert.pem,gate/tls/key.pem";
    let line = ["init", "own", "--module", "module.wasm", "--tls", pair];
    assert_eq!(folder.run(line).code, Some(0));
    gate(&folder, "plain");
    let before = files(&folder.path("gate/tls"));
    for (name, why) in [
        ("own", "is one of your own"),
        ("plain", "is served without TLS"),
        ("absent", "there is no gate in `absent`"),
        ("module.wasm", "Not a directory"),
    ] {
        let ran = folder.run(["renew", name]);
        assert!(ran.sentence().contains(why), "{name}: {ran:?}");
    }
    assert_eq!(files(&folder.path("gate/tls")), before);
}

#[test]
fn a_renewal_that_fails_leaves_the_certificate_before_as_well() {
    let folder = served();
    assert_eq!(folder.run(["renew", "gate"]).code, Some(0));
    let before = files(&folder.path("gate/tls.before"));
    // There is nothing that could change places with the new one.
    fs::rename(folder.path("gate/tls"), folder.path("away")).unwrap();
    let ran = folder.run(["renew", "gate"]);
    assert!(ran.sentence().contains("does not exist"), "{ran:?}");
    assert_eq!(files(&folder.path("gate/tls.before")), before);
}

#[test]
fn a_certificate_before_that_cannot_be_replaced_is_a_note_and_nothing_is_lost() {
    let folder = served();
    let old = files(&folder.path("gate/tls"));
    folder.write("gate/tls.before", "a file of somebody else's");
    let ran = folder.run(["renew", "gate", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    let before = report["before"].as_str().unwrap();
    assert_eq!(files(Path::new(before)), old);
    assert_ne!(files(&folder.path("gate/tls")), old);
    let note = report["notes"][0].as_str().unwrap();
    assert!(
        note.contains("tls.before` cannot be replaced") && note.contains(before),
        "{note}"
    );
    let kept = fs::read_to_string(folder.path("gate/tls.before")).unwrap();
    assert_eq!(kept, "a file of somebody else's");
}

#[test]
fn what_a_renewal_that_was_killed_has_left_is_gone_after_the_next_one_and_nothing_else_is() {
    let folder = served();
    for name in [
        ".tls.7.new/key.pem",
        ".tls.4294967295.new/cert.pem",
        ".tls.mine.new/a",
        ".tls.7.old/a",
        "tls.7.new/a",
    ] {
        let path = folder.path(&format!("gate/{name}"));
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(path, "half").unwrap();
    }
    let ran = folder.run(["renew", "gate"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let entries = fs::read_dir(folder.path("gate")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.contains("tls")).collect();
    names.sort();
    let expected = [
        ".tls.7.old",
        ".tls.mine.new",
        "tls",
        "tls.7.new",
        "tls.before",
    ];
    assert_eq!(names, expected);
}

#[test]
fn two_at_once_do_not_meet() {
    let folder = served();
    let before = files(&folder.path("gate/tls"));
    let file = fs::File::open(folder.path("gate/site.json")).unwrap();
    file.lock().unwrap();
    let ran = folder.run(["renew", "gate"]);
    assert!(
        ran.sentence().contains("is being renewed by another"),
        "{ran:?}"
    );
    assert_eq!(files(&folder.path("gate/tls")), before);
}

#[test]
fn on_a_full_disk_the_certificate_is_as_it_was() {
    let folder = served();
    let script = "cp -r gate small/gate; cat /dev/zero > small/rest 2>/dev/null; \"$PROGRAM\" renew small/gate; \
                  code=$?; diff -r gate small/gate; ls -A small/gate | grep new; exit $code";
    let Some(ran) = on_a_small_disk(&folder, "256k", script) else {
        return;
    };
    assert!(ran.sentence().contains("the disk is full"), "{ran:?}");
}

#[test]
fn ctrl_c_at_any_moment_leaves_a_certificate_with_its_key() {
    let folder = served();
    for delay in 0..20 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ollama-gate"))
            .args(["renew", "gate"])
            .current_dir(folder.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_micros(700 * delay));
        let id = child.id().to_string();
        let mut kill = Command::new("kill");
        drop(kill.args(["-INT", &id]).stderr(Stdio::null()).status());
        child.wait().unwrap();
        assert!(fits(&folder, "gate/tls"), "{delay}");
        let mut names = fs::read_dir(folder.path("gate")).unwrap();
        let hidden = names.any(|entry| entry.unwrap().file_name().as_encoded_bytes()[0] == b'.');
        assert!(!hidden, "{delay}");
    }
}
