//! Walks a JSON tree and collects every error on the way.

use super::Environment;
use super::field::{Field, Support};
use super::foreign;
use super::placeholder;
use super::report::ConfigErrors;
use crate::json::{Json, duplicates};

/// The longest member name that an error repeats. The longest known one has 25.
const LONGEST_NAME: usize = 26;

/// Whether an error may repeat a member's name: a key that was written in its place has digits, or
/// is longer.
fn may_be_shown(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$');
    let fit = name.len() <= LONGEST_NAME && name.bytes().all(plain);
    fit || name == "sha256" || foreign::is_known(name)
}

/// A value and where it stands. The path is text only once there is an error at it.
#[derive(Clone, Debug)]
pub struct Node<'j> {
    pub json: &'j Json,
    path: Vec<Step<'j>>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'j> {
    Member(&'j str),
    Item(usize),
}

impl<'j> Node<'j> {
    pub const fn root(json: &'j Json) -> Self {
        Self {
            json,
            path: Vec::new(),
        }
    }

    /// The path as an error shows it: `jwt[1].audiences`.
    pub fn path(&self) -> String {
        shown_path(&self.path)
    }

    /// The member called `name`, whatever else there is.
    pub fn member(&self, name: &'static str) -> Option<Self> {
        let json = self.json.member(name)?;
        Some(self.below(Step::Member(name), json))
    }

    fn below(&self, step: Step<'j>, json: &'j Json) -> Self {
        let mut path = Vec::with_capacity(self.path.len().saturating_add(1));
        path.extend_from_slice(&self.path);
        path.push(step);
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

/// The first `most` characters of `text`, control characters escaped.
pub fn shortened(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).collect();
    let cut = short.len() < text.len();
    short = short.escape_debug().to_string();
    if cut {
        short.push('…');
    }
    short
}

/// Collects errors and warnings, and looks up what secrets refer to.
pub struct Reader<'e> {
    pub environment: Environment<'e>,
    /// random bits, for spreading out what workers do
    pub seed: u64,
    pub errors: ConfigErrors,
    /// what to log at startup so that nobody misses it
    pub warnings: Vec<String>,
}

impl<'e> Reader<'e> {
    pub fn new(environment: Environment<'e>, seed: u64) -> Self {
        Self {
            environment,
            seed,
            errors: ConfigErrors::default(),
            warnings: Vec::new(),
        }
    }

    /// Adds an error at `node`.
    pub fn refuse(&mut self, node: &Node<'_>, message: impl Into<String>) {
        self.errors.add(node.path(), message.into());
    }

    /// Adds "expected …, found …" without showing the value, which may be a secret.
    pub fn mismatch(&mut self, node: &Node<'_>, expected: &str) {
        let found = node.json.kind();
        self.refuse(node, format!("expected {expected}, found {found}"));
    }

    /// Refuses what no field may be: `null`, a member twice, a secret left unresolved.
    pub fn check_everywhere(&mut self, root: &Node<'_>) {
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
                        .add(shown_path(path), "is given twice".to_owned());
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
    pub fn entries<'j>(&mut self, node: &Node<'j>) -> Vec<(&'j str, Node<'j>)> {
        let members = self.members(node).unwrap_or_default();
        members
            .iter()
            .map(|(name, value)| (name.as_str(), node.below(Step::Member(name), value)))
            .collect()
    }

    /// Opens an object and passes over members that `fields` does not know.
    pub fn open_section<'j>(
        &mut self,
        node: &Node<'j>,
        fields: &'static [Field],
    ) -> Option<Section<'j>> {
        let members = self.members(node)?;
        self.check_required(node, members, fields);
        Some(Section {
            node: node.clone(),
            members,
        })
    }

    /// Opens an object and refuses members that `fields` does not know, or not yet.
    pub fn section<'j>(
        &mut self,
        node: &Node<'j>,
        fields: &'static [Field],
    ) -> Option<Section<'j>> {
        let members = self.members(node)?;
        for (name, value) in members {
            let field = fields.iter().find(|field| field.name == name);
            let message = match field.map(|field| field.support) {
                None => unknown(&node.path(), name, fields),
                Some(Support::Later) => "is not supported yet".to_owned(),
                Some(_) => continue,
            };
            self.refuse(&node.below(Step::Member(name), value), message);
        }
        self.check_required(node, members, fields);
        Some(Section {
            node: node.clone(),
            members,
        })
    }

    fn check_required<'j>(
        &mut self,
        node: &Node<'j>,
        members: &[(String, Json)],
        fields: &'static [Field],
    ) {
        let required = fields
            .iter()
            .filter(|field| field.support == Support::Required);
        for field in required {
            if !members.iter().any(|(name, _)| name == field.name) {
                self.refuse(
                    &node.below(Step::Member(field.name), node.json),
                    "is missing",
                );
            }
        }
    }

    /// The items of a list. An empty object is an empty list: APISIX and Kong confuse the two.
    pub fn list<'j>(&mut self, node: &Node<'j>, expected: &str) -> Vec<Node<'j>> {
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

/// An object that was opened.
pub struct Section<'j> {
    pub node: Node<'j>,
    members: &'j [(String, Json)],
}

impl<'j> Section<'j> {
    /// The field called `name`, if it is given.
    pub fn field(&self, name: &str) -> Option<Node<'j>> {
        self.members
            .iter()
            .find(|(member, _)| member == name)
            .map(|(name, value)| self.node.below(Step::Member(name), value))
    }

    /// Where the field called `name` stands or would stand.
    pub fn place(&self, name: &'static str) -> Node<'j> {
        self.node.below(Step::Member(name), self.node.json)
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
    let nearest = fields
        .iter()
        .filter(|_| name.len() <= LONGEST_NAME)
        .map(|field| (strsim::damerau_levenshtein(name, field.name), field.name))
        .filter(|(distance, field)| *distance <= field.len().div_ceil(3))
        .min();
    match nearest {
        Some((_, nearest)) => format!("unknown field, did you mean `{nearest}`?"),
        None => {
            let known: Vec<_> = fields.iter().map(|field| field.name).collect();
            format!("unknown field, expected one of {}", known.join(", "))
        }
    }
}
