//! This server, as its own records tell: for whatever works on it without the Hub.

use std::sync::Arc;

use letsbe_catalog::{Catalog, Tool};
use letsbe_types::{Code, Problem, job::DesiredServer};
use letsbe_vault::{Vault, VaultFiles};

use crate::{bundle, files, layout::Layout, vault};

/// What this server is.
pub struct TenantServer {
    /// Where things lie.
    pub layout: Layout,
    /// The catalog of the installed bundle.
    pub catalog: Arc<Catalog>,
    /// What it was made from, without tokens and keys.
    pub desired: DesiredServer,
}

impl TenantServer {
    /// Reads the records.
    ///
    /// # Errors
    /// When the server was not provisioned to its end.
    pub fn read(layout: &Layout) -> Result<Self, Problem> {
        let desired = files::read_json(&layout.state("server.json"))?.ok_or_else(|| {
            Problem::permanent(
                Code::BAK001,
                "This server has no record of what it is",
                "A provisioning run writes it (step 10).",
            )
        })?;
        let catalog = Arc::new(bundle::catalog(&layout.bundle())?);
        Ok(Self { layout: layout.clone(), catalog, desired })
    }

    /// Where the vault is.
    pub fn vault_files(&self) -> VaultFiles {
        vault::files(&self.layout)
    }

    /// The secrets of this server.
    ///
    /// # Errors
    /// When there is no vault yet, or it cannot be opened.
    pub fn vault(&self) -> Result<Vault, Problem> {
        Vault::open(&self.vault_files())?.ok_or_else(|| {
            Problem::permanent(
                Code::VAULT007,
                "This server has no vault yet",
                "A provisioning run takes the credentials in (step 10).",
            )
        })
    }

    /// The customer's tools in start order.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        let selected = |tool: &&Tool| self.desired.tools.iter().any(|name| name == tool.name.as_str());
        self.catalog.tools().filter(selected)
    }
}
