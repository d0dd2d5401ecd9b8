//! What one gateway does differently: the data and hooks of a profile.
//!
//! A new gateway is one small file that implements [`Profile`] and cites the
//! house plan's `hosts.md` for every line of it.

use serde_json::Value;

use crate::calls::{Call, CallAnswer, CallEnd, silent_failures};
use crate::client::ClientRequest;
use crate::map::{self, Pairs};
use crate::module::Build;
use crate::record::Reply;
use crate::world::{Stream, status};

/// Something that would crash the real worker, or that a module must never do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash(pub String);

/// The value or the status that a call answers, unless the worker is gone.
pub type Answer<T> = Result<Result<T, i32>, Crash>;

/// What the gateway writes where a value is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyValue {
    /// A null pointer.
    Null,
    /// Nothing: the module's pointer stays as it was.
    Untouched,
    /// The address of an allocation of no bytes.
    Allocated,
}

/// What the gateway makes of a client's request before the module sees it.
#[derive(Clone, Debug)]
pub enum Entry {
    /// The module gets this header map.
    Deliver(Pairs),
    /// The gateway answers by itself.
    Refuse(u16),
}

/// A change of a header map.
#[derive(Clone, Debug)]
pub enum Edit {
    /// One more pair.
    Add(Vec<u8>, Vec<u8>),
    /// One pair in the place of all of that name.
    Replace(Vec<u8>, Vec<u8>),
    /// No pair of that name.
    Remove(Vec<u8>),
}

impl Edit {
    /// The header's name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Add(name, _) | Self::Replace(name, _) | Self::Remove(name) => name,
        }
    }

    /// Carries it out on a map.
    pub fn apply(&self, pairs: &mut Pairs) {
        match self {
            Self::Add(name, value) => pairs.push((name.clone(), value.clone())),
            Self::Replace(name, value) => map::replace(pairs, name, value),
            Self::Remove(name) => map::remove(pairs, name),
        }
    }
}

/// What a gateway does with requests when the module has refused its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRefusal {
    /// The module still gets them. Gateways that refuse them by themselves are
    /// as closed as a module that does.
    Asks,
    /// The gateway refuses them, and asks the module again about the
    /// configuration in each phase of each of them.
    AsksAgain,
    /// They go on under the configuration before that one; where there was
    /// none, to the upstream without any filter.
    GoesOn,
}

/// The rules of one gateway. What is written here is a gateway without
/// peculiarities; a profile says where its own differs.
pub trait Profile: Send + Sync {
    /// The name in the `host` section of the plugin JSON.
    fn name(&self) -> &'static str;

    /// The file that it loads.
    fn build(&self) -> Build {
        Build::Every
    }

    /// The plugin JSON with the references that the gateway knows resolved from
    /// its environment. What it cannot resolve stays.
    fn resolved(&self, json: &Value, environment: &[(String, String)]) -> Value {
        let _ = environment;
        json.clone()
    }

    /// The plugin JSON as the gateway hands it on, after whatever it does to it.
    fn configuration(&self, json: &Value) -> String {
        json.to_string()
    }

    /// The header map of a request, or the gateway's own refusal.
    fn entry(&self, request: &ClientRequest) -> Entry;

    /// Whether a host call is answered with 12 (unimplemented).
    fn leaves_out(&self, call: &str) -> bool {
        let _ = call;
        false
    }

    /// The whole request map, as the getter returns it.
    fn read_map(&self, stream: &Stream) -> Result<Pairs, Crash> {
        Ok(stream.headers.clone())
    }

    /// One request header by name: the first, whatever its case.
    fn read_value(&self, stream: &Stream, name: &[u8]) -> Result<Option<Vec<u8>>, Crash> {
        Ok(map::first(&stream.headers, name))
    }

    /// The whole response map.
    fn read_response_map(&self, stream: &Stream) -> Result<Pairs, Crash> {
        Ok(stream.response.clone())
    }

    /// A change of the request map; the status that the module gets.
    fn edit(&self, stream: &mut Stream, edit: &Edit) -> Result<i32, Crash>;

    /// What the upstream gets of a request that was let through.
    fn upstream(&self, stream: &Stream) -> Pairs {
        stream.headers.clone()
    }

    /// A property of the stream (none in a root context), its path joined by zeros.
    fn property(&self, stream: Option<&Stream>, path: &[u8]) -> Answer<Vec<u8>>;

    /// Whether a property may be set.
    fn may_set_property(&self, path: &[u8]) -> i32 {
        let _ = path;
        status::OK
    }

    /// Pause while the module waits for nothing: the client hangs, or worse.
    fn paused_for_nothing(&self) -> Result<(), Crash> {
        Ok(())
    }

    /// Whether the body of this request is shown to the module.
    fn shows_request_body(&self, stream: &Stream) -> bool {
        let _ = stream;
        true
    }

    /// Whether the body of its response is shown to the module.
    fn shows_response_body(&self, stream: &Stream) -> bool {
        let _ = stream;
        true
    }

    /// Whether the module may change the body of a response that it is shown.
    fn changes_response_bodies(&self) -> bool {
        false
    }

    /// Whether the body comes while the module still holds the head; of a response as of a request.
    fn shows_the_body_of_a_held_head(&self) -> bool {
        false
    }

    /// Whether a body of this size can be read by the module.
    fn reads_a_body_of(&self, size: usize) -> bool {
        let _ = size;
        true
    }

    /// The longest line of a header that the gateway takes, name and all. A
    /// longer one is its own 400, unless its buffers are raised.
    fn longest_header_line(&self) -> Option<usize> {
        None
    }

    /// How many headers the callback of the head is told of.
    fn count_of_headers(&self, stream: &Stream) -> usize {
        stream.headers.len()
    }

    /// Whether `end_of_stream` is set in the header phase of this request.
    fn ends_with_the_head(&self, request: &ClientRequest) -> bool {
        request.body.is_none()
    }

    /// An HTTP call of a stream or, without one, of a root context that has had
    /// so many ticks; the status that the module gets.
    fn http_call(&self, call: &Call, stream: Option<&Stream>, ticks: u32) -> Result<i32, Crash>;

    /// An HTTP call where the root context hears the answer to another.
    fn call_in_a_callback_of_the_root(&self) -> Result<(), Crash> {
        Ok(())
    }

    /// Whether a root context ends with its configuration.
    fn ends_root_contexts(&self) -> bool {
        true
    }

    /// The token of a worker's nth call, from 0.
    fn token(&self, nth: u32) -> u32 {
        nth
    }

    /// What the module is told of a call that has ended.
    fn call_answer(&self, end: CallEnd) -> CallAnswer {
        silent_failures(end)
    }

    /// Whether calls are the root context's: answers come to it, and come even
    /// if the request is gone. Else they end with the request.
    fn calls_are_the_roots(&self) -> bool {
        false
    }

    /// Whether a buffer can be asked for in parts of at most `most` bytes.
    fn takes_a_size_of(&self, most: u32) -> bool {
        let _ = most;
        true
    }

    /// The module has no callback of this name where the gateway calls it.
    fn lacks(&self, export: &str) -> Result<(), Crash> {
        let _ = export;
        Ok(())
    }

    /// Whether a request goes on by itself after an HTTP call's callback.
    fn goes_on_after_callback(&self) -> bool {
        false
    }

    /// A tick period is set, in a root context or not, after this one.
    fn set_tick(&self, in_a_root_context: bool, before: u32) -> Result<i32, Crash> {
        let _ = (in_a_root_context, before);
        Ok(status::OK)
    }

    /// Shared data is read or written.
    fn share(&self) -> Result<(), Crash> {
        Ok(())
    }

    /// What other filters left in the shared data that this one sees.
    fn shared_by_others(&self) -> Pairs {
        Pairs::new()
    }

    /// A foreign function is called with this argument.
    fn foreign_function(&self, name: &[u8], argument: &[u8]) -> Answer<Vec<u8>> {
        let _ = (name, argument);
        Ok(Err(status::NOT_FOUND))
    }

    /// What becomes of requests after `on_configure` has said no.
    fn after_a_refusal(&self) -> AfterRefusal {
        AfterRefusal::Asks
    }

    /// Whether an internal redirect between request and response makes the
    /// response callbacks run in a context that has seen no request.
    fn forgets_the_request_after_an_exec(&self) -> bool {
        false
    }

    /// What the client gets of a local reply.
    fn sent(&self, reply: Reply) -> Reply {
        reply
    }

    /// What an empty value is.
    fn empty_value(&self) -> EmptyValue {
        EmptyValue::Null
    }

    /// Whether defining a counter writes its id and counts.
    fn counts_metrics(&self) -> bool {
        true
    }

    /// Whether `proxy_on_vm_start` and `proxy_on_log` are called.
    fn starts_the_vm_and_logs(&self) -> bool {
        true
    }

    /// Whether the ids of ended streams are used again.
    fn reuses_context_ids(&self) -> bool {
        false
    }
}
