//! `back_off`

use super::field::{Field, Shape};
use super::host::HostName;
use super::reader::{Node, Reader};
use crate::authn::BackOffLimits;

table! {
    pub(super) BACK_OFF => BackOffSection {
        after: Field::optional(
            Shape::Whole(1, MAX_FAILURES),
            "how many failed attempts for one name from one address trigger the back-off. Default: `10`",
        ),
        within: Field::optional(
            TIME,
            "the period in which they are counted, `1s` to `1h`. Default: `\"1m\"`",
        ),
        hold as "for": Field::optional(
            TIME,
            "how long further attempts are refused without being checked, `1s` to `1h`. Default: `\"30s\"`",
        ),
    }
}

/// Over this nobody is held back.
const MAX_FAILURES: u64 = 1000;
const DEFAULT: BackOffLimits = BackOffLimits {
    after: 10,
    within: 60,
    hold: 30,
};
const TIME: Shape = Shape::Duration(1, 3600);

/// The limits in `back_off`. `expensive` is whether there is anything to hold back.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    expensive: bool,
    host: Option<HostName>,
) -> Option<BackOffLimits> {
    let section = reader.section::<BackOffSection>(node)?;
    let after = reader.whole(&section.after);
    let (within, hold) = (
        reader.seconds(&section.within),
        reader.seconds(&section.hold),
    );
    if !expensive && reader.errors.is_empty() {
        reader.refuse(
            node,
            "has no effect: passwords (`basic`) and tokens with public keys (`jwt`) are held back, and there are none",
        );
    }
    if host.is_none() {
        reader.refuse(
            node,
            "requires `host.name`: each gateway provides the client's address in its own way",
        );
    }
    Some(BackOffLimits {
        after: after.unwrap_or(DEFAULT.after),
        within: within.unwrap_or(DEFAULT.within),
        hold: hold.unwrap_or(DEFAULT.hold),
    })
}
