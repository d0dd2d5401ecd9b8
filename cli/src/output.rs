//! What a command has to say: one typed report, printed as text or as JSON, and the exit code.

use serde_json::{Value, json};
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// What a command came to, which is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// 0: it did what it was asked to, and nothing is wrong
    Fine,
    /// 1: it did, and found something: an error in a configuration, a refused request
    Found,
    /// 2: it did, and cannot tell
    Unsure,
}

/// The answer of a command. Both forms are made of the same fields.
pub trait Report {
    /// The answer for a person, ending in a line break.
    fn text(&self) -> String;

    /// The answer for a program: an object whose members only ever get more.
    fn json(&self) -> Value;

    /// What a person should know beside the answer, a sentence each; for programs it is in `json`.
    fn notes(&self) -> &[String] {
        &[]
    }

    /// The exit code.
    fn verdict(&self) -> Verdict {
        Verdict::Fine
    }
}

/// Text that is its own form, such as a page of a manual.
#[derive(Debug)]
pub struct Plain(pub String);

impl Report for Plain {
    fn text(&self) -> String {
        self.0.clone()
    }

    fn json(&self) -> Value {
        json!({ "text": self.0 })
    }
}

/// Why a command could not do what it was asked to, in one sentence; exit code 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// `sentence` begins in lower case, has no full stop, and holds no secret.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// Prints what a command came to.
pub fn finish(result: Result<Box<dyn Report>, Failure>, format: Format) -> ExitCode {
    match result {
        Ok(report) => {
            match format {
                Format::Text => {
                    for note in report.notes() {
                        print(&format!("ollama-gate: {note}\n"), false);
                    }
                    print(&report.text(), true);
                }
                Format::Json => print(&lines(&report.json()), true),
            }
            match report.verdict() {
                Verdict::Fine => ExitCode::SUCCESS,
                Verdict::Found => ExitCode::from(1),
                Verdict::Unsure => ExitCode::from(2),
            }
        }
        Err(failure) => {
            match format {
                Format::Text => print(&format!("ollama-gate: {failure}\n"), false),
                Format::Json => print(&lines(&json!({ "error": failure.0 })), true),
            }
            ExitCode::from(2)
        }
    }
}

/// So many of what is called `noun`, whose plural ends in `s`.
pub fn counted(count: usize, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{end}")
}

fn lines(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Prints `text` to the output, or to the error output. Whoever closed it does not want the rest.
pub fn print(text: &str, to_output: bool) {
    let written = if to_output {
        io::stdout().write_all(text.as_bytes())
    } else {
        io::stderr().write_all(text.as_bytes())
    };
    drop(written);
}
