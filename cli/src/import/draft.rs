//! A plugin configuration, collected from what a file says here and there.

use super::secret::{self, object, reference};
use super::{Imported, text};
use ollama_gate_engine::Json;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    keys: Vec<Json>,
    issuers: Vec<Json>,
    /// whose password is asked for
    pub(super) users: Vec<String>,
    /// the variable with an htpasswd file
    pub(super) htpasswd: bool,
    /// names of the gate
    pub(super) hosts: Vec<String>,
    /// networks that may come in, if a rule says so, and those that may not
    pub(super) networks: Option<(Option<Vec<String>>, Vec<String>)>,
    /// headers in which a key comes
    headers: Vec<String>,
    ids: Vec<String>,
    names: Vec<String>,
}

/// Headers that the gate reads by itself.
const OWN_HEADERS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-ollama-token"];

impl Draft {
    /// In: whose key it is, and the key as the file has it. Adds its record.
    pub(super) fn key(&mut self, imported: &mut Imported, whose: &str, value: &str) {
        let id = unused(&mut self.ids, whose);
        let fallback = secret::variable(&[&id, "OLLAMA_KEY"]);
        let value = value.strip_prefix("Bearer ").unwrap_or(value);
        let which = secret::key(imported, &id, value, &fallback);
        self.record(&id, whose, which);
    }

    /// Adds the record of a key that is in the variable `name`.
    pub(super) fn key_of(&mut self, whose: &str, name: &str) {
        let id = unused(&mut self.ids, whose);
        self.record(&id, whose, ("key".to_owned(), reference(name)));
    }

    fn record(&mut self, id: &str, whose: &str, which: (String, Json)) {
        let mut members = vec![("id".to_owned(), text(id)), which];
        let subject = plain(whose);
        if subject != id {
            members.push(("subject".to_owned(), text(&subject)));
        }
        self.keys.push(Json::Object(members));
    }

    /// Adds members to the record that was added last.
    pub(super) fn of_last_key(&mut self, name: &str, value: Json) {
        if let Some(Json::Object(members)) = self.keys.last_mut() {
            members.push((name.to_owned(), value));
        }
    }

    /// Adds an issuer of tokens; `members` are those after its name.
    pub(super) fn issuer(&mut self, whose: &str, members: Vec<(String, Json)>) {
        let name = unused(&mut self.names, whose);
        let mut issuer = vec![("name".to_owned(), text(&name))];
        issuer.extend(members);
        self.issuers.push(Json::Object(issuer));
    }

    /// Has keys read from the header `name` too.
    pub(super) fn header(&mut self, name: &str) {
        let lower = name.to_ascii_lowercase();
        if !OWN_HEADERS.contains(&lower.as_str()) && !self.headers.contains(&lower) {
            self.headers.push(lower);
        }
    }

    /// Takes the networks of one place. They hold for all, so those of another place have to be the same.
    pub(super) fn network(
        &mut self,
        imported: &mut Imported,
        allow: Option<Vec<String>>,
        deny: Vec<String>,
    ) {
        match &self.networks {
            None => self.networks = Some((allow, deny)),
            Some(first) if *first != (allow, deny) => imported.note(
                "the rules for addresses differ between routes; the first ones hold for all now",
            ),
            Some(_) => {}
        }
    }

    /// Adds a name of the gate, if it is one and no pattern.
    pub(super) fn host(&mut self, name: &str) {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-.:[]".contains(letter);
        let fit = !name.is_empty() && name.chars().all(fits);
        if fit && !self.hosts.iter().any(|known| known == name) {
            self.hosts.push(name.to_owned());
        }
    }

    /// Whether anybody can show a credential.
    pub(super) const fn has_credential(&self) -> bool {
        !self.keys.is_empty() || !self.issuers.is_empty() || !self.users.is_empty() || self.htpasswd
    }

    /// Writes the sections. `needs_hosts` is for what browsers send by themselves.
    pub(super) fn finish(mut self, imported: &mut Imported, needs_hosts: bool) {
        if !self.keys.is_empty() {
            imported.put("api_keys", object(&[("keys", Json::List(self.keys))]));
        }
        if !self.issuers.is_empty() {
            imported.put("jwt", Json::List(self.issuers));
        }
        let passwords = self.htpasswd || !self.users.is_empty();
        if passwords {
            let variable = reference("OLLAMA_HTPASSWD");
            imported.put("basic", object(&[("htpasswd", variable)]));
        }
        if !self.users.is_empty() {
            imported.note(format!(
                "passwords stood in the clear and are not copied: put a line of `htpasswd -nB -C 5 NAME` for each of {} \
                 into OLLAMA_HTPASSWD",
                self.users.join(", ")
            ));
        }
        if !self.headers.is_empty() {
            let headers = self.headers.iter().map(|name| text(name));
            imported.put("credential_headers", Json::List(headers.collect()));
        }
        if let Some((allow, deny)) = self.networks {
            let mut section = Vec::new();
            let list = |items: &[String]| Json::List(items.iter().map(|item| text(item)).collect());
            if let Some(allow) = allow {
                section.push(("allow".to_owned(), list(&allow)));
            }
            if !deny.is_empty() {
                section.push(("deny".to_owned(), list(&deny)));
            }
            if !section.is_empty() {
                imported.put("network", Json::Object(section));
            }
        }
        if self.hosts.is_empty() && (passwords || needs_hosts) {
            self.hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            imported.note("`hosts`: the file names no host: add the names that clients use");
        }
        if !self.hosts.is_empty() {
            let hosts = self.hosts.iter().map(|name| text(name));
            imported.put("hosts", Json::List(hosts.collect()));
        }
    }
}

/// In: the names that are used, and whose the next one is. Out: one that is not, which is used then.
fn unused(used: &mut Vec<String>, whose: &str) -> String {
    let base = plain(whose);
    let mut id = base.clone();
    let mut number = 2;
    while used.contains(&id) {
        id = format!("{base}-{number}");
        number += 1;
    }
    used.push(id.clone());
    id
}

/// `name` as an id: 1 to 100 characters of visible ASCII.
fn plain(name: &str) -> String {
    let fit = |letter: char| {
        if letter.is_ascii_graphic() {
            letter
        } else {
            '-'
        }
    };
    let plain: String = name.chars().take(100).map(fit).collect();
    if plain.is_empty() {
        "unnamed".to_owned()
    } else {
        plain
    }
}
