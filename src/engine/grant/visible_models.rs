//! Which models a caller is shown where Ollama lists them.

use super::{ModelRule, RuleSet};
use crate::ollama::ModelName;

/// What the models have to be like that a caller is shown: those that each of its rules allows.
#[derive(Clone, Debug)]
pub(crate) struct VisibleModels(RuleSet);

impl VisibleModels {
    /// For a caller with `rules`; `None` if it is shown every one.
    pub(crate) fn of(rules: &RuleSet) -> Option<Self> {
        let all = models(rules).all(ModelRule::allows_every);
        (!all).then(|| Self(rules.clone()))
    }

    /// Whether it is shown the model called `name`.
    pub(crate) fn shows(&self, name: &ModelName) -> bool {
        models(&self.0).all(|rule| rule.allows(name))
    }
}

fn models(rules: &RuleSet) -> impl Iterator<Item = &ModelRule> {
    rules.iter().flat_map(|rules| &rules.models)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::{BodyRules, RequestLimits};
    use crate::ollama::ModelPattern;
    use std::rc::Rc;

    fn rules(models: &[&[&str]]) -> RuleSet {
        let rule = |patterns: &&[&str]| {
            let patterns = patterns.iter();
            ModelRule::new(patterns.map(|text| ModelPattern::parse(text).unwrap()))
        };
        RuleSet::own(&Some(Rc::new(BodyRules {
            models: models.iter().map(rule).collect(),
            limits: RequestLimits::default(),
        })))
    }

    fn shows(rules: &RuleSet, name: &str) -> bool {
        let shown = VisibleModels::of(rules).unwrap();
        shown.shows(&ModelName::parse(name).unwrap())
    }

    #[test]
    fn without_a_rule_for_models_or_with_one_for_all_every_model_is_shown() {
        for all in [
            RuleSet::default(),
            rules(&[]),
            rules(&[&["*"]]),
            rules(&[&["*"], &["qwen3", "*"]]).and(rules(&[])),
        ] {
            assert!(VisibleModels::of(&all).is_none(), "{all:?}");
        }
    }

    #[test]
    fn every_rule_has_to_allow_a_model() {
        let one = rules(&[&["llama3.2", "qwen3:*"]]);
        assert!(shows(&one, "LLAMA3.2:latest"));
        assert!(shows(&one, "qwen3:8b"));
        assert!(!shows(&one, "llama3.2:1b"));
        for both in [
            rules(&[&["llama3.2", "qwen3:*"], &["qwen3"]]),
            one.and(rules(&[&["qwen3"]])),
        ] {
            assert!(shows(&both, "qwen3"), "{both:?}");
            assert!(!shows(&both, "qwen3:8b"), "{both:?}");
            assert!(!shows(&both, "llama3.2"), "{both:?}");
        }
    }

    #[test]
    fn a_rule_without_patterns_shows_none() {
        assert!(!shows(&rules(&[&[]]), "llama3.2"));
        assert!(!shows(&rules(&[&[], &["*"]]), "llama3.2"));
    }
}
