//! Kong's declarative file.

use super::consumers::{self, Consumer, Plugin};
use super::draft::Draft;
use super::secret::{self, object};
use super::tree::{documents, is_true, number, objects, word, words};
use super::{Imported, text, upstream};
use ollama_gate_engine::Json;

/// Plugins that say who may come in.
const AUTH: [&str; 3] = ["key-auth", "jwt", "basic-auth"];
/// Lists of credentials, each with the plugin that they are for.
const CREDENTIALS: [(&str, &str); 3] = [
    ("keyauth_credentials", "key-auth"),
    ("jwt_secrets", "jwt"),
    ("basicauth_credentials", "basic-auth"),
];

/// A route to Ollama, with its service and the plugins that hold for it.
struct Route<'j> {
    json: Option<&'j Json>,
    service: &'j Json,
    plugins: Vec<Plugin<'j>>,
}

/// In: the text of the file. Out: the plugin configuration, or why there is none.
pub(super) fn import(file: &str) -> Result<Imported, String> {
    let parts = documents(file)?;
    let root = parts
        .iter()
        .find(|part| part.member("_format_version").is_some());
    let root = root.ok_or("no `_format_version` in it: expected Kong's declarative file")?;
    let mut imported = Imported::default();
    let consumers: Vec<_> = objects(root, "consumers")
        .into_iter()
        .map(|one| consumer(root, one))
        .collect();
    let mut routes = routes(root);
    if routes.iter().any(Route::is_to_ollama) {
        routes.retain(Route::is_to_ollama);
    }
    if routes.is_empty() {
        return Err("no `services` in it: expected the one of Ollama".to_owned());
    }
    let mut draft = Draft::default();
    let mut asks = false;
    for route in &routes {
        asks |= credentials(route, &consumers, &mut draft, &mut imported);
    }
    if !draft.has_credential() {
        return Err("nobody shows a credential there that the gate takes: expected `key-auth`, `jwt` or `basic-auth`".to_owned());
    }
    for route in &routes {
        around(route, asks, &mut draft, &mut imported);
    }
    let covers = |path: &str| {
        let below = |own: &String| own.starts_with('~') || path.starts_with(own.as_str());
        routes
            .iter()
            .any(|route| route.paths().is_empty() || route.paths().iter().any(below))
    };
    if !covers("/v1/chat/completions") {
        imported.note("the routes cover `/api` and not `/v1`: the gate guards every path; give it a route of `/`, so that nothing of Ollama is beside it");
    }
    draft.finish(&mut imported, false);
    upstream(&mut imported, "kong");
    Ok(imported)
}

/// The plugins that stand in `place`, those of its consumers left out.
fn plugins(place: &Json) -> Vec<Plugin<'_>> {
    let all = objects(place, "plugins").into_iter();
    all.filter(|plugin| plugin.member("enabled") != Some(&Json::Bool(false)))
        .filter(|plugin| plugin.member("consumer").is_none())
        .filter_map(|plugin| {
            let name = plugin.member("name").and_then(Json::text)?;
            Some(Plugin {
                name,
                settings: plugin.member("config").unwrap_or(plugin),
            })
        })
        .collect()
}

/// The name that the member `name` of `place` refers to: alone, or in an object.
fn referred(place: &Json, name: &str) -> Option<String> {
    let value = place.member(name)?;
    let inner = |value: &Json| {
        word(value, "name")
            .or_else(|| word(value, "username"))
            .or_else(|| word(value, "id"))
    };
    value.text().map(str::to_owned).or_else(|| inner(value))
}

fn routes(root: &Json) -> Vec<Route<'_>> {
    let is_named = |json: &Json, name: &str| {
        ["name", "id"]
            .iter()
            .any(|member| word(json, member).as_deref() == Some(name))
    };
    // Plugins at the top hold for what they refer to, or for all.
    let at_top = |service: &Json, route: Option<&Json>| -> Vec<Plugin<'_>> {
        let holds = |plugin: &&Json| {
            let of_service =
                referred(plugin, "service").is_none_or(|name| is_named(service, &name));
            let of_route = referred(plugin, "route")
                .is_none_or(|name| route.is_some_and(|route| is_named(route, &name)));
            of_service && of_route
        };
        let fit = objects(root, "plugins").into_iter().filter(holds);
        let all = plugins(root);
        let settings: Vec<_> = fit
            .map(|plugin| plugin.member("config").unwrap_or(plugin))
            .collect();
        all.into_iter()
            .filter(|plugin| {
                settings
                    .iter()
                    .any(|one| std::ptr::eq(*one, plugin.settings))
            })
            .collect()
    };
    let mut found = Vec::new();
    for service in objects(root, "services") {
        let name = word(service, "name").unwrap_or_default();
        let below = objects(service, "routes");
        let beside = objects(root, "routes")
            .into_iter()
            .filter(|route| referred(route, "service").as_deref() == Some(&name));
        let routes: Vec<_> = below.into_iter().chain(beside).map(Some).collect();
        let routes = if routes.is_empty() {
            vec![None]
        } else {
            routes
        };
        for json in routes {
            let own = json.map(plugins).unwrap_or_default().into_iter();
            let further = plugins(service).into_iter().chain(at_top(service, json));
            found.push(Route {
                json,
                service,
                plugins: consumers::nearest(own.chain(further)),
            });
        }
    }
    found
}

fn consumer<'j>(root: &'j Json, json: &'j Json) -> Consumer<'j> {
    let name = word(json, "username")
        .or_else(|| word(json, "custom_id"))
        .unwrap_or_default();
    let mut credentials = Vec::new();
    let mut groups = Vec::new();
    let of_it = |one: &&Json| referred(one, "consumer").as_deref() == Some(&name);
    for (list, plugin) in CREDENTIALS {
        let beside = objects(root, list).into_iter().filter(of_it);
        let all = objects(json, list).into_iter().chain(beside);
        credentials.extend(all.map(|settings| Plugin {
            name: plugin,
            settings,
        }));
    }
    let beside = objects(root, "acls").into_iter().filter(of_it);
    groups.extend(
        objects(json, "acls")
            .into_iter()
            .chain(beside)
            .filter_map(|acl| word(acl, "group")),
    );
    Consumer {
        name,
        groups,
        credentials,
    }
}

/// Takes over who may come in by `route`. Out: whether it asks for a credential at all.
fn credentials(
    route: &Route<'_>,
    consumers: &[Consumer<'_>],
    draft: &mut Draft,
    imported: &mut Imported,
) -> bool {
    let asked: Vec<_> = route
        .plugins
        .iter()
        .filter(|plugin| AUTH.contains(&plugin.name))
        .collect();
    if asked.len() > 1 {
        imported.note("several auth plugins on one route: Kong asked for all of them unless they had `anonymous`, the gate for one; `require` asks for more");
    }
    let acl = route.plugins.iter().find(|plugin| plugin.name == "acl");
    let lists = |new: &str, old: &str| {
        acl.map(|acl| [words(acl.settings, new), words(acl.settings, old)].concat())
    };
    let (allow, deny) = (lists("allow", "whitelist"), lists("deny", "blacklist"));
    let named = |list: &Option<Vec<String>>, one: &Consumer<'_>| {
        list.iter()
            .flatten()
            .any(|group| one.groups.contains(group))
    };
    let fit = |one: &&Consumer<'_>| {
        (allow.iter().flatten().next().is_none() || named(&allow, one)) && !named(&deny, one)
    };
    let allowed: Vec<_> = consumers.iter().filter(fit).collect();
    for plugin in &asked {
        if plugin
            .settings
            .member("anonymous")
            .is_some_and(|value| *value != Json::Null)
        {
            imported.note(format!(
                "`{}` with `anonymous` let everybody in; the gate does not",
                plugin.name
            ));
        }
        match plugin.name {
            "key-auth" => key_auth(plugin.settings, &allowed, draft, imported),
            "jwt" => jwt(plugin.settings, &allowed, draft, imported),
            _ => consumers::users(&allowed, draft, imported),
        }
    }
    !asked.is_empty()
}

fn key_auth(
    settings: &Json,
    consumers: &[&Consumer<'_>],
    draft: &mut Draft,
    imported: &mut Imported,
) {
    let names = words(settings, "key_names");
    let names = if names.is_empty() {
        vec!["apikey".to_owned()]
    } else {
        names
    };
    if settings.member("key_in_header") != Some(&Json::Bool(false)) {
        names.iter().for_each(|name| draft.header(name));
    }
    if settings.member("key_in_query") != Some(&Json::Bool(false)) {
        imported.note("`key-auth` took the key from the query too, where it ends up in logs; the gate does not: clients send a header");
    }
    if is_true(settings, "key_in_body") {
        imported.note("`key_in_body`: the gate takes no key from a body; clients send a header");
    }
    if !is_true(settings, "hide_credentials") {
        imported.note(
            "the credential went on to Ollama (`hide_credentials` is off); the gate takes it out",
        );
    }
    if !consumers::keys(consumers, "key-auth", draft, imported) {
        imported
            .note("no consumer in the file has a key for `key-auth`: put one into KONG_OLLAMA_KEY");
        draft.key_of("kong", "KONG_OLLAMA_KEY");
    }
}

fn jwt(settings: &Json, consumers: &[&Consumer<'_>], draft: &mut Draft, imported: &mut Imported) {
    if !words(settings, "claims_to_verify")
        .iter()
        .any(|claim| claim == "exp")
    {
        imported.note("`jwt` without `claims_to_verify: [exp]` took expired tokens, and those without an end; the gate asks for `exp`");
    }
    imported.note("`jwt` took tokens from the query (`uri_param_names`) too; the gate takes them from headers");
    imported.note("`jwt` looked at no `aud`; the gate refuses a token that names one until `audiences` lists it");
    for header in words(settings, "header_names") {
        draft.header(&header);
    }
    let claim = word(settings, "key_claim_name").unwrap_or_else(|| "iss".to_owned());
    let cookie = words(settings, "cookie_names").into_iter().next();
    if cookie.is_some() {
        imported.note("`cookie_names` was not taken over: `jwt[].cookie` is its counterpart, and needs `hosts`");
    }
    let lifetime = number(settings, "maximum_expiration").filter(|seconds| *seconds > 0.0);
    let is_base64 = is_true(settings, "secret_is_base64");
    let mut taken = false;
    for consumer in consumers {
        for credential in consumer.of("jwt") {
            taken = true;
            let algorithm = word(credential, "algorithm").unwrap_or_else(|| "HS256".to_owned());
            let Some(source) =
                consumers::key_of_tokens(consumer, credential, &algorithm, is_base64, imported)
            else {
                continue;
            };
            let mut rules = vec![
                ("algorithms".to_owned(), Json::List(vec![text(&algorithm)])),
                source,
                ("subject_claim".to_owned(), text(&claim)),
            ];
            match word(credential, "key") {
                Some(key) if claim == "iss" => rules.push(("issuer".to_owned(), text(&key))),
                Some(key) => rules.push((
                    "required_claims".to_owned(),
                    object(&[(&claim, text(&key))]),
                )),
                None => imported.note(format!(
                    "a `jwt` credential of `{}` has no `key`: any `{claim}` is taken",
                    consumer.name
                )),
            }
            if let Some(seconds) = lifetime {
                // Kong counts from now to `exp`; what is as long from `iat` is never longer from now.
                rules.push((
                    "max_lifetime".to_owned(),
                    text(&format!("{}s", seconds.round())),
                ));
            }
            draft.issuer(&consumer.name, rules);
        }
    }
    if !taken {
        imported.note("no consumer in the file has a `jwt` credential: put the secret of the tokens into KONG_JWT_SECRET");
        let secret = secret::reference("KONG_JWT_SECRET");
        draft.issuer(
            "kong",
            vec![
                ("algorithms".to_owned(), Json::List(vec![text("HS256")])),
                ("secrets".to_owned(), Json::List(vec![secret])),
                ("subject_claim".to_owned(), text(&claim)),
            ],
        );
    }
}

/// What else holds for `route`, and what only seemed to. `asks` says whether any route asks for a credential.
fn around(route: &Route<'_>, asks: bool, draft: &mut Draft, imported: &mut Imported) {
    if asks {
        consumers::note_open(&route.plugins, &AUTH, &route.paths(), imported);
    }
    for plugin in &route.plugins {
        match plugin.name {
            "ip-restriction" => {
                let of = |new: &str, old: &str| [words(plugin.settings, new), words(plugin.settings, old)].concat();
                let allow = Some(of("allow", "whitelist")).filter(|list| !list.is_empty());
                draft.network(imported, allow, of("deny", "blacklist"));
            }
            "acl" | "ollama-gate" | "ollama_gate" => {}
            name if AUTH.contains(&name) => {}
            name => imported.note(format!("`{name}` was not taken over: it can stay beside the gate, or see what it did for you")),
        }
    }
    if let Some(json) = route.json {
        words(json, "hosts")
            .iter()
            .for_each(|host| draft.host(host));
        if is_true(json, "preserve_host") {
            imported.note("`preserve_host` sent the client's Host on to Ollama, which answers 403 to a foreign one: leave it out");
        }
    }
    if number(route.service, "read_timeout").is_none_or(|milliseconds| milliseconds <= 60_000.0) {
        imported.note("Kong ended a stream after 60 silent seconds (`read_timeout`); the pack waits for an hour");
    }
}

impl Route<'_> {
    fn paths(&self) -> Vec<String> {
        self.json
            .map(|json| words(json, "paths"))
            .unwrap_or_default()
    }

    /// Whether it leads to Ollama's own port.
    fn is_to_ollama(&self) -> bool {
        let of_url = word(self.service, "url").is_some_and(|url| url.contains(":11434"));
        of_url || number(self.service, "port") == Some(11434.0)
    }
}
