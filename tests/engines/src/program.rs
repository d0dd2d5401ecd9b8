//! A module compiled by the engine, and the functions that it imports.

use std::time::{Duration, Instant};

use wasmtime::{Engine, Linker, Module};

use crate::wall::{Recorded, host};

/// A compiled module, ready for any number of instances.
pub struct Program {
    pub(crate) engine: Engine,
    pub(crate) module: Module,
    pub(crate) linker: Linker<Recorded>,
    /// How long compiling took.
    pub compiled_in: Duration,
}

impl Program {
    /// Compiles a module, binary or text, with the engine's defaults.
    ///
    /// # Errors
    /// When the engine does not take it.
    pub fn new(wasm: &[u8]) -> wasmtime::Result<Self> {
        let engine = Engine::default();
        let began = Instant::now();
        let module = Module::new(&engine, wasm)?;
        let compiled_in = began.elapsed();
        let mut linker = Linker::new(&engine);
        for import in module.imports() {
            let Some(signature) = import.ty().func().cloned() else {
                continue;
            };
            let name = import.name().to_owned();
            linker.func_new(import.module(), import.name(), signature, {
                move |caller, arguments, results| host(caller, &name, arguments, results)
            })?;
        }
        Ok(Self {
            engine,
            module,
            linker,
            compiled_in,
        })
    }

    /// Bytes of the compiled module.
    #[must_use]
    pub fn size(&self) -> usize {
        let image = self.module.image_range();
        image.end.addr() - image.start.addr()
    }
}
