//! The crypto of Envoy, which checks RSA and ECDSA at native speed.
//!
//! Envoy has the foreign function `verify_signature`: a message of protobuf with a hash function, a
//! key as SubjectPublicKeyInfo, a signature and a text; the answer has a truth value and an error.
//! It knows PKCS#1 v1.5 and ECDSA with signatures in DER; the rest stays in the module.
//!
//! It is used where the gateway is known to be Envoy, since Kong traps at an unknown function, and
//! only after it has proved itself: it has to tell two good signatures from two bad ones.

use crate::Host;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ollama_gate_engine::{Algorithm, Level, PublicKey, Software, Verifier, cost_by_envoy};
use std::cell::Cell;

const FUNCTION: &str = "verify_signature";

/// What is known of the gateway's crypto.
#[derive(Debug, Default)]
pub struct Proved(Cell<Option<bool>>);

/// The crypto of the gateway, with the module's own to fall back on.
pub struct HostCrypto<'h, H> {
    host: &'h H,
    proved: &'h Proved,
}

impl<'h, H: Host> HostCrypto<'h, H> {
    /// Of `host`, which is known to be Envoy.
    pub const fn new(host: &'h H, proved: &'h Proved) -> Self {
        Self { host, proved }
    }

    /// Whether it has proved itself; asks for the proof the first time.
    fn is_proved(&self) -> bool {
        if let Some(known) = self.proved.0.get() {
            return known;
        }
        let found = self.prove();
        self.proved.0.set(Some(found));
        let (level, line) = if found {
            (
                Level::Info,
                "ollama-gate: RSA and ECDSA are verified by the gateway's crypto",
            )
        } else {
            (
                Level::Warn,
                "ollama-gate: the gateway's crypto failed the self-test, signatures are verified in the module",
            )
        };
        self.host.log(level, line);
        found
    }

    fn prove(&self) -> bool {
        let right = |key, signature, text| {
            let (key, signature) = (STANDARD.decode(key).ok()?, STANDARD.decode(signature).ok()?);
            self.ask("sha256", &key, &signature, text)
        };
        let pairs = [(RSA_KEY, RSA_SIGNATURE), (EC_KEY, EC_SIGNATURE)];
        pairs.into_iter().all(|(key, signature)| {
            right(key, signature, TEXT) == Some(true)
                && right(key, signature, OTHER_TEXT) == Some(false)
        })
    }

    /// The gateway's answer; `None` if it gave none that can be read.
    fn ask(&self, hash: &str, key: &[u8], signature: &[u8], text: &[u8]) -> Option<bool> {
        let fields = [hash.as_bytes(), key, signature, text];
        // Each has a number and a length before it, in four bytes at the most.
        let size = fields
            .iter()
            .map(|field| field.len().saturating_add(4))
            .sum();
        let mut question = Vec::with_capacity(size);
        for (number, bytes) in (1..).zip(fields) {
            put_field(&mut question, number, bytes);
        }
        let answer = self.host.call_foreign(FUNCTION, &question).ok()?;
        // Field 1 is a bool, which protobuf leaves out when it is false; field 2 is the error.
        match answer.as_slice() {
            [0x08, 0x01] => Some(true),
            [] | [0x08, 0x00] | [0x12, ..] | [0x08, 0x00, 0x12, ..] => Some(false),
            _ => None,
        }
    }
}

impl<H: Host> Verifier for HostCrypto<'_, H> {
    fn microseconds(&self, algorithm: Algorithm, key: &PublicKey) -> u32 {
        match hash_of(algorithm) {
            Some(_) if self.is_proved() => cost_by_envoy(algorithm, key),
            _ => Software.microseconds(algorithm, key),
        }
    }

    fn verify_sound(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        input: &[u8],
        signature: &[u8],
    ) -> bool {
        let answer =
            hash_of(algorithm)
                .filter(|_| self.is_proved())
                .and_then(|hash| match algorithm {
                    Algorithm::Es256 | Algorithm::Es384 => {
                        self.ask(hash, key.spki(), &der(signature)?, input)
                    }
                    _ => self.ask(hash, key.spki(), signature, input),
                });
        // A gateway that gives no answer has refused nothing: the module computes by itself.
        answer.unwrap_or_else(|| Software.verify_sound(algorithm, key, input, signature))
    }
}

/// The hash of an algorithm that the gateway knows.
const fn hash_of(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => Some("sha256"),
        Algorithm::Rs384 | Algorithm::Es384 => Some("sha384"),
        Algorithm::Rs512 => Some("sha512"),
        _ => None,
    }
}

/// One length-delimited field of protobuf.
fn put_field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    message.push((number << 3) | 2);
    let mut left = bytes.len();
    while left >= 0x80 {
        message.push(low_bits(left) | 0x80);
        left >>= 7;
    }
    message.push(low_bits(left));
    message.extend_from_slice(bytes);
}

fn low_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or_default()
}

/// The signature `r‖s` of a JWS (RFC 7518 section 3.4) as `ECDSA-Sig-Value` (RFC 3279 section 2.2.3)
/// in DER. `None` for halves that are no numbers of DER's short form.
fn der(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(signature.len() / 2)?;
    let mut numbers = Vec::with_capacity(signature.len().saturating_add(8));
    for half in [r, s] {
        let first = half.iter().position(|byte| *byte != 0)?;
        let number = half.get(first..)?;
        let sign = number.first().is_some_and(|first| *first >= 0x80);
        let length = number.len().saturating_add(usize::from(sign));
        numbers.extend([0x02, u8::try_from(length).ok()?]);
        numbers.extend(sign.then_some(0));
        numbers.extend_from_slice(number);
    }
    let length = u8::try_from(numbers.len())
        .ok()
        .filter(|length| *length < 0x80)?;
    Some([&[0x30, length], numbers.as_slice()].concat())
}

/// What is signed in the proof, and what is not.
const TEXT: &[u8] = b"ollama-gate: the crypto of the gateway";
const OTHER_TEXT: &[u8] = b"ollama-gate: the crypto of another gateway";

// Made once with keys that were thrown away. Base64 of DER.
const RSA_KEY: &str = "\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApI6dRs4tID2Nw6HiHAQDiLubZxwN8TqQxozn+feQayHe\
    hYw6ZCvH8njqwpG3Zo/YIdvn6oqW2Zwbt5q40MkrZ7BuzOnWwBzuZv+4vl6ZmyoaLFVJjSTnNwZA2aitvx70DfQJ\
    9YwHN70FOFDDItvWcMMO1Jd18hED7bEP+bXzI/aFSmqAJox0BP6T1RiLnw2MZPhhzVO6oAO4CnfH0xc50/3gokFP\
    A8TDbaVA9oH2Wz5DJtSfKWWKz7Bnh+HvuyrB1TmgiYyX+49pFAgarJFDh9xspt4/iQTO10JPg0rpr6G0XYlPFA9s\
    Pw2JVXXVKFqCEu4V+K/VZDTysb2FZ0yz6wIDAQAB";
const RSA_SIGNATURE: &str = "\
    cXpRrYQxje2trMdDxQSPs5yfbVOSuT95iS2Hz2yP8KYy4N6eKGz/nWGFLJuBrJEFiNgN9CVGyzMzUBlSegAskgTi\
    OhbJrD+B2iK4wVCipg9BBB2mMOKsarcBgjehZNN++kQ7Sp9LYb57OJdoeQ8piOFS6ruKftG3pk5SLNVTeFs+s94B\
    E08dQNfHhqfahJblqolRZthsHxk7u7vOojvuenJcgXBXz9hKIhzss1lhsACQmVlZNSnE6Strt1oLKG3PynmYONtN\
    r/Wopv6clc1bBN9HCVfUL1jHnUuIWDY4+JgYp9QIOcr6Ont1jw1UpMaGi6lhInqfhvDz+fNhaFjP8w==";
const EC_KEY: &str = "\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErX9PoQFMlxKTCWVWW39i/fh1wODvzHwBSztz7a3YZTgbafKZ2p29\
    OWUKgjyMcCQVqLfJO+jQQUhCfLe3K7z4Ag==";
const EC_SIGNATURE: &str = "\
    MEQCIF+jXCUt7+KzAJi77kIjNekKYotN7G6h9ffg88Xm7HagAiBCvq0KTjP0aiVtSWgG+9/z5fDAgADfiD6kTjIq\
    L0DcRg==";

#[cfg(test)]
#[path = "crypto_tests.rs"]
mod tests;
