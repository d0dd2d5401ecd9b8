//! The gate's own configuration, and the gateway's that is made of it.

use super::{Plan, Record, Site, module, put};
use crate::authority;
use crate::document::Document;
use crate::environment::Variables;
use crate::input::{Input, shown, why};
use crate::keys;
use crate::output::Failure;
use crate::render::{self, Host, Settings};
use ollama_gate_engine::Json;
use serde_json::{Value, json};
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// What a key may do that `init` makes.
const SCOPES: [&str; 2] = ["read", "inference"];

/// A key that was made, shown this once.
#[derive(Clone)]
pub(crate) struct NewKey {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) models: Option<Vec<String>>,
}

/// In: a plan. Out: the text of `gate.json`, and the keys whose digests are in it.
pub(super) fn gate(plan: &Plan) -> Result<(String, Vec<NewKey>), Failure> {
    let mut made = Vec::new();
    let mut records = Vec::new();
    for wish in &plan.keys {
        let key = keys::draw()?;
        let mut record = vec![
            ("id", json!(wish.id)),
            ("sha256", json!(keys::digest(&key))),
            ("scopes", json!(SCOPES)),
        ];
        if let Some(models) = &wish.models {
            record.push(("models", json!(models)));
        }
        record.push(("expires_at", json!(plan.expires)));
        records.push(object(record));
        made.push(NewKey {
            id: wish.id.clone(),
            key,
            models: wish.models.clone(),
        });
    }
    let configuration = Json::Object(vec![
        (
            "api_keys".to_owned(),
            Json::Object(vec![("keys".to_owned(), Json::List(records))]),
        ),
        ("hosts".to_owned(), value(json!(hosts(&plan.record)))),
        ("public".to_owned(), value(json!(["health"]))),
        (
            "upstream".to_owned(),
            value(json!({ "host": host_for_ollama(&plan.record) })),
        ),
        ("log".to_owned(), value(json!({ "allowed": true }))),
    ]);
    let text = render::json_text(&configuration);
    keys::store::check(&text)?;
    Ok((text, made))
}

/// The names that a request may be for: a page elsewhere that resolves its own name to this machine is none.
fn hosts(record: &Record) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    for name in record.names.iter().chain(&own) {
        let host = authority::bracketed(name);
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// Ollama refuses a foreign Host where it listens on loopback.
fn host_for_ollama(record: &Record) -> String {
    let (host, port) = &record.upstream;
    let local = host
        .parse::<std::net::IpAddr>()
        .is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified());
    let host = if local { "localhost" } else { host };
    format!("{}:{port}", authority::bracketed(host))
}

/// The directory whose files Envoy watches.
pub(super) const WATCHED: &str = "watched";
/// The gate's configuration, as Envoy has it.
pub(super) const GATE: &str = "watched/gate.yaml";
/// Where Envoy finds the certificate and its key.
pub(super) const CERTIFICATE: &str = "watched/certificate.yaml";

/// Writes the files of Envoy anew from `gate.json` and `site.json`.
///
/// # Errors
/// The gate would refuse its configuration, or a variable that it refers to is not set.
pub(crate) fn render(site: &Site) -> Result<(), Failure> {
    let files = current(site)?;
    let folder = site.path(WATCHED);
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(Failure::new(format!("{} {}", shown(&folder), why(&error))));
        }
        _ => {}
    }
    files
        .iter()
        .try_for_each(|(name, text)| put(&site.path(name), 0o600, text.as_bytes()))
}

/// The files of Envoy, by their names in the directory, as they have to be now.
pub(super) fn current(site: &Site) -> Result<Vec<(&'static str, String)>, Failure> {
    let input = Input::read(&site.path("gate.json"))?;
    envoy(&site.folder, &site.record, &input, true)
}

/// In: a site's directory and record, its `gate.json`, and whether the variables that it refers to have to be
/// set. Out: the files of Envoy, by their names in the directory.
pub(super) fn envoy(
    folder: &Path,
    record: &Record,
    input: &Input,
    complete: bool,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let document = Document::read(input)?;
    let [plugin] = document.plugins.as_slice() else {
        return Err(Failure::new(format!(
            "{} holds {} configurations of the gate, expected one",
            input.name(),
            document.plugins.len()
        )));
    };
    let reading = crate::reading::read(plugin, &Variables::of_process());
    if let Some((path, why)) = reading.errors.first() {
        return Err(Failure::new(format!(
            "{} has errors, the first at `{path}`: {why}; `ollama-gate check` lists all",
            input.name()
        )));
    }
    if let (Some(unset), true) = (reading.unset.first(), complete) {
        return Err(Failure::new(format!(
            "the variable {}, which {} refers to at `{}`, is not set: a service reads it from the file `environment` \
             beside it",
            unset.name,
            input.name(),
            unset.path
        )));
    }
    let json = Json::parse(plugin.text.as_bytes()).map_err(Failure::new)?;
    let text = |path: &Path| folder.join(path).display().to_string();
    let settings = Settings {
        upstream: Some(record.upstream.clone()),
        listen: Some((record.listen.ip().to_string(), record.listen.port())),
        tls: record
            .tls
            .as_ref()
            .map(|tls| (text(&tls.certificate), text(&tls.key))),
        module: Some(text(Path::new(module::NAME))),
        // Two gates on one machine are not in each other's way.
        admin: Some(0),
        watched: Some(text(Path::new(WATCHED))),
    };
    // In the directory as in the pack, but for the main file.
    let (main, certificate) = match record.tls {
        None => ("watched/envoy.yaml", None),
        Some(_) => ("watched/tls.yaml", Some((CERTIFICATE, CERTIFICATE))),
    };
    let files = [("envoy.yaml", main), (GATE, GATE)];
    let files = files.into_iter().chain(certificate);
    files
        .map(|(name, of_pack)| {
            let text = render::render(Host::Envoy, Some(of_pack), &json, &settings)?;
            Ok((name, text))
        })
        .collect()
}

fn object(members: Vec<(&str, Value)>) -> Json {
    let members = members.into_iter();
    Json::Object(
        members
            .map(|(name, member)| (name.to_owned(), value(member)))
            .collect(),
    )
}

fn value(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(value),
        Value::Number(number) => Json::Number(number),
        Value::String(text) => Json::Text(text),
        Value::Array(items) => Json::List(items.into_iter().map(self::value).collect()),
        Value::Object(members) => Json::Object(
            members
                .into_iter()
                .map(|(name, member)| (name, self::value(member)))
                .collect(),
        ),
    }
}
