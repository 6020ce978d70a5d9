//! This server, as its own records tell: for whatever works on it without the Hub.

use std::sync::Arc;

use letsbe_catalog::{Catalog, Tool};
use letsbe_types::{Problem, job::DesiredServer};
use letsbe_vault::{Vault, VaultFiles};

use crate::{files, layout::Layout, run};

/// What this server is.
pub(crate) struct TenantServer {
    /// Where things lie.
    pub(crate) layout: Layout,
    /// The catalog of the installed bundle.
    pub(crate) catalog: Arc<Catalog>,
    /// What it was made from, without tokens and keys.
    pub(crate) desired: DesiredServer,
}

impl TenantServer {
    /// Reads the records.
    ///
    /// # Errors
    /// When the server was not provisioned to its end.
    pub(crate) fn read(layout: &Layout) -> Result<Self, Problem> {
        let desired = files::read_json(&layout.state("server.json"))?.ok_or_else(|| {
            Problem::permanent(
                "BAK001",
                "This server has no record of what it is",
                "A provisioning run writes it (step 10).",
            )
        })?;
        let catalog = Arc::new(run::catalog(&layout.bundle())?);
        Ok(Self { layout: layout.clone(), catalog, desired })
    }

    /// Where the vault is.
    pub(crate) fn vault_files(&self) -> VaultFiles {
        VaultFiles::under(&self.layout.root())
    }

    /// The secrets of this server.
    ///
    /// # Errors
    /// When there is no vault yet, or it cannot be opened.
    pub(crate) fn vault(&self) -> Result<Vault, Problem> {
        Vault::open(&self.vault_files())?.ok_or_else(|| {
            Problem::permanent(
                "BAK002",
                "This server has no vault yet",
                "A provisioning run takes the credentials in (step 10).",
            )
        })
    }

    /// The customer's tools in start order.
    pub(crate) fn tools(&self) -> impl Iterator<Item = &Tool> {
        let selected = |tool: &&Tool| self.desired.tools.iter().any(|name| name == tool.name.as_str());
        self.catalog.tools().filter(selected)
    }
}
