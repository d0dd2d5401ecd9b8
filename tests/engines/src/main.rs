//! `ollama-gate-engine-tests FOLDER`: replays every trace in the folder, and says what it saw.
//!
//! `OLLAMA_GATE_WASM` and `OLLAMA_GATE_ENVOY_WASM` name other modules than those in `dist/`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ollama_gate_engine_tests::program::Program;
use ollama_gate_engine_tests::replay;
use ollama_gate_engine_tests::tally::{Tally, median};

const NAME: &str = "wasmtime 26 (Kong 3.9)";
const MODULES: [(&str, &str); 2] = [
    ("ollama_gate.wasm", "OLLAMA_GATE_WASM"),
    ("ollama_gate_envoy.wasm", "OLLAMA_GATE_ENVOY_WASM"),
];

fn main() -> ExitCode {
    let ended = match std::env::args_os().nth(1) {
        Some(folder) => run(Path::new(&folder)),
        None => Err("usage: ollama-gate-engine-tests FOLDER".to_owned()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{NAME}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path) -> Result<(), String> {
    let files = traces(folder)?;
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist");
    let mut programs = BTreeMap::new();
    for (name, variable) in MODULES {
        let before = resident();
        let path = std::env::var_os(variable).map_or_else(|| dist.join(name), PathBuf::from);
        let wasm = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let program = Program::new(&wasm).map_err(|error| format!("{name}: {error:#}"))?;
        println!(
            "{NAME}: {name}: {:.2} s to compile (by an engine that is hardly optimized), {:.1} MB compiled, {:.0} MB more in memory",
            program.compiled_in.as_secs_f64(),
            program.size() as f64 / 1e6,
            resident() - before,
        );
        programs.insert(name.to_owned(), program);
    }
    let mut tally = Tally::default();
    for file in &files {
        let opened = File::open(file).map(BufReader::new);
        let replayed = opened.and_then(|lines| replay(lines, &programs, &mut tally));
        replayed.map_err(|error| format!("{}: {error}", file.display()))?;
    }
    println!(
        "{NAME}: {:.2} ms to instantiate, {} pages of 64 kB in the end (median; most {}), {:.0} MB in memory",
        median(&tally.instantiations).as_secs_f64() * 1e3,
        median(&tally.pages),
        tally.pages.iter().max().copied().unwrap_or_default(),
        resident(),
    );
    print!("{NAME}: {tally}");
    match tally.differences.len() {
        0 => Ok(()),
        count => Err(format!("{count} instances differ from the interpreter")),
    }
}

/// The files with traces.
fn traces(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(|error| named(&error))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect();
    files.sort();
    match files.is_empty() {
        true => Err(named(&"no traces; `make test-wasm` records them")),
        false => Ok(files),
    }
}

/// Megabytes of this process in memory; 0 where the system does not say.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() * 1024.0 / 1e6
}
