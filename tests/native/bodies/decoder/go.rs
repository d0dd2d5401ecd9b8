//! The program in Go: built once, fed with frames, asked for a line for each.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds the program and returns its path.
fn build() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/native/bodies/decoder/go");
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = scratch.join("decoder");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(folder)
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "")
        .env("GOCACHE", scratch.join("go-cache"))
        .output()
        .expect("there is no `go` here: `apt install golang-go`");
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{errors}");
    program
}

/// Sends `frames`, each of a kind, and hands every answer to `heard` with the number of its frame.
pub(crate) fn ask(
    frames: impl Iterator<Item = (u8, Vec<u8>)> + Send,
    mut heard: impl FnMut(usize, &str),
) {
    let mut program = Command::new(build())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = BufWriter::new(program.stdin.take().unwrap());
    let output = BufReader::new(program.stdout.take().unwrap());
    let (sent, answered) = std::thread::scope(|scope| {
        let sender = scope.spawn(move || {
            let mut sent = 0;
            for (kind, frame) in frames {
                let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
                for part in [&[kind][..], &length, &frame] {
                    input.write_all(part).unwrap();
                }
                sent += 1;
            }
            input.flush().unwrap();
            sent
        });
        let mut answered = 0;
        for line in output.lines() {
            heard(answered, &line.unwrap());
            answered += 1;
        }
        (sender.join().unwrap(), answered)
    });
    assert_eq!(answered, sent, "an answer for each frame");
    assert!(program.wait().unwrap().success());
}
