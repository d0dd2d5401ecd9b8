use super::*;
use crate::denial::Reason;
use crate::grant::{BodyRules, ModelRule, RequestLimits};
use crate::http::{RequestHead, RequestLine};
use crate::identity::CredentialId;
use crate::identity::Method;
use crate::network::{ClientAddress, Connection, NetworkRules, Peer};
use crate::ollama::{ModelPattern, ROUTES, Scope};
use std::rc::Rc;

fn models(patterns: &[&str]) -> Option<Rc<BodyRules>> {
    let patterns = patterns
        .iter()
        .map(|text| ModelPattern::parse(text).unwrap());
    Some(Rc::new(BodyRules {
        models: vec![ModelRule::new(patterns)],
        ..BodyRules::default()
    }))
}

fn short(bytes: u64) -> Option<Rc<BodyRules>> {
    Some(Rc::new(BodyRules {
        limits: RequestLimits {
            request_bytes: Some(bytes),
            ..RequestLimits::default()
        },
        ..BodyRules::default()
    }))
}

fn identity(own: Option<Rc<BodyRules>>, of_user: Option<Rc<BodyRules>>) -> Identity<'static> {
    Identity {
        method: Method::ApiKey,
        id: CredentialId::Configured("id"),
        subject: "alice".into(),
        scopes: ScopeSet::EVERY,
        unmapped: None,
        claims: None,
        by_previous_secret: false,
        by_browser: None,
        allow_from: None,
        fetched: None,
        labels: None,
        expiry: None,
        rules: RuleSet::own(&own).and(RuleSet::own(&of_user)),
    }
}

fn head() -> RequestHead<'static> {
    let pairs: [(&[u8], &[u8]); 3] = [(b":method", b"GET"), (b":path", b"/"), (b"host", b"h")];
    RequestHead::read(pairs).unwrap()
}

/// A gateway that nobody may ask.
struct Unasked;

impl Connection for Unasked {
    fn peer(&self) -> Peer {
        unreachable!("no rule needs an address")
    }
}

fn decide<'p, 'e>(
    identity: &'p Identity<'e>,
    route: Option<&'p Route>,
) -> Result<InScope<'p, 'e>, Denial> {
    let (rules, head) = (NetworkRules::default(), head());
    let client = ClientAddress::new(&rules, &Unasked, &head);
    let unfound = || Denial::new(Reason::UnknownRoute, "");
    let route = route.ok_or_else(unfound);
    super::super::decide(
        identity,
        route,
        &head,
        &client,
        super::super::Pages::default(),
    )
}

fn line<'r>(method: &'r str, path: &'r str) -> RequestLine<'r> {
    RequestLine {
        method: method.as_bytes(),
        path,
        has_query: false,
    }
}

/// What follows from the head: nothing, or what is to be read, or the code of the refusal.
fn judged(
    identity: &Identity<'_>,
    method: &str,
    path: &str,
) -> Result<Option<BodyKind>, &'static str> {
    let route = Route::find(method.as_bytes(), path);
    let judged = decide(identity, route).and_then(|scoped| scoped.judge(line(method, path)));
    match judged {
        Ok(Verdict::Permitted(permit)) => {
            assert_eq!(permit.caller(), Caller::Known(identity));
            Ok(None)
        }
        Ok(Verdict::OnBody(conditional)) => {
            assert_eq!(conditional.caller(), Caller::Known(identity));
            Ok(Some(conditional.condition().kind()))
        }
        Err(denial) => Err(denial.reason().code()),
    }
}

fn named(model: &str) -> Members {
    Members {
        model: Some(model.to_owned()),
        ..Members::default()
    }
}

#[test]
fn nobody_without_a_rule_waits_for_a_body() {
    let nobody = identity(None, None);
    for route in ROUTES {
        for method in route.methods() {
            let path = route.pattern().replace(['{', '}'], "");
            assert_eq!(judged(&nobody, method, &path), Ok(None), "{method} {path}");
        }
    }
}

#[test]
fn a_rule_of_the_credential_or_of_its_user_holds_the_body() {
    for (own, of_user) in [
        (models(&["a"]), None),
        (None, models(&["a"])),
        (models(&["a"]), models(&["a"])),
        (short(9), models(&["a"])),
        (models(&["a"]), short(9)),
    ] {
        let identity = identity(own.clone(), of_user.clone());
        let kind = judged(&identity, "POST", "/api/chat");
        assert_eq!(kind, Ok(Some(BodyKind::Json)), "{own:?}, {of_user:?}");
        let kind = judged(&identity, "POST", "/v1/audio/transcriptions");
        assert_eq!(kind, Ok(Some(BodyKind::Form)), "{own:?}, {of_user:?}");
        let blob = judged(&identity, "POST", "/api/blobs/sha256:00");
        assert_eq!(blob, Err("model_denied"), "{own:?}, {of_user:?}");
        let other = judged(&identity, "GET", "/v1/models/b");
        assert_eq!(other, Err("model_denied"), "{own:?}, {of_user:?}");
        assert!(
            judged(&identity, "GET", "/v1/models/a").is_ok(),
            "{own:?}, {of_user:?}"
        );
        assert!(
            judged(&identity, "GET", "/api/tags").is_ok(),
            "{own:?}, {of_user:?}"
        );
    }
    let identity = identity(short(9), None);
    let blob = judged(&identity, "POST", "/api/blobs/sha256:00");
    assert_eq!(blob, Ok(Some(BodyKind::Opaque)));
}

#[test]
fn a_permit_comes_only_of_a_body_that_every_rule_allows() {
    let identity = identity(models(&["a", "b"]), models(&["b", "c"]));
    let conditional = || {
        let route = Route::find(b"POST", "/api/chat");
        let scoped = decide(&identity, route).unwrap();
        match scoped.judge(line("POST", "/api/chat")).unwrap() {
            Verdict::OnBody(conditional) => conditional,
            Verdict::Permitted(_) => panic!("permitted without a body"),
        }
    };
    let permit = conditional().decide(&named("b")).unwrap();
    assert_eq!(permit.caller(), Caller::Known(&identity));
    for members in [
        named("a"),
        named("c"),
        named("d"),
        named(""),
        named("b:latest:8b"),
        // No body at all.
        Members::default(),
    ] {
        let denial = conditional().decide(&members).unwrap_err();
        assert_eq!(denial.reason(), Reason::ModelDenied, "{members:?}");
        let denial = conditional().condition().check(&members).unwrap_err();
        assert_eq!(denial.reason(), Reason::ModelDenied, "{members:?}");
    }
}

#[test]
fn a_condition_outlives_what_it_was_made_of() {
    let condition = {
        let identity = identity(models(&["a"]), short(9));
        let route = Route::mapped(vec!["POST"], "/v1/more", false, Scope::Read);
        let scoped = decide(&identity, Some(&route)).unwrap();
        match scoped.judge(line("POST", "/v1/more")).unwrap() {
            Verdict::OnBody(conditional) => conditional.condition().clone(),
            Verdict::Permitted(_) => panic!("permitted without a body"),
        }
    };
    assert!(condition.check(&named("a")).is_ok());
    assert!(condition.check(&named("b")).is_err());
    assert_eq!(condition.check_size(9), Ok(()));
    let denial = condition.check_size(10).unwrap_err();
    assert_eq!(denial.reason(), Reason::LimitExceeded);
    let long = Members {
        bytes: 10,
        ..named("a")
    };
    assert!(condition.check(&long).is_err());
}

#[test]
fn a_model_of_the_cloud_in_the_path_needs_cloud_with_and_without_rules() {
    for rules in [None, models(&["*"]), short(9)] {
        for (path, leaves) in [
            ("/v1/models/gpt-oss:20b-cloud", true),
            ("/v1/models/gpt-oss:20b:Cloud", true),
            ("/v1/models/gpt-oss: cloud ", true),
            ("/v1/models/gpt-oss-cloud", false),
        ] {
            let mut identity = identity(rules.clone(), None);
            assert!(judged(&identity, "GET", path).is_ok(), "{path}");
            identity.scopes = ScopeSet::DEFAULT;
            let refused = judged(&identity, "GET", path) == Err("scope_denied");
            assert_eq!(refused, leaves, "{path}");
        }
    }
}

#[test]
fn a_model_of_the_cloud_in_a_body_needs_cloud_of_all_whose_body_is_read() {
    let mut identity = identity(short(1000), None);
    identity.scopes = ScopeSet::DEFAULT;
    let scoped = decide(&identity, Route::find(b"POST", "/api/chat")).unwrap();
    let Verdict::OnBody(conditional) = scoped.judge(line("POST", "/api/chat")).unwrap() else {
        panic!("permitted without a body");
    };
    assert!(conditional.condition().check(&named("a")).is_ok());
    let denial = conditional.decide(&named("a:cloud")).unwrap_err();
    assert_eq!(denial.reason(), Reason::ScopeDenied);
}

#[test]
fn scope_goes_before_models() {
    let mut identity = identity(models(&[]), None);
    identity.scopes = ScopeSet::NONE.with(Scope::Read);
    assert_eq!(judged(&identity, "POST", "/api/chat"), Err("scope_denied"));
    assert_eq!(
        judged(&identity, "POST", "/api/nothing"),
        Err("unknown_route")
    );
    assert_eq!(
        judged(&identity, "GET", "/v1/models/a"),
        Err("model_denied")
    );
}
