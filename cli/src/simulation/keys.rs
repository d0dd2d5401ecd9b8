//! Keys that a gateway would fetch, from a file.

use crate::input::Input;
use crate::output::Failure;
use ollama_gate_engine::{Call, Json};
use std::path::Path;

/// The name of an issuer and the text of its JWKS, of the option `ISSUER=FILE`.
///
/// # Errors
/// It has another form, or the file is no JWKS.
pub fn jwks(option: &str) -> Result<(String, String), Failure> {
    let (name, path) = option
        .split_once('=')
        .ok_or_else(|| Failure::new("--jwks takes ISSUER=FILE, the issuer by its `name`"))?;
    let input = Input::read(Path::new(path))?;
    let json = Json::parse(input.text.as_bytes());
    let json = json.map_err(|why| Failure::new(format!("{} is not JSON: {why}", input.name())))?;
    if !matches!(json.member("keys"), Some(Json::List(_))) {
        return Err(Failure::new(format!(
            "{} is no JWKS: it has no list `keys`",
            input.name()
        )));
    }
    Ok((name.to_owned(), input.text))
}

/// The server that has the JWKS which was given as number `nth`. There is none of that name (RFC 6761 section 6.4).
fn server(nth: usize) -> String {
    format!("jwks-{nth}.invalid")
}

/// The JWKS of those `given` that `call` asks for.
pub fn asked_for<'g>(given: &'g [String], call: &Call) -> Option<&'g str> {
    let is_it = |(nth, _): &(usize, &String)| call.url().authority() == server(*nth);
    given
        .iter()
        .enumerate()
        .find(is_it)
        .map(|(_, text)| text.as_str())
}

/// Has the keys of the issuer called `name` asked for where the JWKS number `nth` is.
///
/// # Errors
/// There is no such issuer, or its keys are not remote.
pub fn redirect(configuration: &mut Json, name: &str, nth: usize) -> Result<(), Failure> {
    let shown: String = name.escape_debug().take(64).collect();
    let missing = || {
        Failure::new(format!(
            "there is no issuer `{shown}` with `jwks` in the configuration"
        ))
    };
    let Json::Object(members) = configuration else {
        return Err(missing());
    };
    let jwt = members.iter_mut().find(|(member, _)| member == "jwt");
    let Some((_, Json::List(issuers))) = jwt else {
        return Err(missing());
    };
    let named = |issuer: &&mut Json| issuer.member("name").and_then(Json::text) == Some(name);
    let Some(Json::Object(issuer)) = issuers.iter_mut().find(named) else {
        return Err(missing());
    };
    let jwks = issuer.iter_mut().find(|(member, _)| member == "jwks");
    let Some((_, Json::Object(jwks))) = jwks else {
        return Err(missing());
    };
    jwks.retain(|(member, _)| member != "url");
    let url = format!("https://{}/", server(nth));
    jwks.push(("url".to_owned(), Json::Text(url)));
    Ok(())
}
