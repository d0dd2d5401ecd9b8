//! What a caller may be granted: scopes, models, amounts, and the rules of all its credentials
//! together. Who is granted it, and whether that suffices, is decided above.

mod limits;
mod models;
mod rule_set;
mod rules;
mod scopes;
mod visible_models;

pub(crate) use limits::RequestLimits;
pub(crate) use models::{ModelRule, check_cloud_name};
pub(crate) use rule_set::RuleSet;
pub(crate) use rules::{BodyRules, check};
pub(crate) use scopes::ScopeSet;
pub(crate) use visible_models::VisibleModels;
