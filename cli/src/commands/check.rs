//! `check`: what is wrong with a configuration, and what is unwise about it.

use crate::document::Document;
use crate::environment::EnvironmentOptions;
use crate::input::Input;
use crate::moment;
use crate::output::{Failure, Report, Verdict, counted};
use crate::review::{self, Finding, Rules, Weight};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Says everything that is wrong with a configuration, and what is unwise about it
///
/// CONFIG is the plugin JSON, or a file with it inside: of Envoy, Istio, Envoy Gateway, APISIX or Kong.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The file; `-` is the standard input
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// Exit with 1 for a warning too
    #[arg(long)]
    strict: bool,
    /// Warn of keys that end within this span
    #[arg(long, value_name = "SPAN", default_value = "14d", value_parser = moment::read_span)]
    within: Duration,
    #[command(flatten)]
    environment: EnvironmentOptions,
}

/// What there is to say about a configuration.
#[derive(Debug)]
struct Checked {
    strict: bool,
    name: String,
    places: Vec<Value>,
    findings: Vec<Finding>,
}

/// Checks the file.
///
/// # Errors
/// It cannot be read, or the gate is not in it.
pub fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    let input = Input::read(&options.config)?;
    let document = Document::read(&input)?;
    let variables = options.environment.read()?;
    let rules = Rules {
        now: moment::now(),
        within: i64::try_from(options.within.as_secs()).unwrap_or(i64::MAX),
        world_readable: input.path.as_deref().is_some_and(is_world_readable),
    };
    let findings = review::all(&document, &variables, &rules);
    let places = document.plugins.iter();
    Ok(Checked {
        strict: options.strict,
        name: input.name(),
        places: places
            .map(|plugin| json!({ "host": plugin.kind.name(), "place": plugin.place }))
            .collect(),
        findings,
    })
}

fn is_world_readable(path: &Path) -> bool {
    let metadata = std::fs::metadata(path);
    metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o004 != 0)
}

impl Checked {
    fn count(&self, weight: Weight) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.weight == weight)
            .count()
    }
}

impl Report for Checked {
    fn text(&self) -> String {
        let mut text: String = self
            .findings
            .iter()
            .map(|finding| format!("{finding}\n"))
            .collect();
        let (errors, warnings) = (self.count(Weight::Error), self.count(Weight::Warning));
        text.push_str(&match (errors, warnings) {
            (0, 0) => format!("{}: no errors, no warnings\n", self.name),
            _ => {
                let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
                format!("{}: {errors}, {warnings}\n", self.name)
            }
        });
        text
    }

    fn json(&self) -> Value {
        json!({
            "ok": self.verdict() == Verdict::Fine,
            "errors": self.count(Weight::Error),
            "warnings": self.count(Weight::Warning),
            "configurations": self.places,
            "findings": self.findings.iter().map(Finding::json).collect::<Vec<_>>(),
        })
    }

    fn verdict(&self) -> Verdict {
        let warned = self.strict && self.count(Weight::Warning) > 0;
        if self.count(Weight::Error) > 0 || warned {
            Verdict::Found
        } else {
            Verdict::Fine
        }
    }
}
