//! What nginx makes of a request's target before a module in it sees `$uri`, and its limits.

/// The path as `$uri` has it, and the query: percent-encoding taken off once,
/// `//`, `.` and `..` resolved, the fragment cut.
///
/// # Errors
/// The status with which nginx refuses the request by itself.
pub fn target(raw: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), u16> {
    if raw.iter().any(|byte| *byte <= 0x20 || *byte == 0x7f) {
        return Err(400);
    }
    let (path, query) = match raw.iter().position(|byte| matches!(byte, b'?' | b'#')) {
        Some(at) if raw[at] == b'?' => {
            let query = raw[at + 1..].split(|byte| *byte == b'#').next();
            (&raw[..at], query.map(<[u8]>::to_vec))
        }
        Some(at) => (&raw[..at], None),
        None => (raw, None),
    };
    let path = without_authority(path).ok_or(400_u16)?;
    Ok((resolved(&decoded(path)?)?, query))
}

/// What nginx knows as the target that was sent (`$request_uri`): all of it, without scheme and
/// authority if it had them.
#[must_use]
pub fn request_uri(raw: &[u8]) -> &[u8] {
    without_authority(raw).unwrap_or(raw)
}

/// The path of an absolute form (RFC 9112 section 3.2.2), or the path itself.
fn without_authority(path: &[u8]) -> Option<&[u8]> {
    if path.starts_with(b"/") {
        return Some(path);
    }
    let at = path.windows(3).position(|three| three == b"://")?;
    let rest = &path[at + 3..];
    match rest.iter().position(|byte| *byte == b'/') {
        Some(slash) => Some(&rest[slash..]),
        None => Some(b"/"),
    }
}

fn decoded(path: &[u8]) -> Result<Vec<u8>, u16> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::new();
    let mut rest = path.iter();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => {
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let number = high.ok_or(400_u16)? * 16 + low.ok_or(400_u16)?;
                u8::try_from(number).map_err(|_| 400_u16)?
            }
            other => *other,
        };
        if byte == 0 {
            return Err(400);
        }
        out.push(byte);
    }
    Ok(out)
}

fn resolved(path: &[u8]) -> Result<Vec<u8>, u16> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut folder = true;
    for part in path.split(|byte| *byte == b'/').skip(1) {
        folder = matches!(part, b"" | b"." | b"..");
        match part {
            b"" | b"." => {}
            b".." => {
                kept.pop().ok_or(400_u16)?;
            }
            part => kept.push(part),
        }
    }
    let mut out: Vec<u8> = kept
        .iter()
        .flat_map(|part| [b"/", *part].concat())
        .collect();
    if folder {
        out.push(b'/');
    }
    Ok(out)
}

/// Whether nginx can read a server's name: `host`, `host:port` or `[v6]:port`.
#[must_use]
pub fn is_server(name: &str) -> bool {
    let (host, port) = match name.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, rest)) => match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None => return false,
            },
            None => return false,
        },
        None => match name.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (name, None),
        },
    };
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let fits = |port: &str| digits(port) && port.parse::<u16>().is_ok_and(|port| port > 0);
    !host.is_empty() && port.is_none_or(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(raw: &str) -> Result<String, u16> {
        let (path, _) = target(raw.as_bytes())?;
        Ok(String::from_utf8_lossy(&path).into_owned())
    }

    #[test]
    fn a_path_is_decoded_once_and_resolved() {
        for (raw, seen) in [
            ("/", "/"),
            ("/api/tags", "/api/tags"),
            ("/api/tags/", "/api/tags/"),
            ("//api///tags", "/api/tags"),
            ("/api/./tags/../ps", "/api/ps"),
            ("/api/..%2fps", "/ps"),
            ("/api/%2e%2e/ps", "/ps"),
            ("/api/%2574ags", "/api/%74ags"),
            ("/api/tags%3fx", "/api/tags?x"),
            ("/api/tags?x=/../y", "/api/tags"),
            ("/api/tags#x?y", "/api/tags"),
            ("/api/tags/..", "/api/"),
            ("http://gate/api/tags", "/api/tags"),
            ("http://gate", "/"),
        ] {
            assert_eq!(path(raw).as_deref(), Ok(seen), "{raw}");
        }
    }

    #[test]
    fn a_server_has_a_name_and_a_port_that_there_can_be() {
        for name in ["sso", "sso:443", "10.0.0.1:8080", "[::1]", "[::1]:443"] {
            assert!(is_server(name), "{name}");
        }
        for name in [
            "",
            ":443",
            "sso:",
            "sso:0",
            "sso:65536",
            "sso:x",
            "[::1",
            "[]:1",
            "[::1]x",
        ] {
            assert!(!is_server(name), "{name}");
        }
    }

    #[test]
    fn nginx_refuses_what_it_cannot_resolve() {
        for raw in [
            "", "api", "*", "/..", "/a/../..", "/%", "/%4", "/%zz", "/%00", "/a b", "/\t",
        ] {
            assert_eq!(path(raw), Err(400), "{raw}");
        }
    }
}
