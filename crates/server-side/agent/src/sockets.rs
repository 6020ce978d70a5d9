//! The agent's sockets on this server: who may use them is decided by their folders and modes.

use std::{
    fs::Permissions,
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
};

use letsbe_types::{Code, Problem};
use tokio::net::UnixListener;

use letsbe_base::files;

/// Makes the folder of the sockets that the secrets proxy may use. The folder itself is never replaced: it is
/// mounted into the proxy's container.
pub(crate) fn shared_folder(path: &Path, group: u32) -> Result<(), Problem> {
    files::make_folder(path)?;
    let attempt = || {
        chown(path, None, Some(group))?;
        std::fs::set_permissions(path, Permissions::from_mode(0o750))
    };
    attempt().map_err(|error| unusable(path, error))
}

/// A socket that this group may use, too.
pub(crate) fn shared(path: &Path, group: u32) -> Result<UnixListener, Problem> {
    let listener = listen(path)?;
    let attempt = || {
        chown(path, None, Some(group))?;
        std::fs::set_permissions(path, Permissions::from_mode(0o660))
    };
    attempt().map_err(|error| unusable(path, error))?;
    Ok(listener)
}

/// A socket for root only.
pub(crate) fn private(path: &Path) -> Result<UnixListener, Problem> {
    let listener = listen(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(|error| unusable(path, error))?;
    Ok(listener)
}

/// A socket that a dead agent left behind is replaced.
fn listen(path: &Path) -> Result<UnixListener, Problem> {
    if let Some(folder) = path.parent() {
        files::make_folder(folder)?;
    }
    files::remove(path)?;
    UnixListener::bind(path).map_err(|error| unusable(path, error))
}

fn unusable(path: &Path, error: std::io::Error) -> Problem {
    Problem::transient(
        Code::NODE070,
        format!("The socket {} cannot be made: {error}", path.display()),
        "Look at the folder's permissions; the agent runs as root.",
    )
}
