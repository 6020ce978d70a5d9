//! Servers bought at Netcup in advance. Netcup's API can neither order nor cancel one.

use std::{net::Ipv4Addr, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use letsbe_netcup::{ImageBegun, ImageInstall, ScpClient, ScpError, types, word};
use letsbe_types::{Code, Problem, Region, ids::ServerId};

use crate::{
    Begun, Capabilities, InstallRequest, OsImage, Power, ProviderError, Resources, ServerProvider,
    ServerView, TaskId, TaskState, choose::given_name,
};

const PREFIX: &str = "netcup:";
/// The name under which our keys stand in the account.
const KEY_NAME: &str = "letsbe";

/// The pool of one Netcup account.
#[derive(Debug, Clone)]
pub struct NetcupPool {
    client: Arc<ScpClient>,
}

impl NetcupPool {
    /// The pool that a client's account holds.
    #[must_use]
    pub const fn new(client: Arc<ScpClient>) -> Self {
        Self { client }
    }

    /// The client itself, for the login and what is not part of the port.
    #[must_use]
    pub const fn client(&self) -> &Arc<ScpClient> {
        &self.client
    }

    async fn detailed(&self, number: i32) -> Result<ServerView, ProviderError> {
        let server = self.client.server(number).await?;
        let tasks = self.client.tasks(number).await?;
        let over = |task: &types::TaskInfoMinimal| {
            let state = word(task.state.as_ref());
            matches!(state.as_str(), "FINISHED" | "ERROR" | "CANCELED" | "ROLLBACK")
        };
        let mut view = view_of(number, &server);
        view.locked = Some(!tasks.iter().all(over));
        Ok(view)
    }

    async fn flavour(&self, number: i32, image: OsImage) -> Result<i32, ProviderError> {
        let flavours = self.client.image_flavours(number).await?;
        flavour_among(&flavours, image).ok_or_else(|| {
            let offered: Vec<_> = flavours.iter().map(|flavour| flavour.name.as_str()).take(20).collect();
            let message =
                format!("netcup:{number} offers no {image:?} image; it offers: {}", offered.join(", "));
            Problem::permanent(Code::NETCUP_IMAGE_MISSING, message, "look at the server's images in the SCP")
                .into()
        })
    }
}

impl From<ScpError> for ProviderError {
    fn from(error: ScpError) -> Self {
        let (retry_after, outcome_unknown) = (error.retry_after(), error.outcome_unknown());
        Self { retry_after, outcome_unknown, problem: error.problem }
    }
}

fn number_of(id: &ServerId) -> Result<i32, ProviderError> {
    id.0.strip_prefix(PREFIX).and_then(|number| number.parse().ok()).ok_or_else(|| {
        let message = format!("\"{id}\" is no server of Netcup");
        Problem::permanent(Code::NETCUP_BAD_ID, message, "assign it as netcup:<number of the server>").into()
    })
}

/// The plainest flavour of an image: named for it, and without anything added where there is a choice.
fn flavour_among(flavours: &[types::ImageFlavour], image: OsImage) -> Option<i32> {
    let OsImage::Debian12 = image;
    let fitting = flavours.iter().filter_map(|flavour| {
        let image = flavour.image.as_ref().map_or("", |image| image.name.as_str());
        let text = format!("{image} {} {}", flavour.name, flavour.alias).to_lowercase();
        let words: Vec<_> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let is_ours = words.windows(2).any(|pair| pair == ["debian", "12"]) || words.contains(&"debian12");
        let minimal = words.contains(&"minimal");
        is_ours.then_some((!minimal, text.len(), flavour.id?))
    });
    fitting.min().map(|(_, _, id)| id)
}

fn region_of(city: &str) -> Option<Region> {
    match city.to_lowercase().as_str() {
        "nürnberg" | "nuernberg" | "nuremberg" | "karlsruhe" => Some(Region::Eu),
        "manassas" => Some(Region::Na),
        _ => None,
    }
}

fn listed(number: i32, server: &types::ServerListMinimal) -> ServerView {
    ServerView {
        id: ServerId(format!("{PREFIX}{number}")),
        name: server.name.clone().unwrap_or_default(),
        hostname: server.hostname.clone(),
        nickname: server.nickname.clone(),
        // Not said is not free.
        disabled: server.disabled.unwrap_or(true),
        template: server.template.as_ref().map(|template| template.name.clone()),
        site: None,
        region: None,
        power: Power::Unknown("not read".into()),
        locked: None,
        rescue: false,
        snapshots: 0,
        ipv4: Vec::new(),
        ipv6: Vec::new(),
        resources: None,
    }
}

fn view_of(number: i32, server: &types::Server) -> ServerView {
    let site = server.site.as_ref().map(|site| site.city.clone());
    let live = server.server_live_info.as_ref();
    let power = match word(live.and_then(|live| live.state.as_ref())).as_str() {
        "RUNNING" => Power::On,
        "SHUTOFF" | "SHUTDOWN" => Power::Off,
        other => Power::Unknown(other.to_owned()),
    };
    let v6 = |network: &types::IPv6AddressMinimal| {
        let length = network.network_prefix_length.and_then(|length| u8::try_from(length).ok())?;
        Some((network.network_prefix.as_ref()?.parse().ok()?, length))
    };
    ServerView {
        id: ServerId(format!("{PREFIX}{number}")),
        name: server.name.clone().unwrap_or_default(),
        hostname: server.hostname.clone(),
        nickname: server.nickname.clone(),
        disabled: server.disabled.unwrap_or(true),
        template: server.template.as_ref().map(|template| template.name.clone()),
        region: site.as_deref().and_then(region_of),
        site,
        power,
        locked: None,
        rescue: server.rescue_system_active.unwrap_or(true),
        snapshots: server.snapshot_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(u32::MAX),
        ipv4: server.ipv4_addresses.iter().flatten().filter_map(ipv4).collect(),
        ipv6: server.ipv6_addresses.iter().flatten().filter_map(v6).collect(),
        resources: live.and_then(|live| size_of(server, live)),
    }
}

fn ipv4(address: &types::IPv4AddressMinimal) -> Option<Ipv4Addr> {
    address.ip.as_ref()?.parse().ok()
}

/// Size as the live state shows it; `disksAvailableSpaceInMiB` is no property of the server (7.5 TiB on any).
fn size_of(server: &types::Server, live: &types::ServerInfo) -> Option<Resources> {
    let memory = live.max_server_memory_in_mi_b.max(live.current_server_memory_in_mi_b)?;
    let vcpu = live.cpu_max_count.max(live.cpu_count).max(server.max_cpu_count)?;
    let disk = live.disks.iter().flatten().filter_map(|disk| disk.capacity_in_mi_b).max()?;
    Some(Resources {
        memory_mib: u64::try_from(memory).ok()?,
        vcpu: u32::try_from(vcpu).ok()?,
        disk_mib: u64::try_from(disk).ok()?,
    })
}

/// The one disk that the system goes on. More than one is no fresh server.
fn only_disk(number: i32, server: &types::Server) -> Result<String, ProviderError> {
    let live = server.server_live_info.as_ref();
    let disks: Vec<_> = live.iter().flat_map(|live| live.disks.iter().flatten()).collect();
    match disks[..] {
        [types::ServerDisk { dev: Some(name), .. }] => Ok(name.clone()),
        _ => {
            let message =
                format!("netcup:{number} shows {} disks, and exactly one can be installed on", disks.len());
            Err(Problem::permanent(Code::NETCUP_DISKS, message, "look at the server's disks in the SCP")
                .into())
        }
    }
}

#[async_trait]
impl ServerProvider for NetcupPool {
    fn name(&self) -> &'static str {
        "netcup"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { can_firewall: true, can_snapshot: true, can_install: true, ..Capabilities::default() }
    }

    async fn list(&self) -> Result<Vec<ServerView>, ProviderError> {
        let mut views = Vec::new();
        for server in self.client.servers().await? {
            let Some(number) = server.id else { continue };
            let view = listed(number, &server);
            // The fleet is large and the pool is small: details only where the list leaves a chance.
            if view.disabled || given_name(&view).is_some() {
                views.push(view);
            } else {
                match self.detailed(number).await {
                    // Gone since the list was made.
                    Err(error) if error.problem.code == Code::NETCUP_NOT_FOUND => views.push(view),
                    detailed => views.push(detailed?),
                }
            }
        }
        Ok(views)
    }

    async fn server(&self, id: &ServerId) -> Result<ServerView, ProviderError> {
        self.detailed(number_of(id)?).await
    }

    async fn find_install(
        &self,
        id: &ServerId,
        requested_at: DateTime<Utc>,
    ) -> Result<Option<TaskId>, ProviderError> {
        Ok(self.client.find_installation(number_of(id)?, requested_at).await?.map(TaskId))
    }

    async fn start_install(&self, id: &ServerId, request: &InstallRequest) -> Result<Begun, ProviderError> {
        let number = number_of(id)?;
        if request.public_keys.is_empty() {
            let message = format!("the installation of {id} has no SSH key, so nobody could log in");
            return Err(
                Problem::permanent(Code::SERVER_NO_KEY, message, "configure the Hub's SSH key").into()
            );
        }
        let mut ssh_key_ids = Vec::with_capacity(request.public_keys.len());
        for key in &request.public_keys {
            ssh_key_ids.push(self.client.ensure_ssh_key(KEY_NAME, key).await?);
        }
        let install = ImageInstall {
            flavour_id: self.flavour(number, request.image).await?,
            disk: only_disk(number, &self.client.server(number).await?)?,
            hostname: request.hostname.to_string(),
            ssh_key_ids,
            script: request.host_key.script(),
            started_after: request.requested_at,
        };
        Ok(match self.client.install_image(number, &install).await? {
            ImageBegun::Now(task) => Begun::Now(TaskId(task)),
            ImageBegun::Before(task) => Begun::Before(TaskId(task)),
        })
    }

    async fn task(&self, _: &ServerId, task: &TaskId) -> Result<TaskState, ProviderError> {
        Ok(self.client.task(&task.0).await?)
    }
}
