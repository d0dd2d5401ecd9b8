//! Keys that a gateway would fetch, from a file.

use crate::input::Input;
use crate::output::Failure;
use ollama_gate_engine::Json;
use std::path::Path;

/// The name of an issuer and the keys of its JWKS, of the option `ISSUER=FILE`.
///
/// # Errors
/// It has another form, or the file is no JWKS.
pub fn jwks(option: &str) -> Result<(String, Vec<Json>), Failure> {
    let (name, path) = option
        .split_once('=')
        .ok_or_else(|| Failure::new("--jwks takes ISSUER=FILE, the issuer by its `name`"))?;
    let input = Input::read(Path::new(path))?;
    let json = Json::parse(input.text.as_bytes());
    let json = json.map_err(|why| Failure::new(format!("{} is not JSON: {why}", input.name())))?;
    let Some(Json::List(keys)) = json.member("keys") else {
        return Err(Failure::new(format!(
            "{} is no JWKS: it has no list `keys`",
            input.name()
        )));
    };
    // Those that no gate would use, for encryption or of other kinds, are passed over there too.
    let usable = |key: &&Json| {
        let text = |name: &str| key.member(name).and_then(Json::text);
        let known = matches!(text("kty"), Some("RSA" | "EC" | "OKP"));
        known && !matches!(text("use"), Some("enc"))
    };
    Ok((
        name.to_owned(),
        keys.iter().filter(usable).cloned().collect(),
    ))
}

/// Puts `keys` in the place of the address of the keys of the issuer called `name`.
///
/// # Errors
/// There is no such issuer, or its keys are not remote.
pub fn put(configuration: &mut Json, name: &str, keys: Vec<Json>) -> Result<(), Failure> {
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
    let place = issuer
        .iter()
        .position(|(member, _)| member == "jwks")
        .ok_or_else(missing)?;
    issuer.remove(place);
    issuer.push(("keys".to_owned(), Json::List(keys)));
    Ok(())
}
