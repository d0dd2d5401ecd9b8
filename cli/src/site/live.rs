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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamps {
    gate: Stamp,
    /// the certificate and its key
    certificate: Option<(Stamp, Stamp)>,
}

/// Why something that has changed does not count.
#[derive(Debug)]
enum Miss {
    /// it is none that would hold: only another change helps
    Refused(Failure),
    /// it could not be written where Envoy reads it
    Unwritten(Failure),
}

/// What is handed on as one, and what became of it.
#[derive(Debug)]
struct Part<S> {
    /// as it was handed on, or refused
    used: S,
    /// what was said of it since it could not be written; none where it could
    unwritten: Option<String>,
}

/// Hands on to Envoy what has changed in a site.
#[derive(Debug)]
pub(crate) struct Live<'s> {
    site: &'s Site,
    gate: Part<Stamp>,
    certificate: Part<Option<(Stamp, Stamp)>>,
    /// as they were at the last look
    last: Stamps,
    /// so many looks pass before the next attempt to write
    pause: u8,
}

/// The looks between two attempts to write: the configuration of each may be large.
const PAUSE: u8 = 10;

impl<'s> Live<'s> {
    /// Looks for the first time: before the files of Envoy are written, so that no change comes between.
    pub(crate) fn begin(site: &'s Site) -> Self {
        let last = Stamps::of(site);
        Self {
            site,
            gate: Part::new(last.gate),
            certificate: Part::new(last.certificate),
            last,
            pause: 0,
        }
    }

    /// Looks again, and hands on what is another than before. Out: what there is to say about it.
    pub(crate) fn look(&mut self) -> Vec<Result<&'static str, Failure>> {
        let now = Stamps::of(self.site);
        // Somebody may still be writing it: what is the same at two looks is whole.
        if now != self.last {
            self.pause = 0;
            self.last = now;
            return Vec::new();
        }
        self.pause = self.pause.saturating_sub(1);
        if self.pause > 0 {
            return Vec::new();
        }
        let site = self.site;
        let told = [
            self.gate.look(now.gate, || gate(site)),
            self.certificate.look(now.certificate, || certificate(site)),
        ];
        if self.gate.unwritten.is_some() || self.certificate.unwritten.is_some() {
            self.pause = PAUSE;
        }
        told.into_iter().flatten().collect()
    }
}

impl<S: PartialEq> Part<S> {
    fn new(used: S) -> Self {
        Self {
            used,
            unwritten: None,
        }
    }

    /// Hands it on with `hand_on` if `now` is another than before. What could not be written stays as it was, so that
    /// it is tried again, and is said once.
    fn look(
        &mut self,
        now: S,
        hand_on: impl FnOnce() -> Result<Option<&'static str>, Miss>,
    ) -> Option<Result<&'static str, Failure>> {
        if now == self.used {
            return None;
        }
        let before = self.unwritten.take();
        let told = match hand_on() {
            Err(Miss::Unwritten(failure)) => {
                let text = failure.to_string();
                let is_new = before.as_ref() != Some(&text);
                self.unwritten = Some(text);
                return is_new.then(|| Err(Failure::new(format!("{failure}, and is tried again"))));
            }
            Err(Miss::Refused(failure)) => Some(Err(failure)),
            Ok(told) => told.map(Ok),
        };
        self.used = now;
        told
    }
}

fn gate(site: &Site) -> Result<Option<&'static str>, Miss> {
    let text = file(site, GATE).map_err(Miss::Refused)?;
    let path = site.path(GATE);
    if fs::read_to_string(&path).is_ok_and(|now| now == text) {
        return Ok(None);
    }
    put(&path, 0o600, text.as_bytes()).map_err(Miss::Unwritten)?;
    Ok(Some("gate.json has changed, and counts from now on"))
}

fn certificate(site: &Site) -> Result<Option<&'static str>, Miss> {
    let Some(tls) = &site.record.tls else {
        return Ok(None);
    };
    certificate::check_own(&site.path(&tls.certificate), &site.path(&tls.key))
        .map_err(Miss::Refused)?;
    // It says the same as before. That it is moved there makes Envoy read the certificate.
    let text = file(site, CERTIFICATE).map_err(Miss::Refused)?;
    put(&site.path(CERTIFICATE), 0o600, text.as_bytes()).map_err(Miss::Unwritten)?;
    Ok(Some(
        "the certificate has changed, and is shown from now on",
    ))
}

/// What the file `name` of Envoy has to hold now.
fn file(site: &Site, name: &str) -> Result<String, Failure> {
    let files = configuration::current(site)?;
    let mut files = files.into_iter();
    let found = files.find_map(|(own, text)| (own == name).then_some(text));
    Ok(found.unwrap_or_default())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::{Record, Tls};

    /// A site that `record` describes, and its files of Envoy, in a directory of its own.
    fn site(name: &str, tls: Option<Tls>) -> Site {
        let folder = std::env::temp_dir().join(format!("gate-live-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join(configuration::WATCHED)).unwrap();
        let record = Record {
            listen: "127.0.0.1:11435".parse().unwrap(),
            upstream: ("127.0.0.1".into(), 11434),
            names: vec!["localhost".into()],
            tls,
            envoy: None,
        };
        let site = Site { folder, record };
        save(&site, "first");
        site
    }

    fn save(site: &Site, id: &str) {
        let digest = "0340a8b16491e2da92ea93de2a6d6c2118ff85b584544e190ae25c6613136331";
        let text = format!(
            r#"{{ "api_keys": {{ "keys": [ {{ "id": "{id}", "sha256": "{digest}" }} ] }} }}"#
        );
        put(&site.path("gate.json"), 0o600, text.as_bytes()).unwrap();
    }

    /// What is said within so many looks that an attempt is among them.
    fn told(live: &mut Live<'_>) -> Vec<Result<&'static str, String>> {
        let looks = (0..=PAUSE + 1).flat_map(|_| live.look());
        looks
            .map(|told| told.map_err(|why| why.to_string()))
            .collect()
    }

    #[test]
    fn a_change_that_could_not_be_written_is_written_as_soon_as_it_can_be() {
        let site = site("gate", None);
        let watched = site.path(configuration::WATCHED);
        let mut live = Live::begin(&site);
        save(&site, "second");
        // Nothing can be written there, whoever tries.
        fs::rename(&watched, site.path("away")).unwrap();
        let said = told(&mut live);
        let [Err(why)] = said.as_slice() else {
            panic!("{said:?}");
        };
        assert!(why.ends_with("does not exist, and is tried again"), "{why}");
        assert!(told(&mut live).is_empty(), "it is said once");
        fs::rename(site.path("away"), &watched).unwrap();
        assert_eq!(
            told(&mut live),
            [Ok("gate.json has changed, and counts from now on")]
        );
        let text = fs::read_to_string(site.path(GATE)).unwrap();
        assert!(text.contains("second"), "{text}");
        assert!(told(&mut live).is_empty());
        fs::remove_dir_all(&site.folder).unwrap();
    }

    #[test]
    fn a_certificate_that_could_not_be_handed_on_is_handed_on_as_soon_as_it_can_be() {
        let site = site("certificate", Some(Tls::made_here()));
        let tls = site.path(crate::site::renewal::FOLDER);
        let watched = site.path(configuration::WATCHED);
        fs::create_dir(&tls).unwrap();
        let save = || {
            let made = certificate::make(&site.record.names).unwrap();
            for (name, mode, text) in made.files() {
                put(&tls.join(name), mode, text.as_bytes()).unwrap();
            }
        };
        save();
        let mut live = Live::begin(&site);
        save();
        fs::rename(&watched, site.path("away")).unwrap();
        let said = told(&mut live);
        assert!(matches!(said.as_slice(), [Err(_)]), "{said:?}");
        fs::rename(site.path("away"), &watched).unwrap();
        assert_eq!(
            told(&mut live),
            [Ok("the certificate has changed, and is shown from now on")]
        );
        fs::remove_dir_all(&site.folder).unwrap();
    }

    #[test]
    fn a_configuration_that_is_refused_is_read_again_when_it_changes() {
        let site = site("refused", None);
        let mut live = Live::begin(&site);
        save(&site, "");
        let said = told(&mut live);
        assert!(matches!(said.as_slice(), [Err(_)]), "{said:?}");
        assert!(told(&mut live).is_empty());
        save(&site, "second");
        assert_eq!(
            told(&mut live),
            [Ok("gate.json has changed, and counts from now on")]
        );
        fs::remove_dir_all(&site.folder).unwrap();
    }
}
