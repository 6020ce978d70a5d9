//! One tool's stack on a server that is provisioned: what rotation, updates and the search for drift work with.

use std::sync::Arc;

use async_trait::async_trait;
use letsbe_catalog::{Catalog, Tool};
use letsbe_host::{Assessment, Machine, Operation};
use letsbe_types::{Code, Problem, job::DesiredServer};
use letsbe_vault::Credentials;

use super::{Group, deployment::Deployment, deployment::declared, setup_tool::persist, start};

/// The step whose operations these are.
const STEP: u8 = 9;

/// The operations that start one tool's (or platform entry's) stack up: rendered, running, healthy, answering. They
/// render with these credentials, whatever the server's own are.
///
/// # Errors
/// The desired server does not fit the catalog, or no such tool is among them.
pub fn tool_operations(
    catalog: Arc<Catalog>,
    desired: &DesiredServer,
    tool: &str,
    credentials: Credentials,
) -> Result<Vec<Box<dyn Operation>>, Problem> {
    let deployment = Arc::new(Deployment::new(catalog, desired)?);
    let found = deployment.find(tool).ok_or_else(|| {
        Problem::permanent(
            Code::NODE050,
            format!("there is no tool {tool} on this server"),
            "Check the name.",
        )
    })?;
    let names = vec![found.name.as_str().to_owned()];
    let group = Arc::new(Group {
        deployment: Arc::clone(&deployment),
        step: STEP,
        names,
        credentials: Some(credentials.clone()),
    });
    let mut operations: Vec<Box<dyn Operation>> = Vec::new();
    operations.extend(start(["stacks.rendered", "stacks.running", "stacks.healthy"], &group, &[]));
    operations.push(Box::new(ToolAnswers { group, credentials }));
    Ok(operations)
}

/// `tool.answers`: the tool's health and functional probes, asked with these credentials.
struct ToolAnswers {
    group: Arc<Group>,
    credentials: Credentials,
}

#[async_trait]
impl Operation for ToolAnswers {
    fn name(&self) -> &'static str {
        "tool.answers"
    }

    fn step(&self) -> u8 {
        STEP
    }

    async fn assess(&self, _: &dyn Machine, _: &DesiredServer) -> Result<Assessment, Problem> {
        for tool in self.group.tools() {
            self.ask(tool).await?;
        }
        Ok(Assessment::converged("the tool answers as the catalog says"))
    }
}

impl ToolAnswers {
    async fn ask(&self, tool: &Tool) -> Result<(), Problem> {
        let (deployment, port) = (&self.group.deployment, tool.health.port);
        let values = declared(tool, &self.credentials);
        for exchange in [&tool.health.probe].into_iter().chain(&tool.functional) {
            if let Err(why) = persist(deployment, tool, port, exchange, &values).await? {
                return Err(Problem::transient(
                    Code::NODE057,
                    format!("{} at http://127.0.0.1:{port}{}: {why}", tool.name, exchange.path),
                    format!("`docker logs --tail 100 letsbe-{}` on the server shows why.", tool.name),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use letsbe_host::Assessment;
    use letsbe_vault::Credentials;

    use super::tool_operations;
    use crate::tests::{Files, catalog, desired};

    #[tokio::test]
    async fn one_tool_is_rendered_with_the_credentials_that_are_given() {
        let mut credentials = Credentials::default();
        for key in ["database_password", "database_root_password", "admin_password"] {
            credentials.insert_missing("ghost", key, format!("new-{key}").as_str().into());
        }
        let operations = tool_operations(catalog(), &desired(), "ghost", credentials).expect("fits");
        let names: Vec<&str> = operations.iter().map(|operation| operation.name()).collect();
        assert_eq!(names, ["stacks.rendered", "stacks.running", "stacks.healthy", "tool.answers"]);
        let Ok(Assessment::Needed { changes, .. }) =
            operations[0].assess(&Files::default(), &desired()).await
        else {
            panic!("nothing to write on an empty machine")
        };
        let written: Vec<String> = changes
            .iter()
            .map(|change| match change {
                letsbe_host::Change::Write(file) if file.path.starts_with("/opt/letsbe/stacks/ghost") => {
                    file.content.expose().clone()
                }
                other => panic!("{other} is not this tool's"),
            })
            .collect();
        assert!(written.iter().any(|text| text.contains("new-database_root_password")));
        let foreign = tool_operations(catalog(), &desired(), "odoo", Credentials::default()).err();
        assert_eq!(foreign.expect("refused").code, "NODE050");
    }
}
