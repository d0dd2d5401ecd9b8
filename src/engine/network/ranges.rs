//! Ranges of addresses: which they are, and whether an address is in one.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The first address of `::ffff:0:0/96`, the IPv4 addresses as IPv6 knows them (RFC 4291
/// section 2.5.5.2).
const FIRST_IPV4: u128 = 0xffff_0000_0000;
/// The last one.
const LAST_IPV4: u128 = 0xffff_ffff_ffff;
/// 1.0.0.0 to 223.255.255.255: every address of IPv4 that a client can have.
const EVERY_IPV4: (u128, u128) = (0xffff_0100_0000, 0xffff_dfff_ffff);
/// 2000::/3: every address of IPv6 that the internet has (RFC 4291 section 2.4).
const EVERY_IPV6: (u128, u128) = (
    0x2000_0000_0000_0000_0000_0000_0000_0000,
    0x3fff_ffff_ffff_ffff_ffff_ffff_ffff_ffff,
);

/// A set of addresses, looked up in steps that grow with the logarithm of its size.
///
/// IPv4 is a part of the one row of numbers, so that an address is the same however it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// first and last, in order, apart from each other
    spans: Vec<(u128, u128)>,
}

/// Why a text is no range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeError {
    /// it is none at all
    NoRange,
    /// a zone, which names a link of one machine
    Zone,
    /// bits are set behind the prefix; the range that was meant, perhaps
    HostBits(String),
    /// IPv6, and holds a part of what is IPv4
    HoldsIpv4,
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRange => f.write_str("is no network"),
            Self::Zone => {
                f.write_str("has a zone (`%…`), which names a link of one machine: leave it out")
            }
            Self::HostBits(meant) => {
                write!(f, "has bits behind its prefix, `{meant}` may be meant")
            }
            Self::HoldsIpv4 => f.write_str(
                "holds ::ffff:0:0/96, which is IPv4: write the networks of IPv4 by themselves",
            ),
        }
    }
}

impl std::error::Error for RangeError {}

/// One range: its first and its last address. Those of `::/0` are two.
type Spans = Vec<(u128, u128)>;

impl Ranges {
    /// The ranges in `texts`.
    ///
    /// # Errors
    /// The place and the fault of each that is none.
    pub fn read<'t>(
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<Self, Vec<(usize, RangeError)>> {
        let (mut spans, mut errors) = (Spans::new(), Vec::new());
        for (place, text) in texts.into_iter().enumerate() {
            match range(text) {
                Ok(found) => spans.extend(found),
                Err(error) => errors.push((place, error)),
            }
        }
        if errors.is_empty() {
            Ok(Self::of(spans))
        } else {
            Err(errors)
        }
    }

    /// Puts `spans` into order, and those that touch into one.
    fn of(mut spans: Spans) -> Self {
        spans.sort_unstable();
        let mut apart: Spans = Vec::with_capacity(spans.len());
        for (first, last) in spans {
            match apart.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => apart.push((first, last)),
            }
        }
        Self { spans: apart }
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether `address` is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        let number = number(address);
        self.covers((number, number))
    }

    /// Whether every address of IPv4, or of IPv6, that a client on the internet can have is in them.
    /// To be in such ranges proves nothing.
    pub fn hold_everybody(&self) -> bool {
        self.covers(EVERY_IPV4) || self.covers(EVERY_IPV6)
    }

    fn covers(&self, (first, last): (u128, u128)) -> bool {
        let after = self.spans.partition_point(|(start, _)| *start <= first);
        let span = after.checked_sub(1).and_then(|place| self.spans.get(place));
        span.is_some_and(|(_, end)| last <= *end)
    }
}

fn number(address: IpAddr) -> u128 {
    let address = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    address.to_bits()
}

/// One range: `10.0.0.0/8`, or an address by itself.
fn range(text: &str) -> Result<Spans, RangeError> {
    if text.contains('%') {
        return Err(RangeError::Zone);
    }
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| RangeError::NoRange)?;
    let bits: u32 = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let length = match length {
        None => bits,
        Some(length) => prefix_length(length)
            .filter(|length| *length <= bits)
            .ok_or(RangeError::NoRange)?,
    };
    let first = number(address);
    // Those of IPv4 are the last 32 of the 128.
    let whole = length.saturating_add(128_u32.saturating_sub(bits));
    let behind = u128::MAX.checked_shr(whole).unwrap_or(0);
    if first & behind != 0 {
        let base = Ipv6Addr::from_bits(first & !behind);
        let base = match address {
            IpAddr::V4(_) => base.to_canonical(),
            IpAddr::V6(_) => IpAddr::V6(base),
        };
        return Err(RangeError::HostBits(format!("{base}/{length}")));
    }
    let last = first | behind;
    if whole == 0 {
        // IPv4 is not meant: it has an all of its own.
        let (below, above) = (FIRST_IPV4.saturating_sub(1), LAST_IPV4.saturating_add(1));
        return Ok(vec![(first, below), (above, last)]);
    }
    if first < FIRST_IPV4 && last >= LAST_IPV4 {
        return Err(RangeError::HoldsIpv4);
    }
    Ok(vec![(first, last)])
}

/// A number of bits: digits, no zero before them.
fn prefix_length(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
#[path = "ranges_tests.rs"]
mod tests;
