//! Finding the built module and compiling it once per test program.

use std::path::PathBuf;
use std::sync::OnceLock;

use wasmi::{Config, Engine, Module};

use crate::meter::metered;

/// Which of the two files is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// the one for every gateway
    Every,
    /// the one with fewer exports, for Envoy and Istio
    Envoy,
}

impl Build {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Every, Self::Envoy];

    /// Its name in `dist/`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Every => "ollama_gate.wasm",
            Self::Envoy => "ollama_gate_envoy.wasm",
        }
    }

    /// Its file: `OLLAMA_GATE_WASM` and `OLLAMA_GATE_ENVOY_WASM` name others than those in `dist/`.
    #[must_use]
    pub fn path(self) -> PathBuf {
        let variable = match self {
            Self::Every => "OLLAMA_GATE_WASM",
            Self::Envoy => "OLLAMA_GATE_ENVOY_WASM",
        };
        match std::env::var_os(variable) {
            Some(path) => path.into(),
            None => crate_directory().join("../../dist").join(self.name()),
        }
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
pub fn bytes(build: Build) -> &'static [u8] {
    static EVERY: OnceLock<Vec<u8>> = OnceLock::new();
    static ENVOY: OnceLock<Vec<u8>> = OnceLock::new();
    let held = match build {
        Build::Every => &EVERY,
        Build::Envoy => &ENVOY,
    };
    held.get_or_init(|| {
        let path = build.path();
        std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; run `make wasm` first", path.display()))
    })
}

/// The compiled module.
pub(crate) fn compiled(build: Build) -> &'static Module {
    static EVERY: OnceLock<Module> = OnceLock::new();
    static ENVOY: OnceLock<Module> = OnceLock::new();
    let held = match build {
        Build::Every => &EVERY,
        Build::Envoy => &ENVOY,
    };
    held.get_or_init(|| compile(bytes(build)))
}

/// Compiles any module, binary or text, with a counter of instructions if it is binary.
///
/// # Panics
/// When it is not valid.
#[must_use]
pub fn compile(wasm: &[u8]) -> Module {
    let mut config = Config::default();
    // Only so that what hangs comes to an end: see `meter`.
    config.consume_fuel(true);
    config.compilation_mode(wasmi::CompilationMode::Eager);
    let engine = Engine::new(&config);
    let metered = wasm.starts_with(b"\0asm").then(|| metered(wasm));
    let metered = metered.transpose();
    let metered = metered.unwrap_or_else(|error| panic!("the module: {error}"));
    Module::new(&engine, metered.as_deref().unwrap_or(wasm))
        .unwrap_or_else(|error| panic!("the module: {error}"))
}
