//! The memory that the workers of a gateway share.

use crate::Host;
use ollama_gate_engine::SharedMemory;

/// That of the gateway, where it has one.
#[derive(Debug)]
pub(crate) struct HostMemory<'h, H>(pub &'h H);

/// Envoy numbers versions from 1 on, so no value is of this one. It does not ask for the version of what is not there:
/// of two workers that write a first value, the second one finds another version.
const NO_VERSION: u32 = u32::MAX;

impl<H: Host> SharedMemory for HostMemory<'_, H> {
    fn read(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.0.versioned_data(key).ok().flatten()
    }

    fn write(&self, key: &str, value: &[u8], seen: Option<u32>) -> bool {
        let version = seen.unwrap_or(NO_VERSION);
        self.0.set_versioned_data(key, value, version).is_ok()
    }
}
