//! Starts a run in a unit of its own, or joins the one that is there.

use chrono::Utc;
use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_protocol::{EXIT_STALE, NodeCommand, NodeLine, RunCommand};
use letsbe_types::{Code, Problem, ids::JobId, job::RunEventKind};

use super::{Request, attach, decide, print, print_line, read_desired, unit};
use crate::{
    install::{self, Wanted},
    journal::{self, FileJournal},
};
use letsbe_base::{files, layout::Layout, lock};

/// Starts the run, unless it runs or is done already, and follows it. Answers the exit code.
pub(crate) async fn start(
    layout: &Layout,
    job: JobId,
    from: u64,
    clock: Option<i64>,
    wanted: &Wanted,
) -> Result<u8, Problem> {
    let clock_ahead = clock.map(|clock| Utc::now().timestamp() - clock);
    let desired = read_desired()?;
    let events = journal::read(layout, job)?;
    let last = events.last().map_or(0, |event| event.sequence);
    let former = files::read_json::<Request>(&layout.request(job))?;
    if former.is_none() && decide::last_end(&events) == Some(None) {
        return attach::attach(layout, job, from).await;
    }
    if former.is_some() && attach::is_alive(job).await? {
        return attach::attach(layout, job, from).await;
    }
    let installed = install::installed(layout)?;
    if !wanted.matches(&installed) {
        // Nobody reading is noticed by the exit code.
        let _ = print_line(&NodeLine::Stale { installed });
        return Ok(u8::try_from(EXIT_STALE).unwrap_or(u8::MAX));
    }
    if let Some(note) = lock::acquire(layout, "a provisioning run", job, Utc::now())? {
        tracing::warn!(note);
    }
    // A request that died without an end goes on; one that ended is a new one.
    let after = former.map(|former| former.after).filter(|after| decide::end(&events, *after).is_none());
    files::write_json(&layout.request(job), &Request { desired, after: after.unwrap_or(last), clock_ahead })?;
    launch(layout, job).await?;
    attach::attach(layout, job, from).await
}

async fn launch(layout: &Layout, job: JobId) -> Result<(), Problem> {
    let mut arguments: Vec<String> = [
        "--quiet",
        "--collect",
        "--description=LetsBe provisioning run",
        "--property=Restart=on-abnormal",
        "--property=RestartSec=1",
        "--property=StartLimitIntervalSec=0",
        "--property=KillMode=mixed",
    ]
    .map(str::to_owned)
    .into();
    arguments.push(format!("--unit={}", unit(job)));
    arguments.extend(crash_log(layout)?);
    arguments.push(layout.program().to_string_lossy().into_owned());
    arguments.extend(NodeCommand::from(RunCommand::Execute { job }).argv());
    let failed = |what: String| {
        Problem::transient(
            Code::NODE007,
            format!("The run's unit could not be started: {what}"),
            "Check systemd.",
        )
    };
    let output = LocalMachine.run(&Command::new("systemd-run", arguments)).await;
    match output.map_err(|error| failed(error.to_string()))? {
        // Two provisioners of the same job at the same moment: the other one was first.
        output if !output.success() && !output.stderr.contains("already") => Err(failed(output.tail())),
        _ => Ok(()),
    }
}

/// Lets a test kill the run at its crash points. Debug builds only.
fn crash_log(layout: &Layout) -> Result<Option<String>, Problem> {
    if !cfg!(debug_assertions) {
        return Ok(None);
    }
    let path = files::read(&layout.state("crash-log-path"))?;
    let variable = letsbe_types::crash::LOG_VARIABLE;
    Ok(path.map(|path| format!("--setenv={variable}={}", String::from_utf8_lossy(&path).trim())))
}

/// Appends events of the provisioner's own checks to the journal of a run that has ended, and prints them numbered.
pub(crate) fn record(layout: &Layout, job: JobId) -> Result<(), Problem> {
    let unreadable = |error: std::io::Error| {
        Problem::permanent(
            Code::NODE002,
            format!("The events cannot be read: {error}"),
            "Report this as a bug.",
        )
    };
    let text = std::io::read_to_string(std::io::stdin()).map_err(unreadable)?;
    let parsed: Result<Vec<RunEventKind>, _> = text.lines().map(serde_json::from_str).collect();
    let events = parsed.map_err(|error| unreadable(error.into()))?;
    if files::read(&layout.request(job))?.is_some()
        || decide::last_end(&journal::read(layout, job)?).is_none()
    {
        return Err(Problem::transient(Code::NODE008, "The run has not ended yet", "Wait for its end."));
    }
    let (journal, _) = FileJournal::open(layout, job)?;
    for event in events {
        let event = journal.append(event)?;
        print(&event).map_err(unreadable)?;
    }
    Ok(())
}
