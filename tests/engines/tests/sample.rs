//! The replay of a small trace, and of the same trace with one thing changed.
//!
//! `test_replay.py` holds the other engine's replay to the same words.

use std::collections::BTreeMap;
use std::path::Path;

use ollama_gate_engine_tests::program::Program;
use ollama_gate_engine_tests::replay;
use ollama_gate_engine_tests::tally::Tally;
use serde_json::Value;

fn sample(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample");
    std::fs::read_to_string(folder.join(name)).expect("a file of the sample")
}

fn replayed(module: &str, trace: &str) -> Tally {
    let program = Program::new(module.as_bytes()).expect("a module that the engine takes");
    let programs = BTreeMap::from([("module.wat".to_owned(), program)]);
    let mut tally = Tally::default();
    replay(trace.as_bytes(), &programs, &mut tally).expect("a trace");
    tally
}

#[test]
fn a_trace_of_the_same_module_shows_no_difference() {
    let tally = replayed(&sample("module.wat"), &sample("trace.jsonl"));
    assert_eq!(tally.differences, Vec::<String>::new());
    let verdicts: Vec<&str> = tally.verdicts.keys().map(String::as_str).collect();
    assert_eq!(verdicts, ["crashed", "replied 401 unknown_key"]);
    assert_eq!(
        (tally.instances, tally.callbacks, tally.host_calls),
        (2, 5, 4)
    );
    assert_eq!((tally.bytes_read, tally.bytes_written), (16, 11));
}

#[test]
fn whatever_is_changed_in_trace_or_module_is_a_difference_that_names_its_place() {
    let changes: Value = serde_json::from_str(&sample("changes.json")).expect("JSON");
    let changes = changes.as_array().expect("a list");
    assert!(!changes.is_empty());
    for change in changes {
        let text = |name: &str| change[name].as_str().expect("a text").to_owned();
        let changed = |file: &str| {
            let whole = sample(file);
            if text("file") != file {
                return whole;
            }
            assert_eq!(whole.matches(&text("from")).count(), 1, "{change}");
            whole.replace(&text("from"), &text("to"))
        };
        let tally = replayed(&changed("module.wat"), &changed("trace.jsonl"));
        assert_eq!(tally.differences, [text("difference")], "{change}");
    }
}
