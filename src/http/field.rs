//! What a header field means to the gate, by its name.

/// Where a client may put a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `Authorization`
    Authorization,
    /// `X-Api-Key` (Anthropic's clients)
    XApiKey,
    /// `Api-Key` (Continue, Azure's clients)
    ApiKey,
    /// `X-Ollama-Token` (patched Ollamas)
    XOllamaToken,
}

impl Place {
    /// The name as people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorization => "Authorization",
            Self::XApiKey => "X-Api-Key",
            Self::ApiKey => "Api-Key",
            Self::XOllamaToken => "X-Ollama-Token",
        }
    }
}

/// What the gate does with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// may hold a credential; never reaches Ollama
    Credential(Place),
    /// never reaches Ollama: other credentials, cookies, Origin, identity headers of the client's
    Private,
    /// `Origin`: read for the browser rule; never reaches Ollama
    Origin,
    /// `Host`, or `:authority` of HTTP/2 and Envoy
    Host,
    /// `:method`
    Method,
    /// `:path`
    Path,
    /// `X-Request-Id`
    RequestId,
    /// none of the gate's business
    Other,
}

/// The names that mean something, in canonical spelling.
const NAMES: [(&[u8], FieldKind); 20] = [
    (b":method", FieldKind::Method),
    (b":path", FieldKind::Path),
    (b":authority", FieldKind::Host),
    (b"host", FieldKind::Host),
    (
        b"authorization",
        FieldKind::Credential(Place::Authorization),
    ),
    (b"x-api-key", FieldKind::Credential(Place::XApiKey)),
    (b"api-key", FieldKind::Credential(Place::ApiKey)),
    (
        b"x-ollama-token",
        FieldKind::Credential(Place::XOllamaToken),
    ),
    (b"origin", FieldKind::Origin),
    (b"x-request-id", FieldKind::RequestId),
    (b"proxy-authorization", FieldKind::Private),
    (b"cookie", FieldKind::Private),
    (b"remote-user", FieldKind::Private),
    (b"x-remote-user", FieldKind::Private),
    (b"x-forwarded-user", FieldKind::Private),
    (b"x-forwarded-email", FieldKind::Private),
    (b"x-forwarded-groups", FieldKind::Private),
    (b"x-forwarded-preferred-username", FieldKind::Private),
    (b"x-forwarded-access-token", FieldKind::Private),
    (b"x-credential-identifier", FieldKind::Private),
];

/// A bit for each length that a known name has: most fields of a request are told by it alone.
const LENGTHS: u64 = {
    let mut bits = 0;
    let mut rest: &[(&[u8], FieldKind)] = &NAMES;
    while let [(name, _), others @ ..] = rest {
        bits |= 1 << name.len();
        rest = others;
    }
    bits
};

/// Identity headers that come in families.
const FAMILIES: [&[u8]; 3] = [b"x-user-", b"x-openwebui-user-", b"x-auth-request-"];

impl FieldKind {
    /// What a field called `name` is. Letters match in either case. A name spelled with `_` in
    /// place of `-` is kept from Ollama like its proper spelling (WSGI-like servers confuse the
    /// two) but no credential is read from it.
    pub fn of(name: &[u8]) -> Self {
        let known = match name.len() {
            length if length < 64 && LENGTHS & (1 << length) != 0 => NAMES
                .iter()
                .find(|(known, _)| known.len() == length && begins(name, known)),
            _ => None,
        };
        match known {
            None if FAMILIES.iter().any(|family| begins(name, family)) => Self::Private,
            None => Self::Other,
            Some((known, Self::Credential(_) | Self::Origin)) if !is_spelled(name, known) => {
                Self::Private
            }
            Some((known, kind)) if *kind == Self::Private || is_spelled(name, known) => *kind,
            Some(_) => Self::Other,
        }
    }
}

/// Whether `name` begins with `canonical`, in either case, with `_` for `-`.
fn begins(name: &[u8], canonical: &[u8]) -> bool {
    name.len() >= canonical.len()
        && canonical.iter().zip(name).all(|(canonical, byte)| {
            canonical.eq_ignore_ascii_case(byte) || (*canonical == b'-' && *byte == b'_')
        })
}

fn is_spelled(name: &[u8], canonical: &[u8]) -> bool {
    name.eq_ignore_ascii_case(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_either_case() {
        for name in ["authorization", "Authorization", "AUTHORIZATION"] {
            let kind = FieldKind::of(name.as_bytes());
            assert_eq!(kind, FieldKind::Credential(Place::Authorization));
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
