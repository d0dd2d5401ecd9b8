use super::*;
use crate::authn::jwt::{Software, Verifier, verify};
use p256::ecdsa::signature::Signer as _;

/// Below the rules of issuers, too: a curve's mathematics do not know the algorithm's name.
#[test]
fn a_signature_holds_under_its_algorithm_and_under_no_other_name() {
    let text = b"text";
    let p256: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from_slice(&[7; 32])
        .unwrap()
        .sign(text);
    let p384: p384::ecdsa::Signature = p384::ecdsa::SigningKey::from_slice(&[7; 48])
        .unwrap()
        .sign(text);
    let seed = ed25519_compact::Seed::new([7; 32]);
    let ed25519 = ed25519_compact::KeyPair::from_seed(seed)
        .sk
        .sign(text, None);
    for (key, right, signature) in [
        (
            PublicKey::p256(&point_p256(7)),
            Algorithm::Es256,
            p256.to_vec(),
        ),
        (
            PublicKey::p384(&point_p384(7)),
            Algorithm::Es384,
            p384.to_vec(),
        ),
        (
            PublicKey::ed25519(&point_ed25519(7)),
            Algorithm::EdDsa,
            ed25519.to_vec(),
        ),
    ] {
        let key = key.unwrap();
        for algorithm in Algorithm::ALL {
            let found = verify(&Software, algorithm, &key, text, &signature);
            assert_eq!(found, algorithm == right, "{key:?} as {}", algorithm.name());
        }
    }
}

/// A gateway's crypto that finds everything right.
struct Anything;

impl Verifier for Anything {
    fn verify_sound(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

#[test]
fn no_verifier_is_asked_about_what_cannot_be_right() {
    let rsa = PublicKey::rsa(&modulus(2048), F4).unwrap();
    let p256 = PublicKey::p256(&point_p256(7)).unwrap();
    let p384 = PublicKey::p384(&point_p384(7)).unwrap();
    let ed25519 = PublicKey::ed25519(&point_ed25519(7)).unwrap();
    let right = |algorithm, key: &PublicKey, signature: &[u8]| {
        verify(&Anything, algorithm, key, b"text", signature)
    };
    for (algorithm, key, length) in [
        (Algorithm::Rs256, &rsa, 256),
        (Algorithm::Ps512, &rsa, 256),
        (Algorithm::Es256, &p256, 64),
        (Algorithm::Es384, &p384, 96),
        (Algorithm::EdDsa, &ed25519, 64),
    ] {
        assert!(right(algorithm, key, &vec![1; length]), "{key:?}");
        for wrong in [0, 1, length / 2, length - 1, length + 1, length * 2] {
            assert!(
                !right(algorithm, key, &vec![1; wrong]),
                "{key:?}, {wrong} bytes"
            );
        }
        let other = if key.kind() == "RSA" { &p256 } else { &rsa };
        assert!(
            !right(algorithm, other, &vec![1; other.signature_length()]),
            "{algorithm:?}, {key:?}"
        );
        assert!(
            !right(Algorithm::Hs256, key, &vec![1; length]),
            "{algorithm:?}, {key:?}"
        );
    }
    for (algorithm, key, half) in [(Algorithm::Es256, &p256, 32), (Algorithm::Es384, &p384, 48)] {
        let (zero, one) = (vec![0; half], vec![1; half]);
        for [r, s] in [[&zero, &zero], [&zero, &one], [&one, &zero]] {
            assert!(!right(algorithm, key, &[&r[..], s].concat()), "{key:?}");
        }
    }
}

#[test]
fn a_larger_key_costs_more_by_the_square_of_its_size() {
    for (bits, cost) in [(2048, 411), (3072, 806), (4096, 1_359), (8192, 5_151)] {
        let key = PublicKey::rsa(&modulus(bits), F4).unwrap();
        for algorithm in [Algorithm::Rs256, Algorithm::Ps512] {
            assert_eq!(Software.microseconds(algorithm, &key), cost, "{bits}");
        }
    }
}
