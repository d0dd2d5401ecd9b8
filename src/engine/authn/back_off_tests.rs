//! Who is held back, for how long, and who never is.

use super::super::failures::MAX_PAIRS;
use super::*;
use crate::http::RequestHead;
use crate::network::{Appended, Connection, Peer};

const START: Timestamp = Timestamp::from_seconds(1_700_000_000);
const LIMITS: BackOffLimits = BackOffLimits {
    after: 3,
    within: 60,
    hold: 30,
};

/// A gateway that knows its client's address, and counts how often it is asked.
struct Gateway(Peer, Cell<usize>);

impl Connection for Gateway {
    fn peer(&self) -> Peer {
        self.1.set(self.1.get() + 1);
        self.0
    }
}

/// A client, and how often its address was asked for.
struct Client(ClientAddress<'static>, &'static Cell<usize>);

fn from(address: &str) -> Client {
    let peer = address.parse();
    let peer = peer.map_or(Peer::Unknown, |address| Peer::Real(address, Appended::No));
    let gateway = Box::leak(Box::new(Gateway(peer, Cell::new(0))));
    let pairs: [(&[u8], &[u8]); 3] = [(b":method", b"GET"), (b":path", b"/"), (b"host", b"h")];
    let head = Box::leak(Box::new(RequestHead::read(pairs).unwrap()));
    let rules = Box::leak(Box::default());
    Client(ClientAddress::new(rules, gateway, head), &gateway.1)
}

fn fail(back_off: &BackOff, client: &Client, name: &str, times: usize, now: Timestamp) {
    for _ in 0..times {
        Attempts::new(Some(back_off), &client.0).failed(AttemptKind::Password, name, now);
    }
}

/// For how long `name` is held back, in seconds.
fn held(back_off: &BackOff, client: &Client, name: &str, now: Timestamp) -> Option<i64> {
    held_as(AttemptKind::Password, back_off, client, name, now)
}

fn held_as(
    kind: AttemptKind,
    back_off: &BackOff,
    client: &Client,
    name: &str,
    now: Timestamp,
) -> Option<i64> {
    let checked = Attempts::new(Some(back_off), &client.0).check(kind, name, now);
    checked.err().map(|denial| {
        assert_eq!(denial.reason(), Reason::TooManyFailures);
        denial.seconds_to_wait()
    })
}

#[test]
fn a_pair_is_held_back_after_so_many_failures_for_so_long() {
    let (back_off, client) = (BackOff::new(LIMITS), from("10.0.0.1"));
    fail(&back_off, &client, "alice", 2, START);
    assert_eq!(held(&back_off, &client, "alice", START), None);
    fail(&back_off, &client, "alice", 1, START.plus(59));
    for (after, left) in [(59, Some(30)), (60, Some(29)), (88, Some(1)), (89, None)] {
        let now = START.plus(after);
        assert_eq!(held(&back_off, &client, "alice", now), left, "{after}");
    }
}

#[test]
fn failures_that_are_far_apart_hold_nobody_back() {
    let (back_off, client) = (BackOff::new(LIMITS), from("10.0.0.1"));
    for round in 0..20 {
        let now = START.plus(round * 60);
        fail(&back_off, &client, "alice", 2, now);
        assert_eq!(held(&back_off, &client, "alice", now), None, "{round}");
    }
}

#[test]
fn whoever_goes_on_gets_one_try_at_a_time() {
    let (back_off, client) = (BackOff::new(LIMITS), from("10.0.0.1"));
    fail(&back_off, &client, "alice", 3, START);
    for round in 1..10 {
        let now = START.plus(round * 30);
        assert_eq!(held(&back_off, &client, "alice", now), None, "{round}");
        fail(&back_off, &client, "alice", 1, now);
        assert_eq!(held(&back_off, &client, "alice", now), Some(30), "{round}");
    }
    let later = START.plus(9 * 30 + 30 + 60);
    fail(&back_off, &client, "alice", 2, later);
    assert_eq!(held(&back_off, &client, "alice", later), None, "forgiven");
}

#[test]
fn another_name_another_address_and_another_kind_are_other_pairs() {
    let back_off = BackOff::new(LIMITS);
    let (near, far) = (from("10.0.0.1"), from("10.0.0.2"));
    fail(&back_off, &near, "alice", 100, START);
    assert_eq!(held(&back_off, &near, "alice", START), Some(30));
    for name in ["bob", "Alice", "alice ", ""] {
        assert_eq!(held(&back_off, &near, name, START), None, "{name}");
    }
    assert_eq!(held(&back_off, &far, "alice", START), None);
    for kind in [AttemptKind::Token(0), AttemptKind::Token(1)] {
        let held = held_as(kind, &back_off, &near, "alice", START);
        assert_eq!(held, None, "{kind:?}");
    }
    for _ in 0..3 {
        let attempts = Attempts::new(Some(&back_off), &near.0);
        attempts.failed(AttemptKind::Token(0), "bob", START);
    }
    let held = |kind| held_as(kind, &back_off, &near, "bob", START);
    assert_eq!(held(AttemptKind::Token(0)), Some(30));
    assert_eq!(
        [held(AttemptKind::Token(1)), held(AttemptKind::Password)],
        [None; 2]
    );
}

#[test]
fn who_was_right_has_a_clean_slate() {
    let (back_off, client) = (BackOff::new(LIMITS), from("10.0.0.1"));
    fail(&back_off, &client, "alice", 2, START);
    fail(&back_off, &client, "bob", 2, START);
    Attempts::new(Some(&back_off), &client.0).succeeded(AttemptKind::Password, "alice");
    fail(&back_off, &client, "alice", 1, START);
    fail(&back_off, &client, "bob", 1, START);
    assert_eq!(held(&back_off, &client, "alice", START), None);
    assert_eq!(held(&back_off, &client, "bob", START), Some(30));
}

#[test]
fn without_an_address_nobody_is_held_back_and_it_is_said_once() {
    let (back_off, client) = (BackOff::new(LIMITS), from("unknown"));
    assert!(back_off.take_news().is_none());
    fail(&back_off, &client, "alice", 100, START);
    assert_eq!(held(&back_off, &client, "alice", START), None);
    let news = back_off.take_news().unwrap();
    assert!(news.line.contains("back_off"), "{}", news.line);
    fail(&back_off, &client, "alice", 100, START);
    assert!(back_off.take_news().is_none());
}

#[test]
fn the_address_is_asked_for_only_when_there_was_a_failure() {
    let (back_off, client) = (BackOff::new(LIMITS), from("10.0.0.1"));
    let attempts = Attempts::new(Some(&back_off), &client.0);
    assert!(
        attempts
            .check(AttemptKind::Password, "alice", START)
            .is_ok()
    );
    attempts.succeeded(AttemptKind::Password, "alice");
    assert_eq!(client.1.get(), 0);
    attempts.failed(AttemptKind::Token(0), "alice", START);
    assert_eq!(client.1.get(), 1);
    let other = from("10.0.0.1");
    let attempts = Attempts::new(Some(&back_off), &other.0);
    assert!(
        attempts
            .check(AttemptKind::Password, "alice", START)
            .is_ok()
    );
    assert_eq!(other.1.get(), 0, "of the other kind there was none");
    let free = Attempts::new(None, &other.0);
    free.failed(AttemptKind::Password, "alice", START);
    assert!(free.check(AttemptKind::Password, "alice", START).is_ok());
    assert_eq!(other.1.get(), 0);
}

#[test]
fn memory_is_bounded_and_one_kind_does_not_push_the_other_out() {
    let (back_off, client) = (BackOff::new(LIMITS), from("10.0.0.1"));
    fail(&back_off, &client, "alice", 3, START);
    for address in 0..3_000_u32 {
        let elsewhere = from(&std::net::Ipv4Addr::from(0x0b00_0000 + address).to_string());
        let attempts = Attempts::new(Some(&back_off), &elsewhere.0);
        for number in 0..7 {
            attempts.failed(AttemptKind::Token(0), &number.to_string(), START);
        }
    }
    let (pairs, groups) = back_off.tokens.borrow().len();
    assert!(pairs == MAX_PAIRS && groups <= 1024, "{pairs}, {groups}");
    assert_eq!(held(&back_off, &client, "alice", START), Some(30));
    // Their time is over: there is place again.
    let attempts = Attempts::new(Some(&back_off), &client.0);
    attempts.failed(AttemptKind::Token(0), "late", START.plus(90));
    assert_eq!(back_off.tokens.borrow().len(), (1, 0));
}

#[test]
fn names_that_are_made_up_push_out_neither_a_hold_nor_a_count() {
    let (back_off, client) = (BackOff::new(LIMITS), from("10.0.0.1"));
    fail(&back_off, &client, "alice", 3, START);
    fail(&back_off, &client, "bob", 2, START);
    for number in 0..20_000 {
        fail(&back_off, &client, &format!("junk-{number}"), 1, START);
    }
    assert_eq!(held(&back_off, &client, "alice", START), Some(30));
    fail(&back_off, &client, "bob", 1, START);
    assert_eq!(held(&back_off, &client, "bob", START), Some(30));
}

#[test]
fn whoever_fills_the_memory_is_held_back_by_address_and_others_are_not() {
    let (back_off, flood) = (BackOff::new(LIMITS), from("10.0.0.1"));
    for number in 0..MAX_PAIRS {
        fail(&back_off, &flood, &format!("junk-{number}"), 1, START);
    }
    // There is no place left for a name: three more, of whatever name, hold the address back.
    assert_eq!(held(&back_off, &flood, "carol", START), None);
    for name in ["carol", "dave", "erin"] {
        fail(&back_off, &flood, name, 1, START);
    }
    assert_eq!(held(&back_off, &flood, "carol", START), Some(30));
    assert_eq!(held(&back_off, &flood, "another", START), Some(30));
    // But for one case in 1024 to the fourth, somebody elsewhere is in another group.
    let elsewhere = ["10.0.0.2", "10.0.0.3", "2001:db8::1", "192.168.1.1"].map(from);
    let free = |client| held(&back_off, client, "carol", START).is_none();
    assert!(elsewhere.iter().any(free));
    // Who is wrong there counts too, though there is no place for the name.
    for client in &elsewhere {
        fail(&back_off, client, "carol", 3, START);
        assert_eq!(held(&back_off, client, "carol", START), Some(30));
    }
}

#[test]
fn five_guesses_in_ten_minutes_stay_five_whatever_comes_between_them() {
    let limits = BackOffLimits {
        after: 5,
        within: 600,
        hold: 600,
    };
    let (back_off, client) = (BackOff::new(limits), from("10.0.0.1"));
    let mut guesses = 0;
    for second in 0..60 {
        let now = START.plus(second);
        // As many as were tried on a real gate, which made 230 guesses a minute of it.
        for number in 0..3_400 {
            fail(
                &back_off,
                &client,
                &format!("junk-{second}-{number}"),
                1,
                now,
            );
        }
        while held(&back_off, &client, "alice", now).is_none() {
            fail(&back_off, &client, "alice", 1, now);
            guesses += 1;
        }
    }
    assert_eq!(guesses, 5);
}

#[test]
fn a_clock_that_jumps_holds_nobody_for_ever() {
    let (back_off, client) = (BackOff::new(LIMITS), from("10.0.0.1"));
    fail(&back_off, &client, "alice", 3, START);
    for jump in [-1, -86_400, 86_400] {
        let now = START.plus(jump);
        assert_eq!(held(&back_off, &client, "alice", now), None, "{jump}");
    }
    let before = START.plus(-86_400);
    fail(&back_off, &client, "alice", 2, before);
    assert_eq!(held(&back_off, &client, "alice", before), None);
    for end in [i64::MAX, i64::MIN] {
        let end = Timestamp::from_seconds(end);
        fail(&back_off, &client, "bob", 3, end);
        let _ = held(&back_off, &client, "bob", end);
    }
}

#[test]
fn after_one_means_the_first() {
    let limits = BackOffLimits { after: 1, ..LIMITS };
    let (back_off, client) = (BackOff::new(limits), from("10.0.0.1"));
    fail(&back_off, &client, "alice", 1, START);
    assert_eq!(held(&back_off, &client, "alice", START), Some(30));
    assert_eq!(held(&back_off, &client, "alice", START.plus(30)), None);
}
