//! `install`, `uninstall`, `status` and `logs`, with a systemd that is a script: what is asked of it, and what
//! is left when it fails. tests/e2e/test_install.py asks a real one.

use super::support::on_a_small_disk;
use super::world::World;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_service_is_enabled_started_and_taken_out_again() {
    let world = World::new();
    let ran = world.run(&["install", "gate", "--user", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let done = ran.json();
    assert_eq!(done["scope"], "user");
    // `loginctl` does not let it: the person has to know.
    assert_eq!(done["starts_before_login"], false);
    assert!(
        done["notes"][0]
            .as_str()
            .unwrap()
            .contains("sudo loginctl enable-linger")
    );
    let calls = world.calls();
    for call in [
        "--user daemon-reload",
        "--user enable ollama-gate.service",
        "--user restart ollama-gate.service",
    ] {
        assert!(calls.contains(call), "{calls}");
    }
    let unit = world.unit().unwrap();
    let program = world.folder.path("gate/bin/ollama-gate");
    assert!(
        unit.contains(&format!("ExecStart=\"{}\" up ", program.display())),
        "{unit}"
    );
    // An Envoy that only this shell's PATH has is named.
    assert!(unit.contains("/path/envoy\"\n"), "{unit}");
    assert_eq!(
        fs::metadata(program).unwrap().permissions().mode() & 0o777,
        0o755
    );

    let status = world.run(&["status", "gate", "--user", "--json"]);
    assert_eq!(status.code, Some(1), "nothing answers: {status:?}");
    let status = status.json();
    assert_eq!(status["service"]["state"], "active");
    assert_eq!(status["service"]["restarts"], 2);
    assert_eq!(
        (&status["answers"], &status["guards"]),
        (&false.into(), &false.into())
    );
    assert_eq!(status["keys"][0]["expired"], false);
    let logs = world.run(&["logs", "gate", "--user", "--json"]).json();
    assert_eq!(logs["lines"][2], "last");

    let ran = world.run(&["uninstall", "--user", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.json()["removed"]
            .as_str()
            .unwrap()
            .ends_with("ollama-gate.service")
    );
    assert_eq!(world.unit(), None);
    assert!(
        world
            .calls()
            .contains("--user disable --now ollama-gate.service")
    );
    assert!(world.folder.path("gate/gate.json").exists());
}

#[test]
fn a_service_that_does_not_start_is_not_installed_and_its_own_reason_is_given() {
    let world = World::new();
    for words in ["restart", "enable"] {
        world.refuse(words);
        let ran = world.run(&["install", "gate", "--user"]);
        assert!(
            ran.sentence()
                .ends_with("as it was before: port 7 is taken"),
            "{ran:?}"
        );
        assert_eq!(world.unit(), None, "{words}");
        assert!(world.calls().contains("disable --now"));
    }
    // One that was there stays.
    world.refuse("nothing");
    assert_eq!(world.run(&["install", "gate", "--user"]).code, Some(0));
    let before = world.unit().unwrap();
    world.refuse("restart");
    let ran = world.run(&["install", "gate", "--user", "--envoy", "/bin/true"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(world.unit().unwrap(), before);
}

#[test]
fn without_systemd_the_sentence_says_what_to_do_instead_and_nothing_is_written() {
    let world = World::new();
    world.refuse("show");
    for line in [
        &["install", "gate", "--user"][..],
        &["install", "gate", "--user", "--json"],
    ] {
        let ran = world.run(line);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        let said = format!("{}{}", ran.output, ran.error);
        assert!(
            said.contains("have what starts services here run `ollama-gate up DIR`"),
            "{ran:?}"
        );
    }
    assert_eq!(world.unit(), None);
    assert!(!world.folder.path("gate/bin").exists());
    let ran = world.run(&["uninstall", "--user"]);
    assert!(
        ran.sentence()
            .contains("there is no service of a gate to take out"),
        "{ran:?}"
    );
    // What needs no systemd goes on.
    let ran = world.run(&["status", "gate", "--user"]);
    assert!(
        ran.output.contains("service      not installed (user)"),
        "{ran:?}"
    );
    let ran = world.run(&["logs", "gate", "--user"]);
    assert!(ran.sentence().contains("there is no log"), "{ran:?}");
}

#[test]
fn the_service_of_another_gate_is_left_alone() {
    let world = World::new();
    assert_eq!(world.run(&["install", "gate", "--user"]).code, Some(0));
    let line = [
        "init",
        "gate2",
        "--module",
        "module.wasm",
        "--tls",
        "off",
        "--listen",
        "127.0.0.1:1",
    ];
    assert_eq!(world.run(&line).code, Some(0));
    let before = world.unit();
    let ran = world.run(&["install", "gate2", "--user"]);
    assert!(ran.sentence().contains("runs another gate"), "{ran:?}");
    assert_eq!(world.unit(), before);
}

#[test]
fn a_key_that_is_over_is_found() {
    let world = World::new();
    let revoked = world.run(&["key", "revoke", "gate/gate.json", "--id", "first"]);
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    let ran = world.run(&["status", "gate", "--user"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.output.contains("key          first: over since "),
        "{ran:?}"
    );
}

#[test]
fn the_unit_is_one_that_systemd_accepts() {
    let world = World::new();
    let verify = |path: std::path::PathBuf| {
        std::process::Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(path)
            .output()
    };
    fs::create_dir_all(world.folder.path("gate/bin")).unwrap();
    fs::copy("/bin/true", world.folder.path("gate/bin/ollama-gate")).unwrap();
    let Ok(ran) = verify(world.folder.path("gate/ollama-gate.service")) else {
        eprintln!("not run: there is no systemd-analyze here");
        return;
    };
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        ran.status.success() && !said.contains("ollama-gate"),
        "{said}"
    );
}

#[test]
fn on_a_full_disk_nothing_is_installed() {
    let world = World::new();
    let script = "cp -r gate small/gate; export PATH=\"$PWD/path:$PATH\" XDG_CONFIG_HOME=\"$PWD/home\"; \
                  \"$PROGRAM\" install small/gate --user; code=$?; ls -A small/gate/bin 2>/dev/null; exit $code";
    let Some(ran) = on_a_small_disk(&world.folder, "400k", script) else {
        return;
    };
    assert!(ran.sentence().contains("the disk is full"), "{ran:?}");
    assert_eq!(world.unit(), None);
    assert!(!world.calls().contains("enable"));
}
