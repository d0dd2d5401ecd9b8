//! How the gate proves itself to a token endpoint, wherever it is a client of one.

use super::field::{Field, Shape};
use super::reader::{Node, Reader};
use super::table::Member;
use super::upstream::credential::drawn;
use super::value::SECRET;
use crate::http::is_value;
use crate::token_endpoint::{Assertions, ClientAuthentication, SigningKey};

/// What names and parameters at an authorization server look like.
pub(super) const PARAMETER: Shape = Shape::Pattern("^[!-~]([ -~]{0,510}[!-~])?$");

/// `private_key`
pub(super) const PRIVATE_KEY: Field = Field::optional(
    Shape::Secret(SECRET),
    "with `private_key_jwt`, where it is required: the key that signs, of P-256 in PEM (ES256). \
     `{\"env\": \"NAME\"}` keeps it out of the configuration; `\\n` may stand for its line breaks",
);

/// `key_id`
pub(super) const KEY_ID: Field = Field::optional(
    PARAMETER,
    "with `private_key_jwt`: the `kid` by which the token endpoint knows the key. Default: none is named",
);

/// The longest name or parameter, in bytes.
const MAX_PARAMETER: usize = 512;
/// The longest client secret, in bytes.
const MAX_SECRET: usize = 1024;

/// How a client proves itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Basic,
    Post,
    Signed,
    /// not at all
    None,
}

impl Method {
    /// Those of a confidential client.
    pub(super) const CONFIDENTIAL: [Self; 3] = [Self::Basic, Self::Post, Self::Signed];
    /// Those of one that may also be public: its code verifier has to do then (RFC 7636).
    pub(super) const ALL: [Self; 4] = [Self::Basic, Self::Post, Self::Signed, Self::None];

    /// Its name in RFC 7591 section 2 and OpenID Connect Core section 9.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::Signed => "private_key_jwt",
            Self::None => "none",
        }
    }
}

/// The fields that say it.
pub(super) struct ClientFields<'s, 'j> {
    pub auth: &'s Member<'j>,
    pub client_secret: &'s Member<'j>,
    pub private_key: &'s Member<'j>,
    pub key_id: &'s Member<'j>,
}

/// How the gate proves itself by these `fields`, in one of the `methods`. Its secret may be an example where such
/// are `allowed`.
pub(super) fn authentication(
    reader: &mut Reader<'_>,
    fields: &ClientFields<'_, '_>,
    methods: &[Method],
    allowed: bool,
) -> Option<ClientAuthentication> {
    let method = match fields.auth.node() {
        None => Method::Basic,
        Some(node) => reader.parsed(&node, &choice(methods), |text| {
            methods.iter().copied().find(|one| one.name() == text)
        })?,
    };
    let secret = fields.client_secret.read(reader, |reader, node| {
        drawn(reader, node, MAX_SECRET, allowed)
    });
    let key = fields.private_key.read(reader, |reader, node| {
        let pem = reader.secret_text(node)?;
        let key = SigningKey::from_pem(pem.expose());
        key.map_err(|why| reader.refuse(node, why)).ok()
    });
    let key_id = fields.key_id.read(reader, parameter);
    let (wanted, others) = match method {
        Method::Basic | Method::Post => (
            Some(fields.client_secret),
            &[fields.private_key, fields.key_id][..],
        ),
        Method::Signed => (Some(fields.private_key), &[fields.client_secret][..]),
        Method::None => (
            None,
            &[fields.client_secret, fields.private_key, fields.key_id][..],
        ),
    };
    if let Some(wanted) = wanted
        && !wanted.is_given()
    {
        reader.refuse(&wanted.place(), "is required for this `auth`");
    }
    for other in others {
        if let Some(node) = other.node() {
            reader.refuse(&node, "has no effect with this `auth`");
        }
    }
    Some(match method {
        Method::Basic => ClientAuthentication::Basic(secret?),
        Method::Post => ClientAuthentication::Post(secret?),
        Method::Signed => {
            let assertions = Assertions::new(key?, key_id.as_deref(), reader.seed);
            ClientAuthentication::Signed(Box::new(assertions))
        }
        Method::None => ClientAuthentication::None,
    })
}

/// A name or a parameter.
pub(super) fn parameter(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<String> {
    let expected = "1 to 512 characters of printable ASCII without spaces at the ends";
    reader.parsed(node, expected, |text| {
        let fit = text.len() <= MAX_PARAMETER && is_value(text);
        fit.then(|| text.to_owned())
    })
}

/// `"a", "b" or "c"`
fn choice(methods: &[Method]) -> String {
    let quoted: Vec<_> = methods
        .iter()
        .map(|method| format!("\"{}\"", method.name()))
        .collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
