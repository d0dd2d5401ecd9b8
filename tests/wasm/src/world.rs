//! The state behind the host calls: clock, environment, streams, what was recorded.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::calls::{Call, CallAnswer, Servers};
use crate::client::ClientRequest;
use crate::map::Pairs;
use crate::profile::Profile;
use crate::record::{HostCall, Record, Reply};
use crate::recorder::Recorder;
use crate::respond::Response;

/// The answers of host calls, as numbers on the wire.
pub mod status {
    #![allow(missing_docs)]
    pub const OK: i32 = 0;
    pub const NOT_FOUND: i32 = 1;
    pub const BAD_ARGUMENT: i32 = 2;
    pub const EMPTY: i32 = 7;
    pub const CAS_MISMATCH: i32 = 8;
    pub const INTERNAL_FAILURE: i32 = 10;
    pub const UNIMPLEMENTED: i32 = 12;
}

/// 2026-11-21T12:00:00Z, the time of every test that sets none.
pub const NOON: u64 = 1_795_262_400;

/// What the module reads from the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Seconds since 1970.
    At(u64),
    /// Every clock call fails.
    Broken,
}

/// A host call that is made to fail.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Which calls.
    pub which: Which,
    /// The status that they answer.
    pub status: i32,
}

/// Which calls a [`Fault`] hits.
#[derive(Clone, Debug)]
pub enum Which {
    /// The nth call of the record, from 0.
    Nth(usize),
    /// Every call whose name contains this.
    Named(&'static str),
}

/// One HTTP stream as the gateway sees it.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The context it belongs to.
    pub root: u32,
    /// What the client sent.
    pub request: ClientRequest,
    /// The request's header map, as the profile lays it out, edits included.
    pub headers: Pairs,
    /// The trailers, edits included.
    pub trailers: Pairs,
    /// What was taken out of the map and goes on to the upstream all the same.
    pub left_behind: Pairs,
    /// The response's header map.
    pub response: Pairs,
    /// The rest of the response.
    pub answer: Response,
    /// Body bytes that the module may read.
    pub body: Vec<u8>,
    /// whether a callback of the body has come
    pub body_was_shown: bool,
    /// The module's local reply.
    pub reply: Option<Reply>,
    /// HTTP calls that were sent and not answered.
    pub in_flight: u32,
    /// Properties that the module set.
    pub properties: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Whether the head has gone on to the upstream.
    pub released: bool,
}

/// Everything the host calls read and write.
pub struct World {
    /// The gateway's rules.
    pub profile: Arc<dyn Profile>,
    /// WASI environment.
    pub env: Vec<(String, String)>,
    /// The clock.
    pub clock: Clock,
    /// Calls that fail.
    pub fault: Option<Fault>,
    /// Bytes to hand out in the place of the request's map.
    pub raw_map: Option<Vec<u8>>,
    /// The header of the upstream's responses.
    pub upstream_response: Pairs,
    /// The body of the upstream's responses, in the parts in which it comes.
    pub upstream_body: Vec<Vec<u8>>,
    /// Whether trailers follow it.
    pub upstream_trailers: bool,
    /// Whether the route redirects requests within the gateway, as APISIX's
    /// plugin `proxy-buffering` does.
    pub redirects: bool,
    /// Whether the gateway's buffers for headers are raised above its default.
    pub large_header_buffers: bool,
    /// What is being recorded.
    pub record: Record,
    /// How many instructions were executed before the callback that runs.
    pub executed_before: u64,
    /// Plugin configuration by root context.
    pub configurations: BTreeMap<u32, Vec<u8>>,
    /// Streams by context.
    pub streams: BTreeMap<u32, Stream>,
    /// The context whose callback runs.
    pub context: u32,
    /// Counter names by id.
    pub metric_names: Vec<String>,
    /// Shared data, where the gateway has it.
    pub shared: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    /// How many HTTP calls were made.
    pub calls_made: u32,
    /// Those that were not answered yet.
    pub calls: Vec<Call>,
    /// The answer that the running callback is about.
    pub answer: Option<CallAnswer>,
    /// Who answers calls; while there is none they stay open.
    pub servers: Option<Servers>,
    /// Tick periods by context, in milliseconds.
    pub tick_periods: BTreeMap<u32, u32>,
    /// Ticks that the instance has had.
    pub ticks: u32,
    /// State of `random_get`, the same for each instance: hosts.md, row
    /// "randomness", says no more than that of Kong, so no test may need more.
    pub random: u64,
    /// Everything that crosses the wall, where somebody asked for it.
    pub(crate) recorder: Recorder,
}

impl Stream {
    /// A stream that has just been opened, with the map that the gateway made.
    #[must_use]
    pub fn new(root: u32, request: &ClientRequest, headers: Pairs) -> Self {
        Self {
            root,
            request: request.clone(),
            headers,
            trailers: Pairs::new(),
            left_behind: Pairs::new(),
            response: Pairs::new(),
            answer: Response::default(),
            body: Vec::new(),
            body_was_shown: false,
            reply: None,
            in_flight: 0,
            properties: BTreeMap::new(),
            released: false,
        }
    }
}

impl World {
    /// A world without streams, at [`NOON`].
    pub fn new(profile: Arc<dyn Profile>, env: Vec<(String, String)>) -> Self {
        let shared = profile.shared_by_others();
        let shared = shared.into_iter().map(|(key, value)| (key, (value, 1)));
        Self {
            shared: shared.collect(),
            profile,
            env,
            clock: Clock::At(NOON),
            fault: None,
            raw_map: None,
            upstream_response: vec![(b"content-type".to_vec(), b"application/json".to_vec())],
            upstream_body: Vec::new(),
            upstream_trailers: false,
            redirects: false,
            large_header_buffers: false,
            record: Record::default(),
            executed_before: 0,
            configurations: BTreeMap::new(),
            streams: BTreeMap::new(),
            context: 0,
            metric_names: Vec::new(),
            calls_made: 0,
            calls: Vec::new(),
            answer: None,
            servers: None,
            tick_periods: BTreeMap::new(),
            ticks: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            recorder: Recorder::default(),
        }
    }

    /// The stream whose callback runs; none in a root context.
    pub fn stream(&self) -> Option<&Stream> {
        self.streams.get(&self.context)
    }

    /// The same, to change it.
    pub fn stream_mut(&mut self) -> Option<&mut Stream> {
        self.streams.get_mut(&self.context)
    }

    /// The root context of whatever runs.
    pub fn root(&self) -> u32 {
        self.stream().map_or(self.context, |stream| stream.root)
    }

    /// Notes a host call; its number in the record comes back.
    pub fn begin(&mut self, name: &'static str) -> usize {
        self.record.calls.push(HostCall {
            name,
            about: String::new(),
            status: 0,
            fuel: 0,
        });
        self.record.calls.len() - 1
    }

    /// What a call is about, for the list that a person reads.
    pub fn about(&mut self, text: &[u8]) {
        if let Some(call) = self.record.calls.last_mut() {
            call.about = String::from_utf8_lossy(text).into_owned();
        }
    }

    /// The status that a call answers without being carried out.
    pub fn refusal(&self, index: usize, name: &str) -> Option<i32> {
        if let Some(fault) = &self.fault {
            let hit = match fault.which {
                Which::Nth(nth) => nth == index,
                Which::Named(part) => name.contains(part),
            };
            if hit {
                return Some(fault.status);
            }
        }
        if self.profile.leaves_out(name) {
            Some(status::UNIMPLEMENTED)
        } else {
            None
        }
    }

    /// Nanoseconds since 1970, none from a broken clock.
    pub fn nanoseconds(&self) -> Option<u64> {
        match self.clock {
            Clock::At(seconds) => Some(seconds * 1_000_000_000),
            Clock::Broken => None,
        }
    }

    /// The next bytes of a reproducible stream.
    pub fn random_bytes(&mut self, size: usize) -> Vec<u8> {
        (0..size)
            .map(|_| {
                self.random ^= self.random << 13;
                self.random ^= self.random >> 7;
                self.random ^= self.random << 17;
                self.random.to_le_bytes()[0]
            })
            .collect()
    }
}
