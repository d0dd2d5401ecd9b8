//! A site: one directory that holds a gate and everything that it needs.
//!
//! `gate.json` and `site.json` are what it is made of; the files of Envoy are written anew from them at each start,
//! and those that Envoy watches whenever `gate.json` or the certificate changes.

mod certificate;
mod configuration;
mod draft;
mod expiry;
mod live;
mod module;
mod plan;
mod probe;
mod questions;
mod renewal;
mod running;
mod trust;
mod words;
mod write;

pub(crate) use configuration::render;
pub(crate) use draft::{Owner, put};
pub(crate) use expiry::{Expiry, expiries};
pub(crate) use live::Live;
pub(crate) use plan::{KeyWish, Plan, TlsWish, Wishes};
pub(crate) use probe::{Health, health, ollama_listens};
pub(crate) use questions::ask;
pub(crate) use renewal::renew;
pub(crate) use running::{Watch, port_is_free};
pub(crate) use trust::quoted;
pub(crate) use words::{host_and_port, key, listen, name, tls};
pub(crate) use write::{CreatedSite, free, make};

use crate::authority;
use crate::input::{Input, shown};
use crate::output::Failure;
use serde_json::{Value, json};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The version of `site.json`.
const VERSION: u64 = 1;

/// Certificate and key, absolute or within the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// what clients are told to trust; none where the certificate is one of the operator's own
    pub(crate) authority: Option<PathBuf>,
}

impl Tls {
    /// One that `init` or `renew` makes.
    fn made_here() -> Self {
        let path = |name: &str| Path::new(renewal::FOLDER).join(name);
        Self {
            certificate: path("cert.pem"),
            key: path("key.pem"),
            authority: Some(path("ca.pem")),
        }
    }
}

/// What `site.json` holds: everything that is not in the gate's own configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// where Envoy listens
    pub(crate) listen: SocketAddr,
    /// where Ollama is
    pub(crate) upstream: (String, u16),
    /// the names and addresses that clients use, at least one
    pub(crate) names: Vec<String>,
    pub(crate) tls: Option<Tls>,
    /// an Envoy of the operator's own
    pub(crate) envoy: Option<PathBuf>,
}

/// A directory that `init` has made.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// absolute, and UTF-8
    pub(crate) folder: PathBuf,
    pub(crate) record: Record,
}

impl Site {
    /// Opens the directory `folder`.
    ///
    /// # Errors
    /// It is none of `init`'s, or belongs to somebody else.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let file = folder.join("site.json");
        let absent = fs::symlink_metadata(&file)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        if absent {
            return Err(Failure::new(format!(
                "there is no gate in {}: `ollama-gate init` makes one",
                shown(folder)
            )));
        }
        // A pipe in their place would be waited for without end.
        for file in [&file, &folder.join("gate.json")] {
            if fs::metadata(file).is_ok_and(|file| !file.is_file() && !file.is_dir()) {
                return Err(Failure::new(format!("{} is no regular file", shown(file))));
            }
        }
        let input = Input::read(&file)?;
        let failed = |error: std::io::Error| {
            Failure::new(format!("{} {}", shown(folder), crate::input::why(&error)))
        };
        let folder = fs::canonicalize(folder).map_err(failed)?;
        plan::speakable(&folder)?;
        let record = Record::read(&input.text)
            .map_err(|why| Failure::new(format!("{}: {why}", shown(&file))))?;
        Ok(Self { folder, record })
    }

    /// Refuses a directory of another user's: what is written into it would be his no more.
    pub(crate) fn owned(&self) -> Result<(), Failure> {
        let own = rustix::process::geteuid().as_raw();
        match self.owner() {
            Some(owner) if owner != own => Err(Failure::new(format!(
                "{} belongs to another user (uid {owner}): run this as that user, such as with `sudo -u '#{owner}'`",
                shown(&self.folder)
            ))),
            _ => Ok(()),
        }
    }

    /// The user whose directory it is.
    pub(crate) fn owner(&self) -> Option<u32> {
        fs::metadata(&self.folder)
            .ok()
            .map(|metadata| metadata.uid())
    }

    /// The path of `name` in the directory.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    /// The address that a client uses first.
    pub(crate) fn url(&self) -> String {
        self.record.url()
    }

    /// A command that asks the gate from this machine.
    pub(crate) fn curl(&self) -> String {
        let tls = self.record.tls.as_ref();
        let authority = tls.and_then(|tls| tls.authority.as_ref());
        let local = self.local_address();
        // A certificate that was made here is for the addresses of loopback as well.
        let url = if local.ip().is_loopback() && (tls.is_none() || authority.is_some()) {
            let scheme = if tls.is_some() { "https" } else { "http" };
            format!("{scheme}://{local}")
        } else {
            self.url()
        };
        let trusting = authority.map_or_else(String::new, |path| {
            format!("--cacert {} ", quoted(&self.path(path)))
        });
        format!("curl {trusting}{url}/api/tags -H \"Authorization: Bearer sk-...\"")
    }

    /// Where the gate can be asked from this machine.
    pub(crate) fn local_address(&self) -> SocketAddr {
        let listen = self.record.listen;
        let ip = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, listen.port())
    }
}

impl Record {
    /// The address that a client uses first.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let name = self.names.first().map_or("localhost", String::as_str);
        let port = self.listen.port();
        format!("{scheme}://{}:{port}", authority::bracketed(name))
    }

    /// As `site.json` has it.
    fn text(&self) -> String {
        let path = |path: &PathBuf| path.display().to_string();
        let (host, port) = &self.upstream;
        let tls = self.tls.as_ref().map(|tls| {
            json!({
                "certificate": path(&tls.certificate),
                "key": path(&tls.key),
                "authority": tls.authority.as_ref().map(path),
            })
        });
        let value = json!({
            "version": VERSION,
            "listen": self.listen.to_string(),
            "upstream": format!("{}:{port}", authority::bracketed(host)),
            "names": self.names,
            "tls": tls,
            "envoy": self.envoy.as_ref().map(path),
        });
        format!("{value:#}\n")
    }

    /// Reads `site.json`, which a person may have edited.
    fn read(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| format!("it is not JSON: line {}", error.line()))?;
        let word = |name: &str| value.get(name).and_then(Value::as_str);
        if value.get("version").and_then(Value::as_u64) != Some(VERSION) {
            return Err(format!(
                "`version` is not {VERSION}: another release of `ollama-gate` wrote it"
            ));
        }
        let listen = word("listen").and_then(|text| text.parse().ok());
        let listen =
            listen.ok_or("`listen`: expected an address and a port, such as `0.0.0.0:11443`")?;
        let upstream = words::host_and_port(word("upstream").unwrap_or_default())
            .map_err(|why| format!("`upstream`: {why}"))?;
        let names = value.get("names").and_then(Value::as_array);
        let names: Option<Vec<String>> = names.and_then(|names| {
            let words = names.iter().map(|name| name.as_str().map(str::to_owned));
            words.collect()
        });
        let names = names
            .filter(|names| !names.is_empty())
            .ok_or("`names`: expected a list of names")?;
        let tls = match value.get("tls") {
            None | Some(Value::Null) => None,
            Some(tls) => {
                let path = |name: &str| tls.get(name).and_then(Value::as_str).map(PathBuf::from);
                let missing = || "`tls`: expected `certificate` and `key`";
                Some(Tls {
                    certificate: path("certificate").ok_or_else(missing)?,
                    key: path("key").ok_or_else(missing)?,
                    authority: path("authority"),
                })
            }
        };
        plan::guarded(tls.is_some(), listen)?;
        Ok(Self {
            listen,
            upstream,
            names,
            tls,
            envoy: word("envoy").map(PathBuf::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            listen: "0.0.0.0:11443".parse().unwrap(),
            upstream: ("::1".into(), 11434),
            names: vec!["2001:db8::7".into()],
            tls: Some(Tls {
                certificate: "tls/cert.pem".into(),
                key: "tls/key.pem".into(),
                authority: None,
            }),
            envoy: Some("/opt/my envoy".into()),
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        assert_eq!(Record::read(&record().text()).unwrap(), record());
        assert_eq!(record().url(), "https://[2001:db8::7]:11443");
    }

    #[test]
    fn a_record_that_was_edited_to_serve_a_network_without_tls_is_refused() {
        let mut open = record();
        open.tls = None;
        let why = Record::read(&open.text()).unwrap_err();
        assert!(why.contains("without TLS"), "{why}");
    }

    #[test]
    fn a_record_of_another_release_is_refused() {
        let other = record().text().replace("\"version\": 1", "\"version\": 2");
        assert!(Record::read(&other).unwrap_err().contains("`version`"));
    }
}
