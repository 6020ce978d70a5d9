//! Long work of the agent: carried out by this program in a unit of its own, so that it survives a restart of the
//! agent.

use std::time::Duration;

use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_protocol::{NodeCommand, NodeLine};
use letsbe_stacks::backups::sandbox::sandbox;
use letsbe_types::{Code, Problem};

use letsbe_base::{FOR_PROGRAMS, files, layout::Layout};

/// The longest work (the first backup of a full server, or the proof of everything on it) ends within this time.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);
/// More of the output is not kept.
const OUTPUT_BYTES: usize = 64 << 10;

/// Runs a command of this program in a unit of its own; answers the end of what it printed.
///
/// The output goes through a file: a pipe would break together with the agent, and the work with it.
pub(crate) async fn run(
    layout: &Layout,
    name: &str,
    id: &str,
    command: impl Into<NodeCommand>,
) -> Result<String, Problem> {
    let unit = format!("letsbe-{name}-{id}");
    let path = layout.volatile("work").join(format!("{unit}.out"));
    files::write(&path, b"")?;
    let program = layout.program().to_string_lossy().into_owned();
    let result = LocalMachine.run(&start(&unit, &path.to_string_lossy(), &program, &command.into())).await;
    let output = files::read(&path)?.unwrap_or_default();
    files::remove(&path)?;
    let output = String::from_utf8_lossy(&output[output.len().saturating_sub(OUTPUT_BYTES)..]).into_owned();
    let failed = |why: String| {
        let hint = format!("See `journalctl -u {unit}` on the server.");
        Problem::transient(Code::NODE074, format!("{name} did not work: {why}"), hint)
    };
    match result {
        Ok(ended) if ended.success() => Ok(output),
        Ok(ended) => Err(refusal(&output).unwrap_or_else(|| failed(ended.tail()))),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn start(unit: &str, output: &str, program: &str, command: &NodeCommand) -> Command {
    let first = [
        format!("--unit={unit}"),
        "--wait".to_owned(),
        "--collect".to_owned(),
        "--quiet".to_owned(),
        format!("--property=StandardOutput=truncate:{output}"),
        // The refusal is read from the output.
        format!("--setenv={FOR_PROGRAMS}=1"),
    ];
    // What works on backups reads what containers wrote, as root: it may do what that takes, and no more.
    let works_on_backups = matches!(command, NodeCommand::Backup(_) | NodeCommand::Restore(_));
    let limits = sandbox().filter(|_| works_on_backups).map(|setting| format!("--property={setting}"));
    let options = first.into_iter().chain(limits).chain(["--".to_owned(), program.to_owned()]);
    Command::new("systemd-run", options.chain(command.argv())).within(PATIENCE)
}

/// What the program said when it refused: the last line of its output.
fn refusal(output: &str) -> Option<Problem> {
    let last = output.lines().rev().find(|line| !line.trim().is_empty())?;
    match serde_json::from_str(last).ok()? {
        NodeLine::Refused { problem } => Some(problem),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use letsbe_protocol::{BackupCommand, NodeLine, ProofScope, RestoreCommand, RotateCommand};
    use letsbe_types::{Code, Problem};

    use super::{refusal, start};

    #[test]
    fn work_is_an_argument_vector_in_a_unit_of_its_own() {
        let rotate = RotateCommand::Tool("ghost".to_owned()).into();
        let command = start("letsbe-rotate-7", "/run/letsbe/work/x.out", "/p", &rotate);
        assert_eq!(command.program, "systemd-run");
        assert_eq!(
            command.arguments[..3],
            ["--unit=letsbe-rotate-7".to_owned(), "--wait".to_owned(), "--collect".to_owned()]
        );
        assert_eq!(command.arguments[6..], ["--", "/p", "rotate", "--tool", "ghost", "--json"]);
        for work in [BackupCommand::Prove(ProofScope::All).into(), RestoreCommand::Resume.into()] {
            let command = start("letsbe-x-7", "/run/letsbe/work/x.out", "/p", &work);
            let program = command.arguments.iter().position(|argument| argument == "--").unwrap();
            assert_eq!(command.arguments[program + 1], "/p");
            assert_eq!(command.arguments[program + 2..], work.argv());
            let strict = "--property=ProtectSystem=strict".to_owned();
            assert!(command.arguments[6..program].contains(&strict), "{work:?} is in a sandbox");
        }
    }

    #[test]
    fn a_refusal_is_read_from_the_last_line() {
        let problem = Problem::permanent(Code::NODE005, "no", "do");
        let line = serde_json::to_string(&NodeLine::Refused { problem: problem.clone() }).unwrap();
        assert_eq!(refusal(&format!("{{\"step\":1}}\n{line}\n\n")), Some(problem));
        assert_eq!(refusal("free words"), None);
        assert_eq!(refusal(""), None);
    }
}
