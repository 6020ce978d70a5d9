//! What is backed up: the customer's tools, and the platform's own parts.

use std::path::{Path, PathBuf};

use letsbe_backup::{DatabaseSource, Source, platform_sources, sources};
use letsbe_catalog::Tool;
use letsbe_types::{Code, Problem};

use letsbe_base::server::TenantServer;

/// One tool, or one part of the platform.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    /// Its name: a set's tool.
    pub(crate) name: String,
    /// What it consists of.
    pub(crate) sources: Vec<Source>,
    /// Container by service.
    pub(super) containers: Vec<(String, String)>,
    /// Containers that write, and are paused while files that belong to a database are stored.
    pub(super) writers: Vec<String>,
}

impl Component {
    fn of_tool(tool: &Tool, root: &Path) -> Self {
        let containers = containers(Some(tool));
        let writes = |(service, _): &&(String, String)| tool.restore.stop.contains(service);
        Self {
            name: tool.name.to_string(),
            sources: sources(tool, root),
            writers: containers.iter().filter(writes).map(|(_, container)| container.clone()).collect(),
            containers,
        }
    }

    /// Whether it has files that belong to a database.
    pub(super) fn depends(&self) -> bool {
        let is_files = |source: &Source| matches!(source, Source::Files(_));
        self.sources.iter().any(is_files) && !self.sources.iter().all(is_files)
    }

    /// Its databases.
    pub(crate) fn databases(&self) -> impl Iterator<Item = &DatabaseSource> {
        self.sources.iter().filter_map(|source| match source {
            Source::Database(database) => Some(database),
            _ => None,
        })
    }

    /// Databases of any engine.
    pub(super) fn database_count(&self) -> usize {
        let count = |source: &Source| match source {
            Source::Database(_) => 1,
            Source::Sqlite(sqlite) => sqlite.files.len(),
            Source::Files(_) => 0,
        };
        self.sources.iter().map(count).sum()
    }

    /// Declared files that are not there.
    pub(super) fn missing(&self) -> Vec<PathBuf> {
        let paths = self.sources.iter().flat_map(|source| match source {
            Source::Database(_) => Vec::new(),
            Source::Files(files) => vec![files.path.clone()],
            Source::Sqlite(sqlite) => sqlite.files.iter().map(|file| sqlite.path.join(file)).collect(),
        });
        paths.filter(|path| !path.exists()).collect()
    }
}

/// Everything that is backed up: tools in start order, then the platform's parts.
pub(crate) fn all(server: &TenantServer) -> Vec<Component> {
    let root = server.layout.root();
    let tools =
        server.tools().map(|tool| Component::of_tool(tool, &root)).filter(|part| !part.sources.is_empty());
    let platform = platform_sources(&root).into_iter().map(|(name, sources)| Component {
        containers: containers(server.catalog.platform().find(|entry| is_written(entry, &name))),
        name,
        sources,
        writers: Vec::new(),
    });
    tools.chain(platform).collect()
}

/// Whether this entry's program turns the part's files into those of its own release.
fn is_written(entry: &Tool, part: &str) -> bool {
    entry.name.as_str() == part && entry.update.migrates_data
}

fn containers(entry: Option<&Tool>) -> Vec<(String, String)> {
    let services = entry.iter().flat_map(|entry| &entry.services);
    services.map(|service| (service.name.clone(), service.container.clone())).collect()
}

/// What a set of this entry of the catalog holds. That of a part of the platform holds its stack too, which a restore
/// never brings back: it is rendered anew.
pub(crate) fn stored(entry: &Tool, root: &Path) -> Vec<Source> {
    let mut parts = platform_sources(root).into_iter();
    let part = parts.find(|(name, _)| name == entry.name.as_str());
    part.map_or_else(|| sources(entry, root), |(_, sources)| sources)
}

/// The part of this name, or all of them.
///
/// # Errors
/// BAK003 when there is none of this name.
pub(crate) fn selected(server: &TenantServer, name: Option<&str>) -> Result<Vec<Component>, Problem> {
    let all = all(server);
    let Some(name) = name else { return Ok(all) };
    let names: Vec<String> = all.iter().map(|part| part.name.clone()).collect();
    let part = all.into_iter().find(|part| part.name == name);
    part.map(|part| vec![part]).ok_or_else(|| {
        let asked: String = name.chars().take(60).collect();
        Problem::permanent(
            Code::BAK003,
            format!("There is nothing called {asked} to back up on this server"),
            format!("There are: {}.", names.join(", ")),
        )
    })
}
