//! `upstream`, `path_prefix`

pub(super) mod credential;
pub(super) mod fetched;

use super::field::{Field, Shape};
use super::headers::HeaderNames;
use super::jwt::claim;
use super::reader::{Node, Reader};
use super::table::Member;
use super::value::{ALLOW_PLACEHOLDER, SECRET};
use crate::authn::jwt::ForwardedClaim;
use crate::http::{FieldKind, PathPrefix, is_visible_ascii};
use crate::source::Sources;
use crate::upstream::{FRAMING, NamePattern, Proof, UpstreamRules};

table! {
    pub(super) UPSTREAM => UpstreamSection {
        host: Field::optional(
            Shape::Pattern(r"^[A-Za-z0-9._:\[\]-]{1,255}$"),
            "the `Host` header that Ollama receives. An Ollama bound to loopback refuses other names. Default: \
             `localhost:11434`. Has no effect on APISIX, where the route's `upstream_host` decides. Refused on Kong, which \
             takes it from the service's `url`",
        ),
        identity_headers: Field::optional(
            Shape::Object(IDENTITY_HEADERS),
            "headers that tell Ollama, or a program in front of it, who is calling. Ollama forwards headers to \
             ollama.com for cloud models. Default: none",
        ),
        proof: Field::optional(
            Shape::Object(PROOF),
            "a header with a secret that the gate adds to every request that it forwards, so that a guard behind it \
             in the gateway can refuse requests that bypassed the gate. Default: none",
        ),
        credential: Field::optional(
            Shape::Object(credential::CREDENTIAL),
            "what the server in front of Ollama wants to see of the gate itself, such as a hosted Ollama or a company's \
             proxy. It is set on every request that goes on, the public ones too, and on nothing in report mode. \
             Default: none",
        ),
        remove_headers: Field::optional(
            Shape::List(&Shape::Pattern(r"^[A-Za-z0-9-]{1,64}\*?$")),
            "additional headers to remove before Ollama: names such as `X-Team-Secret`, or prefixes with `*` at the \
             end, such as `x-corp-*`. Default: none",
        ),
    }
}

table! {
    pub(super) PROOF => ProofSection {
        header: Field::required(
            HEADER,
            "the name of the header, such as `X-Ollama-Gate-Proof`. The client's own header of that name is removed",
        ),
        secret: Field::required(
            Shape::Secret(SECRET),
            "its value, known only to the gate and the guard: at least 32 characters of visible ASCII",
        ),
        danger_allow_placeholder_secret: ALLOW_PLACEHOLDER,
    }
}

/// The shortest secret of the proof.
const SHORTEST_PROOF: usize = 32;

table! {
    pub(super) IDENTITY_HEADERS => IdentityHeadersSection {
        subject: Field::optional(HEADER, "the header for the caller's `subject`"),
        credential_id: Field::optional(
            HEADER,
            "the header for the `id` of the key, or the `name` of the issuer",
        ),
        claims: Field::optional(
            Shape::Map(&Shape::Name),
            "headers for claims of the token, each with the name of its claim: `{\"X-User-Email\": \"email\"}`. \
             Lists are joined by commas; `%`, commas, leading and trailing spaces, and non-ASCII characters are \
             percent-encoded",
        ),
    }
}

/// The name of a header; which ones are free is for the reader to say.
pub(super) const HEADER: Shape = Shape::Pattern("^[A-Za-z0-9-]{1,64}$");

const DEFAULT_HOST: &str = "localhost:11434";

/// The rules, and the claims that go into headers, in the same order as their names. No header is one
/// of those that are `taken`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    sources: &mut Sources,
    taken: &mut HeaderNames,
    node: Option<&Node<'_>>,
) -> (UpstreamRules, Vec<ForwardedClaim>) {
    let section = node.and_then(|node| reader.section::<UpstreamSection>(node));
    let section = section.as_ref();
    let host = section.and_then(|section| section.host.node());
    let host = host.and_then(|node| {
        let expected = "a host such as \"localhost:11434\", without a scheme or a path";
        reader.parsed(&node, expected, |text| {
            is_host(text).then(|| text.to_owned())
        })
    });
    let names = section.and_then(|section| section.identity_headers.node());
    let names = names.and_then(|node| reader.section::<IdentityHeadersSection>(&node));
    let mut header = |reader: &mut Reader<'_>, member: Option<&Member<'_>>| {
        let member = member?;
        let node = member.node()?;
        let name = header_name(reader, &node)?;
        taken.take(reader, &node, &name, member.name());
        Some(name)
    };
    let names = names.as_ref();
    let subject_header = header(reader, names.map(|names| &names.subject));
    let credential_id_header = header(reader, names.map(|names| &names.credential_id));
    let claims = names.and_then(|names| names.claims.node());
    let entries = claims.map(|node| reader.entries(&node)).unwrap_or_default();
    let (mut claim_headers, mut claims) = (Vec::new(), Vec::new());
    for (name, node) in entries {
        if !is_free(name) {
            reader.refuse(&node, format!("is not {FREE_HEADER}"));
            continue;
        }
        let name = name.to_ascii_lowercase();
        taken.take(reader, &node, &name, "claims");
        if let Some(path) = claim(reader, &node) {
            claim_headers.push(name);
            claims.push(ForwardedClaim {
                path,
                header: claim_headers.last().cloned().unwrap_or_default(),
            });
        }
    }
    let proof = section.and_then(|section| section.proof.node());
    let proof = proof.and_then(|node| read_proof(reader, taken, &node));
    let credential = section.and_then(|section| section.credential.node());
    let credential = credential.and_then(|node| credential::read(reader, sources, taken, &node));
    let rules = UpstreamRules {
        proof,
        credential,
        host: host.unwrap_or_else(|| DEFAULT_HOST.to_owned()),
        subject_header,
        credential_id_header,
        claim_headers,
        token_headers: Vec::new(),
        removed_headers: section
            .and_then(|section| section.remove_headers.node())
            .map(|node| removed_headers(reader, &node))
            .unwrap_or_default(),
    };
    (rules, claims)
}

/// The proof for a guard behind the gate.
fn read_proof(reader: &mut Reader<'_>, taken: &mut HeaderNames, node: &Node<'_>) -> Option<Proof> {
    let section = reader.section::<ProofSection>(node)?;
    let header = section.header.read(reader, |reader, node| {
        let name = header_name(reader, node)?;
        taken.take(reader, node, &name, "proof");
        Some(name)
    });
    let allowed = reader.is_true(&section.danger_allow_placeholder_secret);
    let secret = section.secret.read(reader, |reader, node| {
        let secret = reader.secret(node)?;
        let bytes = secret.expose().as_bytes();
        if bytes.len() < SHORTEST_PROOF || !is_visible_ascii(bytes) {
            reader.refuse(node, "expected 32 or more characters of visible ASCII");
            return None;
        }
        reader
            .check_drawn(node, secret.expose(), allowed)
            .then_some(secret)
    });
    Some(Proof {
        header: header?,
        secret: secret?,
    })
}

fn removed_headers(reader: &mut Reader<'_>, node: &Node<'_>) -> Vec<NamePattern> {
    let items = reader.list(node, "a list of headers");
    let patterns = items.iter().filter_map(|item| {
        let expected = "the name of a header, or its beginning and `*`";
        let pattern = reader.parsed(item, expected, name_pattern)?;
        let needed = FRAMING.iter().chain(&["host"]);
        let needed = needed.copied().find(|own| pattern.matches(own.as_bytes()));
        if let Some(needed) = needed {
            reader.refuse(
                item,
                format!("would remove `{needed}`, without which no request works"),
            );
        }
        Some(pattern)
    });
    patterns.collect()
}

fn name_pattern(text: &str) -> Option<NamePattern> {
    let (name, is_prefix) = match text.strip_suffix('*') {
        Some(name) => (name, true),
        None => (text, false),
    };
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let fit = (1..=64).contains(&name.len()) && name.bytes().all(token);
    fit.then(|| NamePattern {
        name: name.to_ascii_lowercase(),
        is_prefix,
    })
}

const FREE_HEADER: &str = "the name of a header that is free to carry an identity";

/// The name of a header that is free, in lower case.
pub(super) fn header_name(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<String> {
    reader.parsed(node, FREE_HEADER, |text| {
        is_free(text).then(|| text.to_ascii_lowercase())
    })
}

/// `host` or `host:port` (RFC 3986 section 3.2, without user information).
fn is_host(text: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(fit)
}

pub(super) fn is_free(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let kind = FieldKind::of(name.as_bytes());
    // The last one the gate sets itself, where it reads responses.
    let others = ["cookie", "proxy-authorization", "accept-encoding"];
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(token)
        && matches!(kind, FieldKind::Other | FieldKind::Private)
        && !FRAMING
            .iter()
            .chain(&others)
            .any(|own| name.eq_ignore_ascii_case(own))
}

/// Where the gate is mounted.
pub(super) fn path_prefix(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<PathPrefix> {
    let expected = "a path such as \"/ollama\", without a slash at its end";
    reader.parsed(node, expected, PathPrefix::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_free_header_carries_an_identity() {
        for free in ["X-Forwarded-User", "x-my-user", "X-Credential-Identifier"] {
            assert!(is_free(free), "{free}");
        }
        for taken in [
            "Host",
            "Authorization",
            "Cookie",
            "X-Api-Key",
            "Content-Length",
            "Origin",
            ":path",
            "x user",
            "x_user",
            "",
            "Transfer-Encoding",
            "X-Request-Id",
            "Proxy-Authorization",
            "Accept-Encoding",
        ] {
            assert!(!is_free(taken), "{taken}");
        }
    }
}
