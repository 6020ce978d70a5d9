//! The provisioner against servers that mean no good: what they print has an end for us, whatever they do.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail, too")]

use std::{net::SocketAddr, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Duration};

use letsbe_provisioner::{
    provisioner::{self, Options, Progress},
    ssh::{Session, Target, generate_key, load_key, public_line},
};
use letsbe_types::{Problem, ids::JobId, job::ProvisionJob};
use russh::{
    Channel, ChannelId,
    keys::PrivateKey,
    server::{self, Auth, ChannelOpenHandle, Handle, Msg, Server as _, VerifiedPublicKey},
};

/// What the server prints, for ever, when a program is started.
#[derive(Clone, Copy)]
enum Prints {
    Nothing,
    NoNewline,
    Errors,
    StrangeLines,
    Events,
}

impl Prints {
    fn piece(self, number: u64) -> Vec<u8> {
        match self {
            Self::Nothing => Vec::new(),
            Self::NoNewline | Self::Errors => vec![b'x'; 16 << 10],
            Self::StrangeLines => b"\x1b]0;owned\x07\x1b[2J not an event\n".repeat(10),
            Self::Events => {
                let title = "t".repeat(30 << 10);
                let at = "2026-11-21T10:00:00Z";
                format!(
                    "{{\"sequence\":{number},\"at\":\"{at}\",\"event\":\"step_started\",\"step\":1,\
                     \"title\":\"{title}\"}}\n"
                )
                .into_bytes()
            }
        }
    }
}

#[derive(Clone)]
struct Hostile(Prints);

impl server::Server for Hostile {
    type Handler = Self;

    fn new_client(&mut self, _: Option<SocketAddr>) -> Self {
        self.clone()
    }
}

impl server::Handler for Hostile {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut server::Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut server::Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)?;
        tokio::spawn(print(session.handle(), channel, self.0));
        Ok(())
    }
}

async fn print(handle: Handle, channel: ChannelId, what: Prints) {
    for number in 1.. {
        let piece = what.piece(number);
        let sent = match what {
            Prints::Nothing => std::future::pending().await,
            Prints::Errors => handle.extended_data(channel, 1, piece).await,
            _ => handle.data(channel, piece).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

struct Started {
    folder: tempfile::TempDir,
    port: u16,
    host_key: String,
}

async fn start(prints: Prints) -> Started {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (host, host_key) = generate_key().unwrap();
    let (user, _) = generate_key().unwrap();
    std::fs::write(at("user"), user.expose()).unwrap();
    std::fs::set_permissions(at("user"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
    let copied = std::process::Command::new("cp").arg("-r").args([&catalog, &at("catalog")]).status();
    assert!(copied.unwrap().success());
    std::fs::create_dir(at("programs")).unwrap();
    for program in ["letsbe-node", "programs/restic", "programs/rclone"] {
        std::fs::write(at(program), "no program").unwrap();
        std::fs::set_permissions(at(program), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let config = server::Config {
        keys: vec![PrivateKey::from_openssh(host.expose()).unwrap()],
        ..server::Config::default()
    };
    let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move { Hostile(prints).run_on_socket(Arc::new(config), &socket).await });
    Started { folder, port, host_key }
}

impl Started {
    fn key(&self) -> Arc<PrivateKey> {
        load_key(&self.folder.path().join("user")).unwrap()
    }

    async fn session(&self) -> Session {
        let (address, user) = ("127.0.0.1".parse().unwrap(), "root".to_owned());
        let target =
            Target { address, port: self.port, user, key: self.key(), host_key: self.host_key.clone() };
        Session::connect(&target).await.unwrap()
    }

    fn job(&self) -> ProvisionJob {
        let folder: &Path = self.folder.path();
        serde_json::from_value(serde_json::json!({
            "id": JobId::generate(), "address": "127.0.0.1", "first_port": self.port,
            "private_key": folder.join("user"), "host_key": self.host_key, "bundle": folder, "report": null,
            "desired": {
                "identity": "test-identity-1", "domain": "acme.example", "owner_email": "owner@acme.example",
                "timezone": "Europe/Berlin", "tier": "build", "tools": ["static-website"], "docker": "distro",
                "admin_keys": [public_line(&self.key()).unwrap()], "registry_mirrors": [], "hub": null,
                "certificates": { "directory_url": null, "directory_roots_pem": null,
                    "issued_roots_pem": null, "contact": "ssl@acme.example" }
            }
        }))
        .unwrap()
    }

    /// Provisions it; what was noted, and how it ended.
    async fn provision(&self, patience: Option<Duration>) -> (Vec<String>, Problem) {
        let notes = std::sync::Mutex::new(Vec::new());
        let watcher = |progress| {
            if let Progress::Note(note) = progress {
                notes.lock().unwrap().push(note);
            }
        };
        let options = Options { patience, ..Options::default() };
        let problem = provisioner::run(&self.job(), options, &watcher).await.unwrap_err();
        (notes.into_inner().unwrap(), problem)
    }
}

#[tokio::test]
async fn a_program_that_prints_without_an_end_is_read_to_a_bound() {
    for prints in [Prints::NoNewline, Prints::Errors, Prints::StrangeLines, Prints::Events] {
        let server = start(prints).await;
        let problem = server.session().await.run(&["anything"], b"").await.unwrap_err();
        assert_eq!((problem.code.as_str(), problem.retryable), ("SSH010", false));
        let expected =
            if matches!(prints, Prints::NoNewline) { "longer than 64 KiB" } else { "more than 16 MiB" };
        assert!(problem.message.contains(expected), "{problem}");
    }
}

#[tokio::test]
async fn a_run_of_a_hostile_server_ends_and_its_lines_steer_no_terminal() {
    for (prints, expected) in [
        (Prints::NoNewline, "longer than 64 KiB"),
        (Prints::Events, "more than 16 MiB"),
        (Prints::StrangeLines, "line after line that is no event"),
    ] {
        let server = start(prints).await;
        let (notes, problem) = server.provision(None).await;
        assert_eq!(problem.code, "SSH010", "{problem}");
        assert!(problem.message.contains(expected), "{problem}");
        assert!(notes.len() < 200 && !notes.concat().contains('\u{1b}'), "{notes:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_holds_nobody_for_ever() {
    let server = start(Prints::Nothing).await;
    let (_, problem) = server.provision(Some(Duration::from_secs(1))).await;
    assert_eq!((problem.code.as_str(), problem.retryable), ("SSH011", true));
}
