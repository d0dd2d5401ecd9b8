//! A gate, and a systemd that is a script.

use super::support::{Folder, Ran, gate};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// What systemd is asked is written down; `refuse` names the words that it refuses.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >> calls
case "$*" in
  *"$(cat refuse)"*) echo "Job for ollama-gate.service failed." >&2; exit 1 ;;
  *ActiveState*) printf 'ActiveState=active\nUnitFileState=enabled\nNRestarts=2\nActiveEnterTimestamp=Fri\n' ;;
esac
"#;
const JOURNALCTL: &str =
    "#!/bin/sh\necho 'Starting'\necho 'ollama-gate: port 7 is taken'\necho last\n";

/// A gate, and a systemd of its own.
pub struct World {
    pub folder: Folder,
    path: String,
    home: String,
}

impl World {
    pub fn new() -> Self {
        let folder = Folder::new();
        gate(&folder, "gate");
        fs::create_dir(folder.path("path")).unwrap();
        let (path, home) = (folder.path("path"), folder.path("home"));
        let world = Self {
            folder,
            path: format!("{}:/usr/bin:/bin", path.display()),
            home: home.display().to_string(),
        };
        world.program("systemctl", SYSTEMCTL);
        world.program("journalctl", JOURNALCTL);
        world.program("loginctl", "#!/bin/sh\necho \"$*\" >> lingers\necho no\n");
        world.program("envoy", "#!/bin/sh\nsleep 9\n");
        world.refuse("nothing");
        world
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.folder.write(&format!("path/{name}"), script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn refuse(&self, words: &str) {
        self.folder.write("refuse", words);
    }

    pub fn run(&self, line: &[&str]) -> Ran {
        let variables = [
            ("PATH", self.path.as_str()),
            ("XDG_CONFIG_HOME", &self.home),
        ];
        self.folder.run_with(line, &variables, b"")
    }

    pub fn unit(&self) -> Option<String> {
        fs::read_to_string(self.folder.path("home/systemd/user/ollama-gate.service")).ok()
    }

    pub fn calls(&self) -> String {
        let calls = fs::read_to_string(self.folder.path("calls")).unwrap_or_default();
        drop(fs::remove_file(self.folder.path("calls")));
        calls
    }
}
