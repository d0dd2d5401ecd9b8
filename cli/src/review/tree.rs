//! Walks over a JSON tree by paths such as `jwt[1].audiences`.

use ollama_gate_engine::Json;

/// What is at `path` below `json`.
pub fn at<'j>(json: &'j Json, path: &str) -> Option<&'j Json> {
    let mut found = json;
    for segment in path.split('.').filter(|segment| !segment.is_empty()) {
        let (name, places) = segment.split_once('[').unwrap_or((segment, ""));
        if !name.is_empty() {
            found = found.member(name)?;
        }
        for place in places.split('[').filter(|place| !place.is_empty()) {
            let place: usize = place.strip_suffix(']')?.parse().ok()?;
            let Json::List(items) = found else {
                return None;
            };
            found = items.get(place)?;
        }
    }
    Some(found)
}

/// Takes an object: its path and its members.
pub type Look<'l, 'j> = &'l mut dyn FnMut(&str, &'j [(String, Json)]);

/// Calls `look` with each object below `json`, and its path.
pub fn objects<'j>(json: &'j Json, path: &str, look: Look<'_, 'j>) {
    match json {
        Json::List(items) => {
            for (place, item) in items.iter().enumerate() {
                objects(item, &format!("{path}[{place}]"), look);
            }
        }
        Json::Object(members) => {
            look(path, members);
            for (name, value) in members {
                objects(value, &below(path, name), look);
            }
        }
        _ => {}
    }
}

/// The path of the member `name` of what is at `path`.
pub fn below(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// The strings of a list.
pub fn texts(json: Option<&Json>) -> Vec<&str> {
    match json {
        Some(Json::List(items)) => items.iter().filter_map(Json::text).collect(),
        _ => Vec::new(),
    }
}

/// Whether `json` has `true` in the member `name`.
pub fn is_true(json: &Json, name: &str) -> bool {
    json.member(name) == Some(&Json::Bool(true))
}
