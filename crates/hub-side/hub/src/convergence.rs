//! Runs of the ten steps on live servers: what stops one, and what one would change. The run itself is an effect of the
//! order. A plan asks the server, by the provisioner's program, and keeps nothing.

use std::{path::Path, process::Stdio, time::Duration};

use letsbe_lifecycle::order::Phase;
use letsbe_store::{Order, Tenant};
use letsbe_types::{
    Code, Problem,
    api::{Convergence, ConvergencePlan},
    ids::JobId,
    job::ProvisionJob,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Semaphore,
};

use crate::{config::ProvisioningConfig, worker::wishes};

/// Where a plan is asked for.
pub(crate) const PLAN_PATH: &str = "/api/v1/admin/tenants/{id}/converge/plan";
/// Plans that are made at the same time.
const PLANS_AT_ONCE: usize = 4;
/// A server that says nothing for longer is not waited for: a person waits for the answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);
/// A plan of a server with all tools has some hundred lines.
const PLAN_BYTES: u64 = 4 * 1024 * 1024;
/// Stands where a run has its token: a plan registers nobody.
const NO_TOKEN: &str = "a-plan-registers-nobody";

/// What stops a run on this order's server; `None` if nothing does.
pub(crate) fn stopped_by(order: &Order) -> Option<Problem> {
    let (id, domain, phase) = (order.new.id, &order.new.domain, order.state.phase);
    if phase != Phase::Fulfilled {
        return Some(Problem::permanent(
            Code::HUB046,
            format!("{domain} is not live: its order is {phase}"),
            format!("Only a live server is converged. What the order waits for: letsbe orders show {id}"),
        ));
    }
    (order.state.convergence == Some(Convergence::Running)).then(|| under_way(order))
}

/// Another run is on.
pub(crate) fn under_way(order: &Order) -> Problem {
    Problem::permanent(
        Code::HUB045,
        format!("A run on the server of {} is under way already", order.new.domain),
        format!("Follow it to its end: letsbe orders show {} --follow", order.new.id),
    )
}

/// All places for runs are taken.
pub(crate) fn too_many(runs: &dyn std::fmt::Display) -> Problem {
    Problem::permanent(
        Code::HUB050,
        format!("This run was not begun: {runs}"),
        "Ask again when one has ended. A script that asks for many leaves `--no-wait` out: each is then asked for when the one \
         before it has ended.",
    )
}

/// Makes plans.
pub struct Planner {
    provisioning: ProvisioningConfig,
    public_url: String,
    places: Semaphore,
}

impl Planner {
    /// As servers are provisioned, by a Hub at this address.
    #[must_use]
    pub fn new(provisioning: ProvisioningConfig, public_url: String) -> Self {
        Self { provisioning, public_url, places: Semaphore::new(PLANS_AT_ONCE) }
    }

    /// What a run would change on the order's server now, or what would stop it.
    pub(crate) async fn plan(&self, tenant: &Tenant) -> ConvergencePlan {
        match self.operations(tenant).await {
            Ok(operations) => ConvergencePlan { operations, problem: None },
            Err(problem) => ConvergencePlan { operations: Vec::new(), problem: Some(problem) },
        }
    }

    async fn operations(&self, tenant: &Tenant) -> Result<Vec<Value>, Problem> {
        let order = &tenant.order;
        if let Some(problem) = stopped_by(order) {
            return Err(problem);
        }
        let Ok(_place) = self.places.try_acquire() else {
            return Err(no_plan(&format!("{PLANS_AT_ONCE} others are being made; wait for one of them")));
        };
        let asked = wishes::Asked {
            id: JobId::generate(),
            registration_token: NO_TOKEN.to_owned(),
            again: tenant.agent.revoked_at.is_some(),
            report: None,
        };
        let job = wishes::job(&self.provisioning, &self.public_url, order, asked)?;
        let answer = tokio::time::timeout(PATIENCE, asked_of(&self.provisioning.provisioner, &job)).await;
        let said = answer
            .map_err(|_| no_plan(&format!("no answer within {} minutes", PATIENCE.as_secs() / 60)))?
            .map_err(|error| no_plan(&error))?;
        read(&said)
    }
}

/// What the provisioner says to a job of which only the plan is wanted.
async fn asked_of(program: &Path, job: &ProvisionJob) -> std::io::Result<String> {
    let mut child = tokio::process::Command::new(program)
        .arg("--plan")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    if let Some(mut input) = input {
        input.write_all(serde_json::to_string(job)?.as_bytes()).await?;
    }
    let mut said = Vec::new();
    if let Some(output) = output {
        output.take(PLAN_BYTES).read_to_end(&mut said).await?;
    }
    drop(child);
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// The operations of a plan, or why there is none.
fn read(said: &str) -> Result<Vec<Value>, Problem> {
    let mut operations = Vec::new();
    for line in said.lines() {
        let line: Value = serde_json::from_str(line).map_err(|_| no_plan(&"the answer is not understood"))?;
        match line.get("problem").map(|problem| serde_json::from_value(problem.clone())) {
            Some(Ok(problem)) => return Err(problem),
            Some(Err(error)) => return Err(no_plan(&error)),
            None => operations.push(line),
        }
    }
    if operations.is_empty() { Err(no_plan(&"the provisioner said nothing")) } else { Ok(operations) }
}

fn no_plan(why: &dyn std::fmt::Display) -> Problem {
    Problem::transient(
        Code::HUB048,
        format!("The plan could not be made: {why}"),
        "Ask again. On the Hub's machine: journalctl -u letsbe-hub",
    )
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_plan_is_its_operations_or_the_problem_and_never_nothing() {
        let line = r#"{"step":1,"operation":"a","assessment":{"Ok":{"assessment":"converged","why":"w"}}}"#;
        assert_eq!(read(&format!("{line}\n{line}\n")).unwrap().len(), 2);
        let refused = r#"{"problem":{"code":"HOST001","message":"m","hint":"h","retryable":false}}"#;
        assert_eq!(read(&format!("{line}\n{refused}\n")).unwrap_err().code, "HOST001");
        for broken in ["", "{\"step\":", "{\"problem\":7}"] {
            assert_eq!(read(broken).unwrap_err().code, "HUB048", "{broken}");
        }
    }
}
