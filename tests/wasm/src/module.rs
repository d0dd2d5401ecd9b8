//! Finding the built module and compiling it once per test program.

use std::path::PathBuf;
use std::sync::OnceLock;

use wasmi::{Config, Engine, Module};

/// The module's file: `OLLAMA_GATE_WASM`, else `dist/ollama_gate.wasm`.
#[must_use]
pub fn path() -> PathBuf {
    match std::env::var_os("OLLAMA_GATE_WASM") {
        Some(path) => path.into(),
        None => crate_directory().join("../../dist/ollama_gate.wasm"),
    }
}

/// The directory of this crate, where its small data files are.
#[must_use]
pub fn crate_directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The module's bytes.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let path = path();
        std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; run `make wasm` first", path.display()))
    })
}

/// The compiled module.
pub(crate) fn compiled() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| compile(bytes()))
}

/// Compiles any module, binary or text, with fuel metering.
///
/// # Panics
/// When it is not valid.
#[must_use]
pub fn compile(wasm: &[u8]) -> Module {
    let mut config = Config::default();
    config.consume_fuel(true);
    // Translated ahead, so that no request pays for it in fuel.
    config.compilation_mode(wasmi::CompilationMode::Eager);
    let engine = Engine::new(&config);
    Module::new(&engine, wasm).unwrap_or_else(|error| panic!("the module: {error}"))
}
