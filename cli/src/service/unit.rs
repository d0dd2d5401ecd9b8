//! The unit file.

use crate::input::shown;
use crate::output::Failure;
use crate::site::Site;
use std::path::{Path, PathBuf};

/// The name of the unit, and of its file in a site.
pub(crate) const NAME: &str = "ollama-gate.service";

/// Whose service manager runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    System,
    User,
}

impl Scope {
    /// The machine's for root, else the user's own.
    pub(crate) fn of_this_user() -> Self {
        if rustix::process::geteuid().is_root() {
            Self::System
        } else {
            Self::User
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
        }
    }
}

/// What the service may not do, whoever runs it: nothing of it needs a right that systemd's user has not.
const HARDENING: &str = "\
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
";

/// What the machine's own service manager can take away besides. (No MemoryDenyWriteExecute: Envoy compiles
/// the module.)
const HARDENING_OF_SYSTEM: &str = "\
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RemoveIPC=yes
";

/// In: a site, whose service it is, the user it runs as, if not the manager's, and an Envoy from outside the
/// site. Out: the unit file.
///
/// # Errors
/// A path of it cannot stand in a unit file.
pub(crate) fn text(
    site: &Site,
    scope: Scope,
    user: Option<u32>,
    envoy: Option<&Path>,
) -> Result<String, Failure> {
    let folder = quoted(&site.folder)?;
    // `$` is expanded in the words after the first.
    let (program, argument) = (quoted(&program(site))?, folder.replace('$', "$$"));
    let envoy = match envoy {
        Some(envoy) => format!(" --envoy {}", quoted(envoy)?.replace('$', "$$")),
        None => String::new(),
    };
    let mut text = format!(
        "\
# Written by `ollama-gate`: `install` puts it in place, `uninstall` takes it out again.
[Unit]
Description=ollama-gate, the lock before Ollama
Wants=network-online.target
After=network-online.target ollama.service
# It is tried for ever: what keeps it from starting may pass.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} up {argument}{envoy}
EnvironmentFile=-{environment}
Restart=on-failure
RestartSec=2
TimeoutStartSec=180
LimitNOFILE=65536
{HARDENING}",
        environment = plain(&site.path("environment"))?,
    );
    if scope == Scope::System {
        if let Some(user) = user.filter(|user| *user != 0) {
            text.push_str(&format!("User={user}\n"));
        }
        text.push_str(HARDENING_OF_SYSTEM);
        text.push_str(&format!("ReadWritePaths={folder}\n"));
        if site.record.listen.port() < 1024 {
            text.push_str(
                "AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n",
            );
        } else {
            text.push_str("CapabilityBoundingSet=\n");
        }
    }
    let target = match scope {
        Scope::System => "multi-user.target",
        Scope::User => "default.target",
    };
    text.push_str(&format!("\n[Install]\nWantedBy={target}\n"));
    Ok(text)
}

/// The copy of this program that the service runs.
pub(crate) fn program(site: &Site) -> PathBuf {
    site.path("bin/ollama-gate")
}

/// A path as one word of a list.
fn quoted(path: &Path) -> Result<String, Failure> {
    let text = plain(path)?.replace('\\', "\\\\");
    Ok(format!("\"{}\"", text.replace('"', "\\\"")))
}

/// A path that is the whole value of a setting.
fn plain(path: &Path) -> Result<String, Failure> {
    match path.to_str() {
        Some(text) if !text.chars().any(char::is_control) => Ok(text.replace('%', "%%")),
        _ => Err(Failure::new(format!(
            "{} cannot stand in a unit file",
            shown(path)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::Record;

    fn unit(folder: &str, listen: &str, scope: Scope, user: Option<u32>) -> String {
        let site = Site {
            folder: folder.into(),
            record: Record {
                listen: listen.parse().unwrap(),
                upstream: ("127.0.0.1".into(), 11434),
                names: vec!["localhost".into()],
                tls: None,
                envoy: None,
            },
        };
        text(&site, scope, user, None).unwrap()
    }

    #[test]
    fn a_path_is_one_word_whatever_is_in_it() {
        let unit = unit("/a b/\"c\" $HOME 100%", "127.0.0.1:1", Scope::User, None);
        let program = r#"ExecStart="/a b/\"c\" $HOME 100%%/bin/ollama-gate""#;
        assert!(unit.contains(program), "{unit}");
        let quoted = r#"up "/a b/\"c\" $$HOME 100%%""#;
        assert!(unit.contains(quoted), "{unit}");
    }

    #[test]
    fn the_machines_service_has_no_capability_but_for_a_low_port() {
        let high = unit("/a", "0.0.0.0:11443", Scope::System, Some(7));
        assert!(high.contains("\nCapabilityBoundingSet=\n"), "{high}");
        assert!(high.contains("\nUser=7\n"), "{high}");
        let low = unit("/a", "0.0.0.0:443", Scope::System, Some(0));
        assert!(low.contains("CapabilityBoundingSet=CAP_NET_BIND_SERVICE"));
        assert!(!low.contains("User="), "{low}");
    }
}
