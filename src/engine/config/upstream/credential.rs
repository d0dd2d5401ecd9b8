//! `upstream.credential`

use super::super::field::{Field, Shape};
use super::super::headers::HeaderNames;
use super::super::reader::{Node, Reader};
use super::super::value::{ALLOW_PLACEHOLDER, SECRET};
use super::{HEADER, fetched};
use crate::exchange::Mode;
use crate::http::{FieldKind, is_value, is_visible_ascii};
use crate::secret::Secret;
use crate::source::{Source, Sources};
use crate::upstream::{CredentialDocument, FRAMING, MAX_VALUE_BYTES, OwnCredential};

table! {
    pub(in crate::config) CREDENTIAL => CredentialSection {
        value: Field::one_of(
            Shape::Secret(SECRET),
            "the credential itself, up to 8192 characters of visible ASCII: a string, or `{\"env\": \"NAME\"}`",
        ),
        source: Field::one_of(
            Shape::Object(fetched::CREDENTIAL_SOURCE),
            "where somebody else keeps it, such as a file that a job rewrites or a secret store: it is fetched there, and \
             replaced without a gap",
        ),
        client_credentials: Field::one_of(
            Shape::Object(fetched::GRANT),
            "the token endpoint that issues it: an OAuth 2.0 client credentials grant (RFC 6749 section 4.4), with a refresh \
             before each token's end",
        ),
        header: Field::optional(
            HEADER,
            "the header in which it goes, such as `X-Api-Key`. What a client sends under that name is taken out. \
             Default: `authorization`",
        ),
        prefix: Field::optional(
            Shape::Pattern("^([!-~][ -~]{0,63})?$"),
            "what stands before it in the header, such as `Basic `, with the space. Default: `Bearer ` in \
             `Authorization`, nothing elsewhere",
        ),
        danger_allow_placeholder_secret: ALLOW_PLACEHOLDER,
    }
}

const DEFAULT_HEADER: &str = "authorization";
/// The longest prefix, in bytes.
const MAX_PREFIX: usize = 64;

/// The credential, in a header that is none of those `taken`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    sources: &mut Sources,
    taken: &mut HeaderNames,
    node: &Node<'_>,
) -> Option<OwnCredential> {
    let section = reader.section::<CredentialSection>(node)?;
    let header = match section.header.node() {
        Some(node) => read_header(reader, taken, &node),
        None => Some(DEFAULT_HEADER.to_owned()),
    };
    let prefix = match section.prefix.node() {
        Some(node) => reader.parsed(&node, "up to 64 characters of printable ASCII", |text| {
            let printable = text.is_empty() || is_value(text.trim_end());
            let fit = printable && text.len() <= MAX_PREFIX && !text.starts_with(' ');
            fit.then_some(text)
        }),
        None if header.as_deref() == Some(DEFAULT_HEADER) => Some("Bearer "),
        None => Some(""),
    };
    let allowed = reader.is_true(&section.danger_allow_placeholder_secret);
    let secret = section.value.read(reader, |reader, node| {
        drawn(reader, node, MAX_VALUE_BYTES, allowed)
    });
    let source = section.source.read(reader, fetched::source);
    let grant = section
        .client_credentials
        .read(reader, |reader, node| fetched::grant(reader, node, allowed));
    let (header, prefix) = (header?, prefix?);
    match (secret, source.or(grant)) {
        (Some(secret), None) => Some(OwnCredential::fixed(header, prefix, &secret)),
        (None, Some((kind, rules))) => {
            let prefix = prefix.to_owned();
            let document = CredentialDocument { prefix, kind };
            let name = "upstream.credential".to_owned();
            let source = Source::new(name, document, rules, reader.seed);
            Some(OwnCredential::fetched(header, sources.add(source)))
        }
        _ => None,
    }
}

/// A secret of visible ASCII, of up to `max` bytes, that is no example, unless such are `allowed`.
pub(in crate::config) fn drawn(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    max: usize,
    allowed: bool,
) -> Option<Secret<String>> {
    let secret = reader.secret(node)?;
    let bytes = secret.expose().as_bytes();
    if bytes.len() > max || !is_visible_ascii(bytes) {
        reader.refuse(
            node,
            format!("expected up to {max} characters of visible ASCII"),
        );
        return None;
    }
    reader
        .check_drawn(node, secret.expose(), allowed)
        .then_some(secret)
}

/// What is told at the start of a credential that no request will carry.
pub(in crate::config) fn warning(credential: Option<&OwnCredential>, mode: Mode) -> Option<String> {
    credential.filter(|_| mode == Mode::Report)?;
    let line = "upstream.credential: is not sent in report mode, where requests are forwarded unchanged: the server \
             in front of Ollama receives what clients send";
    Some(line.to_owned())
}

fn read_header(
    reader: &mut Reader<'_>,
    taken: &mut HeaderNames,
    node: &Node<'_>,
) -> Option<String> {
    let expected = "the name of a header in which a credential may go";
    let name = reader.parsed(node, expected, |text| {
        may_hold_credential(text).then(|| text.to_ascii_lowercase())
    })?;
    taken.take(reader, node, &name, "credential");
    Some(name)
}

/// Whether a credential of the gate's may go in a header of this name: in those of clients' credentials too,
/// which are taken out.
fn may_hold_credential(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let others = ["cookie", "accept-encoding"];
    let kind = FieldKind::of(name.as_bytes());
    (1..=64).contains(&name.len())
        && name.bytes().all(token)
        && matches!(
            kind,
            FieldKind::Credential(_) | FieldKind::Private | FieldKind::Other
        )
        && !FRAMING
            .iter()
            .chain(&others)
            .any(|own| name.eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_goes_in_no_header_that_frames_or_routes() {
        for fit in [
            "Authorization",
            "X-Api-Key",
            "api-key",
            "Proxy-Authorization",
            "X-Company-Token",
        ] {
            assert!(may_hold_credential(fit), "{fit}");
        }
        for other in [
            "Host",
            ":authority",
            "Cookie",
            "Origin",
            "Content-Length",
            "Transfer-Encoding",
            "Accept-Encoding",
            "X-Request-Id",
            "x key",
            "x_key",
            "",
        ] {
            assert!(!may_hold_credential(other), "{other}");
        }
    }
}
