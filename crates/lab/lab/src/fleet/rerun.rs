//! A second run for a server that stands already, with the job as the Hub would make it, and no Hub to report to.

use std::{
    net::IpAddr,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use letsbe_types::{
    api::OrderDetail,
    ids::{JobId, ServerIdentity},
    job::{DesiredServer, HubLink, ProvisionJob, RunEvent},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::Command,
};

use super::Fleet;

/// What one run of the provisioner said, with the time of each line since its start.
#[derive(Debug)]
pub struct ProvisionerRun {
    /// Whether it ended well.
    pub success: bool,
    /// What it noted on the way.
    pub notes: Vec<(Duration, String)>,
    /// The run's events.
    pub events: Vec<(Duration, RunEvent)>,
    /// From the start to the end of the process.
    pub total: Duration,
    /// Everything it printed.
    pub output: String,
}

impl Fleet {
    /// The job that makes a fulfilled order's server what it is already, under a new id.
    ///
    /// # Errors
    /// When the server or the Hub's configuration cannot be read.
    pub async fn job_again(&self, order: &OrderDetail) -> anyhow::Result<ProvisionJob> {
        let config: toml::Value = toml::from_str(&std::fs::read_to_string(&self.hub.config)?)?;
        let settings = config.get("provisioning").context("the Hub's configuration")?;
        let file = |name: &str| settings[name].as_str().map(PathBuf::from).with_context(|| name.to_owned());
        let private_key = file("private_key")?;
        let public_key = std::fs::read_to_string(private_key.with_added_extension("pub"))?;
        let order = &order.summary;
        let host = self.machines.host(order.domain.as_str())?;
        let identity = host.exec(&["cat", "/opt/letsbe/state/identity"]).await?;
        let host_key = host.host_key().await?;
        Ok(ProvisionJob {
            id: JobId::generate(),
            address: IpAddr::from(host.address),
            first_port: 22,
            private_key,
            host_key: Some(host_key),
            bundle: file("bundle")?,
            report: None,
            desired: DesiredServer {
                identity: ServerIdentity(identity.trim().to_owned()),
                domain: order.domain.clone(),
                owner_email: order.email.clone(),
                timezone: settings["timezone"].as_str().context("timezone")?.to_owned(),
                tier: order.tier,
                tools: order.tools.clone(),
                admin_keys: vec![public_key.trim().to_owned()],
                docker: settings["docker"].clone().try_into()?,
                registry_mirrors: settings["registry_mirrors"].clone().try_into()?,
                certificates: settings["certificates"].clone().try_into()?,
                // A server that is registered already needs no token, so this one is none.
                hub: Some(HubLink {
                    url: self.hub.url.clone(),
                    registration_token: "0".repeat(64),
                    again: false,
                }),
                models: None,
                backups: None,
                restore: None,
            },
        })
    }

    /// Carries a job out by the provisioner, as the Hub starts it.
    ///
    /// # Errors
    /// When the program cannot be run or says something that is no event.
    pub async fn provision(&self, job: &ProvisionJob) -> anyhow::Result<ProvisionerRun> {
        let began = Instant::now();
        let mut child = Command::new(&self.programs.provisioner)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("letsbe-provisioner")?;
        let mut input = child.stdin.take().context("its input")?;
        input.write_all(&serde_json::to_vec(job)?).await?;
        drop(input);
        let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        let mut errors = BufReader::new(child.stderr.take().context("its error output")?).lines();
        let (mut events, mut notes, mut output) = (Vec::new(), Vec::new(), String::new());
        let read = async {
            while let Some(line) = lines.next_line().await? {
                events.push((began.elapsed(), serde_json::from_str(&line)?));
                output.push_str(&line);
                output.push('\n');
            }
            anyhow::Ok(())
        };
        let listen = async {
            while let Some(line) = errors.next_line().await? {
                notes.push((began.elapsed(), line));
            }
            anyhow::Ok(())
        };
        tokio::try_join!(read, listen)?;
        let success = child.wait().await?.success();
        output.extend(notes.iter().flat_map(|(_, line)| [line, "\n"]));
        Ok(ProvisionerRun { success, notes, events, total: began.elapsed(), output })
    }
}
