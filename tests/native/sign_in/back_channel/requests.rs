//! What is taken as the request of a provider, and where.

use super::*;
use ollama_gate::Flow;

#[test]
fn what_is_no_form_with_one_token_is_refused() {
    let (world, provider, mut alice) = signed_in(json!({}));
    let good = token(json!({}));
    let form = |text: &str| text.replace('T', &good).into_bytes();
    let one = form("logout_token=T");
    let mut tried = vec![
        (vec![], one.clone()),
        (vec![FORM, FORM], one.clone()),
        (vec![FORM, ("content-encoding", "gzip")], one.clone()),
        (vec![FORM, ("content-encoding", "zstd")], one),
    ];
    for media_type in [
        "",
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded-2",
        "application/x-www-form-urlencoded, text/plain",
        "x-www-form-urlencoded",
    ] {
        let fields = vec![("content-type", media_type)];
        tried.push((fields, form("logout_token=T")));
    }
    for body in [
        form(""),
        form("logout_token"),
        form("logout_token="),
        form("token=T"),
        form("Logout_token=T"),
        form("?logout_token=T"),
        form("logout_token=T&logout_token=T"),
        form("logout_token=T&logout_token="),
        form("logout_token=T&logout%5Ftoken=T"),
        form("logout_token=T&a=b&logout_token=x"),
        form("logout_token=%"),
        form("logout_token=T%zz"),
        form("logout_token=%ff"),
        b"logout_token=\xff\xfe".to_vec(),
        json!({ "logout_token": good }).to_string().into_bytes(),
        good.clone().into_bytes(),
    ] {
        tried.push((vec![FORM], body));
    }
    for (fields, body) in tried {
        let shown = format!("{fields:?} {}", String::from_utf8_lossy(&body));
        let answer = post(&world, &provider, &fields, &body);
        assert_eq!(said(&answer), (400, "ambiguous_body".into()), "{shown}");
        assert!(answer.asked.is_empty(), "{shown}: {:?}", answer.asked);
    }
    assert!(is_in(&world, &provider, &mut alice));
}

#[test]
fn a_form_is_read_however_it_is_written() {
    for (media_type, body) in [
        (FORM.1, "logout_token=T"),
        (
            "application/x-www-form-urlencoded; charset=UTF-8",
            "logout_token=T",
        ),
        (
            "Application/X-WWW-Form-Urlencoded ;charset=utf-8",
            "logout_token=T",
        ),
        (FORM.1, "&&logout_token=T&"),
        (FORM.1, "%=x&other=%ff&logout_token=T&other=2&other"),
        (FORM.1, "logout%5ftoken=T"),
        (FORM.1, "logout_token=%65REST"),
    ] {
        let (world, provider, mut alice) = signed_in(json!({}));
        let good = token(json!({}));
        let text = body.replace('T', &good);
        let text = match body.strip_suffix("%65REST") {
            Some(name) => format!("{name}%65{}", &good[1..]),
            None => text.clone(),
        };
        let fields = [("content-type", media_type)];
        let answer = post(&world, &provider, &fields, text.as_bytes());
        assert_eq!(answer.status(), 200, "{body}: {answer:?}");
        assert!(!is_in(&world, &provider, &mut alice), "{body}");
    }
    // In pieces, and with an end that comes by itself, as over HTTP/2.
    let (world, provider, mut alice) = signed_in(json!({}));
    let body = format!("logout_token={}", token(json!({})));
    let mut parts: Vec<&[u8]> = body.as_bytes().chunks(7).collect();
    parts.push(b"");
    let request = begin(&world, &[FORM], &parts);
    let answer = Browser::default().finish(&world, &provider, request);
    assert_eq!(answer.status(), 200);
    assert!(!is_in(&world, &provider, &mut alice));
}

#[test]
fn a_body_over_64_kib_is_refused_before_it_is_whole() {
    let (world, provider, mut alice) = signed_in(json!({}));
    let limit = 64 * 1024;
    let good = format!("logout_token={}&pad=", token(json!({})));
    let padded = |size: usize| [good.as_bytes(), &vec![b'x'; size - good.len()]].concat();
    let refused = (413, "body_too_large".to_owned());
    // By its head alone.
    let length = (limit + 1).to_string();
    for length in [length.as_str(), "99999999999999999999", "-1", "x"] {
        let fields = [FORM, ("content-length", length)];
        let request = begin(&world, &fields, &[]);
        let answer = Browser::default().finish(&world, &provider, request);
        assert_eq!(said(&answer), refused, "{length}");
    }
    // By what comes, though the rest never does.
    let long = padded(limit + 1);
    let state = &world.gateway.0;
    let fields = [
        (":method", "POST"),
        (":path", PATH),
        (":authority", "gate.example"),
        FORM,
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    *state.headers.borrow_mut() = fields.map(owned).to_vec();
    *state.body.borrow_mut() = long.clone();
    let mut filter = world.root.filter();
    state.replies.borrow_mut().clear();
    assert_eq!(filter.request_head(fields.len(), false), Flow::Pause);
    assert_eq!(filter.request_body(limit, false), Flow::Pause);
    assert!(state.replies.borrow().is_empty());
    assert_eq!(filter.request_body(limit + 1, false), Flow::Pause);
    assert_eq!(state.replies.borrow()[0].status, 413);
    assert!(is_in(&world, &provider, &mut alice));
    let answer = post(&world, &provider, &[FORM], &padded(limit));
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert!(!is_in(&world, &provider, &mut alice));
}

#[test]
fn any_other_method_is_refused_with_the_one_that_is_taken() {
    let (world, provider, mut alice) = signed_in(json!({}));
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"] {
        let query = format!("{PATH}?logout_token={}", token(json!({})));
        for target in [PATH, &query] {
            let answer = alice.send(&world, &provider, method, target, &PAGE);
            assert_eq!(
                said(&answer),
                (405, "method_not_allowed".into()),
                "{method}"
            );
            assert_eq!(answer.header("allow"), "POST", "{method}");
            assert!(answer.asked.is_empty(), "{method}: {:?}", answer.asked);
        }
    }
    // A token in the query is none.
    let query = format!("{PATH}?logout_token={}", token(json!({})));
    let fields = [(":path", query.as_str()), FORM];
    let answer = post(&world, &provider, &fields, b"x=y");
    assert_eq!(answer.status(), 400);
    assert!(is_in(&world, &provider, &mut alice));
}

#[test]
fn nothing_else_of_the_request_is_looked_at_and_no_page_learns_anything() {
    let mut document = with_back_channel(json!({}));
    document["cors"] = json!({ "allow_origins": ["https://page.example"] });
    let (world, provider) = (world(&document), Provider::new());
    *provider.claims.borrow_mut() = json!({ "sid": "s-1" });
    let mut alice = again(&world, &provider);
    let cookies = alice.cookie_header();
    for (number, (name, value)) in [
        ("origin", "https://evil.example"),
        ("origin", "https://page.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("authorization", "Bearer sk-nobody-0123456789abcdef"),
        ("authorization", "Bearer x,Bearer y"),
        ("x-api-key", "nothing"),
        ("cookie", cookies.as_str()),
        ("cookie", "__Host-ollama-gate-session-cbb588dd=x"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("j-{number}");
        let other = token(json!({ "jti": id, "sid": "nobody" }));
        let body = format!("logout_token={other}");
        let answer = post(&world, &provider, &[FORM, (name, value)], body.as_bytes());
        assert_eq!(answer.status(), 200, "{name}: {value}");
        assert_eq!(answer.asked, ["end"], "{name}: {value}: no session is read");
        for header in ["access-control-allow-origin", "set-cookie", "location"] {
            assert_eq!(answer.header(header), "", "{name}: {value}");
        }
        // What is added to heads is added to this one too, as Envoy has it.
        let mut request = begin(&world, &[FORM, (name, value)], &[b"x=y"]);
        let answer = request.seen.as_ref().and_then(|seen| seen.reply.clone());
        let answer = answer.unwrap().headers.into_iter();
        let answer = answer.filter(|(header, _)| header.starts_with("access-control"));
        let added = request.respond(&[(":status", "400")]).into_iter();
        let added = added.filter(|(header, _)| header.starts_with("access-control"));
        assert_eq!((answer.count(), added.count()), (0, 0), "{name}: {value}");
    }
    assert!(is_in(&world, &provider, &mut alice));
    // The address rules and the names of the gate hold here too.
    let fields = [(":authority", "other.example"), FORM];
    let body = format!("logout_token={}", token(json!({})));
    let request = begin(&world, &fields, &[body.as_bytes()]);
    let elsewhere = Browser::default().finish(&world, &provider, request);
    assert_eq!(said(&elsewhere), (403, "host_denied".into()));
}

#[test]
fn where_it_is_not_configured_there_is_no_such_page() {
    for login in [
        json!({ "back_channel_logout": false }),
        json!({ "back_channel_logout": null }),
    ] {
        let shown = login.to_string();
        let (world, provider) = (world(&with_back_channel(login)), Provider::new());
        *provider.claims.borrow_mut() = json!({ "sid": "s-1" });
        let mut alice = again(&world, &provider);
        let body = format!("logout_token={}", token(json!({})));
        let fields = [
            (":method", "POST"),
            (":path", PATH),
            (":authority", "gate.example"),
            FORM,
        ];
        let seen = world.send_raw(&fields);
        assert_eq!(
            seen.verdict(),
            (401, "missing_credential".to_owned()),
            "{shown}"
        );
        let key = format!("Bearer {}", crate::world::KEY);
        let (seen, _) = world.post(PATH, &[FORM, ("authorization", &key)], &[body.as_bytes()]);
        assert_eq!(seen.verdict(), (404, "unknown_route".to_owned()), "{shown}");
        assert!(is_in(&world, &provider, &mut alice), "{shown}");
    }
}

#[test]
fn it_is_below_the_prefix_where_there_is_one() {
    let mut document = with_back_channel(json!({}));
    document["path_prefix"] = json!("/ollama");
    let (world, provider) = (world(&document), Provider::new());
    let fields = [(":path", "/ollama/.gate/backchannel-logout"), FORM];
    let body = format!("logout_token={}", token(json!({})));
    let answer = post(&world, &provider, &fields, body.as_bytes());
    assert_eq!(answer.status(), 200);
}

#[test]
fn it_needs_a_store_and_a_gateway_that_holds_the_head() {
    let mut document = with_back_channel(json!({ "store": null }));
    let errors = World::new(&document).errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("login.back_channel_logout: needs `store`"),
        "{errors:?}"
    );
    document = with_back_channel(json!({}));
    for host in [
        json!({ "name": "envoy" }),
        json!({ "name": "envoy", "hold_head": false }),
        json!({ "name": "istio" }),
    ] {
        document["host"] = host.clone();
        let errors = World::new(&document).errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        let expected = "login.back_channel_logout: needs `host.hold_head`";
        assert!(errors[0].starts_with(expected), "{errors:?}");
    }
    document["host"] = json!({ "name": "istio", "hold_head": true });
    assert!(World::new(&document).configured);
    document["host"] = json!({ "name": "apisix" });
    document["login"]["upstream"] = json!("sso.example:443");
    document["login"]["store"]["upstream"] = json!("webdis:7379");
    let world = World::apisix(&document);
    assert!(world.configured, "{:?}", world.errors());
    document["login"]["back_channel_logout"] = json!("yes");
    let errors = World::apisix(&document).errors();
    assert!(errors[0].contains("true or false"), "{errors:?}");
}

#[test]
fn where_the_gateway_does_not_say_whether_a_body_follows_its_length_has_to() {
    let mut document = with_back_channel(json!({ "upstream": "sso.example:443" }));
    document["login"]["store"]["upstream"] = json!("webdis:7379");
    document["host"] = json!({ "name": "apisix" });
    let world = World::apisix(&document);
    let provider = Provider::new();
    for fields in [
        vec![FORM],
        vec![FORM, ("content-length", "0")],
        vec![FORM, ("transfer-encoding", "chunked")],
    ] {
        let fields = [fields, vec![("host", "gate.example")]].concat();
        let request = begin(&world, &fields, &[]);
        let answer = Browser::default().finish(&world, &provider, request);
        assert_eq!(said(&answer), (400, "ambiguous_body".into()), "{fields:?}");
    }
}

#[test]
fn where_nothing_is_enforced_sessions_end_all_the_same_and_nothing_goes_on() {
    let mut document = with_back_channel(json!({}));
    document["mode"] = json!("report");
    let (world, provider) = (world(&document), Provider::new());
    *provider.claims.borrow_mut() = json!({ "sid": "s-1" });
    let mut alice = Browser::default();
    alice.sign_in(&world, &provider, "/.gate/login");
    let answer = post(&world, &provider, &[FORM], b"x=y");
    assert_eq!(answer.status(), 400);
    let fields = [(":authority", "gate.internal"), FORM];
    let elsewhere = post(&world, &provider, &fields, b"logout_token=x");
    assert_eq!(said(&elsewhere), (403, "host_denied".into()));
    assert_eq!(notify(&world, &provider, &token(json!({}))).status(), 200);
    let page = alice.go(&world, &provider, "/api/tags");
    assert_eq!(page.record["code"], "invalid_session");
}
