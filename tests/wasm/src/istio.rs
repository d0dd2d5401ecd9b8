//! Istio: an Envoy that istiod configures by `WasmPlugin`.
//!
//! Citations are rows of the house plan's `hosts.md`.

use crate::client::ClientRequest;
use crate::envoy::Envoy;
use crate::map::Pairs;
use crate::profile::{Answer, Crash, Edit, Entry, Profile};
use crate::world::Stream;

/// The rules of Istio. "plugin JSON": Istio sends JSON, which is what
/// [`Profile::configuration`] does; Envoy alone may send a `Struct` as well.
#[derive(Clone, Copy, Debug, Default)]
pub struct Istio;

impl Profile for Istio {
    fn name(&self) -> &'static str {
        "istio"
    }

    fn entry(&self, request: &ClientRequest) -> Entry {
        Envoy.entry(request)
    }

    fn edit(&self, stream: &mut Stream, edit: &Edit) -> Result<i32, Crash> {
        Envoy.edit(stream, edit)
    }

    fn property(&self, stream: Option<&Stream>, path: &[u8]) -> Answer<Vec<u8>> {
        Envoy.property(stream, path)
    }

    /// "request body": `WasmPlugin` has no `allow_on_headers_stop_iteration`.
    fn shows_the_body_of_a_held_head(&self) -> bool {
        false
    }

    /// "shared data": Istio sets no vm_id, so all filters share one store.
    fn shared_by_others(&self) -> Pairs {
        vec![(b"keys".to_vec(), b"another filter's".to_vec())]
    }
}
