//! `init`: makes a site.

use super::site_folder;
use crate::input::shown;
use crate::moment;
use crate::output::{Failure, Report};
use crate::site::{
    self, CreatedSite, KeyWish, Owner, TlsWish, Wishes, host_and_port, key, listen, name, tls,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Make a gate: one directory with everything that it needs
///
/// The gate's configuration and its keys, Envoy's configuration, the module, a certificate for the names that
/// clients use and how each client is made to trust it, and a unit of systemd. On a terminal it asks for what
/// the command line is silent about. Each key is shown once. The directory appears whole or not at all, and
/// one that is there is never overwritten.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The directory, which may not be there yet [default: ~/.local/share/ollama-gate, for root /opt/ollama-gate]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Where Ollama is [default: 127.0.0.1:11434]
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    upstream: Option<(String, u16)>,
    /// Where the gate listens [default: 0.0.0.0:11443, without TLS 127.0.0.1:11435]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen)]
    listen: Option<SocketAddr>,
    /// A name or address that clients use; repeat it, or put commas between [default: those of this machine]
    #[arg(long = "name", value_name = "NAME", value_delimiter = ',', value_parser = name)]
    names: Vec<String>,
    /// A key to make, and the models that it may use if not all: alice, or bob=llama3.2,qwen3:*; repeat it
    #[arg(long = "key", value_name = "ID[=MODELS]", value_parser = key)]
    keys: Vec<KeyWish>,
    /// How many days the keys are valid
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=36500))]
    days: u32,
    /// `self-signed` for those names, the paths of a certificate and its key, or `off` on loopback
    /// [default: self-signed]
    #[arg(long, value_name = "self-signed|off|CERT,KEY", value_parser = tls)]
    tls: Option<TlsWish>,
    /// The module [default: ollama_gate_envoy.wasm beside this program, or in dist/ of the checkout]
    #[arg(long, value_name = "PATH")]
    module: Option<PathBuf>,
    /// An Envoy of your own, in place of the one that `up` fetches
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,
    /// Whose the directory is, and who runs the service (as root)
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
    /// Ask nothing: take the defaults
    #[arg(long)]
    yes: bool,
}

/// Makes it.
///
/// # Errors
/// It cannot be made; then nothing was written.
pub(crate) fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    let folder = site_folder(options.folder.as_deref())?;
    site::free(&folder)?;
    let owner = options.owner.as_deref().map(owner).transpose()?;
    let wishes = Wishes {
        listen: options.listen,
        upstream: options.upstream.clone(),
        names: options.names.clone(),
        keys: options.keys.clone(),
        tls: options.tls.clone(),
        envoy: options.envoy.clone(),
    };
    let wishes = if options.yes {
        wishes
    } else {
        site::ask(wishes)?
    };
    let end = moment::now() + i64::from(options.days) * 86_400;
    let plan = wishes.plan(moment::written(end))?;
    let made = site::make(&folder, plan, options.module.as_deref(), owner)?;
    Ok(Initialised {
        made,
        given: options.folder.clone(),
    })
}

/// In: the name of a user. Out: his numbers, as the system knows them.
fn owner(user: &str) -> Result<Owner, Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::new(
            "--owner is for root: others make what is their own",
        ));
    }
    let number = |flag: &str| {
        let asked = Command::new("id")
            .args([flag, "--", user])
            .stdin(Stdio::null())
            .output();
        let text = String::from_utf8(asked.ok()?.stdout).ok()?;
        text.trim().parse::<u32>().ok()
    };
    match (number("-u"), number("-g")) {
        (Some(uid), Some(gid)) => Ok(Owner { uid, gid }),
        _ => Err(Failure::new(format!(
            "--owner: there is no user `{}` here",
            user.escape_debug()
        ))),
    }
}

/// A site that was made.
struct Initialised {
    made: CreatedSite,
    /// the directory as it was given
    given: Option<PathBuf>,
}

impl Initialised {
    fn argument(&self) -> String {
        let given = self.given.as_deref();
        given.map_or_else(String::new, |path| format!(" {}", site::quoted(path)))
    }
}

impl Report for Initialised {
    fn text(&self) -> String {
        let site = &self.made.site;
        let mut text = format!(
            "A gate for {} is in {}.\n\n",
            site.url(),
            shown(&site.folder)
        );
        text.push_str(
            "The keys, one for each client. They are stored nowhere and not shown again:\n\n",
        );
        let longest = self
            .made
            .keys
            .iter()
            .map(|key| key.id.chars().count())
            .max();
        let width = longest.unwrap_or_default();
        for key in &self.made.keys {
            let models = key.models.as_ref().map_or_else(String::new, |models| {
                format!("   ({} alone)", models.join(", "))
            });
            text.push_str(&format!("  {:width$}  {}{models}\n", key.id, key.key));
        }
        let argument = self.argument();
        if site
            .record
            .tls
            .as_ref()
            .is_some_and(|tls| tls.authority.is_some())
        {
            text.push_str(&format!(
                "\nClients are made to trust its certificate: see {}.\n",
                shown(&site.path("clients.txt"))
            ));
        }
        text.push_str(&format!(
            "\nTry it:                  ollama-gate up{argument}\nKeep it after a reboot:  ollama-gate install{argument}\n"
        ));
        text
    }

    fn json(&self) -> Value {
        let site = &self.made.site;
        let path = |path: &Path| site.path(path).display().to_string();
        let tls = site.record.tls.as_ref();
        let keys = self
            .made
            .keys
            .iter()
            .map(|key| json!({ "id": key.id, "key": key.key, "models": key.models }));
        json!({
            "directory": site.folder.display().to_string(),
            "url": site.url(),
            "certificate": tls.map(|tls| path(&tls.certificate)),
            "authority": tls.and_then(|tls| tls.authority.as_deref()).map(path),
            "keys": keys.collect::<Vec<_>>(),
        })
    }
}
