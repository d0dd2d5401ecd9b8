//! `explain`: what the gate does with one request, and why.

use crate::document::{Document, Kind, Plugin};
use crate::environment::EnvironmentOptions;
use crate::input::{Input, MAX_BYTES, shown, why};
use crate::moment;
use crate::output::{Failure, Report, Verdict, counted};
use crate::simulation::{self, Decision, Request};
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use std::io::Read as _;
use std::net::IpAddr;
use std::path::PathBuf;

/// Says what the gate does with a request, and why, without sending anything
///
/// It asks the engine of the filter. Exit code 1: the request is refused, or one of several is.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The configuration, as of `check`
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// Method and path, such as 'POST /api/chat'
    #[arg(long, value_name = "METHOD PATH", required_unless_present = "requests")]
    request: Option<String>,
    /// Many requests in place of one, each by itself: a file with a JSON object in each line; `-` is the
    /// standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["request", "headers", "body"])]
    requests: Option<PathBuf>,
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

/// The decisions on the requests of a file, in its order.
#[derive(Debug)]
struct Batch(Vec<Explained>);

/// Decides on the request, or on each of several.
///
/// # Errors
/// Something of it cannot be read, or the configuration does not hold.
pub fn run(options: &Options) -> Result<Box<dyn Report>, Failure> {
    let input = Input::read(&options.config)?;
    let document = Document::read(&input)?;
    let plugin = only(&document)?;
    let gateway = options.host.map(Host::kind);
    let variables = options.environment.read()?;
    let jwks = options.jwks.iter().map(|option| simulation::jwks(option));
    let jwks: Vec<_> = jwks.collect::<Result<_, _>>()?;
    let at = options.at.unwrap_or_else(moment::now);
    let explain = |request: &Request| {
        // A gate of its own for each: what it learned from another may decide on none.
        let gate = simulation::Gate::new(plugin, &variables, gateway, jwks.clone())?;
        Ok::<_, Failure>(Explained {
            host: gate.host(),
            unset: gate.unset().to_vec(),
            at: request.at,
            method: request.method.clone(),
            path: request.path.clone(),
            decision: gate.decide(request)?,
        })
    };
    let Some(requests) = &options.requests else {
        return Ok(Box::new(explain(&single(options, at)?)?));
    };
    let input = Input::read(requests)?;
    let mut decisions = Vec::new();
    for (place, line) in input.text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let request = simulation::read_line(line, at, options.from)
            .map_err(|why| Failure::new(format!("{} line {}: {why}", input.name(), place + 1)))?;
        let explained = explain(&request)
            .map_err(|why| Failure::new(format!("{} line {}: {why}", input.name(), place + 1)))?;
        decisions.push(explained);
    }
    Ok(Box::new(Batch(decisions)))
}

/// The request of the options.
fn single(options: &Options, at: i64) -> Result<Request, Failure> {
    let request = options.request.as_deref().unwrap_or_default();
    let (method, path) =
        simulation::target(request).map_err(|why| Failure::new(format!("--request: {why}")))?;
    let header = |(place, option): (usize, &String)| {
        simulation::header(option)
            .map_err(|why| Failure::new(format!("--header number {}: {why}", place + 1)))
    };
    let headers = options.headers.iter().enumerate().map(header);
    let body = options.body.as_ref().map(body).transpose()?;
    Ok(Request {
        headers: headers.collect::<Result<_, _>>()?,
        body: body.unwrap_or_default(),
        at,
        from: options.from,
        method,
        path,
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

fn body(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Input::read(path)?.text.into_bytes());
    }
    let failed = |error| Failure::new(format!("{} {}", shown(path), why(&error)));
    let file = std::fs::File::open(path).map_err(failed)?;
    // What has no end has no length either.
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(Failure::new(format!(
            "{} is larger than {} MiB",
            shown(path),
            MAX_BYTES >> 20
        )));
    }
    Ok(bytes)
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
        let mut report = self.members();
        report.insert("host".into(), json!(self.host));
        report.insert("unset".into(), json!(self.unset));
        Value::Object(report)
    }

    fn verdict(&self) -> Verdict {
        if self.decision.allowed {
            Verdict::Fine
        } else {
            Verdict::Found
        }
    }
}

impl Explained {
    /// What is said of the request alone.
    fn members(&self) -> Map<String, Value> {
        let mut report = self.decision.json();
        let path = self.path.split('?').next();
        report.insert(
            "request".into(),
            json!({ "method": self.method, "path": path }),
        );
        report.insert("at".into(), json!(moment::written(self.at)));
        report
    }
}

impl Report for Batch {
    fn text(&self) -> String {
        let mut text = String::new();
        for (place, one) in self.0.iter().enumerate() {
            let path = one.path.split('?').next().unwrap_or_default();
            let decision = one.decision.sentence();
            text.push_str(&format!(
                "{}  {} {path}  {decision}\n",
                place + 1,
                one.method
            ));
        }
        let refused = self.0.iter().filter(|one| !one.decision.allowed).count();
        let count = counted(self.0.len(), "request");
        let allowed = self.0.len() - refused;
        text.push_str(&format!("{count}: {allowed} allowed, {refused} refused\n"));
        text
    }

    fn json(&self) -> Value {
        let decisions = self.0.iter().map(|one| Value::Object(one.members()));
        let first = self.0.first();
        json!({
            "decisions": decisions.collect::<Vec<_>>(),
            "host": first.map(|one| one.host),
            "unset": first.map(|one| one.unset.as_slice()).unwrap_or_default(),
        })
    }

    fn verdict(&self) -> Verdict {
        if self.0.iter().all(|one| one.decision.allowed) {
            Verdict::Fine
        } else {
            Verdict::Found
        }
    }
}
