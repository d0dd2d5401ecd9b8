//! What Ollama sees: no credential of the client's, the right Host, and only the identity headers
//! that the configuration asks for.

mod credential;
mod rules;
mod taken_out;

pub(crate) use credential::{
    Asker, CredentialDocument, Expiry, Grant, Kind, MAX_VALUE_BYTES, OwnCredential, OwnField,
    TextSource,
};
pub(crate) use rules::{FRAMING, NamePattern, Proof, UpstreamRules};
pub(crate) use taken_out::TakenOut;

use crate::denial::{Denial, Reason};
use crate::http::{ControlCharacter, RequestHead, encoded_value, is_same, is_value};
use crate::policy::{Caller, ConditionalPermit, Permit};
use std::borrow::Cow;
use taken_out::is_of;

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

/// Turns `permit` into the admission of the request with `head`, without what is `taken_out`, and with the
/// gate's `own` credential.
///
/// # Errors
/// [`Reason::UnsafeIdentity`] if a value that the configuration wants in a header holds a control
/// character: a host call accepts a CR or LF, and the request breaks later.
pub(crate) fn admit<'a>(
    permit: &Permit<'_, 'a>,
    head: &RequestHead<'a>,
    taken_out: TakenOut<'a>,
    rules: &'a UpstreamRules,
    own: Option<OwnField<'a>>,
) -> Result<Admitted<'a>, Denial> {
    let edits = edits(permit.caller(), head, taken_out, rules, own)?;
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
    own: Option<OwnField<'a>>,
) -> Result<Prepared<'a>, Denial> {
    let edits = edits(conditional.caller(), head, taken_out, rules, own)?;
    Ok(Prepared { edits })
}

fn edits<'a>(
    caller: Caller<'_, 'a>,
    head: &RequestHead<'a>,
    taken_out: TakenOut<'a>,
    rules: &'a UpstreamRules,
    own: Option<OwnField<'a>>,
) -> Result<Vec<Edit<'a>>, Denial> {
    let mut edits = taken_out.removals;
    if rules.has_own_headers() {
        write_own(&mut edits, caller, rules, own)?;
    }
    // Asking with the Host that stands there already is no change, and a call less.
    let is_own = |host| is_same(host, rules.host.as_bytes());
    if !head.only_host().is_some_and(is_own) {
        edits.push(Edit::Host(&rules.host));
    }
    Ok(edits)
}

/// Adds to `edits` the headers that the gate alone writes: who `caller` is, the proof for a guard, the gate's `own`
/// credential.
#[inline(never)] // or those who have none pay for it
fn write_own<'a>(
    edits: &mut Vec<Edit<'a>>,
    caller: Caller<'_, 'a>,
    rules: &'a UpstreamRules,
    own: Option<OwnField<'a>>,
) -> Result<(), Denial> {
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
            set(name, identity.id.to_string().into())?;
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
    if let Some(own) = own {
        edits.retain(|edit| !is_of(edit, own.name().as_bytes()));
        edits.push(own.edit());
    }
    Ok(())
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
