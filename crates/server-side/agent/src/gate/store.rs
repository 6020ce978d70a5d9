//! The approvals' file: whole or as before.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use letsbe_gate::{ApprovalError, Approvals};
use letsbe_types::Problem;

use crate::gate::problem;
use letsbe_base::files;

/// The approvals, kept on disk.
pub(super) struct Store {
    path: PathBuf,
    present: Mutex<Approvals>,
}

impl Store {
    pub(super) fn open(path: PathBuf) -> Result<Self, Problem> {
        let present = files::read_json(&path)?.unwrap_or_default();
        Ok(Self { path, present: Mutex::new(present) })
    }

    /// Looks something up.
    pub(super) fn look<T>(&self, at: impl FnOnce(&Approvals) -> T) -> T {
        at(&self.present.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes something. It counts once it is on disk, and not at all if it cannot be written.
    pub(super) fn change<T>(
        &self,
        how: impl FnOnce(&mut Approvals) -> Result<T, ApprovalError>,
    ) -> Result<T, Problem> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = present.clone();
        let answer = how(&mut next).map_err(|error| problem::approval(&error))?;
        if next != *present {
            files::write_json(&self.path, &next)?;
            *present = next;
        }
        Ok(answer)
    }
}
