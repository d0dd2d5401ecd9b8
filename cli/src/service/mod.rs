//! The gate as a service of systemd: up after a reboot, and again after a crash.

pub(crate) mod notify;
pub(crate) mod unit;
