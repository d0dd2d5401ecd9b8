//! The algorithms of signatures (RFC 7518 section 3.1, RFC 8037 section 3.1).

/// The fully specified name of what is called `EdDSA` with a key on Ed25519, the only ones that there are
/// here (RFC 9864 section 2.2).
const ED25519: &str = "Ed25519";

/// How a JWS is signed. `none` is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is its name in the RFC
pub enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 12] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name in a token's `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm called `name`, to the letter (RFC 7515 section 4.1.1).
    pub fn named(name: &str) -> Option<Self> {
        let known = || Self::ALL.into_iter().find(|one| one.name() == name);
        if name == ED25519 {
            Some(Self::EdDsa)
        } else {
            known()
        }
    }

    /// Every name that [`Self::named`] knows.
    pub fn names() -> Vec<&'static str> {
        let names = Self::ALL.into_iter().map(Self::name);
        names.chain([ED25519]).collect()
    }

    /// How many bits the hash has that it signs.
    pub(crate) const fn hash_bits(self) -> u16 {
        match self {
            Self::Hs256 | Self::Rs256 | Self::Ps256 | Self::Es256 => 256,
            Self::Hs384 | Self::Rs384 | Self::Ps384 | Self::Es384 => 384,
            Self::Hs512 | Self::Rs512 | Self::Ps512 | Self::EdDsa => 512,
        }
    }

    /// Whether it works with a shared secret.
    pub const fn is_hmac(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

#[cfg(test)]
mod tests {
    use super::Algorithm;

    #[test]
    fn ed25519_is_another_name_of_eddsa() {
        assert_eq!(Algorithm::named("Ed25519"), Some(Algorithm::EdDsa));
        for name in Algorithm::names() {
            assert!(Algorithm::named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_name_is_an_algorithm_to_the_letter_or_none() {
        for algorithm in Algorithm::ALL {
            assert_eq!(
                Algorithm::named(algorithm.name()),
                Some(algorithm),
                "{algorithm:?}"
            );
            let lower = algorithm.name().to_ascii_lowercase();
            assert_eq!(Algorithm::named(&lower), None, "{algorithm:?}");
        }
        for wrong in [
            "none", "None", "NONE", "", "HS256 ", "ES512", "ES256K", "ed25519", "Ed448", "RS1",
        ] {
            assert_eq!(Algorithm::named(wrong), None, "{wrong}");
        }
    }
}
