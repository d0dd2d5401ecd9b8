//! Requests as options and the lines of a file write them.

use super::Request;
use crate::moment;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// The members of a line, which are called as the options of `explain`.
const MEMBERS: [&str; 6] = ["request", "headers", "body", "body_base64", "from", "at"];

/// In: a method and a path with a space between. Out: the two.
///
/// # Errors
/// What was expected.
pub fn target(request: &str) -> Result<(String, String), String> {
    let expected = || "expected a method and a path, such as 'POST /api/chat'".to_owned();
    let (method, path) = request.split_once(' ').ok_or_else(expected)?;
    let fit = !method.is_empty() && path.starts_with('/') && !path.contains(' ');
    if !fit {
        return Err(expected());
    }
    Ok((method.to_owned(), path.to_owned()))
}

/// In: `Name: value`. Out: the name in lower case, and the value.
///
/// # Errors
/// What was expected. The header is not quoted: it may be a credential.
pub fn header(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once(':').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("expected 'Name: value'")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

/// In: a line of a file of requests, and when and from where those come that do not say so. Out: the request.
///
/// # Errors
/// What was expected, without quoting the line.
pub fn read(line: &str, at: i64, from: Option<IpAddr>) -> Result<Request, String> {
    let line: Value = serde_json::from_str(line).map_err(|_| "it is not JSON")?;
    let line = line.as_object().ok_or("it is not a JSON object")?;
    if let Some(name) = line.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        let name: String = name.escape_debug().take(64).collect();
        return Err(format!(
            "`{name}` is unknown, expected some of {}",
            MEMBERS.join(", ")
        ));
    }
    let (method, path) = text(line, "request")?.map_or_else(|| target(""), target)?;
    let at = match text(line, "at")? {
        Some(time) => moment::read(time)?,
        None => at,
    };
    let from = match text(line, "from")? {
        Some(address) => Some(address.parse().map_err(|_| "`from` is no address")?),
        None => from,
    };
    let body = match (text(line, "body")?, text(line, "body_base64")?) {
        (Some(_), Some(_)) => return Err("`body` and `body_base64` exclude each other".to_owned()),
        (Some(body), None) => body.as_bytes().to_vec(),
        (None, Some(body)) => STANDARD
            .decode(body)
            .map_err(|_| "`body_base64` is not base64")?,
        (None, None) => Vec::new(),
    };
    Ok(Request {
        headers: headers(line)?,
        method,
        path,
        body,
        at,
        from,
    })
}

fn headers(line: &Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    let expected = || "`headers` is no list of 'Name: value'".to_owned();
    let Some(list) = line.get("headers") else {
        return Ok(Vec::new());
    };
    let list = list.as_array().ok_or_else(expected)?.iter();
    list.map(|one| header(one.as_str().ok_or_else(expected)?))
        .collect()
}

fn text<'l>(line: &'l Map<String, Value>, name: &str) -> Result<Option<&'l str>, String> {
    let Some(value) = line.get(name) else {
        return Ok(None);
    };
    let text = value.as_str();
    text.map(Some)
        .ok_or_else(|| format!("`{name}` is not a string"))
}
