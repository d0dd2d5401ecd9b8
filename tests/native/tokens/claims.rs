//! Who and for whom: the claims of every token.

use crate::world::{NOW, SECRET, World, configuration, header, jwt, sign, with};
use serde_json::{Value, json};

fn verdict(world: &World, token: &str) -> (u16, String) {
    world.bearer("GET", "/api/tags", token).verdict()
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

fn issuer(name: &str, value: Value) -> World {
    World::new(&with(&format!("/jwt/0/{name}"), value))
}

#[test]
fn issuer_and_audience_are_held() {
    let mut configuration = with("/jwt/0/issuer", json!("https://sso.example"));
    configuration["jwt"][0]["audiences"] = json!(["ollama", "gate"]);
    let world = World::new(&configuration);
    let claims = |iss: Value, aud: Value| jwt(json!({ "iss": iss, "aud": aud }));
    for (iss, aud, expected) in [
        (
            json!("https://sso.example"),
            json!("ollama"),
            (200, String::new()),
        ),
        (
            json!("https://sso.example"),
            json!(["other", "gate"]),
            (200, String::new()),
        ),
        (
            json!("https://sso.example/"),
            json!("ollama"),
            refused("wrong_issuer"),
        ),
        (json!(null), json!("ollama"), refused("wrong_issuer")),
        (
            json!(["https://sso.example"]),
            json!("ollama"),
            refused("malformed_token"),
        ),
        (
            json!("https://sso.example"),
            json!("other"),
            refused("wrong_audience"),
        ),
        (
            json!("https://sso.example"),
            json!([]),
            refused("wrong_audience"),
        ),
        (
            json!("https://sso.example"),
            json!(null),
            refused("wrong_audience"),
        ),
        (
            json!("https://sso.example"),
            json!(["ollama", 1]),
            refused("malformed_token"),
        ),
        (
            json!("https://sso.example"),
            json!("ollam"),
            refused("wrong_audience"),
        ),
    ] {
        assert_eq!(
            verdict(&world, &claims(iss.clone(), aud.clone())),
            expected,
            "{iss} {aud}"
        );
    }
}

#[test]
fn a_token_for_somebody_is_not_for_a_gate_that_has_no_name() {
    let world = World::new(&configuration());
    assert_eq!(
        verdict(&world, &jwt(json!({ "aud": "billing" }))),
        refused("wrong_audience")
    );
}

#[test]
fn somebody_must_be_named() {
    let world = World::new(&configuration());
    for subject in [json!(null), json!("")] {
        assert_eq!(
            verdict(&world, &jwt(json!({ "sub": subject }))),
            refused("missing_subject"),
            "{subject}"
        );
    }
    assert_eq!(
        verdict(&world, &jwt(json!({ "sub": 7 }))),
        refused("malformed_token")
    );
    let by_id = issuer("subject_claim", json!("id"));
    assert_eq!(verdict(&by_id, &jwt(json!({}))), refused("missing_subject"));
    let seen = by_id.bearer(
        "GET",
        "/api/tags",
        &jwt(json!({ "id": "u-1", "sub": null })),
    );
    assert_eq!(seen.record["subject"], "u-1");
}

#[test]
fn scopes_come_from_the_claim_where_there_is_one() {
    let world = issuer("scopes_claim", json!("scope"));
    let pull = |scope: Value| {
        let token = jwt(json!({ "scope": scope }));
        world.bearer("POST", "/api/pull", &token).verdict()
    };
    assert_eq!(pull(json!("openid manage email")).0, 200);
    assert_eq!(pull(json!(["read", "manage"])).0, 200);
    for without in [
        json!("read inference"),
        json!("Manage"),
        json!(""),
        json!([]),
        json!(null),
        json!("managed"),
    ] {
        assert_eq!(
            pull(without.clone()),
            (403, "scope_denied".into()),
            "{without}"
        );
    }
    assert_eq!(pull(json!(8)), refused("malformed_token"));
    let without_claim = World::new(&configuration());
    let token = jwt(json!({ "scope": "manage" }));
    assert_eq!(
        without_claim
            .bearer("POST", "/api/pull", &token)
            .verdict()
            .0,
        403,
        "a claim that is not configured grants nothing"
    );
}

#[test]
fn any_audience_is_taken_where_that_is_allowed() {
    let any = issuer("danger_allow_any_audience", json!(true));
    for audience in [
        json!(null),
        json!("billing"),
        json!(["a", "b"]),
        json!([]),
        json!(""),
    ] {
        let token = jwt(json!({ "aud": audience }));
        assert_eq!(verdict(&any, &token).0, 200, "{audience}");
    }
    for audience in [json!(1), json!({}), json!(["a", 1]), json!(true)] {
        let token = jwt(json!({ "aud": audience }));
        assert_eq!(
            verdict(&any, &token),
            refused("malformed_token"),
            "{audience}"
        );
    }
    let not = issuer("danger_allow_any_audience", json!(false));
    let token = jwt(json!({ "aud": "billing" }));
    assert_eq!(verdict(&not, &token), refused("wrong_audience"));
}

/// The claims of a good token, with `more` written into them.
fn written(more: &str) -> String {
    let claims = format!(r#"{{"sub":"alice","exp":{}{more}}}"#, NOW + 60);
    sign(&header().to_string(), &claims, SECRET)
}

#[test]
fn a_claim_that_is_null_or_names_nobody_is_as_absent() {
    let ok = (200, String::new());
    let world = World::new(&configuration());
    for more in [
        r#","nbf":null"#,
        r#","iat":null"#,
        r#","iss":null"#,
        r#","aud":null"#,
        r#","aud":[]"#,
        r#","aud":"""#,
        r#","aud":[""]"#,
        r#","nbf":null,"iat":null,"iss":null,"aud":null,"jti":null,"scope":null"#,
    ] {
        assert_eq!(verdict(&world, &written(more)), ok, "{more}");
    }
    let aud = refused("wrong_audience");
    assert_eq!(verdict(&world, &written(r#","aud":["","billing"]"#)), aud);
    for (field, more, code) in [
        ("issuer", r#","iss":null"#, "wrong_issuer"),
        ("audiences", r#","aud":null"#, "wrong_audience"),
        ("audiences", r#","aud":[]"#, "wrong_audience"),
        ("audiences", r#","aud":"""#, "wrong_audience"),
    ] {
        let asked = match field {
            "issuer" => json!("https://sso.example"),
            _ => json!(["ollama"]),
        };
        let verdict = verdict(&issuer(field, asked), &written(more));
        assert_eq!(verdict, refused(code), "{field} {more}");
    }
    let nobody = sign(&header().to_string(), r#"{"sub":null,"exp":1e10}"#, SECRET);
    assert_eq!(verdict(&world, &nobody), refused("missing_subject"));
    let endless = sign(&header().to_string(), r#"{"sub":"a","exp":null}"#, SECRET);
    assert_eq!(verdict(&world, &endless), refused("missing_expiry"));
}

#[test]
fn a_claim_of_rights_that_is_null_gives_none() {
    let world = issuer("scopes_claim", json!("scope"));
    let token = written(r#","scope":null"#);
    let denied = (403, "scope_denied".to_owned());
    assert_eq!(world.bearer("GET", "/api/tags", &token).verdict(), denied);
    let world = issuer("models_claim", json!("models"));
    let token = written(r#","models":null"#);
    let seen = world.bearer("GET", "/api/tags", &token);
    assert_eq!(seen.verdict().0, 200, "a list names no model");
    let fields = [("authorization", &*format!("Bearer {token}"))];
    let (seen, _) = world.post("/api/chat", &fields, &[br#"{"model":"llama3.2"}"#]);
    assert_eq!(seen.verdict(), (403, "model_denied".to_owned()));
}

/// What a token with this `roles` claim may do: read, manage.
fn rights(issuer: &Value, claim: Value) -> (u16, u16) {
    let mut all = configuration();
    for (name, value) in issuer.as_object().unwrap() {
        all["jwt"][0][name] = value.clone();
    }
    let world = World::new(&all);
    assert!(world.configured, "{:?}", world.errors());
    let token = jwt(json!({ "roles": claim }));
    let status = |method, path| world.bearer(method, path, &token).verdict().0;
    (status("GET", "/api/tags"), status("POST", "/api/pull"))
}

#[test]
fn the_words_of_a_provider_mean_what_the_map_says_and_nothing_else() {
    let mapped = json!({ "scopes_claim": "roles", "scope_map": {
        "ollama/read": ["read"], "ollama-admins": ["read", "manage"], "access_as_user": ["read"],
        "Domain Users": ["read"], "nothing": [],
    } });
    for (claim, expected) in [
        (json!("openid ollama/read"), (200, 403)),
        (json!("openid access_as_user"), (200, 403)),
        (json!(["staff", "ollama-admins"]), (200, 200)),
        (
            json!({ "ollama-admins": { "1234": "acme.example" } }),
            (200, 200),
        ),
        (json!("Domain Users"), (200, 403)),
        (json!(["Domain Users"]), (200, 403)),
        (json!(["Domain Users and ollama-admins"]), (403, 403)),
        (json!(["openid ollama-admins"]), (403, 403)),
        (json!("Users"), (403, 403)),
        (json!("ollama-admins2"), (403, 403)),
        (json!("nothing"), (403, 403)),
        // The gate's own words are the provider's no more.
        (json!("manage read"), (403, 403)),
        (json!({ "staff": "ollama-admins" }), (403, 403)),
        (json!(null), (403, 403)),
    ] {
        assert_eq!(rights(&mapped, claim.clone()), expected, "{claim}");
    }
}

#[test]
fn an_item_of_a_list_is_one_scope_and_a_member_of_an_object_too() {
    let own = json!({ "scopes_claim": "roles" });
    for (claim, expected) in [
        (json!(["read", "manage"]), (200, 200)),
        (json!(["read manage"]), (403, 403)),
        (json!("read manage"), (200, 200)),
        (json!({ "manage": {}, "read": {} }), (200, 200)),
        (json!({ "role": "manage" }), (403, 403)),
    ] {
        assert_eq!(rights(&own, claim.clone()), expected, "{claim}");
    }
}

#[test]
fn an_issuer_may_say_what_all_its_tokens_may_do() {
    for (scopes, expected) in [
        (json!(["read", "manage"]), (200, 200)),
        (json!(["manage"]), (403, 200)),
        (json!([]), (403, 403)),
    ] {
        let issuer = json!({ "scopes": scopes });
        assert_eq!(rights(&issuer, json!("manage read")), expected, "{scopes}");
    }
}
