//! "Which key was in force then?": one line for each change, and the generation in the line of each decision.

use super::*;

fn changes(world: &World) -> Vec<Value> {
    let lines = world.lines_with("keys_changed");
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn each_change_is_one_line_with_the_ids_and_without_a_secret() {
    let mut world = world(&KINDS[0], &json!({ "name": "ring" }));
    let all = document(&[
        ("a", FETCHED),
        ("b", OTHER),
        ("c", "sk-third-3c5d8e1f90a27b64"),
    ]);
    world.fetch(200, all.to_string().as_bytes());
    let [first] = changes(&world).try_into().unwrap();
    let fingerprint = first["fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(fingerprint.len(), 16);
    assert_eq!(
        first,
        json!({ "gate": "ollama-gate", "event": "keys_changed", "source": "ring", "generation": 1,
            "fingerprint": fingerprint, "effective": "2026-01-01T00:00:00Z", "keys": 3,
            "added": ["a", "b", "c"], "removed": [], "changed": [] })
    );
    world.gateway.0.lines.borrow_mut().clear();
    world.wait(30);
    world.fetch(200, all.to_string().as_bytes());
    assert_eq!(
        changes(&world),
        Vec::<Value>::new(),
        "the same document is no change"
    );
    world.wait(30);
    let next = json!([
        { "id": "a", "key": FETCHED },
        { "id": "b", "key": "sk-b-again-92d6f7e1c04a835b" },
        { "id": "d", "key": "sk-fourth-a17c4be05d92f386" },
    ]);
    world.fetch(200, next.to_string().as_bytes());
    let [second] = changes(&world).try_into().unwrap();
    assert_eq!(second["generation"], 2);
    assert_eq!(second["effective"], "2026-01-01T00:01:00Z");
    assert_eq!(second["added"], json!(["d"]));
    assert_eq!(second["removed"], json!(["c"]));
    assert_eq!(second["changed"], json!(["b"]), "its secret is another one");
    let log = world.gateway.0.lines.borrow();
    assert!(!log.iter().any(|(_, line)| line.contains("sk-")), "{log:?}");
}

#[test]
fn a_line_of_a_decision_names_the_document_and_its_generation() {
    let mut world = world(&KINDS[0], &json!({ "name": "ring" }));
    world.fetch(200, one().to_string().as_bytes());
    let record = world.ask(FETCHED).seen.unwrap().record;
    assert_eq!(
        (&record["source"], &record["generation"]),
        (&json!("ring"), &json!(1))
    );
    let record = world.ask(KEY).seen.unwrap().record;
    assert_eq!(
        (record.get("source"), record.get("generation")),
        (None, None)
    );
    world.wait(30);
    world.fetch(
        200,
        document(&[("fetched", FETCHED), ("other", OTHER)])
            .to_string()
            .as_bytes(),
    );
    let record = world.ask(FETCHED).seen.unwrap().record;
    assert_eq!(record["generation"], 2);
}

#[test]
fn a_change_of_very_many_keys_is_one_line_of_bounded_length() {
    let mut world = world(&KINDS[0], &json!({}));
    let keys = (0..500).map(|number| {
        json!({ "id": format!("key-{number}"), "key": format!("sk-many-5e0d17a9c3b84f62-{number}") })
    });
    world.fetch(200, Value::Array(keys.collect()).to_string().as_bytes());
    let [line] = changes(&world).try_into().unwrap();
    assert_eq!(line["added"].as_array().unwrap().len(), 100);
    assert_eq!(line["added_count"], 500);
}
