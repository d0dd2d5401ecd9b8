//! What a configuration is refused for.

use super::{World, with};
use serde_json::Value;

/// Every error of `configuration`, a line each.
pub(crate) fn errors(configuration: &Value) -> Vec<String> {
    let world = World::new(configuration);
    assert_eq!(world.configured, world.errors().is_empty());
    world.errors()
}

/// The one error of a configuration with `value` at `path`.
pub(crate) fn error(path: &str, value: Value) -> String {
    let errors = errors(&with(path, value));
    assert_eq!(errors.len(), 1, "{path}: {errors:?}");
    errors.into_iter().next().unwrap()
}
