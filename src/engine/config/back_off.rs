//! `back_off`

use super::field::{DURATION, Field, Shape};
use super::host::HostName;
use super::reader::{Node, Reader};
use crate::authn::BackOffLimits;
use std::ops::RangeInclusive;
use std::time::Duration;

pub(super) const BACK_OFF: &[Field] = &[
    Field::optional(
        "after",
        Shape::Whole(1, MOST_FAILURES),
        "how many wrong tries for one name from one address hold both back. Default: `10`",
    ),
    Field::optional(
        "within",
        DURATION,
        "the time in which they count, `1s` to `1h`. Default: `\"1m\"`",
    ),
    Field::optional(
        "for",
        DURATION,
        "for how long nothing is looked at then, `1s` to `1h`. Default: `\"30s\"`",
    ),
];

/// Over this nobody is held back.
const MOST_FAILURES: u16 = 1000;
const DEFAULT: BackOffLimits = BackOffLimits {
    after: 10,
    within: 60,
    hold: 30,
};
const TIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// The limits in `back_off`. `expensive` is whether there is anything to hold back.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    expensive: bool,
    host: Option<HostName>,
) -> Option<BackOffLimits> {
    let section = reader.section(node, BACK_OFF)?;
    let after = section
        .field("after")
        .and_then(|node| reader.whole(&node, 1..=MOST_FAILURES));
    let mut time = |name| {
        let node = section.field(name)?;
        reader.duration_within(&node, TIMES)
    };
    let (within, hold) = (time("within"), time("for"));
    if !expensive && reader.errors.is_empty() {
        reader.refuse(
            node,
            "has no effect: passwords (`basic`) and tokens with public keys (`jwt`) are held back, and there are none",
        );
    }
    if host.is_none() {
        reader.refuse(
            node,
            "needs `host.name`, because gateways tell the client's address each in its own way",
        );
    }
    Some(BackOffLimits {
        after: after.map_or(DEFAULT.after, u32::from),
        within: within.unwrap_or(DEFAULT.within),
        hold: hold.unwrap_or(DEFAULT.hold),
    })
}
