//! What of a gate changes while it runs: its configuration, and its certificate.

use super::configuration::{self, CERTIFICATE, GATE};
use super::{Site, certificate, put};
use crate::output::Failure;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells a file from the same file after a change; none where there is no file.
type Stamp = Option<(u64, u64, i64, i64)>;

/// The files that a person or another program changes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamps {
    gate: Stamp,
    certificate: Option<(Stamp, Stamp)>,
}

/// Hands on to Envoy what has changed in a site.
#[derive(Debug)]
pub(crate) struct Live<'s> {
    site: &'s Site,
    /// as they were handed on
    used: Stamps,
    /// as they were at the last look
    last: Stamps,
}

impl<'s> Live<'s> {
    /// Looks for the first time: before the files of Envoy are written, so that no change comes between.
    pub(crate) fn begin(site: &'s Site) -> Self {
        let now = Stamps::of(site);
        Self {
            site,
            used: now.clone(),
            last: now,
        }
    }

    /// Looks again, and hands on what is another than before. Out: what there is to say about it.
    pub(crate) fn look(&mut self) -> Vec<Result<&'static str, Failure>> {
        let now = Stamps::of(self.site);
        let settled = now == self.last;
        self.last = now.clone();
        // Somebody may still be writing it: what is the same at two looks is whole.
        if !settled || now == self.used {
            return Vec::new();
        }
        let gate = (now.gate != self.used.gate).then(|| self.gate());
        let certificate = (now.certificate != self.used.certificate).then(|| self.certificate());
        self.used = now;
        [gate, certificate]
            .into_iter()
            .flatten()
            .filter_map(Result::transpose)
            .collect()
    }

    fn gate(&self) -> Result<Option<&'static str>, Failure> {
        let text = self.file(GATE)?;
        let path = self.site.path(GATE);
        if fs::read_to_string(&path).is_ok_and(|now| now == text) {
            return Ok(None);
        }
        put(&path, 0o600, text.as_bytes())?;
        Ok(Some("gate.json has changed, and counts from now on"))
    }

    fn certificate(&self) -> Result<Option<&'static str>, Failure> {
        let Some(tls) = &self.site.record.tls else {
            return Ok(None);
        };
        certificate::check_own(&self.site.path(&tls.certificate), &self.site.path(&tls.key))?;
        // It says the same as before. That it is moved there makes Envoy read the certificate.
        let text = self.file(CERTIFICATE)?;
        put(&self.site.path(CERTIFICATE), 0o600, text.as_bytes())?;
        Ok(Some(
            "the certificate has changed, and is shown from now on",
        ))
    }

    fn file(&self, name: &str) -> Result<String, Failure> {
        let files = configuration::current(self.site)?;
        let mut files = files.into_iter();
        let found = files.find_map(|(own, text)| (own == name).then_some(text));
        Ok(found.unwrap_or_default())
    }
}

impl Stamps {
    fn of(site: &Site) -> Self {
        let stamp = |path: &Path| {
            let file = fs::metadata(site.path(path)).ok()?;
            Some((file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
        };
        let tls = site.record.tls.as_ref();
        Self {
            gate: stamp(Path::new("gate.json")),
            certificate: tls.map(|tls| (stamp(&tls.certificate), stamp(&tls.key))),
        }
    }
}
