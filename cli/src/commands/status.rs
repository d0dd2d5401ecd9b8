//! `status`: how a gate is.

use super::site_folder;
use crate::moment;
use crate::output::{Failure, Report, Verdict, counted};
use crate::service::ScopeOptions;
use crate::service::systemd::{self, Manager, State};
use crate::service::unit::Scope;
use crate::site::{self, Expiry, Health, Site};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Say how a gate is: its service, whether it answers, and when its certificate and keys end
///
/// Exit codes: 0 fine, 1 it does not answer, or does not ask for a key, or the certificate or a key is over.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The directory of the gate [default: as for `init`]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    scope: ScopeOptions,
}

/// Looks.
///
/// # Errors
/// The directory is none of a gate, or cannot be read.
pub(crate) fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    let site = Site::open(&site_folder(options.folder.as_deref())?)?;
    let scope = options.scope.scope();
    let service = match systemd::installed(scope)? {
        None => None,
        Some(_) => Some(Manager::reach(scope)?.state()?),
    };
    let (certificate, keys) = site::expiries(&site)?;
    Ok(Status {
        health: site::health(&site),
        ollama: site::ollama_listens(&site),
        now: moment::now(),
        site,
        scope,
        service,
        certificate,
        keys,
    })
}

/// How long before its end a certificate is to be renewed.
const SOON: i64 = 30 * 86_400;

struct Status {
    site: Site,
    scope: Scope,
    service: Option<State>,
    health: Health,
    ollama: bool,
    certificate: Option<Expiry>,
    keys: Vec<Expiry>,
    now: i64,
}

impl Status {
    fn is_over(&self, expiry: &Expiry) -> bool {
        expiry.end.is_some_and(|end| end <= self.now)
    }

    fn until(&self, expiry: &Expiry) -> String {
        match expiry.end {
            None => "has no end".to_owned(),
            Some(end) if end <= self.now => format!("over since {}", moment::written(end)),
            Some(end) => format!(
                "until {} ({})",
                moment::written(end),
                counted(
                    usize::try_from((end - self.now) / 86_400).unwrap_or_default(),
                    "day"
                )
            ),
        }
    }

    fn ends(&self, expiry: &Expiry) -> Value {
        json!({
            "id": expiry.name,
            "expires_at": expiry.end.map(moment::written),
            "expired": self.is_over(expiry),
        })
    }

    fn answer(&self) -> String {
        match &self.health {
            Health::Guards => "answers, and asks for a key".to_owned(),
            Health::Other(what) => format!("answers, and does not ask for a key: {what}"),
            Health::Silent(why) => format!("does not answer: {why}"),
        }
    }

    fn service(&self) -> String {
        let scope = self.scope.name();
        match &self.service {
            None => format!("not installed ({scope})"),
            Some(state) => {
                let enabled = if state.enabled {
                    "starts"
                } else {
                    "does not start"
                };
                let since = match state.since.as_str() {
                    "" => String::new(),
                    since => format!(" since {since}"),
                };
                format!(
                    "{}{since}, started again {}, {enabled} with the machine ({scope})",
                    state.active,
                    counted(
                        usize::try_from(state.restarts).unwrap_or(usize::MAX),
                        "time"
                    )
                )
            }
        }
    }
}

impl Report for Status {
    fn text(&self) -> String {
        let (host, port) = &self.site.record.upstream;
        let ollama = if self.ollama {
            "takes connections"
        } else {
            "takes no connection"
        };
        let mut text = format!(
            "gate         {}: {}\nollama       {}:{port}: {ollama}\nservice      {}\n",
            self.site.url(),
            self.answer(),
            crate::authority::bracketed(host),
            self.service()
        );
        if let Some(certificate) = &self.certificate {
            text.push_str(&format!("certificate  {}\n", self.until(certificate)));
            let soon = certificate.end.is_some_and(|end| end - self.now < SOON);
            let tls = self.site.record.tls.as_ref();
            if soon && tls.is_some_and(|tls| tls.authority.is_some()) {
                text.push_str("             `ollama-gate renew` makes another\n");
            }
        }
        for key in &self.keys {
            text.push_str(&format!("key          {}: {}\n", key.name, self.until(key)));
        }
        text
    }

    fn json(&self) -> Value {
        let service = self.service.as_ref().map(|state| {
            json!({
                "state": state.active,
                "since": state.since,
                "enabled": state.enabled,
                "restarts": state.restarts,
                "scope": self.scope.name(),
            })
        });
        let (host, port) = &self.site.record.upstream;
        json!({
            "directory": self.site.folder.display().to_string(),
            "url": self.site.url(),
            "answers": !matches!(self.health, Health::Silent(_)),
            "guards": self.health == Health::Guards,
            "answer": self.answer(),
            "ollama": format!("{}:{port}", crate::authority::bracketed(host)),
            "ollama_listens": self.ollama,
            "service": service,
            "certificate": self.certificate.as_ref().map(|expiry| self.ends(expiry)),
            "keys": self.keys.iter().map(|expiry| self.ends(expiry)).collect::<Vec<_>>(),
        })
    }

    fn verdict(&self) -> Verdict {
        let over = self
            .certificate
            .iter()
            .chain(&self.keys)
            .any(|expiry| self.is_over(expiry));
        let stopped = self
            .service
            .as_ref()
            .is_some_and(|state| state.active != "active");
        if over || stopped || self.health != Health::Guards {
            Verdict::Found
        } else {
            Verdict::Fine
        }
    }
}
