//! Looking into files in YAML or JSON.

use ollama_gate_engine::Json;

/// In: the text of a file. Out: its documents. It begins with a brace or bracket, or is YAML.
///
/// # Errors
/// Why it is neither, without quoting it.
pub(super) fn documents(text: &str) -> Result<Vec<Json>, String> {
    if text.trim_start().starts_with(['{', '[']) {
        let json = Json::parse(text.as_bytes());
        return json
            .map(|json| vec![json])
            .map_err(|why| format!("is not JSON: {why}"));
    }
    crate::document::yaml(text).map_err(|why| format!("is neither JSON nor YAML: {why}"))
}

/// The objects of the list `name`; none if there is no such list.
pub(super) fn objects<'j>(json: &'j Json, name: &str) -> Vec<&'j Json> {
    let items = match json.member(name) {
        Some(Json::List(items)) => items.as_slice(),
        _ => &[],
    };
    let objects = items.iter().filter(|item| matches!(item, Json::Object(_)));
    objects.collect()
}

/// The text of the member `name`; a number or a truth value as it is written.
pub(super) fn word(json: &Json, name: &str) -> Option<String> {
    match json.member(name)? {
        Json::Text(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// The texts of the list `name`, or the one that stands in its place.
pub(super) fn words(json: &Json, name: &str) -> Vec<String> {
    match json.member(name) {
        Some(Json::List(items)) => items
            .iter()
            .filter_map(|item| match item {
                Json::Text(text) => Some(text.clone()),
                Json::Number(number) => Some(number.to_string()),
                _ => None,
            })
            .collect(),
        Some(Json::Text(text)) => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// Whether the member `name` is true.
pub(super) fn is_true(json: &Json, name: &str) -> bool {
    json.member(name) == Some(&Json::Bool(true))
}

/// The members of the object `name`.
pub(super) fn members<'j>(json: &'j Json, name: &str) -> &'j [(String, Json)] {
    match json.member(name) {
        Some(Json::Object(members)) => members,
        _ => &[],
    }
}

/// The number in the member `name`.
pub(super) fn number(json: &Json, name: &str) -> Option<f64> {
    match json.member(name)? {
        Json::Number(number) => number.as_f64(),
        Json::Text(text) => text.parse().ok(),
        _ => None,
    }
}
