//! Runs the program in a folder of its own.

use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub output: String,
    pub error: String,
}

impl Ran {
    /// The one JSON document of the output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The one sentence of a run that could not do what it was asked to.
    pub fn sentence(&self) -> &str {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert_eq!(self.output, "", "{self:?}");
        assert_eq!(self.error.lines().count(), 1, "{self:?}");
        let sentence = self.error.strip_prefix("ollama-gate: ").unwrap();
        sentence.trim_end()
    }
}

/// A folder that is removed afterwards.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cli-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file that nobody else may read.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Runs the program here, with nothing on its standard input.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        self.run_with(arguments, &[], b"")
    }

    /// Runs the program here with these `variables` and this `input`.
    pub fn run_with<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        variables: &[(&str, &str)],
        input: &[u8],
    ) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ollama-gate"))
            .args(arguments)
            .current_dir(&self.0)
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read it closes it.
        drop(child.stdin.take().unwrap().write_all(input));
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran {
            code: output.status.code(),
            output: text(output.stdout),
            error: text(output.stderr),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// How many ports there are below those that the system gives to listeners and connections, above 30,000.
const PORTS: u32 = 2_700;

/// Out: a port of loopback that is free and that no other test is given, so that nobody else answers there.
fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    for _ in 0..PORTS {
        let next = std::process::id().wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = 30_000 + u16::try_from(next % PORTS).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free between 30000 and {}", 30_000 + PORTS);
}

/// Makes a gate called `name` in `folder`, on a free port of loopback. Out: the port.
pub fn gate(folder: &Folder, name: &str) -> u16 {
    folder.write("module.wasm", b"\0asm\x01\0\0\0");
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let made = ["init", name, "--module", "module.wasm", "--tls", "off"];
    let ran = folder.run([&made[..], &["--listen", &listen]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    port
}

/// Runs a shell script in `folder` where `small` is a file system of `size`, which is all that is left on a
/// disk. Out: exit code, output and error output; none where users of this machine may not mount.
pub fn on_a_small_disk(folder: &Folder, size: &str, script: &str) -> Option<Ran> {
    std::fs::create_dir_all(folder.path("small")).unwrap();
    let script = format!("mount -t tmpfs -o size={size} tmpfs small || exit 99\n{script}");
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
    unshare.env("PROGRAM", env!("CARGO_BIN_EXE_ollama-gate"));
    let ran = unshare.current_dir(&folder.0).output().ok()?;
    let error = String::from_utf8(ran.stderr).unwrap();
    if ran.status.code() == Some(99) || error.contains("unshare:") {
        eprintln!("not run: users of this machine may not mount");
        return None;
    }
    Some(Ran {
        code: ran.status.code(),
        output: String::from_utf8(ran.stdout).unwrap(),
        error,
    })
}

/// A file of the repository.
pub fn of_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Masks what is drawn or depends on the day, so that the rest can be compared whole.
pub fn masked(mut report: Value, names: &[&str]) -> Value {
    match &mut report {
        Value::Object(members) => {
            for (name, value) in members {
                if names.contains(&name.as_str()) && !value.is_null() {
                    *value = json!(format!("<{name}>"));
                } else {
                    *value = masked(value.take(), names);
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| *item = masked(item.take(), names)),
        _ => {}
    }
    report
}

/// Holds `report` against the whole of what was recorded as `cli/tests/snapshots/NAME.json`. A program that reads the
/// `--json` of a command may rely on it: members are added, and none changes or goes.
///
/// `UPDATE_SNAPSHOTS=1` records anew.
pub fn snapshot(name: &str, report: &Value) {
    let path = of_repository(&format!("cli/tests/snapshots/{name}.json"));
    let text = format!("{report:#}\n");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        recorded == text,
        "`--json` of {name} is another than recorded (UPDATE_SNAPSHOTS=1 records it):\n{text}"
    );
}

/// The line of arguments in `text`, separated by spaces.
pub fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}
