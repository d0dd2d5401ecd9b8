//! Word to systemd about a service of `Type=notify` (sd_notify(3)).

use std::env;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Where in a site the lines of Envoy are that no journal keeps.
pub(crate) const LOG: &str = "run/gate.log";

const VARIABLE: &str = "NOTIFY_SOCKET";

/// Whether systemd started this process as a service.
pub(crate) fn is_service() -> bool {
    env::var_os(VARIABLE).is_some()
}

/// Sends `state`. Who does not listen is none of the gate's business.
pub(crate) fn send(state: &str) {
    let Some(name) = env::var_os(VARIABLE) else {
        return;
    };
    // Only Linux has systemd, and sockets without a file.
    #[cfg(target_os = "linux")]
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&name),
    };
    #[cfg(not(target_os = "linux"))]
    let address = SocketAddr::from_pathname(&name);
    let sent = address.and_then(|address| {
        let socket = UnixDatagram::unbound()?;
        socket.send_to_addr(state.as_bytes(), &address)
    });
    drop(sent);
}
