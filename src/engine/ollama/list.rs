//! Ollama's lists of models, with a part of the entries.

use super::ModelName;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The lists, and the members by which an entry of each names its model: `/api/tags` and `/api/ps`
/// have the first, `/v1/models` the second.
const LISTS: [(&str, &[&str]); 2] = [("models", &["name", "model"]), ("data", &["id"])];

/// `body`, what Ollama answers where it lists models, without the entries whose model `shows` is
/// false of. An entry that names none, or two, or something that is no name, is left out too. What is
/// kept is kept byte for byte. `None` if `body` is no such answer.
pub(crate) fn filtered(body: &[u8], shows: impl Fn(&ModelName) -> bool) -> Option<Vec<u8>> {
    let Members(members) = serde_json::from_slice(body).ok()?;
    let mut out = Vec::with_capacity(body.len());
    let mut is_list = false;
    let mut before = b'{';
    for (name, value) in members {
        out.push(before);
        before = b',';
        out.extend_from_slice(name.get().as_bytes());
        out.push(b':');
        match names_of_entries(&text(name)?) {
            Some(names) => {
                is_list = true;
                write_entries(&mut out, value, |entry| {
                    model(entry, names).is_some_and(|model| shows(&model))
                })?;
            }
            None => out.extend_from_slice(value.get().as_bytes()),
        }
    }
    out.push(b'}');
    is_list.then_some(out)
}

/// How entries name their model in the list called `name`. Ollama's own client, which is written in
/// Go, reads members whatever their case.
fn names_of_entries(name: &str) -> Option<&'static [&'static str]> {
    let mut lists = LISTS.iter();
    let list = lists.find(|list| list.0.eq_ignore_ascii_case(name));
    list.map(|list| list.1)
}

/// Those of `list` that `shows` is true of. `None` if it is none; without models it may be `null`.
fn write_entries(
    out: &mut Vec<u8>,
    list: &RawValue,
    shows: impl Fn(&RawValue) -> bool,
) -> Option<()> {
    let entries: Option<Vec<&RawValue>> = serde_json::from_str(list.get()).ok()?;
    let Some(entries) = entries else {
        out.extend_from_slice(list.get().as_bytes());
        return Some(());
    };
    out.push(b'[');
    let mut first = true;
    for entry in entries.into_iter().filter(|entry| shows(entry)) {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(entry.get().as_bytes());
    }
    out.push(b']');
    Some(())
}

/// The one model that `entry` names in the members called `names`.
fn model(entry: &RawValue, names: &[&str]) -> Option<ModelName> {
    let Members(members) = serde_json::from_str(entry.get()).ok()?;
    let mut only: Option<(&str, ModelName)> = None;
    for (name, value) in members {
        let name = text(name)?;
        if !names.iter().any(|own| own.eq_ignore_ascii_case(&name)) {
            continue;
        }
        // Most often both members are the same, byte for byte.
        if only
            .as_ref()
            .is_some_and(|(other, _)| *other == value.get())
        {
            continue;
        }
        let model = ModelName::parse(&text(value)?)?;
        if only.as_ref().is_some_and(|(_, other)| *other != model) {
            return None;
        }
        only = Some((value.get(), model));
    }
    only.map(|(_, model)| model)
}

/// The text of a string.
fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inside = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        serde_json::from_str(raw.get()).map(Cow::Owned).ok()
    } else {
        // It was read as JSON once, so without escapes the text is what stands there.
        Some(Cow::Borrowed(inside))
    }
}

/// An object's members as they stand there.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfObject)
    }
}

struct OfObject;

impl<'de> Visitor<'de> for OfObject {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
