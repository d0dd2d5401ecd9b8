//! Where the module of the gate is.

use crate::input::{MAX_BYTES, shown, why};
use crate::output::Failure;
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the module for Envoy.
pub(super) const NAME: &str = "ollama_gate_envoy.wasm";
/// How every WebAssembly module begins.
const MAGIC: &[u8] = b"\0asm";

/// The bytes of the module: of `given`, or of the one that lies beside the program or in the `dist/` of a
/// checkout.
///
/// # Errors
/// There is none, or it is no module.
pub(super) fn read(given: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => places()
            .into_iter()
            .find(|path| path.is_file())
            .ok_or_else(|| {
                Failure::new(format!(
                    "the module `{NAME}` is neither beside the program nor in `dist/`: `make wasm` builds it, or give \
                     its place with --module"
                ))
            })?,
    };
    let name = shown(&path);
    let failed = |error: std::io::Error| Failure::new(format!("{name} {}", why(&error)));
    let metadata = fs::metadata(&path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Failure::new(format!("{name} is not a file")));
    }
    if metadata.len() > MAX_BYTES {
        return Err(Failure::new(format!("{name} is too large for a module")));
    }
    let bytes = fs::read(&path).map_err(failed)?;
    if !bytes.starts_with(MAGIC) {
        return Err(Failure::new(format!("{name} is no WebAssembly module")));
    }
    Ok(bytes)
}

/// Where it may be, the first that is there counts: beside the program, in the checkout that the program was
/// built in (`target/release/ollama-gate`), in the checkout where it is run.
fn places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    let program = std::env::current_exe().and_then(fs::canonicalize);
    if let Some(folder) = program.ok().as_deref().and_then(Path::parent) {
        places.push(folder.join(NAME));
        if let Some(root) = folder.ancestors().nth(2) {
            places.push(root.join("dist").join(NAME));
        }
    }
    places.push(Path::new("dist").join(NAME));
    places
}
