//! A tool's compose file, changed so that it stands beside the tool and reaches nobody. Pure.

use std::path::{Path, PathBuf};

use letsbe_catalog::Tool;
use serde_json::{Map, Value, json};

use super::record::StageId;

/// What every container, volume and network of a stage carries: its id.
pub(crate) const STAGE_LABEL: &str = "letsbe.stage";
/// Who made it, for people who look at it with Docker.
pub(crate) const KEEP_LABEL: &str = "letsbe.keep";
/// Where tools keep files on the server.
const DATA: &str = "/opt/letsbe/data/";
/// The platform's own folders: their read-only files may be seen by a stage too.
const HOME: &str = "/opt/letsbe/";

/// What a stage is called and where its folders are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    /// The tool.
    pub(crate) tool: &'a Tool,
    /// The stage.
    pub(crate) id: &'a StageId,
    /// Where the tool's data paths are for the stage.
    pub(crate) data: &'a Path,
    /// Text of [`KEEP_LABEL`].
    pub(crate) keep: &'a str,
}

impl Shape<'_> {
    /// The Compose project.
    pub(crate) fn project(&self) -> String {
        format!("letsbe-stage-{}-{}", self.tool.name, self.id)
    }

    /// A container of the stage, by the tool's own container.
    pub(crate) fn container(&self, container: &str) -> String {
        format!("{container}-stage-{}", self.id)
    }

    /// Docker's name of one of the stage's volumes.
    pub(crate) fn volume(&self, volume: &str) -> String {
        format!("{}_{volume}", self.project())
    }

    /// The stage's folder for one of the tool's data paths.
    pub(crate) fn data_path(&self, path: &str) -> PathBuf {
        let name = path.strip_prefix(DATA).unwrap_or(path).trim_matches('/').replace('/', "_");
        self.data.join(name)
    }

    fn labels(&self) -> Value {
        json!({ STAGE_LABEL: self.id.as_str(), KEEP_LABEL: self.keep })
    }

    /// The compose document of the stage. What is not known to be harmless does not come along: ports, networks of
    /// others, the Docker socket, the platform's sockets.
    pub(crate) fn staged(&self, mut document: Value) -> Value {
        let services = document["services"].take();
        let services: Map<String, Value> = match services {
            Value::Object(services) => {
                services.into_iter().map(|(name, service)| (name, self.service(service))).collect()
            }
            _ => Map::new(),
        };
        let empty = Map::new();
        let volumes: Map<String, Value> = document["volumes"]
            .as_object()
            .unwrap_or(&empty)
            .keys()
            .map(|name| (name.clone(), json!({ "labels": self.labels() })))
            .collect();
        json!({
            "name": self.project(),
            "services": services,
            "volumes": volumes,
            "networks": { "default": { "internal": true, "labels": self.labels() } },
        })
    }

    fn service(&self, mut service: Value) -> Value {
        let Some(fields) = service.as_object_mut() else { return service };
        for field in ["ports", "networks", "network_mode", "external_links", "extra_hosts", "expose"] {
            fields.remove(field);
        }
        if let Some(name) = fields.get("container_name").and_then(Value::as_str) {
            let name = self.container(name);
            fields.insert("container_name".to_owned(), name.into());
        }
        fields.insert("restart".to_owned(), "no".into());
        fields.insert("labels".to_owned(), self.labels());
        if let Some(mounts) = fields.remove("volumes").as_ref().and_then(Value::as_array) {
            let mounts = mounts.iter().filter_map(|mount| self.mount(mount.as_str()?));
            fields.insert("volumes".to_owned(), mounts.collect());
        }
        service
    }

    /// A mount of the stage; `None` for what it must not see.
    fn mount(&self, mount: &str) -> Option<Value> {
        let (source, rest) = mount.split_once(':')?;
        let is_state = || self.tool.state.iter().any(|state| state.path.as_deref() == Some(source));
        match source {
            _ if !source.starts_with('/') => Some(mount.into()),
            _ if is_state() => Some(format!("{}:{rest}", self.data_path(source).display()).into()),
            _ if source.starts_with(HOME) && rest.ends_with(":ro") => Some(mount.into()),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{path::Path, process::Command, sync::Arc};

    use letsbe_catalog::Catalog;
    use letsbe_host::LocalMachine;
    use letsbe_stacks::{ToolStack, tool_stack};
    use letsbe_types::job::DesiredServer;
    use letsbe_vault::Credentials;
    use serde_json::Value;

    use super::{STAGE_LABEL, Shape};
    use crate::restore::stage::record::StageId;

    pub(in crate::restore) fn catalog() -> Arc<Catalog> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
        Arc::new(Catalog::load(Path::new(folder)).unwrap())
    }

    pub(in crate::restore) fn desired(tools: &[&str]) -> DesiredServer {
        serde_json::from_value(serde_json::json!({
            "identity": "0190-test",
            "domain": "example.com",
            "owner_email": "owner@example.com",
            "timezone": "Europe/Berlin",
            "tier": "enterprise",
            "tools": tools,
            "admin_keys": ["ssh-ed25519 AAAA test"],
            "docker": "distro",
            "registry_mirrors": [],
            "certificates": {
                "directory_url": "https://acme.lab/dir",
                "directory_roots_pem": null,
                "issued_roots_pem": null,
                "contact": "ssl@example.com",
            },
            "hub": null,
        }))
        .unwrap()
    }

    pub(in crate::restore) fn credentials(catalog: &Catalog) -> Credentials {
        let mut credentials = Credentials::default();
        for tool in catalog.tools().chain(catalog.platform()) {
            for credential in &tool.credentials {
                let value = format!("Canary-{}-{}-0", tool.name, credential.key.replace('_', "-"));
                credentials.insert_missing(tool.name.as_str(), &credential.key, value.as_str().into());
            }
        }
        credentials
    }

    fn write(folder: &Path, document: &Value, stack: &ToolStack) {
        std::fs::write(folder.join("docker-compose.yml"), document.to_string()).unwrap();
        for file in &stack.files {
            let path = folder.join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.content.expose()).unwrap();
        }
    }

    #[tokio::test]
    async fn every_tools_stage_is_accepted_by_compose_and_reaches_nobody() {
        let catalog = catalog();
        let credentials = credentials(&catalog);
        let names: Vec<&str> = catalog.tools().map(|tool| tool.name.as_str()).collect();
        let desired = desired(&names);
        let team = catalog.platform().filter(|entry| entry.name.as_str() == "openclaw");
        for tool in catalog.tools().chain(team) {
            let stack = tool_stack(&LocalMachine, &catalog, &desired, tool.name.as_str(), &credentials);
            let stack = stack.await.unwrap();
            let folder = tempfile::tempdir().unwrap();
            let (id, data) = (StageId::fixed("0badcafe"), folder.path().join("data"));
            let shape = Shape { tool, id: &id, data: &data, keep: "test" };
            let document = shape.staged(serde_saphyr::from_str(&stack.compose).unwrap());
            write(folder.path(), &document, &stack);
            let output = Command::new("docker")
                .args(["compose", "config", "--format", "json"])
                .current_dir(folder.path())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {said}", tool.name);
            let read: Value = serde_json::from_slice(&output.stdout).unwrap();
            reaches_nobody(&read, &shape, folder.path());
            assert_eq!(read["services"].as_object().unwrap().len(), tool.services.len());
        }
    }

    fn reaches_nobody(read: &Value, shape: &Shape<'_>, folder: &Path) {
        let tool = &shape.tool.name;
        assert_eq!(read["name"], shape.project());
        let networks = read["networks"].as_object().unwrap();
        assert!(networks.len() == 1 && networks["default"]["internal"] == true, "{tool}: {networks:?}");
        assert!(networks["default"]["external"].is_null());
        for (name, volume) in read["volumes"].as_object().into_iter().flatten() {
            assert_eq!(volume["name"], shape.volume(name), "{tool}");
            assert_eq!(volume["labels"][STAGE_LABEL], "0badcafe");
        }
        for (name, service) in read["services"].as_object().unwrap() {
            let what = format!("{tool} {name}: {service}");
            let container = service["container_name"].as_str().unwrap();
            assert!(container.ends_with("-stage-0badcafe"), "{what}");
            assert!(service["ports"].is_null() && service["network_mode"].is_null(), "{what}");
            assert!(service["restart"] == "no" && service["labels"][STAGE_LABEL] == "0badcafe", "{what}");
            assert_eq!(service["networks"].as_object().unwrap().keys().collect::<Vec<_>>(), ["default"]);
            for mount in service["volumes"].as_array().into_iter().flatten() {
                let source = Path::new(mount["source"].as_str().unwrap());
                let shown = source.starts_with("/opt/letsbe/stacks") && mount["read_only"] == true;
                assert!(mount["type"] == "volume" || source.starts_with(folder) || shown, "{what}");
            }
        }
    }

    #[test]
    fn what_only_platform_stacks_have_does_not_come_along() {
        let catalog = catalog();
        let tool = catalog.tools().find(|tool| tool.name.as_str() == "static-website").unwrap();
        let id = StageId::fixed("0badcafe");
        let shape = Shape { tool, id: &id, data: Path::new("/opt/letsbe/data/.stage-0badcafe"), keep: "x" };
        let staged = shape.staged(serde_json::json!({
            "name": "letsbe-x",
            "services": { "a": {
                "network_mode": "host", "networks": ["letsbe-guardian"], "extra_hosts": ["a:1.2.3.4"],
                "volumes": ["/var/run/docker.sock:/s", "/run/letsbe/guardian:/g", "/etc/letsencrypt:/e",
                    "/opt/letsbe/data/static-website:/srv/site:ro", "/opt/letsbe/nginx/x:/x:ro", "./f:/f:ro", "v:/v"],
            }},
            "networks": { "letsbe-guardian": { "external": true } },
            "volumes": { "v": { "external": true, "name": "other" } },
        }));
        assert_eq!(
            staged["services"]["a"]["volumes"],
            serde_json::json!([
                "/opt/letsbe/data/.stage-0badcafe/static-website:/srv/site:ro",
                "/opt/letsbe/nginx/x:/x:ro",
                "./f:/f:ro",
                "v:/v",
            ])
        );
        let text = staged.to_string();
        for gone in ["guardian", "docker.sock", "letsencrypt", "host", "external", "other", "1.2.3.4"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
    }
}
