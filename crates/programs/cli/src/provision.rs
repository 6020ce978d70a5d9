//! `letsbe provision`: one server, with no Hub, by the same code that the Hub's provisioner runs.

mod recovery;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use letsbe_catalog::Catalog;
use letsbe_protocol::{ADMIN_PORT, desired::unfit_tools};
use letsbe_provisioner::{
    provisioner::{self, Options},
    ssh,
};
use letsbe_types::{
    DomainName, EmailAddress, HostKeyPin, Tier,
    ids::{JobId, ServerIdentity},
    job::{CertificateAuthority, DesiredServer, DockerSource, ProvisionJob},
};
use serde::{Deserialize, Serialize};

use crate::{
    host_key,
    plan::{self, Planned},
    progress, style,
};

#[derive(Args)]
pub(crate) struct ProvisionArguments {
    /// The server: an address or a host name.
    #[arg(long)]
    host: String,
    /// File with the private key that the server was installed with.
    #[arg(long)]
    key: PathBuf,
    /// The server's SSH host key: its fingerprint, the public key, or a file with it (`known_hosts` too). Without it
    /// you are asked to compare the fingerprint; nothing is sent before.
    #[arg(long)]
    host_key: Option<String>,
    /// The customer's domain.
    #[arg(long)]
    domain: DomainName,
    /// What was bought.
    #[arg(long)]
    tier: Tier,
    /// The tools, separated by commas.
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) tools: Vec<String>,
    /// The customer's address; also the contact for certificates, unless another is given.
    #[arg(long)]
    email: EmailAddress,
    #[command(flatten)]
    planned: Planned,
    /// Folder with `letsbe-node` and `catalog/`.
    #[arg(long, env = "LETSBE_BUNDLE", default_value = "/usr/lib/letsbe/bundle")]
    bundle: PathBuf,
    /// SSH port of a fresh server.
    #[arg(long, default_value_t = 22)]
    first_port: u16,
    /// The server's time zone.
    #[arg(long, default_value = "Europe/Berlin")]
    timezone: String,
    /// Where Docker comes from.
    #[arg(long, value_enum, default_value_t = Docker::Upstream)]
    docker: Docker,
    /// Mirror of the public image registry; may be given more than once.
    #[arg(long)]
    registry_mirror: Vec<String>,
    /// Another ACME directory than the default.
    #[arg(long)]
    acme_directory: Option<String>,
    /// Who the ACME authority writes to.
    #[arg(long)]
    acme_contact: Option<EmailAddress>,
    /// PEM file: authority of the ACME directory's own certificate.
    #[arg(long)]
    acme_roots: Option<PathBuf>,
    /// PEM file: roots that issued certificates chain to.
    #[arg(long)]
    issued_roots: Option<PathBuf>,
    /// File with one more public key that may log in; may be given more than once.
    #[arg(long)]
    admin_key: Vec<PathBuf>,
    /// Identity of the server, when it carries one that is not recorded here.
    #[arg(long)]
    identity: Option<String>,
    /// Scan all ports from outside.
    #[arg(long)]
    full_scan: bool,
    #[command(flatten)]
    recovery: recovery::RecoveryArguments,
}

#[derive(Clone, Copy, ValueEnum)]
enum Docker {
    /// Docker's own packages.
    Upstream,
    /// The distribution's packages.
    Distro,
}

/// What is remembered of a server between two calls.
#[derive(Serialize, Deserialize)]
struct Remembered {
    identity: String,
    host_key: Option<String>,
    /// A run whose end has not been seen.
    run: Option<JobId>,
}

pub(crate) async fn carry_out(arguments: ProvisionArguments, json: bool) -> anyhow::Result<()> {
    let address = resolve(&arguments.host).await?;
    let file = memory_file(address)?;
    let mut remembered = recall(&file)?.unwrap_or_else(|| Remembered {
        identity: JobId::generate().to_string(),
        host_key: None,
        run: None,
    });
    if let Some(identity) = &arguments.identity {
        remembered.identity.clone_from(identity);
    }
    let run = remembered.run.unwrap_or_else(JobId::generate);
    let mut job = job(&arguments, address, &remembered, run)?;
    let keys = arguments.recovery.keys()?;
    let known = host_key(&arguments, address, &remembered).await?.to_string();
    (job.host_key, remembered.host_key) = (Some(known.clone()), Some(known));
    remember(&file, &remembered)?;
    let screen = progress::Screen::new(json);
    if arguments.planned.plan {
        let planned = provisioner::plan(&job, &|progress| screen.show(progress)).await;
        screen.clear();
        return plan::show(planned, json);
    }
    remembered.run = Some(run);
    remember(&file, &remembered)?;
    let options = Options { full_scan: arguments.full_scan, keys, ..Options::default() };
    let result = provisioner::run(&job, options, &|progress| screen.show(progress)).await;
    screen.clear();
    remembered.host_key = screen.host_key().or(remembered.host_key);
    if result.as_ref().err().is_none_or(|problem| problem.code != ssh::UNREACHABLE) {
        remembered.run = None;
    }
    remember(&file, &remembered)?;
    result?;
    if !json {
        style::say(&format!(
            "{} {} is provisioned and verified",
            style::Level::Fine.mark(),
            job.desired.domain
        ));
    }
    Ok(())
}

/// The host key that the server must show: what was given, what is remembered of it, or what a person compared.
async fn host_key(
    arguments: &ProvisionArguments,
    address: IpAddr,
    remembered: &Remembered,
) -> anyhow::Result<HostKeyPin> {
    let ports = [ADMIN_PORT, arguments.first_port];
    match (&arguments.host_key, &remembered.host_key) {
        (Some(given), _) => {
            Ok(host_key::given(given, &[arguments.host.as_str(), &address.to_string()], &ports)?)
        }
        (None, Some(known)) => {
            Ok(known.parse().with_context(|| format!("what is remembered of {address}"))?)
        }
        (None, None) => host_key::compared(address, &ports).await,
    }
}

async fn resolve(host: &str) -> anyhow::Result<IpAddr> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let found = tokio::net::lookup_host((host, 0)).await;
    let first = found.with_context(|| format!("{host} cannot be resolved"))?.next();
    first.map(|address| address.ip()).with_context(|| format!("{host} has no address"))
}

fn job(
    arguments: &ProvisionArguments,
    address: IpAddr,
    remembered: &Remembered,
    id: JobId,
) -> anyhow::Result<ProvisionJob> {
    let catalog = Catalog::load(&arguments.bundle.join("catalog"))?;
    let selection =
        catalog.select(arguments.tier, &arguments.tools).map_err(|errors| unfit_tools(&errors))?;
    let mut admin_keys = vec![ssh::public_line(&*ssh::load_key(&arguments.key)?)?];
    for path in &arguments.admin_key {
        admin_keys.push(text(path)?.trim().to_owned());
    }
    let pem = |path: &Option<PathBuf>| path.as_deref().map(text).transpose();
    Ok(ProvisionJob {
        id,
        address,
        first_port: arguments.first_port,
        private_key: arguments.key.clone(),
        host_key: None,
        bundle: arguments.bundle.clone(),
        report: None,
        desired: DesiredServer {
            identity: ServerIdentity(remembered.identity.clone()),
            domain: arguments.domain.clone(),
            owner_email: arguments.email.clone(),
            timezone: arguments.timezone.clone(),
            tier: arguments.tier,
            tools: selection.tools.iter().map(ToString::to_string).collect(),
            admin_keys,
            docker: match arguments.docker {
                Docker::Upstream => DockerSource::Upstream,
                Docker::Distro => DockerSource::Distro,
            },
            registry_mirrors: arguments.registry_mirror.clone(),
            certificates: CertificateAuthority {
                directory_url: arguments.acme_directory.clone(),
                directory_roots_pem: pem(&arguments.acme_roots)?,
                issued_roots_pem: pem(&arguments.issued_roots)?,
                contact: arguments.acme_contact.as_ref().unwrap_or(&arguments.email).clone(),
            },
            hub: None,
            models: None,
            backups: arguments.recovery.backups()?,
            restore: arguments.recovery.restore()?,
        },
    })
}

fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn memory_file(address: IpAddr) -> anyhow::Result<PathBuf> {
    let folder = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let folder = folder.or_else(home).context("neither XDG_STATE_HOME nor HOME is set")?;
    Ok(folder.join("letsbe/servers").join(format!("{address}.json")))
}

fn recall(file: &Path) -> anyhow::Result<Option<Remembered>> {
    match std::fs::read(file) {
        Ok(content) => {
            let remembered = serde_json::from_slice(&content);
            Ok(Some(remembered.with_context(|| format!("{} is damaged", file.display()))?))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => bail!("{} cannot be read: {error}", file.display()),
    }
}

fn remember(file: &Path, remembered: &Remembered) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let fresh = file.with_added_extension("new");
    std::fs::write(&fresh, serde_json::to_vec_pretty(remembered)?)?;
    Ok(std::fs::rename(fresh, file)?)
}
