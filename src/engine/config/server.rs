//! What is said of a server that something is fetched from.

use super::reader::{Node, Reader};
use crate::http::is_value;
use crate::secret::Secret;
use crate::upstream::FRAMING;

/// The longest value of a header for it.
const LONGEST_HEADER: usize = 4096;

/// Header fields for the server. A redirection is never followed, and no answer can name another server, so nobody
/// else gets them.
pub(super) fn headers(reader: &mut Reader<'_>, node: &Node<'_>) -> Vec<(String, Secret<String>)> {
    let mut found: Vec<(String, Secret<String>)> = Vec::new();
    for (name, node) in reader.entries(node) {
        let lower = name.to_ascii_lowercase();
        if !is_sendable(&lower) {
            reader.refuse(&node, "is not the name of a header that the gate may send");
            continue;
        }
        if found.iter().any(|other| other.0 == lower) {
            reader.refuse(&node, "is a duplicate, in another spelling");
        }
        // A value with a space at an end or a line break in it is refused there.
        let Some(value) = reader.secret(&node) else {
            continue;
        };
        if value.expose().len() > LONGEST_HEADER || !is_value(value.expose()) {
            reader.refuse(&node, "expected up to 4096 bytes of printable ASCII");
        }
        found.push((lower, value));
    }
    found
}

/// Whether a call may have a header of this name, in lower case: none that frames or routes it.
fn is_sendable(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let fit = (1..=64).contains(&name.len()) && name.bytes().all(token);
    fit && name != "host" && name != "accept-encoding" && !FRAMING.contains(&name)
}
