//! JSON back to text, duplicates and order kept.

use ollama_gate_engine::Json;
use serde_json::Value;

/// `json` as text on one line. What stands twice in it still does.
pub fn to_text(json: &Json) -> String {
    let mut text = String::new();
    write(json, &mut text);
    text
}

fn write(json: &Json, text: &mut String) {
    match json {
        Json::Null => text.push_str("null"),
        Json::Bool(value) => text.push_str(&value.to_string()),
        Json::Number(number) => text.push_str(&number.to_string()),
        Json::Text(own) => text.push_str(&quoted(own)),
        Json::List(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Json::Object(members) => {
            text.push('{');
            for (place, (name, value)) in members.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                text.push_str(&quoted(name));
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
