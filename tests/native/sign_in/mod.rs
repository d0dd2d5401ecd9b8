//! People at a browser sign in at an OpenID Connect provider.

mod attacks;
mod back_channel;
mod beside;
mod configuration;
mod cookies;
mod flow;
mod gates;
mod grants;
mod idle;
mod logout_tokens;
mod refresh;
mod servers;
mod sessions;
mod store;
mod tokens;
mod user_info;
mod webdis;

use crate::world::{Gateway, NOW, Request, World, jwks, signer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grants::Grants;
use ollama_gate_engine::{Call, Reply};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use webdis::Webdis;

/// The provider, as its ID tokens name it.
const ISSUER: &str = "https://sso.example";
/// What seals cookies.
const RING: &str = "c2d41f7e90ab3658d1e7042f9c85b36a";
/// What sealed cookies before.
const OLD_RING: &str = "7b19e6d03fa8c524609be17d3c58f2a4";
const CLIENT_SECRET: &str = "kq9T2vLx7RbZ4mWd";
/// The session of this gate: the eight digits are of its client and its address.
const SESSION: &str = "__Host-ollama-gate-session-cbb588dd";
/// What the cookies of its sign-ins under way begin with.
const ATTEMPT: &str = "__Host-ollama-gate-login-cbb588dd-";
/// As Chromium asks for a page.
const PAGE: [(&str, &str); 3] = [
    ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
];

/// What Ollama answers, or a web server beside it that wants its files kept.
const RESPONSE: [(&str, &str); 3] = [
    (":status", "200"),
    ("cache-control", "public, max-age=3600"),
    ("vary", "Accept"),
];

/// A configuration in which people sign in; `login` is put into that section, `null` takes out.
fn with_login(login: Value) -> Value {
    let mut section = json!({
        "issuer": ISSUER, "upstream": "sso", "client_id": "gate", "client_secret": CLIENT_SECRET,
        "url": "https://gate.example", "secrets": [RING], "algorithms": ["EdDSA"],
    });
    for (name, value) in login.as_object().unwrap() {
        match value {
            Value::Null => drop(section.as_object_mut().unwrap().remove(name)),
            value => section[name] = value.clone(),
        }
    }
    json!({
        "login": section,
        "api_keys": { "keys": [ { "id": "laptop", "key": crate::world::KEY, "subject": "alice" } ] },
        "hosts": ["gate.example"],
        "host": { "name": "envoy" },
    })
}

fn gate(login: Value) -> World {
    let world = World::new(&with_login(login));
    assert!(world.configured, "{:?}", world.errors());
    world
}

/// What a browser was answered.
#[derive(Debug)]
struct Answer {
    reply: Option<Reply>,
    /// what Ollama was sent, if it was
    upstream: Option<Vec<(String, String)>>,
    /// the head of Ollama's response, as it goes to the browser
    response: Vec<(String, String)>,
    record: Value,
    /// the paths that the gate has asked the provider for meanwhile
    asked: Vec<String>,
}

impl Answer {
    fn status(&self) -> u16 {
        self.reply.as_ref().map_or(200, |reply| reply.status)
    }

    fn header(&self, name: &str) -> String {
        let reply = self.reply.as_ref().unwrap();
        let found = reply.headers.iter().find(|header| header.0 == name);
        found.map(|header| header.1.clone()).unwrap_or_default()
    }

    /// The values of the header `name` in Ollama's response.
    fn passed(&self, name: &str) -> Vec<&str> {
        let found = self.response.iter().filter(|header| header.0 == name);
        found.map(|header| header.1.as_str()).collect()
    }

    fn location(&self) -> String {
        self.header("location")
    }

    /// Where the page takes a browser by itself.
    fn onward(&self) -> String {
        let page = self.text();
        let meta = page.split("http-equiv=\"refresh\" content=\"0;url=").nth(1);
        let address = meta.map_or("", |rest| rest.split('"').next().unwrap());
        address.replace("&amp;", "&")
    }

    fn text(&self) -> String {
        String::from_utf8(self.reply.as_ref().unwrap().body.clone()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// The code in the log, empty for what is none.
    fn code(&self) -> &str {
        self.record["code"].as_str().unwrap_or_default()
    }
}

/// A browser: keeps cookies, follows nothing by itself.
#[derive(Clone, Debug, Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn cookie_header(&self) -> String {
        let pairs = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Goes to `target` at `world`, which may ask `provider`.
    fn go(&mut self, world: &World, provider: &Provider, target: &str) -> Answer {
        self.send(world, provider, "GET", target, &PAGE)
    }

    fn send(
        &mut self,
        world: &World,
        provider: &Provider,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let request = self.ask(world, method, target, fields);
        self.finish(world, provider, request)
    }

    /// Sends a request, which may wait then.
    fn ask(&self, world: &World, method: &str, target: &str, fields: &[(&str, &str)]) -> Request {
        let cookies = self.cookie_header();
        let usual = [
            (":method", method),
            (":path", target),
            (":authority", "gate.example"),
            (":scheme", "https"),
        ];
        let carried = (!cookies.is_empty()).then_some(("cookie", cookies.as_str()));
        let all: Vec<_> = usual.iter().chain(fields).copied().chain(carried).collect();
        world.ask_raw(&all)
    }

    /// What becomes of a request that was sent to `world`, once `provider` has answered what it waits for.
    fn finish(&mut self, world: &World, provider: &Provider, mut request: Request) -> Answer {
        let asked = provider.serve(&world.gateway, &mut request);
        self.receive(request, asked)
    }

    /// Takes the answer to a request that waits for nothing.
    fn receive(&mut self, mut request: Request, asked: Vec<String>) -> Answer {
        let seen = request.seen.take().unwrap();
        let response = match &seen.reply {
            Some(_) => Vec::new(),
            None => request.respond(&RESPONSE),
        };
        let given = seen.reply.iter().flat_map(|reply| &reply.headers);
        let given = given.map(|(name, value)| (*name, value.as_str()));
        let passed = response
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        self.keep(given.chain(passed));
        Answer {
            reply: seen.reply,
            upstream: seen.upstream,
            response,
            record: seen.record,
            asked,
        }
    }

    /// Does what `Set-Cookie` says.
    fn keep<'h>(&mut self, headers: impl Iterator<Item = (&'h str, &'h str)>) {
        for (_, line) in headers.filter(|(name, _)| *name == "set-cookie") {
            assert!(line.len() <= 4096, "{} bytes", line.len());
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            for attribute in ["Path=/", "HttpOnly", "Secure", "SameSite=Lax"] {
                assert!(attributes.contains(attribute), "{line}");
            }
            assert!(
                name.starts_with("__Host-") && !attributes.contains("Domain"),
                "{line}"
            );
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The names of its cookies that begin so.
    fn named(&self, beginning: &str) -> Vec<String> {
        let names = self
            .cookies
            .keys()
            .filter(|name| name.starts_with(beginning));
        names.cloned().collect()
    }

    /// Signs in at `world`, from `target` on.
    fn sign_in(&mut self, world: &World, provider: &Provider, target: &str) -> Answer {
        let sent = self.go(world, provider, target);
        let back = provider.authorize(&sent.location());
        self.go(world, provider, &back)
    }
}

/// A sign-in that the provider has let through.
#[derive(Clone, Debug)]
struct Authorized {
    nonce: String,
    challenge: String,
    redirect: String,
}

/// The identity provider.
#[derive(Debug)]
struct Provider {
    codes: RefCell<HashMap<String, Authorized>>,
    count: RefCell<u32>,
    /// put into ID tokens; `null` takes out
    claims: RefCell<Value>,
    /// the keys that it publishes
    keys: RefCell<Vec<Value>>,
    /// put into the metadata
    metadata: RefCell<Value>,
    /// in place of what the token endpoint answers
    token_answer: RefCell<Option<(u16, Vec<u8>)>>,
    /// what the UserInfo endpoint says; `null` takes out
    user_info: RefCell<Value>,
    /// in place of what it answers
    user_info_answer: RefCell<Option<(u16, Vec<u8>)>>,
    /// the media types of what is answered, by path; of JSON otherwise
    types: RefCell<HashMap<&'static str, &'static str>>,
    /// the upstream and the host of what is elsewhere, by path
    servers: RefCell<HashMap<&'static str, (&'static str, &'static str)>>,
    /// the last call to the UserInfo endpoint
    inquired: RefCell<Option<Call>>,
    /// the last call to the token endpoint
    redeemed: RefCell<Option<Call>>,
    /// what refresh tokens are good for
    grants: Grants,
    /// the store of sessions beside it
    webdis: Webdis,
}

impl Provider {
    fn new() -> Self {
        Self {
            codes: RefCell::default(),
            count: RefCell::default(),
            claims: RefCell::new(json!({})),
            keys: RefCell::new(vec![signer(1).jwk("k1")]),
            metadata: RefCell::new(json!({})),
            token_answer: RefCell::default(),
            user_info: RefCell::new(json!({})),
            user_info_answer: RefCell::default(),
            types: RefCell::default(),
            servers: RefCell::default(),
            inquired: RefCell::default(),
            redeemed: RefCell::default(),
            grants: Grants::default(),
            webdis: Webdis::default(),
        }
    }

    /// Somebody signs in whose browser was sent to `location`. Gives the target that it is sent back to.
    fn authorize(&self, location: &str) -> String {
        self.authorize_at(location, "https://gate.example")
    }

    /// The same, for a gate at `origin`.
    fn authorize_at(&self, location: &str, origin: &str) -> String {
        let parameters = parameters(location);
        assert!(
            location.starts_with("https://sso.example/auth?"),
            "{location}"
        );
        assert_eq!(parameters["response_type"], "code");
        assert_eq!(parameters["client_id"], "gate");
        assert_eq!(parameters["code_challenge_method"], "S256");
        let callback = parameters["redirect_uri"].strip_prefix(origin);
        // A proxy in front of the gate may have the port.
        let callback = callback.map(|rest| rest.strip_prefix(":8443").unwrap_or(rest));
        let callback = callback.filter(|path| path.ends_with("/.gate/callback"));
        *self.count.borrow_mut() += 1;
        let code = format!("code-{}", self.count.borrow());
        let authorized = Authorized {
            nonce: parameters["nonce"].clone(),
            challenge: parameters["code_challenge"].clone(),
            redirect: parameters["redirect_uri"].clone(),
        };
        self.codes.borrow_mut().insert(code.clone(), authorized);
        let state = &parameters["state"];
        let callback = callback.unwrap();
        format!("{callback}?code={code}&state={state}&iss=https%3A%2F%2Fsso.example")
    }

    /// Answers what `request` waits for until it waits for nothing. Gives the paths.
    fn serve(&self, gateway: &Gateway, request: &mut Request) -> Vec<String> {
        let mut asked = Vec::new();
        while request.waits_for.is_some() {
            asked.push(self.serve_one(gateway, request));
        }
        asked
    }

    /// Answers the one call that `request` waits for. Gives its path.
    fn serve_one(&self, gateway: &Gateway, request: &mut Request) -> String {
        let (token, call) = request.waits_for.take().unwrap();
        if call.upstream() == "webdis" {
            self.webdis.now.set(gateway.0.seconds.get());
            let (asked_for, answer) = self.webdis.serve(&call);
            let size = answer.as_ref().map_or(0, |(_, body)| body.len());
            *gateway.0.answer.borrow_mut() = answer;
            request.called_back(token, size);
            return asked_for;
        }
        let upstream = call.upstream().trim_end_matches(".example:443");
        let path = call.url().path().to_owned();
        let server = self.servers.borrow().get(path.as_str()).copied();
        let server = server.unwrap_or(("sso", "sso.example"));
        assert_eq!((upstream, call.url().authority()), server, "{path}");
        let (status, body) = match path.as_str() {
            "/.well-known/openid-configuration" => (200, self.metadata_document()),
            "/certs" => (200, jwks(&self.keys.borrow())),
            "/token" => self.redeem(&call, gateway.0.seconds.get()),
            "/me" => self.tell(&call),
            other => panic!("{other}"),
        };
        let media_type = self.types.borrow().get(path.as_str()).copied();
        let media_type = media_type.unwrap_or("application/json");
        let headers = vec![("content-type", media_type.to_owned())];
        *gateway.0.answer_headers.borrow_mut() = headers;
        *gateway.0.answer.borrow_mut() = Some((status, body.clone()));
        request.called_back(token, body.len());
        path
    }

    fn metadata_document(&self) -> Vec<u8> {
        let mut all = json!({
            "issuer": ISSUER, "authorization_endpoint": "https://sso.example/auth",
            "token_endpoint": "https://sso.example/token", "jwks_uri": "https://sso.example/certs",
            "userinfo_endpoint": "https://sso.example/me",
        });
        put(&mut all, &self.metadata.borrow());
        all.to_string().into_bytes()
    }

    fn redeem(&self, call: &Call, now: i64) -> (u16, Vec<u8>) {
        *self.redeemed.borrow_mut() = Some(call.clone());
        if let Some(answer) = self.token_answer.borrow().clone() {
            return answer;
        }
        let form = String::from_utf8(call.body().unwrap().to_vec()).unwrap();
        let form = parameters(&format!("?{form}"));
        if form["grant_type"] == "refresh_token" {
            return self.grants.refresh(&form, now);
        }
        assert_eq!(form["grant_type"], "authorization_code");
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
        let authorized = self.codes.borrow_mut().remove(&form["code"]);
        let fits =
            |own: &Authorized| own.challenge == challenge && own.redirect == form["redirect_uri"];
        match authorized.filter(fits) {
            None => (400, br#"{"error":"invalid_grant"}"#.to_vec()),
            Some(authorized) => {
                let claims = self.id_token_claims(&authorized.nonce);
                let mut answer = json!({
                    "token_type": "Bearer", "access_token": "at-1", "id_token": sign(&claims),
                });
                self.grants.issue(&mut answer);
                (200, answer.to_string().into_bytes())
            }
        }
    }

    fn tell(&self, call: &Call) -> (u16, Vec<u8>) {
        *self.inquired.borrow_mut() = Some(call.clone());
        if let Some(answer) = self.user_info_answer.borrow().clone() {
            return answer;
        }
        let mut all = json!({ "sub": "alice" });
        put(&mut all, &self.user_info.borrow());
        (200, all.to_string().into_bytes())
    }

    fn id_token_claims(&self, nonce: &str) -> Value {
        let mut all = json!({
            "iss": ISSUER, "aud": "gate", "sub": "alice", "iat": NOW, "exp": NOW + 300, "nonce": nonce,
        });
        put(&mut all, &self.claims.borrow());
        all
    }
}

/// A signed ID token with these claims.
fn sign(claims: &Value) -> String {
    signer(1).sign(r#"{"alg":"EdDSA","kid":"k1"}"#, &claims.to_string())
}

fn put(all: &mut Value, more: &Value) {
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
            value => all[name] = value.clone(),
        }
    }
}

/// The parameters in the query of `address`, decoded.
fn parameters(address: &str) -> HashMap<String, String> {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = std::str::from_utf8(&rest[..2]).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &rest[2..];
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).unwrap()
}
