//! `models` and `limits`, which several sections have.

use super::field::{DURATION, Field, MOST_COUNTED, Shape};
use super::reader::{Node, Reader, Section};
use crate::grant::{BodyRules, ModelRule, RequestLimits};
use crate::ollama::ModelPattern;
use std::rc::Rc;
use std::time::Duration;

/// The field `models`, wherever it stands.
pub(super) const MODELS: Field = Field::optional(
    "models",
    Shape::List(&Shape::Text),
    "the models that it may use: names such as `llama3.2`, which is `llama3.2:latest`, or patterns such as \
     `qwen3:*`, `team/*` and `*`; `[]` is none. Default: all, and no request is read for it",
);

/// The field `limits`, wherever it stands.
pub(super) const LIMITS_FIELD: Field = Field::optional(
    "limits",
    Shape::Object(LIMITS),
    "how much its requests may ask for. Default: as much as they like",
);

pub(super) const LIMITS: &[Field] = &[
    Field::optional(
        "keep_alive",
        DURATION,
        "the longest `keep_alive`, such as `\"10m\"`, up to 30 days; a negative one, which is for ever, is refused then",
    ),
    Field::optional(
        "num_ctx",
        Shape::Count,
        "the greatest `options.num_ctx`, and `parameters.num_ctx` of a model to create",
    ),
    Field::optional(
        "num_predict",
        Shape::Count,
        "the most tokens that a request may have predicted. It must then say how many: in `options.num_predict`, \
         and under `/v1` in `max_tokens`, or in `max_output_tokens` for `/v1/responses`",
    ),
    Field::optional(
        "raw",
        Shape::Boolean,
        "`false` refuses `raw`, which passes over the model's template, and a `template` that takes its place",
    ),
    Field::optional(
        "debug_render_only",
        Shape::Boolean,
        "`false` refuses `_debug_render_only`, which shows what the template makes",
    ),
    Field::optional("request_bytes", Shape::Count, "the longest body, in bytes"),
];

/// Thirty days. Who allows more allows any.
const MOST_KEEP_ALIVE: Duration = Duration::from_secs(30 * 24 * 3600);

/// The rules in `section`, if it has some.
pub(super) fn read(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Rc<BodyRules>> {
    read_over(reader, section, None)
}

/// The rules in `section`, with those of `common` in the place of `models` or `limits` if that is
/// left out.
pub(super) fn read_over(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    common: Option<&Rc<BodyRules>>,
) -> Option<Rc<BodyRules>> {
    let (own_models, own_limits) = (section.field("models"), section.field("limits"));
    if own_models.is_none() && own_limits.is_none() {
        return common.cloned();
    }
    let BodyRules {
        models: common_models,
        limits: common_limits,
    } = common
        .map(|rules| BodyRules::clone(rules))
        .unwrap_or_default();
    let rules = BodyRules {
        models: own_models.map_or(common_models, |node| vec![models(reader, &node)]),
        limits: own_limits.map_or(common_limits, |node| limits(reader, &node)),
    };
    (!rules.is_empty()).then(|| Rc::new(rules))
}

fn models(reader: &mut Reader<'_>, node: &Node<'_>) -> ModelRule {
    let mut patterns = Vec::new();
    for item in reader.list(node, "a list of models") {
        let Some(text) = item.json.text() else {
            reader.mismatch(&item, "the name of a model");
            continue;
        };
        match ModelPattern::parse(text) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => reader.refuse(&item, error.advice()),
        }
    }
    ModelRule::new(patterns)
}

fn limits(reader: &mut Reader<'_>, node: &Node<'_>) -> RequestLimits {
    let Some(section) = reader.section(node, LIMITS) else {
        return RequestLimits::default();
    };
    if !LIMITS
        .iter()
        .any(|field| section.field(field.name).is_some())
    {
        reader.refuse(node, "limits nothing, name a limit or leave it out");
    }
    let keep_alive = section.field("keep_alive").and_then(|node| {
        let seconds = reader.duration(&node, MOST_KEEP_ALIVE)?;
        Some(Duration::from_secs(seconds.unsigned_abs()))
    });
    let mut count = |name| {
        let node = section.field(name)?;
        reader.whole(&node, 1..=MOST_COUNTED)
    };
    let (num_ctx, num_predict) = (count("num_ctx"), count("num_predict"));
    let request_bytes = count("request_bytes");
    let mut refused = |name| {
        let node = section.field(name)?;
        reader.boolean(&node).map(|allowed| !allowed)
    };
    RequestLimits {
        keep_alive,
        num_ctx,
        num_predict,
        no_raw: refused("raw").unwrap_or(false),
        no_debug_render: refused("debug_render_only").unwrap_or(false),
        request_bytes,
    }
}
