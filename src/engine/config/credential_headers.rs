//! `credential_headers`

use super::field::{Field, Shape};
use super::headers::HeaderNames;
use super::reader::{Node, Reader};
use super::upstream::{HEADER, is_free};
use crate::credential::CredentialHeader;
use crate::http::{FieldKind, Place};
use crate::json::Json;

table! {
    pub(super) CREDENTIAL_HEADER => CredentialHeaderSection {
        name: Field::required(
            HEADER,
            "the name of the header, such as `X-Forwarded-Authorization`; with `Authorization`, the `scheme` is \
             accepted in addition to `Bearer` and `Basic`",
        ),
        scheme: Field::required(
            Shape::Pattern("^[A-Za-z0-9-]{1,32}$"),
            "the word before the key or token, such as `Token`. It is optional in the request and compared without \
             regard to case",
        ),
    }
}

const NAME: &str = "the name of a header that is free to carry a credential, such as \"apikey\"";

/// Headers that identity proxies fill in for whatever page a browser shows: as a place for credentials they
/// would let pages from elsewhere act for whoever is signed in. Lower-case beginnings.
const OF_PROXIES: [&str; 17] = [
    "cf-access-",
    "x-goog-iap-",
    "x-goog-authenticated-",
    "x-amzn-oidc-",
    "x-ms-client-principal",
    "x-ms-token-",
    "x-pomerium-",
    "x-authentik-",
    "x-auth-request-",
    "x-vouch-",
    "x-forwarded-access-token",
    "x-forwarded-id-token",
    "x-forwarded-user",
    "x-openwebui-user-",
    "x-raw-id-token",
    "x-jwt-",
    "x-remote-",
];

/// The headers, and the schemes of `Authorization`. Each header is then `taken`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    taken: &mut HeaderNames,
    node: &Node<'_>,
) -> Vec<CredentialHeader> {
    let mut found: Vec<CredentialHeader> = Vec::new();
    for item in reader.list(node, "a list of headers") {
        let header = match item.json {
            Json::Object(_) => read_object(reader, &item),
            Json::Text(_) => read_name(reader, &item, false).map(|name| (item.clone(), name, None)),
            _ => {
                reader.mismatch(
                    &item,
                    "the name of a header, or an object with `name` and `scheme`",
                );
                None
            }
        };
        let Some((place, name, scheme)) = header else {
            continue;
        };
        let header = CredentialHeader { name, scheme };
        if header.is_authorization() {
            if found.contains(&header) {
                reader.refuse(&item, "is a duplicate");
            }
        } else {
            taken.take(reader, &place, &header.name, "credential_headers");
        }
        found.push(header);
    }
    found
}

fn read_object<'j>(
    reader: &mut Reader<'_>,
    item: &Node<'j>,
) -> Option<(Node<'j>, String, Option<String>)> {
    let section = reader.section::<CredentialHeaderSection>(item)?;
    let name = section
        .name
        .read(reader, |reader, node| read_name(reader, node, true));
    let scheme = section.scheme.read(reader, |reader, node| {
        reader.parsed(
            node,
            "a scheme other than Bearer and Basic, such as \"Token\"",
            |text| {
                let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                let fit = (1..=32).contains(&text.len()) && text.bytes().all(token);
                fit.then(|| text.to_ascii_lowercase())
            },
        )
    });
    let (name, scheme) = (name?, scheme?);
    let header = CredentialHeader {
        name,
        scheme: Some(scheme),
    };
    let known = ["bearer", "basic"];
    let is_known = |scheme: &String| known.contains(&scheme.as_str());
    if header.is_authorization() && header.scheme.as_ref().is_some_and(is_known) {
        reader.refuse(
            &section.scheme.place(),
            "is accepted in `Authorization` anyway",
        );
        return None;
    }
    Some((section.name.place(), header.name, header.scheme))
}

/// The name of a header in lower case; `Authorization` is one where a scheme is `added` to it.
fn read_name(reader: &mut Reader<'_>, node: &Node<'_>, added: bool) -> Option<String> {
    let text = node.json.text().unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    let of_proxy = OF_PROXIES.iter().any(|own| lower.starts_with(own));
    let refused = match FieldKind::of(text.as_bytes()) {
        FieldKind::Credential(Place::Authorization) if added => return Some(lower),
        FieldKind::Credential(_) => "holds credentials anyway",
        _ if of_proxy => {
            "is added by a proxy to requests of any page in the browser: use `jwt[].assertion_header`, which accepts such tokens from pages of this site only"
        }
        _ => return reader.parsed(node, NAME, |text| is_free(text).then_some(lower)),
    };
    reader.refuse(node, refused);
    None
}
