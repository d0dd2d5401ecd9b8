//! Consumers, as APISIX and Kong call whoever has a credential.

use super::draft::Draft;
use super::secret::{self, Secret, object};
use super::tree::word;
use super::{Imported, text};
use ollama_gate_engine::Json;

/// A plugin and its settings.
#[derive(Clone, Copy)]
pub(super) struct Plugin<'j> {
    pub(super) name: &'j str,
    pub(super) settings: &'j Json,
}

/// A consumer, and its credentials by the plugin that they are for.
pub(super) struct Consumer<'j> {
    pub(super) name: String,
    pub(super) groups: Vec<String>,
    pub(super) credentials: Vec<Plugin<'j>>,
}

impl<'j> Consumer<'j> {
    /// Its credentials for `plugin`.
    pub(super) fn of(&self, plugin: &str) -> impl Iterator<Item = &'j Json> {
        let fit = move |credential: &&Plugin<'j>| credential.name == plugin;
        self.credentials
            .iter()
            .filter(fit)
            .map(|credential| credential.settings)
    }
}

/// The plugins that hold, of `plugins` from the nearest place to the furthest: what is nearer to the route takes the
/// place of what has the same name further away.
pub(super) fn nearest<'j>(plugins: impl IntoIterator<Item = Plugin<'j>>) -> Vec<Plugin<'j>> {
    let mut held: Vec<Plugin<'j>> = Vec::new();
    for plugin in plugins {
        if !held.iter().any(|known| known.name == plugin.name) {
            held.push(plugin);
        }
    }
    held
}

/// Takes over the API keys of `consumers` for `plugin`. Out: whether there are any.
pub(super) fn keys(
    consumers: &[&Consumer<'_>],
    plugin: &str,
    draft: &mut Draft,
    imported: &mut Imported,
) -> bool {
    let mut taken = false;
    for consumer in consumers {
        for credential in consumer.of(plugin) {
            let Some(key) = word(credential, "key") else {
                imported.note(format!(
                    "a key of `{}` was drawn by the gateway and is not in the file: it was not taken",
                    consumer.name
                ));
                continue;
            };
            draft.key(imported, &consumer.name, &key);
            taken = true;
        }
    }
    taken
}

/// Takes over the names that `consumers` have with `basic-auth`; their passwords are in an htpasswd file of the
/// operator's.
pub(super) fn users(consumers: &[&Consumer<'_>], draft: &mut Draft, imported: &mut Imported) {
    for consumer in consumers {
        let names = consumer.of("basic-auth").map(|credential| {
            word(credential, "username").unwrap_or_else(|| consumer.name.clone())
        });
        draft.users.extend(names);
    }
    if draft.users.is_empty() {
        imported.note(
            "no consumer in the file has `basic-auth`: put an htpasswd file into OLLAMA_HTPASSWD",
        );
        draft.htpasswd = true;
    }
}

/// Says that a route for `paths`, none being every path, asked for no credential, where its `plugins` have none of
/// `auth`.
pub(super) fn note_open(
    plugins: &[Plugin<'_>],
    auth: &[&str],
    paths: &[String],
    imported: &mut Imported,
) {
    if plugins.iter().any(|plugin| auth.contains(&plugin.name)) {
        return;
    }
    let paths = if paths.is_empty() {
        "every path".to_owned()
    } else {
        paths.join(", ")
    };
    imported.note(format!(
        "the route for {paths} asked for no credential; the gate asks for one there too"
    ));
}

/// The member of an issuer that holds the keys of the tokens of `consumer`; none where the gate knows none of the
/// kind.
pub(super) fn key_of_tokens(
    consumer: &Consumer<'_>,
    credential: &Json,
    algorithm: &str,
    is_base64: bool,
    imported: &mut Imported,
) -> Option<(String, Json)> {
    let known = ollama_gate_engine::Algorithm::named(algorithm);
    let Some(known) = known else {
        imported.note(format!(
            "the tokens of `{}` are signed by an algorithm that the gate does not take: they were not taken over",
            consumer.name
        ));
        return None;
    };
    if known.is_hmac() {
        let encoding = is_base64.then_some("base64");
        let fallback = secret::variable(&[&consumer.name, "JWT_SECRET"]);
        let Some(value) = word(credential, "secret") else {
            imported.note(format!(
                "the secret of `{}` was drawn by the gateway and is not in the file: put it into {fallback}",
                consumer.name
            ));
            return Some((
                "secrets".to_owned(),
                Json::List(vec![secret::reference(&fallback)]),
            ));
        };
        let secret = secret::shared(
            imported,
            &consumer.name,
            &value,
            (algorithm, encoding),
            &fallback,
        );
        return Some(("secrets".to_owned(), Json::List(vec![secret])));
    }
    let pem = word(credential, "public_key").or_else(|| word(credential, "rsa_public_key"));
    let Some(pem) = pem else {
        imported.note(format!(
            "`{}` has no public key: its tokens were not taken over",
            consumer.name
        ));
        return None;
    };
    let pem = match Secret::of(&pem) {
        Secret::Literal(_) => text(&pem),
        Secret::Variable(name) => secret::reference(&name),
        Secret::Elsewhere(place) => {
            let name = secret::variable(&[&consumer.name, "PUBLIC_KEY"]);
            imported.note(format!(
                "the public key of `{}` is looked up in `{place}`: put it into {name}",
                consumer.name
            ));
            secret::reference(&name)
        }
    };
    Some(("keys".to_owned(), Json::List(vec![object(&[("pem", pem)])])))
}
