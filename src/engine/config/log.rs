//! `log`

use super::field::{Field, Shape};
use super::reader::{Node, Reader};
use crate::exchange::LogRules;

table! {
    pub(super) LOG => LogSection {
        allowed: Field::optional(
            Shape::Boolean,
            "whether allowed requests are logged. Refusals always are. Default: `true`",
        ),
        fields: Field::optional(
            Shape::List(&Shape::Word(names)),
            "additional fields in the log lines of allowed requests: `address`, the client's address, which costs \
             one call to the gateway; `model`, if it is in the path or a rule inspects the body. Refusals always \
             have both if they are known. Default: none",
        ),
    }
}

const ADDRESS: &str = "address";
const MODEL: &str = "model";

fn names() -> Vec<&'static str> {
    vec![ADDRESS, MODEL]
}

/// What log lines hold.
pub(super) fn read(reader: &mut Reader<'_>, node: Option<&Node<'_>>) -> LogRules {
    let mut rules = LogRules {
        allowed: true,
        ..LogRules::default()
    };
    let Some(section) = node.and_then(|node| reader.section::<LogSection<'_>>(node)) else {
        return rules;
    };
    let allowed = section.allowed.read(reader, Reader::boolean);
    rules.allowed = allowed.unwrap_or(true);
    let fields = section.fields.node();
    let fields = fields.map(|node| reader.list(&node, "a list of fields"));
    for item in fields.iter().flatten() {
        let expected = "\"address\" or \"model\"";
        let is_known = |text: &&str| names().contains(text);
        let slot = match reader.parsed(item, expected, |text| Some(text).filter(is_known)) {
            Some(ADDRESS) => &mut rules.address,
            Some(_) => &mut rules.model,
            None => continue,
        };
        if std::mem::replace(slot, true) {
            reader.refuse(item, "is a duplicate");
        }
    }
    rules
}
