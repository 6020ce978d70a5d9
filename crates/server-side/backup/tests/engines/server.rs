//! A database of this machine's own, asked as if it ran in its container.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command as Process, Stdio},
    time::{Duration, Instant},
};

use letsbe_backup::{
    Access, DatabaseSource, DumpCounter, contents, counts, drop_order, dump, in_order, keep_order, load,
    load_with_owners, make_roles, others, parse_counts, parse_others, prepare, reordered, roles, variables,
};
use letsbe_catalog::DatabaseEngine;
use letsbe_host::Command;
use letsbe_types::Secret;

const PATIENCE: Duration = Duration::from_secs(90);
const NOBODY: u32 = 65_534;

/// A database that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) source: DatabaseSource,
    child: Child,
    folder: tempfile::TempDir,
}

/// A dump with what makes its accounts, and the rows that it is said to hold.
pub(crate) struct Taken {
    pub(crate) dump: Vec<u8>,
    pub(crate) roles: String,
    pub(crate) rows: BTreeMap<String, u64>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Databases refuse to run as root.
fn as_nobody(program: &Path) -> Process {
    let mut process = Process::new(program);
    if is_root() {
        process.uid(NOBODY).gid(NOBODY);
    }
    process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    process
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    if is_root() {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("given away");
    }
    folder
}

fn must(mut process: Process) {
    assert!(process.status().expect("it starts").success(), "{process:?}");
}

/// PostgreSQL's own programs, of the newest version that is installed.
fn postgresql_programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let versions = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    versions.filter(|folder| folder.join("initdb").exists()).max().expect("its programs")
}

impl Server {
    /// With an empty database `shop`, as its image makes it.
    pub(crate) fn postgresql() -> Self {
        let (folder, programs) = (folder(), postgresql_programs());
        let data = folder.path().join("data");
        let mut make = as_nobody(&programs.join("initdb"));
        make.args(["--username=tool", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--auth=trust"]);
        make.arg("--pgdata").arg(&data);
        must(make);
        let mut server = as_nobody(&programs.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(folder.path());
        server.args(["-c", "listen_addresses=", "-c", "fsync=off"]);
        let server = Self::started(DatabaseEngine::Postgresql, "tool", server, folder);
        server.sql("postgres", "CREATE DATABASE shop");
        server
    }

    /// With an empty database `shop`, as its image makes it.
    pub(crate) fn mariadb() -> Self {
        let folder = folder();
        let place = |name: &str| folder.path().join(name).display().to_string();
        let data = format!("--datadir={}", place("data"));
        let mut make = as_nobody("/usr/bin/mariadb-install-db".as_ref());
        make.args(["--no-defaults", &data, "--skip-test-db", "--auth-root-authentication-method=normal"]);
        must(make);
        let mut server = as_nobody("/usr/sbin/mariadbd".as_ref());
        server.args(["--no-defaults", &data, "--skip-networking", "--skip-log-bin"]);
        server.args([format!("--socket={}", place("socket")), format!("--pid-file={}", place("pid"))]);
        server.arg("--character-set-server=utf8mb4");
        let server = Self::started(DatabaseEngine::Mariadb, "root", server, folder);
        server.sql("mysql", "CREATE DATABASE shop; CREATE USER tool@'%'; GRANT ALL ON shop.* TO tool@'%'");
        server
    }

    fn started(engine: DatabaseEngine, login: &str, mut server: Process, folder: tempfile::TempDir) -> Self {
        let child = server.spawn().expect("the database starts");
        let [container, name, user, password] = ["c", "shop", "tool", "key"].map(str::to_owned);
        let source = DatabaseSource { engine, container, name, user, password, login: login.to_owned() };
        let text = variables(&source, &Secret::from(""));
        fs::write(folder.path().join("variables"), text.expose()).expect("written");
        let server = Self { source, child, folder };
        let since = Instant::now();
        let first = if engine == DatabaseEngine::Postgresql { "postgres" } else { "mysql" };
        while let Err(why) = server.told(first, "SELECT 1") {
            assert!(since.elapsed() < PATIENCE, "{why}");
            std::thread::park_timeout(Duration::from_millis(100));
        }
        server
    }

    /// Whatever its superuser says, as a person would: nothing that we set for our clients is set.
    pub(crate) fn told(&self, database: &str, text: &str) -> Result<String, String> {
        let superuser = if self.source.engine == DatabaseEngine::Postgresql { "tool" } else { "root" };
        self.told_by(superuser, database, text)
    }

    /// The same by somebody else.
    pub(crate) fn told_by(&self, who: &str, database: &str, text: &str) -> Result<String, String> {
        let words = match self.source.engine {
            DatabaseEngine::Postgresql => "psql -X -q -A -t -v ON_ERROR_STOP=1",
            _ => "mariadb --no-defaults --batch --skip-column-names --default-character-set=utf8mb4",
        };
        let user = if self.source.engine == DatabaseEngine::Postgresql { "--username" } else { "--user" };
        let user = format!("{user}={who}");
        let mut words: Vec<&str> = words.split(' ').collect();
        words.extend([user.as_str(), database]);
        self.ended(self.client(&words), text.as_bytes())
            .map(|output| String::from_utf8_lossy(&output).into_owned())
    }

    pub(crate) fn sql(&self, database: &str, text: &str) -> String {
        self.told(database, text).unwrap_or_else(|why| panic!("{why}"))
    }

    /// The client finds the database on this machine as it would in its container.
    fn client(&self, words: &[&str]) -> Process {
        let program = match self.source.engine {
            DatabaseEngine::Postgresql => {
                Some(postgresql_programs().join(words[0])).filter(|own| own.exists())
            }
            _ => None,
        };
        let program = program.unwrap_or_else(|| PathBuf::from(words[0]));
        let mut client = Process::new(program);
        client.args(&words[1..]).env("PGHOST", self.folder.path());
        client.env("MYSQL_UNIX_PORT", self.folder.path().join("socket"));
        client
    }

    fn ended(&self, mut client: Process, input: &[u8]) -> Result<Vec<u8>, String> {
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = client.spawn().map_err(|error| error.to_string())?;
        let (mut pipe, input) = (child.stdin.take().expect("an input"), input.to_owned());
        // A client that stops at an error does not read the rest.
        let feed = std::thread::spawn(move || drop(pipe.write_all(&input)));
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        feed.join().expect("fed");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(output.stdout) } else { Err(said) }
    }

    /// Carries a command of ours out, with its own input or this one.
    pub(crate) fn run(
        &self,
        command: impl Fn(&DatabaseSource, Access<'_>) -> Command,
        input: &[u8],
    ) -> Result<Vec<u8>, String> {
        let file = self.folder.path().join("variables");
        let command = command(&self.source, Access { variables: &file });
        let mut words: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
        assert_eq!(words[..2], ["exec", "--interactive"]);
        if self.source.engine != DatabaseEngine::Postgresql {
            // What this machine's clients are told in /etc, those of an image are not.
            words.insert(6, "--no-defaults");
        }
        let mut client = self.client(&words[5..]);
        let text = fs::read_to_string(file).expect("read");
        client.envs(text.lines().filter_map(|line| line.split_once('=')));
        let own = command.input.as_ref().map(|input| input.expose().as_bytes());
        self.ended(client, own.unwrap_or(input))
    }

    /// A place that the database's clients may write to.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The roles as a set of a former release has them.
    pub(crate) fn roles_of_a_former_release(&self) -> String {
        let words = ["pg_dumpall", "--roles-only", "--no-role-passwords", "--username=tool"];
        let text = self.ended(self.client(&words), b"").unwrap_or_else(|why| panic!("{why}"));
        String::from_utf8(text).expect("text")
    }

    pub(crate) fn counted(&self) -> BTreeMap<String, u64> {
        let output = self.run(counts, b"").unwrap_or_else(|why| panic!("{why}"));
        parse_counts(&String::from_utf8(output).expect("names in one encoding")).expect("counts")
    }

    /// Dumps it as a night does.
    pub(crate) fn taken(&self) -> Taken {
        let dump = self.run(|of, access| dump(of, access, None), b"").unwrap_or_else(|why| panic!("{why}"));
        let made = self.run(|of, access| roles(of, access).expect("it has accounts"), b"");
        let roles = String::from_utf8(made.unwrap_or_else(|why| panic!("{why}"))).expect("text");
        let mut counter = DumpCounter::new(self.source.engine);
        counter.feed(&dump);
        let (_, _, rows) = counter.finish().expect("a whole dump");
        let rows = if self.source.engine == DatabaseEngine::Postgresql { self.counted() } else { rows };
        Taken { dump, roles, rows }
    }

    /// Loads it as a stage does: accounts, dump, accounts.
    pub(crate) fn given(&self, taken: &Taken) -> Result<(), String> {
        let make =
            |of: &DatabaseSource, access: Access<'_>| make_roles(of, access, &taken.roles).expect("accounts");
        if self.source.engine != DatabaseEngine::Postgresql {
            self.run(|of, access| prepare(of, access).expect("something to prepare"), b"")?;
        }
        self.run(make, b"")?;
        self.loaded(load_with_owners, &taken.dump)?;
        self.run(make, b"").map(drop)
    }

    /// In the order that the dump should be taken in.
    fn loaded(
        &self,
        load: impl Fn(&DatabaseSource, Access<'_>) -> Command,
        dump: &[u8],
    ) -> Result<(), String> {
        if self.source.engine != DatabaseEngine::Postgresql {
            return self.run(load, dump).map(drop);
        }
        let told = self.run(|of, access| contents(of, access).expect("PostgreSQL's"), dump)?;
        let Some(order) = reordered(&String::from_utf8_lossy(&told)) else {
            return self.run(load, dump).map(drop);
        };
        let kept = self.run(|of, access| keep_order(of, access, &order), b"");
        let loaded = kept.and_then(|_| self.run(|of, access| in_order(load(of, access), access), dump));
        self.run(drop_order, b"")?;
        let access = Access { variables: &self.beside("variables") };
        let words = drop_order(&self.source, access).arguments;
        assert!(!Path::new(words.last().expect("its place")).exists(), "nothing is left of it");
        loaded.map(drop)
    }

    /// Databases beside the tool's own.
    pub(crate) fn others(&self) -> Vec<String> {
        let told = self.run(|of, access| others(of, access).expect("a superuser's"), b"");
        let told = told.unwrap_or_else(|why| panic!("{why}"));
        parse_others(&String::from_utf8(told).expect("text"), &[&self.source.name]).expect("names")
    }

    /// Loads it as a set of a former release is, which has no accounts.
    pub(crate) fn given_bare(&self, taken: &Taken) -> Result<(), String> {
        self.loaded(load, &taken.dump)
    }
}
