//! A whole lab: its network, its services and its servers, started together and removed without a trace.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use letsbe_types::process::Process;
use rand::RngExt as _;

use crate::{
    docker::{self, DockerError, LAB_LABEL},
    file_lock, folders,
    hosts::{Host, HostSpec},
    images,
    network::{LabNetwork, OWNER_LABEL},
    services::{Acme, Dns, MailSink, Registry, Storage},
    unpacked::UnpackedImages,
    wait::eventually,
};

/// How long the engine may take to remove a lab.
const REMOVAL: Duration = Duration::from_secs(120);
/// How long it may take to let go of a network whose containers are gone.
const NETWORK_REMOVAL: Duration = Duration::from_secs(20);

/// Held by the one process that removes labs of processes that are gone.
const CLEANUP_LOCK: &str = "letsbe-lab-cleanup.lock";

/// A lab that outlives the process that started it.
const KEPT: &str = "kept";

/// What a lab is started with.
#[derive(Debug, Clone, Default)]
pub struct LabOptions {
    /// The lab's name (letters, digits, dashes); a random one when none is given. A lab of that name that is
    /// already there is used.
    pub name: Option<String>,
    /// Whether it outlives this process; else [`cleanup_stale`] removes it once the process is gone.
    pub keep: bool,
    /// The workspace's built `letsbe-proxy`, from which the image of the secrets proxy is made.
    pub proxy_binary: Option<PathBuf>,
    /// What is there of the catalog's images.
    pub images: CatalogImages,
}

/// What a lab has of the catalog's images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CatalogImages {
    /// The registry offers them, and servers pull them.
    #[default]
    Offered,
    /// The registry offers them, and each server's engine has them already: pulling takes most of the time that a server
    /// needs to become live.
    Unpacked,
    /// Not offered: the lab starts in seconds on a fresh machine.
    Absent,
}

/// A running lab.
#[derive(Debug)]
pub struct Lab {
    /// Its name.
    pub name: String,
    /// Its network.
    pub network: LabNetwork,
    /// The image registry, used as a mirror by tenants.
    pub registry: Registry,
    /// The authority for the lab's zone.
    pub dns: Dns,
    /// The certificate authority.
    pub acme: Acme,
    /// The mail sink.
    pub mail: MailSink,
    /// The S3 service.
    pub storage: Storage,
    /// What servers have of the catalog's images when they are installed.
    pub unpacked: Option<UnpackedImages>,
    resolver: Ipv4Addr,
}

impl Lab {
    /// Starts a lab: engine, network, images, services. Folders that killed labs left are removed first.
    ///
    /// # Errors
    /// When any of them does not come up; what was started is removed by [`remove`] or [`cleanup_stale`].
    pub async fn start(options: LabOptions) -> Result<Self, DockerError> {
        if let Err(error) = folders::remove_left_behind() {
            tracing::warn!("the folder of a lab that is gone: {error}");
        }
        docker::ensure_engine().await?;
        let name = options.name.clone().unwrap_or_else(random_name);
        let owner = if options.keep { KEPT.to_owned() } else { Process::own().to_string() };
        let network = LabNetwork::ensure(&name, &owner).await?;
        let resolver = machine_resolver(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
        let zone = format!("{name}.lab.test");
        let dns_address = network.address(12);
        // The servers' image is made beside the services', so that the first server need not wait for it.
        let ((registry, unpacked), dns, acme, mail, storage, _) = tokio::try_join!(
            Self::registry(&network, &options),
            Dns::start(&network, &zone, resolver),
            Acme::start(&network, dns_address),
            MailSink::start(&network),
            Storage::start(&network),
            images::ensure("vps"),
        )?;
        Ok(Self { name, network, registry, dns, acme, mail, storage, unpacked, resolver })
    }

    async fn registry(
        network: &LabNetwork,
        options: &LabOptions,
    ) -> Result<(Registry, Option<UnpackedImages>), DockerError> {
        let registry = Registry::start(network).await?;
        let catalog = match options.images {
            CatalogImages::Absent => Vec::new(),
            CatalogImages::Offered | CatalogImages::Unpacked => images::ensure_catalog().await?,
        };
        registry.offer(&catalog).await?;
        let unpacked = match options.images {
            CatalogImages::Unpacked => Some(UnpackedImages::ensure(&registry, &catalog).await?),
            CatalogImages::Offered | CatalogImages::Absent => None,
        };
        // Not unpacked before: it is another one after each build.
        if let Some(binary) = &options.proxy_binary {
            registry.offer(&[images::proxy_image(binary).await?]).await?;
        }
        Ok((registry, unpacked))
    }

    /// Installs a server, which asks the lab's DNS first and this machine's resolver when that does not answer.
    ///
    /// # Errors
    /// When it does not boot.
    pub async fn create_host(
        &self,
        name: &str,
        hostname: &str,
        address: Option<Ipv4Addr>,
        authorized_keys: &[String],
    ) -> Result<Host, DockerError> {
        let spec = HostSpec {
            name: name.to_owned(),
            hostname: hostname.to_owned(),
            address,
            authorized_keys: authorized_keys.to_vec(),
            resolvers: self.resolvers(),
            script: None,
            images: self.unpacked.clone(),
        };
        Host::create(&self.network, spec).await
    }

    /// The server of that name, if there is one.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn host(&self, name: &str) -> Result<Option<Host>, DockerError> {
        Host::find(&self.network, name, self.resolvers()).await
    }

    /// The name servers of a tenant.
    #[must_use]
    pub fn resolvers(&self) -> Vec<Ipv4Addr> {
        vec![self.dns.address, self.resolver]
    }

    /// Where programs of this machine are reached from the tenants.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        self.network.gateway()
    }

    /// The roots (PEM) that a visitor of a tenant's pages must trust.
    #[must_use]
    pub fn issued_roots_pem(&self) -> &str {
        &self.acme.issuer_pem
    }

    /// Removes everything of this lab; images and the registry's content stay for the next one.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn stop(&self) -> Result<(), DockerError> {
        remove(&self.name).await
    }
}

/// Removes the containers, volumes and networks of a lab. An engine that was asked for a server just before may
/// still be making it, and takes its time to let go of volumes: it is asked until nothing of the lab is left. Docker 20
/// sometimes counts an end of a network that no container has, until it is started anew: such a network is left.
///
/// # Errors
/// When the engine still refuses after [`REMOVAL`].
pub async fn remove(lab: &str) -> Result<(), DockerError> {
    let label = format!("{LAB_LABEL}={lab}");
    let what = format!("removing the lab {lab}");
    let gone = async |kinds: &[&str], patience| {
        let look = async || Ok(removed(&label, kinds).await.map_err(|error| error.to_string()));
        eventually(&what, patience, look).await.map_err(|error| format!("{error:#}"))
    };
    let failed = |why| DockerError::failed(&what, why);
    gone(&["container", "volume"], REMOVAL).await.map_err(failed)?;
    match gone(&["container", "volume", "network"], NETWORK_REMOVAL).await {
        Err(why) if why.contains("has active endpoints") => {
            tracing::warn!(lab, "a network without containers is left: docker counts an end of it; {why}");
            Ok(())
        }
        gone => gone.map_err(failed),
    }
}

async fn removed(label: &str, kinds: &[&str]) -> Result<(), DockerError> {
    for kind in kinds {
        let found = docker::labelled(kind, label).await?;
        if *kind == "container" {
            docker::remove_containers(&found).await?;
        } else {
            docker::remove_objects(kind, &found).await?;
        }
    }
    for kind in kinds {
        let left = docker::labelled(kind, label).await?;
        if !left.is_empty() {
            return Err(DockerError::failed(format!("docker {kind} rm"), left.join(", ")));
        }
    }
    Ok(())
}

/// Removes every lab whose process is gone and that was not to be kept, with its folder. What was left lies in an engine
/// that may be stopped, so it is started first.
///
/// # Errors
/// When a folder cannot be removed, or the engine does not start or refuses.
pub async fn cleanup_stale() -> anyhow::Result<()> {
    folders::remove_left_behind()?;
    docker::ensure_engine().await?;
    // Tests that start together would take away from under each other what they remove.
    let path = std::env::temp_dir().join(CLEANUP_LOCK);
    let _held_until_the_end = file_lock::lock(path, std::fs::File::lock).await?;
    let template = format!("{{{{.Label \"{LAB_LABEL}\"}}}} {{{{.Label \"{OWNER_LABEL}\"}}}}");
    let filter = format!("label={OWNER_LABEL}");
    let mut stale = BTreeSet::new();
    for kind in ["container", "volume", "network"] {
        let mut arguments = vec![kind, "ls", "--filter", &filter, "--format", &template];
        if kind == "container" {
            arguments.push("--all");
        }
        let listed = docker::docker(&arguments).await?;
        let labs = listed.lines().filter_map(|line| line.split_once(' '));
        stale.extend(labs.filter(|(_, owner)| !is_wanted(owner)).map(|(lab, _)| lab.to_owned()));
    }
    for lab in &stale {
        tracing::info!(lab, "removing what a process that is gone left behind");
        remove(lab).await?;
    }
    Ok(())
}

/// Whether a lab is still used, or is to be kept.
fn is_wanted(owner: &str) -> bool {
    owner == KEPT || owner.parse().is_ok_and(|owner: Process| owner.lives())
}

fn random_name() -> String {
    format!("{:08x}", rand::rng().random::<u32>())
}

/// The first name server of this machine that is reachable from a container.
fn machine_resolver(resolv_conf: &str) -> Ipv4Addr {
    resolv_conf
        .lines()
        .filter_map(|line| line.strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok())
        .find_map(|address| match address {
            IpAddr::V4(address) if !address.is_loopback() => Some(address),
            _ => None,
        })
        .unwrap_or(Ipv4Addr::new(9, 9, 9, 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolver_is_one_that_containers_reach() {
        let conf = "search x\nnameserver ::1\nnameserver 127.0.0.53\nnameserver 10.1.2.3\n";
        assert_eq!(machine_resolver(conf), Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!(machine_resolver(""), Ipv4Addr::new(9, 9, 9, 9));
    }
}
