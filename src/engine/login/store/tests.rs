use super::*;
use crate::http::Url;
use std::time::Duration;

fn store(prefix: &str, gate: &str) -> Store {
    let webdis = Webdis {
        upstream: "webdis".to_owned(),
        url: Url::parse("http://webdis.internal").unwrap(),
        headers: Vec::new(),
        timeout: Duration::from_secs(1),
    };
    Store::new(webdis, prefix.to_owned(), gate)
}

fn times(now: i64, ends: i64, idle: Option<i64>) -> Times {
    Times { now, ends, idle }
}

fn words(call: &Call) -> Vec<String> {
    let body = String::from_utf8(call.body().unwrap().to_vec()).unwrap();
    body.split('/').map(str::to_owned).collect()
}

#[test]
fn no_subject_stands_in_a_key_and_no_two_places_share_one() {
    let own = store("p:", "gate");
    let key = |store: &Store, place| words(&store.end(&[place], None))[3].clone();
    let mut keys = vec![
        key(&own, Place::Subject("alice")),
        key(&own, Place::Sub("alice")),
        key(&own, Place::Sid("alice")),
        key(&own, Place::Unnamed("alice")),
        key(&own, Place::Subject("bob")),
        key(&own, Place::Subject("")),
        key(&store("p:", "other"), Place::Subject("alice")),
        key(&store("q:", "gate"), Place::Subject("alice")),
    ];
    assert!(keys.iter().all(|key| !key.contains("alice")), "{keys:?}");
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 8, "{keys:?}");
}

#[test]
fn a_new_session_has_an_end_and_is_noted_at_each_place() {
    let store = store("p:", "gate");
    let places = [Place::Subject("alice"), Place::Sub("1"), Place::Sid("2")];
    let call = store.create("name", "sealed", times(100, 160, None), &places);
    let words = words(&call);
    assert_eq!((words[0].as_str(), words[2].as_str()), ("EVAL", "4"));
    assert_eq!(words[3], "p%3Asession%3Aname");
    assert_eq!(
        words[7..],
        ["sealed", "60", "name", "100", "160", "p%3Asession%3A", "60"]
    );
    // One that is over already is not kept for ever.
    let seconds = |times| self::words(&store.create("name", "sealed", times, &[]))[5].clone();
    assert_eq!(seconds(times(200, 160, None)), "1");
    assert_eq!(seconds(times(100, 160, Some(20))), "20");
    assert_eq!(seconds(times(100, 160, Some(90))), "60");
}

#[test]
fn the_most_of_a_subject_is_what_the_script_keeps() {
    assert!(CREATE.contains(&format!("-{MAX_OF_SUBJECT} ")));
}
