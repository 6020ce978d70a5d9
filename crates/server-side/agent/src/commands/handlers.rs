//! What each command does.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_protocol::{BackupCommand, BackupRun, NodeCommand, ProofScope, RotateCommand};
use letsbe_types::{Code, Problem, ids::CommandId, tenant::CommandWork};
use tokio::sync::Notify;

use super::CommandHandler;
use crate::{approvals::Approvals, context::AgentContext, drift::Drift, work};

/// A tool's containers end and start within this time.
const RESTART_PATIENCE: Duration = Duration::from_secs(300);

/// Carries the Hub's commands out.
pub(crate) struct Handlers {
    pub(crate) context: Arc<AgentContext>,
    pub(crate) approvals: Arc<dyn Approvals>,
    pub(crate) drift: Arc<Drift>,
    pub(crate) report: Arc<Notify>,
}

#[async_trait]
impl CommandHandler for Handlers {
    async fn carry_out(&self, id: CommandId, work: CommandWork) -> Result<String, Problem> {
        match work {
            CommandWork::Report => {
                self.report.notify_one();
                Ok("a heartbeat is on its way".to_owned())
            }
            CommandWork::RestartTool { tool } => self.restart(&tool).await,
            CommandWork::Rotate { tool: Some(tool) } => {
                named(&tool)?;
                self.long("rotate", id, RotateCommand::Tool(tool)).await
            }
            CommandWork::Rotate { tool: None } => self.long("rotate", id, RotateCommand::All).await,
            CommandWork::Decide { approval, approve, by } => {
                self.approvals.decide(approval, approve, &by).await?;
                let word = if approve { "approved" } else { "refused" };
                Ok(format!("approval {approval} is {word}"))
            }
            CommandWork::UpdateOpenClaw { to, force } => {
                named(&to)?;
                self.long("openclaw-update", id, NodeCommand::UpdateOpenClaw { to, force }).await
            }
            CommandWork::Backup { tool } => self.long("backup", id, backup(tool)?).await,
            CommandWork::Prove { tool } => self.long("backup", id, proof(tool, ProofScope::Due)?).await,
            CommandWork::Drill { tool } => self.long("backup", id, proof(tool, ProofScope::All)?).await,
            CommandWork::CheckDrift => {
                let found = self.drift.check(&id.to_string()).await?;
                self.report.notify_one();
                Ok(match found.operations.len() {
                    0 => "nothing differs from what was provisioned".to_owned(),
                    count => format!("{count} operations would change something"),
                })
            }
        }
    }
}

impl Handlers {
    async fn restart(&self, tool: &str) -> Result<String, Problem> {
        named(tool)?;
        let folder = self.context.layout.stack(tool);
        if !folder.join("docker-compose.yml").is_file() {
            return Err(Problem::permanent(
                Code::NODE073,
                format!("There is no tool {tool} on this server"),
                "`letsbe tenants show` lists the tools of a server.",
            ));
        }
        let restart = Command::words("docker compose restart").in_folder(folder).within(RESTART_PATIENCE);
        let failed = |why: String| {
            let hint = "See `docker ps` and the containers' logs on the server.";
            Problem::transient(Code::NODE060, self.masked(&format!("{tool} was not restarted: {why}")), hint)
        };
        match LocalMachine.run(&restart).await {
            Ok(output) if output.success() => Ok(format!("{tool} was restarted")),
            Ok(output) => Err(failed(output.tail())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    async fn long(
        &self,
        name: &str,
        id: CommandId,
        command: impl Into<NodeCommand>,
    ) -> Result<String, Problem> {
        let result = work::run(&self.context.layout, name, &id.to_string(), command).await;
        match result {
            Ok(output) => Ok(self.masked(&one_line(&output))),
            Err(problem) => Err(Problem { message: self.masked(&problem.message), ..problem }),
        }
    }

    /// A program may quote a password; nobody can tell while the vault cannot be read.
    fn masked(&self, text: &str) -> String {
        match self.context.secrets.borrow().as_ref() {
            Some(secrets) => secrets.redactor.text(text),
            None => "(withheld: the vault cannot be read)".to_owned(),
        }
    }
}

/// A backup of one tool or of everything. Its last line, for people, is the summary.
fn backup(tool: Option<String>) -> Result<BackupCommand, Problem> {
    tool.as_deref().map_or(Ok(()), named)?;
    Ok(BackupCommand::Run(BackupRun { tool, ..BackupRun::default() }))
}

/// A proof of one tool's backups, else of `all`.
fn proof(tool: Option<String>, all: ProofScope) -> Result<BackupCommand, Problem> {
    tool.as_deref().map_or(Ok(()), named)?;
    Ok(BackupCommand::Prove(tool.map_or(all, ProofScope::Tool)))
}

/// Letters, digits, `-`, `.` and `_`, and no option: tools and versions.
fn named(name: &str) -> Result<(), Problem> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if !name.is_empty() && name.len() <= 64 && !name.starts_with(['-', '.']) && name.chars().all(good) {
        return Ok(());
    }
    let message =
        format!("{:?} is no name of a tool or a version", name.chars().take(64).collect::<String>());
    Err(Problem::permanent(Code::NODE073, message, "Names have letters, digits, dots and dashes."))
}

/// The last line of a program's output, not longer than a sentence or two.
fn one_line(output: &str) -> String {
    let last = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("done");
    last.chars().filter(|c| !c.is_control()).take(1000).collect()
}

#[cfg(test)]
mod tests {
    use letsbe_protocol::{NodeCommand, ProofScope};

    use super::{backup, named, proof};

    #[test]
    fn work_on_backups_is_for_one_tool_or_for_all_and_names_are_no_options() {
        let ghost = || Some("ghost".to_owned());
        for (command, expected) in [
            (backup(None), "backup run"),
            (backup(ghost()), "backup run --tool ghost"),
            (proof(None, ProofScope::Due), "backup prove"),
            (proof(None, ProofScope::All), "backup prove --all"),
            (proof(ghost(), ProofScope::All), "backup prove --tool ghost"),
        ] {
            assert_eq!(NodeCommand::from(command.unwrap()).argv().join(" "), expected);
        }
        let option = || Some("--all".to_owned());
        for refused in [backup(option()), proof(option(), ProofScope::Due)] {
            assert_eq!(refused.unwrap_err().code, "NODE073");
        }
    }

    #[test]
    fn names_are_no_options_and_no_paths() {
        for good in ["ghost", "uptime-kuma", "v2026.10", "2026.9.3"] {
            assert!(named(good).is_ok(), "{good}");
        }
        for bad in ["", "--all", "-x", "../ghost", "a b", "a/b", "a;b", "a\nb", &"x".repeat(65)] {
            assert_eq!(named(bad).unwrap_err().code, "NODE073", "{bad}");
        }
    }
}
