//! `explain`: what the gate does with one request, and why.

use crate::document::{Document, Kind, Plugin};
use crate::environment::EnvironmentOptions;
use crate::input::{Input, shown, why};
use crate::moment;
use crate::output::{Failure, Report, Verdict};
use crate::simulation::{self, Decision, Request};
use clap::ValueEnum;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::PathBuf;

/// Says what the gate does with a request, and why, without sending anything
///
/// It asks the engine of the filter. Exit code 1: the request is refused.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The configuration, as of `check`
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// Method and path, such as 'POST /api/chat'
    #[arg(long, value_name = "METHOD PATH")]
    request: String,
    /// A header, such as 'Authorization: Bearer sk-...'; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// A file with the body; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// When the request comes, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    at: Option<i64>,
    /// The gateway it comes to [default: that of the file]
    #[arg(long, value_name = "HOST")]
    host: Option<Host>,
    /// The address that the client connects from
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// The keys of an issuer whose keys are remote, by its `name`: a JWKS; may be repeated
    #[arg(long, value_name = "ISSUER=FILE")]
    jwks: Vec<String>,
    #[command(flatten)]
    environment: EnvironmentOptions,
}

/// A gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Host {
    /// Envoy
    Envoy,
    /// Istio
    Istio,
    /// Envoy Gateway
    EnvoyGateway,
    /// Apache APISIX
    Apisix,
    /// Kong
    Kong,
}

/// One decision, and what it was made for.
#[derive(Debug)]
struct Explained {
    method: String,
    path: String,
    at: i64,
    host: &'static str,
    unset: Vec<String>,
    decision: Decision,
}

/// Decides on the request.
///
/// # Errors
/// Something of it cannot be read, or the configuration does not hold.
pub fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    let input = Input::read(&options.config)?;
    let document = Document::read(&input)?;
    let plugin = only(&document)?;
    let gateway = options.host.map(Host::kind);
    let variables = options.environment.read()?;
    let jwks = options.jwks.iter().map(|option| simulation::jwks(option));
    let (method, path) = target(&options.request)?;
    let request = Request {
        headers: headers(&options.headers)?,
        body: options
            .body
            .as_ref()
            .map(body)
            .transpose()?
            .unwrap_or_default(),
        at: options.at.unwrap_or_else(moment::now),
        from: options.from,
        method,
        path,
    };
    let gate = simulation::Gate::new(plugin, &variables, gateway, jwks.collect::<Result<_, _>>()?)?;
    let decision = gate.decide(&request)?;
    Ok(Explained {
        host: gate.host(),
        unset: gate.unset().to_vec(),
        at: request.at,
        method: request.method,
        path: request.path,
        decision,
    })
}

/// The one configuration of a file.
pub fn only(document: &Document) -> Result<&Plugin, Failure> {
    match document.plugins.as_slice() {
        [only] => Ok(only),
        several => {
            let places: Vec<_> = several
                .iter()
                .map(|one| format!("`{}`", one.place))
                .collect();
            Err(Failure::new(format!(
                "the file holds {} configurations of the gate, and this takes one: {}",
                several.len(),
                places.join(", ")
            )))
        }
    }
}

fn target(request: &str) -> Result<(String, String), Failure> {
    let expected = || Failure::new("--request takes a method and a path, such as 'POST /api/chat'");
    let (method, path) = request.split_once(' ').ok_or_else(expected)?;
    let fit = !method.is_empty() && path.starts_with('/') && !path.contains(' ');
    if !fit {
        return Err(expected());
    }
    Ok((method.to_owned(), path.to_owned()))
}

fn headers(options: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let pair = |(place, option): (usize, &String)| {
        let pair = option.split_once(':').filter(|(name, _)| !name.is_empty());
        // Not quoted: it may be a credential.
        let pair = pair.ok_or_else(|| {
            Failure::new(format!(
                "--header number {} is not 'Name: value'",
                place + 1
            ))
        })?;
        Ok((pair.0.trim().to_ascii_lowercase(), pair.1.trim().to_owned()))
    };
    options.iter().enumerate().map(pair).collect()
}

fn body(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Input::read(path)?.text.into_bytes());
    }
    let failed = |error| Failure::new(format!("{} {}", shown(path), why(&error)));
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > crate::input::MAX_BYTES {
        let most = crate::input::MAX_BYTES >> 20;
        return Err(Failure::new(format!(
            "{} is larger than {most} MiB",
            shown(path)
        )));
    }
    std::fs::read(path).map_err(failed)
}

impl Host {
    const fn kind(self) -> Kind {
        match self {
            Self::Envoy => Kind::Envoy,
            Self::Istio => Kind::Istio,
            Self::EnvoyGateway => Kind::EnvoyGateway,
            Self::Apisix => Kind::Apisix,
            Self::Kong => Kind::Kong,
        }
    }
}

impl Report for Explained {
    fn text(&self) -> String {
        let mut text = format!(
            "request     {} {}\nat          {}\ngateway     {}\n",
            self.method,
            self.path.split('?').next().unwrap_or_default(),
            moment::written(self.at),
            self.host
        );
        for name in &self.unset {
            text.push_str(&format!(
                "note        {name} is not set here, a stand-in was used\n"
            ));
        }
        text.push_str(&self.decision.text());
        text
    }

    fn json(&self) -> Value {
        let mut report = self.decision.json();
        if let Value::Object(members) = &mut report {
            let path = self.path.split('?').next();
            members.insert(
                "request".into(),
                json!({ "method": self.method, "path": path }),
            );
            members.insert("at".into(), json!(moment::written(self.at)));
            members.insert("host".into(), json!(self.host));
            members.insert("unset".into(), json!(self.unset));
        }
        report
    }

    fn verdict(&self) -> Verdict {
        if self.decision.allowed {
            Verdict::Fine
        } else {
            Verdict::Found
        }
    }
}
