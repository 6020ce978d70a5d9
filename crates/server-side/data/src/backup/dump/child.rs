//! `letsbe-node backup dump`: what the repository's program starts to get a database's dump. The dump passes by on its
//! way and is counted; its facts are left in a folder in memory, with a marker as soon as its transaction has begun.

mod session;

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use letsbe_backup::{
    Access, DatabaseFacts, DatabaseSource, DumpCounter, dump, first_line, others, parse_others, roles,
    session, variables, with_first_line,
};
use letsbe_catalog::DatabaseEngine;
use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_types::{Code, Problem, Secret, crash};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    process::Child,
};

use self::session::Session;
use crate::backup::{components, points, repositories, versions};
use letsbe_base::{files, layout::Layout, server::TenantServer};

/// A dump passes by in pieces of this size.
const PIECE: usize = 256 << 10;
/// No more of what a client says about its failure is kept.
const WORDS: u64 = 16 << 10;
/// No more is kept of what makes the server's roles.
const ROLES: usize = 1 << 20;

/// What is dumped.
#[derive(clap::Args)]
pub struct DumpArguments {
    /// The tool.
    #[arg(long)]
    tool: String,
    /// Its database.
    #[arg(long)]
    database: String,
    /// Folder for the facts.
    #[arg(long)]
    facts: PathBuf,
}

/// Dumps a database to standard output. Nothing but the dump is printed there, not even why it failed.
pub(in crate::backup) async fn carry_out(layout: &Layout, arguments: &DumpArguments) -> u8 {
    match run_dump(layout, arguments).await {
        Ok(()) => 0,
        Err(problem) => {
            tracing::error!("{problem}");
            let path = left(&arguments.facts, &arguments.database, "problem");
            drop(files::write_json(&path, &problem));
            1
        }
    }
}

async fn run_dump(layout: &Layout, arguments: &DumpArguments) -> Result<(), Problem> {
    let server = TenantServer::read(layout)?;
    let part = components::selected(&server, Some(&arguments.tool))?.remove(0);
    let database = part
        .databases()
        .find(|database| database.name == arguments.database)
        .ok_or_else(|| failed(&arguments.database, "the catalog knows no such database of this tool"))?;
    let vault = server.vault()?;
    let password = vault
        .entry(&part.name, &database.password)
        .map(|entry| entry.present.clone())
        .ok_or_else(|| failed(&database.name, "the vault has no password for it"))?;
    let folder = repositories::volatile_folder(layout, "tap")?;
    let variables_file = folder.path().join("variables");
    let job = Dump { database, password, variables: variables_file, facts: &arguments.facts };
    files::write(&job.variables, variables(database, &job.password).expose().as_bytes())?;
    let mut facts = job.pass(&mut tokio::io::stdout()).await?;
    let neighbours = part.databases().filter(|one| one.container == database.container);
    let own: Vec<&str> = neighbours.map(|one| one.name.as_str()).collect();
    facts.others = job
        .others(&own)
        .await
        .inspect_err(|problem| tracing::warn!("which other databases its server has is not known: {problem}"))
        .ok();
    let tool = server.tools().find(|tool| tool.name.as_str() == arguments.tool);
    let statement = tool.and_then(|tool| versions::statement(tool, &database.name));
    let access = Access { variables: &job.variables };
    (facts.server_version, facts.data_version) = versions::of_database(database, access, statement).await;
    files::write_json(&left(&arguments.facts, &database.name, "facts"), &facts)
}

struct Dump<'a> {
    database: &'a DatabaseSource,
    password: Secret<String>,
    variables: PathBuf,
    facts: &'a Path,
}

impl Dump<'_> {
    async fn pass(&self, to: &mut (impl AsyncWrite + Unpin)) -> Result<DatabaseFacts, Problem> {
        let access = Access { variables: &self.variables };
        if self.database.engine != DatabaseEngine::Postgresql {
            let mut facts = self.counted(dump(self.database, access, None), to).await?;
            facts.roles = self.roles(access).await.unwrap_or_else(|problem| {
                tracing::warn!("accounts that triggers and views run as are not in the set: {problem}");
                None
            });
            return Ok(facts);
        }
        let mut session = Session::open(&session(self.database, access)).map_err(|why| self.failed(&why))?;
        let snapshot = session.snapshot().await.map_err(|why| self.failed(&why))?;
        // The transaction that the dump will use is there, and with it the moment that the dump shows.
        self.mark_begun()?;
        let command = dump(self.database, access, Some(&snapshot));
        let (facts, tables) = tokio::join!(self.counted(command, to), session.counts());
        let (mut facts, tables) = (facts?, tables.map_err(|why| self.failed(&why))?);
        session.close().await.map_err(|why| self.failed(&why))?;
        facts.tables = tables;
        facts.roles = self.roles(access).await?;
        Ok(facts)
    }

    /// The server's roles: without them a dump of PostgreSQL is of no use to another server.
    async fn roles(&self, access: Access<'_>) -> Result<Option<String>, Problem> {
        let Some(command) = roles(self.database, access) else { return Ok(None) };
        let output = LocalMachine.run(&command).await.map_err(|error| self.failed(&error.to_string()))?;
        if !output.success() {
            return Err(self.failed(&format!("its roles could not be read: {}", output.tail())));
        }
        if output.stdout.len() > ROLES {
            return Err(self.failed("its roles take more than a megabyte"));
        }
        Ok(Some(output.stdout))
    }

    /// Databases of the same server that no set has.
    async fn others(&self, own: &[&str]) -> Result<Vec<String>, Problem> {
        let Some(command) = others(self.database, Access { variables: &self.variables }) else {
            return Ok(Vec::new());
        };
        let command = with_first_line(command, self.database, &self.password);
        let output = LocalMachine.run(&command).await.map_err(|error| self.failed(&error.to_string()))?;
        if !output.success() {
            return Err(self.failed(&output.tail()));
        }
        parse_others(&output.stdout, own).map_err(|why| self.failed(&why))
    }

    /// Runs the dump, passes it on, and counts it.
    async fn counted(
        &self,
        command: Command,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<DatabaseFacts, Problem> {
        let started = |error: std::io::Error| self.failed(&format!("{}: {error}", command.program));
        let first = first_line(self.database, &self.password);
        let mut process = command.process();
        if first.is_some() {
            process.stdin(Stdio::piped());
        }
        let mut child = process.spawn().map_err(started)?;
        if let (Some(mut input), Some(line)) = (child.stdin.take(), first) {
            input.write_all(line.expose().as_bytes()).await.map_err(started)?;
        }
        let words = child.stderr.take().map(said);
        let words =
            tokio::spawn(async move { if let Some(words) = words { words.await } else { String::new() } });
        let counter = self.passed(&mut child, to).await;
        let status = child.wait().await.map_err(started)?;
        let words = words.await.unwrap_or_default();
        let counter = counter?;
        if !status.success() {
            return Err(self.failed(&ending(status, &words)));
        }
        let (bytes, sha256, tables) = counter.finish().map_err(|why| self.failed(&why))?;
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

    async fn passed(
        &self,
        child: &mut Child,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<DumpCounter, Problem> {
        let broken = |error: std::io::Error| self.failed(&format!("the dump cannot be passed on: {error}"));
        let mut counter = DumpCounter::new(self.database.engine);
        let mut marked = self.database.engine == DatabaseEngine::Postgresql;
        let Some(mut dump) = child.stdout.take() else { return Ok(counter) };
        let mut piece = vec![0; PIECE];
        loop {
            let length = dump.read(&mut piece).await.map_err(broken)?;
            if length == 0 {
                to.flush().await.map_err(broken)?;
                return Ok(counter);
            }
            counter.feed(&piece[..length]);
            if !marked && counter.has_begun() {
                self.mark_begun()?;
                marked = true;
            }
            to.write_all(&piece[..length]).await.map_err(broken)?;
            // In the middle of it: some has been passed on, and the end is not known.
            crash::point(&points::DUMPING);
        }
    }

    fn mark_begun(&self) -> Result<(), Problem> {
        files::write(&begun(self.facts, &self.database.name), b"")
    }

    /// A client may quote what it was given.
    fn failed(&self, why: &str) -> Problem {
        failed(&self.database.name, &why.replace(self.password.expose().as_str(), "‹password›"))
    }
}

/// The end of what a client says; the rest is read away, so that it never waits for us.
async fn said(mut from: impl AsyncRead + Unpin) -> String {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(length) = from.read(&mut piece).await {
        if length == 0 {
            break;
        }
        if (text.len() as u64) < WORDS {
            text.extend_from_slice(&piece[..length]);
        }
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}

fn ending(status: ExitStatus, words: &str) -> String {
    let code =
        status.code().map_or_else(|| "a signal ended it".to_owned(), |code| format!("exit code {code}"));
    let words: Vec<&str> = words.lines().filter(|line| !line.trim().is_empty()).collect();
    format!("{code}: {}", words[words.len().saturating_sub(3)..].join(" ⏎ "))
}

/// There as soon as the dump's own transaction has begun.
pub(in crate::backup) fn begun(folder: &Path, database: &str) -> PathBuf {
    left(folder, database, "begun")
}

/// The facts of a dump that succeeded.
///
/// # Errors
/// When there are none.
pub(in crate::backup) fn read_facts(folder: &Path, database: &str) -> Result<DatabaseFacts, Problem> {
    files::read_json(&left(folder, database, "facts"))?
        .ok_or_else(|| failed(database, "the dump told nothing about itself"))
}

/// Why a dump failed, if it said so.
pub(in crate::backup) fn why(folder: &Path, database: &str) -> Option<Problem> {
    files::read_json(&left(folder, database, "problem")).ok().flatten()
}

/// What a dump leaves in the folder of facts.
fn left(folder: &Path, database: &str, what: &str) -> PathBuf {
    folder.join(format!("{database}.{what}"))
}

/// A dump that failed.
pub(in crate::backup) fn failed(database: &str, why: &str) -> Problem {
    let why: String = why.chars().take(600).collect();
    Problem::transient(
        Code::BAK011,
        format!("The database {database} could not be dumped: {why}"),
        "See `docker logs` of its container. The sets of former nights are untouched.",
    )
}

#[cfg(test)]
mod tests {
    use letsbe_backup::DatabaseSource;
    use letsbe_catalog::DatabaseEngine;
    use letsbe_host::Command;

    use super::{Dump, Session, begun};

    fn database() -> DatabaseSource {
        DatabaseSource {
            engine: DatabaseEngine::Mariadb,
            container: "c".to_owned(),
            name: "shop".to_owned(),
            user: "u".to_owned(),
            password: "p".to_owned(),
            login: "root".to_owned(),
        }
    }

    const DUMP: &str = "-- MariaDB dump 10\nSTART TRANSACTION;\nINSERT INTO `a` VALUES (1);\n\
                        INSERT INTO `a` VALUES (2);\nCOMMIT;\n-- Dump completed\n";

    async fn dumped(
        command: Command,
    ) -> (Result<letsbe_backup::DatabaseFacts, letsbe_types::Problem>, Vec<u8>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let (database, mut passed) = (database(), Vec::new());
        let variables = folder.path().join("variables");
        let dump = Dump { database: &database, password: "canary".into(), variables, facts: folder.path() };
        let facts = dump.counted(command, &mut passed).await;
        (facts, passed, begun(folder.path(), "shop").exists())
    }

    #[tokio::test]
    async fn a_dump_passes_by_unchanged_and_its_facts_are_told() {
        let (facts, passed, begun) = dumped(Command::new("printf", ["%s", DUMP])).await;
        let facts = facts.unwrap();
        assert_eq!(String::from_utf8(passed).unwrap(), DUMP);
        assert_eq!((facts.bytes, facts.tables.get("a")), (DUMP.len() as u64, Some(&2)));
        assert!(begun);
    }

    #[tokio::test]
    async fn a_client_that_fails_fails_the_dump_and_quotes_no_password() {
        let script = "echo half; echo 'wrong password canary' >&2; exit 3";
        let (facts, _, _) = dumped(Command::new("bash", ["-c", script])).await;
        let problem = facts.unwrap_err();
        assert_eq!(problem.code, "BAK011");
        assert!(problem.message.contains("exit code 3") && !problem.message.contains("canary"), "{problem}");
    }

    #[tokio::test]
    async fn a_table_whose_name_is_no_text_is_counted() {
        let client = r"printf 'snapshot\t1-1\n3\tpublic.m\344rz\ncounted\n'; cat >/dev/null";
        let mut session = Session::open(&Command::new("bash", ["-c", client])).unwrap();
        assert_eq!(session.snapshot().await.unwrap(), "1-1");
        let rows = session.counts().await.unwrap();
        assert_eq!(rows, [("public.m\u{fffd}rz".to_owned(), 3)].into(), "as the other side has it");
        session.close().await.unwrap();
    }

    #[tokio::test]
    async fn half_a_dump_is_a_failure_even_if_its_client_says_otherwise() {
        let half = &DUMP[..DUMP.len() / 2];
        let (facts, _, _) = dumped(Command::new("printf", ["%s", half])).await;
        assert_eq!(facts.unwrap_err().code, "BAK011");
    }
}
