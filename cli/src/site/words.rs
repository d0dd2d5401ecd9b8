//! The words of the options and answers of `init`, read one by one.

use super::{KeyWish, TlsWish};
use crate::authority;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// In: `0.0.0.0:11443`, `[::]:11443` or `localhost:11435`. Out: where to listen.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    let expected =
        || "expected an address of this machine and a port, such as 0.0.0.0:11443".to_owned();
    let (host, port) = host_and_port(text).map_err(|_| expected())?;
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let ip: IpAddr = host.parse().map_err(|_| expected())?;
    Ok(SocketAddr::new(ip, port))
}

/// In: `host:port`. Out: its parts.
pub(crate) fn host_and_port(text: &str) -> Result<(String, u16), String> {
    match authority::split(text) {
        Ok((host, Some(port))) => Ok((host.to_owned(), port)),
        Ok((_, None)) => Err("expected a port after the host, such as 127.0.0.1:11434".to_owned()),
        Err(why) => Err(why.to_owned()),
    }
}

/// In: a name or an address that clients use. Out: it, in lower case and without brackets.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(ip) = bare.unwrap_or(text).parse::<IpAddr>() {
        return if ip.is_unspecified() {
            Err("expected an address that clients can use".to_owned())
        } else {
            Ok(ip.to_string())
        };
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("expected a name such as gate.example, or an address, without scheme and port".to_owned())
}

/// In: `alice`, or `alice=llama3.2,qwen3:*`. Out: the key to make.
pub(crate) fn key(text: &str) -> Result<KeyWish, String> {
    let (id, models) = match text.split_once('=') {
        None => (text, None),
        Some((id, models)) => {
            let models = models.split(',').map(|model| model.trim().to_owned());
            (id, Some(models.collect::<Vec<_>>()))
        }
    };
    let blank = models
        .as_ref()
        .is_some_and(|models| models.iter().any(String::is_empty));
    if id.is_empty() || blank {
        return Err("expected a name, or a name and models: alice=llama3.2,qwen3:*".to_owned());
    }
    Ok(KeyWish {
        id: id.to_owned(),
        models,
    })
}

/// In: `self-signed`, `off`, or `cert.pem,key.pem`. Out: how it is served.
pub(crate) fn tls(text: &str) -> Result<TlsWish, String> {
    match (text, text.split_once(',')) {
        ("self-signed", _) => Ok(TlsWish::SelfSigned),
        ("off", _) => Ok(TlsWish::Off),
        (_, Some((certificate, key))) if !certificate.is_empty() && !key.is_empty() => {
            Ok(TlsWish::Own(certificate.into(), key.into()))
        }
        _ => {
            Err("expected `self-signed`, `off`, or two paths with a comma between them".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_of_a_gate_is_refused() {
        assert_eq!(name("Gate.Example").unwrap(), "gate.example");
        assert_eq!(name("[::1]").unwrap(), "::1");
        for wrong in [
            "",
            "https://a",
            "a:1",
            "a b",
            "*.example",
            "-a",
            "a..b",
            "0.0.0.0",
            "::",
            "é",
            "a'b",
        ] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_may_name_its_models() {
        assert_eq!(key("alice").unwrap().models, None);
        let wish = key("bob=llama3.2, hf.co/a/b:Q4").unwrap();
        assert_eq!(wish.models.unwrap(), ["llama3.2", "hf.co/a/b:Q4"]);
        for wrong in ["", "=a", "bob=", "bob=a,,b"] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
    }
}
