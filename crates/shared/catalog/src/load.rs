//! Reads the whole catalog, and names what is wrong with it all at once.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::{Kind, TierSpec, Tool, ToolId, check, template::Shared, tiers::Tiers, tool::ToolFiles};

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
        let mut reader = Reader { root, errors: Vec::new() };
        let tiers: Option<Tiers> = reader.toml("tiers.toml");
        let shared = reader.folder("shared");
        let tools = reader.tools("tools", Kind::Tool, &shared);
        let mut platform = reader.tools("platform", Kind::Platform, &shared);
        platform.sort_by_key(|tool| tool.order);
        let agents = reader
            .folder("agents")
            .into_iter()
            .filter_map(|(name, soul)| Some(Agent { name: name.strip_suffix(".md")?.to_owned(), soul }))
            .collect();
        let mut errors = reader.errors;
        errors.extend(check::across(&tools, &platform));
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

struct Reader<'a> {
    root: &'a Path,
    errors: Vec<CatalogError>,
}

impl Reader<'_> {
    fn text(&mut self, path: &str) -> Option<String> {
        match fs::read_to_string(self.root.join(path)) {
            Ok(text) => Some(text),
            Err(error) => {
                self.errors.push(CatalogError::new(path, "file", format!("cannot be read: {error}")));
                None
            }
        }
    }

    fn toml<T: DeserializeOwned>(&mut self, path: &str) -> Option<T> {
        let text = self.text(path)?;
        match toml::from_str(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                let line = text.bytes().take(start).filter(|b| *b == b'\n').count() + 1;
                self.errors.push(CatalogError::new(path, format!("line {line}"), error.message().trim()));
                None
            }
        }
    }

    /// The files directly in a folder, by name; an absent folder is empty.
    fn folder(&mut self, path: &str) -> BTreeMap<String, String> {
        let names = names(&self.root.join(path), false);
        names
            .into_iter()
            .filter_map(|name| {
                let text = self.text(&format!("{path}/{name}"))?;
                Some((name, text))
            })
            .collect()
    }

    fn tools(&mut self, folder: &str, kind: Kind, shared: &Shared) -> Vec<Tool> {
        let mut tools = Vec::new();
        for name in names(&self.root.join(folder), true) {
            let base = format!("{folder}/{name}");
            let Some(mut tool) = self.toml::<Tool>(&format!("{base}/tool.toml")) else { continue };
            let Some(compose) = self.text(&format!("{base}/compose.yml")) else { continue };
            let nginx_path = format!("{base}/nginx.conf");
            let has_nginx = self.root.join(&nginx_path).exists();
            let nginx = if has_nginx { self.text(&nginx_path) } else { None };
            let other = self.folder(&format!("{base}/files"));
            tool.files = ToolFiles { compose, nginx, other, shared: shared.clone() };
            self.errors.extend(check::alone(&tool, &base, &name, kind));
            tools.push(tool);
        }
        tools
    }
}

/// Names of the folders (or files) in a folder, sorted.
fn names(path: &Path, folders: bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir() == folders)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}
