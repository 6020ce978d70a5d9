//! The Hub as a process, which can be killed and comes back.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use age::secrecy::ExposeSecret as _;
use anyhow::{Context as _, ensure};
use letsbe_simulators::{models::ModelSim, netcup::NetcupSim};
use letsbe_types::Secret;
use tokio::{io::AsyncWriteExt as _, process::Command, task::JoinHandle};

use super::{FleetOptions, Programs, eventually};
use crate::lab::Lab;

/// Who logs in to the lab's Hub.
pub const STAFF_EMAIL: &str = "operator@letsbe.test";
/// File with the key of the model provider.
const MODEL_KEY: &str = "model-key";
/// Files with the operator's account at the S3 service.
const STORAGE_KEY: &str = "storage-key";
const STORAGE_SECRET: &str = "storage-secret";
/// The escrow's secret half, in the fleet's folder: somebody keeps it outside the Hub.
pub const ESCROW_IDENTITY: &str = "escrow-identity";
const STARTUP: Duration = Duration::from_secs(30);

/// All that a Hub process is started with.
pub struct HubSettings {
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
    url: String,
    stripe_secret: Secret<String>,
    password: Secret<String>,
    model_key: Secret<String>,
    crash_log: PathBuf,
    /// Whether it dies at crash points.
    dies: AtomicBool,
}

fn random_hex() -> String {
    use rand::Rng as _;
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

impl HubSettings {
    /// Writes configuration and secrets into `folder`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn of(folder: &Path, options: &FleetOptions, around: &Surroundings<'_>) -> anyhow::Result<Self> {
        let Surroundings { programs, lab, netcup, .. } = around;
        let data = folder.join("hub");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&data)?;
        let stripe_secret = Secret::new(format!("whsec_{}", random_hex()));
        write_private(&data.join("stripe-secret"), stripe_secret.expose())?;
        write_private(&data.join("smtp-url"), &format!("smtp://{}:{}", lab.mail.address, lab.mail.port))?;
        let refresh =
            serde_json::json!({ "refresh_token": netcup.login().expose(), "used_at": chrono::Utc::now() });
        write_private(&data.join("netcup-token"), &refresh.to_string())?;
        let model_key = Secret::new(random_hex());
        write_private(&data.join(MODEL_KEY), model_key.expose())?;
        let account = &lab.storage.operator;
        write_private(&data.join(STORAGE_KEY), &account.access_key_id)?;
        write_private(&data.join(STORAGE_SECRET), account.secret_access_key.expose())?;
        let escrow = age::x25519::Identity::generate();
        write_private(&folder.join(ESCROW_IDENTITY), escrow.to_string().expose_secret())?;
        // The port is free now; the Hub takes it in a moment and again after each kill.
        let listen: SocketAddr = TcpListener::bind((lab.gateway(), 0))?.local_addr()?;
        let url = format!("http://{listen}");
        let recipient = escrow.to_public().to_string();
        let config = config_text(&Config { listen, url: &url, data: &data, recipient, options, around })?;
        let path = folder.join("hub.toml");
        fs::write(&path, config)?;
        Ok(Self {
            program: programs.hub.clone(),
            config: path,
            log: folder.join("hub.log"),
            url,
            stripe_secret,
            password: Secret::new(random_hex()),
            model_key,
            crash_log: folder.join("crashes.log"),
            dies: AtomicBool::new(options.crash),
        })
    }
}

/// What a Hub works with.
pub struct Surroundings<'a> {
    /// The programs.
    pub programs: &'a Programs,
    /// What provisioners upload.
    pub bundle: &'a Path,
    /// The lab's services.
    pub lab: &'a Lab,
    /// The simulated Netcup.
    pub netcup: &'a NetcupSim,
    /// The simulated model provider.
    pub models: &'a ModelSim,
}

struct Config<'a> {
    listen: SocketAddr,
    url: &'a str,
    data: &'a Path,
    recipient: String,
    options: &'a FleetOptions,
    around: &'a Surroundings<'a>,
}

fn config_text(config: &Config<'_>) -> anyhow::Result<String> {
    let Config { listen, url, data, recipient, options, around } = config;
    let Surroundings { programs, bundle, lab, netcup, models } = around;
    let value = serde_json::json!({
        "listen": listen,
        "public_url": url,
        "data_folder": data,
        "escrow": { "recipients": [recipient] },
        "catalog_folder": options.repository.join("catalog"),
        "stripe": { "webhook_secret_file": data.join("stripe-secret"), "mode": "test" },
        "servers": {
            "mode": "netcup",
            "api_url": netcup.api_url(),
            "realm_url": netcup.realm_url(),
            "refresh_token_file": data.join("netcup-token"),
        },
        "dns": { "resolver": SocketAddr::new(lab.dns.address.into(), 53) },
        "provisioning": {
            "provisioner": programs.provisioner,
            "bundle": bundle,
            "private_key": data.join("tenants-key"),
            "timezone": "Europe/Berlin",
            "docker": "distro",
            "registry_mirrors": [lab.registry.mirror],
            "certificates": {
                "directory_url": lab.acme.directory,
                "directory_roots_pem": lab.acme.ca_pem,
                "issued_roots_pem": lab.acme.issuer_pem,
                "contact": "certificates@letsbe.test",
            },
        },
        "models": {
            "providers": [{ "name": "lab", "base_url": models.base_url(), "key_file": data.join(MODEL_KEY) }],
            "models": [{
                "name": "default",
                "output_tokens_max": 8192,
                "chain": [
                    { "provider": "lab", "model": "lab-large" },
                    { "provider": "lab", "model": "lab-small" },
                ],
            }],
        },
        "backups": { "s3": {
            "endpoint": lab.storage.endpoint,
            "region": lab.storage.region,
            "access_key_id_file": data.join(STORAGE_KEY),
            "secret_access_key_file": data.join(STORAGE_SECRET),
            "bucket_prefix": "letsbe",
            "keys": "iam",
            "count_every": 60,
        } },
        "mail": { "smtp_url_file": data.join("smtp-url"), "from": "hello@letsbe.test" },
        "pace": { "retries": options.retries, "pool": 2, "dns": 2, "lease": options.lease },
    });
    toml::to_string(&value).context("the Hub's configuration")
}

/// A Hub that is started again whenever it dies, as a service manager would.
pub struct HubProcess {
    /// Its address.
    pub url: String,
    /// Its log.
    pub log: PathBuf,
    /// Its data folder's parent: database, keys.
    pub config: PathBuf,
    settings: Arc<HubSettings>,
    keeper: tokio::sync::Mutex<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    starts: Arc<AtomicU32>,
}

impl HubProcess {
    /// Makes what a new Hub needs, starts it and waits until it answers.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(settings: HubSettings) -> anyhow::Result<Self> {
        run_to_end(&settings, &["init"], "").await?;
        run_to_end(&settings, &["add-staff", "--email", STAFF_EMAIL], settings.password.expose()).await?;
        let settings = Arc::new(settings);
        let (stop, starts) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let keeper = tokio::spawn(keep_running(settings.clone(), stop.clone(), starts.clone()));
        let hub = Self {
            url: settings.url.clone(),
            log: settings.log.clone(),
            config: settings.config.clone(),
            settings,
            keeper: tokio::sync::Mutex::new(keeper),
            stop,
            starts,
        };
        hub.wait_until_up().await?;
        Ok(hub)
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// When it does not in time; its log says why.
    pub async fn wait_until_up(&self) -> anyhow::Result<()> {
        let url = format!("{}/healthz", self.url);
        let looked = eventually("the Hub", STARTUP, || async {
            Ok(reqwest::get(&url).await.ok().filter(|reply| reply.status().is_success()).map(drop))
        });
        looked.await.with_context(|| format!("see {}", self.log.display()))
    }

    /// The secret that Stripe's events are signed with.
    #[must_use]
    pub fn stripe_secret(&self) -> &Secret<String> {
        &self.settings.stripe_secret
    }

    /// The password of [`STAFF_EMAIL`].
    #[must_use]
    pub fn staff_password(&self) -> &Secret<String> {
        &self.settings.password
    }

    /// The key of the model provider, which only the Hub has.
    #[must_use]
    pub fn model_key(&self) -> &Secret<String> {
        &self.settings.model_key
    }

    /// The file with the crash points that were hit, if crashing was asked for.
    #[must_use]
    pub fn crash_log(&self) -> Option<&Path> {
        Some(self.settings.crash_log.as_path()).filter(|_| self.settings.dies.load(Ordering::SeqCst))
    }

    /// How often it was started.
    #[must_use]
    pub fn starts(&self) -> u32 {
        self.starts.load(Ordering::SeqCst)
    }

    /// Takes it away, as a machine that fails; [`HubProcess::bring_back`] ends that.
    pub async fn take_away(&self) {
        let mut keeper = self.keeper.lock().await;
        keeper.abort();
        let _ = (&mut *keeper).await;
    }

    /// Starts it again after [`HubProcess::take_away`], and waits until it answers.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn bring_back(&self) -> anyhow::Result<()> {
        let running = keep_running(self.settings.clone(), self.stop.clone(), self.starts.clone());
        *self.keeper.lock().await = tokio::spawn(running);
        self.wait_until_up().await
    }

    /// Starts it again as one that dies once at each crash point, with its provisioners.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) async fn kill_from_now_on(&self) -> anyhow::Result<()> {
        self.take_away().await;
        self.settings.dies.store(true, Ordering::SeqCst);
        self.bring_back().await
    }

    /// Ends it for good.
    pub async fn kill(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.take_away().await;
    }
}

fn command(settings: &HubSettings, arguments: &[&str]) -> anyhow::Result<Command> {
    let log = fs::OpenOptions::new().create(true).append(true).open(&settings.log)?;
    let mut command = Command::new(&settings.program);
    command
        .arg("--config")
        .arg(&settings.config)
        .args(arguments)
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        .kill_on_drop(true);
    Ok(command)
}

async fn run_to_end(settings: &HubSettings, arguments: &[&str], input: &str) -> anyhow::Result<()> {
    let mut child = command(settings, arguments)?.stdin(Stdio::piped()).spawn().context("letsbe-hub")?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes()).await?;
    }
    let status = child.wait().await?;
    let log = || fs::read_to_string(&settings.log).unwrap_or_default();
    ensure!(status.success(), "letsbe-hub {} failed: {}", arguments.join(" "), log());
    Ok(())
}

async fn keep_running(settings: Arc<HubSettings>, stop: Arc<AtomicBool>, starts: Arc<AtomicU32>) {
    while !stop.load(Ordering::SeqCst) {
        let Ok(mut command) = command(&settings, &["serve"]) else { return };
        if settings.dies.load(Ordering::SeqCst) {
            command.env(letsbe_types::crash::LOG_VARIABLE, &settings.crash_log);
        }
        let Ok(mut child) = command.stdin(Stdio::null()).spawn() else { return };
        starts.fetch_add(1, Ordering::SeqCst);
        let _ = child.wait().await;
        // A Hub that cannot start shall not fill the log.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
