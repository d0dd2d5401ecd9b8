//! A directory that appears whole or not at all.

use crate::input::{shown, why};
use crate::output::Failure;
use crate::stop::Stop;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// Whose the files are, where that is not who runs the program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The directory while it is made: beside the place where it will be, under another name.
#[derive(Debug)]
pub(super) struct Draft<'s> {
    path: PathBuf,
    target: PathBuf,
    /// the directories above it that it had to make, innermost first
    above: Vec<PathBuf>,
    owner: Option<Owner>,
    stop: &'s Stop,
    done: bool,
}

impl<'s> Draft<'s> {
    /// Begins the directory `target`, which may not be there, or is empty.
    pub(super) fn begin(
        target: &Path,
        owner: Option<Owner>,
        stop: &'s Stop,
    ) -> Result<Self, Failure> {
        let failed = |path: &Path, error: &io::Error| {
            Failure::new(format!("{} {}", shown(path), why_not_made(error)))
        };
        let parent = target.parent().unwrap_or_else(|| Path::new("/"));
        let above = missing(parent);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = parent.join(format!(".{name}.{}.new", std::process::id()));
        // From here on, what was made is removed by `drop`.
        let draft = Self {
            path,
            target: target.to_owned(),
            above,
            owner,
            stop,
            done: false,
        };
        for folder in draft.above.iter().rev() {
            fs::create_dir(folder).map_err(|error| failed(folder, &error))?;
        }
        draft.folder("")?;
        Ok(draft)
    }

    /// Makes a directory within it, for its owner alone.
    pub(super) fn folder(&self, name: &str) -> Result<(), Failure> {
        let path = self.path.join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .and_then(|()| self.give(&File::open(&path)?))
            .map_err(|error| self.failed(name, &error))
    }

    /// Writes a file within it.
    pub(super) fn file(&self, name: &str, mode: u32, content: &[u8]) -> Result<(), Failure> {
        self.stop.check()?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(self.path.join(name));
        file.and_then(|mut file| {
            file.write_all(content)?;
            self.give(&file)?;
            file.sync_all()
        })
        .map_err(|error| self.failed(name, &error))
    }

    /// Puts it where it belongs, if nothing has come there meanwhile.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.stop.check()?;
        fs::rename(&self.path, &self.target).map_err(|error| match error.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
                Failure::new(format!(
                    "{} was made by somebody else meanwhile, and nothing was written",
                    shown(&self.target)
                ))
            }
            _ => self.failed("", &error),
        })?;
        self.done = true;
        Ok(())
    }

    fn give(&self, file: &File) -> io::Result<()> {
        self.owner.map_or(Ok(()), |owner| {
            fchown(file, Some(owner.uid), Some(owner.gid))
        })
    }

    fn failed(&self, name: &str, error: &io::Error) -> Failure {
        Failure::new(format!(
            "{} {}, and nothing was written",
            shown(&self.target.join(name)),
            why_not_made(error)
        ))
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.done {
            drop(fs::remove_dir_all(&self.path));
            for folder in &self.above {
                drop(fs::remove_dir(folder));
            }
        }
    }
}

/// Writes a file of a site anew: whole, or not at all.
pub(crate) fn put(path: &Path, mode: u32, content: &[u8]) -> Result<(), Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&temporary, path)
        });
    written.map_err(|error| {
        drop(fs::remove_file(&temporary));
        Failure::new(format!("{} {}", shown(path), why_not_made(&error)))
    })
}

/// What went wrong with what was to be made.
fn why_not_made(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "cannot be made: permission denied".to_owned(),
        io::ErrorKind::NotADirectory => "cannot be made: a part of the path is a file".to_owned(),
        io::ErrorKind::QuotaExceeded => "cannot be written: the quota is used up".to_owned(),
        _ => why(error),
    }
}

/// The directories of `path` that are not there, innermost first.
fn missing(path: &Path) -> Vec<PathBuf> {
    path.ancestors()
        .take_while(|folder| !folder.exists())
        .map(Path::to_owned)
        .collect()
}
