//! The foreign function `verify_signature` as Envoy has it: RSA with PKCS#1 v1.5 and ECDSA with
//! signatures in DER, told apart by the key; anything else is an error in the answer.

use ollama_gate::Status;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::pkcs8::DecodePublicKey as _;
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use std::cell::Cell;

thread_local! {
    static QUESTIONS: Cell<usize> = const { Cell::new(0) };
}

/// How many questions were answered since this was asked last, on this thread.
pub(crate) fn take_questions() -> usize {
    QUESTIONS.take()
}

/// Answers one question.
pub(crate) fn verify_signature(function: &str, question: &[u8]) -> Result<Vec<u8>, Status> {
    assert_eq!(function, "verify_signature");
    QUESTIONS.set(QUESTIONS.get() + 1);
    let [hash, key, signature, text] = fields(question);
    let digest = match hash {
        b"sha256" => Sha256::digest(text).to_vec(),
        b"sha384" => Sha384::digest(text).to_vec(),
        b"sha512" => Sha512::digest(text).to_vec(),
        _ => return Ok(failure("the hash function is not supported")),
    };
    let right = if let Ok(key) = RsaPublicKey::from_public_key_der(key) {
        let scheme = match hash {
            b"sha256" => Pkcs1v15Sign::new::<Sha256>(),
            b"sha384" => Pkcs1v15Sign::new::<Sha384>(),
            _ => Pkcs1v15Sign::new::<Sha512>(),
        };
        key.verify(scheme, &digest, signature).is_ok()
    } else if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(key) {
        p256::ecdsa::Signature::from_der(signature)
            .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok())
    } else if let Ok(key) = p384::ecdsa::VerifyingKey::from_public_key_der(key) {
        p384::ecdsa::Signature::from_der(signature)
            .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok())
    } else {
        return Ok(failure("the key cannot be used"));
    };
    Ok(if right {
        vec![0x08, 0x01]
    } else {
        failure("the digest is not verified")
    })
}

/// An answer without a truth value, which is false, and with an error.
fn failure(error: &str) -> Vec<u8> {
    let length = u8::try_from(error.len()).unwrap();
    [&[0x12, length], error.as_bytes()].concat()
}

/// The four fields of a question, in order, each once.
fn fields(mut message: &[u8]) -> [&[u8]; 4] {
    [1, 2, 3, 4].map(|number| {
        let (tag, rest) = message.split_first().unwrap();
        assert_eq!(*tag, number << 3 | 2, "field {number}");
        let end = rest.iter().position(|byte| *byte < 0x80).unwrap();
        let digits = rest[..=end].iter().rev();
        let length = digits.fold(0, |length, digit| length << 7 | usize::from(digit & 0x7f));
        let (field, rest) = rest[end + 1..].split_at(length);
        message = rest;
        field
    })
}
