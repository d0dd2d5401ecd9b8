//! Another certificate for a site, before the one that it has ends.

use super::{Site, Tls, certificate};
use crate::exchange::exchange;
use crate::input::{shown, why};
use crate::output::Failure;
use crate::stop::Stop;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Where a certificate is that was made here.
pub(super) const FOLDER: &str = "tls";
/// Where the one before it is.
pub(crate) const BEFORE: &str = "tls.before";

/// Makes another certificate for the names of `site`, and puts it in the place of the one that it has, which
/// is kept beside it.
///
/// # Errors
/// The site has none that was made here, or it cannot be written. Then it is as it was.
pub(crate) fn renew(site: &Site, stop: &Stop) -> Result<(), Failure> {
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
    let made = certificate::make(&site.record.names)?;
    let draft = site.path(format!(".{FOLDER}.{}.new", std::process::id()));
    let (place, before) = (site.path(FOLDER), site.path(BEFORE));
    let failed = |error: io::Error| {
        let why = why(&error);
        Failure::new(format!("{} {why}, and is as it was", shown(&place)))
    };
    let done = write(&draft, &made)
        .map_err(failed)
        .and_then(|()| stop.check())
        .and_then(|()| swap(&draft, &place, &before).map_err(failed));
    if done.is_err() {
        drop(fs::remove_dir_all(&draft));
    }
    done
}

/// Puts the directory `new` in the place of the one that is there, and that in the place of the one before it.
fn swap(new: &Path, place: &Path, before: &Path) -> io::Result<()> {
    if before.exists() {
        fs::remove_dir_all(before)?;
    }
    // Both at once: there is no moment in which the key is not the certificate's.
    exchange(new, place)?;
    fs::rename(new, before)
}

fn write(folder: &Path, made: &certificate::Made) -> io::Result<()> {
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
