//! `share_identity`

use super::host::HostName;
use super::reader::{Node, Reader};

/// Whether the gateway's other filters are told who calls. `host` is the gateway that is named.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>, host: Option<HostName>) -> bool {
    let share = reader.boolean(node).unwrap_or_default();
    let message = match host {
        Some(HostName::Envoy | HostName::Istio) => return share,
        Some(HostName::Kong | HostName::Apisix) => {
            "requires filter state, which only Envoy and Istio have: use `upstream.identity_headers` to name the caller in headers"
        }
        None => "needs `host.name`: filter state is Envoy's and Istio's",
    };
    if share {
        reader.refuse(node, message);
    }
    share
}
