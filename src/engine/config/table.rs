//! What one table of fields makes: the fields as the reference and the schema show them, and the type
//! of a section that has a member for each of them.
//!
//! So the name of a field stands once. One that no table has cannot be asked for, since it does not
//! compile; one that nobody asks for is a member that is never read, and does not compile either.

use super::field::{Field, Shape};
use super::reader::{Node, Reader};
use crate::json::Json;

/// The type of a section, as `table!` makes it.
pub(crate) trait Table<'j> {
    /// Its fields, in the order of the reference.
    const FIELDS: &'static [Field];
    /// What an error adds where none is given of the fields of which one has to be.
    const WHY_ONE: &'static str;

    /// The section at `at`, with these members.
    fn open(at: &Node<'j>, members: &'j [(String, Json)]) -> Self;
}

/// A field of a section that was opened.
#[derive(Clone, Debug)]
pub(crate) struct Member<'j> {
    section: Node<'j>,
    field: &'static Field,
    json: Option<&'j Json>,
}

impl<'j> Member<'j> {
    pub(crate) fn of(
        section: &Node<'j>,
        members: &'j [(String, Json)],
        field: &'static Field,
    ) -> Self {
        let given = members.iter().find(|(name, _)| name == field.name);
        Self {
            section: section.clone(),
            field,
            json: given.map(|(_, json)| json),
        }
    }

    /// What is in it, if it is given.
    pub(crate) fn node(&self) -> Option<Node<'j>> {
        let json = self.json?;
        Some(self.section.member(self.field.name, json))
    }

    /// Where it stands or would stand.
    pub(crate) fn place(&self) -> Node<'j> {
        let json = self.json.unwrap_or(self.section.json);
        self.section.member(self.field.name, json)
    }

    pub(crate) const fn is_given(&self) -> bool {
        self.json.is_some()
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.field.name
    }

    /// What may stand in it.
    pub(crate) const fn shape(&self) -> Shape {
        self.field.shape
    }

    /// What `read` makes of it, if it is given.
    pub(crate) fn read<'e, T>(
        &self,
        reader: &mut Reader<'e>,
        read: impl FnOnce(&mut Reader<'e>, &Node<'j>) -> Option<T>,
    ) -> Option<T> {
        let node = self.node()?;
        read(reader, &node)
    }
}

/// Makes a table of fields, and the type of the section that it describes:
///
/// ```text
/// table! {
///     pub(super) CORS => CorsSection {
///         allow_origins: Field::optional(Shape::List(&Shape::Text), "the sites …"),
///     }
/// }
/// ```
///
/// * `hold as "for": …` is a field whose name is no name in Rust.
/// * `CORS => CorsSection, or "why" { … }` adds `why` where none is given of the fields of which one
///   has to be.
/// * `{ … } read by key_of_jwk { "n": … }` are fields that this function reads from the JSON.
macro_rules! table {
    (
        $visible:vis $table:ident => $section:ident $(, or $why:literal)? {
            $( $member:ident $(as $name:literal)? : $field:expr ),+ $(,)?
        }
        $( read by $other:path { $( $passed:literal : $passed_field:expr ),+ $(,)? } )?
    ) => {
        $visible const $table: &[$crate::config::field::Field] = &[
            $( ($field).named(table!(@name $member $($name)?)), )+
            $( $( ($passed_field).named($passed), )+ )?
        ];

        #[deny(dead_code)]
        $visible struct $section<'j> {
            $( pub $member: $crate::config::table::Member<'j>, )+
        }

        impl<'j> $crate::config::table::Table<'j> for $section<'j> {
            const FIELDS: &'static [$crate::config::field::Field] = $table;
            const WHY_ONE: &'static str = concat!($( " (", $why, ")" )?);

            fn open(
                at: &$crate::config::reader::Node<'j>,
                members: &'j [(String, $crate::json::Json)],
            ) -> Self {
                $( const _: () = { let _ = $other; }; )?
                Self {
                    $( $member: {
                        const FIELD: &$crate::config::field::Field =
                            &($field).named(table!(@name $member $($name)?));
                        $crate::config::table::Member::of(at, members, FIELD)
                    }, )+
                }
            }
        }
    };
    (@name $member:ident) => { stringify!($member) };
    (@name $member:ident $name:literal) => { $name };
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
