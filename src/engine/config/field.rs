//! The tables of fields: the reader, the reference page and the schema are made of them.

use std::fmt::Write as _;

/// Whether a field is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Support {
    /// must be there
    Required,
    /// exactly one of the section's fields so marked must be there
    OneOf,
    /// at least one of the section's fields so marked must be there
    AnyOf,
    /// may be there
    Optional,
}

/// What may stand in a field.
///
/// The schema is made of it. It never refuses what the reader takes; what it cannot say, such as
/// the length of a secret that comes from elsewhere, the reader alone decides.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// a string that is not empty
    Text,
    /// a string that a regular expression describes
    Pattern(&'static str),
    /// a name for logs and headers: 1 to 128 characters of visible ASCII
    Name,
    /// a moment, RFC 3339
    Time,
    /// `true` or `false`
    Boolean,
    /// a whole number within these bounds
    Whole(u64, u64),
    /// a duration in whole seconds, within these bounds
    Duration(u64, u64),
    /// a number of bytes, from 1 up to this one
    Size(u64),
    /// one of these words
    Word(fn() -> Vec<&'static str>),
    /// a string, or an object that says where it is
    Secret(&'static [Field]),
    /// a string, or a section that has more to say
    TextOr(&'static [Field]),
    /// a section of its own
    Object(&'static [Field]),
    /// a section in which unknown fields are passed over
    Open(&'static [Field]),
    /// any names, each with the same shape behind it
    Map(&'static Shape),
    /// what a claim has to be
    Claim,
    /// a list that may be empty
    List(&'static Shape),
    /// a section of its own, or a list of such
    OneOrList(&'static [Field]),
    /// a list of one item or more
    Filled(&'static Shape),
}

/// A whole number that counts something: up to the last one of which every JSON reader knows the next
/// (RFC 8259 section 6).
pub(super) const COUNT: Shape = Shape::Whole(1, 9_007_199_254_740_991);

/// One field of a section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// its name, which is that of its row in the table
    pub name: &'static str,
    /// whether it is taken
    pub support: Support,
    /// what may stand in it
    pub shape: Shape,
    /// what it means, in Markdown, for the reference
    pub about: &'static str,
}

impl Field {
    pub(super) const fn required(shape: Shape, about: &'static str) -> Self {
        Self::new(Support::Required, shape, about)
    }

    pub(super) const fn one_of(shape: Shape, about: &'static str) -> Self {
        Self::new(Support::OneOf, shape, about)
    }

    pub(super) const fn any_of(shape: Shape, about: &'static str) -> Self {
        Self::new(Support::AnyOf, shape, about)
    }

    pub(super) const fn optional(shape: Shape, about: &'static str) -> Self {
        Self::new(Support::Optional, shape, about)
    }

    const fn new(support: Support, shape: Shape, about: &'static str) -> Self {
        Self {
            name: "",
            support,
            shape,
            about,
        }
    }

    /// The same field, under this name.
    pub(super) const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }
}

/// A section: where it stands, and its fields.
pub(super) type Table = (&'static str, &'static [Field]);

/// The reference of all fields, in Markdown.
///
/// ```
/// let page = ollama_gate_engine::reference();
/// assert!(page.contains("| `api_keys` | at least one of these | static API keys |"));
/// ```
pub fn reference() -> String {
    let mut page = String::new();
    for (path, fields) in super::root::TABLES {
        let title = match *path {
            "" => "Top level".to_owned(),
            path => format!("`{path}`"),
        };
        let _ = writeln!(page, "### {title}\n\n| Field | | Meaning |\n|---|---|---|");
        for field in *fields {
            let must = match field.support {
                Support::Required => "required",
                Support::OneOf => "exactly one of these",
                Support::AnyOf => "at least one of these",
                Support::Optional => "",
            };
            let _ = writeln!(page, "| `{}` | {must} | {} |", field.name, field.about);
        }
        page.push('\n');
    }
    page
}
