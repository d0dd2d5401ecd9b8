//! Walks a JSON tree and collects every error on the way.

use super::Environment;
use super::field::{Field, Support};
use super::foreign;
use super::placeholder;
use super::report::ConfigErrors;
use super::root::TABLES;
use super::table::Table;
use crate::json::{Json, duplicates};
use std::rc::Rc;

/// The longest name of a member that an error repeats, unless it is known.
const MAX_NAME: usize = 26;

/// Whether an error may repeat a member's name: a key that was written in its place has digits, or
/// is longer.
fn may_be_shown(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$');
    let fit = name.len() <= MAX_NAME && name.bytes().all(plain);
    fit || is_field(name) || foreign::is_known(name)
}

/// Whether any section has a field called `name`.
fn is_field(name: &str) -> bool {
    let mut fields = TABLES.iter().flat_map(|(_, fields)| *fields);
    fields.any(|field| field.name == name)
}

/// A value and where it stands. The path is text only once there is an error at it.
#[derive(Clone, Debug)]
pub(crate) struct Node<'j> {
    pub json: &'j Json,
    path: Rc<[Step<'j>]>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'j> {
    Member(&'j str),
    Item(usize),
}

impl<'j> Node<'j> {
    pub(crate) fn root(json: &'j Json) -> Self {
        let path = Rc::default();
        Self { json, path }
    }

    /// The path as an error shows it: `jwt[1].audiences`.
    pub(crate) fn path(&self) -> String {
        shown_path(&self.path)
    }

    /// The member called `name`, with `json` in it.
    pub(crate) fn member(&self, name: &'j str, json: &'j Json) -> Self {
        self.below(Step::Member(name), json)
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> Vec<Self> {
        let Json::List(items) = self.json else {
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .map(|(place, item)| self.below(Step::Item(place), item))
            .collect()
    }

    /// The items of a list; of anything else itself.
    pub(crate) fn one_or_items(&self) -> Vec<Self> {
        match self.json {
            Json::List(_) => self.items(),
            _ => vec![self.clone()],
        }
    }

    /// The section that is here, nothing in it checked; none if this is no object.
    pub(crate) fn peek<T: Table<'j>>(&self) -> Option<T> {
        match self.json {
            Json::Object(members) => Some(T::open(self, members)),
            _ => None,
        }
    }

    fn below(&self, step: Step<'j>, json: &'j Json) -> Self {
        let path = self.path.iter().copied().chain([step]).collect();
        Self { json, path }
    }
}

/// Whether `path` leads to a member of a JWK: such keys are copied from where they are published,
/// and `null` says there that a member is not set.
fn is_of_jwk(path: &[Step<'_>]) -> bool {
    use Step::{Item, Member};
    matches!(
        path,
        [Member("jwt"), Item(_), Member("keys"), Item(_), Member(_)]
    )
}

fn shown_path(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Item(place) => text.push_str(&format!("[{place}]")),
            Step::Member(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(if may_be_shown(name) { name } else { "…" });
            }
        }
    }
    text
}

/// The first `max` characters of `text`, control characters escaped.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    let mut short: String = text.chars().take(max).collect();
    let cut = short.len() < text.len();
    short = short.escape_debug().to_string();
    if cut {
        short.push('…');
    }
    short
}

/// Collects errors and warnings, and looks up what secrets refer to.
pub(crate) struct Reader<'e> {
    pub environment: Environment<'e>,
    /// random bits, for spreading out what workers do
    pub seed: u64,
    pub errors: ConfigErrors,
    /// what to log at startup so that nobody misses it
    pub warnings: Vec<String>,
}

impl<'e> Reader<'e> {
    pub(crate) fn new(environment: Environment<'e>, seed: u64) -> Self {
        Self {
            environment,
            seed,
            errors: ConfigErrors::default(),
            warnings: Vec::new(),
        }
    }

    /// Adds an error at `node`.
    pub(crate) fn refuse(&mut self, node: &Node<'_>, message: impl Into<String>) {
        self.errors.add(node.path(), message.into());
    }

    /// Adds "expected …, found …" without showing the value, which may be a secret.
    pub(crate) fn mismatch(&mut self, node: &Node<'_>, expected: &str) {
        let found = node.json.kind();
        self.refuse(node, format!("expected {expected}, found {found}"));
    }

    /// Refuses what no field may be: `null`, a member twice, a secret left unresolved.
    pub(crate) fn check_everywhere(&mut self, root: &Node<'_>) {
        self.check_below(root.json, &mut Vec::new());
    }

    /// One path for the whole walk: a document may have as many values as it has bytes.
    fn check_below<'j>(&mut self, json: &'j Json, path: &mut Vec<Step<'j>>) {
        let message = match json {
            Json::Null if is_of_jwk(path) => None,
            Json::Null => Some("is null, leave the field out instead".to_owned()),
            Json::Text(text) => placeholder::gateway_reference(text).map(unresolved),
            _ => None,
        };
        if let Some(message) = message {
            self.errors.add(shown_path(path), message);
        }
        match json {
            Json::Object(members) => {
                for name in duplicates(members) {
                    path.push(Step::Member(name));
                    self.errors
                        .add(shown_path(path), "is a duplicate member".to_owned());
                    path.pop();
                }
                for (name, value) in members {
                    path.push(Step::Member(name));
                    self.check_below(value, path);
                    path.pop();
                }
            }
            Json::List(items) => {
                for (place, item) in items.iter().enumerate() {
                    path.push(Step::Item(place));
                    self.check_below(item, path);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// The members of an object. An empty list is an empty object: APISIX and Kong confuse the two.
    fn members<'j>(&mut self, node: &Node<'j>) -> Option<&'j [(String, Json)]> {
        match node.json {
            Json::Object(members) => Some(members.as_slice()),
            Json::List(items) if items.is_empty() => Some(&[]),
            _ => {
                self.mismatch(node, "an object");
                None
            }
        }
    }

    /// The members of an object whose names are free.
    pub(crate) fn entries<'j>(&mut self, node: &Node<'j>) -> Vec<(&'j str, Node<'j>)> {
        let members = self.members(node).unwrap_or_default();
        members
            .iter()
            .map(|(name, value)| (name.as_str(), node.member(name, value)))
            .collect()
    }

    /// Opens an object and passes over members that its table does not know.
    pub(crate) fn open_section<'j, T: Table<'j>>(&mut self, node: &Node<'j>) -> Option<T> {
        let members = self.members(node)?;
        self.check_required(node, members, T::FIELDS);
        self.check_choices::<T>(node, members);
        Some(T::open(node, members))
    }

    /// Opens an object and refuses members that its table does not know.
    pub(crate) fn section<'j, T: Table<'j>>(&mut self, node: &Node<'j>) -> Option<T> {
        let members = self.members(node)?;
        let mut all_known = true;
        for (name, value) in members {
            if T::FIELDS.iter().any(|field| field.name == name) {
                continue;
            }
            all_known = false;
            let message = unknown(&node.path(), name, T::FIELDS);
            self.refuse(&node.member(name, value), message);
        }
        self.check_required(node, members, T::FIELDS);
        // An unknown member may be the one that is missing.
        if all_known {
            self.check_choices::<T>(node, members);
        }
        Some(T::open(node, members))
    }

    fn check_required<'j>(
        &mut self,
        node: &Node<'j>,
        members: &[(String, Json)],
        fields: &'static [Field],
    ) {
        for name in names(fields, Support::Required) {
            if !has(members, name) {
                self.refuse(&node.member(name, node.json), "is required");
            }
        }
    }

    /// Holds the members against "exactly one of" and "at least one of" in the table.
    fn check_choices<'j, T: Table<'j>>(&mut self, node: &Node<'j>, members: &[(String, Json)]) {
        for (support, count) in [
            (Support::OneOf, "exactly one of"),
            (Support::AnyOf, "at least one of"),
        ] {
            let names = names(T::FIELDS, support);
            let given = names.iter().filter(|name| has(members, name)).count();
            let held = match support {
                Support::OneOf => given == 1,
                _ => given > 0,
            };
            if !held && !names.is_empty() {
                let (names, why) = (enumerated(&names), T::WHY_ONE);
                self.refuse(node, format!("expected {count} {names}{why}"));
            }
        }
    }

    /// The items of a list. An empty object is an empty list: APISIX and Kong confuse the two.
    pub(crate) fn list<'j>(&mut self, node: &Node<'j>, expected: &str) -> Vec<Node<'j>> {
        match node.json {
            Json::List(items) => items
                .iter()
                .enumerate()
                .map(|(place, item)| node.below(Step::Item(place), item))
                .collect(),
            Json::Object(members) if members.is_empty() => Vec::new(),
            _ => {
                self.mismatch(node, expected);
                Vec::new()
            }
        }
    }
}

fn has(members: &[(String, Json)], name: &str) -> bool {
    members.iter().any(|(member, _)| member == name)
}

/// The names of the `fields` that are so marked.
fn names(fields: &[Field], support: Support) -> Vec<&'static str> {
    let marked = fields.iter().filter(|field| field.support == support);
    marked.map(|field| field.name).collect()
}

/// Names as a sentence has them: "`a`, `b` and `c`".
fn enumerated(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// What is wrong with a reference of the form `shown`.
pub(super) fn unresolved(shown: &str) -> String {
    format!(
        "is {shown}, a reference that the gateway did not resolve: see that the variable or secret \
         exists where the gateway runs"
    )
}

/// What is said of the field `name`, which the section at `path` with these `fields` does not have.
fn unknown(path: &str, name: &str, fields: &[Field]) -> String {
    if let Some(advice) = foreign::advice(path, name) {
        return advice;
    }
    let known: Vec<_> = fields.iter().map(|field| field.name).collect();
    let near = |field: &str, distance: usize| distance <= field.len().div_ceil(3);
    let nearest = known
        .iter()
        // A name may be as long as the document, and no distance is less than that of the lengths.
        .filter(|field| near(field, name.len().abs_diff(field.len())))
        .map(|field| (strsim::damerau_levenshtein(name, field), *field))
        .filter(|(distance, field)| near(field, *distance))
        .min();
    match nearest {
        Some((_, nearest)) => format!("unknown field, did you mean `{nearest}`?"),
        None => format!("unknown field, expected one of {}", known.join(", ")),
    }
}
