//! A line of Envoy's, for a person at a terminal.

use serde_json::Value;

/// What of Envoy's own lines a person sees.
const TROUBLE: [&str; 3] = ["][error]", "][critical]", "ollama-gate: configuration"];

/// In: a line. Out: a decision of the gate in columns, trouble as it is, and nothing for all else.
pub(super) fn shown(line: &str) -> Option<String> {
    if let Some(event) = event(line) {
        let word = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let status = event.get("status").and_then(Value::as_u64);
        let status = status.map_or_else(String::new, |status| status.to_string());
        let verdict = format!("{} {status} {}", word("decision"), word("code"));
        // A route of Ollama's, never what a client typed.
        let route = match word("route") {
            "" => "(no such route)",
            route => route,
        };
        let what = format!("{} {route}", word("method"));
        let who = match (word("id"), word("subject")) {
            ("", "") => String::new(),
            ("", who) | (who, _) => match word("credential") {
                "" => format!("as {who}"),
                credential => format!("as {who} ({credential})"),
            },
        };
        let row = format!(
            "{}  {:<34} {what:<32} {who}",
            clock(line),
            verdict.trim_end()
        );
        return Some(row.trim_end().chars().map(seen).collect());
    }
    let trouble = TROUBLE.iter().any(|mark| line.contains(mark));
    trouble.then(|| line.to_owned())
}

/// A character as a terminal shows it. What a client or an issuer wrote is within the JSON, behind escapes.
fn seen(sign: char) -> char {
    let obeyed = sign.is_control()
        || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if obeyed { '\u{fffd}' } else { sign }
}

/// The decision in a line, if there is one.
fn event(line: &str) -> Option<Value> {
    let (_, rest) = line.split_once("wasm log ")?;
    let (_, rest) = rest.split_once('{')?;
    let text = format!("{{{rest}");
    // Envoy may write on after it.
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    let is_it = value.get("gate")? == "ollama-gate" && value.get("decision").is_some();
    is_it.then_some(value)
}

/// The time of day that Envoy writes at the start of a line.
fn clock(line: &str) -> &str {
    line.get(12..20).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::shown;

    const START: &str =
        "[2026-11-27 14:25:11.777][131][warning][wasm] [context.cc:1154] wasm log ollama-gate: ";

    #[test]
    fn what_a_client_sent_cannot_drive_the_terminal() {
        let line = r#"{"gate":"ollama-gate","decision":"allowed","method":"GET","route":"/\u001b[2J","id":"a\nb\u202ec"}"#;
        let row = shown(&format!("{START}{line}")).unwrap();
        assert!(!row.contains(char::is_control), "{row:?}");
        assert!(row.contains("/\u{fffd}[2J"), "{row:?}");
        assert!(row.contains("as a\u{fffd}b\u{fffd}c"), "{row:?}");
    }

    #[test]
    fn a_decision_is_one_row_and_the_rest_of_envoy_is_silent() {
        for (line, row) in [
            (
                r#"{"gate":"ollama-gate","decision":"denied","status":403,"code":"model_denied","method":"POST","route":"/api/chat","id":"carol","credential":"api_key"}"#,
                Some(
                    "14:25:11  denied 403 model_denied            POST /api/chat                   as carol (api_key)",
                ),
            ),
            (
                r#"{"gate":"ollama-gate","decision":"denied","status":401,"code":"expired_key","method":"GET","route":"/api/tags","id":"carol"}"#,
                Some(
                    "14:25:11  denied 401 expired_key             GET /api/tags                    as carol",
                ),
            ),
            (
                r#"{"gate":"ollama-gate","decision":"allowed","method":"GET"}"#,
                Some("14:25:11  allowed                            GET (no such route)"),
            ),
            (r#"{"gate":"another","decision":"allowed"}"#, None),
            ("{ broken", None),
        ] {
            assert_eq!(shown(&format!("{START}{line}")).as_deref(), row, "{line}");
        }
        assert_eq!(
            shown("[2026-11-27 14:25:11.777][1][warning][main] caught ENVOY_SIGTERM"),
            None
        );
        let trouble = "[2026-11-27 14:25:11.777][1][error][main] cannot bind";
        assert_eq!(shown(trouble).as_deref(), Some(trouble));
    }
}
