//! nginx's configuration, as far as it says who may come in.

use super::syntax::{Directive, parse, walk};
use super::{Imported, digest, text};
use ollama_gate_engine::Json;

/// A location that hands requests on, with what holds in it.
struct Location<'a> {
    path: String,
    /// the blocks around it, outermost first, and its own
    levels: Vec<&'a [Directive]>,
}

impl<'a> Location<'a> {
    /// The directives of the innermost level that has one of this name: nginx inherits all or none.
    fn inherited(&self, names: &[&str]) -> Vec<&'a Directive> {
        let at = |level: &&'a [Directive]| -> Vec<&'a Directive> {
            level
                .iter()
                .filter(|directive| names.contains(&directive.name()))
                .collect()
        };
        self.levels
            .iter()
            .rev()
            .map(at)
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    fn one(&self, name: &str) -> Option<&'a Directive> {
        self.inherited(&[name]).first().copied()
    }

    /// Whether it asks for a password.
    fn has_password(&self) -> bool {
        let off = self
            .one("auth_basic")
            .is_none_or(|directive| directive.word(1) == "off");
        !off && self.one("auth_basic_user_file").is_some()
    }
}

/// In: the text of a site. Out: the plugin configuration, or why there is none.
pub(super) fn import(text_of_site: &str) -> Result<Imported, String> {
    let tree = parse(text_of_site)?;
    let mut locations = Vec::new();
    search(&tree, &mut vec![tree.as_slice()], "/", &mut locations);
    if locations.is_empty() {
        return Err(
            "no `proxy_pass` in it: expected the site that stands before Ollama".to_owned(),
        );
    }
    let mut imported = Imported::default();
    let mut names = Vec::new();
    walk(&tree, &mut |directive| {
        if directive.name() == "server_name" {
            names.extend(
                directive
                    .words
                    .iter()
                    .skip(1)
                    .filter(|name| is_host(name))
                    .cloned(),
            );
        }
    });
    let keys = keys(&tree, &mut imported);
    let password = locations.iter().any(Location::has_password);
    if keys.is_empty() && !password {
        return Err("nobody shows a credential there: expected `auth_basic_user_file`, or a `map $http_authorization` \
                    with keys (addresses alone are no credential of the gate)"
            .to_owned());
    }
    if !keys.is_empty() {
        imported.put(
            "api_keys",
            Json::Object(vec![("keys".to_owned(), Json::List(keys))]),
        );
    }
    if password {
        let variable = Json::Object(vec![("env".to_owned(), text("OLLAMA_HTPASSWD"))]);
        imported.put(
            "basic",
            Json::Object(vec![("htpasswd".to_owned(), variable)]),
        );
        imported.note("put the content of the file of `auth_basic_user_file` into OLLAMA_HTPASSWD; `ollama-gate check` says which hashes the gate takes");
        if names.is_empty() {
            names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            imported.note("`hosts`: the site has no `server_name`: add the names that clients use");
        }
    }
    network(&locations, &mut imported);
    if !names.is_empty() {
        imported.put(
            "hosts",
            Json::List(names.iter().map(|name| text(name)).collect()),
        );
    }
    imported.put(
        "upstream",
        Json::Object(vec![("host".to_owned(), text("localhost:11434"))]),
    );
    let host = Json::Object(vec![("name".to_owned(), text("envoy"))]);
    imported.put("host", host);
    seeming(&locations, &mut imported);
    others(&tree, &mut imported);
    Ok(imported)
}

/// The keys of maps from `Authorization`, and only of those.
fn keys(tree: &[Directive], imported: &mut Imported) -> Vec<Json> {
    let mut keys = Vec::new();
    walk(tree, &mut |map| {
        let source = map.word(1);
        let bearer = source == "$http_authorization";
        if map.name() != "map" || !(bearer || source == "$http_x_api_key") {
            return;
        }
        for entry in &map.block {
            let (value, result) = (entry.name(), entry.word(1));
            if value == "default" && !["", "0"].contains(&result) {
                imported.note("`default` of a map let in every caller whose key was unknown; the gate does not");
            }
            if ["default", "hostnames", "volatile", "include"].contains(&value)
                || ["", "0"].contains(&result)
            {
                continue;
            }
            let key = if bearer {
                value.strip_prefix("Bearer ").unwrap_or_default()
            } else {
                value
            };
            if value.starts_with('~') || key.trim().is_empty() {
                imported.note("an entry of a map is a pattern, or no `Bearer` key, and was not taken: name each key");
                continue;
            }
            let id = format!("nginx-{}", keys.len() + 1);
            keys.push(Json::Object(vec![
                ("id".to_owned(), text(&id)),
                ("sha256".to_owned(), text(&digest(key))),
            ]));
        }
    });
    if !keys.is_empty() {
        imported.note(
            "keys are digests now: clients keep theirs. nginx keys had no end; add `expires_at`",
        );
    }
    keys
}

/// `allow` and `deny`.
fn network(locations: &[Location<'_>], imported: &mut Imported) {
    let rules = locations
        .iter()
        .map(|location| location.inherited(&["allow", "deny"]));
    let sets: Vec<Vec<(&str, &str)>> = rules
        .map(|rules| {
            rules
                .iter()
                .map(|rule| (rule.name(), rule.word(1)))
                .collect()
        })
        .collect();
    let Some(first) = sets.iter().find(|rules| !rules.is_empty()) else {
        return;
    };
    if sets.iter().any(|rules| rules != first) {
        imported
            .note("`allow` and `deny` differ between locations; the first rules hold for all now");
    }
    let of = |name: &str| -> Vec<Json> {
        let rules = first.iter().take_while(|(_, range)| *range != "all");
        rules
            .filter(|(rule, range)| *rule == name && !range.starts_with("unix:"))
            .map(|(_, range)| text(range))
            .collect()
    };
    let closed = first
        .iter()
        .find(|(_, range)| *range == "all")
        .is_some_and(|(rule, _)| *rule == "deny");
    let mut section = Vec::new();
    if closed {
        section.push(("allow".to_owned(), Json::List(of("allow"))));
    } else if !of("allow").is_empty() {
        imported.note("`allow` without `deny all` after it shut nobody out, and was not taken");
    }
    if !of("deny").is_empty() {
        section.push(("deny".to_owned(), Json::List(of("deny"))));
        imported
            .note("in the gate `network.deny` outweighs `network.allow`, whichever comes first");
    }
    if !section.is_empty() {
        imported.put("network", Json::Object(section));
    }
    if locations.iter().any(|location| {
        location
            .one("satisfy")
            .is_some_and(|rule| rule.word(1) == "any")
    }) {
        imported.note("`satisfy any` let addresses in without a password; the gate asks for both, the address and a credential");
    }
}

/// What the site only seemed to do.
fn seeming(locations: &[Location<'_>], imported: &mut Imported) {
    let guards = |path: &str| "/v1/".starts_with(path) || path.contains("v1");
    if !locations.iter().any(|location| guards(&location.path)) {
        imported.note("the site covers `/api` and not `/v1`: the gate guards every path, and opens `/v1` to callers with a credential");
    }
    for location in locations {
        if locations.iter().any(Location::has_password) && !location.has_password() {
            imported.note(format!(
                "`location {}` asked for no password; the gate asks for a credential there too",
                location.path
            ));
        }
        let headers = location.inherited(&["proxy_set_header"]);
        let header = |name: &str| {
            headers
                .iter()
                .find(|rule| rule.word(1).eq_ignore_ascii_case(name))
        };
        if header("Host").is_some_and(|rule| ["$host", "$http_host"].contains(&rule.word(2))) {
            imported.note("the client's Host went on to Ollama, which answers 403 to a foreign one; the gate sends `upstream.host`");
        }
        if header("Authorization").is_none_or(|rule| !rule.word(2).is_empty()) {
            imported.note("the credential went on to Ollama; the gate takes it out");
        }
        if location.one("proxy_read_timeout").is_none() {
            imported.note("nginx ended a stream after 60 silent seconds (`proxy_read_timeout`); the packs wait for an hour");
        }
    }
}

/// Directives that decide who comes in, and have no counterpart here.
fn others(tree: &[Directive], imported: &mut Imported) {
    walk(tree, &mut |directive| {
        let name = directive.name();
        if [
            "auth_request",
            "auth_jwt",
            "ssl_verify_client",
            "limit_req",
            "limit_conn",
            "geo",
            "include",
        ]
        .contains(&name)
        {
            imported.note(format!(
                "`{name}` was not taken over: see what it did for you"
            ));
        }
    });
}

fn is_host(name: &str) -> bool {
    !name.is_empty()
        && name != "_"
        && !name.starts_with('~')
        && !name.contains('*')
        && !name.contains('$')
}

fn search<'a>(
    tree: &'a [Directive],
    levels: &mut Vec<&'a [Directive]>,
    path: &str,
    found: &mut Vec<Location<'a>>,
) {
    if tree
        .iter()
        .any(|directive| directive.name() == "proxy_pass")
    {
        found.push(Location {
            path: path.to_owned(),
            levels: levels.clone(),
        });
    }
    for directive in tree.iter().filter(|directive| !directive.block.is_empty()) {
        let path = if directive.name() == "location" {
            directive.words.last().map_or("/", String::as_str)
        } else {
            path
        };
        levels.push(&directive.block);
        search(&directive.block, levels, path, found);
        levels.pop();
    }
}
