//! Databases that run on this machine, found by a rotation as if they ran in their containers.

use std::{
    net::{Ipv4Addr, TcpListener},
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command as Process, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use letsbe_catalog::DatabaseEngine;
use letsbe_host::{
    Command, CommandOutput, FileWrite, LocalMachine, Machine, MachineError, machine::FileState,
};
use letsbe_types::Secret;
use letsbe_vault::rotation::{DatabaseChange, NewPassword};
use tokio::sync::Notify;

use super::{OLD, SECRETS, key};

const CONTAINER: &str = "letsbe-big-db";
const PATIENCE: Duration = Duration::from_secs(90);
/// Of the clients that give passwords this one is the last of a process that is killed.
const DEADLY: usize = 2;
const NOBODY: u32 = 65_534;

/// A database that runs on this machine, until it is dropped.
pub(super) struct Database {
    engine: DatabaseEngine,
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
    pub(super) ran: Clients,
}

/// What was asked of the machine.
#[derive(Default)]
pub(super) struct Clients {
    /// Clients that were started, and those of them that give passwords.
    pub(super) all: AtomicUsize,
    told: AtomicUsize,
    /// Clients that run at this moment, and the most there ever were.
    now: AtomicUsize,
    pub(super) most: AtomicUsize,
    /// Told when a client starts that gives passwords, and some have done so before.
    pub(super) killed: Notify,
}

/// Until a client has ended, or nobody waits for it any more.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Clients {
    fn begins(&self) -> Running<'_> {
        self.all.fetch_add(1, Relaxed);
        self.most.fetch_max(self.now.fetch_add(1, Relaxed) + 1, Relaxed);
        Running(&self.now)
    }
}

impl Drop for Database {
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
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    if is_root() {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("given away");
    }
    folder
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|one| one.local_addr()).expect("a port").port()
}

fn must(mut process: Process) {
    assert!(process.status().expect("it starts").success(), "{process:?}");
}

/// PostgreSQL's own programs, of the newest version that is installed.
fn postgresql_programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let versions = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    versions.filter(|folder| folder.join("initdb").exists()).max().expect("its programs")
}

impl Database {
    pub(super) fn postgresql() -> Self {
        let (folder, port, programs) = (folder(), free_port(), postgresql_programs());
        let [data, first] = ["data", "first"].map(|name| folder.path().join(name));
        std::fs::write(&first, OLD).expect("written");
        let mut make = as_nobody(&programs.join("initdb"));
        make.args(["--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        make.args(["--auth-local=trust", "--auth-host=scram-sha-256"]).arg("--pgdata").arg(&data);
        make.arg("--pwfile").arg(&first);
        must(make);
        let mut server = as_nobody(&programs.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-p", &port.to_string()]);
        server.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        Self::started(DatabaseEngine::Postgresql, server, folder, port)
    }

    pub(super) fn mariadb() -> Self {
        let (folder, port) = (folder(), free_port());
        let data = format!("--datadir={}", folder.path().join("data").display());
        let mut make = as_nobody("/usr/bin/mariadb-install-db".as_ref());
        make.args(["--no-defaults", &data, "--skip-test-db", "--auth-root-authentication-method=normal"]);
        must(make);
        let mut server = as_nobody("/usr/sbin/mariadbd".as_ref());
        let place = |name: &str| folder.path().join(name).display().to_string();
        server.args([
            "--no-defaults",
            &data,
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--skip-ssl",
        ]);
        server.arg(format!("--socket={}", place("socket"))).arg(format!("--port={port}"));
        server.arg(format!("--pid-file={}", place("pid")));
        server.args(["--character-set-server=utf8mb4", "--skip-log-bin"]);
        Self::started(DatabaseEngine::Mariadb, server, folder, port)
    }

    fn started(engine: DatabaseEngine, mut server: Process, folder: tempfile::TempDir, port: u16) -> Self {
        let child = server.spawn().expect("the database starts");
        Self { engine, child, folder, port, ran: Clients::default() }
    }

    /// Makes the accounts, all with the old password; the superuser has it too.
    pub(super) async fn filled(self) -> Self {
        let users = (1..SECRETS).map(|number| format!("user{number}"));
        let (client, statements): (Command, String) = match self.engine {
            DatabaseEngine::Postgresql => {
                // Hashed once for all of them.
                let each = "FOR one IN 1..last LOOP EXECUTE format('CREATE ROLE user%s LOGIN PASSWORD %L', one, \
                            (SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres')); END LOOP;";
                let each = each.replace("last", &(SECRETS - 1).to_string());
                let client = Command::words("psql -X -q -v ON_ERROR_STOP=1 -U postgres -d postgres");
                (client, format!("DO $$ BEGIN {each} END $$;"))
            }
            _ => {
                let accounts: String =
                    users.map(|user| format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{OLD}';\n")).collect();
                // Others are made for the names of this machine, which the server then does not look at.
                let root = format!(
                    "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost'; FLUSH PRIVILEGES; \
                     SET PASSWORD FOR 'root'@'localhost' = PASSWORD('{OLD}');\n"
                );
                (Command::words("mariadb --no-defaults --user=root"), accounts + &root)
            }
        };
        let client = self.local(client).with_input(Secret::new(statements));
        let since = Instant::now();
        loop {
            let said = LocalMachine.run(&client).await.expect("a client");
            if said.success() {
                return self;
            }
            assert!(since.elapsed() < PATIENCE, "{}", said.stderr);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The client finds the database on this machine as it would in its container.
    fn local(&self, command: Command) -> Command {
        let (folder, port) = (self.folder.path().display(), self.port.to_string());
        let command = command.env("PGHOST", folder.to_string()).env("PGPORT", port.clone());
        command.env("MYSQL_UNIX_PORT", format!("{folder}/socket")).env("MYSQL_TCP_PORT", port)
    }

    pub(super) fn change(&self) -> DatabaseChange {
        let superuser = if self.engine == DatabaseEngine::Postgresql { "postgres" } else { "root" };
        let superuser = NewPassword { user: superuser.to_owned(), key: key(0) };
        let account = |number| NewPassword { user: format!("user{number}"), key: key(number) };
        let accounts = (1..SECRETS).map(account);
        DatabaseChange {
            engine: self.engine,
            service: "127.0.0.1".to_owned(),
            container: CONTAINER.to_owned(),
            name: "postgres".to_owned(),
            passwords: accounts.chain([superuser.clone()]).collect(),
            superuser,
        }
    }
}

#[async_trait]
impl Machine for Database {
    async fn run(&self, command: &Command) -> Result<CommandOutput, MachineError> {
        let words: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
        let (program, rest) = match words.as_slice() {
            ["start", CONTAINER] => return Ok(CommandOutput::default()),
            // Debian's own psql is a script that looks for this one.
            ["exec", "--interactive", CONTAINER, "psql", rest @ ..] => {
                (postgresql_programs().join("psql"), rest)
            }
            ["exec", "--interactive", CONTAINER, program, rest @ ..] => (PathBuf::from(program), rest),
            other => panic!("a rotation of databases calls no {other:?}"),
        };
        let mut client = self.local(Command::new(&program.to_string_lossy(), rest.iter().copied()));
        client.input.clone_from(&command.input);
        let input = client.input.as_ref().map_or("", |input| input.expose().as_str());
        if input.contains("ALTER ") && self.ran.told.fetch_add(1, Relaxed) + 1 == DEADLY {
            self.ran.killed.notify_one();
        }
        let _running = self.ran.begins();
        LocalMachine.run(&client).await
    }

    async fn read(&self, _: &Path) -> Result<Option<FileState>, MachineError> {
        unreachable!("a rotation reads no files")
    }

    async fn list(&self, _: &Path) -> Result<Vec<String>, MachineError> {
        unreachable!("a rotation reads no folders")
    }

    async fn write(&self, _: &FileWrite) -> Result<(), MachineError> {
        unreachable!("a rotation writes no files")
    }

    async fn remove(&self, _: &Path) -> Result<(), MachineError> {
        unreachable!("a rotation removes no files")
    }

    async fn make_folder(&self, _: &Path, _: u32) -> Result<(), MachineError> {
        unreachable!("a rotation makes no folders")
    }
}
