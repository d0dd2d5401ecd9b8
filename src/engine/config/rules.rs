//! `models` and `limits`, which several sections have.

use super::field::{COUNT, Field, Shape};
use super::reader::{Node, Reader};
use super::table::Member;
use crate::grant::{BodyRules, ModelRule, RequestLimits};
use crate::ollama::ModelPattern;
use std::rc::Rc;

/// The field `models`, wherever it stands.
pub(super) const MODELS: Field = Field::optional(
    Shape::List(&Shape::Text),
    "the models that it may use: names such as `llama3.2`, which means `llama3.2:latest`, or patterns such as \
     `qwen3:*`, `team/*` and `*`; `[]` means none. Default: all, and request bodies are not inspected",
);

/// The field `limits`, wherever it stands.
pub(super) const LIMITS_FIELD: Field = Field::optional(
    Shape::Object(LIMITS),
    "limits on what its requests may ask for. Default: none",
);

table! {
    pub(super) LIMITS => LimitsSection {
        keep_alive: Field::any_of(
            Shape::Duration(0, MAX_KEEP_ALIVE),
            "the maximum `keep_alive`, such as `\"10m\"`, up to 30 days. Negative values, which mean forever, are \
             refused then",
        ),
        num_ctx: Field::any_of(
            COUNT,
            "the maximum `options.num_ctx`, and `parameters.num_ctx` when a model is created",
        ),
        num_predict: Field::any_of(
            COUNT,
            "the maximum number of tokens to predict. A request must then state a number: in `options.num_predict`, \
             under `/v1` in `max_tokens`, for `/v1/responses` in `max_output_tokens`",
        ),
        raw: Field::any_of(
            Shape::Boolean,
            "`false` refuses `raw`, which bypasses the model's template, and `template`, which replaces it",
        ),
        debug_render_only: Field::any_of(
            Shape::Boolean,
            "`false` refuses `_debug_render_only`, which reveals the rendered template",
        ),
        request_bytes: Field::any_of(COUNT, "the maximum body size in bytes"),
    }
}

/// Thirty days. Who allows more allows any.
const MAX_KEEP_ALIVE: u64 = 30 * 24 * 3600;

/// The rules in a section's `models` and `limits`, if it has some.
pub(super) fn read(
    reader: &mut Reader<'_>,
    models: &Member<'_>,
    limits: &Member<'_>,
) -> Option<Rc<BodyRules>> {
    read_over(reader, models, limits, None)
}

/// The rules in a section's `models` and `limits`, with those of `common` in the place of `models` or `limits` if that is
/// left out.
pub(super) fn read_over(
    reader: &mut Reader<'_>,
    models: &Member<'_>,
    limits: &Member<'_>,
    common: Option<&Rc<BodyRules>>,
) -> Option<Rc<BodyRules>> {
    let (own_models, own_limits) = (models.node(), limits.node());
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
        models: own_models.map_or(common_models, |node| vec![read_models(reader, &node)]),
        limits: own_limits.map_or(common_limits, |node| read_limits(reader, &node)),
    };
    (!rules.is_empty()).then(|| Rc::new(rules))
}

fn read_models(reader: &mut Reader<'_>, node: &Node<'_>) -> ModelRule {
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

fn read_limits(reader: &mut Reader<'_>, node: &Node<'_>) -> RequestLimits {
    let Some(section) = reader.section::<LimitsSection>(node) else {
        return RequestLimits::default();
    };
    let mut refused = |member: &Member<'_>| member.read(reader, Reader::boolean) == Some(false);
    let (no_raw, no_debug_render) = (refused(&section.raw), refused(&section.debug_render_only));
    RequestLimits {
        keep_alive: reader.duration(&section.keep_alive),
        num_ctx: reader.whole(&section.num_ctx),
        num_predict: reader.whole(&section.num_predict),
        no_raw,
        no_debug_render,
        request_bytes: reader.whole(&section.request_bytes),
    }
}
