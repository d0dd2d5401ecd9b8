//! The JSON Schema of the plugin JSON, made of the tables of fields.
//!
//! Draft 4, because that is what Kong reads. It serves editors and Kong's Admin API, which then
//! tell of a mistake at once. The gate does not use it: the reader is the judge.

use super::field::{Field, Shape, Support};
use super::root::ROOT;
use crate::json::Json;

/// What marks a draft-4 document.
const DRAFT: &str = "http://json-schema.org/draft-04/schema#";

/// A number and a unit, once or more: what is left to the reader is whether there is such a unit.
const DURATION: &str = "^ *[0-9]";

/// A number of bytes.
const SIZE: &str = "^[0-9]{1,10} ?([KMG]i)?B$";

/// The schema of the whole document.
///
/// ```
/// let schema = ollama_gate_engine::schema();
/// let fields = schema.member("properties").and_then(|fields| fields.member("api_keys"));
/// assert!(fields.is_some());
/// ```
pub fn schema() -> Json {
    let mut members = vec![member("$schema", text(DRAFT))];
    members.extend(section(ROOT));
    Json::Object(members)
}

type Members = Vec<(String, Json)>;

/// The members of the schema of a section.
///
/// An empty list stands for an empty section, as Kong and APISIX confuse the two; and since
/// `required` says nothing of a list, a section that must have a field takes no list.
fn section(fields: &[Field]) -> Members {
    let names = |support| -> Vec<&'static str> {
        let marked = fields.iter().filter(|field| field.support == support);
        marked.map(|field| field.name).collect()
    };
    let (required, one, any) = (
        names(Support::Required),
        names(Support::OneOf),
        names(Support::AnyOf),
    );
    let mut members = if required.is_empty() && one.is_empty() && any.is_empty() {
        vec![
            member("type", texts(&["object", "array"])),
            member("maxItems", number(0)),
        ]
    } else {
        vec![member("type", text("object"))]
    };
    let known = fields
        .iter()
        .map(|field| member(field.name, described(field)));
    members.push(member("properties", Json::Object(known.collect())));
    if !required.is_empty() {
        members.push(member("required", texts(&required)));
    }
    for (keyword, choices) in [("oneOf", one), ("anyOf", any)] {
        if !choices.is_empty() {
            let choices = choices
                .into_iter()
                .map(|name| Json::Object(vec![member("required", texts(&[name]))]));
            members.push(member(keyword, Json::List(choices.collect())));
        }
    }
    members.push(member("additionalProperties", Json::Bool(false)));
    members
}

fn described(field: &Field) -> Json {
    let mut members = vec![member("description", text(field.about))];
    members.extend(shape(field.shape));
    Json::Object(members)
}

fn shape(shape: Shape) -> Members {
    let string = || member("type", text("string"));
    match shape {
        Shape::Text => vec![string(), member("minLength", number(1))],
        Shape::Pattern(pattern) => vec![string(), member("pattern", text(pattern))],
        Shape::Name => vec![string(), member("pattern", text("^[!-~]{1,128}$"))],
        Shape::Time => vec![string(), member("format", text("date-time"))],
        Shape::Boolean => vec![member("type", text("boolean"))],
        // Where there is place for it, what Envoy makes of a number of YAML with over 32 bits.
        Shape::Whole(min, max) if max > 0x7fff_ffff => vec![
            member("type", texts(&["integer", "string"])),
            member("minimum", number(min)),
            member("maximum", number(max)),
            member("pattern", text("^[0-9]{10,16}$")),
        ],
        Shape::Whole(min, max) => vec![
            member("type", text("integer")),
            member("minimum", number(min)),
            member("maximum", number(max)),
        ],
        Shape::Duration(..) => vec![string(), member("pattern", text(DURATION))],
        Shape::Size(_) => vec![string(), member("pattern", text(SIZE))],
        Shape::Word(words) => vec![member("enum", texts(&words()))],
        Shape::Object(fields) => section(fields),
        Shape::Open(fields) => {
            let mut members = section(fields);
            members.retain(|(name, _)| name != "additionalProperties");
            members
        }
        Shape::Map(value) => vec![
            member("type", texts(&["object", "array"])),
            member("maxItems", number(0)),
            member("additionalProperties", Json::Object(self::shape(*value))),
        ],
        Shape::Claim => {
            let kinds = ["string", "number", "boolean", "array", "object"];
            vec![member("type", texts(&kinds))]
        }
        Shape::Secret(fields) | Shape::TextOr(fields) => text_or(fields),
        // Of a list the keywords of objects say nothing, and the other way round.
        Shape::OneOrList(fields) => {
            let mut members = section(fields);
            members.retain(|(name, _)| name != "type");
            members.insert(0, member("type", texts(&["object", "array"])));
            members.push(member("minItems", number(1)));
            members.push(member("items", Json::Object(section(fields))));
            members
        }
        Shape::List(item) => {
            // The other face of an empty section: an empty object stands for an empty list.
            vec![
                member("type", texts(&["array", "object"])),
                member("items", Json::Object(self::shape(*item))),
                member("maxProperties", number(0)),
            ]
        }
        Shape::Filled(item) => vec![
            member("type", text("array")),
            member("minItems", number(1)),
            member("items", Json::Object(self::shape(*item))),
        ],
    }
}

/// A string or an object.
///
/// It says nothing of the string's length: the validator of Kong 3.9 (lua-resty-ljsonschema 1.2.0)
/// forgets, once it has looked at `properties`, that the value is no string, and stops with an error.
fn text_or(fields: &[Field]) -> Members {
    let mut members = section(fields);
    members.retain(|(name, _)| name != "type");
    members.insert(0, member("type", texts(&["string", "object"])));
    // `required` says nothing of a string, which would so be each of several choices.
    for (_, value) in members.iter_mut().filter(|(name, _)| name == "oneOf") {
        let Json::List(choices) = value else { continue };
        for choice in choices.iter_mut() {
            if let Json::Object(choice) = choice {
                choice.push(member("type", text("object")));
            }
        }
        choices.push(Json::Object(vec![member("type", text("string"))]));
    }
    members
}

fn member(name: &str, value: Json) -> (String, Json) {
    (name.to_owned(), value)
}

fn text(value: &str) -> Json {
    Json::Text(value.to_owned())
}

fn texts(values: &[&str]) -> Json {
    Json::List(values.iter().map(|value| text(value)).collect())
}

fn number(value: u64) -> Json {
    Json::Number(value.into())
}
