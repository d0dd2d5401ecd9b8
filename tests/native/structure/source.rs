//! What the house rules say of the source, held by reading it.

use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}

fn offenders(folder: &str, word: &str, allowed: impl Fn(&str) -> bool) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = sources(&root.join(folder));
    assert!(!files.is_empty());
    let found = files.into_iter().filter_map(|path| {
        let name = path
            .strip_prefix(root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let code = fs::read_to_string(&path).unwrap();
        let hit = code
            .lines()
            .any(|line| !line.trim_start().starts_with("//") && line.contains(word));
        (hit && !allowed(&name)).then_some(name)
    });
    found.collect()
}

#[test]
fn proxy_wasm_appears_only_in_the_filter() {
    let found = offenders("src/engine", "proxy_wasm", |_| false);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn unsafe_appears_only_in_the_raw_calls_and_in_the_allocator() {
    let allowed = |name: &str| {
        let allocator = name.starts_with("src/filter/allocator") && name.ends_with(".rs");
        allocator || name.starts_with("src/filter/calls/")
    };
    for word in [
        "unsafe {",
        "unsafe fn",
        "unsafe extern",
        "allow(unsafe_code)",
    ] {
        assert_eq!(
            offenders("src", word, allowed),
            Vec::<String>::new(),
            "{word}"
        );
    }
}

#[test]
fn the_engine_reads_no_clock_no_environment_and_draws_no_randomness() {
    for word in [
        "SystemTime",
        "Instant::now",
        "std::env",
        "getrandom",
        "thread_rng",
        "std::fs",
    ] {
        let found = offenders("src/engine", word, |_| false);
        assert_eq!(found, Vec::<String>::new(), "{word}");
    }
}

#[test]
fn no_state_outlives_a_configuration() {
    for word in [
        "static ",
        "thread_local!",
        "OnceLock",
        "LazyLock",
        "lazy_static",
    ] {
        // Blocks of memory that were freed decide nothing.
        let found = offenders("src", word, |name| name == "src/filter/allocator.rs");
        let found: Vec<_> = found
            .into_iter()
            .filter(|name| {
                let code =
                    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
                code.lines().any(|line| {
                    let visible = ["pub ", "pub(crate) ", "pub(super) "];
                    line.trim_start().starts_with(word)
                        || visible
                            .iter()
                            .any(|before| line.contains(&format!("{before}{word}")))
                })
            })
            .collect();
        assert_eq!(found, Vec::<String>::new(), "{word}");
    }
}

#[test]
fn no_file_is_a_god() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["src", "cli"].map(|folder| sources(&root.join(folder)));
    for path in folders.into_iter().flatten() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(
            lines <= 500,
            "{} has {lines} lines, split it by noun",
            path.display()
        );
    }
}

/// The packages that `package` is built of, itself included, as Cargo.lock has them.
fn built_of(package: &str) -> Vec<String> {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock"));
    let lock = lock.unwrap();
    let mut found = vec![package.to_owned()];
    let mut place = 0;
    while let Some(name) = found.get(place).cloned() {
        place += 1;
        let entries = lock.split("[[package]]");
        for entry in entries.filter(|entry| entry.contains(&format!("\nname = \"{name}\"\n"))) {
            let needs = entry
                .split_once("dependencies = [")
                .map_or("", |parts| parts.1);
            for line in needs.lines() {
                let need = line.trim().trim_matches(['"', ',']);
                let need = need.split(' ').next().unwrap().to_owned();
                if !need.is_empty() && need != "]" && !found.contains(&need) {
                    found.push(need);
                }
            }
        }
    }
    found
}

#[test]
fn the_sdk_of_proxy_wasm_is_no_part_of_the_engine() {
    let sdk = "proxy-wasm".to_owned();
    assert!(built_of("ollama-gate").contains(&sdk));
    let engine = built_of("ollama-gate-engine");
    assert!(engine.len() > 50, "{engine:?}");
    assert!(!engine.contains(&sdk));
}
