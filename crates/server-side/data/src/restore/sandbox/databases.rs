//! Databases of a sandbox: loaded from their dumps, which are looked at on their way, and counted.

use std::{
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use letsbe_backup::{
    Access, DatabaseFacts, DatabaseSource, Repository, contents, counts, drop_order, first_line, in_order,
    keep_order, load, load_with_owners, make_roles, parse_counts, prepare, ready, reordered, variables,
    with_first_line,
};
use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_types::{Code, Problem, Secret};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::order;
use crate::backup::versions;
use letsbe_base::{files, layout::Layout};

/// A database that is said to be healthy takes statements within this time.
const PATIENCE: Duration = Duration::from_secs(120);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// The largest tables are counted within this time.
const COUNT_TIME: Duration = Duration::from_secs(1800);
const PIECE: usize = 256 << 10;
/// Of what restic says about a failure, no more is told.
const WORDS: u64 = 2000;

/// A database in a container of a sandbox. What its clients print may quote rows and is never repeated.
pub(crate) struct SandboxDatabase {
    database: DatabaseSource,
    password: Secret<String>,
    variables: PathBuf,
    /// What makes the accounts that its dump names; `None` in sets of former releases.
    roles: Option<String>,
}

impl Drop for SandboxDatabase {
    fn drop(&mut self) {
        let _ = files::remove(&self.variables);
    }
}

impl SandboxDatabase {
    /// The database with what opens it, in a file in memory while this lives.
    pub(crate) fn new(
        layout: &Layout,
        database: DatabaseSource,
        password: Secret<String>,
    ) -> Result<Self, Problem> {
        let path = layout.volatile("restore").join(format!("{}-{}", database.container, database.name));
        files::write(&path, variables(&database, &password).expose().as_bytes())?;
        Ok(Self { database, password, variables: path, roles: None })
    }

    /// With what makes the accounts that its dump names.
    pub(crate) fn with_roles(mut self, statements: Option<&str>) -> Self {
        self.roles = statements.map(str::to_owned);
        self
    }

    fn access(&self) -> Access<'_> {
        Access { variables: &self.variables }
    }

    /// Waits until it takes statements, and makes it take any row.
    pub(crate) async fn prepare(&self) -> Result<(), Problem> {
        let began = Instant::now();
        while !self.run(ready(&self.database, self.access())).await?.0 {
            if began.elapsed() > PATIENCE {
                return Err(self.trouble("does not take statements"));
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
        let Some(command) = prepare(&self.database, self.access()) else { return Ok(()) };
        if self.run(command).await?.0 { Ok(()) } else { Err(self.trouble("does not take its settings")) }
    }

    /// Makes the roles of the server that the dump was taken from. What cannot be made, the dump will miss.
    pub(crate) async fn make_roles(&self) -> Result<(), Problem> {
        let make = |statements| make_roles(&self.database, self.access(), statements);
        let Some(command) = self.roles.as_deref().and_then(make) else { return Ok(()) };
        if self.run(command).await?.0 {
            Ok(())
        } else {
            Err(self.trouble("does not take the roles of the set"))
        }
    }

    /// The versions that its server and the tool's rows name, as far as they can be read.
    pub(crate) async fn versions(&self, statement: Option<&str>) -> (Option<String>, Option<String>) {
        versions::of_database(&self.database, self.access(), statement).await
    }

    async fn run(&self, command: Command) -> Result<(bool, String), Problem> {
        let output = LocalMachine.run(&with_first_line(command, &self.database, &self.password)).await;
        output
            .map(|output| (output.success(), output.stdout))
            .map_err(|error| self.trouble(&format!("cannot be asked: {error}")))
    }

    /// What takes a dump in: with owners and grants where the accounts were made that they name.
    fn loading(&self, has_order: bool) -> Command {
        let load = if self.roles.is_some() { load_with_owners } else { load };
        let load = load(&self.database, self.access());
        if has_order { in_order(load, self.access()) } else { load }
    }

    /// Keeps the order for a dump that is not to be taken in as it lies there; answers whether it is kept. What was read of the
    /// dump is in `head`. Without, it is taken in as it lies there: what comes of that is compared with the set like any other.
    async fn ordered(
        &self,
        dump: &mut (impl AsyncRead + Unpin),
        head: &mut Vec<u8>,
    ) -> Result<bool, Problem> {
        let Some(lister) = contents(&self.database, self.access()) else { return Ok(false) };
        let contents = order::contents(&lister, dump, head).await;
        let contents =
            contents.map_err(|error| self.trouble(&format!("cannot be asked about its dump: {error}")))?;
        let Some(order) = contents.as_deref().and_then(reordered) else { return Ok(false) };
        let keep = keep_order(&self.database, self.access(), &order);
        let is_kept = matches!(self.run(keep).await, Ok((true, _)));
        if !is_kept {
            tracing::warn!(
                "{}: event triggers cannot be made last: its container has no `dd`, or no room in /dev/shm",
                self.database.container
            );
            self.drop_order().await;
        }
        Ok(is_kept)
    }

    /// The order was in its container's memory. What cannot be removed goes with the container.
    async fn drop_order(&self) {
        let _ = self.run(drop_order(&self.database, self.access())).await;
    }

    /// Loads a dump; answers what passed by: bytes and their SHA-256.
    ///
    /// # Errors
    /// When the repository cannot give all of it, or the database does not take all of it.
    pub(crate) async fn load(
        &self,
        repository: &Repository,
        snapshot: &str,
        path: &str,
    ) -> Result<(u64, String), Problem> {
        let unreadable = |why: &str| {
            Problem::transient(
                Code::RES001,
                format!("The dump {path} cannot be read whole from the repository: {why}"),
                "`letsbe-node backup check` says what is damaged. Use another set.",
            )
        };
        let mut reader = repository
            .dump(snapshot, path, Stdio::piped())
            .map_err(|error| unreadable(&error.to_string()))?;
        let (Some(mut dump), Some(complaints)) = (reader.stdout.take(), reader.stderr.take()) else {
            return Err(self.trouble("has no pipe"));
        };
        let complaints = tokio::spawn(words(complaints));
        let mut head = Vec::new();
        let has_order = self.ordered(&mut dump, &mut head).await?;
        let mut client = self.loading(has_order).process();
        client.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = |error: std::io::Error| self.trouble(&format!("cannot be asked: {error}"));
        let mut client = client.spawn().map_err(start)?;
        let Some(input) = client.stdin.take() else { return Err(self.trouble("has no pipe")) };
        let passed = self.pass((&head[..]).chain(dump), input).await;
        let complaints = complaints.await.unwrap_or_default();
        let passed = passed.map_err(|error| unreadable(&error.to_string()))?;
        let read = reader.wait().await.map_err(|error| unreadable(&error.to_string()))?;
        let loaded = client.wait().await.map_err(start)?;
        if has_order {
            self.drop_order().await;
        }
        if !read.success() {
            return Err(unreadable(complaints.trim()));
        }
        if !loaded.success() || !passed.whole {
            let code = loaded.code().unwrap_or(-1);
            return Err(self.trouble(&format!("did not take the dump (exit code {code} of its client)")));
        }
        Ok((passed.bytes, hex::encode(passed.hash.finalize())))
    }

    /// Hands everything over. A client that ends early takes no more; the rest is still read, for the reader's own
    /// end to be known.
    async fn pass(
        &self,
        mut dump: impl AsyncRead + Unpin,
        input: tokio::process::ChildStdin,
    ) -> std::io::Result<Passed> {
        let mut passed = Passed { bytes: 0, hash: Sha256::new(), whole: true };
        let mut open = Some(input);
        if let (Some(line), Some(input)) = (first_line(&self.database, &self.password), open.as_mut()) {
            passed.whole = input.write_all(line.expose().as_bytes()).await.is_ok();
        }
        let mut piece = vec![0; PIECE];
        loop {
            let length = dump.read(&mut piece).await?;
            if length == 0 {
                if let Some(mut input) = open {
                    passed.whole &= input.shutdown().await.is_ok();
                }
                return Ok(passed);
            }
            passed.bytes += length as u64;
            passed.hash.update(&piece[..length]);
            if let Some(input) = open.as_mut()
                && input.write_all(&piece[..length]).await.is_err()
            {
                passed.whole = false;
                open = None;
            }
        }
    }

    /// What the database holds now.
    pub(crate) async fn facts(&self, (bytes, sha256): (u64, String)) -> Result<DatabaseFacts, Problem> {
        let command = counts(&self.database, self.access()).within(COUNT_TIME);
        let (well, text) = self.run(command).await?;
        if !well {
            return Err(self.trouble("does not count its rows"));
        }
        let tables = parse_counts(&text).map_err(|_| self.trouble("counts its rows in an unknown form"))?;
        Ok(DatabaseFacts {
            engine: self.database.engine,
            bytes,
            sha256,
            tables,
            roles: None,
            others: None,
            server_version: None,
            data_version: None,
        })
    }

    fn trouble(&self, what: &str) -> Problem {
        let container = &self.database.container;
        Problem::transient(
            Code::RES006,
            format!("The database {} in {container} {what}", self.database.name),
            "What it printed is not repeated here: it may quote rows. `letsbe-node backup export` gives the dump.",
        )
    }
}

struct Passed {
    bytes: u64,
    hash: Sha256,
    /// Whether the client took all of it.
    whole: bool,
}

/// The beginning of what a program says; the rest is read and dropped.
async fn words(mut from: impl AsyncRead + Unpin) -> String {
    let mut text = Vec::new();
    let _ = (&mut from).take(WORDS).read_to_end(&mut text).await;
    let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use letsbe_backup::DatabaseSource;
    use letsbe_catalog::DatabaseEngine::Postgresql;

    use super::SandboxDatabase;
    use letsbe_base::layout::Layout;

    #[test]
    fn owners_and_grants_are_loaded_where_the_set_has_the_accounts_and_left_out_where_it_has_none() {
        let root = tempfile::tempdir().unwrap();
        let [container, name, user, password, login] =
            ["c", "shop", "tool", "key", "tool"].map(str::to_owned);
        let source = DatabaseSource { engine: Postgresql, container, name, user, password, login };
        for (roles, owners) in [(Some("CREATE ROLE app;\n"), true), (None, false)] {
            let layout = Layout::under(root.path());
            let database =
                SandboxDatabase::new(&layout, source.clone(), "x".into()).unwrap().with_roles(roles);
            let words = database.loading(false).arguments;
            assert_eq!(!words.contains(&"--no-owner".to_owned()), owners, "{words:?}");
        }
    }
}
