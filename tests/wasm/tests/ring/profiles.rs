//! The profiles themselves: a rule that a profile does not hold tests nothing.

use ollama_gate_wasm_tests::map;
use ollama_gate_wasm_tests::profile::{Edit, Entry};
use ollama_gate_wasm_tests::world::{Stream, status};
use ollama_gate_wasm_tests::{Apisix, Call, CallEnd, ClientRequest, Envoy, Kong, Profile};

fn stream(profile: &dyn Profile, request: &ClientRequest) -> Stream {
    let Entry::Deliver(headers) = profile.entry(request) else {
        panic!("refused by the gateway");
    };
    Stream::new(1, request, headers)
}

#[test]
pub fn envoy_joins_a_doubled_authorization_and_leaves_a_doubled_key_alone() {
    let request = ClientRequest::get("/")
        .bearer("a")
        .bearer("b")
        .header("X-Api-Key", "1")
        .header("x-api-key", "2");
    let map = stream(&Envoy, &request).headers;
    assert_eq!(map::values(&map, "authorization"), [b"Bearer a,Bearer b"]);
    assert_eq!(map::values(&map, "x-api-key").len(), 2);
    assert!(
        map.iter()
            .all(|(name, _)| !name.iter().any(u8::is_ascii_uppercase))
    );
}

#[test]
pub fn apisix_refuses_a_doubled_authorization_by_itself() {
    let request = ClientRequest::get("/").bearer("a").bearer("b");
    assert!(matches!(Apisix.entry(&request), Entry::Refuse(400)));
}

#[test]
pub fn apisix_goes_down_over_a_request_without_host() {
    let stream = stream(&Apisix, &ClientRequest::get("/").without_host());
    assert!(Apisix.read_map(&stream).is_err());
    assert!(Apisix.read_value(&stream, b":authority").is_err());
    assert_eq!(Apisix.read_value(&stream, b"host"), Ok(None));
    assert_eq!(
        Apisix.read_value(&stream, b":path"),
        Ok(Some(b"/".to_vec()))
    );
}

#[test]
pub fn apisix_shows_a_hundred_headers_and_finds_the_others_by_name() {
    let mut request = ClientRequest::get("/");
    for number in 0..120 {
        request = request.header(&format!("X-{number}"), "1");
    }
    let stream = stream(&Apisix, &request.header("X-Last", "here"));
    assert_eq!(Apisix.count_of_headers(&stream), 0);
    let map = Apisix.read_map(&stream).expect("a map");
    assert_eq!(map.len(), 104);
    assert!(map::values(&map, "x-last").is_empty());
    assert_eq!(
        Apisix.read_value(&stream, b"x-last"),
        Ok(Some(b"here".to_vec()))
    );
}

#[test]
pub fn apisix_adds_three_headers_of_its_own_in_the_place_of_the_clients() {
    let request = ClientRequest::get("/").header("x-forwarded-host", "evil.example");
    let map = stream(&Apisix, &request).headers;
    assert_eq!(map::values(&map, "X-Forwarded-Host"), [b"gate.example.com"]);
    assert_eq!(map::values(&map, "X-Forwarded-Proto"), [b"http"]);
    assert_eq!(map.len(), 4, "Host and the three");
}

#[test]
pub fn apisix_takes_no_write_to_a_pseudo_header_and_envoy_none_after_continue() {
    let mut on_apisix = stream(&Apisix, &ClientRequest::get("/"));
    for name in [":authority", ":path", ":method"] {
        let edit = Edit::Replace(name.into(), b"x".to_vec());
        assert!(Apisix.edit(&mut on_apisix, &edit).is_err());
    }
    let mut on_envoy = stream(&Envoy, &ClientRequest::get("/"));
    let edit = Edit::Replace(b":authority".to_vec(), b"x".to_vec());
    assert_eq!(Envoy.edit(&mut on_envoy, &edit), Ok(0));
    on_envoy.released = true;
    assert!(Envoy.edit(&mut on_envoy, &edit).is_err());
}

#[test]
pub fn apisix_turns_an_empty_list_into_an_object() {
    let lost = Apisix.configuration(&serde_json::json!({"a": [], "b": [{"c": []}], "d": [1]}));
    assert_eq!(lost, r#"{"a":{},"b":[{"c":{}}],"d":[1]}"#);
}

#[test]
pub fn apisix_makes_a_list_of_null_and_resolves_what_its_environment_has() {
    let lost = Apisix.configuration(&serde_json::json!({"a": null, "b": [null]}));
    assert_eq!(lost, r#"{"a":[],"b":[[]]}"#);
    let environment = [("KEY".to_owned(), "value".to_owned())];
    let json = serde_json::json!([
        "$env://KEY",
        "$ENV://KEY",
        "$env://key",
        "x$env://KEY",
        "$env:"
    ]);
    let resolved = serde_json::json!(["value", "value", "$env://key", "x$env://KEY", "$env:"]);
    assert_eq!(Apisix.resolved(&json, &environment), resolved);
    assert_eq!(Envoy.resolved(&json, &environment), json);
}

#[test]
pub fn apisix_pauses_for_nothing_only_once_and_envoy_hangs() {
    assert!(Apisix.paused_for_nothing().is_err());
    assert!(Envoy.paused_for_nothing().is_ok());
}

fn call(upstream: &str, names: &[&str]) -> Call {
    let headers = names
        .iter()
        .map(|name| (name.as_bytes().into(), b"x".to_vec()));
    Call {
        token: 1,
        context: 2,
        root: 1,
        upstream: upstream.into(),
        headers: headers.collect(),
        body: Vec::new(),
        timeout: 1000,
    }
}

const WHOLE: &[&str] = &[":method", ":path", ":authority"];

#[test]
pub fn a_call_that_cannot_be_made_is_a_status_and_in_a_request_on_kong_a_trap() {
    let kong = Kong::default();
    let mut stream = stream(&Apisix, &ClientRequest::get("/"));
    let (whole, wrong) = (call("sso:443", WHOLE), call("sso:x", WHOLE));
    let pathless = call("sso:443", &[":method", ":authority"]);
    let in_request = Some(&stream);
    assert_eq!(Envoy.http_call(&whole, None, 0), Ok(status::OK));
    assert_eq!(
        Envoy.http_call(&pathless, in_request, 0),
        Ok(status::BAD_ARGUMENT)
    );
    assert_eq!(Apisix.http_call(&whole, in_request, 0), Ok(status::OK));
    assert_eq!(Apisix.http_call(&whole, None, 0), Ok(status::BAD_ARGUMENT));
    assert_eq!(
        Apisix.http_call(&wrong, in_request, 0),
        Ok(status::BAD_ARGUMENT)
    );
    assert_eq!(kong.http_call(&whole, in_request, 0), Ok(status::OK));
    assert!(kong.http_call(&whole, None, 1).is_err());
    assert_eq!(kong.http_call(&whole, None, 2), Ok(status::OK));
    assert_eq!(
        kong.http_call(&wrong, None, 2),
        Ok(status::INTERNAL_FAILURE)
    );
    assert!(kong.http_call(&wrong, in_request, 0).is_err());
    assert!(kong.http_call(&pathless, in_request, 0).is_err());
    stream.in_flight = 1;
    assert_eq!(
        Apisix.http_call(&whole, Some(&stream), 0),
        Ok(status::INTERNAL_FAILURE)
    );
}

#[test]
pub fn envoy_makes_up_an_answer_where_nginx_has_none() {
    for (end, made_up) in [
        (CallEnd::NoConnection, "503"),
        (CallEnd::NoAnswer, "504"),
        (CallEnd::CutShort, ""),
    ] {
        let said = map::first(&Envoy.call_answer(end.clone()).headers, b":status");
        assert_eq!(said.unwrap_or_default(), made_up.as_bytes());
        assert!(Apisix.call_answer(end.clone()).headers.is_empty());
        assert!(Kong::default().call_answer(end).headers.is_empty());
    }
}

#[test]
pub fn apisix_reads_a_size_as_a_signed_number() {
    assert!(Apisix.takes_a_size_of(0x7fff_ffff));
    assert!(!Apisix.takes_a_size_of(u32::MAX) && !Apisix.takes_a_size_of(0));
    assert!(Envoy.takes_a_size_of(u32::MAX) && Kong::default().takes_a_size_of(u32::MAX));
}
