//! Istio: an Envoy that istiod configures by `WasmPlugin`.
//!
//! Citations are rows of the house plan's `hosts.md`.

use crate::calls::{Call, CallAnswer, CallEnd};
use crate::client::ClientRequest;
use crate::envoy::Envoy;
use crate::map::Pairs;
use crate::module::Build;
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

    fn build(&self) -> Build {
        Build::Envoy
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

    fn changes_response_bodies(&self) -> bool {
        true
    }

    /// "request body": `WasmPlugin` has no `allow_on_headers_stop_iteration`.
    fn shows_the_body_of_a_held_head(&self) -> bool {
        false
    }

    fn http_call(&self, call: &Call, stream: Option<&Stream>, ticks: u32) -> Result<i32, Crash> {
        Envoy.http_call(call, stream, ticks)
    }

    fn token(&self, nth: u32) -> u32 {
        Envoy.token(nth)
    }

    fn call_answer(&self, end: CallEnd) -> CallAnswer {
        Envoy.call_answer(end)
    }

    fn calls_are_the_roots(&self) -> bool {
        true
    }

    fn foreign_function(&self, name: &[u8], argument: &[u8]) -> Answer<Vec<u8>> {
        Envoy.foreign_function(name, argument)
    }

    /// "shared data": Istio sets no vm_id, so all filters share one store.
    fn shared_by_others(&self) -> Pairs {
        vec![(b"keys".to_vec(), b"another filter's".to_vec())]
    }
}
