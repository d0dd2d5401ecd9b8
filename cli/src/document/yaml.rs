//! YAML, as far as gateways read it: as JSON with another spelling.

use ollama_gate_engine::Json;
use serde_json::Number;
use std::collections::HashMap;
use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::{ScanError, Yaml, YamlLoader};

/// Lists and maps within each other, at the most.
const MAX_DEPTH: usize = 100;
/// Aliases repeat what they name; a file that grows by them beyond this is an attack on its reader.
const MAX_NODES: usize = 4_000_000;

/// The documents in `text`, empty ones left out.
///
/// # Errors
/// Why it cannot be read, without quoting it.
pub fn read(text: &str) -> Result<Vec<Json>, String> {
    check_size(text)?;
    let parts = YamlLoader::load_from_str(text).map_err(|error| place(&error))?;
    let parts = parts
        .iter()
        .filter(|part| !matches!(part, Yaml::Null | Yaml::BadValue));
    parts.map(json).collect()
}

/// Where an error is. The parser's own message may quote a scalar, and that may be a secret.
fn place(error: &ScanError) -> String {
    let mark = error.marker();
    format!(
        "the error is in line {}, column {}",
        mark.line(),
        mark.col() + 1
    )
}

/// Reads the events of `text` one by one, before anything is built of them: what nests or repeats
/// itself too often ends here.
fn check_size(text: &str) -> Result<(), String> {
    let mut parser = Parser::new_from_str(text);
    let mut nodes = 0_usize;
    // How many nodes there were when each anchor that is open began, and how many each that is closed has.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    loop {
        let (event, _) = parser.next_token().map_err(|error| place(&error))?;
        nodes += 1;
        match event {
            Event::StreamEnd => return Ok(()),
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push((anchor, nodes));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some((anchor, start)) = open.pop() {
                    sizes.insert(anchor, nodes - start);
                }
            }
            Event::Alias(anchor) => nodes += sizes.get(&anchor).copied().unwrap_or_default(),
            _ => {}
        }
        if open.len() > MAX_DEPTH {
            return Err(format!("it nests deeper than {MAX_DEPTH} levels"));
        }
        if nodes > MAX_NODES {
            return Err("it is too large, or repeats itself by aliases too often".to_owned());
        }
    }
}

fn json(yaml: &Yaml) -> Result<Json, String> {
    Ok(match yaml {
        Yaml::Null => Json::Null,
        Yaml::Boolean(value) => Json::Bool(*value),
        Yaml::Integer(value) => Json::Number((*value).into()),
        Yaml::Real(text) => {
            let number = text.parse::<f64>().ok().and_then(Number::from_f64);
            number.map_or_else(|| Json::Text(text.clone()), Json::Number)
        }
        Yaml::String(text) => Json::Text(text.clone()),
        Yaml::Array(items) => {
            let items = items.iter().map(json);
            Json::List(items.collect::<Result<_, _>>()?)
        }
        Yaml::Hash(members) => {
            let mut read = Vec::with_capacity(members.len());
            for (name, value) in members {
                let name = match json(name)? {
                    Json::Text(name) => name,
                    other => super::to_text(&other),
                };
                read.push((name, json(value)?));
            }
            Json::Object(read)
        }
        Yaml::Alias(_) | Yaml::BadValue => {
            return Err("it has an alias without an anchor, or a tag that does not fit".to_owned());
        }
    })
}
