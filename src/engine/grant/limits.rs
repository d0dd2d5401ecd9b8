//! How much a caller may ask for.

use crate::denial::{Denial, Reason};
use crate::ollama::body::{KeepAlive, Members, Number};
use crate::ollama::{Naming, Route, Scope};
use std::time::Duration;

/// The bounds of what a caller may ask for. What is not there is not bounded.
///
/// What a request leaves out is the server's default, which whoever runs Ollama sets; except for the
/// number of tokens to predict, whose default is no bound at all: with [`RequestLimits::num_predict`] a
/// request has to name one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestLimits {
    /// the longest `keep_alive`
    pub keep_alive: Option<Duration>,
    /// the greatest `num_ctx`
    pub num_ctx: Option<u64>,
    /// the greatest `num_predict`, `max_tokens`, `max_completion_tokens` and `max_output_tokens`
    pub num_predict: Option<u64>,
    /// whether `raw` is refused, and `template`, which does the same
    pub no_raw: bool,
    /// whether `_debug_render_only` is refused
    pub no_debug_render: bool,
    /// the longest body
    pub request_bytes: Option<u64>,
}

impl RequestLimits {
    /// Checks a body of `route`.
    ///
    /// # Errors
    /// It asks for more, or leaves out what has to be bounded.
    pub fn check(&self, route: &Route, members: &Members) -> Result<(), Denial> {
        self.check_size(members.bytes)?;
        self.check_keep_alive(members.keep_alive)?;
        let (num_ctx, num_predict) = match route.naming() {
            Naming::Create => ("parameters.num_ctx", "parameters.num_predict"),
            _ => ("options.num_ctx", "options.num_predict"),
        };
        if let (Some(max), Some(asked)) = (self.num_ctx, members.num_ctx) {
            check_number(num_ctx, asked, max)?;
        }
        if let Some(max) = self.num_predict {
            check_tokens(max, Bounded::of(route), num_predict, members)?;
        }
        self.check_overrides(members)
    }

    /// Checks what takes the place of something that the model has.
    fn check_overrides(&self, members: &Members) -> Result<(), Denial> {
        if let Some(member) = members.modelfile
            && (self.num_ctx.is_some() || self.num_predict.is_some() || self.no_raw)
        {
            return Err(exceeded(format!(
                "`{member}` is not looked into, send `parameters` and the like as members of their own"
            )));
        }
        let (raw, debug) = (members.raw, members.debug_render_only);
        for (refused, asked, name) in [
            (self.no_raw, raw == Some(true), "raw"),
            // One that is nothing but the prompt is the same.
            (self.no_raw, members.template, "template"),
            (
                self.no_debug_render,
                debug == Some(true),
                "_debug_render_only",
            ),
        ] {
            if refused && asked {
                return Err(exceeded(format!("leave `{name}` out")));
            }
        }
        Ok(())
    }

    /// Checks what needs no body.
    ///
    /// # Errors
    /// What is predicted has to be bounded, and on `route` it cannot be.
    pub fn check_route(&self, route: &Route) -> Result<(), Denial> {
        if self.num_predict.is_some() && Bounded::of(route) == Bounded::Unbounded {
            Err(unbounded())
        } else {
            Ok(())
        }
    }

    /// Checks that a body of `bytes`, or its beginning, is not too long.
    ///
    /// # Errors
    /// It is.
    pub fn check_size(&self, bytes: u64) -> Result<(), Denial> {
        match self.request_bytes {
            Some(max) if bytes > max => Err(exceeded(format!(
                "the body may have {max} bytes at the most"
            ))),
            _ => Ok(()),
        }
    }

    fn check_keep_alive(&self, asked: Option<KeepAlive>) -> Result<(), Denial> {
        let (Some(max), Some(asked)) = (self.keep_alive, asked) else {
            return Ok(());
        };
        let fit = match asked {
            KeepAlive::Forever => false,
            KeepAlive::For(asked) => asked <= max,
        };
        if fit {
            return Ok(());
        }
        let max = humantime::format_duration(max);
        let advice = format!("`keep_alive` may be from 0 to {max}, or left out");
        Err(exceeded(advice))
    }
}

/// Which member bounds the tokens that a request of a route may have predicted. Ollama passes over
/// the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bounded {
    /// none: nothing is predicted
    Nothing,
    /// `options.num_predict`
    NumPredict,
    /// `max_tokens`
    MaxTokens,
    /// `max_output_tokens`
    MaxOutputTokens,
    /// none, or none that the gate knows, although something is predicted
    Unbounded,
}

impl Bounded {
    fn of(route: &Route) -> Self {
        match (route.naming(), route.pattern()) {
            (Naming::Unknown, _) if route.scope() == Scope::Inference => Self::Unbounded,
            (Naming::Form, _) => Self::Unbounded,
            (Naming::Model, "/api/embed" | "/api/embeddings" | "/v1/embeddings") => Self::Nothing,
            (Naming::Model, "/api/generate" | "/api/chat") => Self::NumPredict,
            (Naming::Model, "/v1/responses") => Self::MaxOutputTokens,
            (Naming::Model, "/v1/chat/completions" | "/v1/completions" | "/v1/messages") => {
                Self::MaxTokens
            }
            (Naming::Model, _) => Self::Unbounded,
            _ => Self::Nothing,
        }
    }
}

fn check_tokens(
    max: u64,
    bounded: Bounded,
    num_predict: &'static str,
    members: &Members,
) -> Result<(), Denial> {
    let all = [
        (num_predict, members.num_predict),
        ("max_tokens", members.max_tokens),
        ("max_completion_tokens", members.max_completion_tokens),
        ("max_output_tokens", members.max_output_tokens),
    ];
    for (name, asked) in all {
        if let Some(asked) = asked {
            check_number(name, asked, max)?;
        }
    }
    let needed = match bounded {
        Bounded::Nothing => return Ok(()),
        Bounded::NumPredict => (num_predict, members.num_predict),
        Bounded::MaxTokens => ("max_tokens", members.max_tokens),
        Bounded::MaxOutputTokens => ("max_output_tokens", members.max_output_tokens),
        Bounded::Unbounded => return Err(unbounded()),
    };
    match needed {
        (_, Some(_)) => Ok(()),
        (name, None) => Err(exceeded(format!("send `{name}`, of 1 to {max}"))),
    }
}

/// Zero and less have meanings of their own, all of them more than any number.
fn check_number(name: &str, asked: Number, max: u64) -> Result<(), Denial> {
    match u64::try_from(asked.value()) {
        Ok(asked) if (1..=max).contains(&asked) => Ok(()),
        _ => Err(exceeded(format!("`{name}` may be from 1 to {max}"))),
    }
}

fn unbounded() -> Denial {
    let advice = "this route has no limit for predicted tokens, and this credential requires one";
    exceeded(advice.to_owned())
}

fn exceeded(advice: String) -> Denial {
    Denial::new(Reason::LimitExceeded, advice)
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
