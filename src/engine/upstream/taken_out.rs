//! What is taken out of a request.

use super::{Edit, FRAMING, UpstreamRules};
use crate::credential::Copies;
use crate::denial::{Denial, Reason};
use crate::http::{FieldKind, HeaderField, RequestHead, resembles};

/// The fields of a request that Ollama must not see, each name once.
#[derive(Debug)]
pub(crate) struct TakenOut<'a> {
    pub(super) removals: Vec<Edit<'a>>,
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
            let advice = "it is also in the path or the query: send it in its header only, and have it \
                          replaced, since URLs are logged";
            return Err(Denial::new(Reason::ExposedCredential, advice));
        }
        let own = own_headers(rules);
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

fn own_headers(rules: &UpstreamRules) -> Vec<&str> {
    #[inline(never)] // or those who have none pay for it
    fn collect(rules: &UpstreamRules) -> Vec<&str> {
        rules.own_headers().collect()
    }
    if rules.has_own_headers() {
        collect(rules)
    } else {
        Vec::new()
    }
}

/// Whether `field`, which nothing names and which holds a credential, can be taken out of `head`.
#[inline(never)]
fn check_removable(head: &RequestHead<'_>, field: &HeaderField<'_>) -> Result<(), Denial> {
    if let Some(name) = FRAMING
        .iter()
        .find(|own| resembles(field.name, own.as_bytes()))
    {
        let advice = format!("`{name}` contains it too: send it in its own header only");
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
pub(super) fn is_of(edit: &Edit<'_>, name: &[u8]) -> bool {
    match edit {
        Edit::Remove(own) | Edit::Set(own, _) => own.as_bytes().eq_ignore_ascii_case(name),
        Edit::Host(_) => false,
    }
}

fn remove(name: &[u8]) -> Result<Edit<'_>, Denial> {
    std::str::from_utf8(name).map(Edit::Remove).map_err(|_| {
        let advice = "the name of an identity header is not ASCII";
        Denial::new(Reason::MalformedRequest, advice)
    })
}
