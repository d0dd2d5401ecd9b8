use super::*;

const ONE: &[u8] = b"the first secret of 32 bytes, 0001";
const OTHER: &[u8] = b"the other secret of 32 bytes, 0002";
const GATE: &str = "gate\nhttps://gate.example";

fn ring(secrets: &[&[u8]]) -> Ring {
    ring_of(secrets, GATE)
}

fn ring_of(secrets: &[&[u8]], gate: &str) -> Ring {
    let secrets: Vec<_> = secrets
        .iter()
        .map(|secret| Secret::new(secret.to_vec()))
        .collect();
    Ring::new(&secrets, gate, 7).unwrap()
}

fn entropy(random: &[u8]) -> Entropy<'_> {
    Entropy {
        random,
        now: Timestamp::from_seconds(1_800_000_000),
    }
}

fn sealed(ring: &Ring, plaintext: &[u8]) -> String {
    ring.seal(Purpose::Session, plaintext, entropy(b"random"))
        .unwrap()
}

#[test]
fn a_ring_takes_no_short_secret_and_no_long_list() {
    let of = |lengths: &[usize]| {
        let secret = |length: &usize| Secret::new(vec![b'x'; *length]);
        Ring::new(&lengths.iter().map(secret).collect::<Vec<_>>(), GATE, 0).is_some()
    };
    for lengths in [&[][..], &[31], &[0], &[32, 31], &[64, 0], &[32; 5]] {
        assert!(!of(lengths), "{lengths:?}");
    }
    for lengths in [&[32][..], &[32, 64], &[32; 4]] {
        assert!(of(lengths), "{lengths:?}");
    }
}

#[test]
fn a_value_of_another_secret_or_purpose_does_not_open() {
    let own = ring(&[ONE]);
    let text = sealed(&ring(&[OTHER]), b"alice");
    assert_eq!(own.open(Purpose::Session, text.as_bytes()), None);
    let text = sealed(&own, b"alice");
    for purpose in [Purpose::Login, Purpose::Form] {
        assert_eq!(own.open(purpose, text.as_bytes()), None, "{purpose:?}");
    }
    let opened = own.open(Purpose::Session, text.as_bytes()).unwrap();
    assert_eq!(opened.plaintext, b"alice");
}

#[test]
fn a_value_of_another_gate_with_the_same_secret_does_not_open() {
    let own = ring(&[ONE, OTHER]);
    for gate in [
        "",
        "gate",
        "admins\nhttps://gate.example",
        "gate\nhttps://gate.example/a",
        "gate\nhttps://gate.example:8443",
        "gate\nhttp://gate.example",
    ] {
        for purpose in [Purpose::Login, Purpose::Session, Purpose::Form] {
            let text = ring_of(&[ONE], gate).seal(purpose, b"alice", entropy(b"random"));
            let opened = own.open(purpose, text.unwrap().as_bytes());
            assert_eq!(opened, None, "{gate:?} {purpose:?}");
        }
        let drawn = ring_of(&[ONE], gate).draw("state", entropy(b""));
        assert_ne!(
            drawn,
            ring(&[ONE]).draw("state", entropy(b"")),
            "{gate:?}: two nonces are one"
        );
    }
}

#[test]
fn no_bit_of_a_sealed_value_may_be_another() {
    let ring = ring(&[ONE, OTHER]);
    let text = sealed(&ring, b"subject alice, groups ml and ops");
    let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut other = bytes.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        let other = URL_SAFE_NO_PAD.encode(other);
        assert_eq!(
            ring.open(Purpose::Session, other.as_bytes()),
            None,
            "bit {bit}"
        );
    }
}

#[test]
fn a_value_that_was_cut_joined_or_padded_does_not_open() {
    let ring = ring(&[ONE]);
    let text = sealed(&ring, b"subject alice");
    for length in 0..text.len() {
        let cut = &text.as_bytes()[..length];
        assert_eq!(
            ring.open(Purpose::Session, cut),
            None,
            "{length} characters"
        );
    }
    let other = sealed(&ring, b"subject bob");
    let half = text.len() / 2;
    for text in [
        format!("{text}{other}"),
        format!("{}{}", &text[..half], &other[half..]),
        format!("{text}="),
        format!("{text}A"),
        format!(" {text}"),
        format!("{text}\n"),
        text.replace('A', "+"),
        "A".repeat(MAX_SEALED),
        "A".repeat(MAX_SEALED + 1),
        String::new(),
        "\u{e9}".repeat(40),
    ] {
        let opened = ring.open(Purpose::Session, text.as_bytes());
        let changed = text != sealed(&ring, b"subject alice");
        assert_eq!(opened.filter(|_| changed), None, "{text}");
    }
}

#[test]
fn a_text_has_one_spelling() {
    let ring = ring(&[ONE]);
    // The last character of most lengths has bits that stand for nothing.
    for length in 0..3 {
        let text = sealed(&ring, &vec![b'x'; length]);
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut opened = 0;
        for last in alphabet {
            let mut other = text.clone().into_bytes();
            *other.last_mut().unwrap() = *last;
            opened += usize::from(ring.open(Purpose::Session, &other).is_some());
        }
        assert_eq!(opened, 1, "{length} bytes");
    }
}

#[test]
fn a_previous_secret_opens_and_says_so_and_never_seals() {
    let old = ring(&[ONE]);
    let both = ring(&[OTHER, ONE]);
    let new = ring(&[OTHER]);
    let text = sealed(&old, b"alice");
    let opened = both.open(Purpose::Session, text.as_bytes()).unwrap();
    assert_eq!(
        (&opened.plaintext[..], opened.by_previous),
        (&b"alice"[..], true)
    );
    let again = sealed(&both, &opened.plaintext);
    assert_eq!(old.open(Purpose::Session, again.as_bytes()), None);
    let opened = new.open(Purpose::Session, again.as_bytes()).unwrap();
    assert!(!opened.by_previous);
    assert_eq!(new.open(Purpose::Session, text.as_bytes()), None);
}

#[test]
fn what_is_too_long_is_not_sealed_and_the_longest_opens() {
    let ring = ring(&[ONE]);
    let longest = vec![7; MAX_PLAINTEXT];
    let text = sealed(&ring, &longest);
    assert!(text.len() <= MAX_SEALED, "{}", text.len());
    let opened = ring.open(Purpose::Session, text.as_bytes()).unwrap();
    assert_eq!(opened.plaintext, longest);
    let longer = vec![7; MAX_PLAINTEXT + 1];
    let sealed = ring.seal(Purpose::Session, &longer, entropy(b""));
    assert_eq!(sealed, Err(TooLong));
}

/// What two gates draw that share a secret, of the same random bytes at the same time.
#[test]
fn nothing_is_drawn_twice_even_without_randomness() {
    let secrets = [Secret::new(ONE.to_vec())];
    let rings = [1, 2].map(|seed| Ring::new(&secrets, GATE, seed).unwrap());
    let mut seen = Vec::new();
    for ring in &rings {
        for what in ["state", "nonce"] {
            for _ in 0..50 {
                seen.push(ring.draw(what, entropy(b"")).to_vec());
            }
        }
        for _ in 0..50 {
            let text = sealed(ring, b"alice");
            seen.push(text.as_bytes()[..32].to_vec());
        }
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all);
}

#[test]
fn each_thing_that_is_drawn_from_counts() {
    let draw = |secret: &[u8], seed, what, random: &[u8], seconds| {
        let ring = Ring::new(&[Secret::new(secret.to_vec())], GATE, seed).unwrap();
        let now = Timestamp::from_seconds(seconds);
        ring.draw(what, Entropy { random, now })
    };
    let first = draw(ONE, 1, "state", b"random", 1);
    assert_eq!(first, draw(ONE, 1, "state", b"random", 1));
    for (other, name) in [
        (draw(OTHER, 1, "state", b"random", 1), "secret"),
        (draw(ONE, 2, "state", b"random", 1), "seed"),
        (draw(ONE, 1, "nonce", b"random", 1), "use"),
        (draw(ONE, 1, "state", b"Random", 1), "random bytes"),
        (draw(ONE, 1, "stat", b"erandom", 1), "where one part ends"),
        (draw(ONE, 1, "state", b"random", 2), "time"),
    ] {
        assert_ne!(first, other, "{name}");
    }
}

#[test]
fn nothing_of_a_secret_or_a_key_is_shown() {
    let shown = format!("{:?}", ring(&[ONE, OTHER]));
    assert_eq!(shown.matches("Secret(…)").count(), 12, "{shown}");
}
