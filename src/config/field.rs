//! The tables of fields, and the reference page that is made of them.

use std::fmt::Write as _;

/// Whether a field is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// must be there
    Required,
    /// may be there
    Optional,
    /// known, not enforced yet, and so refused
    Later,
}

/// One field of a section.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// its name
    pub name: &'static str,
    /// whether it is taken
    pub support: Support,
    /// what it means, in Markdown, for the reference
    pub about: &'static str,
}

impl Field {
    pub(super) const fn required(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            support: Support::Required,
            about,
        }
    }

    pub(super) const fn optional(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            support: Support::Optional,
            about,
        }
    }

    pub(super) const fn later(name: &'static str) -> Self {
        Self {
            name,
            support: Support::Later,
            about: "",
        }
    }
}

/// A section: where it stands, and its fields.
pub(super) type Table = (&'static str, &'static [Field]);

/// The reference of all fields, in Markdown.
pub fn reference() -> String {
    let mut page = String::new();
    for (path, fields) in super::root::TABLES {
        let title = match *path {
            "" => "Top level".to_owned(),
            path => format!("`{path}`"),
        };
        let _ = writeln!(page, "### {title}\n\n| Field | | Meaning |\n|---|---|---|");
        for field in fields
            .iter()
            .filter(|field| field.support != Support::Later)
        {
            let must = match field.support {
                Support::Required => "required",
                _ => "",
            };
            let _ = writeln!(page, "| `{}` | {must} | {} |", field.name, field.about);
        }
        let later: Vec<_> = fields
            .iter()
            .filter(|field| field.support == Support::Later)
            .map(|field| format!("`{}`", field.name))
            .collect();
        if !later.is_empty() {
            let _ = writeln!(
                page,
                "\nRefused until they are enforced: {}.",
                later.join(", ")
            );
        }
        page.push('\n');
    }
    page
}
