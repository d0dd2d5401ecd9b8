//! `network`, and the networks of a key

use super::field::{Field, Shape};
use super::host::HostName;
use super::reader::{Node, Reader};
use crate::authn::api_key::KeyRing;
use crate::network::{NetworkRules, RangeError, Ranges, proves};

/// A range of addresses; what is in it the reader says.
const RANGE: Shape = Shape::Pattern("^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$");
/// A list of them.
pub(super) const RANGES: Shape = Shape::List(&RANGE);

table! {
    pub(super) NETWORK => NetworkSection, or "`\"allow\": []` lets nobody in" {
        allow: Field::any_of(
            RANGES,
            "the networks from which requests are accepted, such as `192.168.1.0/24`, `2001:db8::/32` or a single \
             address; `[]` means none. Default: all",
        ),
        deny: Field::any_of(
            RANGES,
            "the networks from which requests are refused, even if `allow` includes them. Default: none",
        ),
        trusted_proxies: Field::any_of(
            Shape::Whole(0, MAX_PROXIES),
            "the number of proxies in front of the gateway, each of which appends the address that it sees to \
             `X-Forwarded-For`. Default: `0`, the header is ignored",
        ),
    }
}

/// More proxies than stand before any gateway.
const MAX_PROXIES: u64 = 16;

/// The rules in `network`. `keys` may have networks of their own.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: Option<&Node<'_>>,
    keys: &KeyRing,
    back_off: bool,
    others_ask: bool,
    host: Option<HostName>,
) -> NetworkRules {
    let of_keys = keys.configured().any(|key| key.allow_from.is_some());
    let section = node.and_then(|node| reader.section::<NetworkSection>(node));
    let (allow, deny, proxies) = match &section {
        Some(section) => (
            section.allow.node().map(|node| ranges(reader, &node)),
            section.deny.node().map(|node| ranges(reader, &node)),
            reader.whole(&section.trusted_proxies),
        ),
        None => (None, None, None),
    };
    let restricts =
        allow.is_some() || of_keys || deny.as_ref().is_some_and(|deny| !deny.is_empty());
    let rules = NetworkRules {
        allow,
        deny: deny.unwrap_or_default(),
        trusted_proxies: proxies.unwrap_or_default(),
    };
    if let Some(section) = &section {
        let asks = of_keys || keys.fetches() || back_off || others_ask;
        check(reader, section, asks);
    }
    if restricts && !back_off && host.is_none() {
        let root = "host.name";
        reader.errors.add(
            root.to_owned(),
            "is required with rules for networks: each gateway provides the client's address in its own way"
                .to_owned(),
        );
    }
    rules
}

/// Refuses proxies where nothing asks for the client's address.
fn check(reader: &mut Reader<'_>, section: &NetworkSection<'_>, others_ask: bool) {
    let of_all = section.allow.is_given() || section.deny.is_given();
    if section.trusted_proxies.is_given() && !of_all && !others_ask {
        reader.refuse(
            &section.trusted_proxies.place(),
            "has no effect: there is no `allow`, no `deny`, no `back_off`, no key with `allow_from`, no public key that signs, and no `log.fields` with `address`",
        );
    }
}

/// A list of ranges. What is wrong is told of each.
pub(super) fn ranges(reader: &mut Reader<'_>, node: &Node<'_>) -> Ranges {
    let expected = "a network such as \"192.168.1.0/24\" or \"2001:db8::/32\", or an address";
    let items = reader.list(node, "a list of networks");
    let mut texts = Vec::new();
    for item in &items {
        if let Some(text) = reader.parsed(item, expected, Some) {
            texts.push((item, text));
        }
    }
    match Ranges::read(texts.iter().map(|(_, text)| *text)) {
        Ok(ranges) => ranges,
        Err(errors) => {
            for (place, error) in errors {
                let Some((item, _)) = texts.get(place) else {
                    continue;
                };
                match error {
                    RangeError::NoRange => {
                        reader.parsed(item, expected, |_| None::<()>);
                    }
                    other => reader.refuse(item, other.to_string()),
                }
            }
            Ranges::default()
        }
    }
}

/// Whether a network can count as a method: one is named that is not everybody's.
pub(super) fn counts(rules: &NetworkRules, keys: &KeyRing) -> bool {
    rules.prove()
        || keys.fetches()
        || keys
            .configured()
            .any(|key| key.allow_from.as_deref().is_some_and(proves))
}

/// What the log says at the start of ranges that are everybody's.
pub(super) fn warnings(rules: &NetworkRules, keys: &KeyRing) -> Vec<String> {
    let mut lines = Vec::new();
    let line = |place: &str| {
        format!(
            "{place} covers every address (0.0.0.0/0, ::/0 or equivalent): it restricts nobody on the internet, and does not count as a method"
        )
    };
    if rules.allow.as_ref().is_some_and(|allow| !proves(allow)) {
        lines.push(line("network.allow"));
    }
    let open = |allow: &Ranges| !proves(allow);
    let mut ids: Vec<_> = keys
        .configured()
        .filter(|key| key.allow_from.as_deref().is_some_and(open))
        .map(|key| &*key.id)
        .collect();
    ids.sort_unstable();
    lines.extend(
        ids.iter()
            .map(|id| line(&format!("allow_from of the key {id}"))),
    );
    lines
}
