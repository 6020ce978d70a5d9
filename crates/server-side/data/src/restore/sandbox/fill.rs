//! A sandbox is filled from its set, and what it holds then is compared with the manifest.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use letsbe_backup::{
    DatabaseSource, FilesFacts, FilesSource, Item, ItemFacts, Listed, Source, SqliteFacts, SqliteSource,
    differences,
};
use letsbe_catalog::StateMethod;
use letsbe_host::{FileWrite, LocalMachine, Machine as _};
use letsbe_stacks as stacks;
use letsbe_types::{Code, Problem, crash};

use super::{
    Place, Preflight, Sandbox, Script,
    compose::{KEEP_LABEL, SANDBOX_LABEL, Shape},
    databases::SandboxDatabase,
    docker, folders, versions,
};
use crate::{
    backup::{fingerprint, sqlite},
    restore::points::inside,
};
use letsbe_base::files;

/// A new database sets itself up within this time.
const DATABASE_PATIENCE: Duration = Duration::from_secs(600);

impl Sandbox {
    pub(super) async fn fill(
        &mut self,
        script: &Script<'_>,
        preflight: &Preflight<'_>,
        shape: &Shape<'_>,
    ) -> Result<(), Problem> {
        let began = Instant::now();
        self.write_stack(preflight, shape).await?;
        self.places = places(script, preflight, shape).await?;
        self.record.data = self.places.iter().map(|place| place.beside.clone()).collect();
        crash::point(&inside::SANDBOX_MADE);
        self.start_databases(preflight).await?;
        let mut found = Vec::new();
        let mut loaded = Vec::new();
        for source in &preflight.sources {
            let item = source.item();
            match source {
                Source::Database(source) => {
                    let database = self.database(preflight, source)?.with_roles(self.roles(&item));
                    database.prepare().await?;
                    self.server_reads(source, &item, &database).await?;
                    database.make_roles().await?;
                    let snapshot = snapshot(script, &item)?;
                    let path = dump_path(&script.repository.list(snapshot).await?, &item)?;
                    let passed = database.load(script.repository, snapshot, &path).await?;
                    // Once more: what is granted on a table needs the table.
                    database.make_roles().await?;
                    loaded.push((item, database, passed));
                    crash::point(&inside::DATABASE_LOADED);
                }
                Source::Files(source) => found.push((item.clone(), self.files(script, source, &item).await?)),
                Source::Sqlite(_) => {}
            }
        }
        // After the files: these are compared without the copies.
        for source in &preflight.sources {
            if let Source::Sqlite(source) = source {
                let item = Item::Sqlite(source.name.clone());
                found.push((item.clone(), self.sqlite(script, source, &item).await?));
            }
        }
        crash::point(&inside::FILES_WRITTEN);
        self.took("restore", began);
        let began = Instant::now();
        for (item, database, passed) in loaded {
            found.push((item, ItemFacts::Database(database.facts(passed).await?)));
        }
        for (item, facts) in found {
            self.compare(&item, &facts);
        }
        self.took("compare", began);
        crash::point(&inside::COMPARED);
        Ok(())
    }

    async fn write_stack(&self, preflight: &Preflight<'_>, shape: &Shape<'_>) -> Result<(), Problem> {
        let folder = self.folder();
        let document = shape.staged(preflight.document.clone()).to_string();
        // JSON is YAML.
        let compose = FileWrite::new("docker-compose.yml", 0o600, document);
        for file in std::iter::once(&compose).chain(&preflight.stack.files) {
            let placed = FileWrite { path: folder.join(&file.path), ..file.clone() };
            LocalMachine.write(&placed).await.map_err(|error| files::unusable(&folder, error))?;
        }
        Ok(())
    }

    async fn start_databases(&self, preflight: &Preflight<'_>) -> Result<(), Problem> {
        let services: Vec<String> =
            preflight.tool.databases.iter().map(|database| database.service.clone()).collect();
        if services.is_empty() {
            return Ok(());
        }
        docker::up(&self.folder(), &services).await?;
        crash::point(&inside::DATABASES_STARTED);
        let names = preflight.tool.services.iter().filter(|service| services.contains(&service.name));
        let names: Vec<String> = names.map(|service| self.container(&service.container)).collect();
        stacks::await_healthy(&LocalMachine, &names, DATABASE_PATIENCE)
            .await
            .map_err(|problem| self.silent(problem))
    }

    /// Whether the sandbox's own server, which runs whatever image this server has, reads a dump of the one it was taken from.
    async fn server_reads(
        &self,
        source: &DatabaseSource,
        item: &Item,
        database: &SandboxDatabase,
    ) -> Result<(), Problem> {
        let Some(ItemFacts::Database(taken)) = self.manifest.items.get(&item.to_string()) else {
            return Ok(());
        };
        match database.versions(None).await {
            (Some(present), _) => versions::server_reads(
                &self.manifest.tool,
                source.engine,
                taken.server_version.as_deref(),
                &present,
            ),
            (None, _) => Ok(()),
        }
    }

    /// What makes the accounts that a dump names; nothing in sets of former releases.
    fn roles(&self, item: &Item) -> Option<&str> {
        match self.manifest.items.get(&item.to_string())? {
            ItemFacts::Database(taken) => taken.roles.as_deref(),
            _ => None,
        }
    }

    fn database(
        &self,
        preflight: &Preflight<'_>,
        source: &DatabaseSource,
    ) -> Result<SandboxDatabase, Problem> {
        let password =
            preflight.credentials.get(preflight.tool.name.as_str(), &source.password).ok_or_else(|| {
                let what = format!("{}/{} is not in the vault", preflight.tool.name, source.password);
                Problem::permanent(Code::RES011, what, "Run the provisioning again.")
            })?;
        let database = DatabaseSource { container: self.container(&source.container), ..source.clone() };
        SandboxDatabase::new(&self.layout, database, password.clone())
    }

    async fn files(
        &self,
        script: &Script<'_>,
        source: &FilesSource,
        item: &Item,
    ) -> Result<ItemFacts, Problem> {
        let place = self.place(&source.path)?;
        let path = match self.manifest.items.get(&item.to_string()) {
            Some(ItemFacts::Files(FilesFacts { path, .. })) => path.clone(),
            _ => return Err(strange(item)),
        };
        script.repository.restore(snapshot(script, item)?, &path, &place.beside).await?;
        Ok(ItemFacts::Files(fingerprint::facts(Path::new(&path), folders::entries(&place.beside)?)))
    }

    async fn sqlite(
        &self,
        script: &Script<'_>,
        source: &SqliteSource,
        item: &Item,
    ) -> Result<ItemFacts, Problem> {
        let place = self.place(&source.path)?;
        let Some(ItemFacts::Sqlite(taken)) = self.manifest.items.get(&item.to_string()) else {
            return Err(strange(item));
        };
        let snapshot = snapshot(script, item)?;
        let listed = script.repository.list(snapshot).await?;
        let beside = folders::make(&place.beside.with_file_name("sqlite"))?;
        let mut found = SqliteFacts { path: taken.path.clone(), tables: BTreeMap::new() };
        for file in taken.tables.keys() {
            let Some(folder) = top_of(&listed, file) else { continue };
            script.repository.restore(snapshot, &folder, &beside).await?;
            // Counted while it lies where nothing of the set's own choosing is beside it.
            found.tables.insert(file.clone(), sqlite::count(&beside.join(file))?);
            folders::put(&beside.join(file), &place.beside, &place.live, Path::new(file))?;
        }
        folders::remove(&beside)?;
        Ok(ItemFacts::Sqlite(found))
    }

    fn place(&self, live: &Path) -> Result<&Place, Problem> {
        self.places.iter().find(|place| place.live == live).ok_or_else(|| {
            let what = format!("{} has no place on the stage", live.display());
            Problem::permanent(Code::RES006, what, "Report this as a defect.")
        })
    }

    fn compare(&mut self, item: &Item, found: &ItemFacts) {
        let name = item.to_string();
        let mut told = match self.manifest.items.get(&name) {
            Some(taken) => differences(&name, taken, found),
            None => vec![format!("{name}: is not in the manifest")],
        };
        if let (Some(ItemFacts::Database(taken)), ItemFacts::Database(found)) =
            (self.manifest.items.get(&name), found)
            && (taken.bytes, &taken.sha256) != (found.bytes, &found.sha256)
        {
            told.push(format!(
                "{name}: the dump had {} bytes with SHA-256 {}, has {} with {}",
                taken.bytes, taken.sha256, found.bytes, found.sha256
            ));
        }
        if told.is_empty() {
            self.equal.push(in_words(&name, found));
        }
        self.differences.extend(told);
    }
}

/// What was found equal.
fn in_words(name: &str, facts: &ItemFacts) -> String {
    match facts {
        ItemFacts::Database(database) => {
            let (tables, rows) = (database.tables.len(), facts.rows());
            format!("{name}: {rows} rows in {tables} tables, dump of {} bytes by its hash", database.bytes)
        }
        ItemFacts::Files(files) => {
            format!(
                "{name}: {} files with {} bytes, by their names, kinds, modes and sizes",
                files.files, files.bytes
            )
        }
        ItemFacts::Sqlite(sqlite) => {
            format!("{name}: {} rows in {} files", facts.rows(), sqlite.tables.len())
        }
    }
}

/// Makes the sandbox's volumes and folders: one for each of the tool's that holds state.
async fn places(
    script: &Script<'_>,
    preflight: &Preflight<'_>,
    shape: &Shape<'_>,
) -> Result<Vec<Place>, Problem> {
    let root = script.server.layout.root();
    let tool = preflight.tool;
    let mut places = Vec::new();
    for state in &tool.state {
        let (live, beside) = match (&state.volume, &state.path) {
            (Some(volume), _) => {
                let labels = [
                    (SANDBOX_LABEL, shape.id.as_str()),
                    (KEEP_LABEL, shape.keep),
                    ("com.docker.compose.project", &shape.project()),
                    ("com.docker.compose.volume", volume),
                ];
                let beside = docker::make_volume(&labels, &shape.volume(volume)).await?;
                (live_volume(&root, tool.name.as_str(), volume), beside)
            }
            (None, Some(path)) => {
                (root.join(path.trim_start_matches('/')), folders::make(&shape.data_path(path))?)
            }
            (None, None) => continue,
        };
        if state.method != StateMethod::Disposable {
            places.push(Place { live, beside });
        }
    }
    Ok(places)
}

/// Where Docker keeps a volume of a tool.
fn live_volume(root: &Path, tool: &str, volume: &str) -> PathBuf {
    root.join("var/lib/docker/volumes").join(format!("letsbe-{tool}_{volume}")).join("_data")
}

fn snapshot<'a>(script: &'a Script<'_>, item: &Item) -> Result<&'a str, Problem> {
    script.set.items.get(item).map(String::as_str).ok_or_else(|| strange(item))
}

/// The one file of a dump's snapshot.
fn dump_path(listed: &[Listed], item: &Item) -> Result<String, Problem> {
    let mut files = listed.iter().filter(|entry| entry.kind == "file");
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file.path.clone()),
        _ => Err(strange(item)),
    }
}

/// The folder in a snapshot that a relative path starts from.
fn top_of(listed: &[Listed], file: &str) -> Option<String> {
    let tail = format!("/{file}");
    let entry = listed.iter().find(|entry| entry.kind == "file" && entry.path.ends_with(&tail))?;
    let top = entry.path.strip_suffix(&tail)?;
    Some(if top.is_empty() { "/".to_owned() } else { top.to_owned() })
}

fn strange(item: &Item) -> Problem {
    Problem::permanent(
        Code::RES001,
        format!("{item} is not in the set as its manifest says"),
        "Use another set: `letsbe-node backup list`.",
    )
}

#[cfg(test)]
mod tests {
    use letsbe_backup::{Item, Listed};

    use super::{dump_path, top_of};

    fn listed(path: &str, kind: &str) -> Listed {
        Listed {
            path: path.to_owned(),
            kind: kind.to_owned(),
            size: 0,
            mode: 0,
            modified_at: None,
            link: None,
        }
    }

    #[test]
    fn a_dump_is_the_one_file_of_its_snapshot() {
        let item = Item::Database("ghost".to_owned());
        let one = [listed("/", "dir"), listed("/ghost.sql", "file")];
        assert_eq!(dump_path(&one, &item).unwrap(), "/ghost.sql");
        let two = [listed("/a", "file"), listed("/b", "file")];
        for bad in [&one[..1], &two, &[]] {
            assert_eq!(dump_path(bad, &item).unwrap_err().code, "RES001");
        }
    }

    #[test]
    fn a_copy_is_found_wherever_it_was_taken_from() {
        let list = [listed("/run/x/copy/db/kuma.db", "file"), listed("/run/x/copy/my-kuma.db", "file")];
        assert_eq!(top_of(&list, "kuma.db").as_deref(), Some("/run/x/copy/db"));
        assert_eq!(top_of(&list, "db/kuma.db").as_deref(), Some("/run/x/copy"));
        assert_eq!(top_of(&list, "other.db"), None);
        assert_eq!(top_of(&[listed("/kuma.db", "file")], "kuma.db").as_deref(), Some("/"));
    }
}
