//! `tools.set_up`: the first-run set-up that a tool would else ask its first visitor for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use letsbe_catalog::{Catalog, Exchange, Setup, Tool, render_exchange};
use letsbe_host::{Assessment, Change, Command, Converge, Machine};
use letsbe_types::{Problem, Secret, job::DesiredServer};

use super::{
    deployment::{Deployment, declared, not_rendered},
    http, paths, reading,
};

/// A tool that is healthy may still refuse requests for a moment.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
const ASK_AGAIN: Duration = Duration::from_secs(1);

pub(crate) struct ToolsSetUp {
    pub(crate) deployment: Arc<Deployment>,
}

/// Variables with secret values.
pub(crate) type Values = BTreeMap<String, Secret<String>>;

/// For each tool with a set-up: its name and what its `done_when` misses.
pub(crate) type Facts = Vec<(String, Result<(), String>)>;

#[async_trait]
impl Converge for ToolsSetUp {
    type Facts = Facts;
    const NAME: &'static str = "tools.set_up";
    const STEP: u8 = 10;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Facts, Problem> {
        let credentials = reading::credentials(machine).await?.unwrap_or_default();
        let asked = self.deployment.tools().filter_map(|tool| Some((tool, tool.setup.as_ref()?))).map(
            |(tool, setup)| {
                let values = declared(tool, &credentials);
                async move {
                    let answer = self.deployment.ask(tool, setup.port, &setup.done_when, &values).await?;
                    Ok::<_, Problem>((tool.name.as_str().to_owned(), answer.map(drop)))
                }
            },
        );
        futures::future::try_join_all(asked).await
    }

    fn converge(&self, facts: &Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        Ok(decide(facts, desired))
    }
}

fn decide(facts: &Facts, desired: &DesiredServer) -> Assessment {
    let open: Vec<(&str, &str)> = facts
        .iter()
        .filter_map(|(tool, done)| done.as_ref().err().map(|why| (tool.as_str(), why.as_str())))
        .collect();
    if open.is_empty() {
        return Assessment::converged(format!("{} tools say that they are set up", facts.len()));
    }
    let because: Vec<String> =
        open.iter().map(|(tool, why)| format!("{tool} is not set up: {why}")).collect();
    // Tokens, keys and what opens the backups are nothing to a set-up.
    let wishes = DesiredServer { hub: None, models: None, backups: None, restore: None, ..desired.clone() };
    let input = Secret::new(serde_json::to_string(&wishes).unwrap_or_default());
    let run = |(tool, _): &(&str, &str)| {
        let command = Command::new(paths::NODE_PROGRAM, ["setup-tool", tool]).with_input(input.clone());
        Change::Run(command.within(Duration::from_secs(300)).retried(1))
    };
    Assessment::needed(because.join(", "), open.iter().map(run).collect())
}

impl Deployment {
    /// Sends one of a tool's exchanges to its loopback port. `values` are its credentials, and what earlier replies
    /// of the same set-up gave.
    pub(crate) async fn ask(
        &self,
        tool: &Tool,
        port: u16,
        exchange: &Exchange,
        values: &Values,
    ) -> Result<http::Answer, Problem> {
        let rendered = render_exchange(tool, exchange, &self.context(false), values).map_err(not_rendered)?;
        http::ask(port, &rendered).await
    }
}

/// Sets a tool up, unless it says that it is: `letsbe-node setup-tool <tool>`. What the server shall become is read
/// from standard input, as [`ToolsSetUp`] hands it over. The requests carry passwords, so they are made in a
/// short-lived program that reads them from the credentials file, not from its arguments.
///
/// # Errors
/// The tool is unknown, its credentials are not made yet, or it did not answer as its recipe says.
pub async fn run_setup(machine: &dyn Machine, catalog: &Catalog, name: &str) -> Result<(), Problem> {
    let desired = serde_json::from_reader(std::io::stdin().lock()).map_err(|error| {
        let message = format!("what the server shall become cannot be read: {error}");
        Problem::permanent("NODE050", message, "The set-up is started by a provisioning run, not by hand.")
    })?;
    let deployment = Deployment::new(Arc::new(catalog.clone()), &desired)?;
    set_up(machine, &deployment, name).await
}

async fn set_up(machine: &dyn Machine, deployment: &Deployment, name: &str) -> Result<(), Problem> {
    let unknown =
        || Problem::permanent("NODE050", format!("there is no tool {name} with a set-up"), "Check the name.");
    let tool = deployment.find(name).ok_or_else(unknown)?;
    let setup = tool.setup.as_ref().ok_or_else(unknown)?;
    let credentials = reading::credentials(machine).await?.ok_or_else(credentials_missing)?;
    let values = declared(tool, &credentials);
    if deployment.ask(tool, setup.port, &setup.done_when, &values).await?.is_ok() {
        return Ok(());
    }
    send_all(deployment, tool, setup, values.clone()).await?;
    let done = persist(deployment, tool, setup.port, &setup.done_when, &values).await?;
    done.map(drop).map_err(|why| {
        failed(tool, &format!("all requests were sent, but it still does not say that it is set up: {why}"))
    })
}

async fn send_all(
    deployment: &Deployment,
    tool: &Tool,
    setup: &Setup,
    mut values: Values,
) -> Result<(), Problem> {
    for (index, request) in setup.requests.iter().enumerate() {
        let refused = |why: String| failed(tool, &format!("request {} ({}): {why}", index + 1, request.path));
        let answer = if index == 0 {
            // Only the first is repeated: nothing has been changed before it.
            persist(deployment, tool, setup.port, request, &values).await?
        } else {
            deployment.ask(tool, setup.port, request, &values).await?
        };
        let body = answer.map_err(refused)?;
        values.extend(request.captured(body.expose()).map_err(refused)?);
    }
    Ok(())
}

/// Asks until the answer is as expected or the patience ends.
pub(crate) async fn persist(
    deployment: &Deployment,
    tool: &Tool,
    port: u16,
    exchange: &Exchange,
    values: &Values,
) -> Result<http::Answer, Problem> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let answer = deployment.ask(tool, port, exchange, values).await?;
        if answer.is_ok() || tokio::time::Instant::now() >= deadline {
            return Ok(answer);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

fn failed(tool: &Tool, why: &str) -> Problem {
    Problem::transient(
        "NODE051",
        format!("{} could not be set up: {why}", tool.name),
        format!("See `docker logs --tail 100 letsbe-{}` on the server, then retry the order.", tool.name),
    )
}

/// The credentials have yet to be made.
pub(crate) fn credentials_missing() -> Problem {
    Problem::transient("NODE052", "the credentials are not made yet", "`credentials.generated` makes them.")
}

#[cfg(test)]
mod tests {
    use letsbe_host::{Assessment, Change};

    use super::decide;
    use crate::stacks::tests::desired;

    #[test]
    fn only_tools_that_are_not_set_up_are_set_up() {
        let facts = vec![
            ("ghost".to_owned(), Ok(())),
            ("nocodb".to_owned(), Err("it answered with status 400, expected 200".to_owned())),
        ];
        let Assessment::Needed { because, changes } = decide(&facts, &desired()) else { panic!("needed") };
        assert_eq!(because, "nocodb is not set up: it answered with status 400, expected 200");
        let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["run /opt/letsbe/bin/letsbe-node setup-tool nocodb <‹input›"]);
        let Change::Run(command) = &changes[0] else { panic!("a run") };
        let input = command.input.as_ref().expect("input").expose();
        assert!(!input.contains("token-canary"), "the registration token does not travel along");
        assert!(serde_json::from_str::<letsbe_types::job::DesiredServer>(input).is_ok());
        assert!(matches!(decide(&facts[..1].to_vec(), &desired()), Assessment::Converged { .. }));
    }
}
