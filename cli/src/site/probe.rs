//! Whether the gate of a site answers, asked as a client on this machine would.

use super::{Site, certificate};
use crate::smoke::{Client, Request, Target, Unanswered};
use std::net::TcpStream;
use std::time::Duration;

/// How long Ollama has to take a connection.
const MAX_CONNECT: Duration = Duration::from_secs(2);

/// What the gate says to somebody without a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// it refuses as a gate does
    Guards,
    /// something answers, and not as a gate does
    Other(String),
    /// no answer, and why
    Silent(String),
}

/// Asks for the list of models, without a key.
pub(crate) fn health(site: &Site) -> Health {
    let client = match client(site) {
        Ok(client) => client,
        Err(why) => return Health::Silent(why),
    };
    match client.send(&Request::get("/api/tags")) {
        Err(Unanswered::Tls(why)) if why.contains("invalid peer certificate") => Health::Silent(
            "it shows another certificate than the one in the directory: restart it".to_owned(),
        ),
        Err(failure) => Health::Silent(failure.to_string()),
        Ok(answer) => {
            let asks = answer.field("www-authenticate").unwrap_or_default();
            if answer.status == 401 && asks.contains("realm=\"ollama-gate\"") {
                Health::Guards
            } else {
                Health::Other(format!(
                    "status {} to a request without a key",
                    answer.status
                ))
            }
        }
    }
}

fn client(site: &Site) -> Result<Client, String> {
    let certificate = match &site.record.tls {
        None => None,
        Some(tls) => {
            let chain = certificate::chain(&site.path(&tls.certificate));
            chain.map_err(|why| why.to_string())?.into_iter().next()
        }
    };
    let target = Target::read(&site.url()).map_err(|error| error.to_string())?;
    Client::of_this_machine(target, site.local_address(), certificate)
}

/// Whether something takes connections where Ollama should be.
pub(crate) fn ollama_listens(site: &Site) -> bool {
    use std::net::ToSocketAddrs;
    let (host, port) = &site.record.upstream;
    let addresses = (host.as_str(), *port).to_socket_addrs();
    addresses.is_ok_and(|mut addresses| {
        addresses.any(|address| TcpStream::connect_timeout(&address, MAX_CONNECT).is_ok())
    })
}
