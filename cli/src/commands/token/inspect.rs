//! `token inspect`: what is in a token, and what the gate would say to it.

use crate::document::{Document, Plugin};
use crate::environment::{EnvironmentOptions, Variables};
use crate::input::Input;
use crate::moment;
use crate::output::{Failure, Report, Verdict};
use crate::simulation::{self, Decision, Gate, Request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Says what is in a token, and what the gate would say to it and why
///
/// The engine of the filter decides, without the network. Without --config the token is only taken apart: nothing of it
/// is proved then. Exit code 1: the gate refuses it. Exit code 2: it cannot be told, since a key or a secret is not known here.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The token; `-`, better, is the standard input: others on the machine can read arguments
    #[arg(default_value = "-")]
    token: String,
    /// The configuration, as of `check`
    #[arg(long, value_name = "CONFIG")]
    config: Option<PathBuf>,
    /// The keys of issuers whose keys are remote: a JWKS for all of them, or of one by its `name`; may be repeated
    #[arg(long, value_name = "[ISSUER=]FILE", requires = "config")]
    jwks: Vec<String>,
    /// When, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    at: Option<i64>,
    #[command(flatten)]
    environment: EnvironmentOptions,
}

/// A token, and what is said to it. Its signature is not in it.
#[derive(Debug)]
pub(super) struct Inspected {
    header: Value,
    claims: Value,
    at: i64,
    /// what each issuer of the configuration says, by its name
    issuers: Vec<(String, Judgement)>,
    /// what the gate says in the end, if there is a configuration
    said: Option<Judgement>,
}

/// What is said to a token.
#[derive(Clone, Debug)]
enum Judgement {
    Decided {
        decision: Box<Decision>,
        scopes: Vec<&'static str>,
    },
    Unknown(String),
}

/// A request for each scope, which needs nothing else.
const ASKED: [(&str, &str, &str); 4] = [
    ("read", "GET", "/api/ps"),
    ("inference", "POST", "/v1/messages"),
    ("manage", "DELETE", "/api/delete"),
    ("cloud", "POST", "/api/me"),
];

/// Takes it apart, and asks the gate.
///
/// # Errors
/// It is no token, or the configuration does not hold.
pub(super) fn run(options: &Options) -> Result<Inspected, Failure> {
    let token = if options.token == "-" {
        Input::read(Path::new("-"))?.text.trim().to_owned()
    } else {
        options.token.trim().to_owned()
    };
    let token = token.strip_prefix("Bearer ").unwrap_or(&token);
    let mut parts = token.split('.');
    let mut part = |name: &str| {
        let bytes = URL_SAFE_NO_PAD
            .decode(parts.next().unwrap_or_default())
            .ok();
        let json: Option<Value> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        json.filter(Value::is_object).ok_or_else(|| {
            Failure::new(format!(
                "it is no JWT: its {name} is no JSON object in base64url"
            ))
        })
    };
    let (header, claims) = (part("header")?, part("payload")?);
    let at = options.at.unwrap_or_else(moment::now);
    let mut inspected = Inspected {
        header,
        claims,
        at,
        issuers: Vec::new(),
        said: None,
    };
    let Some(config) = &options.config else {
        return Ok(inspected);
    };
    let input = Input::read(config)?;
    let document = Document::read(&input)?;
    let plugin = crate::commands::explain::only(&document)?;
    let variables = options.environment.read()?;
    let mut jwks = Vec::new();
    let issuers = issuers(plugin);
    for option in &options.jwks {
        jwks.extend(keys(option, &issuers)?);
    }
    for issuer in &issuers {
        let own = jwks
            .iter()
            .filter(|(name, _)| *name == issuer.name)
            .cloned()
            .collect();
        let alone = Plugin {
            text: issuer.alone.clone(),
            ..plugin.clone()
        };
        inspected.issuers.push((
            issuer.name.clone(),
            ask(&alone, &variables, own, token, at)?,
        ));
    }
    inspected.said = Some(ask(plugin, &variables, jwks, token, at)?);
    Ok(inspected)
}

/// An issuer of a configuration.
struct Issuer {
    name: String,
    is_remote: bool,
    /// a configuration of it alone
    alone: String,
}

fn issuers(plugin: &Plugin) -> Vec<Issuer> {
    let json: Value = serde_json::from_str(&plugin.text).unwrap_or_default();
    let all = json.get("jwt").and_then(Value::as_array);
    let of = |issuer: &Value| {
        let mut alone = issuer.clone();
        if let Value::Object(members) = &mut alone {
            members.retain(|name, _| {
                !["header", "cookie", "assertion_header"].contains(&name.as_str())
            });
        }
        let host = json
            .get("host")
            .cloned()
            .unwrap_or_else(|| json!({ "name": "envoy" }));
        Issuer {
            name: issuer
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            is_remote: issuer.get("jwks").is_some(),
            alone: json!({ "jwt": [alone], "host": host }).to_string(),
        }
    };
    all.into_iter().flatten().map(of).collect()
}

/// In: `[ISSUER=]FILE`. Out: the keys, for the issuer that is named or for all whose keys are remote.
fn keys(option: &str, issuers: &[Issuer]) -> Result<Vec<(String, String)>, Failure> {
    let named = option
        .split_once('=')
        .filter(|(name, _)| issuers.iter().any(|issuer| issuer.name == *name));
    if named.is_some() {
        return Ok(vec![simulation::jwks(option)?]);
    }
    let (_, text) = simulation::jwks(&format!("={option}"))?;
    let remote = issuers.iter().filter(|issuer| issuer.is_remote);
    Ok(remote
        .map(|issuer| (issuer.name.clone(), text.clone()))
        .collect())
}

fn ask(
    plugin: &Plugin,
    variables: &Variables,
    jwks: Vec<(String, String)>,
    token: &str,
    at: i64,
) -> Result<Judgement, Failure> {
    let host = host(plugin);
    let request = |method: &str, path: &str| Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: vec![
            ("host".to_owned(), host.clone()),
            ("authorization".to_owned(), format!("Bearer {token}")),
        ],
        body: Vec::new(),
        at,
        from: None,
    };
    let mut scopes = Vec::new();
    let mut first = None;
    for (scope, method, path) in ASKED {
        // A gate of its own for each: the first one would remember the token.
        let gate = Gate::new(plugin, variables, None, jwks.clone())?;
        let decision = match gate.decide(&request(method, path)) {
            Ok(decision) => decision,
            Err(why) => return Ok(Judgement::Unknown(why.to_string())),
        };
        let code = decision.code().map(str::to_owned);
        if code.as_deref() == Some("invalid_signature") && !gate.unset().is_empty() {
            let unset = gate.unset().join(", ");
            return Ok(Judgement::Unknown(format!(
                "{unset} is not set here, so the signature cannot be checked"
            )));
        }
        let proved = decision.allowed || decision.status() == Some(403);
        if proved && code.as_deref() != Some("scope_denied") {
            scopes.push(scope);
        }
        // The first that is not refused for its scope alone says what there is to say of the token.
        if first.is_none() || code.as_deref() != Some("scope_denied") {
            first = first
                .filter(|known: &Decision| known.code() != Some("scope_denied"))
                .or(Some(decision));
        }
    }
    Ok(first.map_or_else(
        || Judgement::Unknown("nothing was asked".to_owned()),
        |decision| Judgement::Decided {
            decision: Box::new(decision),
            scopes,
        },
    ))
}

/// A Host that the configuration takes.
fn host(plugin: &Plugin) -> String {
    let json: Value = serde_json::from_str(&plugin.text).unwrap_or_default();
    let first = json.get("hosts").and_then(|hosts| hosts.get(0)?.as_str());
    let first = first.unwrap_or("localhost:11434");
    first
        .split_once("://")
        .map_or(first, |(_, host)| host)
        .to_owned()
}

impl Judgement {
    /// Whether the token proves somebody, whatever it may do; none if it cannot be told.
    fn is_good(&self) -> Option<bool> {
        match self {
            Self::Decided { decision, .. } => {
                Some(decision.allowed || decision.code() == Some("scope_denied"))
            }
            Self::Unknown(_) => None,
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Unknown(why) => format!("cannot be told: {why}"),
            Self::Decided { decision, scopes } => match self.is_good() {
                Some(true) if scopes.is_empty() => "good, and may do nothing".to_owned(),
                Some(true) => format!("good, may {}", scopes.join(", ")),
                _ => decision.sentence(),
            },
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Unknown(why) => json!({ "good": null, "why": why }),
            Self::Decided { decision, scopes } => {
                let good = self.is_good() == Some(true);
                let report = decision.json();
                let field = |name: &str| {
                    report
                        .get(name)
                        .cloned()
                        .filter(|_| !good)
                        .unwrap_or_default()
                };
                json!({
                    "good": good, "scopes": scopes, "subject": report.get("subject"), "id": report.get("id"),
                    "code": field("code"), "status": field("status"), "cause": field("cause"), "message": field("message"),
                })
            }
        }
    }
}

impl Report for Inspected {
    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
        for (part, title) in [(&self.header, "header"), (&self.claims, "claim")] {
            for (name, value) in part.as_object().into_iter().flatten() {
                line(
                    title,
                    &format!("{}  {}", name.escape_debug(), self.shown(name, value)),
                );
            }
        }
        for (name, said) in &self.issuers {
            line("issuer", &format!("{name}: {}", said.sentence()));
        }
        match &self.said {
            None => line("verdict", "none: without --config nothing of it is proved"),
            Some(said) => line("verdict", &said.sentence()),
        }
        text
    }

    fn json(&self) -> Value {
        let issuers: Map<String, Value> = self
            .issuers
            .iter()
            .map(|(name, said)| (name.clone(), said.json()))
            .collect();
        json!({
            "header": self.header, "claims": self.claims, "at": moment::written(self.at),
            "issuers": issuers, "verdict": self.said.as_ref().map(Judgement::json),
        })
    }

    fn verdict(&self) -> Verdict {
        match self.said.as_ref().map(Judgement::is_good) {
            None | Some(Some(true)) => Verdict::Fine,
            Some(Some(false)) => Verdict::Found,
            Some(None) => Verdict::Unsure,
        }
    }
}

impl Inspected {
    /// `value` on one line; a time as one, and how far it is from now.
    fn shown(&self, name: &str, value: &Value) -> String {
        let seconds = value
            .as_i64()
            .filter(|_| ["exp", "nbf", "iat", "auth_time"].contains(&name));
        let Some(seconds) = seconds else {
            let text: String = value.to_string().chars().take(512).collect();
            return text;
        };
        let away = seconds.saturating_sub(self.at);
        let span = humantime::format_duration(std::time::Duration::from_secs(away.unsigned_abs()));
        let when = if away < 0 {
            format!("{span} ago")
        } else {
            format!("in {span}")
        };
        format!("{} ({when})", moment::written(seconds))
    }
}
