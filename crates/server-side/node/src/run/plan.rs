//! Prints what a run would change.

use std::path::{Path, PathBuf};

use letsbe_host::{Engine, LocalMachine};
use letsbe_protocol::{EXIT_STALE, NodeLine, bundle};
use letsbe_types::Problem;

use super::{operations, print_line, read_desired};
use crate::install::{self, Wanted};
use letsbe_base::{files, layout::Layout};

/// Prints one line of JSON per operation. Answers the exit code.
pub(crate) async fn plan(layout: &Layout, from: Option<PathBuf>, wanted: &Wanted) -> Result<u8, Problem> {
    let desired = read_desired()?;
    let folder = match from {
        Some(path) if path.is_dir() => path,
        Some(tar) => unpacked(&tar)?,
        None => {
            let installed = install::installed(layout)?;
            if !wanted.matches(&installed) {
                let _ = print_line(&NodeLine::Stale { installed });
                return Ok(u8::try_from(EXIT_STALE).unwrap_or(u8::MAX));
            }
            layout.bundle()
        }
    };
    let operations = operations(&folder, &desired)?;
    for planned in Engine::new(&LocalMachine, &operations).plan(&desired).await {
        let line = serde_json::to_string(&planned).map_err(|error| files::unusable(&folder, error))?;
        println!("{line}");
    }
    Ok(0)
}

/// Unpacks beside the tar file: whoever uploaded it removes both.
fn unpacked(tar: &Path) -> Result<PathBuf, Problem> {
    let folder = tar.with_extension("unpacked");
    bundle::unpack(tar, &folder).map_err(|error| files::unusable(tar, error))?;
    Ok(folder)
}
