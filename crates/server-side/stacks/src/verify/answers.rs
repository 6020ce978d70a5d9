//! `tools.answer` and `platform.answers`: every health and functional probe of the catalog, asked over HTTP.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use letsbe_catalog::Tool;
use letsbe_host::{Assessment, Machine, Operation};
use letsbe_types::{Code, Problem, job::DesiredServer};
use letsbe_vault::Credentials;

use super::{STEP, failed};
use crate::{Deployment, declared, read_credentials, troubled};

/// The containers are healthy by now; this is for a last moment of warming up.
const PATIENCE: Duration = Duration::from_secs(20);
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// Whose probes are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The selected tools'.
    Tools,
    /// nginx's, OpenClaw's (18789) and the secrets proxy's (8100).
    Platform,
}

pub(super) struct Answers {
    pub(super) deployment: Arc<Deployment>,
    pub(super) whose: Whose,
}

/// What one tool answered.
struct Answer {
    name: String,
    required: bool,
    /// What is wrong, of the first probe that fails.
    result: Result<(), String>,
}

#[async_trait]
impl Operation for Answers {
    fn name(&self) -> &'static str {
        match self.whose {
            Whose::Tools => "tools.answer",
            Whose::Platform => "platform.answers",
        }
    }

    fn step(&self) -> u8 {
        STEP
    }

    async fn assess(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Assessment, Problem> {
        let credentials = read_credentials(machine).await?.unwrap_or_default();
        let asked = self.tools().map(|tool| self.answer(machine, tool, &credentials));
        judge(&futures::future::try_join_all(asked).await?)
    }
}

impl Answers {
    fn tools(&self) -> impl Iterator<Item = &Tool> {
        let (tools, platform) = match self.whose {
            Whose::Tools => (Some(self.deployment.tools()), None),
            Whose::Platform => (None, Some(self.deployment.catalog().platform())),
        };
        tools.into_iter().flatten().chain(platform.into_iter().flatten())
    }

    async fn answer(
        &self,
        machine: &dyn Machine,
        tool: &Tool,
        credentials: &Credentials,
    ) -> Result<Answer, Problem> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let result = loop {
            let result = self.ask(tool, credentials).await?;
            // A tool whose containers do not run is not waited for: a plan for a fresh server asks this too.
            if result.is_ok()
                || tokio::time::Instant::now() >= deadline
                || !self.containers_run(machine, tool).await
            {
                break result;
            }
            tokio::time::sleep(ASK_AGAIN).await;
        };
        Ok(Answer { name: tool.name.as_str().to_owned(), required: tool.health.required, result })
    }

    async fn containers_run(&self, machine: &dyn Machine, tool: &Tool) -> bool {
        let names: Vec<String> = tool.services.iter().map(|service| service.container.clone()).collect();
        let containers = self.deployment.containers(machine).await;
        containers.is_ok_and(|containers| troubled(&names, &containers).is_empty())
    }

    async fn ask(&self, tool: &Tool, credentials: &Credentials) -> Result<Result<(), String>, Problem> {
        let port = tool.health.port;
        let values = declared(tool, credentials);
        for exchange in [&tool.health.probe].into_iter().chain(&tool.functional) {
            if let Err(why) = self.deployment.ask(tool, port, exchange, &values).await? {
                return Ok(Err(format!("http://127.0.0.1:{port}{}: {why}", exchange.path)));
            }
        }
        Ok(Ok(()))
    }
}

fn judge(answers: &[Answer]) -> Result<Assessment, Problem> {
    let of = |required| {
        let those = answers.iter().filter(move |answer| answer.required == required);
        those.filter_map(|answer| Some(format!("{} at {}", answer.name, answer.result.as_ref().err()?)))
    };
    let broken: Vec<String> = of(true).collect();
    if !broken.is_empty() {
        let hint = "`docker logs --tail 100 letsbe-<tool>` on the server shows why.";
        return Err(failed(Code::NODE057, format!("not as expected: {}", broken.join(", ")), hint));
    }
    let blemishes: Vec<String> = of(false).collect();
    if !blemishes.is_empty() {
        return Ok(Assessment::Warned { warning: blemishes.join(", ") });
    }
    let names: Vec<&str> = answers.iter().map(|answer| answer.name.as_str()).collect();
    Ok(Assessment::converged(format!("as expected: {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use letsbe_host::Assessment;

    use super::{Answer, judge};

    #[test]
    fn required_probes_fail_and_optional_ones_warn() {
        let answer = |name: &str, required, good: bool| {
            let result = if good { Ok(()) } else { Err("http://127.0.0.1:1/: it is silent".to_owned()) };
            Answer { name: name.to_owned(), required, result }
        };
        assert!(matches!(judge(&[answer("a", true, true)]), Ok(Assessment::Converged { .. })));
        assert!(matches!(
            judge(&[answer("a", true, true), answer("b", false, false)]),
            Ok(Assessment::Warned { warning }) if warning == "b at http://127.0.0.1:1/: it is silent"
        ));
        let problem = judge(&[answer("a", true, false), answer("b", false, false)]).expect_err("fails");
        assert_eq!(problem.message, "not as expected: a at http://127.0.0.1:1/: it is silent");
    }
}
