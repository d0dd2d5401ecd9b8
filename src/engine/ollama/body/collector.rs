//! What a rule needs to know of a body, gathered while it passes.

use super::field::{CREATE, Field, OPTIONS, TOOLS, TOP};
use super::kept::Kept;
use super::lexer::{Kind, Sink};
use super::{BodyError, KeepAlive, Number};

/// What a body says, of that which matters. What it leaves out, or gives as null, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// `model`; as it stands, so it may be empty
    pub model: Option<String>,
    /// `name`, another word for `model` on some routes; the same where both stand
    pub name: Option<String>,
    /// `source` of a copy
    pub source: Option<String>,
    /// `destination` of a copy
    pub destination: Option<String>,
    /// `from` of a model to create
    pub from: Option<String>,
    /// `remote_host` of a model to create: where it runs. An empty one is none, as it is for Ollama
    pub remote_host: Option<String>,
    /// `keep_alive`
    pub keep_alive: Option<KeepAlive>,
    /// `options.num_ctx`, or `parameters.num_ctx` of a model to create
    pub num_ctx: Option<Number>,
    /// `options.num_predict`, or `parameters.num_predict` of a model to create
    pub num_predict: Option<Number>,
    /// `max_tokens`
    pub max_tokens: Option<Number>,
    /// `max_completion_tokens`
    pub max_completion_tokens: Option<Number>,
    /// `max_output_tokens`
    pub max_output_tokens: Option<Number>,
    /// whether `template` brings one; an empty one is none, as it is for Ollama
    pub template: bool,
    /// `raw`
    pub raw: Option<bool>,
    /// `_debug_render_only`
    pub debug_render_only: Option<bool>,
    /// whether a tool is one of web search, which Ollama does on ollama.com
    pub web_search: bool,
    /// the member of a model to create that names blobs, which may be a part of any model: `files`,
    /// `adapters` or `draft_files`
    pub blobs: Option<&'static str>,
    /// the member of a model to create that says everything in a text or a file, which is not looked
    /// into: `modelfile` or `path`
    pub modelfile: Option<&'static str>,
    /// how long the body is
    pub bytes: u64,
}

/// Gathers [`Members`].
#[derive(Debug, Default)]
pub(crate) struct Collector {
    members: Members,
    /// whether the body is that of a model to create
    is_create: bool,
    /// the members that have been there, outside `tools`; each is there once
    seen: Vec<Field>,
    depth: u32,
    section: Section,
    /// the member whose value is expected or being read
    field: Option<Field>,
}

/// Where among the members of the body the reader is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    #[default]
    Other,
    Options,
    Tools,
    /// a map whose values are blobs, the member of this name
    Blobs(&'static str),
}

impl Collector {
    /// Of the body of a model to create.
    pub(crate) fn of_create() -> Self {
        Self {
            is_create: true,
            ..Self::default()
        }
    }

    /// What was gathered.
    ///
    /// # Errors
    /// When the body names two models.
    pub(crate) fn finish(self, bytes: u64) -> Result<Members, BodyError> {
        let mut members = self.members;
        if let (Some(model), Some(name)) = (&members.model, &members.name)
            && model != name
        {
            return Err(BodyError::TwoNames);
        }
        members.bytes = bytes;
        Ok(members)
    }

    /// How many bytes of memory this holds beside itself.
    pub(crate) fn buffered_bytes(&self) -> usize {
        let Members {
            model,
            name,
            source,
            destination,
            from,
            remote_host,
            ..
        } = &self.members;
        let texts = [model, name, source, destination, from, remote_host];
        let texts = texts.into_iter().flatten().map(String::capacity);
        let fields = self.seen.capacity().saturating_mul(size_of::<Field>());
        texts.sum::<usize>().saturating_add(fields)
    }

    /// The member that `name` is where the reader is.
    fn field_of(&self, name: &str) -> Option<Field> {
        match (self.depth, self.section) {
            (1, _) => Field::of(name, &TOP).or_else(|| {
                let create: &[Field] = if self.is_create { &CREATE } else { &[] };
                Field::of(name, create)
            }),
            (2, Section::Options) => Field::of(name, &OPTIONS),
            (_, Section::Tools) => Field::of(name, &TOOLS),
            _ => None,
        }
    }

    fn set_word(&mut self, field: Field, value: bool) {
        match field {
            Field::Raw => self.members.raw = Some(value),
            Field::DebugRenderOnly => self.members.debug_render_only = Some(value),
            _ => {}
        }
    }

    fn set_text(&mut self, field: Field, text: &str) -> Result<(), BodyError> {
        let members = &mut self.members;
        let place = match field {
            Field::Model => &mut members.model,
            Field::Name => &mut members.name,
            Field::Source => &mut members.source,
            Field::Destination => &mut members.destination,
            Field::From => &mut members.from,
            Field::RemoteHost => &mut members.remote_host,
            Field::KeepAlive => {
                let keep_alive = KeepAlive::of_text(text).ok_or(BodyError::KeepAlive)?;
                members.keep_alive = Some(keep_alive);
                return Ok(());
            }
            Field::ToolType => {
                members.web_search |= is_web_search(text);
                return Ok(());
            }
            _ => return Ok(()),
        };
        *place = Some(text.to_owned());
        Ok(())
    }

    fn set_number(&mut self, field: Field, text: &str) -> Result<(), BodyError> {
        let members = &mut self.members;
        let fits = |number: Option<Number>| number.ok_or(BodyError::OutOfRange(field.name()));
        match field {
            Field::NumCtx => members.num_ctx = Some(fits(Number::of_option(text))?),
            Field::NumPredict => members.num_predict = Some(fits(Number::of_option(text))?),
            Field::MaxTokens => members.max_tokens = Some(fits(Number::of_integer(text))?),
            Field::MaxCompletionTokens => {
                members.max_completion_tokens = Some(fits(Number::of_integer(text))?);
            }
            Field::MaxOutputTokens => {
                members.max_output_tokens = Some(fits(Number::of_integer(text))?);
            }
            Field::KeepAlive => {
                let keep_alive = KeepAlive::of_number(text).ok_or(BodyError::KeepAlive)?;
                members.keep_alive = Some(keep_alive);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether a tool of this type searches the web: `web_search`, or `web_search_` and a date. Ollama
/// takes off white space on one route and none on another.
fn is_web_search(text: &str) -> bool {
    const WEB_SEARCH: &str = "web_search";
    let beginning = text.trim().get(..WEB_SEARCH.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(WEB_SEARCH))
}

impl Sink for Collector {
    fn wants_name(&self) -> bool {
        match self.section {
            Section::Tools => true,
            Section::Options | Section::Blobs(_) => self.depth <= 2,
            Section::Other => self.depth == 1,
        }
    }

    fn name(&mut self, name: &Kept) -> Result<(), BodyError> {
        if let (2, Section::Blobs(member)) = (self.depth, self.section) {
            self.members.blobs = Some(member);
            return Ok(());
        }
        if name.is_cut() {
            // No name that matters is so long.
            return Ok(());
        }
        let text = name.text("")?;
        let Some(field) = self.field_of(text) else {
            return Ok(());
        };
        if field != Field::ToolType {
            if self.seen.contains(&field) {
                return Err(BodyError::Duplicate(field.name()));
            }
            if text != field.name() {
                return Err(BodyError::Spelling(field.name()));
            }
            self.seen.push(field);
        }
        self.field = Some(field);
        Ok(())
    }

    fn begin(&mut self, kind: Kind) -> Result<bool, BodyError> {
        let field = self.field.take();
        if let Some(field) = field.filter(|field| !field.takes(kind)) {
            return Err(BodyError::WrongType(field.name()));
        }
        match kind {
            Kind::Object | Kind::List => {
                self.depth = self.depth.saturating_add(1);
                match field {
                    Some(Field::Options) if !self.is_create => self.section = Section::Options,
                    Some(Field::Parameters) => self.section = Section::Options,
                    Some(Field::Tools) => self.section = Section::Tools,
                    Some(member @ (Field::Files | Field::Adapters | Field::DraftFiles)) => {
                        self.section = Section::Blobs(member.name())
                    }
                    _ => {}
                }
                Ok(false)
            }
            Kind::Bool(value) => {
                if let Some(field) = field {
                    self.set_word(field, value);
                }
                Ok(false)
            }
            Kind::Null => Ok(false),
            Kind::Text | Kind::Number => {
                self.field = field;
                Ok(field.is_some())
            }
        }
    }

    fn text(&mut self, value: &Kept) -> Result<(), BodyError> {
        match self.field.take() {
            // What it says does not matter, and it may be long.
            Some(Field::Template) => self.members.template = !value.is_empty(),
            Some(member @ (Field::Modelfile | Field::Path)) if !value.is_empty() => {
                self.members.modelfile = Some(member.name());
            }
            Some(field) => self.set_text(field, value.text(field.name())?)?,
            None => {}
        }
        Ok(())
    }

    fn number(&mut self, value: &Kept) -> Result<(), BodyError> {
        match self.field.take() {
            // A parameter of a function, whose name is `type`.
            None | Some(Field::ToolType) => Ok(()),
            Some(field) => self.set_number(field, value.text(field.name())?),
        }
    }

    fn end(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 1 {
            self.section = Section::Other;
        }
    }
}
