//! The gate without a gateway: one configuration, the engine of the filter, and requests of our own.

mod adjusted;
mod decision;
mod front;
mod keys;
mod line;

pub use decision::Decision;
pub use keys::jwks;
pub use line::{header, read as read_line, target};

use crate::document::{Kind, Plugin};
use crate::environment::Variables;
use crate::output::Failure;
use crate::reading;
use ollama_gate_engine::{
    Appended, Clock, Configuration, Connection, Exchange, HostBody, Json, Outcome, Peer, Ports,
    Randomness, RequestHead, RequestStep, Response, ResponseBody, Software, Timestamp, Unread,
};
use std::net::IpAddr;

/// A request, as a client sends it.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// with the query
    pub path: String,
    /// lower-case names
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// seconds since 1970
    pub at: i64,
    /// where it comes from, if that is to be known
    pub from: Option<IpAddr>,
}

/// The gate with one configuration.
#[derive(Debug)]
pub struct Gate {
    configuration: Configuration,
    /// the JWKS that a gateway would fetch, as they were given
    jwks: Vec<String>,
    /// the Host of a request that says none
    authority: String,
    kind: Kind,
    reports_only: bool,
    unset: Vec<String>,
}

/// How much of a body gateways hold where the configuration says nothing, in bytes.
const ENVOY_MAX_BODY_BYTES: u64 = 1 << 20;
const APISIX_MAX_BODY_BYTES: u64 = 32 << 20;
const KONG_MAX_BODY_BYTES: u64 = 8 << 10;

/// The Host of a request that says none, where the configuration has no `hosts`.
const DEFAULT_AUTHORITY: &str = "localhost:11434";

struct World {
    at: i64,
    from: Option<IpAddr>,
    appended: Appended,
}

impl Randomness for World {
    /// Nobody signs in here.
    fn bytes(&self) -> Option<[u8; 32]> {
        None
    }
}

impl Clock for World {
    fn wall(&self) -> Option<Timestamp> {
        Some(Timestamp::from_seconds(self.at))
    }
}

impl Connection for World {
    fn peer(&self) -> Peer {
        self.from
            .map_or(Peer::Unknown, |from| Peer::Real(from, self.appended))
    }
}

impl Gate {
    /// The gate with `plugin`, behind `gateway` or the one whose file it is. `given` are the JWKS that a gateway would
    /// fetch, by the names of their issuers.
    ///
    /// # Errors
    /// The configuration does not hold, or an issuer of `jwks` is none whose keys are remote.
    pub fn new(
        plugin: &Plugin,
        variables: &Variables,
        gateway: Option<Kind>,
        given: Vec<(String, String)>,
    ) -> Result<Self, Failure> {
        let json = Json::parse(plugin.text.as_bytes());
        let mut json =
            json.map_err(|why| Failure::new(format!("the configuration is not JSON: {why}")))?;
        if let Some(gateway) = gateway {
            adjusted::name_host(&mut json, gateway);
        }
        // What the file itself says has to hold, before anything of it is changed here.
        let first = reading::read_edited(plugin, variables, Some(json.clone()));
        let failed = |errors: &[(String, String)]| {
            let (path, message) = errors.first().cloned().unwrap_or_default();
            let rest = match errors.len() {
                0 | 1 => String::new(),
                count => format!(" (and {} more; `check` lists them)", count - 1),
            };
            Failure::new(format!(
                "the configuration does not hold: {path}: {message}{rest}"
            ))
        };
        if !first.errors.is_empty() {
            return Err(failed(&first.errors));
        }
        let mut jwks = Vec::new();
        for (name, text) in given {
            keys::redirect(&mut json, &name, jwks.len())?;
            jwks.push(text);
        }
        let reports_only = json.member("mode").and_then(Json::text) == Some("report");
        let authority = adjusted::first_name(&json);
        adjusted::enforce_and_log(&mut json);
        let reading = reading::read_edited(plugin, variables, Some(json));
        let unset: Vec<_> = reading.unset.iter().map(|one| one.name.clone()).collect();
        let Some(configuration) = reading.configuration else {
            return Err(match reading.errors.as_slice() {
                [] => Failure::new(format!("{} is needed here and not set", unset.join(", "))),
                errors => failed(errors),
            });
        };
        let own = match adjusted::host_of(&plugin.text).as_deref() {
            Some("istio") => Kind::Istio,
            Some("apisix") => Kind::Apisix,
            Some("kong") => Kind::Kong,
            _ => Kind::Envoy,
        };
        let of_file = if plugin.kind == Kind::Plugin {
            own
        } else {
            plugin.kind
        };
        let kind = gateway.unwrap_or(of_file);
        Ok(Self {
            configuration,
            jwks,
            authority: authority.unwrap_or_else(|| DEFAULT_AUTHORITY.to_owned()),
            kind,
            reports_only,
            unset,
        })
    }

    /// The gateway that it is behind.
    pub const fn host(&self) -> &'static str {
        self.kind.name()
    }

    /// The secrets that are not known here.
    pub fn unset(&self) -> &[String] {
        &self.unset
    }

    /// What becomes of `request`.
    ///
    /// # Errors
    /// The decision needs keys that would have to be fetched.
    pub fn decide(&self, request: &Request) -> Result<Decision, Failure> {
        if self.kind != Kind::Envoy {
            return self.judge(request);
        }
        match front::envoy(request) {
            Ok(seen) => {
                let mut decision = self.judge(&seen)?;
                decision.seen_as(&request.path, &seen.path);
                Ok(decision)
            }
            Err(why) => Ok(Decision::of_gateway(request, why)),
        }
    }

    /// What the filter does with `request`, as it sees it.
    fn judge(&self, request: &Request) -> Result<Decision, Failure> {
        let world = World {
            at: request.at,
            from: request.from,
            // Envoy writes the peer's address into X-Forwarded-For before its filters run.
            appended: match self.kind {
                Kind::Apisix | Kind::Kong => Appended::No,
                _ => Appended::Last,
            },
        };
        let default = match self.kind {
            Kind::Apisix => APISIX_MAX_BODY_BYTES,
            Kind::Kong => KONG_MAX_BODY_BYTES,
            _ => ENVOY_MAX_BODY_BYTES,
        };
        let ports = Ports {
            engine: &self.configuration.engine,
            verifier: &Software,
            connection: &world,
            clock: &world,
            randomness: &world,
            memory: None,
            body: HostBody {
                max_bytes: self.configuration.holding.limit.unwrap_or(default),
                absent: Some(request.body.is_empty()),
            },
        };
        let pairs = head_of(
            request,
            &self.authority,
            matches!(world.appended, Appended::Last),
        );
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut exchange = Exchange::default();
        let head = match RequestHead::read(pairs) {
            Ok(head) => head,
            Err(error) => {
                let unread = Unread::Defect(error);
                let outcome = exchange.unread(Some(ports.engine), unread, request.path.as_bytes());
                return self.told(request, outcome, Vec::new(), false);
            }
        };
        let mut outcome = exchange.request_head(ports, &head);
        while let RequestStep::Await(call) = &outcome.step
            && let Some(text) = keys::asked_for(&self.jwks, call)
        {
            let body = if text.len() <= call.expected().max_bytes {
                ResponseBody::Bytes(text.as_bytes())
            } else {
                ResponseBody::TooLarge(text.len())
            };
            let response = Response {
                status: Some(200),
                headers: &[],
                body,
            };
            outcome = exchange.call_done(ports, &head, &response);
        }
        let Outcome {
            step: RequestStep::Hold(prepared),
            ..
        } = outcome
        else {
            return self.told(request, outcome, Vec::new(), false);
        };
        let edits = decision::edits(prepared.edits());
        // Whatever it says, the end of the body decides.
        let _fed = exchange.feed(&request.body);
        let outcome = exchange.body_end(ports, &head);
        self.told(request, outcome, edits, true)
    }

    fn told(
        &self,
        request: &Request,
        outcome: Outcome<'_>,
        edits: Vec<String>,
        read_body: bool,
    ) -> Result<Decision, Failure> {
        if let RequestStep::Await(call) = &outcome.step {
            let url = call.url();
            return Err(Failure::new(format!(
                "the decision needs the keys at {}://{}{}, which are not fetched here: give them with \
                 --jwks ISSUER=FILE",
                url.scheme().name(),
                url.authority(),
                url.path()
            )));
        }
        let mut decision = Decision::of(request, outcome, edits);
        decision.read_body = read_body;
        decision.reports_only = self.reports_only;
        Ok(decision)
    }
}

/// The head of `request` as the filter gets it; `authority` is its Host where it has none.
fn head_of(request: &Request, authority: &str, appends_address: bool) -> Vec<(String, String)> {
    let mut pairs = vec![
        (":method".to_owned(), request.method.clone()),
        (":path".to_owned(), request.path.clone()),
    ];
    let has = |name: &str| request.headers.iter().any(|(own, _)| own == name);
    if !has("host") && !has(":authority") {
        pairs.push((":authority".to_owned(), authority.to_owned()));
    }
    if !request.body.is_empty() && !has("content-length") && !has("transfer-encoding") {
        pairs.push(("content-length".to_owned(), request.body.len().to_string()));
    }
    pairs.extend(request.headers.iter().map(|(name, value)| {
        let name = if name == "host" { ":authority" } else { name };
        (name.to_owned(), value.clone())
    }));
    if let (Some(from), true) = (request.from, appends_address) {
        let before = pairs.iter_mut().find(|(name, _)| name == "x-forwarded-for");
        match before {
            Some((_, list)) => list.push_str(&format!(", {from}")),
            None => pairs.push(("x-forwarded-for".to_owned(), from.to_string())),
        }
    }
    pairs
}
