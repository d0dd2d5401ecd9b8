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
