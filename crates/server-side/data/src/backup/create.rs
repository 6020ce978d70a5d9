//! One set of one tool: every item stored, facts beside it, the manifest last.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, SubsecRound as _, Utc};
use letsbe_backup::{
    Consistency, FilesSource, Item, ItemFacts, Manifest, NewItem, Repository, SetKind, Source, SqliteFacts,
    SqliteSource, Stored,
};
use letsbe_host::Machine;
use letsbe_types::{Code, Problem, clock::milliseconds, crash, ids::SetId};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::Instant};

use super::{
    components::Component,
    disk_reserve,
    dump::child,
    dump::parent::{DumpJob, StoredItem, dump_file, line},
    fingerprint, images,
    pause::{self, Pause, State},
    points, repositories, sqlite,
    staging::Staging,
    versions,
};
use letsbe_base::{files, output::Progress, server::TenantServer};

/// Whether a dump has begun is looked at this often.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A tool whose SQLite file was locked when it was paused is paused again so often.
const ATTEMPTS: u32 = 3;

/// What sets are made with.
pub(super) struct SnapshotSetBuilder<'a> {
    pub(super) server: &'a TenantServer,
    pub(super) machine: &'a dyn Machine,
    pub(super) local: &'a Repository,
    pub(super) progress: Progress,
}

/// A set that was stored; it counts only once it was read back.
#[derive(Debug)]
pub(super) struct CreatedSet {
    pub(super) manifest: Manifest,
    /// Bytes that the repository grew by.
    pub(super) added_bytes: u64,
    /// Snapshots of the warm pass: to be forgotten.
    pub(super) superfluous: Vec<String>,
}

/// One set on its way.
struct SetInProgress<'a> {
    builder: &'a SnapshotSetBuilder<'a>,
    part: &'a Component,
    set: NewItem,
    /// Folder in memory where dumps leave their facts.
    facts: TempDir,
    staging: Staging,
}

/// What has been stored so far.
#[derive(Default)]
struct StoredSoFar {
    items: Vec<StoredItem>,
    /// Folders that are stored, and not listed yet: that has time until the tool goes on.
    folders: Vec<(FilesSource, Stored)>,
    superfluous: Vec<String>,
    /// What the warm pass has added already, by the files' name.
    warmed: BTreeMap<String, u64>,
}

/// Stores a set of a part.
///
/// # Errors
/// When any part of it cannot be stored: then there is no set.
pub(super) async fn store(
    builder: &SnapshotSetBuilder<'_>,
    part: &Component,
    kind: SetKind,
    now: DateTime<Utc>,
) -> Result<CreatedSet, Problem> {
    if let [path, ..] = part.missing().as_slice() {
        return Err(Problem::permanent(
            Code::BAK009,
            format!("{}: {} is declared as its state, but is not there", part.name, path.display()),
            "Was the tool ever started? Look whether its volume is mounted; nothing of it was stored.",
        ));
    }
    let mut attempt = 1;
    loop {
        // Each attempt is a set of its own: nothing of one that failed can get into another.
        match attempted(builder, part, kind, now).await {
            Err(problem) if sqlite::was_locked(&problem) && attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

async fn attempted(
    builder: &SnapshotSetBuilder<'_>,
    part: &Component,
    kind: SetKind,
    now: DateTime<Utc>,
) -> Result<CreatedSet, Problem> {
    let set = NewItem {
        identity: builder.server.desired.identity.0.clone(),
        set: SetId::generate(),
        taken_at: now.trunc_subsecs(0),
        tool: part.name.clone(),
        kind,
        item: Item::Manifest,
    };
    let facts = repositories::volatile_folder(&builder.server.layout, "facts")?;
    let staging = Staging::new(&builder.server.layout, &part.name)?;
    let making = SetInProgress { builder, part, set, facts, staging };
    let mut so_far = StoredSoFar::default();
    let ended = match making.items(&mut so_far).await {
        Ok(consistency) => making.finished(&mut so_far, consistency).await,
        Err(problem) => Err(problem),
    };
    match ended {
        Ok((manifest, stored)) => Ok(CreatedSet {
            manifest,
            added_bytes: stored.added_bytes + so_far.items.iter().map(|item| item.added_bytes).sum::<u64>(),
            superfluous: so_far.superfluous,
        }),
        Err(problem) if disk_reserve::was_missed(&problem) => {
            disk_reserve::release(&builder.server.layout);
            making.forget(&so_far).await;
            making.clear().await;
            disk_reserve::allocate(&builder.server.layout);
            Err(problem)
        }
        Err(problem) => {
            making.forget(&so_far).await;
            Err(problem)
        }
    }
}

impl SetInProgress<'_> {
    async fn items(&self, so_far: &mut StoredSoFar) -> Result<Consistency, Problem> {
        if !self.part.depends() {
            self.one_by_one(so_far).await?;
            return Ok(Consistency::Single);
        }
        let states = pause::states(self.builder.machine, &self.part.writers).await?;
        let running =
            |(container, state): (&String, &State)| (*state == State::Running).then(|| container.clone());
        let running: Vec<String> = self.part.writers.iter().zip(&states).filter_map(running).collect();
        if !self.part.writers.is_empty() && running.is_empty() {
            self.one_by_one(so_far).await?;
            return Ok(Consistency::Stopped);
        }
        if running.is_empty() {
            let began = Instant::now();
            self.one_by_one(so_far).await?;
            return Ok(Consistency::Apart { milliseconds: milliseconds(began.elapsed()) });
        }
        self.warm(so_far).await?;
        self.paused(running, so_far).await
    }

    /// Everything, one after the other.
    async fn one_by_one(&self, so_far: &mut StoredSoFar) -> Result<(), Problem> {
        for database in self.part.databases() {
            so_far.items.push(self.dump(&database.name).run().await?);
        }
        self.copies_and_files(so_far).await
    }

    /// Stores what is new in the files, so that there is little left to do while the tool is paused.
    async fn warm(&self, so_far: &mut StoredSoFar) -> Result<(), Problem> {
        let set = SetId::generate();
        for files in self.files() {
            let item = NewItem { set, ..self.item(Item::Files(files.name.clone())) };
            let stored = self.folder(&item, files).await?;
            so_far.superfluous.push(stored.snapshot);
            so_far.warmed.insert(files.name.clone(), stored.added_bytes);
        }
        Ok(())
    }

    /// While the tool is paused, the dumps begin and the files are stored; the dumps end after it is unpaused.
    async fn paused(
        &self,
        containers: Vec<String>,
        so_far: &mut StoredSoFar,
    ) -> Result<Consistency, Problem> {
        let SnapshotSetBuilder { machine, server, .. } = self.builder;
        let pause = Pause::begin(*machine, &server.layout, containers).await?;
        let (began, deadline) = (Instant::now(), pause.deadline());
        let mut dumps = JoinSet::new();
        for database in self.part.databases() {
            dumps.spawn(self.dump(&database.name).run());
        }
        let mut work = Box::pin(async {
            self.all_begun(&mut dumps, so_far).await?;
            self.copies_and_files(so_far).await
        });
        let in_time = tokio::time::timeout_at(deadline, &mut work).await;
        let stood = pause.release().await?;
        let consistency = if let Ok(result) = in_time {
            result?;
            Consistency::Paused { milliseconds: milliseconds(stood) }
        } else {
            self.builder
                .progress
                .print(&format!("{}: too much for one pause; goes on without", self.part.name));
            work.as_mut().await?;
            Consistency::Apart { milliseconds: milliseconds(began.elapsed()) }
        };
        drop(work);
        while let Some(dumped) = dumps.join_next().await {
            so_far.items.push(joined(dumped)?);
        }
        Ok(consistency)
    }

    /// Waits until every dump's own transaction has begun. Dumps that have ended are taken in.
    async fn all_begun(
        &self,
        dumps: &mut JoinSet<Result<StoredItem, Problem>>,
        so_far: &mut StoredSoFar,
    ) -> Result<(), Problem> {
        let markers: Vec<PathBuf> =
            self.part.databases().map(|database| child::begun(self.facts.path(), &database.name)).collect();
        while !markers.iter().all(|marker| marker.exists()) {
            while let Some(dumped) = dumps.try_join_next() {
                so_far.items.push(joined(dumped)?);
            }
            if dumps.is_empty() {
                break;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    async fn copies_and_files(&self, so_far: &mut StoredSoFar) -> Result<(), Problem> {
        for source in &self.part.sources {
            match source {
                Source::Database(_) => {}
                Source::Sqlite(sqlite) => {
                    let stored = self.sqlite(sqlite).await?;
                    so_far.items.push(stored);
                }
                Source::Files(files) => {
                    let mut stored = self.folder(&self.item(Item::Files(files.name.clone())), files).await?;
                    stored.added_bytes += so_far.warmed.get(&files.name).copied().unwrap_or_default();
                    so_far.folders.push((files.clone(), stored));
                }
            }
        }
        Ok(())
    }

    fn files(&self) -> impl Iterator<Item = &FilesSource> {
        self.part.sources.iter().filter_map(|source| match source {
            Source::Files(files) => Some(files),
            _ => None,
        })
    }

    fn dump(&self, database: &str) -> DumpJob {
        DumpJob {
            item: self.item(Item::Database(database.to_owned())),
            program: self.builder.server.layout.program(),
            facts: self.facts.path().to_owned(),
            repository: self.builder.local.clone(),
            database: database.to_owned(),
            file: self.part.databases().find(|one| one.name == database).map(dump_file).unwrap_or_default(),
            progress: self.builder.progress,
        }
    }

    async fn folder(&self, item: &NewItem, files: &FilesSource) -> Result<Stored, Problem> {
        let excludes: Vec<PathBuf> =
            files.excludes.iter().map(|relative| files.path.join(relative)).collect();
        self.builder.local.store_files(item, std::slice::from_ref(&files.path), &excludes).await
    }

    /// What is left to do once the tool goes on again: the folders are listed, then the manifest is written.
    async fn finished(
        &self,
        so_far: &mut StoredSoFar,
        consistency: Consistency,
    ) -> Result<(Manifest, Stored), Problem> {
        crash::point(&points::ITEMS_STORED);
        while let Some((files, stored)) = so_far.folders.last().cloned() {
            let listed = self.builder.local.list(&stored.snapshot).await?;
            let facts = ItemFacts::Files(fingerprint::of_snapshot(&files.path, &listed));
            so_far.items.push(self.stored_item(Item::Files(files.name), stored, facts));
            so_far.folders.pop();
        }
        self.manifest(so_far, consistency).await
    }

    async fn sqlite(&self, source: &SqliteSource) -> Result<StoredItem, Problem> {
        let folder = self.staging.path.join(&source.name);
        let mut tables = BTreeMap::new();
        for file in &source.files {
            let (volume, from, to) = (source.path.clone(), file.clone(), folder.join(file));
            let work = self.staging.raw();
            let copied = tokio::task::spawn_blocking(move || sqlite::copy(&volume, &from, &work, &to)).await;
            tables.insert(file.to_string_lossy().into_owned(), joined(copied)?);
        }
        let item = self.item(Item::Sqlite(source.name.clone()));
        let stored = self.builder.local.store_files(&item, std::slice::from_ref(&folder), &[]).await?;
        std::fs::remove_dir_all(&folder).map_err(|error| files::unusable(&folder, error))?;
        let path = source.path.to_string_lossy().into_owned();
        Ok(self.stored_item(item.item, stored, ItemFacts::Sqlite(SqliteFacts { path, tables })))
    }

    fn item(&self, item: Item) -> NewItem {
        NewItem { item, ..self.set.clone() }
    }

    fn stored_item(&self, item: Item, stored: Stored, facts: ItemFacts) -> StoredItem {
        self.builder.progress.print(&line(&self.part.name, &item, &stored));
        StoredItem { item, snapshot: stored.snapshot, added_bytes: stored.added_bytes, facts }
    }

    async fn manifest(
        &self,
        so_far: &StoredSoFar,
        consistency: Consistency,
    ) -> Result<(Manifest, Stored), Problem> {
        let items = so_far.items.iter().map(|stored| (stored.item.to_string(), stored.facts.clone()));
        let manifest = Manifest {
            version: 1,
            set: self.set.set,
            tool: self.set.tool.clone(),
            kind: self.set.kind,
            taken_at: self.set.taken_at,
            identity: self.set.identity.clone(),
            images: images::of(self.builder.machine, &self.part.containers).await?,
            items: items.collect(),
            consistency,
            data_version: self.version_of_file()?,
        };
        let text = serde_json::to_string_pretty(&manifest)
            .map_err(|error| files::unusable(Path::new("manifest.json"), error))?;
        let stored =
            self.builder.local.store_text(&self.item(Item::Manifest), "manifest.json", &text).await?;
        crash::point(&points::MANIFEST_STORED);
        Ok((manifest, stored))
    }

    fn version_of_file(&self) -> Result<Option<String>, Problem> {
        let server = self.builder.server;
        let tool = server.tools().find(|tool| tool.name.as_str() == self.part.name);
        tool.map_or(Ok(None), |tool| versions::of_file(tool, &server.layout.root()))
    }

    /// What was stored of a set that failed is no use. If it cannot be forgotten now, retention does it.
    async fn forget(&self, so_far: &StoredSoFar) {
        let items = so_far.items.iter().map(|item| &item.snapshot);
        let folders = so_far.folders.iter().map(|(_, stored)| &stored.snapshot);
        let all: Vec<String> = items.chain(folders).chain(&so_far.superfluous).cloned().collect();
        if !all.is_empty()
            && let Err(problem) = self.builder.local.forget(&all).await
        {
            tracing::warn!("what was stored of a set that failed stays for now: {problem}");
        }
    }

    /// What a full disk took in without a snapshot is no use, and in the way of the tools and of the next run.
    async fn clear(&self) {
        if let Err(problem) = self.builder.local.free_unused().await {
            tracing::warn!("what a set that failed has taken of the disk is not free yet: {problem}");
        }
    }
}

fn joined<T>(result: Result<Result<T, Problem>, tokio::task::JoinError>) -> Result<T, Problem> {
    result.unwrap_or_else(|error| Err(child::failed("a part of the set", &error.to_string())))
}
