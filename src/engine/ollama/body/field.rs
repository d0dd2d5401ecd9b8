//! The members that matter, and what Go takes for their names.

use super::lexer::Kind;

/// A member that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // named as in the body
pub(crate) enum Field {
    Model,
    Name,
    Source,
    Destination,
    From,
    RemoteHost,
    KeepAlive,
    Raw,
    DebugRenderOnly,
    Stream,
    MaxTokens,
    MaxCompletionTokens,
    MaxOutputTokens,
    Options,
    NumCtx,
    NumPredict,
    Template,
    Tools,
    /// `type`, anywhere inside `tools`
    ToolType,
    Files,
    Adapters,
    DraftFiles,
    Modelfile,
    Path,
    Parameters,
}

/// Those of the body itself, on every route.
pub(crate) const TOP: [Field; 16] = [
    Field::Model,
    Field::Name,
    Field::Source,
    Field::Destination,
    Field::From,
    Field::RemoteHost,
    Field::KeepAlive,
    Field::Raw,
    Field::DebugRenderOnly,
    Field::Stream,
    Field::MaxTokens,
    Field::MaxCompletionTokens,
    Field::MaxOutputTokens,
    Field::Options,
    Field::Template,
    Field::Tools,
];

/// Those that only a model to create has. `modelfile` and `path` are older than the others, which
/// took their place in Ollama 0.5.5.
pub(crate) const CREATE: [Field; 6] = [
    Field::Files,
    Field::Adapters,
    Field::DraftFiles,
    Field::Modelfile,
    Field::Path,
    Field::Parameters,
];

/// Those of `options`, and of `parameters`.
pub(crate) const OPTIONS: [Field; 2] = [Field::NumCtx, Field::NumPredict];

/// Those of whatever stands in `tools`.
pub(crate) const TOOLS: [Field; 1] = [Field::ToolType];

impl Field {
    /// The one spelling that is taken.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Name => "name",
            Self::Source => "source",
            Self::Destination => "destination",
            Self::From => "from",
            Self::RemoteHost => "remote_host",
            Self::KeepAlive => "keep_alive",
            Self::Raw => "raw",
            Self::DebugRenderOnly => "_debug_render_only",
            Self::Stream => "stream",
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxOutputTokens => "max_output_tokens",
            Self::Options => "options",
            Self::NumCtx => "num_ctx",
            Self::NumPredict => "num_predict",
            Self::Template => "template",
            Self::Tools => "tools",
            Self::ToolType => "type",
            Self::Files => "files",
            Self::Adapters => "adapters",
            Self::DraftFiles => "draft_files",
            Self::Modelfile => "modelfile",
            Self::Path => "path",
            Self::Parameters => "parameters",
        }
    }

    /// The one of `fields` that Go would take `name` for.
    pub(crate) fn of(name: &str, fields: &[Self]) -> Option<Self> {
        let mut fields = fields.iter().copied();
        // Only letters beyond ASCII fold into others than their lower case.
        if name.is_ascii() {
            return fields.find(|field| field.name().eq_ignore_ascii_case(name));
        }
        fields.find(|field| folds_to(name, field.name()))
    }

    /// Whether a value of this kind is what Ollama expects. Null always is: it is no value.
    pub(crate) const fn takes(self, kind: Kind) -> bool {
        match self {
            _ if matches!(kind, Kind::Null) => true,
            Self::Model
            | Self::Name
            | Self::Source
            | Self::Destination
            | Self::From
            | Self::RemoteHost
            | Self::Template
            | Self::Modelfile
            | Self::Path => matches!(kind, Kind::Text),
            Self::KeepAlive => matches!(kind, Kind::Text | Kind::Number),
            Self::Raw | Self::DebugRenderOnly | Self::Stream => matches!(kind, Kind::Bool(_)),
            Self::MaxTokens
            | Self::MaxCompletionTokens
            | Self::MaxOutputTokens
            | Self::NumCtx
            | Self::NumPredict => matches!(kind, Kind::Number),
            Self::Options | Self::Parameters | Self::Files | Self::Adapters | Self::DraftFiles => {
                matches!(kind, Kind::Object)
            }
            Self::Tools => matches!(kind, Kind::List),
            // A parameter of a function may be called `type` too.
            Self::ToolType => true,
        }
    }
}

/// Whether `name` is a spelling of `model`, white space around it included.
pub(crate) fn folded_model(name: &str) -> bool {
    folds_to(name.trim(), Field::Model.name())
}

/// Whether `name` is `known`, which is lower-case ASCII, under Unicode's simple folding.
fn folds_to(name: &str, known: &str) -> bool {
    name.chars().map(fold).eq(known.chars())
}

/// `letter` as it compares. Two letters beyond ASCII fold into it, and no others.
const fn fold(letter: char) -> char {
    match letter {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        letter => letter.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_every_case_and_under_the_two_foldings() {
        for (name, field) in [
            ("model", Field::Model),
            ("MODEL", Field::Model),
            ("mOdeL", Field::Model),
            ("\u{17F}ource", Field::Source),
            ("Remote_Ho\u{17F}t", Field::RemoteHost),
            ("\u{212A}eep_alive", Field::KeepAlive),
            ("MAX_TO\u{212A}EN\u{17F}", Field::MaxTokens),
            ("_DEBUG_render_only", Field::DebugRenderOnly),
        ] {
            assert_eq!(Field::of(name, &TOP), Some(field), "{name}");
        }
        for name in [
            "",
            "mode",
            "models",
            "model ",
            "m\u{f6}del",
            "keep-alive",
            "keepalive",
            "num_ctx",
            "type",
            "mode\u{ff4c}",
            "m\u{43e}del",
            "model\0",
            "\u{fb01}les",
        ] {
            assert_eq!(Field::of(name, &TOP), None, "{name}");
        }
        assert_eq!(Field::of("NUM_CTX", &OPTIONS), Some(Field::NumCtx));
    }

    #[test]
    fn ascii_names_match_as_they_would_under_all_foldings() {
        let all = [&TOP[..], &CREATE, &OPTIONS, &TOOLS].concat();
        let folded = |name: &str| all.iter().copied().find(|one| folds_to(name, one.name()));
        for field in &all {
            for place in 0..field.name().len() {
                for byte in 0..128 {
                    let mut name = field.name().as_bytes().to_vec();
                    name[place] = byte;
                    let name = String::from_utf8(name).unwrap();
                    assert_eq!(Field::of(&name, &all), folded(&name), "{name}");
                }
                let (short, long) = (&field.name()[..place], format!("{}_", field.name()));
                assert_eq!(Field::of(short, &all), folded(short), "{short}");
                assert_eq!(Field::of(&long, &all), folded(&long), "{long}");
            }
        }
    }

    /// A letter that becomes an ASCII one in either case is one that a folding may take for it.
    #[test]
    fn no_other_letter_of_unicode_becomes_one_of_ascii() {
        let single =
            |mut letters: Box<dyn Iterator<Item = char>>| match (letters.next(), letters.next()) {
                (Some(letter), None) => Some(letter),
                _ => None,
            };
        let folding: Vec<char> = ('\u{80}'..=char::MAX)
            .filter(|letter| {
                let lower = single(Box::new(letter.to_lowercase()));
                let upper = single(Box::new(letter.to_uppercase()));
                [lower, upper]
                    .into_iter()
                    .flatten()
                    .any(|other| other.is_ascii())
            })
            .collect();
        // The dotless i becomes I in upper case, but Unicode folds neither into the other.
        assert_eq!(folding, ['\u{131}', '\u{17F}', '\u{212A}']);
        assert!(!folds_to("opt\u{131}ons", "options"));
    }

    #[test]
    fn no_known_name_is_longer_than_what_is_kept() {
        for field in [&TOP[..], &CREATE, &OPTIONS, &TOOLS].concat() {
            assert!(
                field.name().len() * '\u{212A}'.len_utf8() < super::super::MAX_KEPT,
                "{field:?}"
            );
            assert_eq!(field.name(), field.name().to_ascii_lowercase(), "{field:?}");
        }
    }
}
