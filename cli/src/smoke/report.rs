//! What the checks found, and what it comes to.

use super::Target;
use serde_json::{Value, json};

/// What one check came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// What should be refused was refused.
    Guarded,
    /// Nothing got through, but it should be better.
    Warning,
    /// Something got through.
    Open,
    /// The answer does not tell.
    Unknown,
    /// Not asked, for want of something.
    Skipped,
}

impl Verdict {
    /// Out: the word for it, the same in both outputs.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Guarded => "guarded",
            Self::Warning => "warning",
            Self::Open => "open",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
        }
    }
}

/// What one check found.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) found: String,
    pub(crate) advice: Option<&'static str>,
}

impl Finding {
    pub(crate) fn guarded(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Guarded, found.into(), None)
    }

    pub(crate) fn warning(check: &'static str, found: String, advice: &'static str) -> Self {
        Self::new(check, Verdict::Warning, found, Some(advice))
    }

    pub(crate) fn open(check: &'static str, found: String, advice: &'static str) -> Self {
        Self::new(check, Verdict::Open, found, Some(advice))
    }

    pub(crate) fn unknown(check: &'static str, found: String, advice: &'static str) -> Self {
        Self::new(check, Verdict::Unknown, found, Some(advice))
    }

    pub(crate) fn skipped(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Skipped, found.into(), None)
    }

    fn new(
        check: &'static str,
        verdict: Verdict,
        found: String,
        advice: Option<&'static str>,
    ) -> Self {
        Self {
            check,
            verdict,
            found,
            advice,
        }
    }
}

/// All findings of a run.
#[derive(Debug)]
pub(crate) struct Report {
    target: String,
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(target: &Target, findings: Vec<Finding>) -> Self {
        Self {
            target: target.to_string(),
            findings,
        }
    }

    /// Out: the exit status. One open check outweighs all that could not be told.
    pub(crate) fn status(&self) -> u8 {
        if self.has(Verdict::Open) {
            1
        } else if self.has(Verdict::Unknown) {
            2
        } else {
            0
        }
    }

    fn has(&self, verdict: Verdict) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.verdict == verdict)
    }

    /// Out: the sentence at the end.
    pub(crate) fn summary(&self) -> String {
        let target = &self.target;
        match self.status() {
            0 => format!("{target} is guarded."),
            1 => format!("{target} is NOT guarded."),
            _ => format!("{target}: could not tell whether it is guarded."),
        }
    }

    /// Out: a line for each finding, what to do below it, and the sentence at the end.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let (word, check) = (finding.verdict.word(), finding.check);
            text.push_str(&format!("{word:<8} {check:<18} {}\n", finding.found));
            if let Some(advice) = finding.advice {
                text.push_str(&format!("{:28}{advice}\n", ""));
            }
        }
        text.push_str(&self.summary());
        text.push('\n');
        text
    }

    /// Out: the same for programs.
    pub(crate) fn json(&self) -> Value {
        let checks: Vec<Value> = self
            .findings
            .iter()
            .map(|finding| {
                json!({
                    "check": finding.check,
                    "verdict": finding.verdict.word(),
                    "found": finding.found,
                    "advice": finding.advice,
                })
            })
            .collect();
        let result = match self.status() {
            0 => "guarded",
            1 => "open",
            _ => "unknown",
        };
        json!({ "target": self.target, "result": result, "checks": checks })
    }
}
