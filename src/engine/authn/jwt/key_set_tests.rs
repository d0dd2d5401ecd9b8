use super::*;

fn key(kid: Option<&str>, algorithm: Option<Algorithm>, public: PublicKey) -> Key {
    Key {
        kid: kid.map(str::to_owned),
        algorithm,
        public,
    }
}

fn ec(secret: u8) -> PublicKey {
    PublicKey::p256(&point_p256(secret)).unwrap()
}

#[test]
fn a_name_that_both_know_chooses_the_key() {
    let ed = || PublicKey::ed25519(&point_ed25519(7)).unwrap();
    let keys = KeySet::new(vec![
        key(Some("one"), None, ec(1)),
        key(Some("two"), None, ec(2)),
        key(Some("two"), None, ec(3)),
        key(None, None, ec(4)),
        key(Some("ed"), None, ed()),
    ]);
    let candidates = |kid| keys.candidates(Algorithm::Es256, kid);
    let these = |secrets: &[u8]| secrets.iter().map(|secret| ec(*secret)).collect::<Vec<_>>();
    let found = |kid| match candidates(kid) {
        Candidates::Keys(found) => Some(found.into_iter().map(PublicKey::spki).collect::<Vec<_>>()),
        Candidates::UnknownKid | Candidates::Nameless => None,
    };
    for (kid, expected) in [
        (Some("one"), these(&[1])),
        (Some("two"), these(&[2, 3])),
        (Some("ed"), these(&[])),
        // One key has no name, so a token without one may be of any.
        (None, these(&[1, 2, 3, 4])),
    ] {
        let expected: Vec<_> = expected.iter().map(PublicKey::spki).collect();
        assert_eq!(found(kid), Some(expected), "{kid:?}");
    }
    for kid in ["", "On", "One", "one ", "onee", "*", "../one"] {
        assert_eq!(candidates(Some(kid)), Candidates::UnknownKid, "{kid}");
    }
    assert_eq!(
        keys.candidates(Algorithm::Rs256, None),
        Candidates::Keys(vec![])
    );
    assert_eq!(
        keys.candidates(Algorithm::EdDsa, Some("ed")),
        Candidates::Keys(vec![&ed()])
    );
}

#[test]
fn a_set_without_names_is_tried_four_keys_deep() {
    let mut keys: Vec<_> = (1..=6).map(|secret| key(None, None, ec(secret))).collect();
    keys.insert(
        0,
        key(None, None, PublicKey::ed25519(&point_ed25519(7)).unwrap()),
    );
    let keys = KeySet::new(keys);
    let four: Vec<_> = (1..=4).map(ec).collect();
    let expected = Candidates::Keys(four.iter().collect());
    for kid in [None, Some(""), Some("any")] {
        assert_eq!(keys.candidates(Algorithm::Es256, kid), expected, "{kid:?}");
    }
    let empty = KeySet::new(Vec::new());
    assert!(empty.is_empty() && !keys.is_empty());
    assert_eq!(
        empty.candidates(Algorithm::Es256, None),
        Candidates::UnknownKid
    );
}

#[test]
fn a_key_that_says_what_it_is_for_is_for_nothing_else() {
    let rsa = || PublicKey::rsa(&modulus(2048), F4).unwrap();
    let keys = KeySet::new(vec![
        key(Some("one"), Some(Algorithm::Ps256), rsa()),
        key(None, None, rsa()),
    ]);
    let tried = |algorithm, kid| match keys.candidates(algorithm, kid) {
        Candidates::Keys(keys) => keys.len(),
        Candidates::UnknownKid | Candidates::Nameless => usize::MAX,
    };
    assert_eq!(tried(Algorithm::Ps256, Some("one")), 1);
    assert_eq!(tried(Algorithm::Rs256, Some("one")), 0);
    assert_eq!(tried(Algorithm::Ps256, None), 2);
    assert_eq!(tried(Algorithm::Rs256, None), 1);
    assert_eq!(tried(Algorithm::Hs256, None), 0);
}

#[test]
fn a_token_without_a_name_has_no_key_of_a_set_in_which_all_have_one() {
    let named = |count: u8| {
        let keys = (1..=count).map(|secret| key(Some(&secret.to_string()), None, ec(secret)));
        KeySet::new(keys.collect())
    };
    for count in [1, 2, 6] {
        let keys = named(count);
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let found = keys.candidates(algorithm, None);
            assert_eq!(found, Candidates::Nameless, "{count}, {algorithm:?}");
        }
        let one = Candidates::Keys(vec![&ec(1)]) == keys.candidates(Algorithm::Es256, Some("1"));
        assert!(one, "{count}");
    }
}
