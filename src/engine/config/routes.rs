//! `routes`

use super::field::{Field, Shape};
use super::reader::{Node, Reader};
use crate::http::DecodedPath;
use crate::json::Json;
use crate::ollama::{Route, Routes, Scope, Taken};

table! {
    pub(super) ROUTE => RouteSection {
        path: Field::one_of(
            PATH,
            "the whole decoded path, such as `/api/new`, without a trailing slash",
        ),
        prefix: Field::one_of(
            PATH,
            "this path and everything below it: `/api/new` and `/api/new/…`, but not `/api/newer`",
        ),
        methods: Field::required(
            Shape::Filled(&Shape::Word(methods)),
            "the HTTP methods; `GET` does not include `HEAD`",
        ),
        scope: Field::required(
            Shape::Word(scopes),
            "the scope that it requires: `read`, `inference`, `manage` or `cloud`",
        ),
    }
}

const PATH: Shape = Shape::Pattern("^(/[^/?#%{}*\\\\ ]+)+$");

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// What a mapped route may need. `health` could be opened to everybody.
const SCOPES: [Scope; 4] = [Scope::Read, Scope::Inference, Scope::Manage, Scope::Cloud];

/// The longest path.
const MAX_PATH_BYTES: usize = 256;

fn methods() -> Vec<&'static str> {
    METHODS.into()
}

fn scopes() -> Vec<&'static str> {
    SCOPES.into_iter().map(Scope::name).collect()
}

pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Routes {
    let mut routes = Routes::default();
    for node in reader.list(node, "a list of routes") {
        let Some(section) = reader.section::<RouteSection>(&node) else {
            continue;
        };
        let Some(route) = read_route(reader, &section) else {
            continue;
        };
        match routes.map(route) {
            Ok(()) => {}
            Err(Taken::Twice) => reader.refuse(&node, "is already mapped by another entry"),
            Err(Taken::Known(known)) => {
                let message = format!(
                    "covers {} {}, which the gate knows and which needs `{}`",
                    known.methods().join(", "),
                    known.pattern(),
                    known.scope().name()
                );
                reader.refuse(&node, message);
            }
        }
    }
    routes
}

fn read_route(reader: &mut Reader<'_>, section: &RouteSection<'_>) -> Option<Route> {
    let place = match (section.path.node(), section.prefix.node()) {
        (Some(node), None) => Some((node, false)),
        (None, Some(node)) => Some((node, true)),
        _ => None,
    };
    let expected = "a plain path such as \"/api/new\", without query, pattern, or slash at its end";
    let place = place.and_then(|(node, below)| {
        let path = reader.parsed(&node, expected, |text| is_plain(text).then_some(text))?;
        Some((path.to_owned(), below))
    });
    let methods = section.methods.read(reader, read_methods);
    let scope = section.scope.read(reader, |reader, node| {
        let expected = format!("one of {}", scopes().join(", "));
        let named = |text: &str| Scope::named(text).filter(|scope| SCOPES.contains(scope));
        reader.parsed(node, &expected, named)
    });
    let (path, below) = place?;
    Some(Route::mapped(methods?, &path, below, scope?))
}

fn read_methods(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Vec<&'static str>> {
    let is_empty = match node.json {
        Json::List(names) => names.is_empty(),
        Json::Object(members) => members.is_empty(),
        _ => false,
    };
    if is_empty {
        reader.refuse(node, "expected a non-empty list of methods, found none");
    }
    let names = reader.list(node, "a non-empty list of methods");
    let expected = format!("one of {}", METHODS.join(", "));
    let named = |text: &str| METHODS.into_iter().find(|method| *method == text);
    let methods: Option<Vec<_>> = names
        .iter()
        .map(|name| reader.parsed(name, &expected, named))
        .collect();
    methods.filter(|methods| !methods.is_empty())
}

/// Whether the path is the same decoded or not, and has nothing in it that looks like more than a
/// path.
fn is_plain(text: &str) -> bool {
    let decoded = DecodedPath::read(text.as_bytes());
    decoded.is_ok_and(|path| path.as_str() == text)
        && text.len() <= MAX_PATH_BYTES
        && !text.ends_with('/')
        && !text.contains(['?', '*', '{', '}'])
}
