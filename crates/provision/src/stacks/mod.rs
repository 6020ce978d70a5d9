//! The stacks: nginx (step 4), the tools (step 9), the AI runtime and the agent (step 10).
//!
//! What is wanted comes from the catalog ([`Deployment`]); what is there is read in [`reading`]; each operation
//! compares the two. Containers carry a hash of everything their stack was made from, so "converged" is read from
//! the containers themselves and needs no record of our own.

mod agent;
mod certificate;
mod containers;
mod credentials;
mod deployment;
mod http;
mod images;
pub mod paths;
mod reading;
mod registry;
mod rendered;
mod running;
mod setup;
mod sites;

use std::sync::Arc;

use letsbe_catalog::{Catalog, Tool};
use letsbe_host::{Machine, Operation};
use letsbe_types::{Problem, job::DesiredServer};

pub(crate) use containers::Container;
#[cfg(test)]
pub(crate) use containers::running as running_container;
pub use deployment::Deployment;
pub(crate) use reading::{
    containers as read_containers, credentials as read_credentials, file as read_file, unit as read_unit,
};
pub(crate) use running::troubled;
pub use setup::run_setup;

use deployment::DesiredStack;

/// Stacks that are handled together in one step.
pub(crate) struct Group {
    deployment: Arc<Deployment>,
    step: u8,
    names: Vec<String>,
}

impl Group {
    fn new(deployment: &Arc<Deployment>, step: u8, tools: Vec<&Tool>) -> Arc<Self> {
        let names = tools.into_iter().map(|tool| tool.name.as_str().to_owned()).collect();
        Arc::new(Self { deployment: Arc::clone(deployment), step, names })
    }

    /// In start order.
    fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.names.iter().filter_map(|name| self.deployment.find(name))
    }

    fn images(&self) -> impl Iterator<Item = &str> {
        self.tools().flat_map(|tool| &tool.images).map(String::as_str)
    }

    /// The stacks as they should be, with the credentials that the server has.
    async fn desired(&self, machine: &dyn Machine) -> Result<Vec<DesiredStack>, Problem> {
        let credentials = match reading::credentials(machine).await? {
            Some(credentials) => credentials,
            None if self.tools().all(|tool| tool.credentials.is_empty()) => Default::default(),
            None => return Err(setup::credentials_missing()),
        };
        let ipv6 = reading::has_ipv6(machine).await?;
        self.tools().map(|tool| self.deployment.stack(tool, &credentials, ipv6)).collect()
    }
}

/// The operations of steps 4 (nginx), 9 and 10, sorted by step.
///
/// # Errors
/// When the wishes do not fit the catalog.
pub fn stack_operations(
    catalog: Arc<Catalog>,
    desired: &DesiredServer,
) -> Result<Vec<Box<dyn Operation>>, Problem> {
    let deployment = Arc::new(Deployment::new(catalog, desired)?);
    let is_nginx = |tool: &&Tool| tool.name.as_str() == "nginx";
    let platform = || deployment.catalog().platform();
    let nginx = Group::new(&deployment, 4, platform().filter(is_nginx).collect());
    let tools = Group::new(&deployment, 9, deployment.tools().collect());
    // The images of step 10 come along with those of step 9: one pull for all.
    let images = Group::new(&deployment, 9, deployment.all().collect());
    let platform = Group::new(&deployment, 10, platform().filter(|tool| !is_nginx(tool)).collect());

    let mut operations: Vec<Box<dyn Operation>> = Vec::new();
    operations
        .push(Box::new(images::ImagesPresent { name: "nginx.image_present", group: Arc::clone(&nginx) }));
    let folders = &[paths::NGINX_SITES, paths::NGINX_WEBROOT, "/etc/letsencrypt"];
    operations.extend(start(["nginx.rendered", "nginx.running", "nginx.healthy"], &nginx, folders));

    operations.push(Box::new(credentials::CredentialsGenerated::new(Arc::clone(&deployment))));
    operations.push(Box::new(images::ImagesPresent { name: "images.present", group: images }));
    operations.extend(start(["stacks.rendered", "stacks.running", "stacks.healthy"], &tools, &[]));
    let sites = |stage| Box::new(sites::Sites { deployment: Arc::clone(&deployment), stage });
    operations.push(sites(sites::Stage::Challenges));
    operations.push(Box::new(certificate::CertificateIssued { deployment: Arc::clone(&deployment) }));
    operations.push(sites(sites::Stage::Published));
    operations.push(Box::new(certificate::CertificateRenewed));

    operations.push(Box::new(registry::RegistryWritten { deployment: Arc::clone(&deployment) }));
    operations.extend(start(["platform.rendered", "platform.running", "platform.healthy"], &platform, &[]));
    operations.push(Box::new(setup::ToolsSetUp { deployment: Arc::clone(&deployment) }));
    operations.push(Box::new(agent::AgentRegistered));
    operations.push(Box::new(agent::AgentRunning));
    operations.push(Box::new(agent::ConfigurationRemoved));
    Ok(operations)
}

/// Everything that is done on the server, sorted by step: the host's steps, the stacks, the verification.
///
/// # Errors
/// When the wishes do not fit the catalog.
pub fn all_operations(
    catalog: Arc<Catalog>,
    desired: &DesiredServer,
) -> Result<Vec<Box<dyn Operation>>, Problem> {
    let mut all = letsbe_host::server_operations();
    all.extend(stack_operations(Arc::clone(&catalog), desired)?);
    all.extend(crate::verify::operations(catalog, desired)?);
    all.sort_by_key(|operation| operation.step());
    Ok(all)
}

/// The three operations that bring stacks up.
fn start(
    names: [&'static str; 3],
    group: &Arc<Group>,
    folders: &'static [&'static str],
) -> [Box<dyn Operation>; 3] {
    [
        Box::new(rendered::StacksRendered { name: names[0], group: Arc::clone(group), folders }),
        Box::new(running::StacksRunning { name: names[1], group: Arc::clone(group) }),
        Box::new(running::StacksHealthy { name: names[2], group: Arc::clone(group) }),
    ]
}

#[cfg(test)]
pub(crate) mod tests {
    use letsbe_types::job::DesiredServer;

    pub(crate) fn desired() -> DesiredServer {
        serde_json::from_value(serde_json::json!({
            "identity": "0190-test",
            "domain": "example.com",
            "owner_email": "owner@example.com",
            "timezone": "Europe/Berlin",
            "tier": "build",
            "tools": ["ghost", "nocodb"],
            "admin_keys": ["ssh-ed25519 AAAA test"],
            "docker": "distro",
            "registry_mirrors": [],
            "certificates": {
                "directory_url": "https://acme.lab/dir",
                "directory_roots_pem": "-----BEGIN CERTIFICATE-----\n",
                "issued_roots_pem": null,
                "contact": "ssl@example.com",
            },
            "hub": { "url": "https://hub.example", "registration_token": "token-canary" },
        }))
        .expect("a valid wish")
    }
}
