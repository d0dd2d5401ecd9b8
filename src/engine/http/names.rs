//! The names of header fields that mean something to the gate, and how one is looked up.

use super::Place;
use super::field::{FieldKind, begins};

/// The names that mean something, in canonical spelling, the short ones first, and of one length those first
/// that most requests have.
const NAMES: &[(&[u8], FieldKind)] = &[
    (b"host", FieldKind::Host),
    (b":path", FieldKind::Path),
    (b"token", FieldKind::Private),
    (b"x-jwt", FieldKind::Private),
    (b"cookie", FieldKind::Cookie),
    (b"origin", FieldKind::Origin),
    (b"apikey", FieldKind::Private),
    (b"x-user", FieldKind::Private),
    (b"x-auth", FieldKind::Private),
    (b":method", FieldKind::Method),
    (b":scheme", FieldKind::Scheme),
    (b"upgrade", FieldKind::Upgrade),
    (b"x-token", FieldKind::Private),
    (b"api-key", FieldKind::Credential(Place::ApiKey)),
    (b"x-apikey", FieldKind::Private),
    (b"id-token", FieldKind::Private),
    (b"x-api-key", FieldKind::Credential(Place::XApiKey)),
    (b"job-token", FieldKind::Private),
    (b":authority", FieldKind::Host),
    (b"auth-token", FieldKind::Private),
    (b"x-id-token", FieldKind::Private),
    (b"x-userinfo", FieldKind::Private),
    (b"x-api-token", FieldKind::Private),
    (b"x-request-id", FieldKind::RequestId),
    (b"x-access-key", FieldKind::Private),
    (b"x-secret-key", FieldKind::Private),
    (b"x-api-secret", FieldKind::Private),
    (b"x-plex-token", FieldKind::Private),
    (
        b"authorization",
        FieldKind::Credential(Place::Authorization),
    ),
    (b"private-token", FieldKind::Private),
    (b"x-litellm-key", FieldKind::Private),
    (b"helicone-auth", FieldKind::Private),
    (b"x-client-cert", FieldKind::Private),
    (b"x-vault-token", FieldKind::Private),
    (b"x-tfy-api-key", FieldKind::Private),
    (b"x-bearer-token", FieldKind::Private),
    (b"ollama-api-key", FieldKind::Private),
    (b"dapr-api-token", FieldKind::Private),
    (b"x-raw-id-token", FieldKind::Private),
    (b"x-access-token", FieldKind::Private),
    (b"x-goog-api-key", FieldKind::Private),
    (
        b"x-ollama-token",
        FieldKind::Credential(Place::XOllamaToken),
    ),
    (b"x-webauth-user", FieldKind::Private),
    (b"authentication", FieldKind::Private),
    (b"x-client-token", FieldKind::Private),
    (b"x-rapidapi-key", FieldKind::Private),
    (b"x-gitlab-token", FieldKind::Private),
    (b"openai-api-key", FieldKind::Private),
    (b"x-groq-api-key", FieldKind::Private),
    // Nearly every request has these two, and their beginning is that of others that mean something.
    (b"x-forwarded-for", FieldKind::Other),
    (b"x-session-token", FieldKind::Private),
    (b"x-refresh-token", FieldKind::Private),
    (b"x-functions-key", FieldKind::Private),
    (b"x-authorization", FieldKind::Private),
    (b"x-client-secret", FieldKind::Private),
    (b"x-azure-api-key", FieldKind::Private),
    (b"x-ollama-api-key", FieldKind::Private),
    (b"x-forwarded-user", FieldKind::Private),
    (b"x-openai-api-key", FieldKind::Private),
    (b"x-forwarded-proto", FieldKind::Other),
    (b"x-litellm-api-key", FieldKind::Private),
    (b"x-forwarded-email", FieldKind::Private),
    (b"anthropic-api-key", FieldKind::Private),
    (b"x-forwarded-groups", FieldKind::Private),
    (b"proxy-authorization", FieldKind::Private),
    (b"x-anthropic-api-key", FieldKind::Private),
    (b"x-tyk-authorization", FieldKind::Private),
    (b"cf-aig-authorization", FieldKind::Private),
    (b"x-amz-security-token", FieldKind::Private),
    (b"x-anonymous-consumer", FieldKind::Private),
    (b"x-forwarded-id-token", FieldKind::Private),
    (b"x-proxy-authorization", FieldKind::Private),
    (b"x-forwarded-client-cert", FieldKind::Private),
    (b"x-endpoint-api-userinfo", FieldKind::Private),
    (b"x-credential-identifier", FieldKind::Private),
    (b"x-gateway-authorization", FieldKind::Private),
    (b"x-original-authorization", FieldKind::Private),
    (b"x-forwarded-access-token", FieldKind::Private),
    (b"x-forwarded-authorization", FieldKind::Private),
    (b"ocp-apim-subscription-key", FieldKind::Private),
    (b"x-apigateway-api-userinfo", FieldKind::Private),
    (b"x-serverless-authorization", FieldKind::Private),
    (b"x-forwarded-preferred-username", FieldKind::Private),
];

/// No name is longer.
const MAX_NAME_BYTES: usize = 32;

/// How many names are shorter than each length, so that those of one length are a range.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a panic here fails the build
const SHORTER: [usize; MAX_NAME_BYTES + 2] = {
    let mut shorter = [0; MAX_NAME_BYTES + 2];
    let mut length = 0;
    let mut place = 0;
    while length < shorter.len() {
        while place < NAMES.len() && NAMES[place].0.len() < length {
            place += 1;
            assert!(
                place == NAMES.len() || NAMES[place].0.len() >= length - 1,
                "NAMES of src/engine/http/names.rs: the short names stand first"
            );
        }
        shorter[length] = place;
        length += 1;
    }
    assert!(
        place == NAMES.len(),
        "NAMES of src/engine/http/names.rs: a name is longer than MAX_NAME_BYTES"
    );
    shorter
};

/// The names of this length, each with its kind.
#[inline]
pub(super) fn of_length(length: usize) -> &'static [(&'static [u8], FieldKind)] {
    let (from, to) = match SHORTER.get(length..) {
        Some([from, to, ..]) => (*from, *to),
        _ => (0, 0),
    };
    NAMES.get(from..to).unwrap_or_default()
}

/// Headers of gateways and identity proxies that come in families.
const FAMILIES: &[&[u8]] = &[
    b"x-user-",
    b"x-auth-",
    b"x-authenticated-",
    b"x-openwebui-user-",
    b"x-consumer-",
    b"x-remote-",
    b"x-jwt-",
    b"x-amzn-oidc-",
    b"x-goog-iap-",
    b"x-goog-authenticated-user-",
    b"x-ms-client-principal",
    b"x-ms-token-",
    b"x-pomerium-",
    b"x-authentik-",
    b"x-vouch-",
    b"x-portkey-",
    b"x-ssl-client-",
    b"x-forwarded-tls-client-cert",
    b"ssl-client-",
    b"cf-access-",
    b"remote-",
    b"tailscale-user-",
];

/// For the low five bits of a first byte: the low five bits that another byte may have in a name that
/// means something. They are the same in either case.
type Bits = [u32; 32];

/// Those of the third byte and those of the fourth. Most fields of a request are sorted out by one
/// look into them.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a panic here fails the build
const BEGINNINGS: (Bits, Bits) = {
    let mut beginnings = ([0; 32], [0; 32]);
    let mut place = 0;
    while place < NAMES.len() {
        beginnings = with_beginning(beginnings, NAMES[place].0);
        place += 1;
    }
    place = 0;
    while place < FAMILIES.len() {
        beginnings = with_beginning(beginnings, FAMILIES[place]);
        place += 1;
    }
    beginnings
};

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)] // a panic here fails the build; five bits fit into everything
const fn with_beginning((mut thirds, mut fourths): (Bits, Bits), name: &[u8]) -> (Bits, Bits) {
    let first = (name[0] & 31) as usize;
    thirds[first] |= bits(name[2]);
    fourths[first] |= bits(name[3]);
    (thirds, fourths)
}

/// The bit of the low five bits of `letter`. `_` may stand for `-`.
const fn bits(letter: u8) -> u32 {
    match letter {
        b'-' => 1 << (b'-' & 31) | 1 << (b'_' & 31),
        letter => 1 << (letter & 31),
    }
}

/// Whether a name that begins so may mean something. No false for one that does.
#[inline]
pub(super) fn may_mean_something(name: &[u8]) -> bool {
    let [first, _, third, fourth, ..] = name else {
        return false;
    };
    let has = |bits: &Bits, letter: &u8| {
        let of_first = bits.get(usize::from(first & 31));
        of_first.is_some_and(|bits| bits.wrapping_shr(u32::from(letter & 31)) & 1 == 1)
    };
    let (thirds, fourths) = &BEGINNINGS;
    has(thirds, third) && has(fourths, fourth)
}

/// For the low five bits of a third byte, and for those of a fourth: the families that have it there,
/// a bit for each by its place.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // as above
const FAMILIES_BY_BYTE: (Bits, Bits) = {
    let (mut thirds, mut fourths) = ([0; 32], [0; 32]);
    let mut place = 0;
    while place < FAMILIES.len() {
        let mut letter = 0;
        while letter < 32 {
            thirds[letter] |= (bits(FAMILIES[place][2]) >> letter & 1) << place;
            fourths[letter] |= (bits(FAMILIES[place][3]) >> letter & 1) << place;
            letter += 1;
        }
        place += 1;
    }
    (thirds, fourths)
};

/// Whether a field called `name` is one of a family.
pub(super) fn is_of_family(name: &[u8]) -> bool {
    let [_, _, third, fourth, ..] = name else {
        return false;
    };
    let (thirds, fourths) = &FAMILIES_BY_BYTE;
    let of = |bits: &Bits, letter: &u8| bits.get(usize::from(letter & 31)).copied();
    let mut candidates =
        of(thirds, third).unwrap_or_default() & of(fourths, fourth).unwrap_or_default();
    while candidates != 0 {
        let place = usize::try_from(candidates.trailing_zeros()).ok();
        let family = place.and_then(|place| FAMILIES.get(place));
        if family.is_some_and(|family| begins(name, family)) {
            return true;
        }
        candidates &= candidates.wrapping_sub(1);
    }
    false
}

/// The names that never reach Ollama, those of a family with `*` at their end.
pub fn names_taken_out() -> Vec<String> {
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let single = NAMES.iter().filter(|(_, kind)| kind.is_taken_out());
    let families = FAMILIES.iter().map(|family| text(family) + "*");
    let mut names: Vec<_> = single.map(|(name, _)| text(name)).chain(families).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_for_a_credential_is_read_under_its_own_name() {
        for (name, kind) in NAMES {
            if let FieldKind::Credential(place) = kind {
                let name = String::from_utf8_lossy(name);
                assert!(name.eq_ignore_ascii_case(place.name()), "{name}: {place:?}");
            }
        }
        for place in Place::ALL {
            let kind = FieldKind::of(place.name().as_bytes());
            assert_eq!(
                kind,
                FieldKind::Credential(place),
                "`{}` is read and never stripped: write it into NAMES of src/engine/http/names.rs",
                place.name()
            );
        }
    }

    #[test]
    fn the_first_look_lets_every_name_through_in_every_spelling() {
        let names = NAMES
            .iter()
            .map(|(name, _)| *name)
            .chain(FAMILIES.iter().copied());
        for name in names {
            let shown = String::from_utf8_lossy(name);
            for (from, to) in [("-", "-"), ("-", "_")] {
                let spelled = shown.replace(from, to);
                assert!(may_mean_something(spelled.as_bytes()), "{spelled}");
                let upper = spelled.to_ascii_uppercase();
                assert!(may_mean_something(upper.as_bytes()), "{upper}");
                if FieldKind::of(name).is_taken_out() {
                    assert!(FieldKind::of(upper.as_bytes()).is_taken_out(), "{upper}");
                }
            }
        }
        for other in ["", "te", "accept", "content-length", "x-stainless-os"] {
            assert!(!may_mean_something(other.as_bytes()), "{other}");
        }
    }
}
