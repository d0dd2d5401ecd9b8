//! A file of the packs, and the places in it that change.
//!
//! The packs in the tree are the templates: comments and settings are in one place only.

use std::fmt;

/// A place that a template does not have. A test asks every template for every place that it must have.
#[derive(Debug)]
pub(crate) struct NoPlace(String);

impl fmt::Display for NoPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the template has no line `{}`", self.0)
    }
}

/// The lines of a file.
#[derive(Clone, Debug)]
pub(super) struct Template(Vec<String>);

impl Template {
    pub(super) fn new(text: &str) -> Self {
        Self(text.lines().map(str::to_owned).collect())
    }

    pub(super) fn text(&self) -> String {
        let mut text = self.0.join("\n");
        text.push('\n');
        text
    }

    /// Puts `new` below the line `anchor` in place of everything that is deeper.
    pub(super) fn put_below(&mut self, anchor: &str, new: &[String]) -> Result<(), NoPlace> {
        let place = self.find(|line| line.trim_start() == anchor, anchor)?;
        let indent = " ".repeat(self.depth(place) + 2);
        let end = self.end_of(place);
        let new: Vec<String> = new.iter().map(|line| format!("{indent}{line}")).collect();
        self.0.splice(place + 1..end, new);
        Ok(())
    }

    /// Replaces `old` by `new` in the first line that has it.
    pub(super) fn replace(&mut self, old: &str, new: &str) -> Result<(), NoPlace> {
        let place = self.find(
            |line| line.contains(old) && !line.trim_start().starts_with('#'),
            old,
        )?;
        if let Some(line) = self.0.get_mut(place) {
            *line = line.replacen(old, new, 1);
        }
        Ok(())
    }

    /// Repeats the list item that begins with `- ` and `item` for each of `names`, in place of `name` in it.
    pub(super) fn repeat(
        &mut self,
        item: &str,
        name: &str,
        names: &[String],
    ) -> Result<(), NoPlace> {
        let place = self.find(|line| line.trim_start() == item, item)?;
        let end = self.end_of(place);
        let lines = self.0.get(place..end).unwrap_or_default().to_vec();
        let new: Vec<String> = names
            .iter()
            .flat_map(|new| lines.iter().map(move |line| line.replace(name, new)))
            .collect();
        let depth = self.depth(place);
        let empty = new.is_empty();
        self.0.splice(place..end, new);
        let alone = self
            .0
            .get(place)
            .is_none_or(|line| !line.trim_start().starts_with("- "));
        if empty && alone {
            // A list without items is written as one, not as nothing.
            let before = self.0.iter_mut().take(place).rev();
            if let Some(line) = before.into_iter().find(|line| {
                let text = line.trim_start();
                !text.starts_with('#') && text.ends_with(':') && line.len() - text.len() <= depth
            }) {
                line.push_str(" []");
            }
        }
        Ok(())
    }

    fn find(&self, fits: impl Fn(&str) -> bool, what: &str) -> Result<usize, NoPlace> {
        self.0
            .iter()
            .position(|line| fits(line))
            .ok_or_else(|| NoPlace(what.to_owned()))
    }

    fn depth(&self, place: usize) -> usize {
        self.0
            .get(place)
            .map_or(0, |line| line.len() - line.trim_start().len())
    }

    /// Out: the line after the last one that is deeper than that at `place`.
    fn end_of(&self, place: usize) -> usize {
        let depth = self.depth(place);
        let rest = self.0.iter().enumerate().skip(place + 1);
        let mut rest = rest.filter(|(_, line)| line.len() - line.trim_start().len() <= depth);
        rest.next().map_or(self.0.len(), |(end, _)| end)
    }
}
