//! `filter_lists`

use super::host::HostName;
use super::reader::{Node, Reader};

/// Whether lists of models show a caller only those that it may use. `host` is the gateway that is
/// named.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>, host: Option<HostName>) -> bool {
    let filters = reader.boolean(node).unwrap_or_default();
    let message = match host {
        Some(HostName::Envoy | HostName::Istio) => return filters,
        Some(HostName::Kong) => {
            "is not supported on Kong, which shows a response in parts after sending its head, so that a list that cannot be read could not be withheld: remove it here"
        }
        Some(HostName::Apisix) => {
            "is not supported on APISIX, where a filter cannot change the body of a response: remove it here"
        }
        None => {
            "needs `host.name`: of the gateways only Envoy and Istio are known to let the body of a response be changed"
        }
    };
    if filters {
        reader.refuse(node, message);
    }
    filters
}
