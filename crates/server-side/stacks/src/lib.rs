#![doc = include_str!("../README.md")]

mod agent;
pub mod backups;
mod certificate;
mod containers;
mod credentials;
mod deployment;
mod hardening;
mod http;
mod images;
mod models;
mod one_tool;
mod owner;
mod pins;
mod reading;
mod registry;
mod rendered;
mod running;
mod server;
mod setup;
mod setup_tool;
mod sites;
mod socket_io;
mod tool_stack;
mod uploads;
mod vault;
pub mod verify;

use std::{collections::BTreeSet, sync::Arc};

use letsbe_catalog::{Catalog, Tool};
use letsbe_host::{Machine, Operation};
use letsbe_types::{Problem, job::DesiredServer, paths};
use letsbe_vault::Credentials;

#[cfg(test)]
pub(crate) use agent::unit_file as agent_unit;
pub(crate) use containers::Container;
#[cfg(test)]
pub(crate) use containers::running as running_container;
pub use deployment::Deployment;
pub(crate) use deployment::declared;
pub use one_tool::tool_operations;
pub use owner::{accept_owner, check_owned};
pub use pins::{Pins, is_later};
pub(crate) use reading::{
    credentials as read_credentials, file as read_file, run, unit as read_unit, vault as read_vault,
};
pub(crate) use rendered::is_written;
pub(crate) use running::troubled;
pub use setup_tool::run_setup;
pub use tool_stack::{ToolStack, await_healthy, probe_at, tool_stack};
pub use uploads::{
    UPLOADS_FULL_FILE, UploadBound, UploadWatch, UploadsFull, bound as upload_bound, upload_operation,
    uploads_full_reason, uploads_restored,
};
#[cfg(test)]
pub(crate) use uploads::{unit as upload_unit, watch_unit as upload_watch_unit};

use deployment::DesiredStack;

/// Stacks that are handled together in one step.
pub(crate) struct Group {
    deployment: Arc<Deployment>,
    step: u8,
    names: Vec<String>,
    /// What files are rendered with; `None` is what the server has.
    credentials: Option<Credentials>,
}

impl Group {
    fn new(deployment: &Arc<Deployment>, step: u8, tools: Vec<&Tool>) -> Arc<Self> {
        let names = tools.into_iter().map(|tool| tool.name.as_str().to_owned()).collect();
        Arc::new(Self { deployment: Arc::clone(deployment), step, names, credentials: None })
    }

    /// In start order.
    fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.names.iter().filter_map(|name| self.deployment.find(name))
    }

    /// The images of the stacks, as they are pinned.
    fn images(&self, pins: &Pins) -> BTreeSet<String> {
        self.tools().flat_map(|tool| tool.images.iter().map(|image| pins.image(tool, image))).collect()
    }

    /// The stacks as they should be.
    async fn desired(&self, machine: &dyn Machine) -> Result<Vec<DesiredStack>, Problem> {
        let known = match &self.credentials {
            Some(credentials) => Some(credentials.clone()),
            None => reading::credentials(machine).await?,
        };
        let credentials = match known {
            Some(credentials) => credentials,
            None if self.tools().all(|tool| tool.credentials.is_empty()) => Default::default(),
            None => return Err(setup_tool::credentials_missing()),
        };
        let ipv6 = reading::has_ipv6(machine).await?;
        let pins = Pins::read(machine).await?;
        self.tools().map(|tool| self.deployment.stack(tool, &credentials, &pins, ipv6)).collect()
    }
}

/// The operations of steps 4 (nginx), 9 and 10, sorted by step.
///
/// # Errors
/// When the desired server does not fit the catalog.
pub fn stack_operations(
    catalog: Arc<Catalog>,
    desired: &DesiredServer,
) -> Result<Vec<Box<dyn Operation>>, Problem> {
    Ok(of_stacks(&Arc::new(Deployment::new(catalog, desired)?)))
}

fn of_stacks(deployment: &Arc<Deployment>) -> Vec<Box<dyn Operation>> {
    let is_nginx = |tool: &&Tool| tool.name.as_str() == "nginx";
    let platform = || deployment.catalog().platform();
    let nginx = Group::new(deployment, 4, platform().filter(is_nginx).collect());
    let tools = Group::new(deployment, 9, deployment.tools().collect());
    // The images of step 10 come along with those of step 9: one pull for all.
    let images = Group::new(deployment, 9, deployment.all().collect());
    let platform = Group::new(deployment, 10, platform().filter(|tool| !is_nginx(tool)).collect());

    let mut operations: Vec<Box<dyn Operation>> = Vec::new();
    operations
        .push(Box::new(images::ImagesPresent { name: "nginx.image_present", group: Arc::clone(&nginx) }));
    let folders = &[paths::NGINX_SITES, paths::NGINX_WEBROOT, "/etc/letsencrypt"];
    operations.extend(start(["nginx.rendered", "nginx.running", "nginx.healthy"], &nginx, folders));

    operations.push(Box::new(backups::KeysReceived));
    operations.push(Box::new(backups::VaultRestored));
    operations.push(Box::new(credentials::CredentialsGenerated::new(Arc::clone(deployment))));
    operations.push(Box::new(images::ImagesPresent { name: "images.present", group: images }));
    operations.extend(start(["stacks.rendered", "stacks.running", "stacks.healthy"], &tools, &[]));
    let sites = |mode| Box::new(sites::Sites { deployment: Arc::clone(deployment), mode });
    operations.push(sites(sites::SitesMode::Challenges));
    let owners = |moment| Box::new(setup::ToolsSetUp { deployment: Arc::clone(deployment), moment });
    operations.push(owners(setup::Moment::BeforeSites));
    operations.push(Box::new(certificate::CertificateIssued { deployment: Arc::clone(deployment) }));
    operations.push(sites(sites::SitesMode::Published));
    operations.push(Box::new(certificate::CertificateRenewed));

    // Before the vault: the key for models is never sent to where an older configuration says.
    operations.push(Box::new(models::ModelsConfigured));
    operations.push(Box::new(vault::VaultSeeded));
    operations.push(Box::new(registry::RegistryWritten { deployment: Arc::clone(deployment) }));
    operations.extend(start(["platform.rendered", "platform.running", "platform.healthy"], &platform, &[]));
    // Before the tools come back: a restore that is killed is ended by the next start, which asks the record.
    operations.push(Box::new(server::ServerRecorded));
    operations.push(Box::new(backups::ToolsRestored));
    operations.push(owners(setup::Moment::AfterRestore));
    // After the tools came back: what somebody uploads before would be lost with the folder that they replace.
    operations.push(Box::new(uploads::Uploads::new(deployment)));
    operations.push(sites(sites::SitesMode::Opened));
    operations.push(Box::new(backups::BackupsConfigured));
    operations.push(Box::new(agent::AgentRegistered));
    operations.push(Box::new(agent::AgentRunning));
    operations.push(Box::new(agent::ConfigurationRemoved));
    operations
}

/// Everything that is done on the server, sorted by step: the host's steps, the stacks, the verification.
///
/// # Errors
/// When the desired server does not fit the catalog.
pub fn all_operations(
    catalog: Arc<Catalog>,
    desired: &DesiredServer,
) -> Result<Vec<Box<dyn Operation>>, Problem> {
    let deployment = Arc::new(Deployment::new(catalog, desired)?);
    let ports = deployment.selection().open_ports(deployment.catalog());
    let mut all = letsbe_host::server_operations(&ports);
    all.extend(of_stacks(&deployment));
    all.extend(verify::operations(&deployment));
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
    use std::{
        collections::BTreeSet,
        path::{Path, PathBuf},
        sync::Arc,
    };

    use async_trait::async_trait;
    use letsbe_catalog::Catalog;
    use letsbe_host::{
        Assessment, Change, Command, CommandOutput, FileWrite, Machine, MachineError, Operation,
        machine::FileState,
    };
    use letsbe_types::{Code, job::DesiredServer};

    use super::{Deployment, Group, credentials, rendered};

    /// A machine with nothing on it but what a test put there.
    #[derive(Default)]
    pub(crate) struct Files(pub(crate) std::collections::BTreeMap<PathBuf, FileState>);

    #[async_trait]
    impl Machine for Files {
        async fn run(&self, command: &Command) -> Result<CommandOutput, MachineError> {
            let source = std::io::ErrorKind::NotFound.into();
            Err(MachineError::Start { program: command.program.clone(), source })
        }
        async fn read(&self, path: &Path) -> Result<Option<FileState>, MachineError> {
            Ok(self.0.get(path).cloned())
        }
        async fn list(&self, folder: &Path) -> Result<Vec<String>, MachineError> {
            let below = self.0.keys().filter(|path| path.parent() == Some(folder));
            Ok(below.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
        }
        async fn write(&self, _: &FileWrite) -> Result<(), MachineError> {
            panic!("assessing changes nothing")
        }
        async fn remove(&self, _: &Path) -> Result<(), MachineError> {
            panic!("assessing changes nothing")
        }
        async fn make_folder(&self, _: &Path, _: u32) -> Result<(), MachineError> {
            panic!("assessing changes nothing")
        }
    }

    pub(crate) fn catalog() -> Arc<Catalog> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
        Arc::new(Catalog::load(Path::new(folder)).expect("the catalog is valid"))
    }

    pub(crate) fn deployment() -> Arc<Deployment> {
        Arc::new(Deployment::new(catalog(), &desired()).expect("fits"))
    }

    #[test]
    fn operations_are_sorted_and_have_names_of_their_own() {
        let all = super::all_operations(catalog(), &desired()).expect("fits");
        assert!(all.is_sorted_by_key(|operation| operation.step()));
        let names: BTreeSet<&str> = all.iter().map(|operation| operation.name()).collect();
        assert_eq!(names.len(), all.len(), "two operations have one name");
        // Owners before sites; where data comes back, data before owners.
        let at = |name: &str| all.iter().position(|operation| operation.name() == name).expect(name);
        let order = ["sites.answer_challenges", "tools.set_up", "sites.published", "tools.restored"];
        let order = order.into_iter().chain(["owners.proven", "uploads.served", "sites.opened"]).map(at);
        assert!(order.is_sorted(), "a site could be opened before its tool has an owner");
        let unknown = DesiredServer { tools: vec!["n8n".to_owned()], ..desired() };
        let problem = super::all_operations(catalog(), &unknown).err().expect("refused");
        assert!(problem.message.contains("there is no tool \"n8n\""), "{problem}");
    }

    #[tokio::test]
    async fn every_stack_renders_and_is_converged_once_written() {
        let catalog = catalog();
        let tools = catalog.tools().map(|tool| tool.name.as_str().to_owned()).collect();
        let desired = DesiredServer { tools, tier: letsbe_types::Tier::Enterprise, ..desired() };
        let deployment = Arc::new(Deployment::new(catalog, &desired).expect("fits"));
        let mut machine = Files::default();
        let made = credentials::CredentialsGenerated::new(Arc::clone(&deployment));
        put_all(&mut machine, &made, &desired).await;
        let group = Group::new(&deployment, 9, deployment.all().collect());
        let rendered = rendered::StacksRendered { name: "all.rendered", group, folders: &[] };
        put_all(&mut machine, &rendered, &desired).await;
        let private = machine.0.iter().filter(|(path, _)| path.ends_with(".env") || path.ends_with("db.env"));
        assert!(private.clone().count() > 5 && private.clone().all(|(_, state)| state.mode == 0o600));
        let file = &machine.0[Path::new(letsbe_vault::CREDENTIALS_FILE)].content;
        let credentials = letsbe_vault::Credentials::from_file(file).expect("reads");
        for (path, state) in machine.0.iter().filter(|(_, state)| state.mode != 0o600) {
            let leaked =
                credentials.iter().find(|(_, _, value)| state.content.contains(value.expose().as_str()));
            assert!(leaked.is_none(), "a secret stands in {}", path.display());
        }
    }

    /// Does what an operation asks for, and asks it again.
    async fn put_all(machine: &mut Files, operation: &dyn Operation, desired: &DesiredServer) {
        let Ok(Assessment::Needed { changes, .. }) = operation.assess(machine, desired).await else {
            panic!("{} has nothing to do on an empty machine", operation.name())
        };
        for change in changes {
            if let Change::Write(file) = change {
                let state = FileState { content: file.content.expose().clone(), mode: file.mode, uid: 0 };
                machine.0.insert(file.path, state);
            }
        }
        let again = operation.assess(machine, desired).await;
        assert!(matches!(again, Ok(Assessment::Converged { .. })), "{}: {again:?}", operation.name());
    }

    #[tokio::test]
    async fn a_damaged_credentials_file_stops_everything_and_is_not_replaced() {
        let deployment = Arc::new(Deployment::new(catalog(), &desired()).expect("fits"));
        let state = FileState { content: "garbage-canary".to_owned(), mode: 0o600, uid: 0 };
        let machine = Files([(PathBuf::from(letsbe_vault::CREDENTIALS_FILE), state)].into());
        let operation = credentials::CredentialsGenerated::new(deployment);
        let problem = operation.assess(&machine, &desired()).await.expect_err("stops");
        assert!(problem.code == Code::NODE041 && !problem.message.contains("canary"), "{problem}");
    }

    pub(crate) fn desired() -> DesiredServer {
        let desired = include_str!("../../../shared/protocol/tests/fixtures/desired.json");
        serde_json::from_str(desired).expect("a desired server")
    }
}
