//! `basic`

use super::field::{Field, Shape};
use super::reader::{Node, Reader};
use super::rules::{self, LIMITS_FIELD, MODELS};
use super::table::Member;
use super::value::SECRET;
use crate::authn::basic::{PasswordHash, Unusable, User, Users};
use crate::grant::BodyRules;
use crate::grant::ScopeSet;
use crate::http::is_visible_ascii;
use crate::ollama::Scope;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

table! {
    pub(super) BASIC => BasicSection {
        users: Field::any_of(Shape::List(&Shape::Object(USER)), "the list of users"),
        htpasswd: Field::any_of(
            Shape::Secret(SECRET),
            "the text of an htpasswd file, including its line breaks; preferably as `{\"env\": \"NAME\"}`. An entry \
             of `users` without a `password_hash` sets the permissions of a user in this file",
        ),
        scopes: Field::optional(
            Shape::List(&Shape::Word(Scope::names)),
            "what users of the file and of `users` may do unless they have `scopes` of their own. `[]` means \
             nothing. Default: `[\"read\", \"inference\"]`",
        ),
        models: Field::optional(
            MODELS.shape,
            "the models that users of the file and of `users` may use unless they have `models` of their own. \
             Default: all",
        ),
        limits: Field::optional(
            LIMITS_FIELD.shape,
            "the limits of users of the file and of `users` unless they have `limits` of their own. Default: none",
        ),
        danger_allow_slow_hash: Field::optional(
            Shape::Boolean,
            "`true` accepts hashes that block a worker for more than about 25 ms at each new login: bcrypt with \
             cost 9 to 12, SHA-crypt with more than 12800 rounds",
        ),
    }
}

table! {
    pub(super) USER => UserSection {
        name: Field::required(
            Shape::Name,
            "the login name, which is also the name in logs. It must be unique and contain no colon",
        ),
        password_hash: Field::optional(
            Shape::Secret(SECRET),
            "the part after the colon of a line printed by `htpasswd -nB -C 5`: bcrypt (`$2y$`, `$2b$`, `$2a$`) \
             with cost 4 to 8, a hash of `openssl passwd` (`$6$`, `$5$`, `$apr1$`, `$1$`), or `{SHA}` from an old \
             file. Required unless the user is in the `htpasswd` file",
        ),
        subject: Field::optional(Shape::Name, "the person or program. Default: the `name`"),
        scopes: Field::optional(
            Shape::List(&Shape::Word(Scope::names)),
            "what the user may do. `[]` means nothing. Default: the `scopes` of `basic`",
        ),
        models: Field::optional(
            MODELS.shape,
            "the models that the user may use, instead of the `models` of `basic`; `[]` means none",
        ),
        limits: Field::optional(
            LIMITS_FIELD.shape,
            "limits on the user's requests, instead of all `limits` of `basic`",
        ),
    }
}

/// The most lines of an htpasswd file that one error names.
const MAX_LINES: usize = 10;

/// The users, none if there is no section.
pub(super) fn read(reader: &mut Reader<'_>, node: Option<&Node<'_>>) -> Users {
    let section = node.and_then(|node| reader.section::<BasicSection>(node));
    let Some(section) = section else {
        return Users::new(Vec::new());
    };
    let slow = reader.is_true(&section.danger_allow_slow_hash);
    let (list, file) = (section.users.node(), section.htpasswd.node());
    let mut found = UserList {
        users: Vec::new(),
        names: HashSet::new(),
        slow,
        common: Rights::USUAL.with(reader, &section.scopes, &section.models, &section.limits),
        has_file: file.is_some(),
        awaited: BTreeMap::new(),
    };
    let items = list.map(|node| reader.list(&node, "a list of users"));
    for item in items.unwrap_or_default() {
        if let Some(section) = reader.section(&item) {
            found.read_user(reader, &section);
        }
    }
    if let Some(node) = file
        && let Some(text) = reader.secret_text(&node)
    {
        let problems = found.read_file(text.expose());
        if !problems.is_empty() {
            reader.refuse(&node, problems.join("; "));
        }
    }
    for awaited in found.awaited.values() {
        let message = "is required: `htpasswd` has no line for this name";
        reader.refuse(&awaited.hash, message);
    }
    Users::new(found.users)
}

/// The lines to log at the start.
pub(super) fn notices(users: &Users) -> Option<String> {
    let count = users.count_slow();
    (count > 0).then(|| {
        format!("basic: {count} of the users have a slow hash: each new login blocks a worker")
    })
}

/// What a user may do.
#[derive(Clone, Debug)]
struct Rights {
    scopes: ScopeSet,
    rules: Option<Rc<BodyRules>>,
}

impl Rights {
    const USUAL: Self = Self {
        scopes: ScopeSet::DEFAULT,
        rules: None,
    };

    /// These rights, with what is given in the place of its like.
    fn with(
        &self,
        reader: &mut Reader<'_>,
        scopes: &Member<'_>,
        models: &Member<'_>,
        limits: &Member<'_>,
    ) -> Self {
        Self {
            scopes: match scopes.node() {
                Some(node) => reader.scopes(&node, &Scope::ALL),
                None => self.scopes,
            },
            rules: rules::read_over(reader, models, limits, self.rules.as_ref()),
        }
    }
}

/// A user whose hash has to be in the file.
struct Awaited<'j> {
    subject: Rc<str>,
    rights: Rights,
    /// where the hash would stand
    hash: Node<'j>,
}

struct UserList<'j> {
    users: Vec<User>,
    names: HashSet<String>,
    /// whether slow hashes are taken
    slow: bool,
    /// what a user may do who has nothing of its own
    common: Rights,
    has_file: bool,
    /// the users that are listed without a hash, by name
    awaited: BTreeMap<String, Awaited<'j>>,
}

impl<'j> UserList<'j> {
    fn read_user(&mut self, reader: &mut Reader<'_>, section: &UserSection<'j>) {
        let name = section.name.read(reader, |reader, node| {
            let name = reader.name(node)?;
            if name.contains(':') {
                reader.refuse(
                    node,
                    "contains a colon, which would end the name when it is sent",
                );
                return None;
            }
            Some(name)
        });
        let subject = section.subject.read(reader, Reader::name);
        let given = section.password_hash.node();
        let in_file = given.is_none() && self.has_file;
        if given.is_none() && !in_file {
            reader.refuse(&section.password_hash.place(), "is required");
        }
        let hash = given.and_then(|node| {
            let text = reader.secret_text(&node)?;
            let hash = self.usable(text.expose().trim());
            hash.map_err(|problem| {
                let whose = name.as_deref().and_then(shown);
                let whose = whose.map_or_else(String::new, |name| format!("the hash of {name} "));
                reader.refuse(&node, format!("{whose}{problem}"));
            })
            .ok()
        });
        let rights = self
            .common
            .with(reader, &section.scopes, &section.models, &section.limits);
        let Some(name) = name else { return };
        if !self.names.insert(name.clone()) {
            reader.refuse(&section.name.place(), "is already used by another user");
            return;
        }
        let subject = Rc::from(subject.unwrap_or_else(|| name.clone()));
        if in_file {
            let hash = section.password_hash.place();
            let awaited = Awaited {
                subject,
                rights,
                hash,
            };
            self.awaited.insert(name, awaited);
        } else if let Some(hash) = hash {
            self.users.push(User {
                name,
                subject,
                scopes: rights.scopes,
                rules: rights.rules,
                hash,
            });
        }
    }

    /// Reads the lines of an htpasswd file, and says what is wrong with them.
    fn read_file(&mut self, text: &str) -> Vec<String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut problems = Vec::new();
        for (number, line) in (1_usize..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match self.read_line(line) {
                Ok(user) => self.users.push(user),
                Err(problem) => problems.push(format!("line {number}: {problem}")),
            }
        }
        let more = problems.len().saturating_sub(MAX_LINES);
        if more > 0 {
            problems.truncate(MAX_LINES);
            problems.push(format!("and {more} more lines"));
        }
        problems
    }

    fn read_line(&mut self, line: &str) -> Result<User, String> {
        let (name, rest) = line.split_once(':').ok_or("has no colon")?;
        let fit = is_visible_ascii(name.as_bytes()) && name.len() <= 128;
        let whose = shown(name).filter(|_| fit);
        let whose = whose.ok_or("begins with no name of 1 to 128 characters of visible ASCII")?;
        let awaited = self.awaited.remove(name);
        // What follows a second colon is a remark.
        let hash = rest.split(':').next().unwrap_or_default();
        let hash = self
            .usable(hash.trim())
            .map_err(|problem| format!("the hash of {whose} {problem}"))?;
        if awaited.is_none() && !self.names.insert(name.to_owned()) {
            return Err(format!("{whose} is already used by another user"));
        }
        let (subject, rights) = match awaited {
            Some(awaited) => (awaited.subject, awaited.rights),
            None => (name.into(), self.common.clone()),
        };
        Ok(User {
            name: name.to_owned(),
            subject,
            scopes: rights.scopes,
            rules: rights.rules,
            hash,
        })
    }

    fn usable(&self, text: &str) -> Result<PasswordHash, String> {
        let hash = PasswordHash::parse(text).map_err(|unusable: Unusable| unusable.to_string())?;
        if hash.is_slow() && !self.slow {
            let kind = hash.kind();
            let milliseconds = hash.microseconds() / 1000;
            return Err(format!(
                "is {kind} and would block a worker for some {milliseconds} ms at each new login, make it with \
                 `htpasswd -B -C 5` or set `danger_allow_slow_hash`"
            ));
        }
        Ok(hash)
    }
}

/// A name as an error may show it. What begins like a hash stands in the wrong place, and is not shown.
fn shown(name: &str) -> Option<String> {
    let hash = name.starts_with(['$', '{']);
    (!hash).then(|| format!("`{name}`"))
}
