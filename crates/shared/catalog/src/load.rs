//! Reads a catalog from its folder, and says everything that is wrong with it at once.

use std::{collections::BTreeMap, fmt, path::Path};

use thiserror::Error;

use crate::{
    Kind, TierSpec, Tool, ToolId,
    entry::{Entry, Reader},
    former, rules,
    template::Shared,
    tiers::Tiers,
};

/// One thing wrong with the catalog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CatalogError {
    /// File, relative to the catalog's folder.
    pub file: String,
    /// The field, or the place where the field should be.
    pub field: String,
    /// What is wrong and what to do.
    pub why: String,
}

impl CatalogError {
    pub(crate) fn new(file: impl Into<String>, field: impl Into<String>, why: impl Into<String>) -> Self {
        Self { file: file.into(), field: field.into(), why: why.into() }
    }
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file, self.field, self.why)
    }
}

/// Everything wrong with the catalog, at once.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct CatalogErrors(pub Vec<CatalogError>);

impl fmt::Display for CatalogErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the catalog has {} error(s)", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

/// An AI agent's template.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Name: the file's, without `.md`.
    pub name: String,
    /// The SOUL.md template.
    pub soul: String,
}

/// The whole catalog, checked.
#[derive(Debug, Clone)]
pub struct Catalog {
    tiers: Tiers,
    tools: BTreeMap<ToolId, Tool>,
    platform: Vec<Tool>,
    agents: Vec<Agent>,
    shared: Shared,
}

impl Catalog {
    /// Reads and checks the catalog in the folder `root`.
    ///
    /// # Errors
    /// All errors found, sorted by file.
    pub fn load(root: &Path) -> Result<Self, CatalogErrors> {
        let Folder { tiers, shared, agents, entries, mut errors } = Folder::read(root);
        let (mut platform, tools): (Vec<Tool>, Vec<Tool>) =
            entries.into_iter().filter_map(|entry| entry.tool).partition(|tool| tool.kind == Kind::Platform);
        platform.sort_by_key(|tool| tool.order);
        errors.extend(rules::across(&tools, &platform));
        match tiers {
            Some(tiers) if errors.is_empty() => {
                let tools = tools.into_iter().map(|tool| (tool.name.clone(), tool)).collect();
                Ok(Self { tiers, tools, platform, agents, shared })
            }
            _ => {
                errors.sort();
                Err(CatalogErrors(errors))
            }
        }
    }

    /// A selectable tool.
    #[must_use]
    pub fn tool(&self, id: &ToolId) -> Option<&Tool> {
        self.tools.get(id)
    }

    /// All selectable tools, by name.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.tools.values()
    }

    /// The platform's own stacks, in start order.
    pub fn platform(&self) -> impl Iterator<Item = &Tool> {
        self.platform.iter()
    }

    /// What a tier offers.
    #[must_use]
    pub const fn tier(&self, tier: letsbe_types::Tier) -> &TierSpec {
        self.tiers.get(tier)
    }

    /// The agents' templates, by name.
    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.agents.iter()
    }

    pub(crate) const fn shared(&self) -> &Shared {
        &self.shared
    }
}

/// The folder of a catalog, as it is read; each entry is checked by itself.
pub(crate) struct Folder {
    pub(crate) tiers: Option<Tiers>,
    pub(crate) shared: Shared,
    pub(crate) agents: Vec<Agent>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) errors: Vec<CatalogError>,
}

impl Folder {
    pub(crate) fn read(root: &Path) -> Self {
        let mut reader = Reader::default();
        let tiers = reader.text(&root.join("tiers.toml"), "tiers.toml");
        let tiers = tiers.and_then(|text| reader.toml(&text, "tiers.toml", former::of_tiers));
        let shared = reader.folder(&root.join("shared"), "shared");
        let mut entries = Vec::new();
        for (kind, folder) in [(Kind::Tool, "tools"), (Kind::Platform, "platform")] {
            for name in reader.folders(&root.join(folder), folder) {
                let base = format!("{folder}/{name}");
                entries.extend(reader.entry(&root.join(&base), &base, kind, &shared));
            }
        }
        let agents = reader
            .folder(&root.join("agents"), "agents")
            .into_iter()
            .filter_map(|(name, soul)| Some(Agent { name: name.strip_suffix(".md")?.to_owned(), soul }))
            .collect();
        Self { tiers, shared, agents, entries, errors: reader.errors }
    }
}
