//! Reading a file of somebody else's: whatever it is, the answer is its text or one sentence.

use crate::output::Failure;
use serde_json::Value;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes: 100,000 keys take about 25 MB.
pub const MAX_BYTES: u64 = 64 << 20;

/// A text, and where it came from.
#[derive(Clone, Debug)]
pub struct Input {
    /// the path; none for the standard input
    pub path: Option<PathBuf>,
    /// all of it
    pub text: String,
}

impl Input {
    /// Reads the file at `path`, or the standard input for `-`. Pipes are read up to the same bound.
    ///
    /// # Errors
    /// It is missing, unreadable, a directory, too large, empty, or no UTF-8.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            let text = text_of(io::stdin().lock(), "the standard input")?;
            return Ok(Self { path: None, text });
        }
        let name = shown(path);
        let failed = |error: &io::Error| Failure::new(format!("{name} {}", why(error)));
        let file = File::open(path).map_err(|error| failed(&error))?;
        let metadata = file.metadata().map_err(|error| failed(&error))?;
        if metadata.is_dir() {
            return Err(Failure::new(format!(
                "{name} is a directory, expected a file"
            )));
        }
        if metadata.len() > MAX_BYTES {
            return Err(too_large(&name));
        }
        let text = text_of(file, &name)?;
        Ok(Self {
            path: Some(path.to_owned()),
            text,
        })
    }

    /// It as JSON.
    ///
    /// # Errors
    /// It is none: the line, and nothing of its text, which may hold a secret.
    pub fn json(&self) -> Result<Value, Failure> {
        serde_json::from_str(&self.text).map_err(|error| {
            let line = error.line();
            Failure::new(format!("{} is not JSON: line {line}", self.name()))
        })
    }

    /// What a message calls it.
    pub fn name(&self) -> String {
        self.path
            .as_deref()
            .map_or_else(|| "the standard input".to_owned(), shown)
    }
}

/// A path as a message shows it: on one line, in backticks.
pub fn shown(path: &Path) -> String {
    format!("`{}`", path.display().to_string().escape_debug())
}

/// What went wrong with a file, as the end of a sentence about it.
pub fn why(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "does not exist".to_owned(),
        ErrorKind::PermissionDenied => "cannot be opened: permission denied".to_owned(),
        ErrorKind::IsADirectory => "is a directory, expected a file".to_owned(),
        ErrorKind::StorageFull => "cannot be written: the disk is full".to_owned(),
        ErrorKind::ReadOnlyFilesystem => {
            "cannot be written: the file system is read-only".to_owned()
        }
        _ => format!("cannot be used: {error}"),
    }
}

fn text_of(from: impl Read, name: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format!("{name} {}", why(&error))))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(too_large(name));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Failure::new(format!(
            "{name} is not UTF-8: the first wrong byte is number {place}"
        ))
    })?;
    // Windows' editors and PowerShell begin a file so.
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    if text.trim().is_empty() {
        return Err(Failure::new(format!("{name} is empty")));
    }
    Ok(text)
}

fn too_large(name: &str) -> Failure {
    let most = MAX_BYTES >> 20;
    Failure::new(format!(
        "{name} is larger than {most} MiB, which no configuration is"
    ))
}
