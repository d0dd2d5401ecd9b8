//! The request head, read once into the few things that the gate looks at.

use super::field::FieldKind;
use super::path::{DecodedPath, PathError, without_query};
use std::fmt;

/// The most header fields that a request may have, pseudo headers not counted.
///
/// nginx's Lua calls, on which APISIX's header map rests, cut the map at 100 without telling the
/// filter: a credential or an identity header behind the hundredth would not be seen, and so
/// not be stripped. Three of them are APISIX's own, so a client may send 96 there, Host included, as
/// on Kong. Envoy refuses more than 100 by itself.
pub(crate) const MAX_FIELDS: usize = 99;

/// One header field as the host gave it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderField<'a> {
    /// the name, in the client's case
    pub name: &'a [u8],
    /// the value, any bytes
    pub value: &'a [u8],
    /// what it means to the gate
    pub kind: FieldKind,
}

/// A request head: fields in order, with the pseudo headers picked out.
#[derive(Clone, Debug)]
pub struct RequestHead<'a> {
    method: &'a [u8],
    path: &'a [u8],
    /// what the gateway's map says in its place
    mapped_path: Option<&'a [u8]>,
    host: &'a [u8],
    scheme: Option<&'a [u8]>,
    one_host: bool,
    fields: Vec<HeaderField<'a>>,
    /// the kinds of the fields
    kinds: Kinds,
}

/// Some kinds of fields, a bit for each.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds(u16);

impl Kinds {
    const fn of(kind: FieldKind) -> Self {
        Self(match kind {
            FieldKind::Other => 1,
            FieldKind::Private => 1 << 1,
            FieldKind::Cookie => 1 << 2,
            FieldKind::Origin => 1 << 3,
            FieldKind::Host => 1 << 4,
            FieldKind::RequestId => 1 << 5,
            FieldKind::Credential(_) => 1 << 6,
            FieldKind::Upgrade => 1 << 8,
            FieldKind::Method | FieldKind::Path | FieldKind::Scheme => 1 << 7,
        })
    }

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The first line of a request, as far as rules look at it (RFC 9112 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLine<'r> {
    /// the method, as sent
    pub method: &'r [u8],
    /// the decoded path, without the prefix that the gate is mounted at
    pub path: &'r str,
    /// whether there is a query
    pub has_query: bool,
}

/// Why a head cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// no `:method`, or an empty one
    NoMethod,
    /// no `:path`, or an empty one (CONNECT has none)
    NoPath,
    /// neither `Host` nor `:authority`
    NoHost,
    /// a pseudo header or `Host` twice
    Repeated,
    /// more than 96
    TooManyFields,
}

impl HeadError {
    /// What is wrong, and what to do.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::NoMethod => "it has no method",
            Self::NoPath => "it has no path (CONNECT is not served)",
            Self::NoHost => "it has no Host header (HTTP/1.1 clients send one)",
            Self::Repeated => "`:path`, `:method` or `Host` appears more than once",
            Self::TooManyFields => {
                "it has more header fields than can be read: send at most 96, `Host` included"
            }
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice())
    }
}

impl std::error::Error for HeadError {}

impl<'a> RequestHead<'a> {
    /// Reads `pairs` of name and value, in the host's order.
    ///
    /// ```
    /// use ollama_gate_engine::{HeadError, RequestHead};
    ///
    /// let pairs = [(&b":method"[..], &b"GET"[..]), (b":path", b"/api/tags"), (b"host", b"gate")];
    /// assert_eq!(RequestHead::read(pairs).map(|head| head.path()), Ok(&b"/api/tags"[..]));
    ///
    /// let twice = pairs.into_iter().chain([(&b":path"[..], &b"/api/delete"[..])]);
    /// assert_eq!(RequestHead::read(twice).unwrap_err(), HeadError::Repeated);
    /// ```
    ///
    /// # Errors
    /// The first defect, if it cannot be used.
    pub fn read(pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Result<Self, HeadError> {
        let (mut method, mut path, mut authority, mut host) = (None, None, None, None);
        let mut scheme = None;
        let mut fields = Vec::with_capacity(24);
        let mut kinds = Kinds::of(FieldKind::Other);
        for (name, value) in pairs {
            let kind = FieldKind::of(name);
            let pseudo = name.first() == Some(&b':');
            if !pseudo {
                fields.push(HeaderField { name, value, kind });
            }
            if kind == FieldKind::Other {
                continue;
            }
            if !pseudo {
                kinds = kinds.with(Kinds::of(kind));
            }
            let slot = match kind {
                FieldKind::Method => &mut method,
                FieldKind::Path => &mut path,
                FieldKind::Scheme => &mut scheme,
                FieldKind::Host if pseudo => &mut authority,
                FieldKind::Host => &mut host,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(HeadError::Repeated);
            }
        }
        if fields.len() > MAX_FIELDS {
            return Err(HeadError::TooManyFields);
        }
        let present = |value: Option<&'a [u8]>| value.filter(|value| !value.is_empty());
        Ok(Self {
            method: present(method).ok_or(HeadError::NoMethod)?,
            path: present(path).ok_or(HeadError::NoPath)?,
            mapped_path: None,
            // Kong's `:authority` is the server's own name, so `Host` goes first.
            host: present(host)
                .or(present(authority))
                .ok_or(HeadError::NoHost)?,
            scheme,
            one_host: host.is_none() || authority.is_none() || host == authority,
            fields,
            kinds,
        })
    }

    /// The same, of a request for `target`. The map of such a gateway shows what it made of that by
    /// itself, and something else goes to Ollama.
    ///
    /// # Errors
    /// The target is empty.
    pub fn of_target(self, target: &'a [u8]) -> Result<Self, HeadError> {
        if target.is_empty() {
            return Err(HeadError::NoPath);
        }
        Ok(Self {
            mapped_path: Some(self.path),
            path: target,
            ..self
        })
    }

    /// The method, as sent.
    pub(crate) const fn method(&self) -> &'a [u8] {
        self.method
    }

    /// The path with its query, as sent.
    pub const fn path(&self) -> &'a [u8] {
        self.path
    }

    /// The path as Ollama's router will see it.
    ///
    /// # Errors
    /// Its first defect, or that the gateway made something else of it.
    pub(crate) fn decoded_path(&self) -> Result<DecodedPath<'a>, PathError> {
        let path = DecodedPath::read(self.path)?;
        match self.mapped_path.map(without_query) {
            Some(mapped) if mapped != path.as_str().as_bytes() => Err(PathError::ReadOtherwise),
            _ => Ok(path),
        }
    }

    /// The host that the client asked for, with its port if it gave one.
    pub(crate) const fn host(&self) -> &'a [u8] {
        self.host
    }

    /// Whether the gateway says that the request came over TLS. Without an answer nobody knows.
    pub fn is_https(&self) -> Option<bool> {
        self.scheme
            .map(|scheme| scheme.eq_ignore_ascii_case(b"https"))
    }

    /// The host, if all that the map shows of it says the same: `Host` and `:authority`, or one of
    /// them alone.
    pub(crate) fn only_host(&self) -> Option<&'a [u8]> {
        self.one_host.then_some(self.host)
    }

    /// Whether the map shows a `Host` header of its own beside `:authority`.
    pub fn shows_host_header(&self) -> bool {
        self.values(FieldKind::Host).next().is_some()
    }

    /// The fields that are not pseudo headers, in order, `Host` among them where the host shows it.
    pub(crate) fn fields(&self) -> &[HeaderField<'a>] {
        &self.fields
    }

    /// The first value of the field called `name`.
    pub(crate) fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.values_of(name).next()
    }

    /// The values of every field called `name`, in order.
    pub(crate) fn values_of(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.fields.iter();
        let named = fields.filter(move |field| field.name.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|field| field.value)
    }

    /// The values of every field of `kind`, in order.
    pub(crate) fn values(&self, kind: FieldKind) -> impl Iterator<Item = &'a [u8]> {
        // Nearly every request has none of most kinds.
        let fields = if self.kinds.has(Kinds::of(kind)) {
            self.fields.as_slice()
        } else {
            &[]
        };
        fields
            .iter()
            .filter(move |field| field.kind == kind)
            .map(|field| field.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = Vec<(&'static [u8], &'static [u8])>;

    fn good() -> Pairs {
        vec![
            (b":method", b"GET"),
            (b":path", b"/"),
            (b":authority", b"a"),
        ]
    }

    fn without(name: &[u8]) -> Pairs {
        good().into_iter().filter(|pair| pair.0 != name).collect()
    }

    #[test]
    fn each_part_must_be_there() {
        let defect = |name: &[u8]| RequestHead::read(without(name)).unwrap_err();
        assert!(RequestHead::read(good()).is_ok());
        assert_eq!(defect(b":method"), HeadError::NoMethod);
        assert_eq!(defect(b":path"), HeadError::NoPath);
        assert_eq!(defect(b":authority"), HeadError::NoHost);
    }

    #[test]
    fn nothing_that_decides_may_stand_twice() {
        for pair in [good()[0], good()[1], good()[2]] {
            let twice = good().into_iter().chain([pair]);
            assert_eq!(
                RequestHead::read(twice).unwrap_err(),
                HeadError::Repeated,
                "{pair:?}"
            );
        }
    }

    #[test]
    fn the_host_header_goes_before_the_authority() {
        let both = good().into_iter().chain([(&b"Host"[..], &b"b"[..])]);
        assert_eq!(RequestHead::read(both).unwrap().host(), b"b");
    }

    #[test]
    fn a_path_that_the_gateway_made_something_else_of_is_refused() {
        let of = |mapped: &'static str, target: &'static str| {
            let path = (&b":path"[..], mapped.as_bytes());
            let head = RequestHead::read(without(b":path").into_iter().chain([path]));
            let head = head.unwrap().of_target(target.as_bytes());
            head.unwrap()
                .decoded_path()
                .map(|path| path.as_str().to_owned())
        };
        assert_eq!(
            of("/api/tags?a=b", "/api/t%61gs?c=d"),
            Ok("/api/tags".to_owned())
        );
        assert_eq!(of("/", "/api/tags"), Err(PathError::ReadOtherwise));
        assert_eq!(of("/api/tags", "/api/tags/"), Err(PathError::ReadOtherwise));
        assert_eq!(of("/", "/#/../api/tags"), Err(PathError::Fragment));
        let head = RequestHead::read(good()).unwrap();
        assert_eq!(head.of_target(b"").unwrap_err(), HeadError::NoPath);
    }

    #[test]
    fn a_head_that_a_host_may_have_cut_is_refused() {
        let filler = (&b"x-filler"[..], &b"1"[..]);
        let with = |count| good().into_iter().chain(std::iter::repeat_n(filler, count));
        assert!(RequestHead::read(with(MAX_FIELDS)).is_ok());
        let cut = RequestHead::read(with(MAX_FIELDS + 1)).unwrap_err();
        assert_eq!(cut, HeadError::TooManyFields);
    }
}
