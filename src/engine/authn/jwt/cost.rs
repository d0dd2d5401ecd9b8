//! What the verification of a signature costs, in microseconds of a worker's time.
//!
//! The engine reads no clock while it computes, so costs are figures: those of the module in Envoy 1.40 and
//! of Envoy's own crypto, measured on one quiet machine of 2026. On another machine they are off by a
//! factor that is much the same for all, so it is their ratios that matter.

use super::algorithm::Algorithm;
use super::key::PublicKey;

/// In the module itself.
pub(crate) fn in_module(algorithm: Algorithm, key: &PublicKey) -> u32 {
    match algorithm {
        Algorithm::Es256 => 611,
        Algorithm::Es384 => 2_293,
        Algorithm::EdDsa => 258,
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => 10,
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512 => by_size(316, key).saturating_add(95),
    }
}

/// By the crypto of Envoy.
pub fn by_envoy(algorithm: Algorithm, key: &PublicKey) -> u32 {
    match algorithm {
        Algorithm::Es256 => 87,
        Algorithm::Es384 => 706,
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => by_size(46, key),
        _ => in_module(algorithm, key),
    }
}

/// `microseconds` are for a key of 2048 bits. What a product of numbers costs grows with the square of
/// their size.
fn by_size(microseconds: u32, key: &PublicKey) -> u32 {
    let kilobits = key.rsa_bits().div_ceil(1024);
    microseconds.saturating_mul(kilobits.saturating_mul(kilobits)) / 4
}
