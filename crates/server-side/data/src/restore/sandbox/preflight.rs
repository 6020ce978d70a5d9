//! What is known before anything is made: the manifest, the stack as it would be, and what there is room for.

pub(crate) mod checks;
mod free;

use letsbe_backup::{Item, Manifest, Source, sources};
use letsbe_catalog::Tool;
use letsbe_host::LocalMachine;
use letsbe_stacks::{ToolStack, tool_stack};
use letsbe_types::{Code, Problem};
use letsbe_vault::Credentials;
use serde_json::Value;

use self::checks::FreeResources;
use super::{Script, versions::Present};
use crate::backup::components;

/// A set and the server that it would be restored on.
pub(crate) struct Preflight<'a> {
    /// The tool.
    pub(crate) tool: &'a Tool,
    /// What the set holds of that state.
    pub(crate) manifest: Manifest,
    /// The state that the tool has today.
    pub(crate) sources: Vec<Source>,
    /// The tool's stack with the server's present credentials.
    pub(crate) stack: ToolStack,
    /// Its compose file, read.
    pub(crate) document: Value,
    /// Those credentials.
    pub(crate) credentials: Credentials,
    /// What is free.
    pub(crate) free: FreeResources,
}

impl<'a> Preflight<'a> {
    /// Looks.
    ///
    /// # Errors
    /// A set that is not whole (`RES001`) or holds data of a newer release (`RES002`).
    pub(crate) async fn of(script: &'a Script<'a>) -> Result<Self, Problem> {
        let (server, tool) = (script.server, script.tool()?);
        let mut manifest = manifest(script).await?;
        checks::whole(script.set, &manifest, &components::stored(tool, &server.layout.root()))?;
        let sources = sources(tool, &server.layout.root());
        checks::keep_only(&mut manifest, &sources);
        let credentials = server.vault()?.present();
        let name = tool.name.as_str();
        let stack = tool_stack(&LocalMachine, &server.catalog, &server.desired, name, &credentials).await?;
        let document: Value = serde_saphyr::from_str(&stack.compose).map_err(|error| {
            Problem::permanent(
                Code::RES011,
                format!("the stack of {name} is unreadable: {error}"),
                "Correct the catalog.",
            )
        })?;
        let present = Present::of(server, tool, &sources, &credentials).await;
        checks::readable(&manifest, &checks::images(&document), &present.images)?;
        present.reads(&manifest)?;
        let free = free::read(&server.layout)?;
        Ok(Self { tool, manifest, sources, stack, document, credentials, free })
    }

    /// Whether there is room for it beside the tool.
    ///
    /// # Errors
    /// `RES003` when not.
    pub(crate) fn fits(&self) -> Result<(), Problem> {
        checks::fits(&self.manifest, self.tool.needs.ram_mb, self.free)
    }
}

async fn manifest(script: &Script<'_>) -> Result<Manifest, Problem> {
    let missing = |why: &str| {
        Problem::permanent(
            Code::RES001,
            format!(
                "The set {} of {} has no manifest that can be read: {why}",
                script.set.id, script.set.tool
            ),
            "Use another set: `letsbe-node backup list`.",
        )
    };
    let snapshot = script.set.items.get(&Item::Manifest).ok_or_else(|| missing("it was not finished"))?;
    let bytes = script.repository.read(snapshot, "/manifest.json").await?;
    serde_json::from_slice(&bytes).map_err(|error| missing(&error.to_string()))
}
