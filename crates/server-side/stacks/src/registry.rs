//! `registry.written`: what the AI runtime may know about the tools, without a secret. The command gate's `list_tools`
//! tells it.

use std::sync::Arc;

use async_trait::async_trait;
use letsbe_catalog::Tool;
use letsbe_host::{Assessment, Change, Converge, FileWrite, Machine, machine::FileState};
use letsbe_types::{Problem, job::DesiredServer};
use serde_json::{Value, json};

use super::{deployment::Deployment, paths, reading, rendered::is_written};

pub(crate) struct RegistryWritten {
    pub(crate) deployment: Arc<Deployment>,
}

impl RegistryWritten {
    fn file(&self) -> FileWrite {
        let context = self.deployment.context(false);
        let entry = |tool: &Tool| -> Value {
            let urls: Vec<String> = tool
                .vhosts
                .iter()
                .filter_map(|vhost| context.domain.child(&vhost.label).ok())
                .map(|name| format!("https://{name}"))
                .collect();
            json!({
                "name": tool.name.as_str(),
                "title": tool.title,
                "category": tool.category,
                "urls": urls,
                "ports": tool.ports.iter().map(|port| port.host).collect::<Vec<_>>(),
                "health": format!("http://127.0.0.1:{}{}", tool.health.port, tool.health.probe.path),
                "containers": tool.services.iter().map(|service| service.container.as_str()).collect::<Vec<_>>(),
            })
        };
        let tools: Vec<Value> = self.deployment.tools().map(entry).collect();
        let registry = json!({ "version": 1, "domain": context.domain.as_str(), "tools": tools });
        FileWrite::new(paths::TOOL_REGISTRY, 0o644, format!("{registry:#}\n"))
    }
}

#[async_trait]
impl Converge for RegistryWritten {
    type Facts = Option<FileState>;
    const NAME: &'static str = "registry.written";
    const STEP: u8 = 10;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        reading::file(machine, paths::TOOL_REGISTRY).await
    }

    fn converge(&self, facts: &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        let file = self.file();
        if is_written(&file, facts.as_ref()) {
            return Ok(Assessment::converged("tool-registry.json lists the selected tools"));
        }
        Ok(Assessment::needed(
            "tool-registry.json does not list the selected tools",
            vec![Change::Write(file)],
        ))
    }
}
