//! What a tenant's stacks shall look like: the catalog and the desired server brought together. Pure.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use letsbe_catalog::{Catalog, RenderContext, RenderError, Selection, Tool};
use letsbe_host::{FileWrite, Machine};
use letsbe_protocol::desired::unfit_tools;
use letsbe_types::{Code, DomainName, Problem, Secret, job::DesiredServer, paths};
use letsbe_vault::{Credentials, Wanted};
use sha2::{Digest as _, Sha256};

use super::{
    Pins,
    containers::{Container, HASH_LABEL},
    reading::SharedContainers,
};

/// The catalog, the selected tools and the tenant's particulars: one server's.
pub struct Deployment {
    catalog: Arc<Catalog>,
    selection: Selection,
    context: RenderContext,
    containers: SharedContainers,
}

/// One stack, ready to be written and started.
#[derive(Debug, Clone)]
pub(crate) struct DesiredStack {
    pub(crate) name: String,
    /// Everything in the stack's folder.
    pub(crate) files: Vec<FileWrite>,
    /// Of all files: containers carry it as a label, so that what runs can be compared with what is wanted.
    pub(crate) hash: String,
    /// Service and container names.
    pub(crate) services: Vec<(String, String)>,
    /// Services that hold a database: started first, so that they warm up while the others are started.
    pub(crate) databases: Vec<String>,
}

impl Deployment {
    /// Checks the desired server against the catalog.
    ///
    /// # Errors
    /// The selection's field errors in one problem.
    pub fn new(catalog: Arc<Catalog>, desired: &DesiredServer) -> Result<Self, Problem> {
        let selection =
            catalog.select(desired.tier, &desired.tools).map_err(|errors| unfit_tools(&errors))?;
        let context = RenderContext {
            domain: desired.domain.clone(),
            owner_email: desired.owner_email.clone(),
            acme_email: desired.certificates.contact.clone(),
            timezone: desired.timezone.clone(),
            tenant: desired.identity.0.clone(),
            ipv6: false,
            values: BTreeMap::new(),
        };
        Ok(Self { catalog, selection, context, containers: SharedContainers::default() })
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The containers on the server that is deployed to.
    pub(crate) async fn containers(&self, machine: &dyn Machine) -> Result<Vec<Container>, Problem> {
        self.containers.read(machine).await
    }

    /// The variables of templates; only nginx's depend on IPv6.
    pub(crate) fn context(&self, ipv6: bool) -> RenderContext {
        RenderContext { ipv6, ..self.context.clone() }
    }

    /// The selected tools in start order.
    pub(crate) fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.selection.entries(&self.catalog)
    }

    /// The selected tools and the platform's stacks.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Tool> {
        self.tools().chain(self.catalog.platform())
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Tool> {
        self.all().find(|tool| tool.name.as_str() == name)
    }

    /// Every host name that is served.
    pub(crate) fn hostnames(&self) -> Vec<DomainName> {
        self.selection.hostnames(&self.catalog, &self.context.domain)
    }

    /// The host names of one tool.
    pub(crate) fn hostnames_of(&self, tool: &Tool) -> Vec<DomainName> {
        tool.vhosts.iter().filter_map(|vhost| self.context.domain.child(&vhost.label).ok()).collect()
    }

    /// Every credential that the stacks need.
    pub(crate) fn wanted_credentials(&self) -> Vec<Wanted> {
        let of = |tool: &Tool| {
            let name = tool.name.as_str().to_owned();
            let credentials = tool.credentials.clone();
            credentials.into_iter().map(move |credential| Wanted { tool: name.clone(), credential })
        };
        self.all().flat_map(of).collect()
    }

    /// Renders a stack.
    ///
    /// # Errors
    /// A template that does not fit its variables, or a credential that has yet to be made.
    pub(crate) fn stack(
        &self,
        tool: &Tool,
        credentials: &Credentials,
        pins: &Pins,
        ipv6: bool,
    ) -> Result<DesiredStack, Problem> {
        let name = tool.name.as_str();
        let context = self.context(ipv6);
        let rendered = letsbe_catalog::render_stack(tool, &context, &declared(tool, credentials))
            .map_err(not_rendered)?;
        let folder = paths::stack(name);
        let compose = pins.applied(tool, &rendered.compose);
        let mut files = vec![FileWrite::new(folder.join("docker-compose.yml"), 0o644, compose)];
        for file in rendered.env {
            files.push(FileWrite::new(folder.join(file.name), 0o600, file.contents.expose().clone()));
        }
        for (path, text) in rendered.files {
            files.push(FileWrite::new(folder.join(path), 0o644, text));
        }
        files.extend(self.extra_files(name, &context)?);
        let hash = hash(&files);
        files.push(override_file(tool, &hash));
        Ok(DesiredStack {
            name: name.to_owned(),
            files,
            hash,
            services: tool.services.iter().map(|s| (s.name.clone(), s.container.clone())).collect(),
            databases: tool.databases.iter().map(|database| database.service.clone()).collect(),
        })
    }

    /// Files that come from more than a stack's own templates.
    fn extra_files(&self, name: &str, context: &RenderContext) -> Result<Vec<FileWrite>, Problem> {
        match name {
            "nginx" => {
                let text = letsbe_catalog::render_main_nginx(&self.catalog, context).map_err(not_rendered)?;
                Ok(vec![FileWrite::new(paths::NGINX_CONFIGURATION, 0o644, text)])
            }
            "openclaw" => {
                let agents = letsbe_catalog::render_agents(&self.catalog, &self.selection, context);
                let folder = paths::stack(name);
                let file = |(path, text): (String, String)| FileWrite::new(folder.join(path), 0o644, text);
                Ok(agents.map_err(not_rendered)?.into_iter().map(file).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// The credentials that the catalog declares for a tool. The file may hold more, from an earlier catalog.
pub(crate) fn declared(tool: &Tool, credentials: &Credentials) -> BTreeMap<String, Secret<String>> {
    let value = |key: &String| Some((key.clone(), credentials.get(tool.name.as_str(), key)?.clone()));
    tool.credentials.iter().filter_map(|credential| value(&credential.key)).collect()
}

pub(crate) fn not_rendered(error: RenderError) -> Problem {
    Problem::permanent(
        Code::NODE044,
        error.to_string(),
        "Correct the catalog; `letsbe-node` was given the wrong one.",
    )
}

fn hash(files: &[FileWrite]) -> String {
    let mut hasher = Sha256::new();
    for file in files {
        let path = file.path.to_string_lossy();
        // Lengths keep one file's end from being another's beginning.
        hasher.update(format!("{}\0{}\0", path, file.content.expose().len()));
        hasher.update(file.content.expose());
    }
    hex::encode(hasher.finalize())
}

/// Compose merges this file by itself. A new hash makes it recreate the containers, also where only a mounted file
/// changed, which it would not notice.
fn override_file(tool: &Tool, hash: &str) -> FileWrite {
    let mut text =
        String::from("# Made by letsbe-node: marks containers with what they were made from.\nservices:\n");
    for service in &tool.services {
        let _ = write!(text, "  {}:\n    labels:\n      {HASH_LABEL}: \"{hash}\"\n", service.name);
    }
    FileWrite::new(paths::stack(tool.name.as_str()).join("docker-compose.override.yml"), 0o644, text)
}

#[cfg(test)]
mod tests {
    use letsbe_host::FileWrite;

    use super::hash;

    #[test]
    fn the_hash_tells_files_apart() {
        let file = |path: &str, text: &str| FileWrite::new(path, 0o644, text);
        let one = hash(&[file("/a", "1"), file("/b", "2")]);
        assert_eq!(one, hash(&[file("/a", "1"), file("/b", "2")]));
        for other in [
            [file("/a", "12"), file("/b", "")],
            [file("/a", "1"), file("/c", "2")],
            [file("/a", "2"), file("/b", "1")],
        ] {
            assert_ne!(one, hash(&other));
        }
    }
}
