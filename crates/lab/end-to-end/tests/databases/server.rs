//! A database in a container of its own.

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use letsbe_backup::{
    Access, DatabaseSource, DumpCounter, counts, dump, load, parse_counts, ready, variables,
};
use letsbe_catalog::DatabaseEngine;
use letsbe_host::Command;
use letsbe_lab::{docker, images, wait::eventually};
use letsbe_types::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Characters of what a client says about its failure.
const SAID: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(90);
/// Hard to hand over: what it is must not matter.
const PASSWORD: &str = "ro'ot \"#$ä\\ =x";

/// What a counter says: bytes, hash, rows.
pub(crate) type Told = (u64, String, BTreeMap<String, u64>);

pub(crate) struct Server {
    pub(crate) source: DatabaseSource,
    folder: tempfile::TempDir,
}

/// How a process ended.
pub(crate) struct Ended {
    pub(crate) output: Vec<u8>,
    pub(crate) errors: String,
    pub(crate) success: bool,
}

impl Server {
    pub(crate) async fn mariadb() -> Self {
        let settings = ["MARIADB_DATABASE=shop", "MARIADB_USER=tool", "MARIADB_PASSWORD=tool"];
        Self::start(DatabaseEngine::Mariadb, "mariadb", &settings, "MARIADB_ROOT_PASSWORD", "root").await
    }

    pub(crate) async fn mysql() -> Self {
        let settings = ["MYSQL_DATABASE=shop", "MYSQL_USER=tool", "MYSQL_PASSWORD=tool"];
        Self::start(DatabaseEngine::Mysql, "mysql9", &settings, "MYSQL_ROOT_PASSWORD", "root").await
    }

    /// `database` is the one that the image makes.
    pub(crate) async fn postgresql(database: &str) -> Self {
        let settings = ["POSTGRES_USER=tool", &format!("POSTGRES_DB={database}")];
        Self::start(DatabaseEngine::Postgresql, "postgres", &settings, "POSTGRES_PASSWORD", "tool").await
    }

    async fn start(
        engine: DatabaseEngine,
        image: &str,
        settings: &[&str],
        password: &str,
        login: &str,
    ) -> Self {
        docker::ensure_engine().await.expect("the engine");
        let image = images::ensure(image).await.expect("the image");
        let password = format!("{password}={PASSWORD}");
        let mut arguments = vec!["run", "--detach", "--rm"];
        arguments.extend(settings.iter().chain([&password.as_str()]).flat_map(|one| ["--env", one]));
        arguments.push(&image);
        let container = docker::docker(&arguments).await.expect("the database starts");
        let [name, user, key] = ["shop", "tool", "database_root_password"].map(str::to_owned);
        let source = DatabaseSource { engine, container, name, user, password: key, login: login.to_owned() };
        let folder = tempfile::tempdir().expect("a folder");
        let text = variables(&source, &Secret::from(PASSWORD));
        std::fs::write(folder.path().join("variables"), text.expose()).expect("written");
        let server = Self { source, folder };
        eventually("the database", PATIENCE, || async {
            let command = server.with(ready);
            let ended = run(&command, b"").await;
            Ok(if ended.success { Ok(()) } else { Err(ended.errors) })
        })
        .await
        .expect("it becomes ready");
        server
    }

    pub(crate) fn with<T>(&self, command: impl Fn(&DatabaseSource, Access<'_>) -> T) -> T {
        command(&self.source, Access { variables: &self.folder.path().join("variables") })
    }

    pub(crate) async fn counted(&self) -> BTreeMap<String, u64> {
        let ended = run(&self.with(counts), b"").await;
        assert!(ended.success, "{}", ended.errors);
        parse_counts(&String::from_utf8(ended.output).expect("text")).expect("counts")
    }

    /// The dump, and what a counter said of it.
    pub(crate) async fn dumped(&self, snapshot: Option<&str>) -> (Vec<u8>, Told) {
        let command = self.with(|source, access| dump(source, access, snapshot));
        let ended = run(&command, b"").await;
        assert!(ended.success, "{}", ended.errors);
        let mut counter = DumpCounter::new(self.source.engine);
        ended.output.chunks(60_000).for_each(|piece| counter.feed(piece));
        assert!(counter.has_begun());
        let told = counter.finish().expect("a whole dump");
        (ended.output, told)
    }

    pub(crate) async fn loaded(&self, dump: &[u8]) -> Ended {
        run(&self.with(load), dump).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let arguments = ["rm", "--force", "--volumes", self.source.container.as_str()];
        let _ = std::process::Command::new("docker").args(arguments).output();
    }
}

/// Runs a command with this input, or with its own.
pub(crate) async fn run(command: &Command, input: &[u8]) -> Ended {
    let mut child = command.process().stdin(Stdio::piped()).spawn().expect("docker");
    let mut pipe = child.stdin.take().expect("an input");
    let own = command.input.as_ref().map(|input| input.expose().as_bytes());
    let input = own.unwrap_or(input).to_owned();
    // A client that stops at an error does not read the rest.
    let feed = tokio::spawn(async move { drop(pipe.write_all(&input).await) });
    let mut said = child.stderr.take().expect("errors");
    let errors = tokio::spawn(async move {
        let mut text = String::new();
        // A client quotes the whole statement before its error.
        let end =
            |text: String| text.chars().rev().take(SAID).collect::<Vec<_>>().into_iter().rev().collect();
        said.read_to_string(&mut text).await.map(|_| end(text))
    });
    let mut output = Vec::new();
    child.stdout.take().expect("an output").read_to_end(&mut output).await.expect("read");
    feed.await.expect("fed");
    let errors: String = errors.await.expect("read").expect("text");
    Ended { output, errors, success: child.wait().await.expect("an end").success() }
}
