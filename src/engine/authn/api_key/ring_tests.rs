use super::*;
use crate::grant::ScopeSet;

const START: Timestamp = Timestamp::from_seconds(1_700_000_000);
const END: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn laptop() -> ApiKey {
    ApiKey {
        id: "laptop".into(),
        subject: "alice".into(),
        scopes: ScopeSet::DEFAULT,
        disabled: false,
        not_before: Some(START),
        expires_at: Some((END, "then".into())),
        users: None,
        allow_from: None,
        rules: None,
        labels: None,
    }
}

fn ring_of(key: ApiKey, previous: &[(&str, Timestamp)]) -> KeyRing {
    let previous = previous.iter();
    let mut set = KeySet::default();
    let new = NewKey {
        key,
        current: digest(b"sk-alice"),
        previous: previous
            .map(|(key, until)| (digest(key.as_bytes()), (*until, "noon".to_owned())))
            .collect(),
    };
    assert_eq!(set.insert(new, None, None), Ok(()));
    KeyRing::new(set.into())
}

fn ring() -> KeyRing {
    ring_of(laptop(), &[])
}

fn verify(ring: &KeyRing, key: &str, clock: &dyn Clock) -> Result<Rc<KeySecret>, Denial> {
    match ring.verify(key, clock, &[]) {
        Ok(secret) => Ok(secret),
        Err(Refusal::Denied(denial)) => Err(denial),
        Err(Refusal::Await(_)) => panic!("nothing is fetched"),
    }
}

#[test]
fn a_key_is_valid_from_its_start_up_to_its_end() {
    let ring = ring();
    let reason =
        |now: Timestamp| verify(&ring, "sk-alice", &Some(now)).map_err(|denial| denial.reason());
    assert_eq!(reason(START.plus(-1)).unwrap_err(), Reason::KeyNotYetValid);
    assert_eq!(&*reason(START).unwrap().key.subject, "alice");
    assert!(reason(END.plus(-1)).is_ok());
    assert_eq!(reason(END).unwrap_err(), Reason::ExpiredKey);
}

#[test]
fn a_key_is_known_whole_or_not_at_all() {
    for wrong in [
        "sk-alic",
        "sk-alicE",
        "sk-alice ",
        "sk-alicea",
        "",
        "laptop",
    ] {
        let denial = verify(&ring(), wrong, &Some(START)).unwrap_err();
        assert_eq!(
            (denial.reason(), denial.id()),
            (Reason::UnknownKey, None),
            "{wrong:?}"
        );
    }
}

#[test]
fn what_is_remembered_of_a_key_is_its_record_and_no_decision() {
    let ring = ring();
    for _ in 0..3 {
        assert!(verify(&ring, "sk-alice", &Some(START)).is_ok());
        assert!(verify(&ring, "sk-alicE", &Some(START)).is_err());
        let late = verify(&ring, "sk-alice", &Some(END)).unwrap_err();
        assert_eq!(late.reason(), Reason::ExpiredKey);
    }
    let mut recent = ring.recent.borrow_mut();
    assert_eq!(&*recent.get("sk-alice").unwrap().key.id, "laptop");
    assert!(recent.get("sk-alicE").is_none(), "a stranger fills nothing");
}

#[test]
fn only_a_key_with_dates_needs_a_clock() {
    let none = None;
    let denial = verify(&ring(), "sk-alice", &none).unwrap_err();
    assert_eq!(
        (denial.reason(), denial.id()),
        (Reason::ClockUnavailable, Some("laptop"))
    );
    for (start, end) in [(None, true), (Some(START), false), (None, false)] {
        let ring = ring_of(
            ApiKey {
                not_before: start,
                expires_at: end.then(|| (END, "then".into())),
                ..laptop()
            },
            &[],
        );
        let dated = start.is_some() || end;
        assert_eq!(
            verify(&ring, "sk-alice", &none).is_err(),
            dated,
            "{start:?}, {end}"
        );
    }
}

#[test]
fn a_secret_that_was_replaced_counts_until_its_end_and_says_that_it_was() {
    let key = ApiKey {
        not_before: None,
        expires_at: None,
        ..laptop()
    };
    let ring = ring_of(key, &[("sk-old", START)]);
    let old = |now| verify(&ring, "sk-old", &Some(now));
    let before = old(START.plus(-1)).unwrap();
    assert_eq!(&*before.key.id, "laptop");
    assert_eq!(before.expiry().unwrap().at, START);
    assert!(before.until.is_some());
    for _ in 0..2 {
        let denial = old(START).unwrap_err();
        assert_eq!(denial.reason(), Reason::ExpiredKey);
        assert!(denial.message().contains("counted until noon"), "{denial}");
    }
    let new = verify(&ring, "sk-alice", &Some(START)).unwrap();
    assert!(new.until.is_none() && new.expiry().is_none());
    // It needs a clock, and the new one does not.
    assert!(verify(&ring, "sk-alice", &None).is_ok());
    let unknown = verify(&ring, "sk-old", &None).unwrap_err();
    assert_eq!(unknown.reason(), Reason::ClockUnavailable);
}

#[test]
fn a_key_that_is_disabled_opens_nothing_with_any_of_its_secrets() {
    let key = ApiKey {
        disabled: true,
        ..laptop()
    };
    let ring = ring_of(key, &[("sk-old", END)]);
    for key in ["sk-alice", "sk-old"] {
        let denial = verify(&ring, key, &Some(START)).unwrap_err();
        assert_eq!(
            (denial.reason(), denial.id()),
            (Reason::DisabledKey, Some("laptop")),
            "{key}"
        );
    }
}

#[test]
fn an_id_and_a_secret_are_held_once_and_a_previous_secret_is_one_too() {
    let new = |id: &str, current: &str, previous: &str| NewKey {
        key: ApiKey {
            id: id.into(),
            ..laptop()
        },
        current: digest(current.as_bytes()),
        previous: vec![(digest(previous.as_bytes()), (END, String::new()))],
    };
    for (id, current, previous, taken) in [
        ("one", "c", "d", Taken::Id),
        ("two", "a", "d", Taken::Secret("one".into())),
        ("two", "b", "d", Taken::Secret("one".into())),
        ("two", "c", "a", Taken::Secret("one".into())),
        ("two", "c", "b", Taken::Secret("one".into())),
        ("two", "c", "c", Taken::Secret("two".into())),
    ] {
        let mut set = KeySet::default();
        let first = set.insert(new("one", "a", "b"), None, None);
        assert_eq!(first, Ok(()), "{id} {current} {previous}");
        let refused = set.insert(new(id, current, previous), None, None);
        assert_eq!(refused, Err(taken), "{id} {current} {previous}");
    }
}

#[test]
fn a_refusal_names_the_key_that_it_recognised() {
    assert_eq!(
        verify(&ring(), "sk-alice", &Some(END)).unwrap_err().id(),
        Some("laptop")
    );
}
