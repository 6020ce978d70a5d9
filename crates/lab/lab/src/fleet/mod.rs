//! The whole company on one machine: lab, simulated Netcup, Hub, and a customer who orders.

mod bundle;
mod customer;
mod hub;
mod machines;
mod orders;
mod rerun;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use letsbe_simulators::{
    models::ModelSim,
    netcup::{NetcupSim, SimServer},
    stripe::Stripe,
};
use letsbe_types::clock::SystemClock;

use crate::{
    folders,
    lab::{CatalogImages, Lab, LabOptions},
};

pub use bundle::Programs;
pub use customer::{Customer, OrderRequest};
pub use hub::{ESCROW_IDENTITY, HubProcess, HubSettings, STAFF_EMAIL, Surroundings};
pub use machines::{CRASH_LOG, Machines};
pub use rerun::ProvisionerRun;

pub use crate::wait::eventually;

/// How a fleet is made.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// Folder with the built programs (`target/debug`).
    pub programs: PathBuf,
    /// The repository's root: catalog.
    pub repository: PathBuf,
    /// How many servers of the Build tier stand in the pool.
    pub servers: u32,
    /// Every crash point of Hub, provisioner and node kills once when given.
    pub crash: bool,
    /// Seconds before the three retries.
    pub retries: [u32; 3],
    /// Seconds a worker's lease lasts.
    pub lease: u32,
    /// What the servers have of the catalog's images when they are installed.
    pub images: CatalogImages,
}

impl FleetOptions {
    /// A fleet with one server, at the lab's pace.
    #[must_use]
    pub fn new(programs: &Path, repository: &Path) -> Self {
        Self {
            programs: programs.to_owned(),
            repository: repository.to_owned(),
            servers: 1,
            crash: false,
            retries: [1, 2, 4],
            lease: 5,
            images: CatalogImages::Offered,
        }
    }
}

/// A running fleet. [`Fleet::stop`] removes everything it made.
pub struct Fleet {
    /// The lab's services.
    pub lab: Lab,
    /// The simulated Netcup.
    pub netcup: NetcupSim,
    /// The machines behind its servers.
    pub machines: Arc<Machines>,
    /// The simulated model provider that the tenants' AI teams use.
    pub models: ModelSim,
    /// The Hub.
    pub hub: HubProcess,
    /// Signs and sends Stripe's events.
    pub stripe: Stripe,
    /// The programs that it runs.
    pub programs: Programs,
    /// Files of this fleet: the Hub's data, keys, bundle.
    pub folder: tempfile::TempDir,
}

impl Fleet {
    /// Brings everything up; `say` is told what is being done.
    ///
    /// # Errors
    /// When a part does not come up.
    pub async fn start(options: &FleetOptions, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<Self> {
        let folder = folders::create().context("no folder for the lab")?;
        let programs = Programs::in_folder(&options.programs)?.copied_to(&folder.path().join("programs"))?;
        say("Lab: network, DNS, ACME authority, image registry, mail");
        let proxy = folder.path().join("letsbe-proxy");
        bundle::strip(&programs.proxy, &proxy)?;
        let lab = LabOptions { proxy_binary: Some(proxy), images: options.images, ..LabOptions::default() };
        let lab = Lab::start(lab).await?;
        let machines = Arc::new(Machines::new(&lab, options.crash));
        say("Lab: the simulated Netcup with its pool of servers");
        let pool = machines.pool(options.servers).await?;
        let listen = SocketAddr::new(lab.gateway().into(), 0);
        let netcup = NetcupSim::start(listen, pool, machines.clone(), Arc::new(SystemClock)).await?;
        let models = ModelSim::start(listen).await?;
        say("Hub: keys, database, configuration");
        let bundle = programs.bundle(folder.path(), &options.repository)?;
        let around = Surroundings {
            programs: &programs,
            bundle: &bundle,
            lab: &lab,
            netcup: &netcup,
            models: &models,
        };
        let settings = HubSettings::of(folder.path(), options, &around)?;
        let hub = HubProcess::start(settings).await?;
        let stripe = Stripe::new(&hub.url, hub.stripe_secret().clone());
        Ok(Self { lab, netcup, machines, models, hub, stripe, programs, folder })
    }

    /// Runs the operator's command line, logged in as this member of staff; gives what it printed, and what it said
    /// on the side.
    ///
    /// # Errors
    /// When it fails; its words are in the error.
    pub async fn letsbe(&self, operator: &Customer, arguments: &[&str]) -> anyhow::Result<(String, String)> {
        let home = self.folder.path().join("operator");
        std::fs::create_dir_all(home.join("letsbe"))?;
        let login = serde_json::json!({"token": operator.token(), "email": STAFF_EMAIL});
        let logins = serde_json::json!({"hubs": {self.hub.url.as_str(): login}});
        std::fs::write(home.join("letsbe/logins.json"), logins.to_string())?;
        let output = tokio::process::Command::new(&self.programs.cli)
            .args(["--hub", &self.hub.url])
            .args(arguments)
            .env("XDG_CONFIG_HOME", &home)
            .env("XDG_STATE_HOME", &home)
            .output()
            .await?;
        let (printed, said) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        anyhow::ensure!(output.status.success(), "letsbe {arguments:?}: {said}");
        Ok((printed, said))
    }

    /// From now on the Hub, its provisioners, and the runs on machines that are yet to be installed die once at each
    /// crash point; on machines, not at those that are `spared`.
    ///
    /// # Errors
    /// When the Hub does not come up again.
    pub async fn kill_from_now_on(&self, spared: &BTreeSet<String>) -> anyhow::Result<()> {
        self.machines.kill_runs(spared);
        self.hub.kill_from_now_on().await
    }

    /// Stops the Hub and removes every container, volume and network of this fleet.
    ///
    /// # Errors
    /// When something could not be removed.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.hub.kill().await;
        self.machines.remove_all().await?;
        Ok(self.lab.stop().await?)
    }
}

/// Servers as the Build tier needs them, with free addresses of the lab's network.
pub(crate) fn build_server(number: i32, address: std::net::Ipv4Addr) -> SimServer {
    SimServer::fresh(number, address, 8, 16, 320)
}
