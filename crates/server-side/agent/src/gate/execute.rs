//! Carries calls out. Everything is an argument vector; nothing is decided here.

use std::{io::Write as _, path::PathBuf, sync::Arc, time::Duration};

use crate::gate::{
    clean, problem,
    process::{self, MARK, Output},
    reads,
    secret_refs::Filled,
};
use async_trait::async_trait;
use letsbe_base::{files, layout::Layout};
use letsbe_gate::{Action, Run};
use letsbe_host::Command;
use letsbe_protocol::{
    self as protocol, BackupCommand, BackupRun, NodeCommand, RestoreCommand, RotateCommand,
};
use letsbe_redact::Redactor;
use letsbe_types::Problem;
use serde_json::{Value, json};

/// A call that may be done.
pub(super) struct Work {
    /// Marks its processes.
    pub(super) id: String,
    pub(super) action: Action,
    /// The container that is addressed, where one is.
    pub(super) container: Option<String>,
    /// Secrets are in here.
    pub(super) filled: Filled,
    pub(super) redactor: Arc<Redactor>,
}

/// What came of it. Redacted.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) exit_code: Option<i32>,
    pub(super) bytes: u64,
    pub(super) result: Value,
}

/// Carries calls out; tests bring their own.
#[async_trait]
pub(super) trait Executor: Send + Sync {
    async fn carry_out(&self, work: Work) -> Result<Done, Problem>;
}

/// This server.
pub(super) struct ServerExecutor {
    layout: Layout,
}

impl ServerExecutor {
    pub(super) fn new(layout: Layout) -> Self {
        // What a crash left of variables; nothing of ours is under way yet.
        let folder = variables(&layout);
        if let Err(error) = std::fs::remove_dir_all(&folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "{} could not be emptied", folder.display());
        }
        Self { layout }
    }

    async fn restart(&self, tool: &str, work: &Work) -> Result<Done, Problem> {
        let compose = |arguments: &str| {
            let command =
                Command::words(&format!("docker compose {arguments}")).in_folder(self.layout.stack(tool));
            command.within(Duration::from_secs(300))
        };
        let restarted = process::run(&compose("restart --timeout 30"), &work.id, &work.redactor).await?;
        restarted.of_success(&format!("Restarting {tool}"))?;
        // Containers that were removed are made again.
        let up = process::run(&compose("up --detach --pull never"), &work.id, &work.redactor).await?;
        up.of_success(&format!("Starting {tool}"))?;
        Ok(Done { exit_code: Some(0), bytes: 0, result: json!({ "restarted": tool }) })
    }

    async fn program(
        &self,
        name: &str,
        work: &Work,
        command: impl Into<NodeCommand>,
    ) -> Result<Done, Problem> {
        let output = crate::work::run(&self.layout, name, &work.id, command).await?;
        let output = clean::texts(&[output], &work.redactor)?.concat();
        let bytes = output.len() as u64;
        let result = serde_json::from_str(&output).unwrap_or(Value::String(output));
        Ok(Done { exit_code: Some(0), bytes, result })
    }

    async fn run(&self, run: &Run, work: &Work) -> Result<Done, Problem> {
        let timeout = Duration::from_secs(u64::from(run.timeout));
        let (command, _variables) = match &work.container {
            None => {
                let (program, arguments) =
                    run.command.split_first().ok_or_else(|| problem::failed("no program"))?;
                (Command::new(program, arguments.iter().cloned()), None)
            }
            Some(container) => {
                let variables = variables_file(&self.layout, work)?;
                (in_container(run, work, container, &variables.path().to_string_lossy()), Some(variables))
            }
        };
        let command = Command { input: work.filled.stdin.clone(), ..command.within(timeout) };
        let output = process::run(&command, &work.id, &work.redactor).await?;
        Ok(done(output))
    }
}

fn done(output: Output) -> Done {
    let Output { code, stdout, stderr, bytes } = output;
    let stopped = code.is_none();
    let result =
        json!({ "exit_code": code, "stopped_after_its_time": stopped, "stdout": stdout, "stderr": stderr });
    Done { exit_code: code, bytes, result }
}

fn in_container(run: &Run, work: &Work, container: &str, variables: &str) -> Command {
    let mark = format!("{MARK}={}", work.id);
    let mut arguments: Vec<&str> = vec!["exec", "--env-file", variables, "--env", &mark];
    if run.stdin.is_some() {
        arguments.push("--interactive");
    }
    // Behind the container's name nothing is an option of docker's any more.
    arguments.push(container);
    arguments.extend(run.command.iter().map(String::as_str));
    Command::new("docker", arguments)
}

fn variables(layout: &Layout) -> PathBuf {
    layout.volatile("gate")
}

/// The variables of a command, in memory, for root only, until the command has ended: not in docker's arguments, which
/// everybody sees, and not among docker's own variables, some of which would make docker do something else.
fn variables_file(layout: &Layout, work: &Work) -> Result<tempfile::NamedTempFile, Problem> {
    let folder = variables(layout);
    if let Some((name, _)) = work.filled.env.iter().find(|(_, value)| value.expose().contains(['\n', '\r'])) {
        return Err(problem::reference(format!("the value of {name} has more than one line")));
    }
    files::make_folder(&folder)?;
    let write = || {
        let mut file = tempfile::Builder::new().prefix("env-").tempfile_in(&folder)?;
        work.filled.env.iter().try_for_each(|(name, value)| writeln!(file, "{name}={}", value.expose()))?;
        Ok(file)
    };
    write().map_err(|error: std::io::Error| files::unusable(&folder, error))
}

#[async_trait]
impl Executor for ServerExecutor {
    async fn carry_out(&self, work: Work) -> Result<Done, Problem> {
        let read =
            |result: Value| Done { exit_code: Some(0), bytes: result.to_string().len() as u64, result };
        match &work.action {
            Action::ListContainers => reads::containers(&work).await.map(read),
            Action::Disk => reads::disk(&work).await.map(read),
            Action::Audit => reads::audit(&work).await.map(read),
            Action::Logs { lines, .. } => {
                let container = work.container.as_deref().ok_or_else(|| problem::failed("no container"))?;
                let lines = lines.to_string();
                let command = Command::new("docker", ["logs", "--timestamps", "--tail", &lines, container]);
                process::run(&command, &work.id, &work.redactor).await.map(done)
            }
            Action::Restart { tool } => self.restart(tool, &work).await,
            Action::Rotate { tool } => self.program("rotate", &work, RotateCommand::Tool(tool.clone())).await,
            Action::OpenclawUpdate { to } => {
                let update = NodeCommand::UpdateOpenClaw { to: to.clone(), force: false };
                self.program("openclaw-update", &work, update).await
            }
            Action::Backup { tool } => {
                let run = BackupRun { tool: tool.clone(), here: false, output: protocol::Output::Json };
                self.program("backup", &work, BackupCommand::Run(run)).await
            }
            Action::Restore { tool, date } => {
                let of_day = RestoreCommand::OfDay { tool: tool.clone(), date: date.clone() };
                self.program("restore", &work, of_day).await
            }
            Action::Run(run) => self.run(run, &work).await,
            other => Err(problem::not_yet(other.verb())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

    use letsbe_gate::{Action, Run};
    use letsbe_redact::Redactor;

    use super::{Work, in_container, variables_file};
    use crate::gate::secret_refs::Filled;
    use letsbe_base::layout::Layout;

    fn work(env: &str) -> (Run, Work) {
        let command = vec!["mysql".to_owned(), "--help".to_owned(), "a; b".to_owned()];
        let run = Run {
            tool: Some("ghost".to_owned()),
            service: None,
            command,
            env: [("A".to_owned(), "SECRET_REF(ghost/a)".to_owned())].into(),
            stdin: Some("x".to_owned()),
            timeout: 1,
        };
        let filled = Filled { env: [("A".to_owned(), env.into())].into(), stdin: Some("x".into()) };
        let redactor = Arc::new(Redactor::new([]).expect("a redactor"));
        let action = Action::Run(run.clone());
        (run, Work { id: "7".to_owned(), action, container: None, filled, redactor })
    }

    #[test]
    fn secrets_of_a_command_are_in_a_file_of_root_that_does_not_outlive_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::under(folder.path());
        let (run, work) = work("canary-value");
        let file = variables_file(&layout, &work).expect("writes");
        assert_eq!(std::fs::read_to_string(file.path()).expect("reads"), "A=canary-value\n");
        assert_eq!(file.path().metadata().expect("there").permissions().mode() & 0o777, 0o600);
        let path = file.path().to_string_lossy().into_owned();
        let command = in_container(&run, &work, "letsbe-ghost", &path);
        let words =
            ["--env", "LETSBE_GATE_CALL=7", "--interactive", "letsbe-ghost", "mysql", "--help", "a; b"];
        assert_eq!(command.arguments[3..], words);
        assert!(!format!("{command:?}").contains("canary"));
        drop(file);
        assert!(!std::path::Path::new(&path).exists());
        let (_, work) = self::work("two\nlines");
        assert_eq!(variables_file(&layout, &work).expect_err("refused").code, "GATE009");
    }
}
