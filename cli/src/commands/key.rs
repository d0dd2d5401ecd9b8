//! `key`: makes API keys, and keeps their records in the plugin JSON.

use crate::input::{Input, shown};
use crate::keys::edit::{Span, replaced, spans, with_key, with_member, without_item};
use crate::keys::previous::{Previous, ends, is_disabled};
use crate::keys::store::{self, Store};
use crate::keys::{self, Shape};
use crate::moment;
use crate::output::{Failure, Report, Verdict};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Makes, lists, rotates and revokes API keys
///
/// The record of a key holds its SHA-256 alone. A FILE is the plugin JSON; everything else in it stays as
/// it stands. A gate that `up` or the service runs takes a change over within a second; any other gateway has to load
/// the file again.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    New(New),
    List(List),
    Rotate(Rotate),
    Revoke(Revoke),
    Hash(Hash),
}

/// Makes a key: prints it once, and writes its record into FILE or prints that too
#[derive(Debug, clap::Args)]
struct New {
    /// The plugin JSON to add the record to [default: print it]
    file: Option<PathBuf>,
    /// The name of the key in logs; it outlives the secret
    #[arg(long)]
    id: String,
    /// Whose key it is [default: the id]
    #[arg(long)]
    subject: Option<String>,
    /// What it may do: health, read, inference, manage, cloud
    #[arg(long, value_delimiter = ',', default_value = "read,inference")]
    scopes: Vec<String>,
    /// The models that it may use, such as llama3.2,qwen3:* [default: all]
    #[arg(long, value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// Limits of its requests, as a JSON object
    #[arg(long, value_name = "JSON")]
    limits: Option<String>,
    #[command(flatten)]
    end: End,
}

/// When a key ends.
#[derive(Debug, clap::Args)]
struct End {
    /// How many days it is valid
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=36500))]
    days: u32,
    /// When it ends, RFC 3339, in place of --days
    #[arg(long, value_name = "TIME", conflicts_with = "days", value_parser = moment::read)]
    expires: Option<i64>,
}

impl End {
    fn written(&self) -> String {
        let days = moment::now() + i64::from(self.days) * 86_400;
        moment::written(self.expires.unwrap_or(days))
    }
}

/// Lists the keys of FILE: names, rights and dates, no secrets
#[derive(Debug, clap::Args)]
struct List {
    /// The plugin JSON
    file: PathBuf,
}

/// Gives a key a new secret; the old one is valid for a while longer
///
/// The record keeps its id, its rights and its place. The old secret moves into its `previous`, with its end.
#[derive(Debug, clap::Args)]
struct Rotate {
    /// The plugin JSON
    file: PathBuf,
    /// The key
    #[arg(long)]
    id: String,
    /// How long the old secret is valid beside the new one
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = moment::read_span)]
    grace: Duration,
    #[command(flatten)]
    end: End,
}

/// Ends a key now; its record stays, so that the log still names it
#[derive(Debug, clap::Args)]
struct Revoke {
    /// The plugin JSON
    file: PathBuf,
    /// The key
    #[arg(long)]
    id: String,
    /// Take the record out
    #[arg(long)]
    remove: bool,
}

/// Reads a key from the standard input and prints its SHA-256
#[derive(Debug, clap::Args)]
struct Hash {}

/// Does what is asked for.
///
/// # Errors
/// The file cannot be used, or the record would not hold.
pub fn run(options: &Options) -> Result<Box<dyn Report>, Failure> {
    match &options.action {
        Action::New(options) => new(options),
        Action::List(options) => list(options),
        Action::Rotate(options) => rotate(options),
        Action::Revoke(options) => revoke(options),
        Action::Hash(_) => hash(),
    }
}

/// A key that was made, or a record that was changed.
#[derive(Debug)]
struct Changed {
    /// the new key, shown this once
    key: Option<String>,
    record: Option<Value>,
    file: Option<PathBuf>,
    note: String,
}

impl Report for Changed {
    fn text(&self) -> String {
        let mut text = String::new();
        if let Some(key) = &self.key {
            text.push_str("The key, for the client. It is stored nowhere and not shown again:\n\n");
            text.push_str(&format!("  {key}\n\n"));
        }
        if let (Some(record), None) = (&self.record, &self.file) {
            text.push_str("Its record, for `api_keys.keys` in the gate's configuration:\n\n");
            for line in format!("{record:#}").lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
        if !self.note.is_empty() {
            text.push_str(&format!("{}\n", self.note));
        }
        text
    }

    fn json(&self) -> Value {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        json!({ "key": self.key, "record": self.record, "file": file, "note": self.note })
    }
}

fn new(options: &New) -> Result<Box<dyn Report>, Failure> {
    let key = keys::draw()?;
    let mut record = Map::new();
    record.insert("id".into(), json!(options.id));
    record.insert("sha256".into(), json!(keys::digest(&key)));
    if let Some(subject) = &options.subject {
        record.insert("subject".into(), json!(subject));
    }
    record.insert("scopes".into(), json!(options.scopes));
    if let Some(models) = &options.models {
        record.insert("models".into(), json!(models));
    }
    if let Some(limits) = &options.limits {
        let limits = serde_json::from_str(limits);
        let limits = limits.map_err(|_| {
            Failure::new("--limits is no JSON, expected such as '{\"num_ctx\": 8192}'")
        })?;
        record.insert("limits".into(), limits);
    }
    record.insert("expires_at".into(), json!(options.end.written()));
    let record = Value::Object(record);
    let mut note = String::new();
    match &options.file {
        Some(file) => {
            let store = Store::open(file)?;
            let text = with_key(&store.text, &record.to_string()).ok_or_else(|| unusual(file))?;
            store.replace(&text)?;
            note = format!("Its record is in {}.", shown(file));
        }
        None => store::check(&json!({ "api_keys": { "keys": [record] } }).to_string())?,
    }
    Ok(Box::new(Changed {
        key: Some(key),
        record: Some(record),
        file: options.file.clone(),
        note,
    }))
}

/// The list of keys in `text`, and which of them is called `id`.
fn find(text: &str, file: &Path, id: &str) -> Result<(Span, usize), Failure> {
    let root = spans(text);
    let list = root
        .as_ref()
        .and_then(|root| root.member("api_keys")?.member("keys"));
    let place = list.and_then(|list| {
        let is_it = |item: &Span| name_of(text, item).as_deref() == Some(id);
        list.items().iter().position(is_it)
    });
    match (list, place) {
        (Some(list), Some(place)) => Ok((list.clone(), place)),
        _ => {
            let shown_id: String = id.escape_debug().take(128).collect();
            Err(Failure::new(format!(
                "{} has no key with the id `{shown_id}`",
                shown(file)
            )))
        }
    }
}

fn name_of(text: &str, item: &Span) -> Option<String> {
    serde_json::from_str(text.get(item.member("id")?.range.clone())?).ok()
}

fn unusual(file: &Path) -> Failure {
    Failure::new(format!(
        "{} has `api_keys` in a form that cannot be edited",
        shown(file)
    ))
}

fn revoke(options: &Revoke) -> Result<Box<dyn Report>, Failure> {
    let store = Store::open(&options.file)?;
    let (list, place) = find(&store.text, &options.file, &options.id)?;
    let text = if options.remove {
        without_item(&store.text, &list, place)
    } else {
        let item = list.items().get(place);
        let now = json!(moment::written(moment::now())).to_string();
        item.and_then(|item| with_member(&store.text, item, "expires_at", &now))
    };
    store.replace(&text.ok_or_else(|| unusual(&options.file))?)?;
    let note = format!(
        "{} is revoked in {}: a gate that `up` or the service runs takes it over, any other gateway has to load it.",
        options.id,
        shown(&options.file)
    );
    Ok(Box::new(Changed {
        key: None,
        record: None,
        file: Some(options.file.clone()),
        note,
    }))
}

fn rotate(options: &Rotate) -> Result<Box<dyn Report>, Failure> {
    let store = Store::open(&options.file)?;
    let (list, place) = find(&store.text, &options.file, &options.id)?;
    let item = list
        .items()
        .get(place)
        .ok_or_else(|| unusual(&options.file))?;
    let old = store.text.get(item.range.clone()).unwrap_or_default();
    let old: Map<String, Value> = serde_json::from_str(old).map_err(|_| unusual(&options.file))?;
    let now = moment::now();
    let grace = i64::try_from(options.grace.as_secs()).unwrap_or(i64::MAX);
    let previous = Previous::of(&old, now, now.saturating_add(grace));
    let mut note = previous.note();
    if is_disabled(&old) {
        note.push_str(" The key is disabled, so its new secret is not valid either.");
    }
    let key = keys::draw()?;
    let mut new = old;
    for name in ["key", "not_before", "previous"] {
        new.remove(name);
    }
    new.insert("sha256".into(), json!(keys::digest(&key)));
    if !previous.items.is_empty() {
        new.insert("previous".into(), Value::Array(previous.items));
    }
    new.insert("expires_at".into(), json!(options.end.written()));
    let record = Value::Object(new);
    let text = replaced(&store.text, item.range.clone(), &record.to_string());
    store.replace(&text.ok_or_else(|| unusual(&options.file))?)?;
    Ok(Box::new(Changed {
        key: Some(key),
        record: Some(record),
        file: Some(options.file.clone()),
        note,
    }))
}

/// The keys of a file.
#[derive(Debug)]
struct Listed(Vec<Value>);

fn list(options: &List) -> Result<Box<dyn Report>, Failure> {
    let input = Input::read(&options.file)?;
    let json = input.json()?;
    let records = json.pointer("/api_keys/keys").and_then(Value::as_array);
    let now = moment::now();
    let told = |record: &Value| {
        let time = |name: &str| moment::read(record.get(name)?.as_str()?).ok();
        let state = match (time("not_before"), time("expires_at")) {
            _ if record.as_object().is_some_and(is_disabled) => "disabled",
            (_, Some(end)) if end <= now => "expired",
            (Some(start), _) if start > now => "not yet valid",
            _ => "valid",
        };
        let field = |name: &str| record.get(name).cloned().unwrap_or_default();
        json!({
            "id": field("id"), "subject": record.get("subject").unwrap_or(&field("id")), "scopes": field("scopes"),
            "models": field("models"), "expires_at": field("expires_at"), "state": state,
            "old_secrets_until": ends(record, now),
        })
    };
    Ok(Box::new(Listed(
        records.into_iter().flatten().map(told).collect(),
    )))
}

impl Report for Listed {
    fn text(&self) -> String {
        let mut text = String::new();
        for key in &self.0 {
            let word = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or("-");
            let words = |name: &str, none: &str| match key.get(name).and_then(Value::as_array) {
                Some(items) => items
                    .iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join(","),
                None => none.to_owned(),
            };
            text.push_str(&format!(
                "{}  {}  of {}  may {}  models {}  until {}",
                word("id"),
                word("state"),
                word("subject"),
                words("scopes", "read,inference"),
                words("models", "all"),
                word("expires_at")
            ));
            let old = words("old_secrets_until", "");
            if !old.is_empty() {
                text.push_str(&format!("  old secret until {old}"));
            }
            text.push('\n');
        }
        if text.is_empty() {
            text.push_str("no keys\n");
        }
        text
    }

    fn json(&self) -> Value {
        json!({ "keys": self.0 })
    }
}

/// The digest of a key.
#[derive(Debug)]
struct Hashed {
    sha256: String,
    shape: Shape,
}

fn hash() -> Result<Box<dyn Report>, Failure> {
    let input = Input::read(Path::new("-"))?;
    let key = input.text.trim_end_matches(['\r', '\n']);
    let fit = key.len() >= 16
        && key
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b',');
    if !fit {
        return Err(Failure::new(
            "the input is no key: expected 16 or more characters of visible ASCII without a comma",
        ));
    }
    Ok(Box::new(Hashed {
        sha256: keys::digest(key),
        shape: keys::shape(key),
    }))
}

impl Report for Hashed {
    fn text(&self) -> String {
        match self.shape {
            Shape::Mistyped => {
                "the key was not copied whole: its checksum does not fit\n".to_owned()
            }
            _ => format!("{}\n", self.sha256),
        }
    }

    fn json(&self) -> Value {
        let checksum = match self.shape {
            Shape::Ours => json!(true),
            Shape::Mistyped => json!(false),
            Shape::Other => Value::Null,
        };
        json!({ "sha256": self.sha256, "checksum_fits": checksum })
    }

    fn verdict(&self) -> Verdict {
        if self.shape == Shape::Mistyped {
            Verdict::Found
        } else {
            Verdict::Fine
        }
    }
}
