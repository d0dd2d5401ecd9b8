//! Tokens beside an API key, which name the user behind it: Open WebUI's `X-OpenWebUI-User-Jwt`.

use crate::world::{
    ADMIN_KEY, KEY, NOW, READ_KEY, SECRET, Seen, World, configuration, header, jwt, sign,
};
use serde_json::{Value, json};

const USERS: &str = "users-4b91e07cd2f8a6353c0e8f1d72";
const HEADER: &str = "x-openwebui-user-jwt";

/// `KEY` and `ADMIN_KEY` speak for users; `members` are put into the issuer that names them.
fn world(members: Value) -> World {
    let mut all = configuration();
    let mut users = json!({
        "name": "users", "algorithms": ["HS256"], "secrets": [USERS], "header": "X-OpenWebUI-User-Jwt",
    });
    for (name, value) in members.as_object().unwrap() {
        users[name] = value.clone();
    }
    all["jwt"].as_array_mut().unwrap().push(users);
    for place in [0, 2] {
        all["api_keys"]["keys"][place]["users"] = json!("users");
    }
    World::new(&all)
}

/// A token that names the user `bob`.
fn user(claims: Value) -> String {
    let mut all = json!({ "sub": "bob", "exp": NOW + 60 });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    sign(&header().to_string(), &all.to_string(), USERS)
}

fn send(world: &World, credential: &str, user: &str) -> Seen {
    let bearer = format!("Bearer {credential}");
    world.send(
        "GET",
        "/api/tags",
        &[("authorization", &bearer), (HEADER, user)],
    )
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

#[test]
fn the_user_is_told_in_place_of_the_key_and_the_key_still_named() {
    let world = world(json!({}));
    let seen = send(&world, KEY, &user(json!({})));
    assert_eq!(seen.verdict().0, 200);
    let expected = json!({ "credential": "api_key", "id": "alice-laptop", "subject": "bob" });
    for name in ["credential", "id", "subject"] {
        assert_eq!(seen.record[name], expected[name], "{name}");
    }
    assert_eq!(seen.upstream_values(HEADER), Vec::<&str>::new());
    // Two users of one key are two.
    let other = send(&world, KEY, &user(json!({ "sub": "eve" })));
    assert_eq!(other.record["subject"], "eve");
}

#[test]
fn without_a_token_the_key_speaks_for_its_own_subject() {
    let world = world(json!({}));
    assert_eq!(
        world.bearer("GET", "/api/tags", KEY).record["subject"],
        "alice"
    );
    for empty in ["", " ", "\t"] {
        let seen = send(&world, KEY, empty);
        assert_eq!(seen.verdict().0, 200, "{empty:?}");
        assert_eq!(seen.record["subject"], "alice", "{empty:?}");
    }
}

#[test]
fn a_wrong_token_refuses_the_request_though_the_key_is_right() {
    let world = world(json!({}));
    let good = user(json!({}));
    for (token, code) in [
        (jwt(json!({})), "invalid_signature"),
        (good.replace(".", ".."), "malformed_token"),
        (format!("Bearer {good}"), "malformed_token"),
        (format!("{good},{good}"), "malformed_token"),
        ("bob".to_owned(), "malformed_token"),
        ("é".to_owned(), "malformed_token"),
        (KEY.to_owned(), "malformed_token"),
        (user(json!({ "exp": NOW - 60 })), "expired_token"),
        (user(json!({ "nbf": NOW + 61 })), "token_not_yet_valid"),
        (user(json!({ "sub": "" })), "missing_subject"),
        (user(json!({ "aud": "x" })), "wrong_audience"),
        (
            sign(r#"{"alg":"none"}"#, r#"{"sub":"bob"}"#, ""),
            "unsupported_algorithm",
        ),
    ] {
        let seen = send(&world, KEY, &token);
        assert_eq!(seen.verdict(), refused(code), "{token}");
        assert_eq!(seen.record["id"], "alice-laptop", "{token}");
        assert!(!seen.record.to_string().contains(&token), "{token}");
    }
}

#[test]
fn two_tokens_name_nobody() {
    let world = world(json!({}));
    let (bearer, one, two) = (
        format!("Bearer {KEY}"),
        user(json!({})),
        user(json!({ "sub": "eve" })),
    );
    for second in [&one, &two] {
        let fields = [
            ("authorization", bearer.as_str()),
            (HEADER, &one),
            (HEADER, second),
        ];
        let seen = world.send("GET", "/api/tags", &fields);
        assert_eq!(
            seen.verdict(),
            (400, "malformed_request".to_owned()),
            "{second}"
        );
    }
}

#[test]
fn the_token_is_no_credential() {
    let world = world(json!({}));
    let token = user(json!({}));
    let alone = world.send("GET", "/api/tags", &[(HEADER, &token)]);
    assert_eq!(alone.verdict(), refused("missing_credential"));
    assert_eq!(
        world.bearer("GET", "/api/tags", &token).verdict(),
        refused("invalid_signature")
    );
    // A token of an issuer that proves something needs no user, and has none.
    let seen = send(&world, &jwt(json!({})), &token);
    assert_eq!(
        (seen.verdict().0, &seen.record["subject"]),
        (200, &json!("alice"))
    );
    assert_eq!(seen.record["id"], "open-webui");
    assert_eq!(seen.upstream_values(HEADER), Vec::<&str>::new());
    // Nor does a key get one that does not speak for users.
    let seen = send(&world, READ_KEY, &token);
    assert_eq!(
        (seen.verdict().0, &seen.record["subject"]),
        (200, &json!("reader"))
    );
    assert_eq!(seen.upstream_values(HEADER), Vec::<&str>::new());
    let wrong_key = send(&world, "sk-unknown-0123456789abcdef", &token);
    assert_eq!(wrong_key.verdict(), refused("unknown_key"));
}

#[test]
fn where_only_users_have_tokens_none_is_a_credential() {
    let mut all = configuration();
    all["jwt"] = json!([{
        "name": "users", "algorithms": ["HS256"], "secrets": [USERS], "header": "X-OpenWebUI-User-Jwt",
    }]);
    let world = World::new(&all);
    let seen = world.bearer("GET", "/api/tags", &user(json!({})));
    assert_eq!(seen.verdict(), refused("unsupported_credential"));
}

#[test]
fn what_is_known_of_a_token_holds_only_where_it_was_presented() {
    let world = world(json!({}));
    let (credential, user) = (jwt(json!({})), user(json!({})));
    for _ in 0..3 {
        assert_eq!(send(&world, KEY, &user).verdict().0, 200);
        assert_eq!(
            world.bearer("GET", "/api/tags", &credential).verdict().0,
            200
        );
        let swapped = world.bearer("GET", "/api/tags", &user);
        assert_eq!(swapped.verdict(), refused("invalid_signature"));
        assert_eq!(
            send(&world, KEY, &credential).verdict(),
            refused("invalid_signature")
        );
    }
}

#[test]
fn what_was_refused_in_one_place_may_be_right_in_the_other() {
    let (credential, user) = (jwt(json!({})), user(json!({})));
    let world = world(json!({}));
    // Each comes to the wrong place first, and is remembered as forged there.
    for _ in 0..2 {
        let swapped = world.bearer("GET", "/api/tags", &user);
        assert_eq!(swapped.verdict(), refused("invalid_signature"));
        assert_eq!(
            send(&world, KEY, &credential).verdict(),
            refused("invalid_signature")
        );
    }
    assert_eq!(send(&world, KEY, &user).verdict().0, 200);
    assert_eq!(
        world.bearer("GET", "/api/tags", &credential).verdict().0,
        200
    );
}

#[test]
fn one_secret_for_both_is_two_issuers_all_the_same() {
    let world = world(json!({ "secrets": [SECRET], "scopes_claim": "scope" }));
    let token = jwt(json!({ "scope": "read" }));
    for _ in 0..2 {
        let user = send(&world, KEY, &token);
        assert_eq!(
            (user.verdict().0, &user.record["id"]),
            (200, &json!("alice-laptop"))
        );
        let own = world.bearer("POST", "/api/chat", &token);
        assert_eq!(
            (own.verdict().0, &own.record["id"]),
            (200, &json!("open-webui"))
        );
        let bearer = format!("Bearer {KEY}");
        let fields = [("authorization", bearer.as_str()), (HEADER, &token)];
        let user = world.send("POST", "/api/chat", &fields);
        assert_eq!(user.verdict(), (403, "scope_denied".to_owned()));
    }
}

#[test]
fn the_token_takes_away_and_never_gives() {
    let open = world(json!({}));
    let scoped = world(json!({ "scopes_claim": "scope" }));
    let status = |world: &World, key: &str, path: &str, scope: &str| {
        let bearer = format!("Bearer {key}");
        let token = user(json!({ "scope": scope }));
        let fields = [("authorization", bearer.as_str()), (HEADER, &token)];
        world.send("POST", path, &fields).verdict()
    };
    let (ok, denied) = ((200, String::new()), (403, "scope_denied".to_owned()));
    // Without a claim for scopes the user may do what the key may.
    assert_eq!(status(&open, ADMIN_KEY, "/api/pull", ""), ok);
    assert_eq!(status(&open, KEY, "/api/chat", ""), ok);
    assert_eq!(status(&open, KEY, "/api/pull", "manage"), denied);
    // With one, what both may.
    assert_eq!(status(&scoped, ADMIN_KEY, "/api/pull", "read manage"), ok);
    assert_eq!(status(&scoped, ADMIN_KEY, "/api/pull", "read"), denied);
    assert_eq!(status(&scoped, KEY, "/api/pull", "manage"), denied);
    assert_eq!(status(&scoped, KEY, "/api/chat", "inference"), ok);
    assert_eq!(status(&scoped, KEY, "/api/chat", ""), denied);
}

#[test]
fn claims_of_the_user_go_into_headers() {
    let mut all = configuration();
    all["jwt"] = json!([{
        "name": "users", "algorithms": ["HS256"], "secrets": [USERS], "header": "X-OpenWebUI-User-Jwt",
    }]);
    all["api_keys"]["keys"][0]["users"] = json!("users");
    all["upstream"] =
        json!({ "identity_headers": { "subject": "X-Name", "claims": { "X-Mail": "email" } } });
    let world = World::new(&all);
    let seen = send(&world, KEY, &user(json!({ "email": "b@example.com" })));
    assert_eq!(seen.upstream_values("x-name"), ["bob"]);
    assert_eq!(seen.upstream_values("x-mail"), ["b@example.com"]);
    let injected = send(&world, KEY, &user(json!({ "email": "b\r\nx: y" })));
    assert_eq!(injected.verdict(), (403, "unsafe_identity".to_owned()));
}
