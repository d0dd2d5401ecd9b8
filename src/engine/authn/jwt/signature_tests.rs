use super::*;
use crate::authn::budget::{Budget, Share};
use crate::authn::jwt::signature::Arithmetic;
use crate::authn::jwt::{Software, Verifier, verify};
use crate::time::Timestamp;
use p256::ecdsa::signature::Signer as _;
use std::cell::RefCell;

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

#[test]
fn all_keys_of_a_token_are_paid_for_at_once_so_that_none_is_looked_at_in_part() {
    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    let seed = ed25519_compact::Seed::new([4; 32]);
    let pair = ed25519_compact::KeyPair::from_seed(seed);
    let right = pair.sk.sign(b"text", None).to_vec();
    let keys: Vec<_> = (1..=4)
        .map(|secret| PublicKey::ed25519(&point_ed25519(secret)).unwrap())
        .collect();
    let keys: Vec<_> = keys.iter().collect();
    // Enough for one key; what the others cost beyond it is owed, and has to come in before the next token.
    let budget = Budget::new(Share {
        per_millisecond: 0,
        max_saved: 258,
    });
    let arithmetic = Arithmetic {
        verifier: &Software,
        payers: [Some(&budget), None, None],
        now: NOW,
    };
    let verify = |signature: &[u8]| arithmetic.verify(Algorithm::EdDsa, &keys, b"text", signature);
    let paid = verify(&right).unwrap().unwrap();
    assert_eq!(budget.left(), 258 - 4 * 258);
    paid.give_back();
    assert_eq!(budget.left(), 258, "who is good takes no time");
    assert!(verify(&[0; 63]).unwrap().is_none());
    assert_eq!(budget.left(), 258, "what cannot be right costs nothing");
    assert!(verify(&[1; 64]).unwrap().is_none());
    assert!(verify(&right).is_err(), "nothing is left");
}

/// A verifier that finds what the key at one place has signed, and notes which keys it was asked about.
struct Asked<'k> {
    keys: Vec<&'k PublicKey>,
    right: Option<usize>,
    places: RefCell<Vec<usize>>,
}

impl Verifier for Asked<'_> {
    fn verify_sound(&self, _: Algorithm, key: &PublicKey, _: &[u8], _: &[u8]) -> bool {
        let place = self.keys.iter().position(|own| *own == key);
        self.places.borrow_mut().extend(place);
        place == self.right
    }
}

#[test]
fn a_token_that_names_no_key_is_tried_with_one_after_another_until_one_is_right() {
    let key = |secret| Key {
        kid: None,
        algorithm: None,
        public: PublicKey::p256(&point_p256(secret)).unwrap(),
    };
    let other = |public: Result<PublicKey, _>| Key {
        public: public.unwrap(),
        ..key(1)
    };
    let set = KeySet::new(vec![
        other(PublicKey::ed25519(&point_ed25519(7))),
        key(1),
        other(PublicKey::p384(&point_p384(7))),
        key(2),
        key(3),
        key(4),
        key(5),
    ]);
    let Candidates::Keys(keys) = set.candidates(Algorithm::Es256, None) else {
        panic!("no key has a name");
    };
    for (right, signature, expected) in [
        (Some(0), [1; 64].as_slice(), [0].as_slice()),
        (Some(2), &[1; 64], &[0, 1, 2]),
        (None, &[1; 64], &[0, 1, 2, 3]),
        (Some(0), &[0; 64], &[]),
        (Some(0), &[1; 63], &[]),
    ] {
        let asked = Asked {
            keys: keys.clone(),
            right,
            places: RefCell::default(),
        };
        let budget = Budget::new(Share {
            per_millisecond: 0,
            max_saved: 1_000_000,
        });
        let arithmetic = Arithmetic {
            verifier: &asked,
            payers: [Some(&budget), None, None],
            now: Timestamp::from_seconds(1_800_000_000),
        };
        let found = arithmetic.verify(Algorithm::Es256, &keys, b"text", signature);
        let is_right = right.is_some() && !expected.is_empty();
        assert_eq!(found.unwrap().is_some(), is_right, "{right:?}");
        assert_eq!(*asked.places.borrow(), expected, "{right:?}");
    }
}
