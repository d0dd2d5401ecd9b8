//! What a configuration says of its gateway, and what is changed in it so that it can be asked here.

use crate::document::Kind;
use ollama_gate_engine::Json;

/// The gateway that the configuration names.
pub(super) fn host_of(text: &str) -> Option<String> {
    let json = Json::parse(text.as_bytes()).ok()?;
    json.member("host")?
        .member("name")?
        .text()
        .map(str::to_owned)
}

/// The first of the names by which clients reach the gate, as they send it in Host.
pub(super) fn first_name(json: &Json) -> Option<String> {
    let Json::List(names) = json.member("hosts")? else {
        return None;
    };
    let name = names.first()?.text()?;
    let schemes = ["https://", "http://"];
    let bare = schemes.iter().find_map(|scheme| name.strip_prefix(scheme));
    Some(bare.unwrap_or(name).to_owned())
}

/// Names `gateway` as the one that the configuration is for.
pub(super) fn name_host(json: &mut Json, gateway: Kind) {
    let name = match gateway {
        Kind::EnvoyGateway | Kind::Plugin => Kind::Envoy.name(),
        other => other.name(),
    };
    let name = ("name".to_owned(), Json::Text(name.to_owned()));
    let Json::Object(members) = json else { return };
    match members.iter_mut().find(|(member, _)| member == "host") {
        Some((_, Json::Object(host))) => {
            host.retain(|(member, _)| member != "name");
            host.push(name);
        }
        Some(_) => {}
        None => members.push(("host".to_owned(), Json::Object(vec![name]))),
    }
}

/// Has the engine decide, and say what it decided for those who come in too.
pub(super) fn enforce_and_log(json: &mut Json) {
    let Json::Object(members) = json else { return };
    members.retain(|(name, _)| name != "mode");
    let place = members.iter().position(|(name, _)| name == "log");
    let mut log = place
        .map(|place| members.remove(place).1)
        .unwrap_or(Json::Object(Vec::new()));
    if let Json::Object(log) = &mut log {
        log.retain(|(name, _)| name != "allowed");
        log.push(("allowed".to_owned(), Json::Bool(true)));
        let model = Json::Text("model".to_owned());
        match log.iter_mut().find(|(name, _)| name == "fields") {
            Some((_, Json::List(fields))) if !fields.contains(&model) => fields.push(model),
            Some(_) => {}
            None => log.push(("fields".to_owned(), Json::List(vec![model]))),
        }
    }
    members.push(("log".to_owned(), log));
}
