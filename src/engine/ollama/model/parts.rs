//! Host, namespace, model and tag: where they stand in a name, and what they may be.

/// The registry that is meant where a name has no host.
const HOST: &str = "registry.ollama.ai";
/// The namespace that is meant where a name has none.
const NAMESPACE: &str = "library";
/// The tag that is meant where a name has none.
const TAG: &str = "latest";

/// What stands for any namespace, model or tag in a pattern.
pub(crate) const ANY: &str = "*";

/// The longest part of a name, in bytes, and the longest host.
const MAX_PART_BYTES: usize = 80;
const MAX_HOST_BYTES: usize = 350;

/// The parts of a name, each whatever stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts<'t> {
    pub host: Option<&'t str>,
    pub namespace: Option<&'t str>,
    pub model: &'t str,
    pub tag: Option<&'t str>,
}

impl<'t> Parts<'t> {
    /// Cuts `text` where Ollama does. A scheme is passed over: models are the same under each.
    pub(crate) fn split(text: &'t str) -> Self {
        // A colon before the last slash is that of a port.
        let (rest, tag) = match text.rsplit_once(':') {
            Some((rest, tag)) if !tag.contains('/') => (rest, Some(tag)),
            _ => (text, None),
        };
        let Some((rest, model)) = rest.rsplit_once('/') else {
            return Self {
                host: None,
                namespace: None,
                model: rest,
                tag,
            };
        };
        let (host, namespace) = match rest.rsplit_once('/') {
            Some((host, namespace)) => (Some(host), namespace),
            None => (None, rest),
        };
        let host = host.and_then(|host| match host.split_once("://") {
            // Behind a scheme the host may be left out too.
            Some((_, host)) => (!host.is_empty()).then_some(host),
            None => Some(host),
        });
        Self {
            host,
            namespace: Some(namespace),
            model,
            tag,
        }
    }

    /// `host/namespace/model:tag` in lower case, with the defaults in place of what is not there, or
    /// `None` if a part is none that Ollama takes. In a `pattern` a part may be [`ANY`].
    pub(crate) fn canonical(self, pattern: bool) -> Option<Box<str>> {
        let host = self.host.unwrap_or(HOST);
        let namespace = self.namespace.unwrap_or(NAMESPACE);
        let tag = self.tag.unwrap_or(TAG);
        let fits =
            |part: &str, also: &[u8]| pattern && part == ANY || is_part(part, also, MAX_PART_BYTES);
        let fit = is_part(host, b".:", MAX_HOST_BYTES)
            && fits(namespace, b"")
            && fits(self.model, b".")
            && fits(tag, b".");
        fit.then(|| {
            let mut text = [host, "/", namespace, "/", self.model, ":", tag].concat();
            text.make_ascii_lowercase();
            text.into()
        })
    }

    /// The parts of what [`Parts::canonical`] made.
    pub(crate) fn of_canonical(text: &'t str) -> Option<[&'t str; 4]> {
        let (host, rest) = text.split_once('/')?;
        let (namespace, rest) = rest.split_once('/')?;
        let (model, tag) = rest.rsplit_once(':')?;
        Some([host, namespace, model, tag])
    }
}

/// A name or a pattern in canonical form, without the default host and namespace.
pub(crate) fn shortest(canonical: &str) -> &str {
    let Some(rest) = behind(canonical, HOST) else {
        return canonical;
    };
    match behind(rest, NAMESPACE) {
        // `library/*` alone would be `*`, which is more.
        Some(shorter) if !shorter.starts_with(ANY) => shorter,
        _ => rest,
    }
}

/// What stands in `text` behind `part` and a slash.
fn behind<'t>(text: &'t str, part: &str) -> Option<&'t str> {
    text.strip_prefix(part)?.strip_prefix('/')
}

/// One part: a letter, a digit or `_`, then these, `-` and what `also` has.
fn is_part(part: &str, also: &[u8], max: usize) -> bool {
    let first = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let other = |byte: u8| first(byte) || byte == b'-' || also.contains(&byte);
    part.len() <= max && part.bytes().next().is_some_and(first) && part.bytes().all(other)
}
