//! The SSH module against a real OpenSSH server on a free port.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail, too")]

use std::{
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use letsbe_provisioner::ssh::{
    Session, Target, generate_key, known_key, load_key, offered_methods, public_line, shown_key,
};
use letsbe_types::HostKeyPin;

struct Server {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
    host_key: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write(path: &Path, content: &str) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn host_key(folder: &Path) -> String {
    let (private, public) = generate_key().unwrap();
    write(&folder.join("host"), private.expose());
    public
}

/// Starts sshd on a free port, with one user key and one host key.
async fn server() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = generate_key().unwrap();
    write(&folder.path().join("user"), private.expose());
    write(&folder.path().join("authorized"), &public);
    let host_key = host_key(folder.path());
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let process = start(folder.path(), port).await;
    Server { process, folder, port, host_key }
}

async fn start(folder: &Path, port: u16) -> Child {
    // sshd insists on this folder for its unprivileged child.
    std::fs::create_dir_all("/run/sshd").unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let options = [
        format!("HostKey={}", path("host")),
        format!("AuthorizedKeysFile={}", path("authorized")),
        "ListenAddress=127.0.0.1".to_owned(),
        "PermitRootLogin=prohibit-password".to_owned(),
        "PasswordAuthentication=no".to_owned(),
        "KbdInteractiveAuthentication=no".to_owned(),
        "StrictModes=no".to_owned(),
        "UsePAM=no".to_owned(),
        "PidFile=none".to_owned(),
        "Subsystem=sftp internal-sftp".to_owned(),
    ];
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string()]);
    command.args(options.iter().flat_map(|option| ["-o", option]));
    let mut process = command
        .stderr(Stdio::null())
        .spawn()
        .expect("this test needs OpenSSH's server (package openssh-server)");
    let up = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(process.try_wait().unwrap().is_none(), "sshd has ended");
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), up).await.expect("sshd comes up");
    process
}

impl Server {
    fn target(&self) -> Target {
        let key = load_key(&self.folder.path().join("user")).unwrap();
        Target {
            address: "127.0.0.1".parse().unwrap(),
            port: self.port,
            user: "root".to_owned(),
            key,
            host_key: self.host_key.clone(),
        }
    }
}

#[tokio::test]
async fn a_program_gets_its_words_and_input_and_answers_with_lines_and_a_code() {
    let server = server().await;
    let session = Session::connect(&server.target()).await.unwrap();
    let words = ["printf", "%s\\n", "it's", "two words", "$HOME", ""];
    let output = session.run(&words, b"").await.unwrap();
    assert_eq!(
        (output.code, output.lines),
        (0, ["it's", "two words", "$HOME", ""].map(str::to_owned).to_vec())
    );

    let large = "x".repeat(300_000);
    let output = session.run(&["wc", "-c"], large.as_bytes()).await.unwrap();
    assert_eq!(output.lines, ["300000"]);

    let output = session.run(&["sh", "-c", "printf unended; echo to-stderr >&2; exit 7"], b"").await.unwrap();
    assert_eq!(
        (output.code, output.lines.as_slice(), output.stderr.as_str()),
        (7, &["unended".to_owned()][..], "to-stderr")
    );
    assert_eq!(session.run(&["/no/such/program"], b"").await.unwrap().code, 127);
    session.close().await;
}

#[tokio::test]
async fn an_upload_is_whole_has_its_mode_and_replaces() {
    let server = server().await;
    let session = Session::connect(&server.target()).await.unwrap();
    let (local, remote) = (server.folder.path().join("local"), server.folder.path().join("remote"));
    for content in [vec![1_u8; 1_500_000], vec![2_u8; 10]] {
        std::fs::write(&local, &content).unwrap();
        let mut told = Vec::new();
        session.upload(&local, &remote, 0o755, &mut |sent, total| told.push((sent, total))).await.unwrap();
        assert_eq!(std::fs::read(&remote).unwrap(), content);
        assert_eq!(std::fs::metadata(&remote).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(told.last(), Some(&(content.len() as u64, content.len() as u64)));
        assert!(!remote.with_added_extension("partial").exists());
    }
    let nowhere = session.upload(&local, Path::new("/no/such/folder/file"), 0o600, &mut |_, _| ()).await;
    assert_eq!(nowhere.unwrap_err().code, "SSH007");
}

#[tokio::test]
async fn a_changed_host_key_is_refused_with_both_fingerprints() {
    let mut server = server().await;
    let target = server.target();
    Session::connect(&target).await.unwrap();

    server.process.kill().unwrap();
    server.process.wait().unwrap();
    host_key(server.folder.path());
    server.process = start(server.folder.path(), server.port).await;
    let problem = Session::connect(&target).await.err().unwrap();
    assert_eq!((problem.code.as_str(), problem.retryable), ("SSH002", false));
    assert_eq!(problem.message.matches("SHA256:").count(), 2, "{problem}");
    assert!(
        problem.hint.contains("ssh-keygen -lf") && problem.hint.contains("confirm-host-key"),
        "{problem:?}"
    );
    assert_eq!(offered_methods(&target).await.unwrap_err().code, "SSH002");
}

#[tokio::test]
async fn of_a_key_that_its_fingerprint_is_known_of_the_server_shows_the_rest() {
    let mut server = server().await;
    let address = "127.0.0.1".parse().unwrap();
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let ports = [closed, server.port];
    let pin: HostKeyPin = server.host_key.parse().unwrap();
    assert_eq!(shown_key(address, &ports).await.unwrap().fingerprint(), pin.fingerprint());
    let fingerprint: HostKeyPin = pin.fingerprint().parse().unwrap();
    assert_eq!(known_key(address, &ports, Some(&fingerprint)).await.unwrap(), server.host_key);
    // Nobody is asked for a key that is known.
    assert_eq!(known_key(address, &[], Some(&pin)).await.unwrap(), server.host_key);

    let other: HostKeyPin = generate_key().unwrap().1.parse().unwrap();
    let fingerprint = other.fingerprint().parse().unwrap();
    let problem = known_key(address, &ports, Some(&fingerprint)).await.unwrap_err();
    assert_eq!(problem.code, "SSH002");
    let named = |text: &str| problem.message.contains(text);
    assert!(named(&pin.fingerprint()) && named(&other.fingerprint()), "{problem}");

    let problem = known_key(address, &ports, None).await.unwrap_err();
    assert_eq!((problem.code.as_str(), problem.retryable), ("SSH012", false));
    assert!(
        problem.message.contains(&pin.fingerprint()) && problem.hint.contains("ssh-keygen -lf"),
        "{problem:?}"
    );

    server.process.kill().unwrap();
    server.process.wait().unwrap();
    let problem = known_key(address, &ports, None).await.unwrap_err();
    assert_eq!((problem.code.as_str(), problem.retryable), ("SSH001", true));
}

#[tokio::test]
async fn a_foreign_key_is_refused_and_only_keys_are_offered() {
    let server = server().await;
    assert_eq!(offered_methods(&server.target()).await.unwrap(), ["publickey"]);
    let (private, public) = generate_key().unwrap();
    write(&server.folder.path().join("foreign"), private.expose());
    let key = load_key(&server.folder.path().join("foreign")).unwrap();
    assert_eq!(public_line(&key).unwrap(), public);
    let problem = Session::connect(&Target { key, ..server.target() }).await.err().unwrap();
    assert_eq!((problem.code.as_str(), problem.retryable), ("SSH003", false));
}

#[tokio::test]
async fn a_server_that_dies_or_is_not_there_is_a_passing_problem() {
    let mut server = server().await;
    let target = server.target();
    let session = Session::connect(&target).await.unwrap();
    // The session's own sshd process is the parent of what runs in it.
    let mut running = session.start(&["sh", "-c", "echo up; kill -9 $PPID; cat"], b"").await.unwrap();
    let ended = loop {
        match running.next_line().await {
            Ok(Some(line)) => assert_eq!(line, "up"),
            ended => break ended,
        }
    };
    assert_eq!(ended.unwrap_err().code, "SSH001");

    server.process.kill().unwrap();
    server.process.wait().unwrap();
    let problem = Session::connect(&target).await.err().unwrap();
    assert_eq!((problem.code.as_str(), problem.retryable), ("SSH001", true));
}

/// The finished server's settings, for a user and files of this test.
fn hardened(server: &Server, port: u16) -> String {
    let authorized = server.folder.path().join("authorized").display().to_string();
    let key = server.folder.path().join("host").display().to_string();
    let changed = letsbe_host::operations::ssh_settings::final_settings()
        .replace("Port 22022\n", &format!("Port {port}\nListenAddress 127.0.0.1\nHostKey {key}\n"))
        .replace("PermitRootLogin no\n", "PermitRootLogin prohibit-password\nStrictModes no\nUsePAM no\n")
        .replace("AllowUsers letsbe-admin\n", "AllowUsers root\nSubsystem sftp internal-sftp\n")
        .replace(" .ssh/authorized_keys\n", &format!(" {authorized}\n"));
    assert!(!changed.contains("22022") && !changed.contains("letsbe-admin"), "{changed}");
    changed
}

#[tokio::test]
async fn the_finished_servers_settings_let_us_in_and_an_audit_finds_no_fault() {
    let mut server = server().await;
    server.process.kill().unwrap();
    server.process.wait().unwrap();
    let settings = server.folder.path().join("settings");
    write(&settings, &hardened(&server, server.port));
    let mut sshd = Command::new("/usr/sbin/sshd");
    sshd.args(["-D", "-e", "-o", "PidFile=none", "-f"]).arg(&settings).stderr(Stdio::null());
    server.process = sshd.spawn().unwrap();
    let up = async {
        while tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), up).await.expect("sshd comes up with these settings");

    let session = Session::connect(&server.target()).await.unwrap();
    assert_eq!(session.run(&["echo", "in"], b"").await.unwrap().lines, ["in"]);
    let (local, remote) = (server.folder.path().join("local"), server.folder.path().join("remote"));
    std::fs::write(&local, "x").unwrap();
    session.upload(&local, &remote, 0o600, &mut |_, _| ()).await.unwrap();
    session.close().await;

    let audit = tokio::process::Command::new("ssh-audit")
        .args(["--no-colors", "--port", &server.port.to_string(), "127.0.0.1"])
        .output()
        .await
        .expect("this test needs ssh-audit");
    let found = String::from_utf8_lossy(&audit.stdout);
    assert!(found.contains("ssh-ed25519"), "{found}");
    let faults: Vec<&str> = found.lines().filter(|line| line.contains("[fail]")).collect();
    assert!(faults.is_empty(), "{faults:?}");
}
