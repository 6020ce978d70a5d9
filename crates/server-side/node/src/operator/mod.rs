//! What an operator looks at and does on the server itself, besides backups, restores and secrets.
//!
//! It must never run anything that its caller chose: whoever may call this program calls it as root.

mod as_written;
pub(crate) mod by_hand;
mod certificate;
mod json;
pub(crate) mod root;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use letsbe_host::LocalMachine;
use letsbe_types::{Code, Problem, paths::ACME_ROOTS};
use tokio::process::Command;

use letsbe_base::{layout::Layout, output, planned::Planned};

/// The most lines of a log that are asked for at once.
const LINES_MAX: u32 = 100_000;

/// For the operator at a terminal.
#[derive(Subcommand)]
pub(crate) enum OperatorCommand {
    /// All containers, how they are, and their ports.
    Ps {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Restart the containers of a tool.
    Restart {
        /// The tool (or `nginx`, `openclaw`, `secrets-proxy`).
        tool: String,
        #[command(flatten)]
        planned: Planned,
    },
    /// The log of a tool's containers; of `agent`, `backup` or `ssh`, the journal.
    Logs {
        /// The tool (or `nginx`, `openclaw`, `secrets-proxy`, `agent`, `backup`, `ssh`).
        tool: String,
        /// Go on until Ctrl-C.
        #[arg(short, long)]
        follow: bool,
        /// How many lines.
        #[arg(short = 'n', long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=i64::from(LINES_MAX)))]
        lines: u32,
    },
    /// Until when each site has a certificate.
    Cert {
        #[command(subcommand)]
        command: Option<CertCommand>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// What the firewall lets in.
    Firewall {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Who is shut out because of failed logins.
    #[command(name = "fail2ban")]
    Fail2ban {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Space on the disk, and what Docker has of it.
    Disk {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Memory, and which container has how much of it.
    Memory {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Who was shown which secret, and who restored what.
    Audit {
        /// How many lines.
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// A command of the runbook, as it is written there.
    #[command(hide = true)]
    AsWritten {
        /// The program.
        program: String,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

/// What can be done with the certificate.
#[derive(Subcommand)]
pub(crate) enum CertCommand {
    /// Renew it if it is due (certbot's timer does so by itself).
    Renew {
        /// Only try whether it would work: asks the authority for a certificate that counts for nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Carries the command out; answers the exit code.
///
/// # Errors
/// When it is not possible or not allowed.
pub(crate) async fn carry_out(layout: &Layout, command: OperatorCommand) -> Result<u8, Problem> {
    match command {
        OperatorCommand::Ps { json: true } => print(json::containers(&LocalMachine).await?),
        OperatorCommand::Ps { .. } => {
            let table = "table {{.Names}}\t{{.Status}}\t{{.Ports}}";
            run("docker", ["ps", "--all", "--format", table], None).await
        }
        OperatorCommand::Restart { tool, planned } => {
            let folder = stack(layout, &tool)?;
            if planned.plan {
                println!("{tool} would be restarted: `docker compose restart` in {}.", folder.display());
                return Ok(0);
            }
            let code = run("docker", ["compose", "restart"], Some(&folder)).await?;
            if code == 0 {
                println!("{tool} was restarted.");
            }
            Ok(code)
        }
        OperatorCommand::Logs { tool, follow, lines } => logs(layout, &tool, follow, lines).await,
        OperatorCommand::Cert { command: None, json } => {
            certificate::print(layout, json, chrono::Utc::now()).map(|()| 0)
        }
        OperatorCommand::Cert { command: Some(CertCommand::Renew { dry_run }), .. } => {
            let renew = ["renew", as_written::AT_ONCE].into_iter();
            run("certbot", renew.chain(dry_run.then_some("--dry-run")), None).await
        }
        OperatorCommand::Firewall { json: true } => print(json::firewall(&LocalMachine).await?),
        OperatorCommand::Firewall { .. } => {
            in_turn(&["ufw status verbose", "iptables -L DOCKER-USER -n", "iptables -L letsbe-input -n"])
                .await
        }
        OperatorCommand::Fail2ban { json: true } => print(json::jail(&LocalMachine).await?),
        OperatorCommand::Fail2ban { .. } => in_turn(&["fail2ban-client status sshd"]).await,
        OperatorCommand::Disk { json: true } => print(json::disk(&LocalMachine).await?),
        OperatorCommand::Disk { .. } => {
            in_turn(&[concat!("df -h ", letsbe_types::server_home!()), "docker system df"]).await
        }
        OperatorCommand::Memory { json: true } => print(json::memory(&LocalMachine).await?),
        OperatorCommand::Memory { .. } => in_turn(&["free -h", "docker stats --no-stream"]).await,
        OperatorCommand::Audit { lines, json } => audit(layout, lines, json),
        OperatorCommand::AsWritten { program, arguments } => {
            let folder = std::env::current_dir().unwrap_or_default();
            as_written(layout, &program, &arguments, &folder).await
        }
    }
}

fn print(value: serde_json::Value) -> Result<u8, Problem> {
    output::print(true, &value, Vec::new).map(|()| 0)
}

/// Runs a program on this terminal; answers its exit code.
async fn run<'a>(
    program: &str,
    arguments: impl IntoIterator<Item = &'a str>,
    folder: Option<&Path>,
) -> Result<u8, Problem> {
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    // certbot asks an authority of the operator's own choice by its own roots, as its timer does.
    if program == "certbot" && Path::new(ACME_ROOTS).is_file() {
        command.env("REQUESTS_CA_BUNDLE", ACME_ROOTS);
    }
    let ended = command.status().await.map_err(|error| {
        let hint = "A provisioning run installs it again.";
        Problem::permanent(Code::NODE117, format!("{program} could not be started: {error}"), hint)
    })?;
    Ok(ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// One program after the other, an empty line between; the first code that is not 0.
async fn in_turn(lines: &[&str]) -> Result<u8, Problem> {
    let mut first = 0;
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            println!();
        }
        let mut words = line.split_whitespace();
        let code = run(words.next().unwrap_or_default(), words, None).await?;
        first = if first == 0 { code } else { first };
    }
    Ok(first)
}

async fn logs(layout: &Layout, tool: &str, follow: bool, lines: u32) -> Result<u8, Problem> {
    let lines = lines.to_string();
    let follow = follow.then_some("--follow");
    let unit = match tool {
        "agent" => "letsbe-agent.service",
        "backup" => "letsbe-backup*",
        "ssh" => "ssh.service",
        _ => {
            let folder = stack(layout, tool)?;
            let arguments = ["compose", "logs", "--tail", &lines].into_iter().chain(follow);
            return run("docker", arguments, Some(&folder)).await;
        }
    };
    run("journalctl", ["--no-pager", "--unit", unit, "--lines", &lines].into_iter().chain(follow), None).await
}

/// The folder of a tool's stack.
fn stack(layout: &Layout, tool: &str) -> Result<PathBuf, Problem> {
    let stacks = layout.home().join("stacks");
    let is_stack = |name: &str| stacks.join(name).join("docker-compose.yml").is_file();
    let entries = fs::read_dir(&stacks).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| is_stack(name));
    names.sort();
    // Only a name that is there is ever joined to a path.
    if names.iter().any(|name| name == tool) {
        return Ok(stacks.join(tool));
    }
    let tool: String = tool.chars().filter(|c| !c.is_control()).take(64).collect();
    Err(Problem::permanent(
        Code::NODE115,
        format!("There is no tool {tool} on this server"),
        format!("Here are: {}.", names.join(", ")),
    ))
}

fn audit(layout: &Layout, lines: usize, as_json: bool) -> Result<u8, Problem> {
    let text = letsbe_base::files::read(&layout.audit_log())?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    let last = &all[all.len().saturating_sub(lines)..];
    output::print(as_json, &json::audit(last), || {
        let nothing = all.is_empty().then(|| "Nothing was shown to anybody yet.".to_owned());
        nothing.into_iter().chain(last.iter().map(|line| (*line).to_owned())).collect()
    })?;
    Ok(0)
}

async fn as_written(
    layout: &Layout,
    program: &str,
    arguments: &[String],
    folder: &Path,
) -> Result<u8, Problem> {
    let stacks = layout.home().join("stacks");
    let in_stack = as_written::is_stack(folder, &stacks);
    let Some(carried) = as_written::carried(program, arguments, in_stack) else {
        let asked: String = arguments.join(" ").chars().filter(|c| !c.is_control()).take(200).collect();
        return Err(Problem::permanent(
            Code::NODE116,
            format!("`{program} {asked}` is not among what you may do here"),
            format!("You may: {}. See `letsbe-node --help`.", as_written::allowed(program)),
        ));
    };
    if let Some(note) = carried.note {
        drop(writeln!(std::io::stderr().lock(), "{note}"));
    }
    let folder = in_stack.then_some(folder);
    run(carried.program, carried.arguments.iter().map(String::as_str), folder).await
}

#[cfg(test)]
mod tests {
    use super::{OperatorCommand, as_written, carry_out, stack};
    use letsbe_base::{layout::Layout, planned::Planned};

    fn server() -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        for name in ["ghost", "nginx"] {
            std::fs::create_dir_all(layout.stack(name)).unwrap();
            std::fs::write(layout.stack(name).join("docker-compose.yml"), "").unwrap();
        }
        std::fs::create_dir_all(layout.stack("half-made")).unwrap();
        (folder, layout)
    }

    #[test]
    fn a_tool_that_is_not_here_is_refused_with_those_that_are() {
        let (_folder, layout) = server();
        assert_eq!(stack(&layout, "ghost").unwrap(), layout.stack("ghost"));
        for name in ["odoo", "half-made", "", ".", "..", "ghost/../ghost", "--help", "\u{1b}[2J"] {
            let problem = stack(&layout, name).unwrap_err();
            assert_eq!(
                (problem.code.as_str(), problem.hint.as_str()),
                ("NODE115", "Here are: ghost, nginx.")
            );
            assert!(!problem.message.contains('\u{1b}'));
        }
    }

    #[tokio::test]
    async fn a_plan_of_a_restart_restarts_nothing_and_refuses_what_a_restart_would() {
        let (_folder, layout) = server();
        let restart = |tool: &str, plan| {
            let command = OperatorCommand::Restart { tool: tool.to_owned(), planned: Planned { plan } };
            carry_out(&layout, command)
        };
        assert_eq!(restart("ghost", true).await, Ok(0));
        // The same for real comes as far as Compose, which finds no service in that file.
        assert_ne!(restart("ghost", false).await, Ok(0));
        assert_eq!(restart("odoo", true).await.unwrap_err().code, "NODE115");
    }

    #[tokio::test]
    async fn a_command_that_is_not_written_down_is_refused_with_those_that_are() {
        let (_folder, layout) = server();
        let arguments = ["disable".to_owned()];
        let problem = as_written(&layout, "ufw", &arguments, "/".as_ref()).await.unwrap_err();
        assert_eq!(problem.code, "NODE116");
        assert!(problem.hint.contains("ufw status [verbose|numbered]"), "{}", problem.hint);
    }
}
