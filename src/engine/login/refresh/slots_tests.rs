use super::*;
use crate::session::OwnMemory;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const LEASE: i64 = 20;

fn mark(token: &str) -> Mark {
    Mark::of(&Secret::new(token.to_owned()), NOW)
}

/// Other sessions whose slots are those of `own`.
fn neighbours(own: Mark) -> impl Iterator<Item = Mark> {
    let others = (0..).map(|number| mark(&format!("other-{number}")));
    others.filter(move |other| *other != own && other.group() == own.group())
}

#[test]
fn one_of_many_begins_and_the_others_get_what_came_of_it() {
    let memory = OwnMemory::default();
    let (slots, own) = (Slots::new(&memory, "gate"), mark("one"));
    assert_eq!(slots.look(own, NOW), Standing::Nothing);
    assert!(slots.begin(own, LEASE, NOW));
    assert!(!slots.begin(own, LEASE, NOW));
    assert_eq!(slots.look(own, NOW), Standing::UnderWay(NOW));
    slots.refreshed(own, "sealed", NOW.plus(1));
    let after = |seconds| slots.look(own, NOW.plus(1 + seconds));
    assert_eq!(after(0), Standing::Successor("sealed".to_owned()));
    assert_eq!(after(KEPT - 1), Standing::Successor("sealed".to_owned()));
    assert_eq!(after(KEPT), Standing::Nothing);
    assert_eq!(slots.look(mark("two"), NOW), Standing::Nothing);
    assert_eq!(
        Slots::new(&memory, "other").look(own, NOW.plus(1)),
        Standing::Nothing
    );
}

#[test]
fn whoever_went_away_leaves_the_refresh_to_others_after_a_while() {
    let memory = OwnMemory::default();
    let (slots, own) = (Slots::new(&memory, "gate"), mark("one"));
    assert!(slots.begin(own, LEASE, NOW));
    assert!(!slots.begin(own, LEASE, NOW.plus(LEASE - 1)));
    assert!(slots.begin(own, LEASE, NOW.plus(LEASE)));
    // One that was broken off is forgiven, a second one is not.
    let again = NOW.plus(LEASE);
    let underway = |now| slots.look(own, now);
    assert_eq!(underway(again), Standing::UnderWay(again));
    for times in 2..5 {
        let now = NOW.plus(LEASE * times);
        assert!(slots.begin(own, LEASE, now), "{times}");
        assert_eq!(underway(now), Standing::UnderWay(again), "{times}");
    }
    let second = NOW.plus(LEASE * 4 + 1);
    slots.failed(own, second);
    assert!(slots.begin(own, LEASE, second.plus(2)));
    assert_eq!(
        slots.look(own, second.plus(2)),
        Standing::UnderWay(second.plus(2))
    );
}

#[test]
fn of_two_that_ask_the_one_that_was_refused_gets_what_the_other_got() {
    let memory = OwnMemory::default();
    let (slots, own) = (Slots::new(&memory, "gate"), mark("one"));
    slots.refreshed(own, "sealed", NOW);
    assert_eq!(slots.refused(own, NOW.plus(1)).as_deref(), Some("sealed"));
    assert_eq!(slots.failed(own, NOW.plus(1)).as_deref(), Some("sealed"));
    assert_eq!(
        slots.look(own, NOW.plus(2)),
        Standing::Successor("sealed".to_owned())
    );
    // The other way round.
    let memory = OwnMemory::default();
    let slots = Slots::new(&memory, "gate");
    assert_eq!(slots.refused(own, NOW), None);
    assert_eq!(slots.look(own, NOW), Standing::Refused);
    slots.refreshed(own, "sealed", NOW);
    assert_eq!(
        slots.look(own, NOW),
        Standing::Successor("sealed".to_owned())
    );
}

#[test]
fn a_provider_that_fails_is_asked_ever_more_rarely() {
    let memory = OwnMemory::default();
    let (slots, own) = (Slots::new(&memory, "gate"), mark("one"));
    let mut now = NOW;
    for wait in [2, 4, 8, 16, 32, 60, 60, 60] {
        assert!(slots.begin(own, LEASE, now), "{wait}");
        slots.failed(own, now);
        assert_eq!(
            slots.look(own, now.plus(wait - 1)),
            Standing::Failed,
            "{wait}"
        );
        now = now.plus(wait);
        assert_eq!(slots.look(own, now), Standing::Nothing, "{wait}");
    }
}

#[test]
fn neighbours_take_what_counts_no_more_and_what_is_known_of_a_refresh_last() {
    let memory = OwnMemory::default();
    let (slots, own) = (Slots::new(&memory, "gate"), mark("one"));
    let room = usize::try_from(IN_GROUP).unwrap() - 1;
    slots.refreshed(own, "sealed", NOW);
    let others: Vec<_> = neighbours(own).take(room + 2).collect();
    for other in &others[..room] {
        slots.refused(*other, NOW.plus(6));
    }
    // There is no free one: what was refused goes first.
    assert!(slots.begin(others[room], LEASE, NOW.plus(7)));
    assert_eq!(
        slots.look(own, NOW.plus(8)),
        Standing::Successor("sealed".to_owned())
    );
    assert_eq!(slots.look(others[0], NOW.plus(8)), Standing::Nothing);
    // Among locks and fresh ones nobody finds room, and nothing of them is lost.
    let full = OwnMemory::default();
    let slots = Slots::new(&full, "gate");
    slots.refreshed(own, "sealed", NOW);
    for other in &others[..room] {
        assert!(slots.begin(*other, LEASE, NOW), "{other:?}");
    }
    assert!(!slots.begin(others[room], LEASE, NOW.plus(UNDISTURBED - 1)));
    assert!(slots.begin(others[room], LEASE, NOW.plus(UNDISTURBED)));
    slots.refreshed(own, "later", NOW.plus(UNDISTURBED));
    assert_eq!(slots.look(own, NOW.plus(UNDISTURBED)), Standing::Nothing);
}

#[test]
fn what_has_ended_stays_so_for_as_long_as_a_response_may_take() {
    let memory = OwnMemory::default();
    let (slots, own) = (Slots::new(&memory, "gate"), Mark::of_ended("alice"));
    slots.over(own, NOW);
    assert_eq!(slots.look(own, NOW.plus(SIGNED_OUT - 1)), Standing::Over);
    assert_eq!(slots.look(own, NOW.plus(SIGNED_OUT)), Standing::Nothing);
    assert_eq!(slots.look(Mark::of_ended("bob"), NOW), Standing::Nothing);
}

#[test]
fn slots_are_not_added_to_without_end() {
    let memory = OwnMemory::default();
    let slots = Slots::new(&memory, "gate");
    for number in 0..20_000 {
        slots.refreshed(mark(&number.to_string()), "sealed", NOW.plus(number));
    }
    assert_eq!(memory.count(), usize::try_from(GROUPS * IN_GROUP).unwrap());
}

#[test]
fn what_is_no_entry_is_none() {
    let own = mark("one");
    let whole = Entry {
        successor: "sealed".to_owned(),
        ..Entry::new(own, Kind::Refreshed, NOW)
    };
    assert_eq!(Entry::decode(&whole.encode()), Some(whole.clone()));
    for length in 0..HEAD {
        assert_eq!(Entry::decode(&whole.encode()[..length]), None, "{length}");
    }
    let mut unknown = whole.encode();
    unknown[MARK] = 9;
    assert_eq!(Entry::decode(&unknown), None);
    // Nothing that a clock wrote which was put back counts for long.
    let ahead = Entry::new(own, Kind::Locked, NOW.plus(10_000));
    assert!(!ahead.counts(NOW));
}

#[test]
fn each_state_of_a_session_has_a_mark_of_its_own() {
    let token = Secret::new("one".to_owned());
    assert_eq!(Mark::of(&token, NOW), mark("one"));
    assert_ne!(Mark::of(&token, NOW.plus(1)), mark("one"));
    assert_ne!(mark("two"), mark("one"));
}
