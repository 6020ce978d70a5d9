//! A manual run in a unit of its own: it goes on when the session that started it is lost, has the limits of the nightly
//! one, and whatever kills it, nothing stays paused.

use std::{
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    time::Duration,
};

use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_protocol::{BackupCommand, NodeCommand};
use letsbe_stacks::backups::sandbox::{BACKGROUND, sandbox};
use letsbe_types::{Code, Problem, crash, ids::JobId};

use letsbe_base::{FOR_PROGRAMS, files, layout::Layout};

/// The longest run ends within this time.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Runs a command of this program in a unit, and passes on what it says; answers its exit code.
///
/// # Errors
/// When the unit cannot be started.
pub(super) async fn run(layout: &Layout, command: &NodeCommand) -> Result<u8, Problem> {
    let unit = format!("letsbe-backup-{}", JobId::generate());
    let folder = layout.volatile("work");
    let (output, progress) = (folder.join(format!("{unit}.out")), folder.join(format!("{unit}.err")));
    files::write(&output, b"")?;
    files::write(&progress, b"")?;
    let command = start(&unit, &layout.program(), (&output, &progress), command).within(PATIENCE);
    let mut said = 0;
    let mut ended = Box::pin(LocalMachine.run(&command));
    let ended = loop {
        tokio::select! {
            ended = &mut ended => break ended,
            () = tokio::time::sleep(LOOK_AGAIN) => said = pass_on(&progress, said),
        }
    };
    pass_on(&progress, said);
    let text = files::read(&output)?.unwrap_or_default();
    drop(std::io::stdout().lock().write_all(&text));
    files::remove(&output)?;
    files::remove(&progress)?;
    let ended = ended.map_err(|error| not_started(&error.to_string()))?;
    if ended.code != 0 && text.is_empty() && !ended.stderr.trim().is_empty() {
        return Err(not_started(&ended.tail()));
    }
    Ok(u8::try_from(ended.code).unwrap_or(1))
}

fn not_started(why: &str) -> Problem {
    Problem::transient(
        Code::BAK014,
        format!("The backup's unit did not run: {why}"),
        "See `journalctl -u 'letsbe-backup*'` on the server.",
    )
}

/// Passes on what is new since the last look. Nobody has to listen.
fn pass_on(path: &Path, from: u64) -> u64 {
    let mut text = Vec::new();
    let read = std::fs::File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut text)
    });
    drop(std::io::stderr().lock().write_all(&text));
    read.map_or(from, |length| from + length as u64)
}

fn start(unit: &str, program: &Path, (output, progress): (&Path, &Path), command: &NodeCommand) -> Command {
    let resume = NodeCommand::from(BackupCommand::Resume).as_line_of(program);
    let mut options = ["--wait", "--collect", "--quiet"].map(str::to_owned).to_vec();
    let settings = BACKGROUND.map(str::to_owned).into_iter().chain(sandbox());
    options.extend(settings.map(|setting| format!("--property={setting}")));
    // What ends the unit writes to the same files: it must not empty them.
    options.extend([
        format!("--unit={unit}"),
        format!("--property=ExecStopPost={resume}"),
        format!("--property=StandardOutput=append:{}", output.display()),
        format!("--property=StandardError=append:{}", progress.display()),
    ]);
    let crash_log = cfg!(debug_assertions).then(|| std::env::var(crash::LOG_VARIABLE).ok()).flatten();
    options.extend(crash_log.map(|path| format!("--setenv={}={path}", crash::LOG_VARIABLE)));
    // What is said in the unit is passed on: it has the same audience.
    options.extend(std::env::var_os(FOR_PROGRAMS).map(|_| format!("--setenv={FOR_PROGRAMS}=1")));
    options.extend(["--".to_owned(), program.to_string_lossy().into_owned()]);
    Command::new("systemd-run", options.into_iter().chain(command.argv()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use letsbe_protocol::{BackupCommand, BackupRun};

    use super::{BACKGROUND, sandbox, start};

    #[test]
    fn a_manual_run_has_the_limits_of_a_night_and_leaves_nothing_standing_still() {
        let files = (Path::new("/run/o"), Path::new("/run/e"));
        let run = BackupRun { here: true, ..BackupRun::default() };
        let command = start("letsbe-backup-7", Path::new("/p"), files, &BackupCommand::Run(run).into());
        assert_eq!(command.program, "systemd-run");
        let kept = "--property=StandardOutput=append:/run/o";
        for wanted in ["--property=ExecStopPost=/p backup resume", "--property=MemoryMax=1G", "--wait", kept]
        {
            assert!(command.arguments.iter().any(|argument| argument == wanted), "{wanted}");
        }
        for setting in BACKGROUND.map(str::to_owned).into_iter().chain(sandbox()) {
            assert!(command.arguments.contains(&format!("--property={setting}")), "{setting}");
        }
        let program = command.arguments.iter().position(|argument| argument == "--").unwrap();
        assert_eq!(command.arguments[program + 1..], ["/p", "backup", "run", "--here"]);
    }
}
