//! Coming from the gateways' own plugins: the examples and tables of docs/migration/.

mod caller;
mod page;
mod request;

use crate::tokens::signatures::table::signer::{Owner, Signer};
use crate::world::World;
use page::{Example, Row, examples, read, spans};
use request::decide;

const PAGES: [(&str, &str); 2] = [("apisix", "apisix.md"), ("kong", "kong.md")];

fn all() -> Vec<Example> {
    let pages = PAGES.map(|(host, page)| examples(host, &read(page)));
    pages.into_iter().flatten().collect()
}

/// Each row that the gate does not answer as it says, with what it does.
fn mistakes(example: &Example) -> Vec<String> {
    let rows = example.rows.iter().filter_map(|row| {
        let (status, code) = decide(example, row);
        let right = status == row.status && code == row.code;
        let line = || {
            let title = &example.title;
            format!("{title}: {}: {status} `{code}`", row.request)
        };
        (!right).then(line)
    });
    rows.collect()
}

/// What a table comes to.
fn counts(rows: &[Row]) -> String {
    let is_in = |status: u16| status == 200;
    let alike = rows.iter().filter(|row| row.old == row.status).count();
    let other = rows
        .iter()
        .filter(|row| is_in(row.old) != is_in(row.status));
    let other = other.count();
    let both = rows.len() - alike - other;
    format!(
        "Of {} requests, {alike} get the same status, {both} are refused by both with another status, \
         and {other} are decided differently on purpose.",
        rows.len()
    )
}

#[test]
fn the_gate_answers_every_request_as_its_row_says() {
    let found: Vec<_> = all().iter().flat_map(mistakes).collect();
    assert_eq!(found, Vec::<String>::new(), "\n{}", found.join("\n"));
}

#[test]
fn every_gateway_has_three_examples_and_the_rows_are_many() {
    for (host, page) in PAGES {
        let examples = examples(host, &read(page));
        assert_eq!(examples.len(), 3, "{page}");
        let rows = examples.iter().map(|example| example.rows.len());
        assert!(rows.sum::<usize>() > 50, "{page}");
    }
}

#[test]
fn a_reason_stands_where_the_answers_differ_and_nowhere_else() {
    for example in all() {
        for row in &example.rows {
            let differs = row.old != row.status;
            assert_eq!(!row.reason.is_empty(), differs, "{}", row.request);
            assert!(!row.source.is_empty(), "{}", row.request);
            assert_eq!(row.code.is_empty(), row.status == 200, "{}", row.request);
        }
    }
}

#[test]
fn the_sentence_below_a_table_counts_its_rows() {
    for example in all() {
        let expected = counts(&example.rows);
        assert_eq!(example.counts, expected, "{}", example.title);
    }
}

#[test]
fn what_a_caller_has_is_what_the_old_configuration_knows() {
    for example in all() {
        let known = |name: &str| {
            !["$WRONG", "$FORGED"]
                .iter()
                .any(|bad| name.starts_with(bad))
        };
        for cells in &example.callers {
            let by = spans(&cells[3]).first().copied();
            let value = by.or(spans(&cells[1]).first().copied()).unwrap();
            let is_named_key = value.len() == 2;
            if is_named_key {
                continue;
            }
            let there = example.before.contains(value);
            let name = spans(&cells[0])[0];
            assert_eq!(there, known(name), "{}: {name}", example.title);
        }
        if example.before.contains("BEGIN PUBLIC KEY") {
            let lines = Signer::new("RS256", Owner::Current).pem();
            assert!(
                lines.lines().all(|line| example.before.contains(line)),
                "{}",
                example.title
            );
        }
    }
}

#[test]
fn an_example_that_is_copied_as_it_stands_opens_nothing() {
    for example in all() {
        let Some(keys) = example.gate.pointer("/api_keys/keys") else {
            continue;
        };
        let errors = World::new(&example.gate).errors();
        let refused = errors
            .iter()
            .filter(|line| line.contains("].sha256: is an example"));
        assert_eq!(
            refused.count(),
            keys.as_array().unwrap().len(),
            "{}: {errors:?}",
            example.title
        );
    }
}

#[test]
fn a_row_that_is_not_true_is_found() {
    let text = read("apisix.md");
    for (right, wrong) in [
        ("401 `expired_token`", "200"),
        ("401 `expired_token`", "401 `unknown_key`"),
        ("leeway: 30s", "leeway: 0s"),
        (
            "required_claims: { key: tools }",
            "required_claims: { key: nobody }",
        ),
        ("allow: [\"192.168.1.0/24\"]", "allow: [\"192.168.2.0/24\"]"),
    ] {
        assert!(text.contains(right), "{right:?}, {wrong:?}");
        let broken = examples("apisix", &text.replacen(right, wrong, 1));
        assert!(!mistakes(&broken[0]).is_empty(), "{right} as {wrong}");
    }
}
