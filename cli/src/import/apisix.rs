//! APISIX's declarative file, or a route as its Admin API has it.

use super::consumers::{self, Consumer, Plugin};
use super::draft::Draft;
use super::secret::{self, object};
use super::tree::{documents, is_true, members, number, objects, word, words};
use super::{Imported, text, upstream};
use ollama_gate_engine::Json;

/// Plugins that say who may come in.
const AUTH: [&str; 4] = ["key-auth", "jwt-auth", "basic-auth", "multi-auth"];

/// A route to Ollama, with the plugins that hold for it.
struct Route<'j> {
    json: &'j Json,
    plugins: Vec<Plugin<'j>>,
    upstream: Option<&'j Json>,
}

/// In: the text of the file. Out: the plugin configuration, or why there is none.
pub(super) fn import(file: &str) -> Result<Imported, String> {
    let parts = documents(file)?;
    let all = |name: &str| -> Vec<&Json> { parts.iter().flat_map(|part| of(part, name)).collect() };
    let mut imported = Imported::default();
    let consumers: Vec<Consumer<'_>> = all("consumers").iter().map(|one| consumer(one)).collect();
    let named = |name: &str, id: &str| {
        let is_it = |one: &&Json| word(one, "id").as_deref() == Some(id);
        all(name).into_iter().find(is_it)
    };
    let global: Vec<_> = all("global_rules")
        .iter()
        .flat_map(|rule| plugins(rule))
        .collect();
    let mut routes = Vec::new();
    for json in all("routes") {
        let service = word(json, "service_id").and_then(|id| named("services", &id));
        let shared = word(json, "plugin_config_id").and_then(|id| named("plugin_configs", &id));
        let sources = [Some(json), shared, service];
        let own = sources.into_iter().flatten().flat_map(plugins);
        let plugins = consumers::nearest(own.chain(global.iter().copied()));
        let upstream = sources.into_iter().flatten().find_map(|place| {
            let by_id = || word(place, "upstream_id").and_then(|id| named("upstreams", &id));
            place.member("upstream").or_else(by_id)
        });
        routes.push(Route {
            json,
            plugins,
            upstream,
        });
    }
    if routes.iter().any(Route::is_to_ollama) {
        routes.retain(Route::is_to_ollama);
    }
    if routes.is_empty() {
        return Err("no `routes` in it: expected APISIX's declarative file, or a route".to_owned());
    }
    let mut draft = Draft::default();
    let mut asks = false;
    for route in &routes {
        asks |= credentials(route, &consumers, &mut draft, &mut imported);
    }
    if !draft.has_credential() {
        return Err("nobody shows a credential there that the gate takes: expected `key-auth`, `jwt-auth` or `basic-auth` \
                    on a route"
            .to_owned());
    }
    for route in &routes {
        around(route, asks, &mut draft, &mut imported);
    }
    covered(&routes, &mut imported);
    draft.finish(&mut imported, false);
    upstream(&mut imported, "apisix");
    Ok(imported)
}

/// The objects called `name`: of a declarative file, or the document is one itself.
fn of<'j>(part: &'j Json, name: &str) -> Vec<&'j Json> {
    let part = part.member("value").unwrap_or(part);
    let found = objects(part, name);
    let is_route = part.member("uri").is_some() || part.member("uris").is_some();
    let is_consumer = part.member("username").is_some();
    match name {
        "routes" if is_route => vec![part],
        "consumers" if is_consumer => vec![part],
        _ => found,
    }
}

fn plugins(place: &Json) -> Vec<Plugin<'_>> {
    let all = members(place, "plugins").iter();
    all.filter(|(_, settings)| {
        let meta = settings.member("_meta");
        !meta.is_some_and(|meta| is_true(meta, "disable")) && !is_true(settings, "disable")
    })
    .map(|(name, settings)| Plugin { name, settings })
    .collect()
}

fn consumer(json: &Json) -> Consumer<'_> {
    let own = plugins(json);
    let more = objects(json, "credentials").into_iter().flat_map(plugins);
    Consumer {
        name: word(json, "username").unwrap_or_default(),
        groups: word(json, "group_id").into_iter().collect(),
        credentials: own.into_iter().chain(more).collect(),
    }
}

/// Takes over who may come in by `route`. Out: whether it asks for a credential at all.
fn credentials(
    route: &Route<'_>,
    consumers: &[Consumer<'_>],
    draft: &mut Draft,
    imported: &mut Imported,
) -> bool {
    let mut asked: Vec<Plugin<'_>> = Vec::new();
    for plugin in &route.plugins {
        if plugin.name == "multi-auth" {
            let methods = objects(plugin.settings, "auth_plugins").into_iter();
            asked.extend(
                methods
                    .flat_map(|method| match method {
                        Json::Object(members) => members.as_slice(),
                        _ => &[],
                    })
                    .map(|(name, settings)| Plugin { name, settings }),
            );
        } else if AUTH.contains(&plugin.name) {
            asked.push(*plugin);
        }
    }
    if asked.iter().filter(|one| AUTH.contains(&one.name)).count() > 1
        && !route.plugins.iter().any(|one| one.name == "multi-auth")
    {
        imported.note("several auth plugins on one route: APISIX asked for all of them, the gate for one; `require` asks for more");
    }
    let allowed = restricted(route, consumers, imported);
    for plugin in &asked {
        if plugin.settings.member("anonymous_consumer").is_some() {
            imported.note(format!(
                "`{}` with `anonymous_consumer` let everybody in; the gate does not",
                plugin.name
            ));
        }
        match plugin.name {
            "key-auth" => key_auth(plugin.settings, &allowed, draft, imported),
            "jwt-auth" => jwt_auth(plugin.settings, &allowed, draft, imported),
            "basic-auth" => consumers::users(&allowed, draft, imported),
            _ => {}
        }
    }
    !asked.is_empty()
}

/// The consumers that `consumer-restriction` lets in.
fn restricted<'c, 'j>(
    route: &Route<'j>,
    consumers: &'c [Consumer<'j>],
    imported: &mut Imported,
) -> Vec<&'c Consumer<'j>> {
    let rule = route
        .plugins
        .iter()
        .find(|one| one.name == "consumer-restriction");
    let Some(rule) = rule else {
        return consumers.iter().collect();
    };
    let kind = word(rule.settings, "type").unwrap_or_else(|| "consumer_name".to_owned());
    if !["consumer_name", "consumer_group_id"].contains(&kind.as_str())
        || rule.settings.member("allowed_by_methods").is_some()
    {
        imported.note("`consumer-restriction` by methods, services or routes was not taken over: give keys `scopes`");
    }
    let (allow, deny) = (
        words(rule.settings, "whitelist"),
        words(rule.settings, "blacklist"),
    );
    let named = |list: &[String], one: &Consumer<'_>| {
        list.contains(&one.name) || one.groups.iter().any(|group| list.contains(group))
    };
    let fit = |one: &&Consumer<'_>| (allow.is_empty() || named(&allow, one)) && !named(&deny, one);
    consumers.iter().filter(fit).collect()
}

fn key_auth(
    settings: &Json,
    consumers: &[&Consumer<'_>],
    draft: &mut Draft,
    imported: &mut Imported,
) {
    draft.header(&word(settings, "header").unwrap_or_else(|| "apikey".to_owned()));
    imported.note("`key-auth` took the key from the query too, where it ends up in logs; the gate does not: clients send a header");
    let taken = consumers::keys(consumers, "key-auth", draft, imported);
    if settings.member("key").is_some() {
        imported.note(
            "`key-auth` with `key` on the route did nothing: the keys are those of consumers",
        );
    }
    if !taken {
        imported.note(
            "no consumer in the file has a key for `key-auth`: put one into APISIX_OLLAMA_KEY",
        );
        draft.key_of("apisix", "APISIX_OLLAMA_KEY");
    }
}

fn jwt_auth(
    settings: &Json,
    consumers: &[&Consumer<'_>],
    draft: &mut Draft,
    imported: &mut Imported,
) {
    for name in [
        "key",
        "secret",
        "public_key",
        "exp",
        "algorithm",
        "base64_secret",
    ] {
        if settings.member(name).is_some() {
            imported.note(format!(
                "`jwt-auth` with `{name}` on the route did nothing: APISIX reads it from consumers{}",
                if name == "exp" { ", and there it is the lifetime of tokens that APISIX makes; `max_lifetime` bounds those that come" } else { "" }
            ));
        }
    }
    if let Some(header) = word(settings, "header") {
        draft.header(&header);
    }
    imported.note("`jwt-auth` took tokens from the query and the cookie `jwt` too; the gate takes them from headers (`jwt[].cookie` adds a cookie)");
    let claims = words(settings, "claims_to_verify");
    if !claims.iter().any(|claim| claim == "exp") {
        imported
            .note("`jwt-auth` took tokens without `exp`; the gate asks for it (`require_expiry`)");
    }
    let claim = word(settings, "key_claim_name").unwrap_or_else(|| "key".to_owned());
    let mut taken = false;
    for consumer in consumers {
        for credential in consumer.of("jwt-auth") {
            taken = true;
            issuer(consumer, credential, &claim, draft, imported);
        }
    }
    if !taken {
        imported.note("no consumer in the file has `jwt-auth`: put the secret of the tokens into APISIX_JWT_SECRET");
        let secret = secret::reference("APISIX_JWT_SECRET");
        let mut rules = vec![
            ("algorithms".to_owned(), Json::List(vec![text("HS256")])),
            ("secrets".to_owned(), Json::List(vec![secret])),
            ("subject_claim".to_owned(), text(&claim)),
        ];
        if let Some(key) = word(settings, "key") {
            rules.push((
                "required_claims".to_owned(),
                object(&[(&claim, text(&key))]),
            ));
        }
        draft.issuer("apisix", rules);
    }
}

/// The issuer that signs as `consumer` does.
fn issuer(
    consumer: &Consumer<'_>,
    credential: &Json,
    claim: &str,
    draft: &mut Draft,
    imported: &mut Imported,
) {
    let algorithm = word(credential, "algorithm").unwrap_or_else(|| "HS256".to_owned());
    let is_base64 = is_true(credential, "base64_secret");
    let Some(source) =
        consumers::key_of_tokens(consumer, credential, &algorithm, is_base64, imported)
    else {
        return;
    };
    let mut rules = vec![
        ("algorithms".to_owned(), Json::List(vec![text(&algorithm)])),
        source,
        ("subject_claim".to_owned(), text(claim)),
    ];
    if let Some(key) = word(credential, "key") {
        rules.push(("required_claims".to_owned(), object(&[(claim, text(&key))])));
    }
    if credential.member("exp").is_some() {
        imported.note("`exp` of a consumer is the lifetime of tokens that APISIX makes, and bounded none that came; `max_lifetime` does");
    }
    if let Some(seconds) = number(credential, "lifetime_grace_period") {
        rules.push((
            "leeway".to_owned(),
            text(&format!("{}s", seconds.clamp(0.0, 300.0))),
        ));
    }
    draft.issuer(&consumer.name, rules);
}

/// What else holds for `route`, and what only seemed to. `asks` says whether any route asks for a credential.
fn around(route: &Route<'_>, asks: bool, draft: &mut Draft, imported: &mut Imported) {
    if asks {
        consumers::note_open(&route.plugins, &AUTH, &route.paths(), imported);
    }
    for plugin in &route.plugins {
        match plugin.name {
            "ip-restriction" => {
                let allow = plugin.settings.member("whitelist").map(|_| words(plugin.settings, "whitelist"));
                draft.network(imported, allow, words(plugin.settings, "blacklist"));
            }
            name if AUTH.contains(&name) => {}
            "consumer-restriction" | "ollama-gate" => {}
            "proxy-rewrite" if plugin.settings.member("headers").is_some() => {
                imported.note("`proxy-rewrite` with `headers` was not taken over: the gate sends `upstream.host`, and takes credentials out by itself");
            }
            name => imported.note(format!("`{name}` was not taken over: it can stay beside the gate, or see what it did for you")),
        }
    }
    for name in ["host", "hosts"] {
        for host in words(route.json, name) {
            draft.host(&host);
        }
    }
    let Some(upstream) = route.upstream else {
        return;
    };
    if word(upstream, "pass_host").unwrap_or_else(|| "pass".to_owned()) == "pass" {
        imported.note("the client's Host went on to Ollama, which answers 403 to a foreign one; the gate sends `upstream.host`");
    }
    let timeout = upstream
        .member("timeout")
        .or_else(|| route.json.member("timeout"));
    if timeout
        .and_then(|timeout| number(timeout, "read"))
        .is_none_or(|seconds| seconds <= 60.0)
    {
        imported.note("APISIX ended a stream after 60 silent seconds (`timeout.read`); the pack waits for an hour");
    }
}

/// Says so if Ollama's other interfaces are left out.
fn covered(routes: &[Route<'_>], imported: &mut Imported) {
    let covers = |path: &str, pattern: &String| match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => path == pattern,
    };
    let any = |path: &str| {
        routes
            .iter()
            .any(|route| route.paths().iter().any(|one| covers(path, one)))
    };
    if !any("/v1/chat/completions") {
        imported.note("the routes cover `/api/*` and not `/v1/*`: the gate guards every path; give it a route of `/*`, so that nothing of Ollama is beside it");
    }
}

impl Route<'_> {
    fn paths(&self) -> Vec<String> {
        [words(self.json, "uri"), words(self.json, "uris")].concat()
    }

    /// Whether it leads to Ollama's own port.
    fn is_to_ollama(&self) -> bool {
        self.upstream
            .is_some_and(|upstream| match upstream.member("nodes") {
                Some(Json::Object(nodes)) => nodes.iter().any(|(node, _)| node.ends_with(":11434")),
                Some(Json::List(nodes)) => nodes
                    .iter()
                    .any(|node| number(node, "port") == Some(11434.0)),
                _ => false,
            })
    }
}
