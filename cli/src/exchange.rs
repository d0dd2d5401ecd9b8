//! Two files that change places.

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::path::Path;

/// Lets two files or directories change places, at once for everybody.
///
/// # Errors
/// One of them is not there, or the file system cannot do it.
pub(crate) fn exchange(one: &Path, other: &Path) -> Result<(), Errno> {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
}

/// Whether `error` of [`exchange`] says that the file system cannot do it, such as one on the network.
pub(crate) fn is_unsupported(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::NOSYS | Errno::NOTSUP)
}
