//! What the installed bundle says about calls: the classes, and which tools there are. A new bundle is read at the next
//! call; while it cannot be read, the former one stays in force.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use letsbe_base::bundle;
use letsbe_catalog::{Catalog, Tool};
use letsbe_gate::Table;
use letsbe_types::Problem;

use crate::{file_version::FileVersion, gate::problem};

/// What one bundle says.
pub(super) struct Rules {
    pub(super) table: Table,
    catalog: Catalog,
}

impl Rules {
    fn read(bundle: &std::path::Path) -> Result<Self, Problem> {
        let text =
            std::fs::read_to_string(bundle.join("catalog/gate/commands.toml")).map_err(problem::table)?;
        let table = Table::parse(&text).map_err(problem::table)?;
        Ok(Self { table, catalog: bundle::catalog(bundle)? })
    }

    /// What can be installed, and the platform.
    pub(super) fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.catalog.tools().chain(self.catalog.platform())
    }
}

/// The rules in force.
pub(super) struct BundleRules {
    bundle: PathBuf,
    /// Those of the bundle that was read last, and the version of the one that was tried last.
    last: Mutex<(FileVersion, Arc<Rules>)>,
}

impl BundleRules {
    /// Reads the bundle.
    pub(super) fn open(bundle: PathBuf) -> Result<Self, Problem> {
        let version = FileVersion::of(&[&bundle]);
        let rules = Arc::new(Rules::read(&bundle)?);
        Ok(Self { bundle, last: Mutex::new((version, rules)) })
    }

    /// The rules of the installed bundle. Whoever replaces the bundle replaces its folder.
    pub(super) fn current(&self) -> Arc<Rules> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let version = FileVersion::of(&[&self.bundle]);
        // For a moment of its replacement there is no folder.
        if version != last.0 && self.bundle.is_dir() {
            last.0 = version;
            match Rules::read(&self.bundle) {
                Ok(rules) => last.1 = Arc::new(rules),
                Err(problem) => tracing::error!(%problem, "the former bundle's rules stay in force"),
            }
        }
        Arc::clone(&last.1)
    }
}
