//! What a login costs, what is remembered of it, and what an answer tells.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
/// bcrypt of cost 4 of `secret`, made by libxcrypt.
const CHEAP: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
/// SHA-1 of `secret`.
const OLD: &str = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

fn user(name: &str, hash: &str) -> User {
    User {
        name: name.to_owned(),
        subject: name.into(),
        scopes: ScopeSet::DEFAULT,
        rules: None,
        hash: PasswordHash::parse(hash).unwrap(),
    }
}

fn users() -> Users {
    Users::new(vec![user("alice", CHEAP), user("bob", OLD)])
}

/// What is left of the budget.
fn left(users: &Users) -> i64 {
    users.budget.left()
}

fn ask_at<'u>(users: &'u Users, pair: &str, now: Timestamp) -> Result<&'u str, Denial> {
    let text = STANDARD.encode(pair);
    let login = Login::read(&text)?;
    users
        .verify(&text, &login, now, Attempts::free())
        .map(|user| user.name.as_str())
}

fn code(users: &Users, pair: &str) -> &'static str {
    ask_at(users, pair, NOW).map_or_else(|denial| denial.reason().code(), |_| "")
}

#[test]
fn name_and_password_belong_together() {
    let users = users();
    assert_eq!(ask_at(&users, "alice:secret", NOW), Ok("alice"));
    assert_eq!(ask_at(&users, "bob:secret", NOW), Ok("bob"));
    for wrong in [
        "alice:Secret",
        "alice:secret ",
        "alice: secret",
        "alice:secre",
        "Alice:secret",
        "alice :secret",
        "carol:secret",
        "bob:secrets",
    ] {
        assert_eq!(code(&users, wrong), "wrong_password", "{wrong}");
    }
    for malformed in ["alice:", ":secret", ":"] {
        assert_eq!(
            code(&users, malformed),
            "malformed_credential",
            "{malformed}"
        );
    }
}

#[test]
fn a_good_login_is_hashed_once_and_a_wrong_one_too() {
    let users = users();
    for (pair, expected) in [
        ("alice:secret", ""),
        ("alice:wrong", "wrong_password"),
        ("nobody:secret", "wrong_password"),
    ] {
        let before = left(&users);
        assert_eq!(code(&users, pair), expected, "{pair}");
        let after = left(&users);
        assert_ne!(before, after, "{pair}: the first time costs");
        for _ in 0..1000 {
            assert_eq!(code(&users, pair), expected, "{pair}");
        }
        assert_eq!(left(&users), after, "{pair}: the others do not");
    }
}

#[test]
fn every_user_stays_known_however_many_there_are() {
    // As long as names and passwords get.
    let name = |number: usize| format!("{number:x>128}");
    let many: Vec<_> = (0..1000).map(|number| user(&name(number), OLD)).collect();
    let users = Users::new(many);
    let everybody = || {
        for number in 0..1000 {
            assert_eq!(
                code(&users, &format!("{}:secret", name(number))),
                "",
                "{number}"
            );
        }
    };
    everybody();
    let after = left(&users);
    for _ in 0..3 {
        everybody();
    }
    assert_eq!(left(&users), after);
}

#[test]
fn beyond_the_budget_nobody_is_told_right_or_wrong_and_known_ones_come_in() {
    let users = Users::new(vec![user("alice", CHEAP)]);
    assert_eq!(code(&users, "alice:secret"), "");
    let mut tried = 0;
    let denial = loop {
        let pair = format!("alice:wrong-{tried}");
        match ask_at(&users, &pair, NOW) {
            Err(denial) if denial.reason() == Reason::WrongPassword => tried += 1,
            other => break other.unwrap_err(),
        }
    };
    assert_eq!(denial.reason(), Reason::TooManyPasswords);
    assert_eq!(denial.seconds_to_wait(), 1);
    assert_eq!(denial.id(), None);
    assert_eq!(tried, 249, "400 ms, 1.6 ms each, one for the good login");
    assert_eq!(code(&users, "alice:wrong-new"), "too_many_passwords");
    assert_eq!(code(&users, "nobody:secret"), "too_many_passwords");
    // What is known costs nothing.
    assert_eq!(code(&users, "alice:secret"), "");
    assert_eq!(code(&users, "alice:wrong-0"), "wrong_password");
    // What could not be checked is not remembered as wrong.
    let later = ask_at(&users, "alice:wrong-new", NOW.plus(1));
    assert_eq!(later.unwrap_err().reason(), Reason::WrongPassword);
}

#[test]
fn a_right_password_that_came_at_a_bad_time_is_right_later() {
    let users = Users::new(vec![user("alice", CHEAP)]);
    for number in 0..250 {
        assert_eq!(
            code(&users, &format!("alice:{number}")),
            "wrong_password",
            "{number}"
        );
    }
    assert_eq!(code(&users, "alice:secret"), "too_many_passwords");
    assert_eq!(ask_at(&users, "alice:secret", NOW.plus(1)), Ok("alice"));
}

#[test]
fn an_unknown_name_costs_what_a_known_one_costs() {
    let spent = |users: &Users, pair: &str| {
        let before = left(users);
        assert_eq!(code(users, pair), "wrong_password");
        let spent = before - left(users);
        let costs = users.users.iter().map(|user| user.hash.microseconds());
        costs
            .filter(|cost| i64::from(*cost) == spent)
            .max()
            .expect("the cost is that of one of the users")
    };
    let one = Users::new(vec![user("alice", CHEAP)]);
    let known = spent(&one, "alice:wrong");
    for number in 0..20 {
        assert_eq!(
            spent(&one, &format!("nobody{number}:wrong")),
            known,
            "{number}"
        );
    }
    // With different hashes an unknown name always has the same one's cost, here and in every worker.
    let mut costs = Vec::new();
    for number in 0..40 {
        let (mine, other) = (users(), users());
        let cost = spent(&mine, &format!("nobody{number}:a"));
        assert_eq!(spent(&mine, &format!("nobody{number}:b")), cost, "{number}");
        assert_eq!(
            spent(&other, &format!("nobody{number}:c")),
            cost,
            "{number}"
        );
        costs.push(cost);
    }
    costs.sort_unstable();
    costs.dedup();
    assert_eq!(costs, [1, 1600], "and one name has another's than the next");
}

#[test]
fn the_stand_in_for_an_unknown_name_lets_nobody_in() {
    let users = users();
    for number in 0..50 {
        let pair = format!("nobody{number}:secret");
        for _ in 0..2 {
            assert_eq!(code(&users, &pair), "wrong_password", "{pair}");
        }
    }
}

#[test]
fn the_answer_is_the_same_for_known_and_unknown_names_and_the_log_is_not() {
    let users = users();
    for _ in 0..2 {
        let known = ask_at(&users, "alice:wrong", NOW).unwrap_err();
        let unknown = ask_at(&users, "carol:wrong", NOW).unwrap_err();
        assert_eq!(known.message(), unknown.message());
        assert_eq!((known.id(), unknown.id()), (Some("alice"), None));
    }
}

#[test]
fn a_password_that_is_too_long_costs_nothing_and_is_told() {
    let users = users();
    let before = left(&users);
    let long = format!("alice:{}", "x".repeat(73));
    assert_eq!(code(&users, &long), "malformed_credential");
    assert_eq!(left(&users), before);
}

#[test]
fn where_there_is_no_user_no_login_is_taken() {
    let nobody = Users::new(Vec::new());
    assert!(nobody.is_empty());
    assert_eq!(code(&nobody, "alice:secret"), "unsupported_credential");
    assert_eq!(left(&nobody), HASHES.max_saved);
}

#[test]
fn debug_shows_no_login() {
    let users = users();
    assert_eq!(code(&users, "alice:secret"), "");
    let shown = format!("{users:?}");
    assert!(!shown.contains("secret") && !shown.contains(&STANDARD.encode("alice:secret")));
}
