//! An issuer that publishes its keys, and requests that wait for them.

use super::{Gateway, NOW, Seen, World, configuration};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_compact::{KeyPair, Seed};
use ollama_gate::{CallToken, Filter, Flow};
use ollama_gate_engine::{Call, Reply};
use serde_json::{Value, json};

/// The issuer, as its tokens name it.
pub(crate) const ISSUER: &str = "https://sso.example";

/// `configuration()` with an issuer at `jwt[0]` whose keys are fetched. `jwks` is put into its `jwks`.
pub(crate) fn remote(jwks: Value) -> Value {
    let mut all = configuration();
    let mut place =
        json!({ "upstream": "sso", "url": "https://sso.example/certs", "max_stale": "1h" });
    for (name, value) in jwks.as_object().unwrap() {
        match value {
            Value::Null => drop(place.as_object_mut().unwrap().remove(name)),
            value => place[name] = value.clone(),
        }
    }
    all["jwt"][0] = json!({
        "name": "sso", "algorithms": ["EdDSA"], "jwks": place, "issuer": ISSUER, "audiences": ["ollama"],
    });
    all
}

/// One of the issuer's keys.
pub(crate) struct Signer(KeyPair);

/// The key with this number, always the same.
pub(crate) fn signer(number: u8) -> Signer {
    Signer(KeyPair::from_seed(Seed::new([number; 32])))
}

impl Signer {
    /// Its public half, called `kid`.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.pk.as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": kid, "x": x })
    }

    /// A token with this header and these claims, whatever they are.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let input = [header, claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        let signature = self.0.sk.sign(&input, None);
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// A good token of the key called `kid`, one hour long, with `claims` put in; `null` takes out.
    pub(crate) fn token(&self, kid: &str, claims: Value) -> String {
        let mut all = json!({ "iss": ISSUER, "aud": "ollama", "sub": "alice", "exp": NOW + 3600 });
        for (name, value) in claims.as_object().unwrap() {
            match value {
                Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
                value => all[name] = value.clone(),
            }
        }
        let header = json!({ "alg": "EdDSA", "kid": kid });
        self.sign(&header.to_string(), &all.to_string())
    }
}

/// A JWKS of these keys.
pub(crate) fn jwks(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

/// A request that has come in, and waits or has been decided.
pub(crate) struct Request {
    gateway: Gateway,
    filter: Filter<Gateway>,
    fields: Vec<(String, String)>,
    /// the call that it waits for
    pub waits_for: Option<(CallToken, Call)>,
    /// what became of it, once that is decided
    pub seen: Option<Seen>,
}

impl World {
    /// A request with `Authorization: Bearer` comes in. It may wait.
    pub(crate) fn ask(&self, token: &str) -> Request {
        let bearer = format!("Bearer {token}");
        self.ask_with("/api/tags", &[("authorization", &bearer)])
    }

    /// A request for `target` with these headers comes in. It may wait.
    pub(crate) fn ask_with(&self, target: &str, fields: &[(&str, &str)]) -> Request {
        let usual = [
            (":method", "GET"),
            (":path", target),
            (":authority", "gate.example"),
            (":scheme", "http"),
        ];
        let all: Vec<_> = usual.iter().chain(fields).copied().collect();
        self.ask_raw(&all)
    }

    /// A request with exactly these headers comes in. It may wait.
    pub(crate) fn ask_raw(&self, fields: &[(&str, &str)]) -> Request {
        let mut request = self.coming_in(fields);
        let count = request.fields.len();
        request.step(|filter| Some(filter.request_head(count, true)));
        request
    }

    /// A request with exactly these headers, whose body comes in these parts, the last of which ends it. It may wait then.
    pub(crate) fn ask_with_body(&self, fields: &[(&str, &str)], parts: &[&[u8]]) -> Request {
        let mut request = self.coming_in(fields);
        let known = request.begin();
        let count = request.fields.len();
        let mut flow = request.filter.request_head(count, false);
        let state = &self.gateway.0;
        state.body.borrow_mut().clear();
        for (place, part) in parts.iter().enumerate() {
            state.body.borrow_mut().extend_from_slice(part);
            let size = state.body.borrow().len();
            let ends = place + 1 == parts.len();
            flow = request.filter.request_body(size, ends);
        }
        request.look(known, flow == Flow::Continue);
        request
    }

    fn coming_in(&self, fields: &[(&str, &str)]) -> Request {
        Request {
            gateway: self.gateway.clone(),
            filter: self.root.filter(),
            fields: fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            waits_for: None,
            seen: None,
        }
    }

    /// What the root context has asked for, beginning with call number `from`.
    pub(crate) fn calls_from(&self, from: usize) -> Vec<String> {
        let calls = self.gateway.0.http_calls.borrow();
        let paths = calls
            .iter()
            .skip(from)
            .map(|call| call.url().path().to_owned());
        paths.collect()
    }

    /// How many calls were made.
    pub(crate) fn call_count(&self) -> usize {
        self.gateway.0.http_calls.borrow().len()
    }

    /// Seconds go by, or come back.
    pub(crate) fn wait(&self, seconds: i64) {
        let clock = &self.gateway.0.seconds;
        clock.set(clock.get() + seconds);
    }

    /// The gateway ticks.
    pub(crate) fn tick(&mut self) {
        self.root.tick();
    }

    /// The root context's call number `number`, counted from 1, is answered.
    pub(crate) fn answer_root(&mut self, number: usize, status: u16, body: &[u8]) {
        *self.gateway.0.answer.borrow_mut() = Some((status, body.to_vec()));
        let token = CallToken(u32::try_from(number).unwrap());
        self.root.call_done(token, body.len());
    }

    /// What the counter called `name` stands at.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let counters = self.gateway.0.counters.borrow();
        let found = counters.iter().find(|counter| counter.0 == name);
        found.unwrap().1
    }

    /// The lines in the gateway's log that hold `part`, from the last request on.
    pub(crate) fn lines_with(&self, part: &str) -> Vec<String> {
        let lines = self.gateway.0.lines.borrow();
        let found = lines.iter().filter(|(_, line)| line.contains(part));
        found.map(|(_, line)| line.clone()).collect()
    }
}

impl Request {
    /// The response to it has come, whose head the gateway shows.
    pub(crate) fn response_head(mut self) {
        self.filter.response_head(true);
    }

    /// Ollama has answered it, with these header fields. Gives them as they go to the client.
    pub(crate) fn respond(&mut self, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        *self.gateway.0.response.borrow_mut() = fields.iter().map(owned).collect();
        assert_eq!(self.filter.response_head(false), Flow::Continue);
        self.gateway.0.response.borrow().clone()
    }

    /// Its response begins so, and the gate answers in its place.
    pub(crate) fn respond_in_vain(&mut self, fields: &[(&str, &str)]) -> Reply {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        *self.gateway.0.response.borrow_mut() = fields.iter().map(owned).collect();
        self.gateway.0.replies.borrow_mut().clear();
        assert_eq!(self.filter.response_head(false), Flow::Pause);
        self.gateway.0.replies.borrow()[0].clone()
    }

    /// Its call is answered.
    pub(crate) fn answer(&mut self, status: u16, body: &[u8]) -> (u16, String) {
        self.answer_of_size(Some(status), body, body.len())
    }

    /// Its call is answered, the body being as long as the gateway says, or not at all.
    pub(crate) fn answer_of_size(
        &mut self,
        status: Option<u16>,
        body: &[u8],
        size: usize,
    ) -> (u16, String) {
        let (token, _) = self.waits_for.take().expect("it waits for nothing");
        *self.gateway.0.answer.borrow_mut() = status.map(|status| (status, body.to_vec()));
        self.called_back(token, size);
        self.verdict()
    }

    /// The call with this token is answered, which may be another's.
    pub(crate) fn called_back(&mut self, token: CallToken, size: usize) {
        self.step(|filter| {
            filter.call_done(token, size);
            None
        });
    }

    /// Status and code; `(0, "waits")` while there is no decision.
    pub(crate) fn verdict(&self) -> (u16, String) {
        match &self.seen {
            Some(seen) => seen.verdict(),
            None => (0, "waits".to_owned()),
        }
    }

    /// The header `name` of the gate's own answer.
    pub(crate) fn reply_header(&self, name: &str) -> Option<String> {
        let reply = self.seen.as_ref()?.reply.as_ref()?;
        let found = reply.headers.iter().find(|header| header.0 == name);
        found.map(|header| header.1.clone())
    }

    /// One callback, after which it waits, was answered, or goes on.
    fn step(&mut self, callback: impl FnOnce(&mut Filter<Gateway>) -> Option<Flow>) {
        let known = self.begin();
        let went_on = self.filter.request_trailers() == Flow::Continue;
        let flow = callback(&mut self.filter);
        let resumed = self.gateway.0.calls.borrow().contains(&"resume");
        let goes_on = flow == Some(Flow::Continue) || resumed;
        let rest = self.filter.request_trailers();
        assert_eq!(
            rest == Flow::Continue,
            goes_on || went_on,
            "the rest goes where the head went"
        );
        self.look(known, goes_on);
    }

    /// Something is about to come. Gives how many calls were made before.
    fn begin(&self) -> usize {
        let state = &self.gateway.0;
        state.replies.borrow_mut().clear();
        state.lines.borrow_mut().clear();
        state.calls.borrow_mut().clear();
        *state.headers.borrow_mut() = self.fields.clone();
        state.http_calls.borrow().len()
    }

    /// Looks whether it waits, was answered, or goes on.
    fn look(&mut self, known: usize, goes_on: bool) {
        let gateway = self.gateway.clone();
        let state = &gateway.0;
        let reply = state.replies.borrow().first().cloned();
        let calls = state.http_calls.borrow();
        if calls.len() > known {
            assert!(reply.is_none() && !goes_on, "it waits, and is decided");
            let token = CallToken(u32::try_from(calls.len()).unwrap());
            self.waits_for = calls.last().map(|call| (token, call.clone()));
            return;
        }
        if reply.is_none() && !goes_on {
            return;
        }
        let lines = state.lines.borrow();
        let line = lines.iter().find(|(_, line)| line.starts_with('{'));
        self.seen = Some(Seen {
            upstream: goes_on.then(|| state.headers.borrow().clone()),
            record: line.map_or(Value::Null, |(_, line)| serde_json::from_str(line).unwrap()),
            calls: state.calls.borrow().clone(),
            reply,
        });
        let seen = self.seen.as_ref().unwrap();
        assert!(
            seen.upstream.is_none() || seen.reply.is_none(),
            "answered and forwarded"
        );
    }
}
