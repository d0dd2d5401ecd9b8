//! Signatures whose bytes are wrong.

use super::{ACCEPTED, Expected, FORGED, Setting, Table, claims, input, input_of, join};
use serde_json::json;

/// The order of P-256 (SP 800-186 section 3.2.1.3), and its prime.
const P256: [&str; 2] = [
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
];
/// The order of P-384 (SP 800-186 section 3.2.1.4), and its prime.
const P384: [&str; 2] = [
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
];
/// The order of the base point of Ed25519 (RFC 8032 section 5.1).
const ED25519: &str = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

pub(super) fn fill(table: &mut Table) {
    let input = input(&table.header(json!({})));
    let good = table.current.sign(input.as_bytes());
    lengths(table, &input, &good);
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        let name = format!("bit {bit} of the signature flipped");
        table.put_bulk(name, Setting::Alone, join(&input, &flipped), FORGED);
    }
    let of_kind = match table.algorithm {
        "ES256" => ecdsa(&good, P256),
        "ES384" => ecdsa(&good, P384),
        "EdDSA" | "Ed25519" => ed25519(&good),
        _ if table.is_hmac() => Vec::new(),
        _ => rsa(table, &good),
    };
    for (name, signature, expected) in of_kind {
        let token = join(&input, &signature);
        table.put(
            format!("signature: {name}"),
            Setting::Alone,
            token,
            expected,
        );
    }
    if let Some(modulus) = table.current.modulus() {
        leading_zero(table, &modulus);
    }
}

fn lengths(table: &mut Table, input: &str, good: &[u8]) {
    let mut reversed = good.to_vec();
    reversed.reverse();
    for (name, signature) in [
        ("empty", Vec::new()),
        ("zeros", vec![0; good.len()]),
        ("ones", vec![0xff; good.len()]),
        ("reversed", reversed),
        ("a zero behind it", [good, &[0]].concat()),
        ("a byte behind it", [good, &[0xff]].concat()),
        ("a zero before it", [&[0], good].concat()),
        ("without its first byte", good[1..].to_vec()),
        ("twice", [good, good].concat()),
        ("8 KiB of zeros", vec![0; 8 * 1024]),
    ] {
        let token = join(input, &signature);
        for setting in [Setting::Alone, Setting::Ring] {
            table.put(format!("signature: {name}"), setting, token.clone(), FORGED);
        }
    }
    for length in 1..good.len() {
        let token = join(input, &good[..length]);
        let name = format!("the first {length} bytes of the signature");
        table.put_bulk(name, Setting::Alone, token, FORGED);
    }
}

type Signatures = Vec<(&'static str, Vec<u8>, Expected)>;

/// RFC 7518 section 3.4: `r‖s`, each as long as the order, from 1 to the order less 1.
fn ecdsa(good: &[u8], [order, prime]: [&str; 2]) -> Signatures {
    let (order, prime) = (unhex(order), unhex(prime));
    let length = order.len();
    let (r, s) = good.split_at(length);
    let small = |number: u8| [vec![0; length - 1], vec![number]].concat();
    let (zero, one) = (small(0), small(1));
    let less = minus(&order, &one);
    let more = plus(&order, &one).unwrap();
    let both = |r: &[u8], s: &[u8]| [r, s].concat();
    let number = |half: &[u8]| {
        let sign: &[u8] = if half[0] >= 0x80 { &[0] } else { &[] };
        let length = u8::try_from(half.len() + sign.len()).unwrap();
        [&[2, length], sign, half].concat()
    };
    let numbers = [number(r), number(s)].concat();
    let der = [
        &[0x30, u8::try_from(numbers.len()).unwrap()],
        numbers.as_slice(),
    ]
    .concat();
    let mut padded = der.clone();
    padded.resize(length * 2, 0);
    let mut found = vec![
        // JWS asks for no lower half: who can change s into n - s changes no claim.
        ("n - s for s", both(r, &minus(&order, s)), ACCEPTED),
        ("n - r for r", both(&minus(&order, r), s), FORGED),
        ("s and r", both(s, r), FORGED),
        ("r twice", both(r, r), FORGED),
        ("in DER", der.clone(), FORGED),
        (
            "in DER, cut to the length",
            der[..length * 2].to_vec(),
            FORGED,
        ),
        ("in DER, without its head", der[2..].to_vec(), FORGED),
        (
            "a zero before each half",
            [&[0], r, &[0], s].concat(),
            FORGED,
        ),
    ];
    for (of_r, of_s, edge) in [
        ("r = 0", "s = 0", &zero),
        ("r = 1", "s = 1", &one),
        ("r = n - 1", "s = n - 1", &less),
        ("r = n", "s = n", &order),
        ("r = n + 1", "s = n + 1", &more),
        ("r = p", "s = p", &prime),
        ("r = 2^k - 1", "s = 2^k - 1", &vec![0xff; length]),
    ] {
        found.push((of_r, both(edge, s), FORGED));
        found.push((of_s, both(r, edge), FORGED));
    }
    for (name, r, s) in [
        ("r = s = 1", &one, &one),
        ("r = s = n", &order, &order),
        ("r = 0, s = 1", &zero, &one),
        ("r = 1, s = 0", &one, &zero),
        ("r = 0, s = n", &zero, &order),
        ("r = n, s = 0", &order, &zero),
        ("r = n, s = 1", &order, &one),
        ("r = 1, s = n", &one, &order),
        ("r = n - 1, s = n - 1", &less, &less),
        ("r = n + 1, s = n + 1", &more, &more),
        ("r = p, s = p", &prime, &prime),
    ] {
        found.push((name, both(r, s), FORGED));
    }
    found
}

/// RFC 8032 section 5.1.7: S is below the order, R is a point, none of small order.
fn ed25519(good: &[u8]) -> Signatures {
    let (r, s) = good.split_at(32);
    let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<_>>();
    let order = unhex(ED25519);
    let s = reversed(s);
    let raised = plus(&s, &order).unwrap();
    let twice = plus(&raised, &order).unwrap();
    let with = |r: &[u8], s: &[u8]| [r, &reversed(s)].concat();
    let identity = [&[1], &[0; 31][..]].concat();
    let not_reduced = [&[0xee], &[0xff; 30][..], &[0x7f]].concat();
    vec![
        ("S + L for S", with(r, &raised), FORGED),
        ("S + 2 L for S", with(r, &twice), FORGED),
        ("L - S for S", with(r, &minus(&order, &s)), FORGED),
        ("S = 0", with(r, &[0; 32]), FORGED),
        ("S = L", with(r, &order), FORGED),
        ("R = 0", with(&[0; 32], &s), FORGED),
        ("R of order 1, S = 0", with(&identity, &[0; 32]), FORGED),
        ("R of order 1", with(&identity, &s), FORGED),
        ("R not reduced", with(&not_reduced, &s), FORGED),
        ("S and R", [&good[32..], r].concat(), FORGED),
    ]
}

/// RFC 8017 sections 8.1.2 and 8.2.2: as long as the modulus, and below it.
fn rsa(table: &Table, good: &[u8]) -> Signatures {
    let modulus = table.current.modulus().unwrap();
    let one = [vec![0; modulus.len() - 1], vec![1]].concat();
    vec![
        ("1", one.clone(), FORGED),
        ("n", modulus.clone(), FORGED),
        ("n - 1", minus(&modulus, &one), FORGED),
        ("n + 1", plus(&modulus, &one).unwrap(), FORGED),
        ("n - s", minus(&modulus, good), FORGED),
    ]
}

/// A signature that begins with a zero: it must not be left out, and the modulus added to it fits.
fn leading_zero(table: &mut Table, modulus: &[u8]) {
    // Where to look for the first one, so that the run need not sign hundreds.
    let known = match table.algorithm {
        "RS256" => 95,
        "RS384" => 182,
        "RS512" => 123,
        "PS256" => 214,
        "PS384" => 351,
        "PS512" => 216,
        _ => 0,
    };
    let found = (known..).find_map(|number| {
        let mut claims = claims();
        claims["jti"] = json!(number);
        let header = table.header(json!({})).to_string();
        let input = input_of(&header, &claims.to_string());
        let signature = table.current.sign(input.as_bytes());
        (signature[0] == 0).then_some((input, signature))
    });
    let (input, signature) = found.unwrap();
    let raised = plus(&signature, modulus).unwrap();
    for (name, signature, expected) in [
        ("with a leading zero", &signature[..], ACCEPTED),
        ("without its leading zero", &signature[1..], FORGED),
        (
            "its leading zero at its end",
            &[&signature[1..], &[0]].concat(),
            FORGED,
        ),
        (
            "with two leading zeros",
            &[&[0], &signature[..]].concat(),
            FORGED,
        ),
        ("s + n for s", &raised, FORGED),
    ] {
        let token = join(&input, signature);
        table.put(
            format!("signature: {name}"),
            Setting::Alone,
            token,
            expected,
        );
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// The sum of two big-endian numbers of one length, if it has that length too.
fn plus(one: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let mut sum = one.to_vec();
    let mut carry = 0;
    for (digit, more) in sum.iter_mut().rev().zip(other.iter().rev()) {
        let total = u16::from(*digit) + u16::from(*more) + carry;
        *digit = total.to_be_bytes()[1];
        carry = total >> 8;
    }
    (carry == 0).then_some(sum)
}

/// What is left of a big-endian number when a smaller one of the same length is taken away.
fn minus(one: &[u8], other: &[u8]) -> Vec<u8> {
    let inverted = |number: &[u8]| number.iter().map(|digit| !digit).collect::<Vec<_>>();
    inverted(&plus(&inverted(one), other).unwrap())
}
