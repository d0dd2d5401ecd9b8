//! Which ranges there are, and what is in them.

use super::*;

fn ranges(texts: &[&str]) -> Ranges {
    Ranges::read(texts.iter().copied()).unwrap()
}

fn fault(text: &str) -> Option<RangeError> {
    range(text).err()
}

#[test]
fn a_range_holds_its_first_and_its_last_address_and_none_beside() {
    for (range, inside, outside) in [
        (
            "10.0.0.0/8",
            ["10.0.0.0", "10.255.255.255"],
            ["9.255.255.255", "11.0.0.0"],
        ),
        (
            "192.168.1.7",
            ["192.168.1.7", "::ffff:192.168.1.7"],
            ["192.168.1.6", "192.168.1.8"],
        ),
        (
            "192.168.1.6/31",
            ["192.168.1.6", "192.168.1.7"],
            ["192.168.1.5", "192.168.1.8"],
        ),
        ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::", "::1"]),
        (
            "128.0.0.0/1",
            ["128.0.0.0", "255.255.255.255"],
            ["127.255.255.255", "::1:0:0:0"],
        ),
        (
            "2001:db8::/32",
            ["2001:db8::", "2001:db8:ffff::1"],
            ["2001:db7:ffff::", "2001:db9::"],
        ),
        ("::1", ["::1", "0:0:0:0:0:0:0:1"], ["::", "::2"]),
        ("::/0", ["::", "ffff::ffff"], ["10.0.0.1", "::ffff:0.0.0.0"]),
        ("fc00::/7", ["fc00::", "fdff::1"], ["fbff::", "fe00::"]),
        (
            "::ffff:10.0.0.0/104",
            ["10.0.0.0", "10.255.255.255"],
            ["9.255.255.255", "11.0.0.0"],
        ),
        (
            "::ffff:10.0.0.1",
            ["10.0.0.1", "::ffff:a00:1"],
            ["10.0.0.0", "::a00:1"],
        ),
        (
            "::ffff:0:0/96",
            ["0.0.0.0", "255.255.255.255"],
            ["::fffe:ffff:ffff", "::1:0:0:0"],
        ),
    ] {
        let ranges = ranges(&[range]);
        let inside = inside.map(|text| ranges.contain(text.parse().unwrap()));
        let outside = outside.map(|text| ranges.contain(text.parse().unwrap()));
        assert_eq!((inside, outside), ([true; 2], [false; 2]), "{range}");
    }
}

#[test]
fn many_ranges_hold_what_each_of_them_holds() {
    let many = [
        "10.2.0.0/16",
        "10.0.0.0/16",
        "10.0.3.0/24",
        "fd00::/8",
        "10.1.0.0/16",
    ];
    let many = ranges(&many);
    assert_eq!(many.spans.len(), 2, "those that touch are one");
    for (address, inside) in [
        ("10.0.0.0", true),
        ("10.2.255.255", true),
        ("10.3.0.0", false),
        ("9.255.255.255", false),
        ("fd12::1", true),
        ("fe00::1", false),
    ] {
        assert_eq!(many.contain(address.parse().unwrap()), inside, "{address}");
    }
    assert!(!Ranges::default().contain("10.0.0.1".parse().unwrap()));
}

#[test]
fn the_search_agrees_with_a_look_at_every_range() {
    let texts: Vec<String> = (0..60_u32)
        .map(|place| {
            format!(
                "{}.{}.0.0/{}",
                place * 7 % 11,
                place * 13 % 256,
                16 + place % 17
            )
        })
        .collect();
    let all = Ranges::read(texts.iter().map(String::as_str)).unwrap();
    for number in (0..0x0c00_0000_u32).step_by(0x7fff) {
        let address = IpAddr::from(number.to_be_bytes());
        let one_by_one = texts.iter().any(|text| ranges(&[text]).contain(address));
        assert_eq!(all.contain(address), one_by_one, "{address}");
    }
}

#[test]
fn what_is_no_range_is_refused_with_its_fault() {
    for text in [
        "",
        "10",
        "10.0.0.0/",
        "/8",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/08",
        "10.0.0.0/8/8",
        "10.0.0.0/ 8",
        " 10.0.0.0/8",
        "10.0.0.0/255.0.0.0",
        "10.0.0/8",
        "010.0.0.0/8",
        "10.0.0.0-10.0.0.9",
        "10.*",
        "::/129",
        "[::1]",
        "[::]/0",
        "10.0.0.1:80",
        "[::1]:80",
        "localhost",
        "any",
        "10.0.0.0/4294967304",
    ] {
        assert_eq!(fault(text), Some(RangeError::NoRange), "{text:?}");
    }
    for text in ["fe80::1%eth0", "fe80::%1/64", "10.0.0.1%1"] {
        assert_eq!(fault(text), Some(RangeError::Zone), "{text}");
    }
    for (text, meant) in [
        ("10.0.0.1/8", "10.0.0.0/8"),
        ("255.255.255.255/0", "0.0.0.0/0"),
        ("192.168.1.7/31", "192.168.1.6/31"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("::1/0", "::/0"),
        ("::ffff:10.0.0.1/104", "::ffff:10.0.0.0/104"),
    ] {
        assert_eq!(
            fault(text),
            Some(RangeError::HostBits(meant.into())),
            "{text}"
        );
    }
    for text in ["::/1", "::/64", "::/80", "::ffff:0:0/95", "::fffe:0:0/95"] {
        let fault = fault(text);
        let refused = matches!(fault, Some(RangeError::HoldsIpv4 | RangeError::HostBits(_)));
        assert!(refused, "{text}: {fault:?}");
    }
    assert_eq!(fault("::/64"), Some(RangeError::HoldsIpv4));
    assert_eq!(fault("::/97"), None);
}

#[test]
fn everybody_is_everybody_however_it_is_written() {
    for everybody in [
        &["0.0.0.0/0"][..],
        &["::/0"],
        &["::ffff:0:0/96"],
        &["0.0.0.0/1", "128.0.0.0/1"],
        &["128.0.0.0/1", "0.0.0.0/2", "64.0.0.0/2", "10.0.0.0/8"],
        &["2000::/3"],
        &["2000::/4", "3000::/4", "10.0.0.0/8"],
        &["10.0.0.0/8", "::/0"],
    ] {
        assert!(ranges(everybody).hold_everybody(), "{everybody:?}");
    }
    for some in [
        &[][..],
        &["0.0.0.0/1"],
        &["10.0.0.0/8", "192.168.0.0/16", "fd00::/8", "fe80::/10"],
        &["2000::/4"],
    ] {
        assert!(!ranges(some).hold_everybody(), "{some:?}");
    }
}
