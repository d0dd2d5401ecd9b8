//! The `ollama` CLI with `OLLAMA_AUTH=1`: a key, and what it sends.

use super::{NOW, Seen, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_compact::{KeyPair, Noise, Seed};

/// A CLI with a key of its own.
pub(crate) struct Cli(KeyPair);

impl Cli {
    /// With the key that comes of `seed`.
    pub(crate) fn new(seed: u8) -> Self {
        Self(KeyPair::from_seed(Seed::new([seed; 32])))
    }

    /// The public key.
    pub(crate) fn key(&self) -> [u8; 32] {
        *self.0.pk
    }

    /// The public key as the CLI sends it.
    pub(crate) fn blob(&self) -> String {
        blob("ssh-ed25519", &self.key())
    }

    /// The line for the configuration.
    pub(crate) fn line(&self, comment: &str) -> String {
        format!("ssh-ed25519 {} {comment}", self.blob())
    }

    /// The signature of `message`.
    pub(crate) fn signature(&self, message: &str) -> [u8; 64] {
        *self.0.sk.sign(message, None)
    }

    /// Another signature of `message`, as good as the usual one.
    pub(crate) fn other_signature(&self, message: &str) -> [u8; 64] {
        *self.0.sk.sign(message, Some(Noise::new([7; 16])))
    }

    /// The header's value for a call that is made at `time`.
    pub(crate) fn header(&self, method: &str, path: &str, time: i64) -> String {
        self.over(&format!("{method},{path}?ts={time}"))
    }

    /// The header's value with a signature of `message`, whatever it is.
    pub(crate) fn over(&self, message: &str) -> String {
        format!(
            "{}:{}",
            self.blob(),
            STANDARD.encode(self.signature(message))
        )
    }

    /// Sends a call that is made at `time`.
    pub(crate) fn call_at(&self, world: &World, method: &str, path: &str, time: i64) -> Seen {
        let header = self.header(method, path, time);
        send(world, method, &format!("{path}?ts={time}"), &header)
    }

    /// Sends a call that is made now, by the clock of the world's beginning.
    pub(crate) fn call(&self, world: &World, method: &str, path: &str) -> Seen {
        self.call_at(world, method, path, NOW)
    }
}

/// A key blob of any type (RFC 4251 section 5), in base64.
pub(crate) fn blob(kind: &str, key: &[u8]) -> String {
    let part = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        [&length[..], bytes].concat()
    };
    STANDARD.encode([part(kind.as_bytes()), part(key)].concat())
}

/// Sends a request with `header` in `Authorization`.
pub(crate) fn send(world: &World, method: &str, target: &str, header: &str) -> Seen {
    world.send(method, target, &[("authorization", header)])
}
