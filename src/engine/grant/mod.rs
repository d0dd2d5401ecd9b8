//! What a caller may be granted: scopes, models, amounts, and the rules of all its credentials
//! together. Who is granted it, and whether that suffices, is decided above.

mod limits;
mod models;
mod rule_set;
mod rules;
mod scopes;
mod visible_models;

pub use limits::RequestLimits;
pub use models::{ModelRule, check_cloud_name};
pub use rule_set::RuleSet;
pub use rules::{BodyRules, check};
pub use scopes::ScopeSet;
pub use visible_models::VisibleModels;
