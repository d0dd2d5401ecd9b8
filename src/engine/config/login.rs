//! `login`

use super::client::{self, ClientFields, KEY_ID, Method, PARAMETER, PRIVATE_KEY, parameter};
use super::field::{Field, Shape};
use super::jwt::{self, PersonFields, SECRET as RING_SECRET};
use super::provider::locate;
use super::reader::{Node, Reader};
use super::rules::{LIMITS_FIELD, MODELS};
use super::server::UPSTREAMS;
use super::store::{self, STORE};
use super::table::Member;
use super::value::{ALLOW_PLACEHOLDER, SECRET};
use crate::authn::jwt::{
    Algorithm, ForwardedClaim, IdTokens, Issuer, Jwks, Keys, LogoutTokens, Remote, TokenRules,
};
use crate::http::Url;
use crate::login::{Lifetimes, Login, Provider, Site, Store};
use crate::ollama::Scope;
use crate::policy::Hosts;
use crate::session::{MAX_SECRETS, MIN_SECRET, Ring};
use crate::source::{FetchRules, MAX_BACK_OFF_SECONDS, Source, SourceHandle, Sources};
use crate::token_endpoint::Client;
use std::rc::Rc;
use std::time::Duration;

table! {
    pub(super) LOGIN => LoginSection {
        issuer: Field::required(
            ADDRESS,
            "the identity provider's issuer identifier, to the letter, such as `https://sso.example.com/realms/main`",
        ),
        upstream: Field::required(
            Shape::Text,
            "the gateway's name for the server of `issuer`, or of `token_endpoint` where the endpoints are given: a \
             cluster on Envoy and Istio, `host:port` on APISIX",
        ),
        upstreams: Field::optional(
            UPSTREAMS,
            "the gateway's names for further servers on which the provider has endpoints, by host, with the port where \
             its addresses have one: `{\"oauth2.googleapis.com\": \"google-oauth2\"}`. No other server is asked, \
             whatever the provider's metadata say. Default: all are on one",
        ),
        authorization_endpoint: Field::optional(
            ADDRESS,
            "where browsers are sent to sign in. Required with `token_endpoint` and `jwks_uri`. Default: all three are \
             discovered from `issuer` by OpenID Connect discovery",
        ),
        token_endpoint: Field::optional(ADDRESS, "where the gate redeems codes"),
        jwks_uri: Field::optional(ADDRESS, "the provider's keys"),
        end_session_endpoint: Field::optional(
            ADDRESS,
            "where browsers are sent to sign out at the provider. Default: discovered, or they sign out at the gate alone",
        ),
        userinfo: Field::optional(
            Shape::Boolean,
            "`true` also asks the provider's UserInfo endpoint about whoever signs in, with the access token, for claims \
             that the ID token does not hold. Default: `false`",
        ),
        userinfo_endpoint: Field::optional(
            ADDRESS,
            "where that is. Required with `userinfo` where the endpoints are given. \
             Default: discovered",
        ),
        client_id: Field::required(PARAMETER, "the gate's name at the provider"),
        client_secret: Field::optional(
            Shape::Secret(SECRET),
            "the gate's secret there: a string, or `{\"env\": \"NAME\"}`. Required with `client_secret_basic` and \
             `client_secret_post`",
        ),
        private_key: PRIVATE_KEY,
        key_id: KEY_ID,
        auth: Field::optional(
            Shape::Word(methods),
            "how the gate proves itself to the provider: `client_secret_basic`, in `Authorization`; \
             `client_secret_post`, in the body; `private_key_jwt`, by a JWT that it signs (RFC 7523); or `none`, for a \
             public client. PKCE (S256) is used in any case. Default: `\"client_secret_basic\"`",
        ),
        scope: Field::optional(
            PARAMETER,
            "what is asked for at the provider, separated by spaces, `openid` among it. Default: `\"openid\"`",
        ),
        algorithms: Field::optional(
            Shape::Filled(&Shape::Word(public_algorithms)),
            "the accepted algorithms of ID tokens. Default: `[\"RS256\"]`",
        ),
        url: Field::required(
            Shape::Pattern("^https?://[A-Za-z0-9._:\\[\\]-]+$"),
            "the gate's own address, scheme and host without a path, such as `https://gate.example.com`. Its host has \
             to be in `hosts`. `http://` is accepted for this very machine only. The provider has to know \
             `<url>/.gate/callback` as the gate's redirect address, and `<url>/.gate/signed-out` as the one after \
             signing out",
        ),
        secrets: Field::required(
            Shape::Filled(&Shape::Secret(RING_SECRET)),
            "the secrets, each of at least 32 bytes, that seal what browsers carry; the same on every instance. The \
             first seals, the others, up to three, still open: strings or `{\"env\": \"NAME\"}`, with `encoding` if \
             bytes are written as text",
        ),
        cookie_expire: Field::optional(
            Shape::Duration(60, 30 * DAY),
            "how long a session lasts from the sign-in on, 1 minute to 30 days. Default: `\"24h\"`",
        ),
        cookie_refresh: Field::optional(
            Shape::Duration(10, 30 * DAY),
            "how often the provider is asked again about somebody who is signed in, by a refresh token, 10 seconds to 30 \
             days, and less than `cookie_expire`; in any case before the access token ends. Whoever it does not know any \
             more is signed out. Most providers issue refresh tokens for `offline_access` in `scope` alone; without one \
             the session ends in this time. Default: sessions are not refreshed",
        ),
        idle_timeout: Field::optional(
            Shape::Duration(120, 30 * DAY),
            "how long a session may go unused until it ends, 2 minutes to 30 days, and not longer than `cookie_expire`. \
             It ends up to a tenth of it, at most a minute, earlier. Default: no limit",
        ),
        store: Field::optional(
            Shape::Object(STORE),
            "keeps sessions in a store of yours: a browser carries a ticket, and sessions can be listed and ended. Default: \
             the browser carries its session itself, sealed",
        ),
        back_channel_logout: Field::optional(
            Shape::Boolean,
            "`true` lets the provider end sessions: at `<url>/.gate/backchannel-logout` it says who has signed out there \
             (OpenID Connect Back-Channel Logout 1.0). Needs `store`, and on Envoy and Istio `host.hold_head`. Default: \
             `false`",
        ),
        subject_claim: Field::optional(
            Shape::Name,
            "the claim of the ID token that identifies the person. Like every claim here, it is a name or a JSON \
             Pointer. Default: `sub`",
        ),
        numeric_subject: Field::optional(
            Shape::Boolean,
            "`true` accepts a whole number in `subject_claim`. Default: `false`",
        ),
        scopes_claim: Field::optional(
            Shape::Name,
            "the claim that holds the gate's scopes, or with `scope_map` groups, roles and the like. Default: \
             everybody gets `read` and `inference`",
        ),
        scope_map: Field::optional(
            Shape::Map(&Shape::List(&Shape::Word(Scope::names))),
            "maps values of `scopes_claim`, such as a group, to the scopes that they grant. Values that are not in the \
             map grant nothing",
        ),
        scopes: Field::optional(
            Shape::List(&Shape::Word(Scope::names)),
            "what everybody may do who signs in, instead of `scopes_claim`. Default: `read` and `inference`",
        ),
        models: MODELS,
        models_claim: Field::optional(
            Shape::Name,
            "the claim that lists the models that a person may use, as of `jwt[].models_claim`. Default: no claim",
        ),
        limits: LIMITS_FIELD,
        required_claims: Field::optional(
            Shape::Map(&Shape::Claim),
            "conditions on other claims of the ID token, as of `jwt[].required_claims`; they are checked at each \
             request",
        ),
        timeout: Field::optional(
            Shape::Duration(1, 30),
            "how long to wait for an answer of the provider, 1 to 30 seconds. Default: `\"5s\"`",
        ),
        danger_allow_placeholder_secret: ALLOW_PLACEHOLDER,
    }
}

const ADDRESS: Shape = Shape::Pattern("^https?://[!-~]+$");
const DAY: u64 = 24 * 3600;
/// How many requests of a worker may wait for the provider's metadata or keys at a time.
const MAX_IN_FLIGHT: u32 = 16;

fn methods() -> Vec<&'static str> {
    Method::ALL.map(Method::name).to_vec()
}

fn public_algorithms() -> Vec<&'static str> {
    let named = |name: &&str| Algorithm::named(name).is_some_and(|one| !one.is_hmac());
    Algorithm::names().into_iter().filter(named).collect()
}

/// What else of the document the section has to fit to.
pub(super) struct Around<'a> {
    /// the names that clients reach the gate by
    pub hosts: Option<&'a Hosts>,
    /// where the gate is mounted
    pub path_prefix: &'a str,
    /// the claims that go into headers
    pub claims: &'a [ForwardedClaim],
    /// `require`, if it is given
    pub require: &'a Member<'a>,
    /// whether the gateway holds a head until the body was read
    pub holds_heads: bool,
}

/// The sign-in at the provider; what has to be fetched of it is added to `sources`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    sources: &mut Sources,
    node: &Node<'_>,
    around: &Around<'_>,
) -> Option<Rc<Login>> {
    let section = reader.section::<LoginSection>(node)?;
    if let Some(node) = around.require.node()
        && node.json.text() != Some("any")
    {
        let message =
            "cannot stand beside `login`: a session is one proof, and nothing else comes with it";
        reader.refuse(&node, message);
    }
    let allowed = reader.is_true(&section.danger_allow_placeholder_secret);
    let site = read_site(reader, &section, around);
    let client = read_client(reader, &section, allowed);
    // Without one of them the document is refused, and no ring is used.
    let gate = site.as_ref().zip(client.as_ref());
    let gate = gate.map(|(site, client)| site.gate(&client.id));
    let gate = gate.unwrap_or_default();
    let ring = read_ring(reader, &section, allowed, &gate);
    let store = read_store(reader, &section, &gate);
    let ends_sessions = read_back_channel(reader, &section, around);
    let scope = read_scope(reader, &section.scope);
    let algorithms = read_algorithms(reader, &section.algorithms);
    let timeout = reader.duration(&section.timeout);
    let timeout = timeout.unwrap_or(Duration::from_secs(5));
    let lifetimes = read_lifetimes(reader, &section);
    let issuer = section.issuer.read(reader, |reader, node| {
        let expected = "an address that begins with https:// or http://";
        let issuer = |text: &str| Url::parse(text).map(|_| text.to_owned());
        reader.parsed(node, expected, issuer)
    });
    let person = read_rules(reader, &section);
    let located = locate(reader, sources, &section, (issuer.as_deref(), timeout));
    let (issuer, client, (endpoints, location)) = (issuer?, client?, located?);
    let document = Jwks {
        location,
        timeout,
        headers: Vec::new(),
    };
    let name = "login: keys".to_owned();
    let keys = Source::new(name, document, fetch_rules(600), reader.seed);
    let keys = sources.add(keys);
    let of_provider = |rules| of_provider(&algorithms, &keys, rules);
    let id_tokens = of_provider(person.of_id_tokens(issuer.clone(), client.id.clone()));
    let logout_tokens = ends_sessions.then(|| {
        let rules = person.of_logout_tokens(issuer.clone(), client.id.clone());
        LogoutTokens::new(of_provider(rules), client.id.clone())
    });
    let id_tokens = IdTokens::new(id_tokens, client.id.clone(), person, around.claims.to_vec());
    let provider = Provider {
        issuer,
        timeout,
        client,
        scope: scope?,
        endpoints,
        keys,
    };
    let login = Login::new(provider, site?, ring?, id_tokens, lifetimes)
        .with_store(store)
        .with_logout_tokens(logout_tokens);
    Some(Rc::new(login))
}

/// The provider as the issuer of tokens that follow these `rules`.
fn of_provider(algorithms: &[Algorithm], keys: &SourceHandle<Jwks>, rules: TokenRules) -> Issuer {
    Issuer {
        name: "login".to_owned(),
        algorithms: algorithms.to_vec(),
        keys: Keys::Remote(Box::new(Remote { keys: keys.clone() })),
        rules,
        header: None,
        cookie: None,
        assertion_header: None,
    }
}

/// Whether the provider may end sessions.
fn read_back_channel(
    reader: &mut Reader<'_>,
    section: &LoginSection<'_>,
    around: &Around<'_>,
) -> bool {
    if !reader.is_true(&section.back_channel_logout) {
        return false;
    }
    let place = section.back_channel_logout.place();
    if !section.store.is_given() {
        let message = "needs `store`: a session in a cookie goes on in its browser, whatever the gate is told";
        reader.refuse(&place, message);
    }
    if !around.holds_heads {
        let message = "needs `host.hold_head`: without it the head of what the provider says would go on to Ollama before \
                       the gate has read its body";
        reader.refuse(&place, message);
    }
    true
}

/// Where the sessions of the gate called `gate` are kept, if no cookie holds them.
fn read_store(reader: &mut Reader<'_>, section: &LoginSection<'_>, gate: &str) -> Option<Store> {
    let node = section.store.node()?;
    store::read(reader, &node, gate)
}

/// How long sessions go on.
fn read_lifetimes(reader: &mut Reader<'_>, section: &LoginSection<'_>) -> Lifetimes {
    let session = reader.seconds(&section.cookie_expire).unwrap_or(86_400);
    let idle = reader.seconds(&section.idle_timeout);
    if idle.is_some_and(|idle| idle > session) {
        let message = "is longer than `cookie_expire`, so that it would never end a session";
        reader.refuse(&section.idle_timeout.place(), message);
    }
    let refresh = reader.seconds(&section.cookie_refresh);
    if refresh.is_some_and(|refresh| refresh >= session) {
        let message = "is not less than `cookie_expire`, so that no session would be refreshed";
        reader.refuse(&section.cookie_refresh.place(), message);
    }
    Lifetimes {
        session,
        idle,
        refresh,
    }
}

/// Who a person is by the claims, and what that person may do.
fn read_rules(reader: &mut Reader<'_>, section: &LoginSection<'_>) -> TokenRules {
    let fields = PersonFields {
        subject_claim: &section.subject_claim,
        numeric_subject: &section.numeric_subject,
        scopes_claim: &section.scopes_claim,
        scope_map: &section.scope_map,
        scopes: &section.scopes,
        models: &section.models,
        models_claim: &section.models_claim,
        limits: &section.limits,
        required_claims: &section.required_claims,
    };
    jwt::read_person(reader, fields, false)
}

pub(super) fn fetch_rules(every: i64) -> FetchRules {
    FetchRules {
        every,
        spread: false,
        max_back_off: MAX_BACK_OFF_SECONDS,
        max_stale: 86_400,
        cool_down: 10,
        max_in_flight: MAX_IN_FLIGHT,
        max_per_second: MAX_IN_FLIGHT,
    }
}

/// The gate's own address, which has to be one of `hosts`.
fn read_site(
    reader: &mut Reader<'_>,
    section: &LoginSection<'_>,
    around: &Around<'_>,
) -> Option<Site> {
    let node = section.url.node()?;
    let expected = "scheme and host such as \"https://gate.example.com\", without a path";
    let site = reader.parsed(&node, expected, Site::parse)?;
    if !site.origin.is_https() && !site.origin.authority().is_loopback() {
        reader.refuse(
            &node,
            "begins with http://, over which anybody on the way reads sessions: only this very machine may be reached so",
        );
    }
    if let Some(hosts) = around.hosts
        && !hosts.answers(site.origin.authority())
    {
        reader.refuse(
            &node,
            "is none of `hosts`: a request for it would be refused",
        );
    }
    Some(site.below(around.path_prefix))
}

/// The secrets that seal what browsers carry to `gate`.
fn read_ring(
    reader: &mut Reader<'_>,
    section: &LoginSection<'_>,
    allowed: bool,
    gate: &str,
) -> Option<Ring> {
    let node = section.secrets.node()?;
    let items = reader.list(&node, "a list of secrets");
    if items.is_empty() || items.len() > MAX_SECRETS {
        let message = format!("expected 1 to {MAX_SECRETS} secrets, found {}", items.len());
        reader.refuse(&node, message);
        return None;
    }
    let mut secrets = Vec::new();
    for item in &items {
        let Some(secret) = jwt::read_secret(reader, item) else {
            continue;
        };
        let bytes = secret.bytes.expose().len();
        if bytes < MIN_SECRET {
            let message = format!("has {bytes} bytes, at least {MIN_SECRET} are required");
            reader.refuse(item, message);
        } else if reader.check_drawn(item, secret.written.expose(), allowed) {
            secrets.push(secret.bytes);
        }
    }
    let ring = Ring::new(&secrets, gate, reader.seed);
    if ring.is_none() && reader.errors.is_empty() {
        // Every one of them is an optional variable that is unset.
        reader.refuse(&node, "is empty: none of the environment variables is set");
    }
    ring
}

fn read_client(
    reader: &mut Reader<'_>,
    section: &LoginSection<'_>,
    allowed: bool,
) -> Option<Client> {
    let id = section.client_id.read(reader, parameter);
    let fields = ClientFields {
        auth: &section.auth,
        client_secret: &section.client_secret,
        private_key: &section.private_key,
        key_id: &section.key_id,
    };
    let authentication = client::authentication(reader, &fields, &Method::ALL, allowed);
    Some(Client {
        id: id?,
        authentication: authentication?,
    })
}

fn read_scope(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<String> {
    let Some(node) = member.node() else {
        return Some("openid".to_owned());
    };
    let scope = parameter(reader, &node)?;
    if !scope.split(' ').any(|word| word == "openid") {
        reader.refuse(&node, "has no `openid`, without which there is no ID token");
    }
    Some(scope)
}

fn read_algorithms(reader: &mut Reader<'_>, member: &Member<'_>) -> Vec<Algorithm> {
    let Some(node) = member.node() else {
        return vec![Algorithm::Rs256];
    };
    let items = reader.list(&node, "a list of algorithms");
    if items.is_empty() {
        reader.refuse(&node, "expected an algorithm such as \"RS256\", found none");
    }
    let names = public_algorithms();
    let expected = format!("one of {}", names.join(", "));
    let known = |text: &str| Algorithm::named(text).filter(|one| !one.is_hmac());
    let read = items
        .iter()
        .filter_map(|item| reader.parsed(item, &expected, known));
    read.collect()
}
