//! Signing in at a browser: who is sent to do it, where they come back to, and the gate's own pages.

mod navigation;
mod pages;
mod return_path;

pub(crate) use navigation::is_navigation;
pub(crate) use pages::{Content, Page};
pub(crate) use return_path::ReturnPath;
