//! Asking a server what a run would change.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use letsbe_protocol::{
    EXIT_STALE, Installed, NodeCommand, NodeLine, PlannedOperation, RunCommand, Wanted,
    bundle::{self, Bundle},
};
use letsbe_types::{Code, Problem, job::ProvisionJob};

use super::{Flow, Options, Watcher, desired_json, node, pack_in_background, packed_bundle, unexpected};
use crate::{
    job,
    ssh::{self, Session},
};

/// What a run would change on the server, without changing anything that stays.
///
/// # Errors
/// When the server cannot be reached, or the node program refuses.
pub async fn plan(job: &ProvisionJob, watcher: Watcher<'_>) -> Result<Vec<PlannedOperation>, Problem> {
    job::check(job)?;
    // A person waits for the answer: an unreachable server is reported at once.
    let options = Options { connect_patience: Some(Duration::ZERO), ..Options::default() };
    let mut flow = Flow::new(job, options, None, watcher)?;
    let packed = pack_in_background(job);
    let session = flow.connect().await?;
    let bundle = packed_bundle(packed).await?;
    let desired = desired_json(&job.desired)?;
    if session.user() != "root" {
        let plan = RunCommand::Plan { bundle: None, wanted: Wanted::from(&bundle) };
        let output = session.run(&node(&session, plan), &desired).await?;
        return planned_there(job, &output);
    }
    let made = session.run(&["mktemp", "-d", "/tmp/letsbe-plan-XXXXXXXX"], b"").await?;
    let folder = PathBuf::from(made.lines.first().ok_or_else(|| unexpected("mktemp", &made))?);
    let result = plan_from(&flow, &session, &bundle, &folder, &desired).await;
    session.run(&["rm", "-rf", "--", &folder.to_string_lossy()], b"").await?;
    result
}

/// The plan of the installed program, if it is of this release. Another release is not replaced for a plan: the
/// agent and the gate run it.
fn planned_there(job: &ProvisionJob, output: &ssh::Output) -> Result<Vec<PlannedOperation>, Problem> {
    if output.code == EXIT_STALE { Err(another_release(job)) } else { planned(output) }
}

fn another_release(job: &ProvisionJob) -> Problem {
    let hint = match &job.desired.hub {
        Some(_) => {
            format!("`letsbe tenants converge {}` installs it and runs the ten steps.", job.desired.domain)
        }
        None => "The same command without `--plan` installs it and runs the ten steps.".to_owned(),
    };
    Problem::permanent(
        Code::PROV004,
        "The server has another release of the node program than this one; a plan would have to install it",
        hint,
    )
}

async fn plan_from(
    flow: &Flow<'_>,
    session: &Session,
    bundle: &Bundle,
    folder: &Path,
    desired: &[u8],
) -> Result<Vec<PlannedOperation>, Problem> {
    flow.upload(session, bundle, folder, &Installed::default()).await?;
    let program = folder.join(bundle::NODE_FILE).to_string_lossy().into_owned();
    let plan = RunCommand::Plan { bundle: Some(folder.join(bundle::TAR_FILE)), wanted: Wanted::default() };
    let mut arguments = NodeCommand::from(plan).argv();
    arguments.insert(0, program);
    planned(&session.run(&arguments, desired).await?)
}

fn planned(output: &ssh::Output) -> Result<Vec<PlannedOperation>, Problem> {
    let mut operations = Vec::new();
    for line in &output.lines {
        match serde_json::from_str(line) {
            Ok(operation) => operations.push(operation),
            Err(_) => match serde_json::from_str(line) {
                Ok(NodeLine::Refused { problem }) => return Err(problem),
                _ => return Err(unexpected("run plan", output)),
            },
        }
    }
    if output.code == 0 { Ok(operations) } else { Err(unexpected("run plan", output)) }
}

#[cfg(test)]
mod tests {
    use letsbe_protocol::EXIT_STALE;

    use super::planned_there;
    use crate::{job::tests::job, ssh::Output};

    #[test]
    fn a_server_of_another_release_is_not_planned_and_the_way_on_is_named() {
        let mut job = job();
        let stale = Output { code: EXIT_STALE, lines: Vec::new(), stderr: String::new() };
        let refused = planned_there(&job, &stale).expect_err("nothing is installed for a plan");
        let hub = format!("letsbe tenants converge {}", job.desired.domain);
        assert!(refused.code == "PROV004" && refused.hint.contains(&hub), "{refused:?}");
        job.desired.hub = None;
        let refused = planned_there(&job, &stale).expect_err("nor without a Hub");
        assert!(refused.hint.contains("without `--plan`"), "{refused:?}");
        let fine = Output { code: 0, ..stale };
        assert_eq!(planned_there(&job, &fine).map(|operations| operations.len()), Ok(0));
    }
}
