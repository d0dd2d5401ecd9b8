use super::*;
use std::cell::Cell;

/// A gateway that says one thing, and counts how often it is asked.
struct Gateway {
    peer: Peer,
    asked: Cell<usize>,
}

impl Connection for Gateway {
    fn peer(&self) -> Peer {
        self.asked.set(self.asked.get() + 1);
        self.peer
    }
}

fn gateway(peer: Peer) -> Gateway {
    let asked = Cell::new(0);
    Gateway { peer, asked }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ranges(texts: &[&str]) -> Ranges {
    Ranges::read(texts.iter().copied()).unwrap()
}

fn head<'a>(forwarded: &'a [&'a str]) -> RequestHead<'a> {
    let usual: [(&[u8], &[u8]); 3] = [(b":method", b"GET"), (b":path", b"/"), (b"host", b"h")];
    let lines = forwarded.iter();
    let lines = lines.map(|line| (&b"x-forwarded-for"[..], line.as_bytes()));
    RequestHead::read(usual.into_iter().chain(lines)).unwrap()
}

/// What a check says: the code of a refusal, or nothing.
fn told(result: Result<(), Denial>) -> Option<&'static str> {
    result.err().map(|denial| denial.reason().code())
}

#[test]
fn the_client_is_found_behind_a_stated_number_of_proxies_and_no_further() {
    let real = |text| Peer::Real(address(text), Appended::No);
    let last = |text| Peer::Real(address(text), Appended::Last);
    let claimed = |text| Peer::Claimed(address(text));
    for (peer, forwarded, proxies, found) in [
        // No proxy: what the client writes is not looked at.
        (real("9.9.9.9"), &["10.0.0.1"][..], 0, Some("9.9.9.9")),
        (last("9.9.9.9"), &["10.0.0.1, 9.9.9.9"], 0, Some("9.9.9.9")),
        (claimed("10.0.0.1"), &["10.0.0.1"], 0, None),
        (Peer::Unknown, &["10.0.0.1"], 0, None),
        // One proxy, on a gateway that leaves the header as it came.
        (real("9.9.9.9"), &["7.7.7.7"], 1, Some("7.7.7.7")),
        (real("9.9.9.9"), &["10.0.0.1, 7.7.7.7"], 1, Some("7.7.7.7")),
        (
            real("9.9.9.9"),
            &["10.0.0.1", "7.7.7.7"],
            1,
            Some("7.7.7.7"),
        ),
        (real("9.9.9.9"), &["10.0.0.1, 9.9.9.9"], 1, None),
        (real("9.9.9.9"), &["9.9.9.9"], 1, None),
        (real("9.9.9.9"), &["7.7.7.7, 9.9.9.9"], 2, None),
        (real("9.9.9.9"), &[], 1, None),
        (real("9.9.9.9"), &[""], 1, None),
        (real("9.9.9.9"), &["7.7.7.7,"], 1, None),
        (real("9.9.9.9"), &["7.7.7.7, garbage"], 1, None),
        (
            real("9.9.9.9"),
            &["garbage, 7.7.7.7:80"],
            1,
            Some("7.7.7.7"),
        ),
        (Peer::Unknown, &["7.7.7.7"], 1, None),
        // One proxy, on a gateway that has added its peer.
        (last("9.9.9.9"), &["7.7.7.7,9.9.9.9"], 1, Some("7.7.7.7")),
        (
            last("9.9.9.9"),
            &["10.0.0.1,7.7.7.7,9.9.9.9"],
            1,
            Some("7.7.7.7"),
        ),
        (
            last("9.9.9.9"),
            &["7.7.7.7", "::ffff:9.9.9.9"],
            1,
            Some("7.7.7.7"),
        ),
        (last("9.9.9.9"), &["9.9.9.9"], 1, None),
        (last("9.9.9.9"), &["7.7.7.7"], 1, None),
        (last("9.9.9.9"), &["7.7.7.7, 9.9.9.8"], 1, None),
        (last("9.9.9.9"), &[], 1, None),
        // For a peer on its own machine it writes the machine's address.
        (
            last("127.0.0.1"),
            &["7.7.7.7,192.168.5.5"],
            1,
            Some("7.7.7.7"),
        ),
        (
            last("::1"),
            &["10.0.0.1,7.7.7.7,fd00::5"],
            1,
            Some("7.7.7.7"),
        ),
        (last("127.0.0.1"), &["192.168.5.5"], 1, None),
        (last("127.0.0.1"), &["7.7.7.7, garbage"], 1, None),
        (last("127.0.0.1"), &["garbage, 192.168.5.5"], 1, None),
        // A gateway that has read the header itself must come to the same.
        (
            claimed("7.7.7.7"),
            &["10.0.0.1, 7.7.7.7"],
            1,
            Some("7.7.7.7"),
        ),
        (claimed("10.0.0.1"), &["10.0.0.1, 7.7.7.7"], 1, None),
        (claimed("7.7.7.7"), &["7.7.7.7, 10.0.0.9"], 1, None),
        (claimed("7.7.7.7"), &[], 1, None),
        // Two.
        (
            real("9.9.9.9"),
            &["10.0.0.1, 7.7.7.7, 8.8.8.8"],
            2,
            Some("7.7.7.7"),
        ),
        (real("9.9.9.9"), &["7.7.7.7, 8.8.8.8"], 2, Some("7.7.7.7")),
        (real("9.9.9.9"), &["8.8.8.8"], 2, None),
        (
            last("9.9.9.9"),
            &["7.7.7.7, 8.8.8.8, 9.9.9.9"],
            2,
            Some("7.7.7.7"),
        ),
        (last("9.9.9.9"), &["8.8.8.8, 9.9.9.9"], 2, None),
        (
            claimed("7.7.7.7"),
            &["7.7.7.7, 8.8.8.8"],
            2,
            Some("7.7.7.7"),
        ),
    ] {
        let seen = client(peer, &head(forwarded), proxies);
        assert_eq!(
            seen,
            found.map(address),
            "{peer:?} {forwarded:?} behind {proxies}"
        );
    }
}

#[test]
fn a_rule_for_everybody_and_one_of_a_key_both_have_to_be_met() {
    let lan = ranges(&["192.168.0.0/16", "fd00::/8"]);
    let laptop = ranges(&["192.168.1.7", "10.0.0.0/8"]);
    let rules = NetworkRules {
        allow: Some(lan),
        deny: ranges(&["192.168.9.0/24"]),
        ..NetworkRules::default()
    };
    let denied = Some("network_denied");
    for (from, everybody, key) in [
        ("192.168.1.7", None, None),
        ("::ffff:192.168.1.7", None, None),
        ("192.168.1.8", None, denied),
        ("fd12::1", None, denied),
        ("192.168.9.1", denied, denied),
        ("10.0.0.1", denied, denied),
        ("203.0.113.9", denied, denied),
        ("::1", denied, denied),
    ] {
        let gateway = gateway(Peer::Real(address(from).to_canonical(), Appended::No));
        let head = head(&["192.168.1.7"]);
        let client = ClientAddress::new(&rules, &gateway, &head);
        assert_eq!(client.known(), None, "{from}");
        assert_eq!(told(client.check(None)), everybody, "{from}");
        assert_eq!(told(client.check(Some(&laptop))), key, "{from}");
        assert_eq!(client.known(), Some(address(from).to_canonical()), "{from}");
        assert_eq!(gateway.asked.get(), 1, "once in a request: {from}");
    }
}

#[test]
fn an_empty_list_lets_nobody_in_and_an_empty_denial_keeps_nobody_out() {
    let nobody = NetworkRules {
        allow: Some(Ranges::default()),
        ..NetworkRules::default()
    };
    let gateway = gateway(Peer::Real(address("10.0.0.1"), Appended::No));
    let head = head(&[]);
    let denied = ClientAddress::new(&nobody, &gateway, &head).check(None);
    assert_eq!(told(denied), Some("network_denied"));
    let none = Ranges::default();
    let everybody = NetworkRules::default();
    let client = ClientAddress::new(&everybody, &gateway, &head);
    assert_eq!(told(client.check(None)), None);
    let own = told(client.check(Some(&none)));
    assert_eq!(own, Some("network_denied"));
}

#[test]
fn an_unknown_address_is_denied_by_every_kind_of_rule_and_by_none_without_a_rule() {
    let all = ranges(&["0.0.0.0/0", "::/0"]);
    let allow = NetworkRules {
        allow: Some(all.clone()),
        ..NetworkRules::default()
    };
    let deny = NetworkRules {
        deny: ranges(&["10.0.0.0/8"]),
        ..NetworkRules::default()
    };
    let (gateway, head) = (gateway(Peer::Unknown), head(&["10.0.0.1"]));
    for rules in [&allow, &deny] {
        let told = told(ClientAddress::new(rules, &gateway, &head).check(None));
        assert_eq!(told, Some("address_unknown"), "{rules:?}");
    }
    let none = NetworkRules::default();
    let client = ClientAddress::new(&none, &gateway, &head);
    let of_key = told(client.check(Some(&all)));
    assert_eq!(of_key, Some("address_unknown"));
    let asked = gateway.asked.get();
    assert_eq!(told(client.check(None)), None);
    assert_eq!(gateway.asked.get(), asked, "without a rule nobody asks");
}
