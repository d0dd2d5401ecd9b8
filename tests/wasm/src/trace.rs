//! The form of a trace: everything that crosses the wall between the module and its host, in order.
//!
//! Another engine that is given the same module, the same calls and the same answers has to make
//! the same host calls, with the same bytes behind each pointer, and to return the same numbers.
//! The clock, random bytes and the environment are answers like others, so nothing in a trace is
//! left to chance. [`crate::recorder`] writes traces; `tests/engines/` replays them.
//!
//! A trace is lines of JSON, the first an [`About`]; a file holds the traces of one scenario.
//! Byte strings are JSON strings of the characters U+0000 to U+00FF.
//!
//! ```text
//! {"instance":{"scenario":"tokens::…","host":"kong","module":"ollama_gate.wasm"}}
//! {"callback":[{"call":["proxy_on_request_headers",[3,12,1]]},
//!   {"host":["proxy_get_header_map_pairs",[0,1048,1052],3]},{"write":[1052,"z\u0000\u0000\u0000"]},
//!   …,{"answer":0},…,{"return":1}]}
//! {"decision":[3,"replied",401,"expired_token"]}
//! {"end":[19,"9f86d081…"]}
//! ```

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Whose trace follows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct About {
    /// The test that made it.
    pub scenario: String,
    /// The gateway whose rules held.
    pub host: String,
    /// The file of the module, in `dist/`.
    pub module: String,
}

/// One line of a trace.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// A new instance.
    Instance(About),
    /// One call from outside, from its [`Op::Call`] to its end.
    Callback(Vec<Op>),
    /// Whether the last callback, `on_configure`, said yes.
    Configured(bool),
    /// How the request of a context ended: the verdict, and the status and code of the module's
    /// answer, 0 and empty without one.
    Decision(u32, String, u32, String),
    /// The linear memory that is left: its pages, and its SHA-256. Not after a trap.
    End(u64, String),
}

/// One step across the wall.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// The host calls an export.
    Call(String, Vec<i32>),
    /// That call returns.
    Return(Option<i32>),
    /// That call traps; the words are this engine's own.
    Trap(String),
    /// The module calls a host function, in this context.
    Host(String, Vec<i64>, u32),
    /// The host reads these bytes from the module's memory.
    Read(u32, Bytes),
    /// The host writes these bytes there.
    Write(u32, Bytes),
    /// The host function returns.
    Answer(i32),
    /// The host function ends the module.
    Crash(String),
}

/// A byte string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().map(|&byte| char::from(byte)).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = text.chars().map(u8::try_from).collect::<Result<_, _>>();
        bytes.map(Self).map_err(de::Error::custom)
    }
}
