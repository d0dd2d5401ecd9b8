//! Writes a new site.

use super::configuration::{self, NewKey};
use super::draft::{Draft, Owner};
use super::{Plan, Site, TlsWish, certificate, module, plan, renewal, trust};
use crate::input::{Input, shown, why};
use crate::output::Failure;
use crate::service::unit;
use crate::stop::Stop;
use std::fs;
use std::path::{Path, PathBuf};

/// A site that was created, with the keys that were drawn for it.
pub(crate) struct CreatedSite {
    pub(crate) site: Site,
    /// the keys, shown this once
    pub(crate) keys: Vec<NewKey>,
}

/// Makes the site `folder`.
///
/// # Errors
/// It is there already, something does not fit, or it cannot be written. Then nothing was.
pub(crate) fn make(
    folder: &Path,
    mut plan: Plan,
    module: Option<&Path>,
    owner: Option<Owner>,
) -> Result<CreatedSite, Failure> {
    let folder = free(folder)?;
    let module = module::read(module)?;
    if let TlsWish::Own(certificate, key) = &plan.tls {
        certificate::check_own(certificate, key)?;
        if let Some(tls) = &mut plan.record.tls {
            tls.certificate = absolute(certificate)?;
            tls.key = absolute(key)?;
        }
    }
    if let Some(envoy) = &mut plan.record.envoy {
        *envoy = absolute(envoy)?;
    }
    let (gate, keys) = configuration::gate(&plan)?;
    let input = Input {
        path: Some(folder.join("gate.json")),
        text: gate,
    };
    let envoy = configuration::envoy(&folder, &plan.record, &input, false)?;
    let site = Site {
        folder,
        record: plan.record,
    };
    let scope = unit::Scope::of_this_user();
    let stop = Stop::listen()?;
    let draft = Draft::begin(&site.folder, owner, &stop)?;
    draft.file("site.json", 0o600, site.record.text().as_bytes())?;
    draft.file("gate.json", 0o600, input.text.as_bytes())?;
    draft.folder(configuration::WATCHED)?;
    for (name, text) in envoy {
        draft.file(name, 0o600, text.as_bytes())?;
    }
    draft.file(module::NAME, 0o644, &module)?;
    if plan.tls == TlsWish::SelfSigned {
        draft.folder(renewal::FOLDER)?;
        for (name, mode, text) in certificate::make(&site.record.names)?.files() {
            draft.file(
                &format!("{}/{name}", renewal::FOLDER),
                mode,
                text.as_bytes(),
            )?;
        }
    }
    let unit = unit::text(&site, scope, owner.map(|owner| owner.uid), None)?;
    draft.file(unit::NAME, 0o644, unit.as_bytes())?;
    draft.file("clients.txt", 0o644, trust::text(&site).as_bytes())?;
    draft.finish()?;
    Ok(CreatedSite { site, keys })
}

/// In: where the site will be. Out: the same, absolute.
///
/// # Errors
/// Something is there, or the path cannot be that of a site.
pub(crate) fn free(folder: &Path) -> Result<PathBuf, Failure> {
    let name = shown(folder);
    match fs::metadata(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if fs::symlink_metadata(folder).is_ok() {
                return Err(Failure::new(format!(
                    "{name} is a link to something that is not there"
                )));
            }
        }
        Err(error) => return Err(Failure::new(format!("{name} {}", why(&error)))),
        Ok(metadata) if !metadata.is_dir() => {
            return Err(Failure::new(format!(
                "{name} is there, and is no directory"
            )));
        }
        Ok(_) if folder.join("site.json").exists() => {
            return Err(Failure::new(format!(
                "there is a gate in {name} already, and it stays as it is: `ollama-gate key new` adds a key to its \
                 `gate.json`, and another directory makes another gate"
            )));
        }
        Ok(_) => {
            let mut entries = fs::read_dir(folder)
                .map_err(|error| Failure::new(format!("{name} {}", why(&error))))?;
            if entries.next().is_some() {
                return Err(Failure::new(format!(
                    "{name} is not empty, and nothing in it is overwritten: give a directory that is not there yet"
                )));
            }
        }
    }
    // A link to an empty directory stays one.
    let path = fs::canonicalize(folder).or_else(|_| std::path::absolute(folder));
    let path = path.map_err(|error| Failure::new(format!("{name} {}", why(&error))))?;
    plan::speakable(&path)?;
    if path.file_name().is_none() {
        return Err(Failure::new(format!(
            "{name} cannot be the directory of a gate"
        )));
    }
    Ok(path)
}

/// The path of a file that is there, wherever the program is started later.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Failure::new(format!("{} {}", shown(path), why(&error))))?;
    plan::speakable(&absolute)?;
    Ok(absolute)
}
