//! The top level, and what comes of it all.

use super::credentials::Credentials;
use super::field::{Field, Shape, Table};
use super::headers::HeaderNames;
use super::host::{self, Holding, HostName};
use super::log;
use super::reader::{Node, Reader};
use super::report::ConfigErrors;
use super::{
    Environment, allow_anonymous, api_keys, back_off, basic, cors, credential_headers, document,
    filter_lists, hosts, jwt, login, network, ollama_cli, require, routes, rules, share, store,
    upstream, value,
};
use crate::authn::Sessions;
use crate::authn::api_key::digest;
use crate::exchange::{Engine, Mode, Watch};
use crate::grant::ScopeSet;
use crate::http::{PathPrefix, is_visible_ascii};
use crate::ollama::Scope;
use crate::ollama::body::DecoderMemory;
use crate::source::Sources;
use std::rc::Rc;

table! {
    pub(super) ROOT => RootSection, or "without any, nobody could come in" {
        schema as "$schema": Field::optional(
            Shape::Text,
            "for editors; the gate ignores it",
        ),
        api_keys: Field::any_of(Shape::Object(api_keys::API_KEYS), "static API keys"),
        jwt: Field::any_of(Shape::List(&Shape::Object(jwt::ISSUER)), "the list of token issuers"),
        basic: Field::any_of(Shape::Object(basic::BASIC), "users with passwords (HTTP Basic)"),
        ollama_cli: Field::any_of(
            Shape::Object(ollama_cli::OLLAMA_CLI),
            "the SSH keys of `ollama` CLIs that sign their requests (`OLLAMA_AUTH=1`)",
        ),
        login: Field::any_of(
            Shape::Object(login::LOGIN),
            "people at a browser sign in at an OpenID Connect provider, and a cookie carries their session",
        ),
        credential_headers: Field::optional(
            Shape::List(&Shape::TextOr(credential_headers::CREDENTIAL_HEADER)),
            "additional headers from which a key or a token is accepted, besides `Authorization`, `X-Api-Key`, \
             `Api-Key` and `X-Ollama-Token`: names such as `apikey` or `X-Goog-Api-Key`, or objects with a scheme. \
             None of them reaches Ollama. Default: none",
        ),
        allow_anonymous: Field::any_of(
            Shape::Object(allow_anonymous::ALLOW_ANONYMOUS),
            "lets in requests without a credential, for the scopes listed in it. Default: such requests are refused",
        ),
        network: Field::optional(
            Shape::Object(network::NETWORK),
            "where requests may come from. It restricts every request, including those on public routes",
        ),
        require: Field::optional(
            Shape::TextOr(require::REQUIRE),
            "how many proofs of identity are required: `\"any\"` credential, `\"all\"` kinds that are configured, \
             or an object with a number and the methods that count. Default: `\"any\"`",
        ),
        public: Field::optional(
            Shape::List(&Shape::Word(|| vec![Scope::Health.name()])),
            "scopes that need no credential; only `[\"health\"]` is accepted. Default: none",
        ),
        hosts: Field::optional(
            Shape::Filled(&Shape::Pattern("^(https://)?([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]*)?$")),
            "the names and addresses by which clients reach the gate, such as `gate.example.com`, `localhost:11435` \
             or `[::1]`. A request for any other is refused before anything else is checked. A name with a port \
             stands for that port only; with `https://`, only pages loaded over TLS are same-origin. Required with \
             `allow_anonymous`, `basic`, `login`, `jwt[].cookie`, `jwt[].assertion_header` and `network` in `require`. \
             Default: any name",
        ),
        cors: Field::optional(
            Shape::Object(cors::CORS),
            "pages of other sites that may use the gate. Default: none",
        ),
        upstream: Field::optional(Shape::Object(upstream::UPSTREAM), "what Ollama sees"),
        path_prefix: Field::optional(
            Shape::Pattern("^(/[A-Za-z0-9._~-]+)+$"),
            "the path under which the gate is mounted, such as `/ollama`. The gate skips it when it reads a path; \
             the gateway's own rewrite removes it",
        ),
        routes: Field::optional(
            Shape::List(&Shape::Object(routes::ROUTE)),
            "additional routes that the gate does not know, each with the scope that it requires. Default: none",
        ),
        signin_url: Field::optional(
            Shape::Pattern("^https?://[!-~]*$"),
            "a page where a person can get a credential. It is part of every 401, and the `ollama` CLI shows it",
        ),
        log: Field::optional(Shape::Object(log::LOG), "what is logged"),
        mode: Field::optional(
            Shape::Word(modes),
            "`enforce`, or `report`: decisions are logged and counted, but every request is forwarded unchanged. \
             Default: `\"enforce\"`",
        ),
        host: Field::optional(Shape::Object(host::HOST), "the gateway; set by the host packs"),
        back_off: Field::optional(
            Shape::Object(back_off::BACK_OFF),
            "repeated failed attempts are refused for a while without being checked. Default: no back-off",
        ),
        share_identity: Field::optional(
            Shape::Boolean,
            "Envoy and Istio only: whether the caller's identity is passed to the gateway's other filters and its \
             access log, as filter state. Default: `false`",
        ),
        filter_lists: Field::optional(
            Shape::Boolean,
            "Envoy and Istio only: whether `/api/tags`, `/api/ps` and `/v1/models` show callers with a model rule \
             only the models that they may use. Default: `false`, they show all",
        ),
    }
}

/// Every section, for the reference.
pub(super) const TABLES: &[Table] = &[
    ("", ROOT),
    ("api_keys", api_keys::API_KEYS),
    ("api_keys.keys[]", api_keys::KEY),
    ("api_keys.keys[].previous[]", api_keys::PREVIOUS),
    (
        "api_keys.source, or each in a list of them",
        api_keys::SOURCE,
    ),
    ("jwt[]", jwt::ISSUER),
    ("jwt[].secrets[], login.secrets[] as objects", jwt::SECRET),
    ("jwt[].keys[]", jwt::KEY),
    ("jwt[].jwks", jwt::JWKS),
    ("basic", basic::BASIC),
    ("basic.users[]", basic::USER),
    ("ollama_cli", ollama_cli::OLLAMA_CLI),
    ("ollama_cli.authorized_keys[] as objects", ollama_cli::KEY),
    (
        "api_keys.keys[].key, api_keys.source.token and headers, jwt[].keys[].pem, jwt[].jwks.headers, upstream.proof.secret, upstream.credential.value, upstream.credential.source.headers, upstream.credential.client_credentials.client_secret, login.client_secret, basic.htpasswd, basic.users[].password_hash as objects",
        value::SECRET,
    ),
    (
        "limits of api_keys.keys[], jwt[], login, ollama_cli.authorized_keys[], basic, basic.users[], allow_anonymous",
        rules::LIMITS,
    ),
    (
        "credential_headers[] as objects",
        credential_headers::CREDENTIAL_HEADER,
    ),
    ("login", login::LOGIN),
    ("login.store", store::STORE),
    ("allow_anonymous", allow_anonymous::ALLOW_ANONYMOUS),
    ("cors", cors::CORS),
    ("routes[]", routes::ROUTE),
    ("network", network::NETWORK),
    ("back_off", back_off::BACK_OFF),
    ("require as an object", require::REQUIRE),
    ("upstream", upstream::UPSTREAM),
    ("upstream.identity_headers", upstream::IDENTITY_HEADERS),
    ("upstream.proof", upstream::PROOF),
    ("upstream.credential", upstream::credential::CREDENTIAL),
    (
        "upstream.credential.source",
        upstream::fetched::CREDENTIAL_SOURCE,
    ),
    (
        "upstream.credential.client_credentials",
        upstream::fetched::GRANT,
    ),
    ("log", log::LOG),
    ("host", host::HOST),
];

fn modes() -> Vec<&'static str> {
    Mode::ALL.iter().map(|known| known.0).collect()
}

/// A configuration that holds.
#[derive(Debug)]
pub struct Configuration {
    /// what it makes
    pub engine: Engine,
    /// the gateway that it was written for, if it says
    pub host: Option<HostName>,
    /// how bodies are held
    pub holding: Holding,
    /// what to log at the start, a line each
    pub notices: Vec<String>,
    /// what to log at the start so that nobody misses it
    pub warnings: Vec<String>,
}

impl Configuration {
    /// What tells one plugin configuration from another: the SHA-256 of its text.
    pub fn digest(bytes: &[u8]) -> [u8; 32] {
        digest(bytes)
    }

    /// Reads the plugin configuration, JSON text or the protobuf form of a `Struct`. `seed` is random,
    /// and spreads out what several workers do at a time.
    ///
    /// ```
    /// use ollama_gate_engine::{Configuration, Mode};
    ///
    /// let read = |document: &str| Configuration::read(document.as_bytes(), &|_| None, 0);
    ///
    /// let open = read(
    ///     r#"{
    ///         "allow_anonymous": { "scopes": ["read"] },
    ///         "hosts": ["localhost"],
    ///         "mode": "report"
    ///     }"#,
    /// )?;
    /// assert_eq!(open.engine.mode(), Mode::Report);
    ///
    /// let errors = read(r#"{ "allow_anonymous": { "scope": ["read"] } }"#).unwrap_err();
    /// let lines: Vec<_> = errors.lines().collect();
    /// assert_eq!(
    ///     lines,
    ///     [
    ///         "allow_anonymous.scope: unknown field, did you mean `scopes`?",
    ///         "allow_anonymous.scopes: is required",
    ///     ]
    /// );
    /// # Ok::<(), ollama_gate_engine::ConfigErrors>(())
    /// ```
    ///
    /// # Errors
    /// Every error in it, each with its path. A configuration with one error is not used in part.
    pub fn read(
        bytes: &[u8],
        environment: Environment<'_>,
        seed: u64,
    ) -> Result<Self, ConfigErrors> {
        if bytes.trim_ascii().is_empty() {
            return Err(ConfigErrors::of_document(
                "is empty, expected a JSON object".to_owned(),
            ));
        }
        let json = document::read(bytes)
            .map_err(|error| ConfigErrors::of_document(format!("is not JSON: {error}")))?;
        let root = Node::root(&json);
        let mut reader = Reader::new(environment, seed);
        reader.check_everywhere(&root);
        let configuration = read_root(&mut reader, &root);
        match configuration {
            Some(configuration) if reader.errors.is_empty() => Ok(configuration),
            _ => Err(reader.errors),
        }
    }
}

#[allow(clippy::too_many_lines)] // a list: a few lines for each section
fn read_root(reader: &mut Reader<'_>, root: &Node<'_>) -> Option<Configuration> {
    let section = reader.section::<RootSection>(root)?;
    section.schema.read(reader, |reader, node| {
        reader.text(node, "the address of a JSON Schema")
    });
    let mut sources = Sources::default();
    let mut taken = HeaderNames::default();
    let credentials = Credentials::read(reader, &mut sources, &mut taken, &section);
    let anonymous = section.allow_anonymous.read(reader, allow_anonymous::read);
    let methods = credentials.methods();
    let signs_in = section.login.is_given();
    if methods.is_empty() && anonymous.is_none() && !signs_in && reader.errors.is_empty() {
        reader.refuse(
            root,
            "expected at least one key in `api_keys` or `ollama_cli`, one issuer in `jwt`, one user in `basic`, or `login`: without any nobody could come in",
        );
    }
    let public = match section.public.node() {
        Some(node) => reader.scopes(&node, &[Scope::Health]),
        None => ScopeSet::NONE,
    };
    let (mut upstream, claims) = upstream::read(
        reader,
        &mut sources,
        &mut taken,
        section.upstream.node().as_ref(),
    );
    let issuers = &credentials.issuers;
    let headers = issuers
        .iter()
        .flat_map(|issuer| [&issuer.header, &issuer.assertion_header]);
    let headers = headers.flatten().cloned();
    upstream.token_headers = headers.chain(credentials.header_names()).collect();
    let path_prefix = section.path_prefix.read(reader, upstream::path_prefix);
    let cors = section.cors.read(reader, cors::read);
    let cors = cors.map(|cors| cors.with_headers(credentials.header_names()));
    let routes = section.routes.node();
    let routes = routes.map(|node| routes::read(reader, &node));
    let signin_url = section.signin_url.read(reader, read_signin_url);
    let log = log::read(reader, section.log.node().as_ref());
    let host = section.host.read(reader, |reader, node| {
        host::read(
            reader,
            node,
            &section.upstream,
            &section.jwt,
            &section.api_keys,
            &section.login,
        )
    });
    let (host, holding) = host.unzip();
    let holding = holding.unwrap_or_default();
    let share_identity = section.share_identity.node();
    let share_identity = share_identity.map(|node| share::read(reader, &node, host));
    let filter_lists = section.filter_lists.node();
    let filter_lists = filter_lists.map(|node| filter_lists::read(reader, &node, host));
    let mode = section.mode.read(reader, read_mode);
    let expensive = credentials.has_expensive();
    let back_off = section.back_off.read(reader, |reader, node| {
        back_off::read(reader, node, expensive, host)
    });
    let keys = &credentials.keys;
    let network = network::read(
        reader,
        section.network.node().as_ref(),
        keys,
        back_off.is_some(),
        credentials.has_signatures() || log.address,
        host,
    );
    let configured = require::Configured {
        network: network::counts(&network, keys),
        methods,
    };
    let require = require::read(reader, section.require.node().as_ref(), configured);
    let hosts = section.hosts.read(reader, hosts::read);
    let by_browsers = hosts::SentByBrowsers {
        anonymous: anonymous.is_some(),
        passwords: !credentials.users.is_empty(),
        sessions: signs_in,
        cookies: issuers.iter().any(|issuer| issuer.cookie.is_some()),
        assertions: issuers
            .iter()
            .any(|issuer| issuer.assertion_header.is_some()),
        addresses: require.counts_network(),
    };
    if section.hosts.node().is_none()
        && let Some(why) = by_browsers.why_required()
    {
        reader.refuse(&section.hosts.place(), why);
    }
    let login = section.login.read(reader, |reader, node| {
        let around = login::Around {
            hosts: hosts.as_ref(),
            path_prefix: path_prefix.as_ref().map_or("", PathPrefix::as_str),
            claims: &claims,
            require: &section.require,
            // A gateway of nginx has read all of a body before anything goes on.
            holds_heads: holding.hold_head || host == Some(HostName::Apisix),
        };
        login::read(reader, &mut sources, node, &around)
    });
    if signs_in && section.host.node().is_none() {
        let message =
            "is required with `login`: not every gateway sets the cookies that a sign-in needs";
        reader.refuse(&section.host.place(), message);
    }
    let sessions = login.clone().map(|login| -> Rc<dyn Sessions> { login });
    Some(Configuration {
        warnings: std::mem::take(&mut reader.warnings)
            .into_iter()
            .chain(anonymous.iter().map(allow_anonymous::warning))
            .chain(network::warnings(&network, keys))
            .chain(cors::warning(cors.as_ref(), host))
            .chain(upstream::credential::warning(
                upstream.credential.as_ref(),
                mode.unwrap_or_default(),
            ))
            .collect(),
        notices: credentials.notices(),
        engine: Engine {
            credential_headers: credentials.headers.clone(),
            authenticators: credentials
                .authenticators(claims)
                .with_sessions(sessions)
                .with_back_off(back_off),
            login,
            sources,
            require,
            network,
            anonymous,
            hosts,
            cors,
            public,
            upstream,
            path_prefix,
            routes: routes.unwrap_or_default(),
            signin_url,
            log,
            mode: mode.unwrap_or_default(),
            share_identity: share_identity.unwrap_or_default(),
            filter_lists: filter_lists.unwrap_or_default(),
            decoders: DecoderMemory::default(),
            watch: Watch::default(),
        },
        host,
        holding,
    })
}

fn read_signin_url(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<String> {
    reader.parsed(
        node,
        "an address that begins with https:// or http://",
        |text| {
            let web = text.starts_with("https://") || text.starts_with("http://");
            (web && is_visible_ascii(text.as_bytes())).then(|| text.to_owned())
        },
    )
}

fn read_mode(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Mode> {
    reader.parsed(node, "\"enforce\" or \"report\"", |text| {
        Mode::ALL
            .iter()
            .find(|known| known.0 == text)
            .map(|known| known.1)
    })
}
