use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// An odd number of `bits` bits.
fn modulus(bits: usize) -> Vec<u8> {
    let mut number = vec![0xa5; bits.div_ceil(8)];
    number[0] = match bits % 8 {
        0 => 0x80,
        rest => 1 << (rest - 1),
    };
    *number.last_mut().unwrap() |= 1;
    number
}

const F4: &[u8] = &[1, 0, 1];

/// One element of DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let length = match length {
        0..0x80 => vec![u8::try_from(length).unwrap()],
        0x80..0x100 => vec![0x81, u8::try_from(length).unwrap()],
        _ => [&[0x82], &u16::try_from(length).unwrap().to_be_bytes()[..]].concat(),
    };
    [&[tag], length.as_slice(), content].concat()
}

/// An unsigned INTEGER.
fn integer(number: &[u8]) -> Vec<u8> {
    let sign = &[0][..usize::from(number[0] >= 0x80)];
    der(2, &[sign, number].concat())
}

fn pkcs1(n: &[u8], e: &[u8]) -> Vec<u8> {
    der(0x30, &[integer(n), integer(e)].concat())
}

/// A SubjectPublicKeyInfo with the contents of its AlgorithmIdentifier.
fn info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let bits = der(3, &[&[0], key].concat());
    der(0x30, &[der(0x30, algorithm), bits].concat())
}

const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

fn in_pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).collect();
    let body = String::from_utf8(lines.join(&b'\n')).unwrap();
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn from_info(algorithm: &[u8], key: &[u8]) -> Result<PublicKey, String> {
    PublicKey::from_pem(&in_pem("PUBLIC KEY", &info(algorithm, key)))
}

fn point_p256(secret: u8) -> Vec<u8> {
    let key = p256::ecdsa::SigningKey::from_slice(&[secret; 32]).unwrap();
    key.verifying_key().to_sec1_point(false).as_bytes().to_vec()
}

fn point_p384(secret: u8) -> Vec<u8> {
    let key = p384::ecdsa::SigningKey::from_slice(&[secret; 48]).unwrap();
    key.verifying_key().to_sec1_point(false).as_bytes().to_vec()
}

fn point_ed25519(secret: u8) -> Vec<u8> {
    let seed = ed25519_compact::Seed::new([secret; 32]);
    ed25519_compact::KeyPair::from_seed(seed).pk.to_vec()
}

/// An RSA key by every way in.
fn rsa_every_way(n: &[u8], e: &[u8]) -> [Result<PublicKey, String>; 3] {
    [
        PublicKey::rsa(n, e),
        from_info(RSA, &pkcs1(n, e)),
        PublicKey::from_pem(&in_pem("RSA PUBLIC KEY", &pkcs1(n, e))),
    ]
}

#[test]
fn an_rsa_key_has_2048_to_8192_bits_whatever_it_comes_in() {
    for bits in [2048, 2049, 3072, 4096, 8191, 8192] {
        for key in rsa_every_way(&modulus(bits), F4) {
            let key = key.unwrap_or_else(|why| panic!("{bits} bits: {why}"));
            assert_eq!(
                (key.kind(), key.signature_length()),
                ("RSA", bits.div_ceil(8)),
                "{bits}, {key:?}"
            );
        }
    }
    for bits in [1, 512, 1024, 2047, 8193, 16_384] {
        for key in rsa_every_way(&modulus(bits), F4) {
            assert!(key.is_err(), "{bits} bits");
        }
        let why = PublicKey::rsa(&modulus(bits), F4).unwrap_err();
        let expected = format!("is an RSA key of {bits} bits, expected 2048 to 8192");
        assert_eq!(why, expected, "{bits}");
    }
}

#[test]
fn leading_zeros_make_no_key_longer() {
    let padded = |bits| [vec![0; 128], modulus(bits)].concat();
    let why = PublicKey::rsa(&padded(1024), F4).unwrap_err();
    assert_eq!(why, "is an RSA key of 1024 bits, expected 2048 to 8192");
    let (plain, padded) = (modulus(2048), padded(2048));
    let (plain, padded) = (
        PublicKey::rsa(&plain, F4),
        PublicKey::rsa(&padded, &[0, 1, 0, 1]),
    );
    let (plain, padded) = (plain.unwrap(), padded.unwrap());
    assert_eq!(plain, padded);
    assert_eq!(padded.signature_length(), 256);
    assert_eq!(
        PublicKey::rsa(&[], F4).unwrap_err(),
        "is an RSA key of 0 bits, expected 2048 to 8192"
    );
}

#[test]
fn an_exponent_is_odd_and_not_one() {
    let n = modulus(2048);
    for e in [&[3][..], &[17], &[1, 0, 1], &[0, 0, 3]] {
        assert!(PublicKey::rsa(&n, e).is_ok(), "{e:?}");
    }
    for e in [
        &[][..],
        &[0],
        &[0, 0],
        &[1],
        &[0, 1],
        &[2],
        &[4],
        &[1, 0, 0],
        &[1, 0, 2],
    ] {
        let why = PublicKey::rsa(&n, e).unwrap_err();
        assert_eq!(
            why, "is an RSA key with an even exponent, or with 1",
            "{e:?}"
        );
    }
    for e in [vec![0xff; 32], n.clone()] {
        let why = PublicKey::rsa(&n, &e).unwrap_err();
        assert_eq!(why, "is no RSA key that can be used", "{e:?}");
    }
    for e in [&[1][..], &[2], &[1, 0, 0]] {
        assert!(rsa_every_way(&n, e).iter().all(Result::is_err), "{e:?}");
    }
    let mut even = n;
    *even.last_mut().unwrap() &= !1;
    assert!(rsa_every_way(&even, F4).iter().all(Result::is_err));
}

#[test]
fn a_point_is_on_its_curve_and_uncompressed_in_full() {
    let (p256, p384) = (point_p256(7), point_p384(7));
    assert_eq!(PublicKey::p256(&p256).unwrap().kind(), "P-256");
    assert_eq!(PublicKey::p384(&p384).unwrap().kind(), "P-384");
    let off = |point: &[u8], place: usize| {
        let mut off = point.to_vec();
        off[place] ^= 1;
        off
    };
    for wrong in [
        off(&p256, 64),
        off(&p256, 1),
        p384.clone(),
        vec![0],
        Vec::new(),
        vec![4; 65],
        [&[4], &[0; 64][..]].concat(),
        [&[4], &[0xff; 64][..]].concat(),
        p256[..64].to_vec(),
        [&p256[..], &[0]].concat(),
    ] {
        assert_eq!(
            PublicKey::p256(&wrong).unwrap_err(),
            "is no point on P-256",
            "{wrong:?}"
        );
    }
    for wrong in [
        off(&p384, 96),
        p256,
        vec![0],
        Vec::new(),
        [&[4], &[0; 96][..]].concat(),
    ] {
        assert_eq!(
            PublicKey::p384(&wrong).unwrap_err(),
            "is no point on P-384",
            "{wrong:?}"
        );
    }
}

#[test]
fn an_ed25519_key_under_which_anything_verifies_is_none() {
    assert_eq!(
        PublicKey::ed25519(&point_ed25519(7)).unwrap().kind(),
        "Ed25519"
    );
    let mut identity = [0; 32];
    identity[0] = 1;
    // The point of order two, -1, and the one of order four, which is zero.
    let mut order_two = [0xff; 32];
    (order_two[0], order_two[31]) = (0xec, 0x7f);
    for weak in [identity, order_two, [0; 32]] {
        assert!(PublicKey::ed25519(&weak).is_err(), "{weak:?}");
    }
    for length in [0, 31, 33, 64] {
        let why = PublicKey::ed25519(&vec![9; length]).unwrap_err();
        assert_eq!(why, "is no usable Ed25519 key", "{length}");
    }
}

#[test]
fn a_key_fits_the_algorithms_of_its_kind_and_no_other() {
    let rsa = PublicKey::rsa(&modulus(2048), F4).unwrap();
    let p256 = PublicKey::p256(&point_p256(7)).unwrap();
    let p384 = PublicKey::p384(&point_p384(7)).unwrap();
    let ed25519 = PublicKey::ed25519(&point_ed25519(7)).unwrap();
    let fitting = |key: &PublicKey| {
        let names = Algorithm::ALL.into_iter().filter(|name| key.fits(*name));
        names.map(Algorithm::name).collect::<Vec<_>>()
    };
    assert_eq!(
        fitting(&rsa),
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
    );
    assert_eq!(fitting(&p256), ["ES256"]);
    assert_eq!(fitting(&p384), ["ES384"]);
    assert_eq!(fitting(&ed25519), ["EdDSA"]);
    assert_eq!(p256.signature_length(), 64);
    assert_eq!(p384.signature_length(), 96);
    assert_eq!(ed25519.signature_length(), 64);
}

#[test]
fn debug_shows_no_more_than_the_kind() {
    assert_eq!(
        format!("{:?}", PublicKey::p256(&point_p256(1)).unwrap()),
        "PublicKey(P-256)"
    );
}

#[path = "key_set_tests.rs"]
mod sets;

#[path = "pem_tests.rs"]
mod pem;

#[path = "signature_tests.rs"]
mod signature;
