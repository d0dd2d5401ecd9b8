//! The file that holds the keys: read, edited, and replaced as a whole or not at all.

use crate::document::{Kind, Plugin};
use crate::environment::Variables;
use crate::input::{Input, shown, why};
use crate::output::Failure;
use crate::reading;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A plugin JSON that nobody else of this program edits meanwhile.
#[derive(Debug)]
pub struct Store {
    /// where it really is: a symbolic link stays one
    path: PathBuf,
    /// holds the lock
    _locked: File,
    /// as it was read
    pub text: String,
}

impl Store {
    /// Opens and reads the file at `path`.
    ///
    /// # Errors
    /// It is no file, no plugin JSON, or somebody else is at it.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let name = shown(path);
        let failed = |error: io::Error| Failure::new(format!("{name} {}", why(&error)));
        let real = fs::canonicalize(path).map_err(failed)?;
        if !fs::metadata(&real).map_err(failed)?.is_file() {
            return Err(Failure::new(format!(
                "{name} is no regular file, and cannot be edited"
            )));
        }
        let file = File::open(&real).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("{name} is being edited by another `ollama-gate`, try again");
                return Err(Failure::new(message));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let text = Input::read(&real)?.text;
        let is_plugin = serde_json::from_str::<serde_json::Value>(&text)
            .is_ok_and(|json| json.is_object() && !crate::document::is_of_gateway(&text));
        if !is_plugin {
            return Err(Failure::new(format!(
                "{name} is not the plugin JSON alone, and is not edited: make the record without a file, and paste it"
            )));
        }
        Ok(Self {
            path: real,
            _locked: file,
            text,
        })
    }

    /// Puts `text` in the place of what was read.
    ///
    /// # Errors
    /// It would not hold, somebody has changed the file meanwhile, or it cannot be written. Then the
    /// file is as it was.
    pub fn replace(&self, text: &str) -> Result<(), Failure> {
        check(text)?;
        let name = shown(&self.path);
        let temporary = self.path.with_file_name(temporary_name(&self.path));
        let done = self.write(&temporary, text).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::FileTooLarge => {
                    "cannot be written: it would be too large".to_owned()
                }
                _ => why(&error),
            };
            Failure::new(format!("{name} is as it was, {} {why}", shown(&temporary)))
        });
        let done = done.and_then(|()| match fs::read_to_string(&self.path) {
            Ok(now) if now == self.text => {
                let renamed = fs::rename(&temporary, &self.path);
                renamed.map_err(|error| Failure::new(format!("{name} {}", why(&error))))
            }
            _ => Err(Failure::new(format!(
                "{name} was changed by somebody else meanwhile, try again"
            ))),
        });
        if done.is_err() {
            drop(fs::remove_file(&temporary));
        }
        done
    }

    fn write(&self, temporary: &Path, text: &str) -> io::Result<()> {
        let old = fs::metadata(&self.path)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(temporary)?;
        file.write_all(text.as_bytes())?;
        // As the old one: whoever read it can read this one, and nobody else.
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))?;
        file.sync_all()
    }
}

/// A name beside the file that no other run uses.
fn temporary_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.{}.new", std::process::id())
}

/// Whether the gate would take `text`.
///
/// # Errors
/// What it says against it.
pub fn check(text: &str) -> Result<(), Failure> {
    let plugin = Plugin {
        kind: Kind::Plugin,
        place: String::new(),
        text: text.to_owned(),
    };
    let read = reading::read(&plugin, &Variables::of_process());
    match read.errors.first() {
        None => Ok(()),
        Some((path, message)) => Err(Failure::new(format!(
            "the configuration would not hold: {path}: {message}"
        ))),
    }
}
