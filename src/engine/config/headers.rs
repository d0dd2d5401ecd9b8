//! What each header that the configuration names stands for: one thing.

use super::reader::{Node, Reader};
use std::collections::HashMap;

/// The headers that are named so far, lower-case, each with the field that names it.
#[derive(Default)]
pub(super) struct HeaderNames {
    taken: HashMap<String, &'static str>,
}

impl HeaderNames {
    /// Has the header `name` stand for `field` alone. Refused if it stands for something already.
    pub(super) fn take(
        &mut self,
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        name: &str,
        field: &'static str,
    ) {
        if let Some(other) = self.taken.insert(name.to_owned(), field) {
            reader.refuse(node, format!("is the same header as `{other}`"));
        }
    }

    /// As of [`Self::take`], where several may name it in the same field.
    pub(super) fn share(
        &mut self,
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        name: &str,
        field: &'static str,
    ) {
        if self.taken.get(name) != Some(&field) {
            self.take(reader, node, name, field);
        }
    }
}
