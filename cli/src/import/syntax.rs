//! The syntax of nginx's configuration.

/// How deep blocks may be in one another. nginx's own are five deep.
const MAX_DEPTH: usize = 32;

/// A directive, and what is in its braces.
#[derive(Debug, Default)]
pub(super) struct Directive {
    pub(super) words: Vec<String>,
    pub(super) block: Vec<Directive>,
}

impl Directive {
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    pub(super) fn word(&self, place: usize) -> &str {
        self.words.get(place).map_or("", String::as_str)
    }
}

/// Shows every directive, at every depth.
pub(super) fn walk<'a>(tree: &'a [Directive], see: &mut dyn FnMut(&'a Directive)) {
    for directive in tree {
        see(directive);
        walk(&directive.block, see);
    }
}

/// In: a configuration. Out: its directives.
pub(super) fn parse(from: &str) -> Result<Vec<Directive>, String> {
    let mut open: Vec<Directive> = vec![Directive::default()];
    let mut words = Vec::new();
    let mut characters = from.chars().peekable();
    let close = |open: &mut Vec<Directive>, directive: Directive| {
        if let Some(around) = open.last_mut() {
            around.block.push(directive);
        }
    };
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\r' | '\n' | '\u{feff}' => {}
            '#' => while characters.next().is_some_and(|next| next != '\n') {},
            ';' => close(
                &mut open,
                Directive {
                    words: std::mem::take(&mut words),
                    block: Vec::new(),
                },
            ),
            '{' => {
                open.push(Directive {
                    words: std::mem::take(&mut words),
                    block: Vec::new(),
                });
                if open.len() > MAX_DEPTH {
                    return Err(format!("blocks are more than {MAX_DEPTH} deep"));
                }
            }
            '}' => match open.pop() {
                Some(block) if words.is_empty() && !open.is_empty() => close(&mut open, block),
                _ => return Err("expected `;` or a directive before `}`".to_owned()),
            },
            quote @ ('"' | '\'') => {
                let mut word = String::new();
                loop {
                    match characters.next() {
                        None => return Err("a quotation mark is not closed".to_owned()),
                        Some('\\') => word.extend(characters.next()),
                        Some(next) if next == quote => break,
                        Some(next) => word.push(next),
                    }
                }
                words.push(word);
            }
            first => {
                let mut word = String::from(first);
                while let Some(next) =
                    characters.next_if(|next| !next.is_whitespace() && !";{".contains(*next))
                {
                    word.push(next);
                    // `${name}` has braces of its own.
                    if word.ends_with('$') && characters.next_if_eq(&'{').is_some() {
                        word.push('{');
                    }
                }
                words.push(word);
            }
        }
    }
    match (open.pop(), open.is_empty(), words.is_empty()) {
        (Some(root), true, true) => Ok(root.block),
        _ => Err("it ends within a block or a directive".to_owned()),
    }
}
