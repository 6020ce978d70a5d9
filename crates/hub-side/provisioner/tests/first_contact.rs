//! The first contact with a server: whoever shows another host key than the recorded one, or any while none is
//! recorded, gets nothing but a key exchange.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail, too")]

use std::{
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use letsbe_provisioner::{
    flow::{self, Options, Progress},
    ssh::{UNREACHABLE, generate_key, load_key, public_line},
};
use letsbe_types::{HostKeyPin, Problem, ids::JobId, job::ProvisionJob};
use russh::{
    keys::PrivateKey,
    server::{self, Auth, PublicKeyOffer, VerifiedPublicKey},
};

/// Logins that somebody in the middle saw after the key exchange.
#[derive(Clone, Default)]
struct Attempts(Arc<AtomicUsize>);

impl Attempts {
    fn refuse(&self) -> Result<Auth, russh::Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Auth::reject())
    }
}

impl server::Handler for Attempts {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, Self::Error> {
        self.refuse()
    }

    async fn auth_password(&mut self, _: &str, _: &str) -> Result<Auth, Self::Error> {
        self.refuse()
    }

    async fn auth_publickey_offered(&mut self, _: &str, _: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        self.refuse()
    }

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.refuse()
    }
}

struct Place {
    folder: tempfile::TempDir,
    port: u16,
    attempts: Attempts,
    contacts: Arc<AtomicUsize>,
}

/// A server that shows each of these keys in turn, one for each contact, and the last one from then on.
async fn shows(keys: &[PrivateKey]) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (user, _) = generate_key().unwrap();
    std::fs::write(at("user"), user.expose()).unwrap();
    std::fs::set_permissions(at("user"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
    assert!(
        std::process::Command::new("cp")
            .arg("-r")
            .args([&catalog, &at("catalog")])
            .status()
            .unwrap()
            .success()
    );
    std::fs::create_dir(at("programs")).unwrap();
    for program in ["letsbe-node", "programs/restic", "programs/rclone"] {
        std::fs::write(at(program), "no program").unwrap();
        std::fs::set_permissions(at(program), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let config = |key: &PrivateKey| {
        let auth_rejection_time = Duration::ZERO;
        Arc::new(server::Config { keys: vec![key.clone()], auth_rejection_time, ..server::Config::default() })
    };
    let configs: Vec<_> = keys.iter().map(config).collect();
    let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let (attempts, contacts) = (Attempts::default(), Arc::new(AtomicUsize::new(0)));
    let (handler, count) = (attempts.clone(), Arc::clone(&contacts));
    tokio::spawn(async move {
        loop {
            let (stream, _) = socket.accept().await.unwrap();
            let number = count.fetch_add(1, Ordering::SeqCst).min(configs.len() - 1);
            let (config, handler) = (Arc::clone(&configs[number]), handler.clone());
            tokio::spawn(async move {
                if let Ok(session) = server::run_stream(config, stream, handler).await {
                    let _ = session.await;
                }
            });
        }
    });
    Place { folder, port, attempts, contacts }
}

impl Place {
    fn job(&self, host_key: Option<&str>) -> ProvisionJob {
        let folder: &Path = self.folder.path();
        let key = load_key(&folder.join("user")).unwrap();
        serde_json::from_value(serde_json::json!({
            "id": JobId::generate(), "address": "127.0.0.1", "first_port": self.port,
            "private_key": folder.join("user"), "host_key": host_key, "bundle": folder, "report": null,
            "desired": {
                "identity": "test-identity-1", "domain": "acme.example", "owner_email": "owner@acme.example",
                "timezone": "Europe/Berlin", "tier": "build", "tools": ["static-website"], "docker": "distro",
                "admin_keys": [public_line(&key).unwrap()], "registry_mirrors": [], "hub": null,
                "certificates": { "directory_url": null, "directory_roots_pem": null,
                    "issued_roots_pem": null, "contact": "ssl@acme.example" }
            }
        }))
        .unwrap()
    }

    async fn provision(&self, host_key: Option<&str>, first_boot: Duration) -> Problem {
        let options = Options { first_boot, ..Options::default() };
        flow::run(&self.job(host_key), options, &|_| ()).await.unwrap_err()
    }

    fn attempts(&self) -> usize {
        self.attempts.0.load(Ordering::SeqCst)
    }
}

/// A host key, with its public half as people and machines write it.
fn host_key() -> (PrivateKey, String, String) {
    let (private, public) = generate_key().unwrap();
    let fingerprint = public.parse::<HostKeyPin>().unwrap().fingerprint();
    (PrivateKey::from_openssh(private.expose()).unwrap(), public, fingerprint)
}

#[tokio::test]
async fn somebody_in_the_middle_of_the_first_contact_is_told_nothing() {
    let (own, _, shown) = host_key();
    let (_, recorded, compared) = host_key();
    let place = shows(&[own]).await;

    let problem = place.provision(None, Duration::ZERO).await;
    assert_eq!((problem.code.as_str(), problem.retryable), ("SSH012", false));
    assert!(problem.message.contains(&shown), "{problem}");
    for pin in [&recorded, &compared] {
        let problem = place.provision(Some(pin), Duration::ZERO).await;
        assert_eq!((problem.code.as_str(), problem.retryable), ("SSH002", false));
        assert!(problem.message.contains(&shown) && problem.message.contains(&compared), "{problem}");
        for what_to_do in ["ssh-keygen -lf", "confirm-host-key", "--host-key"] {
            assert!(problem.hint.contains(what_to_do), "{problem:?}");
        }
    }
    let plan = flow::plan(&place.job(None), &|_| ()).await.unwrap_err();
    assert_eq!(plan.code, "SSH012");
    let nonsense = place.provision(Some("yes"), Duration::ZERO).await;
    assert_eq!(nonsense.code, "SSH013");
    assert!(place.contacts.load(Ordering::SeqCst) >= 4, "it was contacted");
    assert_eq!(place.attempts(), 0, "nobody tried to log in, so nothing can have been sent");
}

#[tokio::test]
async fn the_server_whose_key_is_recorded_is_logged_in_to() {
    let (own, public, fingerprint) = host_key();
    for pin in [&public, &fingerprint] {
        let place = shows(std::slice::from_ref(&own)).await;
        let problem = place.provision(Some(pin), Duration::ZERO).await;
        // It lets nobody in; but it was asked.
        assert_eq!(problem.code, "SSH003", "{problem}");
        assert!(place.attempts() > 0);
    }
}

#[tokio::test]
async fn a_key_that_is_planted_at_the_first_boot_is_waited_for_and_another_one_not_for_long() {
    let (image, ..) = host_key();
    let (own, public, _) = host_key();
    let place = shows(&[image.clone(), own]).await;
    let notes = std::sync::Mutex::new(Vec::new());
    let watcher = |progress| {
        if let Progress::Note(note) = progress {
            notes.lock().unwrap().push(note);
        }
    };
    let options = Options { first_boot: Duration::from_secs(60), ..Options::default() };
    let problem = flow::run(&place.job(Some(&public)), options, &watcher).await.unwrap_err();
    assert_eq!(problem.code, "SSH003", "it was logged in to once it had its key: {problem}");
    let notes = notes.into_inner().unwrap();
    assert!(
        notes.len() == 1 && notes[0].contains("SSH002") && !notes[0].contains(UNREACHABLE.as_str()),
        "{notes:?}"
    );

    let place = shows(&[image]).await;
    let problem = place.provision(Some(&public), Duration::from_millis(1)).await;
    assert_eq!((problem.code.as_str(), place.attempts()), ("SSH002", 0));
}
