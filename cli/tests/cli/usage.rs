//! A command line that cannot be used is answered in one sentence.

use super::support::{Folder, words};

#[test]
fn a_wrong_command_line_is_one_sentence_and_exit_code_2() {
    let folder = Folder::new();
    for (line, why) in [
        ("chekc", "unrecognized subcommand 'chekc'"),
        ("check", "required arguments were not provided: <CONFIG>"),
        ("check a b", "unexpected argument 'b'"),
        ("check a --strcit", "unexpected argument '--strcit'"),
        (
            "smoke http://127.0.0.1:1 --ca a",
            "--ca is for an address with https",
        ),
    ] {
        let ran = folder.run(words(line));
        assert!(ran.sentence().contains(why), "{line}: {ran:?}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let folder = Folder::new();
    for line in ["--help", "-h", "--version", "check --help", "help check"] {
        let ran = folder.run(words(line));
        assert_eq!((ran.code, ran.error.as_str()), (Some(0), ""), "{line}");
        assert!(ran.output.contains("ollama-gate"), "{line}: {ran:?}");
    }
    let nothing: [&str; 0] = [];
    let ran = folder.run(nothing);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.error.contains("Usage: ollama-gate"), "{ran:?}");
}

#[test]
fn completions_and_the_manual_name_every_command() {
    let folder = Folder::new();
    let help = folder.run(words("--help")).output;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands: Vec<_> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.contains(&"check"), "{help}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = folder.run(["completions", shell]);
        assert_eq!(ran.code, Some(0), "{shell}: {ran:?}");
        for command in &commands {
            assert!(ran.output.contains(command), "{shell} {command}");
        }
    }
    let page = folder.run(["man"]);
    assert!(page.output.contains(".TH ollama-gate"), "{page:?}");
    std::fs::create_dir(folder.path("man1")).unwrap();
    assert_eq!(folder.run(["man", "man1"]).code, Some(0));
    for command in &commands {
        let page = folder.path(&format!("man1/ollama-gate-{command}.1"));
        assert!(page.exists(), "{}", page.display());
    }
    assert!(
        folder
            .run(["man", "absent"])
            .sentence()
            .contains("does not exist")
    );
}
