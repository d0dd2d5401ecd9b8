//! Another certificate for a site, before the one that it has ends.

use super::{Site, Tls, certificate};
use crate::exchange::{exchange, is_unsupported};
use crate::input::{shown, why};
use crate::output::Failure;
use crate::stop::Stop;
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where a certificate is that was made here.
pub(super) const FOLDER: &str = "tls";
/// Where the one before it is.
const BEFORE: &str = "tls.before";

/// The certificate that another one has replaced.
#[derive(Debug)]
pub(crate) struct Replaced {
    /// where it is now
    pub(crate) path: PathBuf,
    /// why that is not [`BEFORE`]
    pub(crate) note: Option<String>,
}

/// Makes another certificate for the names of `site`, and puts it in the place of the one that it has, which
/// is kept beside it.
///
/// # Errors
/// The site has none that was made here, somebody else is at it, or it cannot be written. Then it is as it was, and
/// so is the one before it.
pub(crate) fn renew(site: &Site, stop: &Stop) -> Result<Replaced, Failure> {
    match &site.record.tls {
        Some(tls) if *tls == Tls::made_here() => {}
        Some(tls) => {
            return Err(Failure::new(format!(
                "the certificate of this gate is one of your own: put the new one in the place of {}, and a gate \
                 that runs shows it",
                shown(&site.path(&tls.certificate))
            )));
        }
        None => {
            return Err(Failure::new(
                "this gate is served without TLS, and has no certificate",
            ));
        }
    }
    let _locked = lock(site)?;
    remove_leftovers(&site.folder);
    let made = certificate::make(&site.record.names)?;
    let draft = site.path(format!(".{FOLDER}.{}.new", std::process::id()));
    let place = site.path(FOLDER);
    let done = write(&draft, &made)
        .map_err(|error| unchanged(&place, &error))
        .and_then(|()| stop.check())
        // Both at once: there is no moment in which the key is not the certificate's.
        .and_then(|()| put_in_place(exchange(&draft, &place), &draft, &place));
    match done {
        Ok(old) => Ok(keep(old, site.path(BEFORE))),
        Err(failure) => {
            drop(fs::remove_dir_all(&draft));
            Err(failure)
        }
    }
}

/// Keeps everybody else of this program from renewing the certificate of `site`.
fn lock(site: &Site) -> Result<File, Failure> {
    let path = site.path("site.json");
    let failed = |error: io::Error| Failure::new(format!("{} {}", shown(&path), why(&error)));
    let file = File::open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
            "the certificate of {} is being renewed by another `ollama-gate`, try again",
            shown(&site.folder)
        ))),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Takes away what processes that were killed have left in `folder`, whose lock is held: nobody is at it.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix(&format!(".{FOLDER}.")))
            .and_then(|rest| rest.strip_suffix(".new"));
        if number.is_some_and(|number| number.parse::<u32>().is_ok()) {
            // What cannot be taken away is in nobody's way.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

fn unchanged(place: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{} {}, and is as it was", shown(place), why(error)))
}

/// Puts the directory `new` in the place of the one that is there. In: what came of letting both change places.
/// Out: where the old one is now.
fn put_in_place(
    exchanged: Result<(), Errno>,
    new: &Path,
    place: &Path,
) -> Result<PathBuf, Failure> {
    let old = new.with_extension("old");
    match exchanged {
        Ok(()) => {
            // It has the name of a draft now, which the next renewal would take away.
            let renamed = fs::rename(new, &old);
            return Ok(renamed.map_or_else(|_| new.to_owned(), |()| old));
        }
        Err(error) if is_unsupported(error) => {}
        Err(error) => return Err(unchanged(place, &error.into())),
    }
    // One after the other then. For a moment there is none: what runs goes on with the one that it has.
    fs::rename(place, &old).map_err(|error| unchanged(place, &error))?;
    let Err(error) = fs::rename(new, place) else {
        return Ok(old);
    };
    Err(match fs::rename(&old, place) {
        Ok(()) => unchanged(place, &error),
        Err(back) => {
            let why = why(&back);
            Failure::new(format!(
                "{} {why}: what it held is in {}",
                shown(place),
                shown(&old)
            ))
        }
    })
}

/// Puts the certificate at `old` in the place of the one before it. The new one counts by now, whatever comes of this.
fn keep(old: PathBuf, before: PathBuf) -> Replaced {
    let removed = match fs::remove_dir_all(&before) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    match removed.and_then(|()| fs::rename(&old, &before)) {
        Ok(()) => Replaced {
            path: before,
            note: None,
        },
        Err(error) => Replaced {
            note: Some(format!(
                "{} cannot be replaced ({error}): the certificate before this one is in {}",
                shown(&before),
                shown(&old)
            )),
            path: old,
        },
    }
}

fn write(folder: &Path, made: &certificate::IssuedCertificate) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)?;
    for (name, mode, text) in made.files() {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(folder.join(name))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_two_directories_cannot_change_places_at_once_they_do_so_one_after_the_other() {
        let folder = std::env::temp_dir().join(format!("gate-renewal-{}", std::process::id()));
        let (new, place) = (folder.join(".tls.7.new"), folder.join(FOLDER));
        for error in [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP] {
            fs::create_dir_all(&new).unwrap();
            fs::create_dir_all(&place).unwrap();
            fs::write(new.join("cert.pem"), "new").unwrap();
            fs::write(place.join("cert.pem"), "old").unwrap();
            let old = put_in_place(Err(error), &new, &place).unwrap();
            let read = |folder: &Path| fs::read_to_string(folder.join("cert.pem")).unwrap();
            assert_eq!((read(&place), read(&old)), ("new".into(), "old".into()));
            assert!(!new.exists());
            fs::remove_dir_all(&folder).unwrap();
        }
        // What fails leaves the old one where it was.
        fs::create_dir_all(&place).unwrap();
        for error in [Errno::INVAL, Errno::NOSPC] {
            put_in_place(Err(error), &new, &place).unwrap_err();
            let entries = fs::read_dir(&folder).unwrap();
            let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, [FOLDER]);
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
