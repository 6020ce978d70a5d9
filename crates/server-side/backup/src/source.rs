//! What the state of a tool consists of, from its catalog entry. Pure.

use letsbe_types::paths;
use std::path::{Path, PathBuf};

use letsbe_catalog::{Database, DatabaseEngine, State, StateMethod, Tool};

use crate::Item;

/// Where Docker keeps named volumes.
const VOLUMES: &str = "var/lib/docker/volumes";
/// What SQLite keeps beside a file while it is open; the copy by its backup API has all of it.
const SQLITE_COMPANIONS: [&str; 4] = ["", "-wal", "-shm", "-journal"];
/// The superuser of every engine but PostgreSQL.
const ROOT: &str = "root";
/// PostgreSQL's superuser, where the tool's user is none.
const POSTGRES: &str = "postgres";

/// What of `/opt/letsbe/state` stays behind: it is this machine's, or it would be done or counted a second time when
/// it came back. The vault, the pins, the wishes, the counted tokens and the like are the tenant's and come back.
const STAYS_BEHIND: [&str; 21] = [
    // Which machine this is. Another one that carried it could be taken for it when something is destroyed.
    "identity",
    // The Hub's key for this machine's agent. A restored server registers with a key of its own.
    "agent.json",
    "heartbeat.json",
    "installed.json",
    // The Hub gives these again; versions that it counts per server would keep newer ones out.
    "configuration.json",
    "escrow.json",
    // Done or told meanwhile, as far as this copy can know: nothing may be done, allowed or told twice.
    "outbox",
    "commands.jsonl",
    "approvals.json",
    "ended.json",
    "restored.json",
    "openclaw-update.json",
    // Work that is under way, and its locks.
    "runs",
    "lock.json",
    "lock.guard",
    "rotation.turn",
    "ssh-move.json",
    "ssh-confirmed",
    "upgraded",
    // Set by tests.
    "crash-log-path",
    "agent-crashes.log",
];

/// One piece of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A database, dumped by its engine.
    Database(DatabaseSource),
    /// A folder (or file) on the server.
    Files(FilesSource),
    /// SQLite files in a folder, copied by SQLite's backup API.
    Sqlite(SqliteSource),
}

/// A database in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSource {
    /// Its engine.
    pub engine: DatabaseEngine,
    /// The container that runs it.
    pub container: String,
    /// Name of the database.
    pub name: String,
    /// The tool's user in it.
    pub user: String,
    /// Key of the credential that opens it for [`crate::dump`]: the superuser's where there is one.
    pub password: String,
    /// Whom that credential belongs to (the superuser or the tool's user).
    pub login: String,
}

/// A folder of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesSource {
    /// Its name in the set: the volume's name, or the path with `/` as `_`.
    pub name: String,
    /// Where it is on the server.
    pub path: PathBuf,
    /// What in it is left out (relative): SQLite files that are copied otherwise.
    pub excludes: Vec<PathBuf>,
}

/// SQLite files in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteSource {
    /// The folder's name in the set.
    pub name: String,
    /// The folder.
    pub path: PathBuf,
    /// The files, relative.
    pub files: Vec<PathBuf>,
}

impl Source {
    /// The item of the set that holds it.
    #[must_use]
    pub fn item(&self) -> Item {
        match self {
            Self::Database(database) => Item::Database(database.name.clone()),
            Self::Files(files) => Item::Files(files.name.clone()),
            Self::Sqlite(sqlite) => Item::Sqlite(sqlite.name.clone()),
        }
    }
}

/// A tool's state, by its catalog entry. Volumes are looked for under `root` where Docker keeps them
/// (`var/lib/docker/volumes/<project>_<volume>/_data`); containers have the names of the catalog.
#[must_use]
pub fn sources(tool: &Tool, root: &Path) -> Vec<Source> {
    let databases = tool.databases.iter().filter_map(|database| self::database(tool, database));
    let folders = tool.state.iter().flat_map(|state| folder(tool, state, root));
    databases.map(Source::Database).chain(folders).collect()
}

/// The platform's own parts and their state: `nginx` (sites, certificates), `openclaw` (its volume and files) and
/// `letsbe` (vault, what this server is, stacks, environment files, who did what), by name.
#[must_use]
pub fn platform_sources(root: &Path) -> Vec<(String, Vec<Source>)> {
    let at = |path: &str| Source::Files(files_at(root, path, &[]));
    let stack = |name: &str| at(&paths::stack(name).to_string_lossy());
    let openclaw = FilesSource {
        name: "state".to_owned(),
        path: volume(root, "openclaw", "state"),
        excludes: Vec::new(),
    };
    let parts = [
        ("nginx", vec![at(paths::NGINX), at("/etc/letsencrypt"), stack("nginx")]),
        ("openclaw", vec![Source::Files(openclaw), stack("openclaw")]),
        (
            "letsbe",
            vec![
                Source::Files(files_at(root, paths::STATE, &STAYS_BEHIND)),
                at(paths::STACKS),
                at(paths::ENV),
                // Who was shown what, and what the AI team did: only ever appended to, so a night adds what is new.
                at("/var/log/letsbe"),
            ],
        ),
    ];
    parts.map(|(name, sources)| (name.to_owned(), sources)).into()
}

fn database(tool: &Tool, database: &Database) -> Option<DatabaseSource> {
    let service = tool.services.iter().find(|service| service.name == database.service)?;
    let superuser = match database.engine {
        DatabaseEngine::Postgresql => POSTGRES,
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb | DatabaseEngine::Mongodb => ROOT,
    };
    let (password, login) = match &database.root_password {
        Some(key) => (key.clone(), superuser.to_owned()),
        None => (database.password.clone(), database.user.clone()),
    };
    Some(DatabaseSource {
        engine: database.engine,
        container: service.container.clone(),
        name: database.name.clone(),
        user: database.user.clone(),
        password,
        login,
    })
}

fn folder(tool: &Tool, state: &State, root: &Path) -> Vec<Source> {
    let mut files = match (&state.volume, &state.path) {
        (Some(name), _) => {
            let path = volume(root, tool.name.as_str(), name);
            FilesSource { name: name.clone(), path, excludes: Vec::new() }
        }
        (None, Some(path)) => files_at(root, path, &[]),
        (None, None) => return Vec::new(),
    };
    match state.method {
        StateMethod::Files => vec![Source::Files(files)],
        StateMethod::Sqlite => {
            let beside = |file: &String| SQLITE_COMPANIONS.map(|end| PathBuf::from(format!("{file}{end}")));
            files.excludes = state.sqlite.iter().flat_map(beside).collect();
            let sqlite = SqliteSource {
                name: files.name.clone(),
                path: files.path.clone(),
                files: state.sqlite.iter().map(PathBuf::from).collect(),
            };
            vec![Source::Sqlite(sqlite), Source::Files(files)]
        }
        StateMethod::DatabaseVolume | StateMethod::Disposable => Vec::new(),
    }
}

fn files_at(root: &Path, path: &str, excludes: &[&str]) -> FilesSource {
    let relative = path.trim_matches('/');
    FilesSource {
        name: relative.replace('/', "_"),
        path: root.join(relative),
        excludes: excludes.iter().map(PathBuf::from).collect(),
    }
}

/// Compose calls a volume `<project>_<volume>`, and the project of a stack is `letsbe-<tool>`.
/// Where Docker keeps a named volume of a tool.
#[must_use]
pub fn volume(root: &Path, tool: &str, name: &str) -> PathBuf {
    root.join(VOLUMES).join(format!("letsbe-{tool}_{name}")).join("_data")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use letsbe_catalog::{Catalog, StateMethod};

    use super::{Source, platform_sources, sources};

    fn catalog() -> Catalog {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
        Catalog::load(Path::new(folder)).expect("the catalog is valid")
    }

    fn told(name: &str) -> Vec<String> {
        let catalog = catalog();
        let tool = catalog.tools().find(|tool| tool.name.as_str() == name).expect("a tool");
        let one = |source: Source| match source {
            Source::Database(one) => {
                format!("{:?} {} {} {} {}", one.engine, one.container, one.name, one.login, one.password)
            }
            Source::Files(one) => format!("{} {} without {:?}", one.name, one.path.display(), one.excludes),
            Source::Sqlite(one) => format!("{} {} {:?}", one.name, one.path.display(), one.files),
        };
        sources(tool, Path::new("/r")).into_iter().map(one).collect()
    }

    #[test]
    fn a_tools_state_is_its_databases_and_what_is_not_covered_by_them() {
        assert_eq!(
            told("ghost"),
            [
                "Mysql letsbe-ghost-db ghost root database_root_password",
                "content /r/var/lib/docker/volumes/letsbe-ghost_content/_data without []",
            ]
        );
        assert_eq!(
            told("nextcloud"),
            [
                "Postgresql letsbe-nextcloud-db nextcloud nextcloud database_password",
                "html /r/var/lib/docker/volumes/letsbe-nextcloud_html/_data without []",
                "opt_letsbe_data_nextcloud /r/opt/letsbe/data/nextcloud without []",
            ]
        );
        assert_eq!(
            told("uptime-kuma"),
            [
                "data /r/var/lib/docker/volumes/letsbe-uptime-kuma_data/_data [\"kuma.db\"]",
                "data /r/var/lib/docker/volumes/letsbe-uptime-kuma_data/_data without [\"kuma.db\", \"kuma.db-wal\", \
                 \"kuma.db-shm\", \"kuma.db-journal\"]",
            ]
        );
    }

    #[test]
    fn every_declared_state_of_the_catalog_is_in_a_set_and_every_item_has_its_own_name() {
        for tool in catalog().tools() {
            let found = sources(tool, Path::new("/"));
            let items: BTreeSet<_> = found.iter().map(Source::item).collect();
            assert_eq!(items.len(), found.len(), "{}", tool.name);
            let kept = |method| !matches!(method, StateMethod::DatabaseVolume | StateMethod::Disposable);
            let folders = tool.state.iter().filter(|state| kept(state.method)).count();
            let sqlite = tool.state.iter().filter(|state| state.method == StateMethod::Sqlite).count();
            assert_eq!(found.len(), tool.databases.len() + folders + sqlite, "{}", tool.name);
        }
    }

    #[test]
    fn what_belongs_to_this_machine_stays_behind_and_the_vault_does_not() {
        let parts = platform_sources(Path::new("/"));
        let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["nginx", "openclaw", "letsbe"]);
        let state = parts[2].1.iter().find_map(|source| match source {
            Source::Files(files) if files.path == Path::new("/opt/letsbe/state") => Some(files),
            _ => None,
        });
        let excludes = &state.expect("the state folder").excludes;
        for gone in ["identity", "agent.json", "commands.jsonl", "approvals.json", "outbox", "lock.json"] {
            assert!(excludes.iter().any(|name| name == Path::new(gone)), "{gone}");
        }
        let logs = |source: &Source| matches!(source, Source::Files(files) if files.name == "var_log_letsbe");
        assert!(parts[2].1.iter().any(logs), "who did what");
        for kept in ["vault.sealed", "server.json", "pins.json", "rotation.json", "tokens.jsonl"] {
            assert!(!excludes.iter().any(|name| name == Path::new(kept)), "{kept}");
        }
    }
}
