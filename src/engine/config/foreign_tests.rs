use super::super::field::{Field, Shape};
use super::super::root::{Configuration, ROOT};
use super::{Advice, Foreign, TABLE, advice, is_known, same};
use serde_json::{Value, json};
use std::collections::HashSet;

/// The fields of the section at `place`, such as `jwt[].jwks`.
fn section(place: &str) -> Option<&'static [Field]> {
    let mut fields = ROOT;
    for step in place.split('.').filter(|step| !step.is_empty()) {
        let name = step.trim_end_matches("[]");
        let field = fields.iter().find(|field| field.name == name)?;
        fields = below(field.shape)?;
    }
    Some(fields)
}

fn below(shape: Shape) -> Option<&'static [Field]> {
    match shape {
        Shape::Object(fields)
        | Shape::Open(fields)
        | Shape::Secret(fields)
        | Shape::TextOr(fields)
        | Shape::OneOrList(fields) => Some(fields),
        Shape::List(item) | Shape::Filled(item) => below(*item),
        _ => None,
    }
}

/// Whether there is a field at `path`, a list being written with its `[]`.
fn exists(path: &str) -> bool {
    let (place, name) = path.rsplit_once('.').unwrap_or(("", path));
    let there = |field: &Field| {
        let is_list = matches!(field.shape, Shape::List(_) | Shape::Filled(_));
        field.name == name.trim_end_matches("[]") && (is_list || !name.ends_with("[]"))
    };
    section(place).is_some_and(|fields| fields.iter().any(there))
}

/// Every section in which an unknown field is refused.
fn places() -> Vec<String> {
    let mut found = vec![String::new()];
    let mut next = 0;
    while let Some(place) = found.get(next).cloned() {
        next += 1;
        for field in section(&place).unwrap() {
            let list = matches!(field.shape, Shape::List(_) | Shape::Filled(_));
            let open = matches!(field.shape, Shape::Filled(Shape::Open(_)) | Shape::Open(_));
            if below(field.shape).is_some() && !open {
                let dot = if place.is_empty() { "" } else { "." };
                let end = if list { "[]" } else { "" };
                found.push(format!("{place}{dot}{}{end}", field.name));
            }
        }
    }
    found
}

fn places_of(foreign: &Foreign) -> Vec<String> {
    match foreign.places {
        [] => places(),
        named => named.iter().map(|place| (*place).to_owned()).collect(),
    }
}

/// Every word with every place of it.
fn written() -> impl Iterator<Item = (&'static str, String, &'static Foreign)> {
    TABLE.iter().flat_map(|foreign| {
        let places = places_of(foreign);
        let each = |place: String| foreign.words.iter().map(move |word| (*word, place.clone()));
        let pairs: Vec<_> = places.into_iter().flat_map(each).collect();
        pairs
            .into_iter()
            .map(move |(word, place)| (word, place, foreign))
    })
}

#[test]
fn every_field_that_is_advised_exists() {
    let roots: HashSet<_> = ROOT.iter().map(|field| field.name).collect();
    for foreign in TABLE {
        let text = match foreign.advice {
            Advice::Use(field, more) => format!("`{field}`{more}"),
            Advice::LeaveOut(reason) => reason.to_owned(),
        };
        for quoted in text.split('`').skip(1).step_by(2) {
            let first = quoted.split(['.', '[']).next().unwrap();
            if roots.contains(first) {
                assert!(exists(quoted), "{quoted}, for {:?}", foreign.words);
            }
        }
        if let Advice::Use(field, _) = foreign.advice {
            assert!(exists(field), "{field}, for {:?}", foreign.words);
        }
    }
}

#[test]
fn no_foreign_word_is_a_field_where_it_is_foreign() {
    for (word, place, _) in written() {
        let fields = section(&place).unwrap_or_else(|| panic!("there is no section `{place}`"));
        let taken = fields.iter().find(|field| same(field.name, word));
        assert!(taken.is_none(), "`{word}` is a field of `{place}`");
    }
}

#[test]
fn no_word_means_two_things_in_one_place() {
    for (index, foreign) in TABLE.iter().enumerate() {
        for (other, later) in TABLE.iter().enumerate().skip(index) {
            for (at, word) in foreign.words.iter().enumerate() {
                let twin = |(place, twin): (usize, &&str)| {
                    (index, at) != (other, place) && same(word, twin)
                };
                if !later.words.iter().enumerate().any(twin) {
                    continue;
                }
                // What holds everywhere may say something else in one place, which stands before it.
                let shared = foreign
                    .places
                    .iter()
                    .any(|place| later.places.contains(place));
                let both = foreign.places.is_empty() || index == other;
                assert!(!shared && !both, "`{word}` stands there twice");
            }
        }
    }
}

/// A configuration with the field `word` in the section at `place`.
fn document(place: &str, word: &str) -> Value {
    let mut value = json!({ word: 1 });
    for step in place.rsplit('.').filter(|step| !step.is_empty()) {
        value = match step.strip_suffix("[]") {
            Some(name) => json!({ name: [value] }),
            None => json!({ step: value }),
        };
    }
    value
}

#[test]
fn whoever_writes_a_foreign_word_is_told_the_field() {
    for (word, place, _) in written() {
        let expected = advice(&place, word).unwrap();
        let text = document(&place, word).to_string();
        let errors = Configuration::read(text.as_bytes(), &|_| None, 0).unwrap_err();
        let dot = if place.is_empty() { "" } else { "." };
        let line = format!("{}{dot}{word}: {expected}", place.replace("[]", "[0]"));
        let lines: Vec<_> = errors.lines().collect();
        assert!(lines.contains(&line), "{line}\nis not in\n{lines:#?}");
    }
}

#[test]
fn the_words_of_apisix_and_kong_come_to_the_fields_that_do_the_same() {
    for (place, word, field) in [
        ("", "whitelist", "network.allow"),
        ("network", "blacklist", "network.deny"),
        ("api_keys.keys[]", "whitelist", "api_keys.keys[].allow_from"),
        ("", "ip-restriction", "network"),
        ("", "multi-auth", "require"),
        ("", "consumers", "api_keys.keys"),
        ("api_keys", "key_names", "credential_headers"),
        ("jwt[]", "from_headers", "credential_headers"),
        ("jwt[]", "jwksUri", "jwt[].jwks.url"),
        ("jwt[]", "JWKS_URI", "jwt[].jwks.url"),
        ("jwt[]", "public_key", "jwt[].keys[].pem"),
        ("jwt[]", "lifetime_grace_period", "jwt[].leeway"),
        ("jwt[]", "email_domains", "jwt[].required_claims"),
        ("jwt[]", "allowedGroups", "jwt[].required_claims"),
        ("", "allowed_roles", "jwt[].required_claims"),
        ("jwt[]", "required_scopes", "jwt[].required_claims"),
        ("jwt[]", "groups_claim", "jwt[].scopes_claim"),
        ("jwt[]", "role_mappings", "jwt[].scope_map"),
        ("", "htpasswd_file", "basic.htpasswd"),
        ("", "master_key", "api_keys.keys[].key"),
        ("", "cookie_secret", "login.secrets"),
        ("jwt[]", "redirect_uri", "login.url"),
    ] {
        let told = advice(place, word).unwrap();
        assert!(
            told.starts_with(&format!("unknown field, did you mean `{field}`")),
            "{place}.{word}: {told}"
        );
    }
    for (place, word) in [
        ("", "key_in_query"),
        ("jwt[]", "hide_credentials"),
        ("jwt[]", "bearer_only"),
        ("jwt[]", "claims_to_verify"),
    ] {
        let told = advice(place, word).unwrap();
        assert!(
            told.starts_with("unknown field, leave it out: "),
            "{place} {word:?}: {told}"
        );
    }
}

#[test]
fn a_word_counts_only_where_it_would_be_written() {
    assert_eq!(advice("routes[]", "query"), None);
    assert_eq!(advice("network", "secret"), None);
    assert_eq!(advice("", "upsteam"), None);
    assert_eq!(advice("", ""), None);
    assert!(is_known("ip-restriction") && !is_known("sk-abcdef"));
    // The name is not looked through when it cannot be one.
    assert!(!is_known(&"_".repeat(1 << 20)));
}
