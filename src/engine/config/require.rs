//! `require`

use super::field::{Field, Shape};
use super::reader::{Node, Reader};
use crate::authn::Requirement;
use crate::identity::Method;
use std::ops::RangeInclusive;

table! {
    pub(super) REQUIRE => RequireSection {
        at_least: Field::required(
            Shape::Whole(1, MAX_METHODS),
            "how many of the methods in `of` are required. With `network` among them at least 2, since a network \
             alone identifies nobody",
        ),
        of: Field::required(
            Shape::Filled(&Shape::Word(names)),
            "the methods that count, in the order in which they are tried: `network`, and kinds of credentials that \
             are configured",
        ),
    }
}

const NETWORK: &str = "network";
/// More methods than there are.
const MAX_METHODS: u64 = 16;

/// What there is to require of.
pub(super) struct Configured {
    /// the credentials that can prove a caller here, in the order in which they are tried
    pub methods: Vec<Method>,
    /// whether a network can count, because one is named that is not everybody's
    pub network: bool,
}

fn names() -> Vec<&'static str> {
    let methods = Method::ALL.into_iter().map(Method::name);
    std::iter::once(NETWORK).chain(methods).collect()
}

/// Reads `require`, which may name only what is configured.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: Option<&Node<'_>>,
    configured: Configured,
) -> Requirement {
    let Some(node) = node else {
        return Requirement::Any;
    };
    match node.json.text() {
        Some("any") => Requirement::Any,
        // A network restricts always, so it need not be counted.
        Some("all") => Requirement::AtLeast {
            count: configured.methods.len(),
            methods: configured.methods,
            network: false,
        },
        Some(_) => {
            let expected =
                "\"any\", \"all\" or {\"at_least\": 2, \"of\": [\"network\", \"api_key\"]}";
            reader.parsed(node, expected, |_| None::<()>);
            Requirement::Any
        }
        None => read_some(reader, node, &configured).unwrap_or_default(),
    }
}

fn read_some(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    configured: &Configured,
) -> Option<Requirement> {
    let section = reader.section::<RequireSection>(node)?;
    let of = section.of.node()?;
    let items = reader.list(&of, "a list of methods");
    if items.is_empty() {
        reader.refuse(&of, "expected a method such as \"api_key\", found none");
        return None;
    }
    let expected = format!("one of {}", names().join(", "));
    let (mut methods, mut network) = (Vec::new(), false);
    for item in &items {
        let is_known = |text: &&str| names().contains(text);
        let Some(name) = reader.parsed(item, &expected, |text| Some(text).filter(is_known)) else {
            continue;
        };
        let method = Method::ALL.into_iter().find(|method| method.name() == name);
        let twice = match method {
            Some(method) => methods.contains(&method),
            None => network,
        };
        if twice {
            reader.refuse(item, "is a duplicate");
            continue;
        }
        match method {
            Some(method) if !configured.methods.contains(&method) => {
                reader.refuse(item, "has no effect: none of these is configured");
            }
            None if !configured.network => reader.refuse(
                item,
                "has no effect: there is no `network.allow` and no key with `allow_from`, or they allow every address",
            ),
            _ => {}
        }
        match method {
            Some(method) => methods.push(method),
            None => network = true,
        }
    }
    // A signature is used up by looking at it, so nothing that may wait comes after it.
    methods.sort_by_key(|method| *method == Method::OllamaCli);
    let at_least = section.at_least.node()?;
    let min = if network { 2 } else { 1 };
    let max = u64::try_from(items.len()).unwrap_or(MAX_METHODS);
    let count = count(reader, &at_least, min..=max)?;
    Some(Requirement::AtLeast {
        count,
        methods,
        network,
    })
}

/// How many, of as many as there are.
fn count(reader: &mut Reader<'_>, node: &Node<'_>, range: RangeInclusive<u64>) -> Option<usize> {
    if range.is_empty() {
        let message = "cannot be met: a network alone names nobody, so `of` needs a credential too";
        reader.refuse(node, message);
        return None;
    }
    usize::try_from(reader.whole_within(node, range)?).ok()
}
