//! The file that holds the keys: read, edited, and replaced as a whole or not at all.

use crate::document::{Kind, Plugin};
use crate::environment::Variables;
use crate::exchange::{exchange, is_unsupported};
use crate::input::{Input, shown, why};
use crate::output::Failure;
use crate::reading;
use crate::stop::Stop;
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
        let stop = Stop::listen()?;
        let done = self.write(&temporary, text).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::FileTooLarge => {
                    "cannot be written: it would be too large".to_owned()
                }
                _ => why(&error),
            };
            Failure::new(format!("{name} is as it was, {} {why}", shown(&temporary)))
        });
        let done = done.and_then(|()| stop.check());
        let done = done.and_then(|()| self.put_in_place(&temporary, text));
        // What is there now is the new text that was not wanted, or the old one.
        drop(fs::remove_file(&temporary));
        done
    }

    /// Puts the file `temporary`, which holds `text`, in the place of what was read.
    ///
    /// Both files change places at once, and what comes out is compared afterwards: between a comparison and a
    /// rename, a change by somebody else would be lost.
    fn put_in_place(&self, temporary: &Path, text: &str) -> Result<(), Failure> {
        let name = shown(&self.path);
        let failed = |error: io::Error| Failure::new(format!("{name} {}", why(&error)));
        let changed = || {
            Failure::new(format!(
                "{name} was changed by somebody else meanwhile, try again"
            ))
        };
        match exchange(temporary, &self.path) {
            Err(error) if is_unsupported(error) => {
                return match fs::read_to_string(&self.path) {
                    Ok(now) if now == self.text => {
                        fs::rename(temporary, &self.path).map_err(failed)
                    }
                    _ => Err(changed()),
                };
            }
            exchanged => exchanged.map_err(|error| failed(error.into()))?,
        }
        let mut out = fs::read(temporary).map_err(failed)?;
        if out == self.text.as_bytes() {
            return Ok(());
        }
        // It goes back. What comes out for it has to be what was put there last: else that is newer still.
        let mut put = text.as_bytes().to_vec();
        loop {
            exchange(temporary, &self.path).map_err(|error| failed(error.into()))?;
            let next = fs::read(temporary).map_err(failed)?;
            if next == put {
                return Err(changed());
            }
            put = std::mem::replace(&mut out, next);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"{ "hosts": ["a"], "allow_anonymous": { "scopes": ["read"] } }"#;
    const NEW: &str = r#"{ "hosts": ["b"], "allow_anonymous": { "scopes": ["read"] } }"#;
    const THEIRS: &str = r#"{ "hosts": ["c"] }"#;

    #[test]
    fn a_change_by_somebody_else_at_the_last_moment_is_not_lost() {
        let folder = std::env::temp_dir().join(format!("gate-store-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("gate.json");
        let temporary = folder.join("new");
        for renamed in [false, true] {
            fs::write(&path, OLD).unwrap();
            let store = Store::open(&path).unwrap();
            store.write(&temporary, NEW).unwrap();
            // All is written, and an editor saves: into the file, or another over it.
            let saved = if renamed {
                folder.join("saved")
            } else {
                path.clone()
            };
            fs::write(&saved, THEIRS).unwrap();
            fs::rename(&saved, &path).unwrap();
            let why = store.put_in_place(&temporary, NEW).unwrap_err();
            assert!(why.to_string().contains("by somebody else"), "{why}");
            assert_eq!(fs::read_to_string(&path).unwrap(), THEIRS);
            assert_eq!(fs::read_to_string(&temporary).unwrap(), NEW);
            fs::remove_file(&temporary).unwrap();
        }
        fs::write(&path, OLD).unwrap();
        Store::open(&path).unwrap().replace(NEW).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), NEW);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
