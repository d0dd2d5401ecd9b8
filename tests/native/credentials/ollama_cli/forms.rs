//! Keys and signatures of every wrong form.

use super::{alice, refused, world};
use crate::world::NOW;
use crate::world::cli::{blob, send};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::Value;

#[test]
fn every_flipped_bit_is_seen() {
    let world = world();
    let message = format!("GET,/api/tags?ts={NOW}");
    let target = format!("/api/tags?ts={NOW}");
    let good = alice().signature(&message);
    for bit in 0..512 {
        let mut wrong = good;
        wrong[bit / 8] ^= 1 << (bit % 8);
        // There is time for so many signatures of one key.
        let second = i64::try_from(bit / 40).unwrap();
        world.gateway.0.seconds.set(NOW + second);
        let header = format!("{}:{}", alice().blob(), STANDARD.encode(wrong));
        let seen = send(&world, "GET", &target, &header);
        assert_eq!(seen.verdict(), refused("invalid_signature"), "bit {bit}");
        assert_eq!(seen.record["id"], "alice", "{bit}");
    }
    for bit in 0..256 {
        let mut wrong = alice().key();
        wrong[bit / 8] ^= 1 << (bit % 8);
        let key = blob("ssh-ed25519", &wrong);
        let seen = send(
            &world,
            "GET",
            &target,
            &format!("{key}:{}", STANDARD.encode(good)),
        );
        assert_eq!(seen.verdict(), refused("unknown_signer"), "bit {bit}");
        assert_eq!(seen.record["id"], Value::Null, "{bit}");
    }
    let header = format!("{}:{}", alice().blob(), STANDARD.encode(good));
    assert_eq!(send(&world, "GET", &target, &header).verdict().0, 200);
}

#[test]
fn a_second_form_of_a_good_signature_is_none() {
    // S and S + L are the same scalar (RFC 8032 section 5.1.7 asks for the smaller).
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut other = alice().signature(&format!("GET,/api/tags?ts={NOW}"));
    let mut carry = 0;
    for (byte, more) in other[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    let header = format!("{}:{}", alice().blob(), STANDARD.encode(other));
    let seen = send(&world(), "GET", &format!("/api/tags?ts={NOW}"), &header);
    assert_eq!(seen.verdict(), refused("invalid_signature"));
    let zero = format!("{}:{}", alice().blob(), STANDARD.encode([0; 64]));
    let seen = send(&world(), "GET", &format!("/api/tags?ts={NOW}"), &zero);
    assert_eq!(seen.verdict(), refused("invalid_signature"));
}

#[test]
fn any_other_form_of_the_header_is_malformed() {
    let world = world();
    let target = format!("/api/tags?ts={NOW}");
    let good = alice().header("GET", "/api/tags", NOW);
    let (key, signature) = good.split_once(':').unwrap();
    let raw = STANDARD.decode(signature).unwrap();
    let mut cases = vec![
        key.to_owned(),
        format!("{key}:"),
        format!("{key}::{signature}"),
        format!("{good}:"),
        format!("{good}:{signature}"),
        format!("{key};{signature}"),
        format!("{key}.{signature}"),
        format!("{key}=:{signature}"),
        format!("{key}A:{signature}"),
        // Without padding, with too much, in the alphabet of URLs, with bits behind the end.
        format!("{key}:{}", STANDARD_NO_PAD.encode(&raw)),
        format!("{good}="),
        format!("{key}:{}", URL_SAFE.encode([0xff; 64])),
        format!("{key}:{}B==", &signature[..85]),
        format!("{key}:{}", STANDARD.encode(&raw[..63])),
        format!("{key}:{}", STANDARD.encode([&raw[..], &[0]].concat())),
        // As `ssh-keygen -Y sign` and the agent write it: with the type in front.
        format!("{key}:{}", blob("ssh-ed25519", &raw)),
        format!("{}:{signature}", blob("ssh-ed25519", &alice().key()[..31])),
        format!("{}:{signature}", blob("ssh-ed25519", &[1; 33])),
        format!("{}:{signature}", blob("ssh-rsa", &[1; 279])),
        format!("{}:{signature}", blob("ecdsa-sha2-nistp256", &[1; 81])),
        format!(
            "{}:{signature}",
            blob("sk-ssh-ed25519@openssh.com", &alice().key())
        ),
        format!(
            "{}:{signature}",
            blob("sk-ecdsa-sha2-nistp256@openssh.com", &[1; 81])
        ),
        format!("{}:{signature}", blob("ssh-dss", &[1; 20])),
    ];
    cases.extend((20..68).map(|end| format!("{}:{signature}", &key[..end])));
    cases.extend((0..88).map(|end| format!("{key}:{}", &signature[..end])));
    for header in cases {
        let seen = send(&world, "GET", &target, &header);
        assert_eq!(seen.verdict(), refused("malformed_signature"), "{header}");
    }
    assert_eq!(send(&world, "GET", &target, &good).verdict().0, 200);
}

#[test]
fn a_key_of_another_type_is_told_so() {
    for (kind, length) in [
        ("ssh-rsa", 279),
        ("ecdsa-sha2-nistp256", 81),
        ("sk-ssh-ed25519@openssh.com", 32),
    ] {
        let header = format!("{}:AAAA", blob(kind, &vec![1; length]));
        let seen = send(&world(), "GET", &format!("/api/tags?ts={NOW}"), &header);
        assert_eq!(
            seen.body()["error"],
            "the signature of the ollama CLI is malformed: only ssh-ed25519 keys are accepted, such as the one that the CLI creates in ~/.ollama/id_ed25519",
            "{kind}, {length}"
        );
    }
}
