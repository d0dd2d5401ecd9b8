//! `renew`: makes another certificate for a gate.

use super::site_folder;
use crate::input::shown;
use crate::moment;
use crate::output::{Failure, Report};
use crate::site::{self, Expiry, Site};
use crate::stop::Stop;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Make another certificate for a gate, before the one that it has ends
///
/// For the names in `site.json`, by a new authority, whose key is thrown away as well: clients are made to trust
/// it as they were at first. A gate that runs shows the new one within a second, and the one before is kept in
/// `tls.before`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The directory of the gate [default: as for `init`]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Makes it.
///
/// # Errors
/// The certificate is not one that was made here, or cannot be written; then everything is as it was.
pub(crate) fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    let site = Site::open(&site_folder(options.folder.as_deref())?)?;
    site.owned()?;
    let stop = Stop::listen()?;
    let replaced = site::renew(&site, &stop)?;
    let (certificate, _) = site::expiries(&site)?;
    Ok(Renewed {
        site,
        certificate,
        before: replaced.path,
        notes: replaced.note.into_iter().collect(),
    })
}

/// A site whose certificate is another.
struct Renewed {
    site: Site,
    certificate: Option<Expiry>,
    /// where the one before it is
    before: PathBuf,
    notes: Vec<String>,
}

impl Renewed {
    fn end(&self) -> Option<String> {
        let end = self.certificate.as_ref().and_then(|expiry| expiry.end);
        end.map(moment::written)
    }

    fn authority(&self) -> Option<PathBuf> {
        let tls = self.site.record.tls.as_ref()?;
        tls.authority.as_ref().map(|path| self.site.path(path))
    }
}

impl Report for Renewed {
    fn text(&self) -> String {
        let authority = self.authority().unwrap_or_default();
        format!(
            "The certificate for {} is another, until {}.\nClients have to trust {} now: see {}.\nThe one before is \
             in {}.\n",
            self.site.url(),
            self.end().unwrap_or_default(),
            shown(&authority),
            shown(&self.site.path("clients.txt")),
            shown(&self.before)
        )
    }

    fn json(&self) -> Value {
        let path = |path: &Path| path.display().to_string();
        json!({
            "directory": path(&self.site.folder),
            "url": self.site.url(),
            "authority": self.authority().as_deref().map(path),
            "before": path(&self.before),
            "expires_at": self.end(),
            "notes": self.notes,
        })
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}
