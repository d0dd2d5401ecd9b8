//! A page of docs/migration/: its examples, each with the configuration before and after, and a table
//! of requests.

use serde_json::{Map, Value};
use std::path::Path;
use yaml_rust2::{Yaml, YamlLoader};

/// One example of a page.
pub(crate) struct Example {
    /// its heading
    pub title: String,
    /// the gateway that the page is about
    pub host: &'static str,
    /// the configuration with the gateway's own plugins, as it is written
    pub before: String,
    /// the gate's configuration
    pub gate: Value,
    /// the rows that say what the callers have
    pub callers: Vec<Vec<String>>,
    /// the rows with a request each
    pub rows: Vec<Row>,
    /// the sentence below them
    pub counts: String,
}

/// One request, and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// what is sent, in code spans, and from where
    pub request: String,
    /// the status that the old plugins answer with; 200 is what goes on to Ollama
    pub old: u16,
    /// where that is written
    pub source: String,
    /// the gate's status
    pub status: u16,
    /// the gate's code, if it refuses
    pub code: String,
    /// why the answers differ, if they do
    pub reason: String,
}

/// The text of a page.
pub(crate) fn read(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/migration");
    std::fs::read_to_string(path.join(page)).unwrap()
}

/// Every example in the text of a page.
pub(crate) fn examples(host: &'static str, text: &str) -> Vec<Example> {
    let sections = text
        .split("\n## ")
        .filter(|part| part.starts_with("Example: "));
    sections.map(|section| example(host, section)).collect()
}

fn example(host: &'static str, section: &str) -> Example {
    let (title, _) = section.split_once('\n').unwrap();
    let part = |name: &str| {
        let (_, rest) = section.split_once(&format!("\n### {name}\n")).unwrap();
        rest.split("\n### ").next().unwrap()
    };
    let after = part("After");
    let requests = part("Requests");
    let tables = tables(requests);
    let [callers, rows] = tables.as_slice() else {
        panic!("{title}: there are {} tables", tables.len());
    };
    let sentence = requests.lines().find(|line| line.starts_with("Of "));
    Example {
        title: title.to_owned(),
        host,
        before: fenced(part("Before"), "yaml").join("\n"),
        gate: gate(&fenced(after, "yaml")),
        callers: callers.clone(),
        rows: rows.iter().map(|cells| row(cells)).collect(),
        counts: sentence.unwrap_or_default().to_owned(),
    }
}

fn row(cells: &[String]) -> Row {
    let [request, old, source, answer, reason] = cells else {
        panic!("{cells:?} are not five cells");
    };
    let (status, code) = answer.split_once(' ').unwrap_or((answer, ""));
    Row {
        request: request.clone(),
        old: old.parse().unwrap(),
        source: source.clone(),
        status: status.parse().unwrap(),
        code: code.trim_matches('`').to_owned(),
        reason: reason.clone(),
    }
}

/// The fenced blocks of one language.
fn fenced(text: &str, language: &str) -> Vec<String> {
    let start = format!("```{language}\n");
    let blocks = text.split("\n```\n");
    let inner = blocks.filter_map(|block| block.split_once(&start));
    inner.map(|(_, inner)| format!("{inner}\n")).collect()
}

/// What the code spans of `text` hold.
pub(crate) fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The tables of `text`: rows of cells, without their heads.
fn tables(text: &str) -> Vec<Vec<Vec<String>>> {
    let mut tables = vec![Vec::new()];
    for line in text.lines() {
        let inside = line
            .strip_prefix('|')
            .and_then(|line| line.strip_suffix('|'));
        match inside {
            Some(line) => {
                let cells = line.split(" |").map(|cell| cell.trim().to_owned());
                tables.last_mut().unwrap().push(cells.collect());
            }
            None => tables.push(Vec::new()),
        }
    }
    tables.retain(|table| !table.is_empty());
    // The head, and the line below it.
    let rows = |table: &Vec<Vec<String>>| table[2..].to_vec();
    tables.iter().map(rows).collect()
}

/// The one configuration of the gate in these documents.
fn gate(blocks: &[String]) -> Value {
    let mut found = Vec::new();
    for block in blocks {
        for document in YamlLoader::load_from_str(block).unwrap() {
            find(&json(&document), &mut found);
        }
    }
    assert_eq!(found.len(), 1, "{blocks:?}");
    found.remove(0)
}

/// The same value as JSON.
fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::String(text) => Value::from(text.as_str()),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::Boolean(truth) => Value::from(*truth),
        Yaml::Array(items) => items.iter().map(json).collect(),
        Yaml::Hash(members) => {
            let named = members.iter().map(|(name, child)| match name {
                Yaml::String(name) => (name.clone(), json(child)),
                _ => panic!("{name:?} is no name"),
            });
            Value::Object(named.collect::<Map<_, _>>())
        }
        _ => panic!("{yaml:?} is not used here"),
    }
}

/// Looks for `conf` of APISIX and `config` of Kong.
fn find(node: &Value, found: &mut Vec<Value>) {
    if let Some(conf) = node.pointer("/ollama-gate/conf") {
        found.push(conf.clone());
    }
    let named = node.get("name").and_then(Value::as_str);
    if matches!(named, Some("ollama-gate" | "ollama_gate")) {
        found.extend(node.get("config").cloned());
    }
    match node {
        Value::Object(members) => members.values().for_each(|child| find(child, found)),
        Value::Array(items) => items.iter().for_each(|child| find(child, found)),
        _ => {}
    }
}
