//! A site that runs: one gate at a time, on a port that is free.

use super::Site;
use crate::input::{shown, why};
use crate::output::Failure;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

/// As long as it is there, nobody else runs this site.
#[derive(Debug)]
pub(crate) struct Watch(File);

impl Watch {
    /// Takes the lock of the site, and makes the directory of what is of this run alone.
    ///
    /// # Errors
    /// It runs already, or its directory cannot be written.
    pub(crate) fn begin(site: &Site) -> Result<Self, Failure> {
        let folder = site.path("run");
        let failed = |error: std::io::Error| {
            Failure::new(match error.kind() {
                ErrorKind::PermissionDenied => {
                    format!("{} cannot be written: permission denied", shown(&folder))
                }
                _ => format!("{} {}", shown(&folder), why(&error)),
            })
        };
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join("lock"))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                drop(file.read_to_string(&mut holder));
                return Err(Failure::new(format!(
                    "the gate in {} runs already (process {}): `ollama-gate status` says how it is",
                    shown(&site.folder),
                    holder.trim()
                )));
            }
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Self(file))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.0.set_len(0));
    }
}

/// Refuses a port that somebody else has. (Two Envoys share one without a word.)
pub(crate) fn port_is_free(site: &Site) -> Result<(), Failure> {
    let listen = site.record.listen;
    let elsewhere = format!(
        "`listen` in {} says where the gate listens",
        shown(&site.path("site.json"))
    );
    match TcpListener::bind(listen) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(match error.kind() {
            ErrorKind::AddrInUse => {
                format!(
                    "port {} is taken, something else listens there: {elsewhere}",
                    listen.port()
                )
            }
            ErrorKind::PermissionDenied => format!(
                "port {} needs more rights than you have, from 1024 on none are needed: {elsewhere}",
                listen.port()
            ),
            ErrorKind::AddrNotAvailable => {
                format!("{} is no address of this machine: {elsewhere}", listen.ip())
            }
            _ => format!("{listen} cannot be listened on ({error}): {elsewhere}"),
        })),
    }
}
