//! One server, from `initdb` to its end.

use std::{
    fs::{self, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

/// User and group `nobody` of Debian: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// Superuser of the cluster; trusted on its socket.
const USER: &str = "test";

/// Nothing has to outlive the tests.
const SETTINGS: &str = "
listen_addresses = ''
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
autovacuum = off
jit = off
max_connections = 400
shared_buffers = 64MB
unix_socket_permissions = 0777
";

/// `sh` waits for the end of its input, which comes with the end of the test program, even a killed one; then it ends
/// the server at once and removes the folder. Arguments: the folder, then the server's command.
const SUPERVISOR: &str = r#"
folder=$1; shift
"$@" </dev/null >"$folder/log" 2>&1 & server=$!
read -r _
kill -QUIT "$server"; wait "$server"
cd / && rm -rf "$folder"
"#;

/// A server that ends with this process.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    /// Its input is open as long as the server shall run.
    _supervisor: Child,
}

/// PostgreSQL's own programs, of the newest version that is installed.
///
/// # Panics
/// When none is installed.
#[must_use]
pub fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is installed (xtask/scripts/install-test-programs.sh)");
    let versions = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    versions.filter(|folder| folder.join("initdb").exists()).max().expect("PostgreSQL's programs")
}

/// Whether this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A command that runs as `nobody` where this process is root.
#[must_use]
pub fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

impl Server {
    /// The server of this test program; the first call starts it.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    /// Makes a cluster in a folder of its own and starts its server.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("letsbe-pg-").tempdir().expect("a folder");
        // The supervisor removes it.
        let folder = folder.keep();
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).expect("given away");
        }
        let (data, programs) = (folder.join("data"), programs());
        let made = unprivileged(&programs.join("initdb"))
            .args(["--username", USER, "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync"])
            .arg("--no-instructions")
            .arg("--pgdata")
            .arg(&data)
            .current_dir("/")
            .output()
            .expect("initdb starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let settings = OpenOptions::new().append(true).open(data.join("postgresql.conf"));
        settings.and_then(|mut file| file.write_all(SETTINGS.as_bytes())).expect("its settings");
        let script = folder.join("supervise");
        fs::write(&script, SUPERVISOR).expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("readable for all");
        let mut supervisor = unprivileged("/bin/sh".as_ref());
        supervisor.arg(&script).arg(&folder);
        supervisor.arg(programs.join("postgres")).arg("-D").arg(&data).arg("-k").arg(&folder);
        // A Ctrl-C is for the test program; its end is what ends the server.
        supervisor.process_group(0).current_dir("/");
        supervisor.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { folder, _supervisor: supervisor.spawn().expect("sh starts") };
        server.wait_until_ready();
        server
    }

    /// The address of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@localhost/{database}?host={}", self.folder.display())
    }

    /// The folder with its socket.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// The server answers as soon as it has written so into its log.
    fn wait_until_ready(&self) {
        let mut said = String::new();
        for _ in 0..1_000 {
            said.clear();
            let log = std::fs::File::open(self.folder.join("log"));
            log.and_then(|mut log| log.read_to_string(&mut said)).ok();
            if said.contains("ready to accept connections") {
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(30));
        }
        panic!("PostgreSQL did not start: {said}");
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::Server;

    /// Starts a server, says where, and waits to be killed. Only the test below asks for it.
    const CHILD: &str = "LETSBE_TEST_POSTGRES_CHILD";

    #[test]
    fn a_server_ends_and_leaves_nothing_when_its_test_program_is_killed() {
        if std::env::var_os(CHILD).is_some() {
            let server = Server::start();
            println!("\nfolder {}", server.socket_folder().display());
            loop {
                std::thread::park();
            }
        }
        let name = "server::tests::a_server_ends_and_leaves_nothing_when_its_test_program_is_killed";
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let said = std::io::BufReader::new(child.stdout.take().expect("its output"));
        let folder = std::io::BufRead::lines(said)
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("folder ").map(std::path::PathBuf::from))
            .expect("its server runs");
        assert!(folder.join("data/postmaster.pid").exists());
        child.kill().expect("killed");
        child.wait().expect("ended");
        for _ in 0..1_000 {
            if !folder.exists() {
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(30));
        }
        panic!("{} is still there", folder.display());
    }
}
