//! `session`: who is signed in, and ending that, where a store keeps sessions.

use crate::document::Document;
use crate::environment::EnvironmentOptions;
use crate::input::Input;
use crate::moment;
use crate::output::{Failure, Report, counted};
use crate::reading;
use crate::smoke::{Client, Request, Target};
use ollama_gate_engine::{
    Call, Configuration, Response, ResponseBody, SessionDirectory, SessionSummary, Timestamp,
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Lists and ends sessions of people, where `login.store` keeps them
///
/// Asks webdis, as the gate does. CONFIG is the plugin JSON, or a gateway's file with it inside; its secrets are taken from
/// the environment or `--env-file`.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    action: Action,
}

/// How long a subject is at the least, in bytes, that a log line has cut and ended with `…`.
const CUT_AT: usize = 128;

#[derive(Debug, clap::Subcommand)]
enum Action {
    List(List),
    Revoke(Revoke),
}

/// Lists the sessions of a person: when each began and ends
#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    of: Of,
}

/// Ends every session of a person, at once and at every instance of this gate
///
/// Another gate with the same store has sessions of its own: run it with the configuration of each. Whoever is signed in at the provider still can sign in again: lock the person out there first.
#[derive(Debug, clap::Args)]
struct Revoke {
    #[command(flatten)]
    of: Of,
}

/// Whose sessions, and where they are.
#[derive(Debug, clap::Args)]
struct Of {
    /// The configuration; `-` is the standard input
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// The person: `subject` in full, as `/.gate/whoami` shows it; log lines cut it at 128 bytes
    #[arg(long)]
    subject: String,
    /// The address of webdis from here [default: `login.store.url`]
    #[arg(long, value_name = "URL")]
    webdis: Option<String>,
    /// Certificates (PEM) to trust beside those of this machine
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    environment: EnvironmentOptions,
}

/// Does what is asked for.
///
/// # Errors
/// The configuration has no store, or the store cannot be asked.
pub fn run(options: &Options) -> Result<Box<dyn Report>, Failure> {
    match &options.action {
        Action::List(List { of }) => {
            let store = Store::open(of)?;
            let sessions = store.sessions(&of.subject)?;
            let subject = of.subject.clone();
            Ok(Box::new(Listed { subject, sessions }))
        }
        Action::Revoke(Revoke { of }) => {
            let store = Store::open(of)?;
            let directory = store.directory()?;
            let count = store.ask(&directory.revoke(&of.subject), |response| {
                directory.revoked(response)
            })?;
            let subject = of.subject.clone();
            Ok(Box::new(Revoked { subject, count }))
        }
    }
}

/// The sessions of a person.
#[derive(Debug)]
struct Listed {
    subject: String,
    sessions: Vec<SessionSummary>,
}

impl Report for Listed {
    fn text(&self) -> String {
        let mut text = String::new();
        for session in &self.sessions {
            let [signed_in, ends] = written(session);
            text.push_str(&format!("signed in {signed_in}, ends {ends}\n"));
        }
        let count = counted(self.sessions.len(), "session");
        text.push_str(&format!("{}: {count}\n", self.subject.escape_debug()));
        text
    }

    fn json(&self) -> Value {
        let sessions = self.sessions.iter().map(|session| {
            let [signed_in, ends] = written(session);
            json!({ "signed_in": signed_in, "ends_at": ends })
        });
        json!({ "subject": self.subject, "sessions": sessions.collect::<Vec<_>>() })
    }
}

fn written(session: &SessionSummary) -> [String; 2] {
    [session.signed_in, session.ends].map(|time| moment::written(time.seconds()))
}

/// The sessions of a person that were ended.
#[derive(Debug)]
struct Revoked {
    subject: String,
    count: u64,
}

impl Report for Revoked {
    fn text(&self) -> String {
        let count = counted(usize::try_from(self.count).unwrap_or(usize::MAX), "session");
        format!("{}: {count} ended\n", self.subject.escape_debug())
    }

    fn json(&self) -> Value {
        json!({ "subject": self.subject, "ended": self.count })
    }
}

/// The store of a configuration.
struct Store {
    configuration: Configuration,
    webdis: Option<String>,
    ca: Option<PathBuf>,
}

impl Store {
    fn open(of: &Of) -> Result<Self, Failure> {
        // Another text has another place in the store: nobody would be found there, and nobody's session ended.
        if of.subject.len() >= CUT_AT && of.subject.ends_with('…') {
            return Err(Failure::new(
                "`--subject` was cut, as log lines cut it at 128 bytes: give it in full, as `/.gate/whoami` shows it",
            ));
        }
        let input = Input::read(&of.config)?;
        let document = Document::read(&input)?;
        let [plugin] = document.plugins.as_slice() else {
            return Err(Failure::new(format!(
                "{} holds {} configurations of ollama-gate: give the plugin JSON of one",
                input.name(),
                document.plugins.len()
            )));
        };
        let variables = of.environment.read()?;
        let reading = reading::read(plugin, &variables);
        if let Some((path, message)) = reading.errors.first() {
            return Err(Failure::new(format!(
                "the configuration does not hold: {path}: {message} (`check` lists all errors)"
            )));
        }
        let needed = ["login.secrets", "login.store"];
        let unset = reading.unset.iter();
        let mut unset = unset.filter(|one| needed.iter().any(|path| one.path.starts_with(path)));
        if let Some(unset) = unset.next() {
            let message = format!("{} is needed here and not set", unset.name.escape_debug());
            return Err(Failure::new(message));
        }
        let configuration = reading.configuration;
        let configuration = configuration.ok_or_else(|| {
            Failure::new("a secret of the configuration is needed here and not set")
        })?;
        let store = Self {
            configuration,
            webdis: of.webdis.clone(),
            ca: of.ca.clone(),
        };
        store.directory()?;
        Ok(store)
    }

    fn directory(&self) -> Result<SessionDirectory<'_>, Failure> {
        let directory = self.configuration.engine.session_directory();
        directory.ok_or_else(|| {
            Failure::new(
                "the configuration has no `login.store`: browsers carry their sessions themselves",
            )
        })
    }

    /// In: a call of the directory's, and what reads the answer. Out: what it says.
    fn ask<T>(
        &self,
        call: &Call,
        read: impl FnOnce(&Response<'_>) -> Result<T, String>,
    ) -> Result<T, Failure> {
        let url = call.url();
        let own = || format!("{}://{}", url.scheme().name(), url.authority());
        let address = self.webdis.clone().unwrap_or_else(own);
        let target = Target::read(&address)
            .map_err(|error| Failure::new(format!("`{}`: {error}", address.escape_debug())))?;
        let client = Client::new(target, self.ca.as_deref()).map_err(Failure::new)?;
        let body = call.body().map(String::from_utf8_lossy).unwrap_or_default();
        let mut request = Request::new(call.method(), url.path()).with_body(body.into_owned());
        for (name, value) in call.headers() {
            request = request.field(name.to_owned(), value);
        }
        let answer = client.send(&request).map_err(|failure| {
            let advice = "give the address of webdis from here by `--webdis`";
            Failure::new(format!(
                "no answer from webdis at {}: {failure}; {advice}",
                client.target()
            ))
        })?;
        let response = Response {
            status: Some(answer.status),
            headers: &[],
            body: ResponseBody::Bytes(answer.body.as_bytes()),
        };
        read(&response).map_err(Failure::new)
    }

    fn sessions(&self, subject: &str) -> Result<Vec<SessionSummary>, Failure> {
        let directory = self.directory()?;
        let now = Timestamp::from_seconds(moment::now());
        let names = self.ask(&directory.list(subject, now), |response| {
            directory.names(response)
        })?;
        let mut sessions = Vec::new();
        for name in names {
            let call = directory.read(&name);
            sessions.extend(self.ask(&call, |response| directory.summary(&name, response))?);
        }
        Ok(sessions)
    }
}
