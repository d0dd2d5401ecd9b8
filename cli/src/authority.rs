//! `host:port`, as it stands in addresses and options.

/// In: `host`, `host:port` or `[v6]:port`. Out: host without brackets, and the port if it is there.
pub(crate) fn split(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or("expected `]` after the IPv6 address")?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err("expected `:` and a port after `]`"),
        }
    } else {
        match authority.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("expected an IPv6 address in brackets, such as `[::1]:11435`");
            }
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err("expected a host");
    }
    match port.map(str::parse::<u16>) {
        None => Ok((host, None)),
        Some(Ok(port)) if port != 0 => Ok((host, Some(port))),
        Some(_) => Err("expected a port from 1 to 65535"),
    }
}

/// In: a host without brackets. Out: the way it stands in an address.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}
