//! Ollama's own port, which needs no key.

use super::Finding;
use super::client::{Failure, get_plain};
use super::target::Target;
use crate::authority::{bracketed, split};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};

/// The port that Ollama has by default.
const DEFAULT_PORT: u16 = 11434;

/// Where Ollama's own port should not answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    host: Option<String>,
    port: Option<u16>,
}

impl Own {
    /// In: `PORT` or `HOST:PORT`.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let (_, port) = split(&format!("localhost:{text}"))?;
            return Ok(Self { host: None, port });
        }
        let (host, port) = split(text)?;
        Ok(Self {
            host: Some(host.to_owned()),
            port,
        })
    }
}

/// In: the deployment, and where Ollama is. Out: whether Ollama answers there to everybody.
pub(super) fn own_port(target: &Target, own: &Own) -> Finding {
    const CHECK: &str = "ollama_port";
    let port = own.port.unwrap_or(DEFAULT_PORT);
    let host = own.host.as_deref().unwrap_or(target.host());
    let Ok(addresses) = (host, port).to_socket_addrs() else {
        return Finding::unknown(CHECK, format!("`{host}` has no address"), "check the name");
    };
    let mut addresses: Vec<SocketAddr> = addresses.collect();
    let shown = format!("{}:{port}", bracketed(host));
    // On this machine Ollama answers by design. What counts is whether others reach it.
    let local = own.host.is_none() && addresses.iter().all(|address| address.ip().is_loopback());
    if local {
        match outward() {
            Some(address) => addresses = vec![SocketAddr::new(address, port)],
            None => {
                return Finding::skipped(CHECK, "this machine has no address that others reach");
            }
        }
    }
    let mut unsure = None;
    for address in addresses {
        match get_plain(address, "/api/version") {
            Ok(answer) if answer.body.contains("\"version\"") => {
                return Finding::open(
                    CHECK,
                    format!("Ollama's own port answers at {address}, without a key"),
                    "let Ollama listen on loopback (unset OLLAMA_HOST), or close the port in the firewall",
                );
            }
            Ok(answer) if answer.status == 401 || answer.status == 403 => {}
            Err(Failure::Connect(error))
                if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
            // A firewall that drops packets.
            Err(Failure::Connect(error)) if error.kind() == std::io::ErrorKind::TimedOut => {}
            Ok(answer) => unsure = Some(format!("{address} gave {}", answer.status)),
            Err(failure) => unsure = Some(format!("{address}: {failure}")),
        }
    }
    match unsure {
        Some(found) => Finding::unknown(CHECK, found, "name the port by `--ollama-port`"),
        None if local => {
            Finding::guarded(CHECK, format!("port {port} is closed to other machines"))
        }
        None => Finding::guarded(CHECK, format!("{shown} is closed")),
    }
}

/// Out: the address by which other machines reach this one. Nothing is sent.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // An address for documentation (RFC 5737): the route to it is the one to everywhere.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}
