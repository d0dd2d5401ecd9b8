//! What a header field means to the gate, by its name.

use super::Place;
use super::names::{is_of_family, may_mean_something, of_length};

/// What the gate does with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// may hold a credential; never reaches Ollama
    Credential(Place),
    /// never reaches Ollama: other credentials, identity headers of the client's
    Private,
    /// `Cookie`: may hold a credential; never reaches Ollama
    Cookie,
    /// `Origin`: read for the browser rule; never reaches Ollama
    Origin,
    /// `Host`, or `:authority` of HTTP/2 and Envoy
    Host,
    /// `:method`
    Method,
    /// `:path`
    Path,
    /// `:scheme`
    Scheme,
    /// `X-Request-Id`
    RequestId,
    /// `Upgrade`
    Upgrade,
    /// none of the gate's business
    Other,
}

impl FieldKind {
    /// What a field called `name` is. Letters match in either case. A name spelled with `_` in
    /// place of `-` is kept from Ollama like its proper spelling (WSGI-like servers confuse the
    /// two) but no credential is read from it.
    #[inline]
    pub(crate) fn of(name: &[u8]) -> Self {
        if may_mean_something(name) {
            Self::looked_up(name)
        } else {
            Self::Other
        }
    }

    fn looked_up(name: &[u8]) -> Self {
        let same_length = of_length(name.len());
        // As most gateways write names.
        if let Some((_, kind)) = same_length.iter().find(|(known, _)| is_same(name, known)) {
            return *kind;
        }
        // The last bytes tell most of them apart. None ends in `-`.
        let last = name.last().map(u8::to_ascii_lowercase);
        let known = same_length
            .iter()
            .find(|(known, _)| known.last().copied() == last && begins(name, known));
        match known {
            None if is_of_family(name) => Self::Private,
            None => Self::Other,
            Some((known, Self::Credential(_) | Self::Origin)) if !is_spelled(name, known) => {
                Self::Private
            }
            Some((known, kind)) if *kind == Self::Private || is_spelled(name, known) => *kind,
            Some(_) => Self::Other,
        }
    }

    /// Whether a field of this kind never reaches Ollama.
    pub(crate) const fn is_taken_out(self) -> bool {
        match self {
            Self::Credential(_) | Self::Private | Self::Cookie | Self::Origin => true,
            Self::Host
            | Self::Method
            | Self::Path
            | Self::Scheme
            | Self::RequestId
            | Self::Upgrade
            | Self::Other => false,
        }
    }
}

/// As `==`, which in wasm goes byte by byte; this goes eight at a time, the last eight by themselves.
#[inline]
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let same_end = match one.len() {
        8.. => one.last_chunk::<8>() == other.last_chunk(),
        4.. => {
            one.first_chunk::<4>() == other.first_chunk()
                && one.last_chunk::<4>() == other.last_chunk()
        }
        _ => one == other,
    };
    let (words, others) = (one.as_chunks::<8>().0, other.as_chunks().0);
    one.len() == other.len() && same_end && words.iter().zip(others).all(|(a, b)| a == b)
}

/// Whether `name` begins with `canonical`, in either case, with `_` for `-`.
pub(crate) fn begins(name: &[u8], canonical: &[u8]) -> bool {
    name.len() >= canonical.len()
        && canonical.iter().zip(name).all(|(canonical, byte)| {
            canonical == byte
                || canonical.eq_ignore_ascii_case(byte)
                || (*canonical == b'-' && *byte == b'_')
        })
}

/// Whether `name` is `canonical`, in either case, with `_` for `-`.
pub(crate) fn resembles(name: &[u8], canonical: &[u8]) -> bool {
    name.len() == canonical.len() && begins(name, canonical)
}

/// Whether a name that resembles `canonical` has its `-` too.
fn is_spelled(name: &[u8], canonical: &[u8]) -> bool {
    name == canonical || !name.contains(&b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_either_case() {
        for name in ["authorization", "Authorization", "AUTHORIZATION"] {
            let kind = FieldKind::of(name.as_bytes());
            assert_eq!(kind, FieldKind::Credential(Place::Authorization), "{name}");
        }
    }

    #[test]
    fn a_spelling_with_underscores_is_stripped_but_never_read() {
        for name in ["x_api_key", "X_Ollama_Token", "api_key", "X_Forwarded_User"] {
            assert_eq!(FieldKind::of(name.as_bytes()), FieldKind::Private, "{name}");
        }
        assert_eq!(FieldKind::of(b"x_request_id"), FieldKind::Other);
    }

    #[test]
    fn identity_families_are_private_whatever_follows() {
        let long = format!("x-openwebui-user-{}", "a".repeat(200));
        for name in ["x-user-id", "X-User-Roles", "x-auth-request-email", &long] {
            assert_eq!(FieldKind::of(name.as_bytes()), FieldKind::Private, "{name}");
        }
    }

    #[test]
    fn a_name_that_only_begins_like_one_is_another() {
        let long = format!("authorization{}", "n".repeat(60));
        for name in ["authorization2", "x-api-keys", "cookies", "", &long] {
            assert_eq!(FieldKind::of(name.as_bytes()), FieldKind::Other, "{name}");
        }
    }
}
