//! The address of a client: as gateways and proxies write it, and as it stands in X-Forwarded-For.

use crate::http::RequestHead;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address as a gateway or a proxy writes it, and its port where there is one.
///
/// The forms are `10.0.0.1`, `10.0.0.1:80`, `::1`, `[::1]` and `[::1]:80`. An IPv4 address written
/// as an IPv6 one (`::ffff:10.0.0.1`) is the IPv4 address. A zone (`fe80::1%eth0`) names a link of
/// another machine, so it is no address.
///
/// ```
/// use ollama_gate_engine::read_address;
/// use std::net::{IpAddr, Ipv4Addr};
///
/// let home = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
/// assert_eq!(read_address(b"[::ffff:10.0.0.1]:80"), Some((home, Some(80))));
/// assert_eq!(read_address(b"fe80::1%eth0"), None);
/// ```
pub fn read_address(text: &[u8]) -> Option<(IpAddr, Option<u16>)> {
    if let Some((address, port)) = with_port(text) {
        return Some((IpAddr::V4(address), Some(port)));
    }
    let text = std::str::from_utf8(text).ok()?;
    if let Some((address, rest)) = text.split_once(':')
        && let Ok(address) = address.parse::<Ipv4Addr>()
    {
        return Some((IpAddr::V4(address), Some(port(rest)?)));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address.to_canonical(), None));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let address = IpAddr::V6(address.parse::<Ipv6Addr>().ok()?);
        let port = match rest {
            "" => None,
            rest => Some(port(rest.strip_prefix(':')?)?),
        };
        return Some((address.to_canonical(), port));
    }
    None
}

/// An IPv4 address with its port, as Envoy writes it, which is asked most often; none of another form, good or not.
fn with_port(text: &[u8]) -> Option<(Ipv4Addr, u16)> {
    let (mut octets, mut rest) = ([0; 4], text);
    for (octet, end) in octets.iter_mut().zip(*b"...:") {
        let (number, behind) = leading_number(rest)?;
        *octet = u8::try_from(number).ok()?;
        rest = behind.strip_prefix(&[end])?;
    }
    let (port, behind) = leading_number(rest)?;
    let port = u16::try_from(port).ok().filter(|_| behind.is_empty())?;
    Some((Ipv4Addr::from(octets), port))
}

/// The number that `text` begins with, of at most five digits and without a zero before them, and what follows it.
fn leading_number(text: &[u8]) -> Option<(u32, &[u8])> {
    let (mut number, mut rest) = (0_u32, text);
    while let Some((digit @ b'0'..=b'9', behind)) = rest.split_first() {
        let digits = text.len().wrapping_sub(rest.len());
        if digits == 5 || (digits > 0 && number == 0) {
            return None;
        }
        number = number.wrapping_mul(10).wrapping_add(u32::from(digit & 15));
        rest = behind;
    }
    (rest.len() < text.len()).then_some((number, rest))
}

fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The entry of `X-Forwarded-For` that stands so many places from its end, the last one at 0.
///
/// Every proxy adds the address that it sees at the end, so what a client writes stands before.
/// Some add a line of their own: several lines are one list (RFC 9110 section 5.3). An empty entry
/// is an entry, so that none before it moves into its place. Zones and names are no address.
pub(crate) fn forwarded_for(head: &RequestHead<'_>, place: usize) -> Option<IpAddr> {
    let lines = head.fields().iter().rev();
    let mut entries = lines
        .filter(|field| field.name.eq_ignore_ascii_case(b"x-forwarded-for"))
        .flat_map(|field| field.value.rsplit(|byte| *byte == b','));
    let entry = entries.nth(place)?;
    read_address(entry.trim_ascii()).map(|(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, Option<u16>)> {
        read_address(text.as_bytes()).map(|(address, port)| (address.to_string(), port))
    }

    #[test]
    fn an_address_is_read_with_and_without_a_port() {
        for (text, address, port) in [
            ("10.0.0.1", "10.0.0.1", None),
            ("10.0.0.1:0", "10.0.0.1", Some(0)),
            ("10.0.0.1:65535", "10.0.0.1", Some(65535)),
            ("10.0.0.1:0080", "10.0.0.1", Some(80)),
            ("0.10.200.255:51234", "0.10.200.255", Some(51234)),
            ("::1", "::1", None),
            ("::1:80", "::1:80", None),
            ("[::1]", "::1", None),
            ("[2001:DB8::1]:443", "2001:db8::1", Some(443)),
            ("::ffff:10.0.0.1", "10.0.0.1", None),
            ("[::ffff:a00:1]:80", "10.0.0.1", Some(80)),
        ] {
            assert_eq!(read(text), Some((address.into(), port)), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in [
            "",
            " ",
            "unknown",
            "_hidden",
            "localhost",
            "localhost:80",
            "unix:",
            "@",
            "10.0.0",
            "10.0.0.256",
            "010.0.0.1",
            "0x0a.0.0.1",
            "167772161",
            "10.0.0.1 ",
            " 10.0.0.1",
            "10.0.0.1:",
            "10.0.0.1:x",
            "10.0.0.1:+80",
            "10.0.0.1:65536",
            "10.0.0.1:99999999999",
            "10.0.0.01:80",
            "10.0.256.1:80",
            "10.0.0.1.1:80",
            "10..0.1:80",
            "10.0.0.1:80:80",
            "10.0.0.1/32",
            "[10.0.0.1]",
            "[::1",
            "::1]",
            "[::1]80",
            "[::1]:",
            "[]:80",
            "[[::1]]",
            "fe80::1%eth0",
            "[fe80::1%2]:80",
            "\"::1\"",
            "10.0.0.1\0",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(read_address(b"\xff"), None);
    }

    fn entry(lines: &[&str], place: usize) -> Option<String> {
        let usual: [(&[u8], &[u8]); 3] = [(b":method", b"GET"), (b":path", b"/"), (b"host", b"h")];
        let lines = lines
            .iter()
            .map(|line| (&b"X-Forwarded-For"[..], line.as_bytes()));
        let other: [(&[u8], &[u8]); 2] =
            [(b"x_forwarded_for", b"9.9.9.9"), (b"forwarded", b"8.8.8.8")];
        let head = RequestHead::read(usual.into_iter().chain(lines).chain(other)).unwrap();
        forwarded_for(&head, place).map(|address| address.to_string())
    }

    #[test]
    fn entries_are_counted_from_the_end_over_all_lines() {
        for (lines, found) in [
            (
                &["1.1.1.1, 2.2.2.2 ,3.3.3.3"][..],
                [Some("3.3.3.3"), Some("2.2.2.2"), Some("1.1.1.1"), None],
            ),
            (
                &["1.1.1.1", "2.2.2.2,3.3.3.3"],
                [Some("3.3.3.3"), Some("2.2.2.2"), Some("1.1.1.1"), None],
            ),
            (
                &["1.1.1.1:80, [::1]:80"],
                [Some("::1"), Some("1.1.1.1"), None, None],
            ),
            (&["1.1.1.1,,"], [None, None, Some("1.1.1.1"), None]),
            (&["1.1.1.1", ""], [None, Some("1.1.1.1"), None, None]),
            (&["1.1.1.1 2.2.2.2"], [None; 4]),
            (&["unknown, 1.1.1.1"], [Some("1.1.1.1"), None, None, None]),
            (&[""], [None; 4]),
            (&[","], [None; 4]),
            (&[], [None; 4]),
        ] {
            for (place, found) in found.into_iter().enumerate() {
                assert_eq!(
                    entry(lines, place).as_deref(),
                    found,
                    "{lines:?} at {place}"
                );
            }
        }
    }
}
