use super::*;
use std::collections::HashSet;

#[test]
fn the_list_holds_every_reason_once_at_its_own_place() {
    let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    for (place, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, place, "{reason:?}");
    }
}

#[test]
fn statuses_are_those_of_the_house_rules() {
    for reason in Reason::ALL {
        assert!(
            [307, 400, 401, 403, 404, 405, 408, 413, 429, 500, 502, 503].contains(&reason.status()),
            "{reason:?}"
        );
    }
}

#[test]
fn a_summary_may_stand_in_a_quoted_string() {
    for reason in Reason::ALL {
        let fit = |byte: u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
        assert!(reason.summary().bytes().all(fit), "{reason:?}");
    }
}

#[test]
fn each_reason_is_at_its_place_in_the_list() {
    for (place, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(
            reason.place(),
            place,
            "{reason:?}: list it where it is declared"
        );
    }
}
