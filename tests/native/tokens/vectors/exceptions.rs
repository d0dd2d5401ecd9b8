//! Where the gate says otherwise than a vector of Wycheproof, and why.

use std::ops::RangeInclusive;

/// Vectors of one file whose verdict is not the gate's.
pub(crate) struct Exception {
    /// the file
    pub file: &'static str,
    /// their numbers (`tcId`)
    pub vectors: &'static [RangeInclusive<u64>],
    /// why the gate says otherwise
    pub reason: &'static str,
}

impl Exception {
    /// Whether vector `id` is one.
    pub(crate) fn has(&self, id: u64) -> bool {
        self.vectors.iter().any(|range| range.contains(&id))
    }

    /// How many vectors there are.
    pub(crate) fn count(&self) -> u64 {
        let lengths = self
            .vectors
            .iter()
            .map(|range| range.end() - range.start() + 1);
        lengths.sum()
    }
}

/// All of them.
pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        file: "hmac_sha256",
        vectors: SHORTENED,
        reason: SHORTENED_WHY,
    },
    Exception {
        file: "hmac_sha384",
        vectors: SHORTENED,
        reason: SHORTENED_WHY,
    },
    Exception {
        file: "hmac_sha512",
        vectors: SHORTENED,
        reason: SHORTENED_WHY,
    },
    Exception {
        file: "json_web_signature",
        vectors: &[346..=346, 350..=350],
        reason: "the vector's key is for PS256 (`alg`), its token is of PS384; the key in the RFC has no `alg`, \
                 and with that the example is accepted, see rfc.json",
    },
    Exception {
        file: "json_web_signature",
        vectors: &[347..=347, 351..=351],
        reason: "ES512 on P-521 is not among the gate's algorithms (and the vector's key is for `ES521`)",
    },
    Exception {
        file: "json_web_signature",
        vectors: &[367..=367, 370..=370],
        reason: "the padding that they are about is not in them: letter for letter they are vector 357, which \
                 is valid",
    },
    Exception {
        file: "json_web_signature",
        vectors: &[372..=373],
        reason: "a sign that is not base64url stands in the header or the payload (RFC 7515 section 2): there \
                 is nothing to pass over in a token",
    },
    Exception {
        file: "json_web_key",
        vectors: &[4..=4],
        reason: "two secrets have one `kid`; secrets have no names in the configuration, and each of a ring is \
                 tried",
    },
    Exception {
        file: "json_web_key",
        vectors: &[7..=7],
        reason: ROCA,
    },
    Exception {
        file: "json_web_crypto",
        vectors: &[46..=46],
        reason: ROCA,
    },
];

const ROCA: &str = "the key was made by a faulty smart card (CVE-2017-15361), which only its issuer can know or \
                    mend; the gate asks for length and exponent, not for such fingerprints";

/// Tags of half the length of the hash.
const SHORTENED: &[RangeInclusive<u64>] = &[82..=108, 166..=168, 172..=174];
const SHORTENED_WHY: &str =
    "the tag is cut to half its length, which no algorithm of JWS does (RFC 7518 section 3.2)";
