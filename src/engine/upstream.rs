//! What Ollama sees: no credential of the client's, the right Host, and only the identity headers
//! that the configuration asks for.

use crate::credential::Copies;
use crate::denial::{Denial, Reason};
use crate::http::{
    ControlCharacter, FieldKind, HeaderField, RequestHead, begins, encoded_value, is_value,
    resembles,
};
use crate::policy::{Caller, ConditionalPermit, Permit};
use crate::secret::Secret;
use std::borrow::Cow;

/// What the configuration says of the way to Ollama.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UpstreamRules {
    /// the Host that Ollama is asked with; bound to loopback it refuses foreign ones
    pub host: String,
    /// the header that names the caller, lower-case
    pub subject_header: Option<String>,
    /// the header that names the credential, lower-case
    pub credential_id_header: Option<String>,
    /// the headers for claims, lower-case, in the order of the identity's claims
    pub claim_headers: Vec<String>,
    /// the configured headers in which keys and tokens come, lower-case
    pub token_headers: Vec<String>,
    /// the headers that are taken out beside those that always are
    pub removed_headers: Vec<NamePattern>,
    /// what shows a guard behind the gate that a request has come through it
    pub proof: Option<Proof>,
}

/// A header with a secret that only the gate and a guard behind it know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// its name, lower-case
    pub header: String,
    /// its value
    pub secret: Secret<String>,
}

/// The name of a header, lower-case, or what it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePattern {
    /// the name, or its beginning
    pub name: String,
    /// whether anything may follow
    pub is_prefix: bool,
}

impl NamePattern {
    /// Whether a field called `name` is meant.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        if self.is_prefix {
            begins(name, self.name.as_bytes())
        } else {
            resembles(name, self.name.as_bytes())
        }
    }
}

/// Headers that frame or route a message. None of them can be taken out.
pub(crate) const FRAMING: [&str; 10] = [
    "connection",
    "content-length",
    "content-type",
    "content-encoding",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

impl UpstreamRules {
    /// Whether the configuration has a field called `name` taken out.
    fn removes(&self, name: &[u8]) -> bool {
        self.removed_headers.iter().any(|own| own.matches(name))
    }

    /// The headers that the gate alone writes or reads.
    fn own_headers(&self) -> impl Iterator<Item = &str> {
        let proof = self.proof.as_ref().map(|proof| &proof.header);
        [&self.subject_header, &self.credential_id_header]
            .into_iter()
            .flatten()
            .chain(proof)
            .chain(&self.claim_headers)
            .chain(&self.token_headers)
            .map(String::as_str)
    }
}

/// One change to the request head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// take out the field of this name
    Remove(&'a str),
    /// make this the only field of this name
    Set(&'a str, Cow<'a, str>),
    /// ask Ollama with this Host, by whatever name the gateway gives it
    Host(&'a str),
}

/// Proof that a request was permitted and cleaned. Only `admit` makes one, and forwarding needs
/// one.
#[derive(Debug, PartialEq, Eq)]
pub struct Admitted<'a> {
    edits: Vec<Edit<'a>>,
}

/// Without the field, any coding would do (RFC 9110 section 12.5.3).
const PLAIN: Edit<'static> = Edit::Set("accept-encoding", Cow::Borrowed("identity"));

impl<'a> Admitted<'a> {
    /// Has the response asked for without compression.
    pub fn ask_for_plain_body(&mut self) {
        self.edits.push(PLAIN);
    }

    /// What has to be done to the head, in this order, before it may go on. If one edit fails, the
    /// request must not.
    pub fn edits(&self) -> &[Edit<'a>] {
        &self.edits
    }
}

/// What is done to the head of a request whose body decides. It is no right to go on.
#[derive(Debug, PartialEq, Eq)]
pub struct Prepared<'a> {
    edits: Vec<Edit<'a>>,
}

impl<'a> Prepared<'a> {
    /// As of [`Admitted::ask_for_plain_body`].
    pub fn ask_for_plain_body(&mut self) {
        self.edits.push(PLAIN);
    }

    /// As of [`Admitted::edits`].
    pub fn edits(&self) -> &[Edit<'a>] {
        &self.edits
    }
}

/// The fields of a request that Ollama must not see, each name once.
#[derive(Debug)]
pub(crate) struct TakenOut<'a> {
    removals: Vec<Edit<'a>>,
}

impl<'a> TakenOut<'a> {
    /// Of the request with `head`: what is named by `rules` or by this gate, and whatever else holds
    /// one of `copies`.
    ///
    /// # Errors
    /// [`Reason::MalformedRequest`] if one stands there twice: Kong blanks the first of them only,
    /// and the decision is the same on every gateway. [`Reason::ExposedCredential`] if a credential
    /// stands where nothing can be taken out.
    pub(crate) fn collect(
        head: &RequestHead<'a>,
        copies: &Copies<'_>,
        rules: &UpstreamRules,
    ) -> Result<Self, Denial> {
        // Kong and APISIX cannot change it, and what is in it reaches logs on the way.
        if copies.are_in(head.path()) {
            let advice = "it is in the path or the query too, send it in its header alone, and have it \
                          replaced: addresses are logged";
            return Err(Denial::new(Reason::ExposedCredential, advice));
        }
        let own: Vec<&str> = rules.own_headers().collect();
        let is_named = |field: &HeaderField<'_>| {
            field.kind.is_taken_out()
                || own.iter().any(|own| resembles(field.name, own.as_bytes()))
                || rules.removes(field.name)
        };
        // Room for what is added to it: there is one list of edits in a request.
        let mut removals = Vec::with_capacity(8);
        for field in head.fields() {
            if is_named(field) {
                if removals.iter().any(|removal| is_of(removal, field.name)) {
                    return Err(twice());
                }
            } else if field.kind != FieldKind::Host && copies.are_in(field.value) {
                check_removable(head, field)?;
            } else {
                continue;
            }
            removals.push(remove(field.name)?);
        }
        Ok(Self { removals })
    }
}

/// Whether `field`, which nothing names and which holds a credential, can be taken out of `head`.
#[inline(never)]
fn check_removable(head: &RequestHead<'_>, field: &HeaderField<'_>) -> Result<(), Denial> {
    if let Some(name) = FRAMING
        .iter()
        .find(|own| resembles(field.name, own.as_bytes()))
    {
        let advice = format!("`{name}` holds it too, send it in its own header alone");
        return Err(Denial::new(Reason::ExposedCredential, advice));
    }
    let same = head.fields().iter();
    let same = same.filter(|other| other.name.eq_ignore_ascii_case(field.name));
    match same.count() {
        1 => Ok(()),
        _ => Err(twice()),
    }
}

fn twice() -> Denial {
    let advice = "a header that Ollama does not see appears more than once, send it once";
    Denial::new(Reason::MalformedRequest, advice)
}

/// Whether `edit` changes the field called `name`.
fn is_of(edit: &Edit<'_>, name: &[u8]) -> bool {
    match edit {
        Edit::Remove(own) | Edit::Set(own, _) => own.as_bytes().eq_ignore_ascii_case(name),
        Edit::Host(_) => false,
    }
}

/// Turns `permit` into the admission of the request with `head`, without what is `taken_out`.
///
/// # Errors
/// [`Reason::UnsafeIdentity`] if a value that the configuration wants in a header holds a control
/// character: a host call accepts a CR or LF, and the request breaks later.
pub(crate) fn admit<'a>(
    permit: &Permit<'_, 'a>,
    head: &RequestHead<'a>,
    taken_out: TakenOut<'a>,
    rules: &'a UpstreamRules,
) -> Result<Admitted<'a>, Denial> {
    let edits = edits(permit.caller(), head, taken_out, rules)?;
    Ok(Admitted { edits })
}

/// Prepares the request with `head`, whose body has yet to be read: the head is edited in its own
/// callback, since a later one is too late on Envoy.
///
/// # Errors
/// As of [`admit`].
pub(crate) fn prepare<'a>(
    conditional: &ConditionalPermit<'_, 'a>,
    head: &RequestHead<'a>,
    taken_out: TakenOut<'a>,
    rules: &'a UpstreamRules,
) -> Result<Prepared<'a>, Denial> {
    let edits = edits(conditional.caller(), head, taken_out, rules)?;
    Ok(Prepared { edits })
}

fn edits<'a>(
    caller: Caller<'_, 'a>,
    head: &RequestHead<'a>,
    taken_out: TakenOut<'a>,
    rules: &'a UpstreamRules,
) -> Result<Vec<Edit<'a>>, Denial> {
    let mut edits = taken_out.removals;
    if let Caller::Known(identity) = caller {
        // Setting replaces. On Kong a header that was blanked and then set would be there twice.
        let mut set = |name: &'a str, value: Cow<'a, str>| -> Result<(), Denial> {
            edits.retain(|edit| !is_of(edit, name.as_bytes()));
            edits.push(Edit::Set(name, safe(name, value)?));
            Ok(())
        };
        if let Some(name) = &rules.subject_header {
            let subject = encoded_value(&identity.subject, false);
            let subject = subject.map_err(|ControlCharacter| unfit(name))?;
            set(name, subject.into_owned().into())?;
        }
        if let Some(name) = &rules.credential_id_header {
            set(name, identity.id.into())?;
        }
        let claims = identity.claims.iter().flat_map(|claims| claims.iter());
        for (name, claim) in rules.claim_headers.iter().zip(claims) {
            if let Some(claim) = claim.as_ref().filter(|claim| !claim.is_empty()) {
                set(name, claim.clone().into())?;
            }
        }
    }
    if let Some(proof) = &rules.proof {
        edits.retain(|edit| !is_of(edit, proof.header.as_bytes()));
        let secret = proof.secret.expose().as_str();
        edits.push(Edit::Set(&proof.header, secret.into()));
    }
    // Asking with the Host that stands there already is no change, and a call less.
    if head.only_host() != Some(rules.host.as_bytes()) {
        edits.push(Edit::Host(&rules.host));
    }
    Ok(edits)
}

fn remove(name: &[u8]) -> Result<Edit<'_>, Denial> {
    std::str::from_utf8(name).map(Edit::Remove).map_err(|_| {
        let advice = "the name of an identity header is not ASCII";
        Denial::new(Reason::MalformedRequest, advice)
    })
}

/// INVARIANT: nothing that is not the value of a header gets into one. What comes here was encoded.
fn safe<'v>(name: &str, value: Cow<'v, str>) -> Result<Cow<'v, str>, Denial> {
    if is_value(&value) {
        Ok(value)
    } else {
        Err(unfit(name))
    }
}

fn unfit(name: &str) -> Denial {
    let advice = format!(
        "the caller's name, which goes into the header `{name}`, holds a control character: have it \
         changed in the key or at the issuer"
    );
    Denial::new(Reason::UnsafeIdentity, advice)
}
