//! A server in namespaces of its own: mounts, so that `/etc`, `/opt` and `/run` are the test's, and network, so that fixed
//! ports are free. systemd alone is played: it starts the unit's program with the unit's own rights.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command as Process, Stdio},
    sync::Mutex,
    time::Duration,
};

use async_trait::async_trait;
use letsbe_host::{
    Command, CommandOutput, FileWrite, LocalMachine, Machine, MachineError, machine::FileState,
};

const SETUP: &str = "set -e
mount --bind \"$0\" /etc
mount -t tmpfs -o mode=755,size=64m tmpfs /opt
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir /run/sshd /var/lib/fail2ban /var/lib/letsbe-sftp
ip link set lo up
echo ready
exec cat";

/// What a client said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) text: String,
}

/// The server. It ends with the test.
pub(crate) struct Namespace {
    folder: tempfile::TempDir,
    holder: Child,
    unit: Mutex<Unit>,
}

#[derive(Default)]
struct Unit {
    is_enabled: bool,
    /// The text that systemd has read.
    loaded: Option<String>,
    process: Option<Child>,
    since: u64,
    watch: Played,
    fail2ban: Played,
}

impl Unit {
    fn played(&mut self, name: &str) -> &mut Played {
        if name == WATCH { &mut self.watch } else { &mut self.fail2ban }
    }
}

/// A service that counts as started and never is: of uploads a test looks itself, and it starts fail2ban where it needs it.
#[derive(Default)]
struct Played {
    is_enabled: bool,
    since: Option<u64>,
}

const WATCH: &str = "letsbe-sftp-watch.service";
const FAIL2BAN: &str = "fail2ban.service";

fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("a clock").as_secs()
}

fn shown(name: &str, is_enabled: bool, since: Option<u64>) -> String {
    let active = if since.is_some() { "active" } else { "inactive" };
    let state = if is_enabled { "enabled" } else { "disabled" };
    format!(
        "Id={name}\nLoadState=loaded\nActiveState={active}\nUnitFileState={state}\nActiveEnterTimestamp=@{}\n",
        since.unwrap_or(0)
    )
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.stop();
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

impl Namespace {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let etc = folder.path().join("etc");
        assert!(Process::new("cp").arg("-a").arg("/etc").arg(&etc).status().expect("cp").success());
        for kind in ["ed25519", "rsa"] {
            let key = etc.join(format!("ssh/ssh_host_{kind}_key"));
            let _ = std::fs::remove_file(&key);
            let made = Process::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-f"]).arg(key).status();
            assert!(made.expect("ssh-keygen").success());
        }
        let mut holder = Process::new("unshare")
            .args(["--mount", "--net", "--propagation", "private", "sh", "-c", SETUP])
            .arg(&etc)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is installed");
        let mut line = String::new();
        BufReader::new(holder.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("it says so");
        assert_eq!(line, "ready\n");
        Self { folder, holder, unit: Mutex::default() }
    }

    /// A path of the server, as this process sees it.
    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref().strip_prefix("/").expect("an absolute path").to_owned();
        Path::new(&format!("/proc/{}/root", self.holder.id())).join(path)
    }

    /// A file outside of the server, for clients.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    }

    pub(crate) fn inside(&self, words: &[&str]) -> Process {
        let mut process = Process::new("nsenter");
        process.args(["--mount", "--net", &format!("--target={}", self.holder.id())]).args(words);
        process
    }

    fn stop(&self) {
        let mut unit = self.unit.lock().expect("whole");
        if let Some(mut process) = unit.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub(crate) fn runs(&self) -> bool {
        self.unit.lock().expect("whole").process.is_some()
    }

    /// What sshd wrote.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Starts what the unit's file says, with its rights, and waits until it listens.
    async fn restart(&self) {
        self.stop();
        let text = self.unit.lock().expect("whole").loaded.clone().expect("systemd was told of the unit");
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("{name}: {text}")).to_owned()
        };
        let paths = value("BindPaths");
        let (from, to) = paths.split_once(':').expect("two paths");
        let check = value("ExecStartPre");
        let check: Vec<&str> = check.split(' ').collect();
        assert!(self.inside(&check).status().expect("sshd").success(), "sshd refuses its settings");

        let capabilities =
            value("CapabilityBoundingSet").to_lowercase().replace("cap_", "+").replace(' ', ",");
        let (bounds, start) = (format!("--bounding-set=-all,{capabilities}"), value("ExecStart"));
        // As systemd does it: the mount is seen by this service alone.
        let bound = "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"";
        let mut words = vec!["unshare", "--mount", "--propagation", "private", "sh", "-c", bound, from, to];
        words.extend(["setpriv", "--no-new-privs", "--inh-caps=-all", &bounds]);
        words.extend(start.split(' '));
        words.push("-e");
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a log");
        let process = self.inside(&words).stderr(log).spawn().expect("it starts");
        {
            let mut unit = self.unit.lock().expect("whole");
            unit.process = Some(process);
            unit.since = now();
        }
        let up = async {
            while !self.log().contains("Server listening on 0.0.0.0 port 22023") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), up).await.unwrap_or_else(|_| panic!("{}", self.log()));
    }

    async fn systemctl(&self, words: &[&str]) -> String {
        match words {
            ["reset-failed", _] => {}
            ["restart", name @ (WATCH | FAIL2BAN)] => {
                self.unit.lock().expect("whole").played(name).since = Some(now());
            }
            ["enable", name @ (WATCH | FAIL2BAN)] => {
                self.unit.lock().expect("whole").played(name).is_enabled = true;
            }
            ["disable", "--now", WATCH] => self.unit.lock().expect("whole").watch = Played::default(),
            ["show", .., FAIL2BAN] => {
                let unit = self.unit.lock().expect("whole");
                return shown(FAIL2BAN, unit.fail2ban.is_enabled, unit.fail2ban.since);
            }
            ["restart", _] => self.restart().await,
            ["try-restart", "--quiet", _] if self.runs() => self.restart().await,
            ["try-restart", ..] => {}
            ["enable", _] => self.unit.lock().expect("whole").is_enabled = true,
            ["disable", "--now", _] => {
                self.stop();
                self.unit.lock().expect("whole").is_enabled = false;
            }
            ["stop", _] => self.stop(),
            ["daemon-reload"] => {
                let text = std::fs::read_to_string(self.at("/etc/systemd/system/letsbe-sftp.service"));
                self.unit.lock().expect("whole").loaded = text.ok();
            }
            ["show", WATCH, "--property=MainPID", ..] => return "MainPID=0\n".to_owned(),
            ["show", .., name, WATCH] => {
                let unit = self.unit.lock().expect("whole");
                let since = unit.process.is_some().then_some(unit.since);
                let watch = shown(WATCH, unit.watch.is_enabled, unit.watch.since);
                return format!("{}\n{watch}", shown(name, unit.is_enabled, since));
            }
            other => panic!("systemctl {other:?}"),
        }
        String::new()
    }

    /// Runs a client that asks for a password, and gives it this one.
    async fn client(&self, password: &str, program: &str, words: &[&str]) -> Said {
        self.client_in(self.holder.id(), password, program, words).await
    }

    /// The same, from the network of another process.
    pub(crate) async fn client_in(
        &self,
        network: u32,
        password: &str,
        program: &str,
        words: &[&str],
    ) -> Said {
        let answer = self.file("askpass", &format!("#!/bin/sh\necho '{password}'\n"));
        std::fs::set_permissions(&answer, std::fs::Permissions::from_mode(0o700)).expect("a program");
        let fixed = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
        let more = ["-o", "BatchMode=no", "-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=9"];
        let port = if program == "sftp" { "-P" } else { "-p" };
        let mut process = tokio::process::Command::new("nsenter");
        process.arg("--mount").arg(format!("--target={}", self.holder.id()));
        process.arg(format!("--net=/proc/{network}/ns/net")).arg(program);
        process.args(fixed).args(more).args([port, "22023"]).args(words);
        process.env("SSH_ASKPASS", answer).env("SSH_ASKPASS_REQUIRE", "force").stdin(Stdio::null());
        let ended = tokio::time::timeout(Duration::from_secs(60), process.kill_on_drop(true).output()).await;
        let output = ended.expect("it ends").expect("it is installed");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Said { code: output.status.code().unwrap_or(-1), text: text.concat() }
    }

    pub(crate) async fn sftp(&self, password: &str, batch: &str) -> Said {
        let batch = self.file("batch", batch);
        self.client(password, "sftp", &["-b", &batch, "letsbe-website@127.0.0.1"]).await
    }

    pub(crate) async fn ssh(&self, password: &str, words: &[&str]) -> Said {
        self.client(password, "ssh", words).await
    }
}

#[async_trait]
impl Machine for Namespace {
    async fn run(&self, command: &Command) -> Result<CommandOutput, MachineError> {
        if command.program == "systemctl" {
            let words: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
            let stdout = self.systemctl(&words).await;
            return Ok(CommandOutput { stdout, ..CommandOutput::default() });
        }
        let target = format!("--target={}", self.holder.id());
        let fixed = ["--mount".to_owned(), "--net".to_owned(), target, command.program.clone()];
        let arguments = fixed.into_iter().chain(command.arguments.clone()).collect();
        LocalMachine.run(&Command { program: "nsenter".to_owned(), arguments, ..command.clone() }).await
    }

    async fn read(&self, path: &Path) -> Result<Option<FileState>, MachineError> {
        LocalMachine.read(&self.at(path)).await
    }

    async fn list(&self, folder: &Path) -> Result<Vec<String>, MachineError> {
        LocalMachine.list(&self.at(folder)).await
    }

    async fn write(&self, file: &FileWrite) -> Result<(), MachineError> {
        LocalMachine.write(&FileWrite { path: self.at(&file.path), ..file.clone() }).await
    }

    async fn remove(&self, path: &Path) -> Result<(), MachineError> {
        LocalMachine.remove(&self.at(path)).await
    }

    async fn make_folder(&self, path: &Path, mode: u32) -> Result<(), MachineError> {
        LocalMachine.make_folder(&self.at(path), mode).await
    }
}
