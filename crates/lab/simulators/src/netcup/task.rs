//! Tasks run in the background as they do at Netcup: PENDING, RUNNING, then one of the ends.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use letsbe_netcup::types;
use uuid::Uuid;

use super::{
    HostControl, SimServer,
    host::{PowerCommand, System},
    state::{Shared, State},
};

/// What a task does.
#[derive(Debug, Clone)]
pub(super) enum Work {
    Install(System),
    Power(PowerCommand),
    CreateSnapshot(types::ServerSnapshotCreate),
    DeleteSnapshot(String),
    Rescue(bool),
    RevertSnapshot,
    ExportSnapshot(String),
    /// Active or not, and the numbers of the account's policies.
    Firewall(bool, Vec<i32>),
    Reapply,
    DiskDriver(String),
    Format,
    Optimise,
    AttachIso,
    Interface,
    Setting,
}

impl Work {
    const fn name(&self) -> &'static str {
        match self {
            Self::Install(_) => "Image Setup",
            Self::Power(_) => "Change power state",
            Self::CreateSnapshot(_) => "Create snapshot",
            Self::DeleteSnapshot(_) => "Delete snapshot",
            Self::Rescue(_) => "Change rescue system",
            Self::RevertSnapshot => "Revert snapshot",
            Self::ExportSnapshot(_) => "Export snapshot",
            Self::Firewall(..) => "Update firewall",
            Self::Reapply => "Reapply firewall",
            Self::DiskDriver(_) => "Change disk driver",
            Self::Format => "Format disk",
            Self::Optimise => "Optimise storage",
            Self::AttachIso => "Attach ISO",
            Self::Interface => "Change interface",
            Self::Setting => "Change server",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) uuid: String,
    pub(super) server: i32,
    name: &'static str,
    state: String,
    started: DateTime<Utc>,
    finished: Option<DateTime<Utc>>,
    message: Option<String>,
}

impl Task {
    /// One of the words of the API: `PENDING`, `RUNNING`, …
    pub(super) fn state(&self) -> &str {
        &self.state
    }

    pub(super) fn is_over(&self) -> bool {
        self.finished.is_some()
    }

    pub(super) fn info(&self) -> types::TaskInfo {
        types::TaskInfo {
            uuid: Some(self.uuid.clone()),
            name: Some(self.name.into()),
            state: Some(types::TaskState::Variant1(self.state.clone())),
            started_at: Some(self.started),
            finished_at: self.finished,
            message: self.message.clone(),
            on_rollback: Some(self.state == "ROLLBACK"),
            task_progress: Some(types::TaskProgress {
                progress_in_percent: Some(if self.is_over() { 100.0 } else { 10.0 }),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    pub(super) fn listed(&self) -> types::TaskInfoMinimal {
        let types::TaskInfo { uuid, name, state, started_at, finished_at, message, on_rollback, .. } =
            self.info();
        types::TaskInfoMinimal {
            uuid,
            name,
            state,
            started_at,
            finished_at,
            message,
            on_rollback,
            ..Default::default()
        }
    }
}

/// Registers a task and sets it to work.
pub(super) fn start(shared: &Arc<Shared>, state: &mut State, server: i32, work: Work) -> types::TaskInfo {
    let task = Task {
        uuid: Uuid::new_v4().to_string(),
        server,
        name: work.name(),
        state: "PENDING".into(),
        started: shared.clock.now(),
        finished: None,
        message: None,
    };
    let info = task.info();
    let uuid = task.uuid.clone();
    state.tasks.push(task);
    let shared = Arc::clone(shared);
    tokio::spawn(async move { run(&shared, server, &uuid, work).await });
    info
}

async fn run(shared: &Shared, server: i32, uuid: &str, work: Work) {
    let _ = shared.hold.subscribe().wait_for(|held| !held).await;
    let (delay, forced, target) = {
        let mut state = shared.state();
        change(&mut state.tasks, uuid, |task| {
            if task.state == "PENDING" {
                task.state = "RUNNING".into();
            }
        });
        let target = state.servers.get(&server).cloned();
        let broken = target.as_ref().is_some_and(|target| target.broken);
        let forced = state.faults.end_next_task.take().or_else(|| broken.then(|| "ERROR".to_owned()));
        (Duration::from_millis(state.faults.task_milliseconds), forced, target)
    };
    tokio::time::sleep(delay).await;
    let end = match (forced, target) {
        _ if canceled(shared, uuid) => ("CANCELED".to_owned(), Some("canceled".to_owned())),
        (Some(state), _) => (state, Some("ended as the lab was told to".to_owned())),
        (None, None) => ("ERROR".to_owned(), Some("the server is gone".to_owned())),
        (None, Some(target)) => match carry_out(shared, &target, &work).await {
            Ok(()) => ("FINISHED".to_owned(), None),
            Err(error) => ("ERROR".to_owned(), Some(format!("{error:#}"))),
        },
    };
    let now = shared.clock.now();
    change(&mut shared.state().tasks, uuid, |task| {
        (task.state, task.message) = end;
        task.finished = Some(now);
    });
    shared.task_ended.send_replace(());
}

/// Asks a task to stop; it does so before it touches the server.
pub(super) fn cancel(state: &mut State, uuid: &str) {
    change(&mut state.tasks, uuid, |task| task.state = "WAITING_FOR_CANCEL".into());
}

fn canceled(shared: &Shared, uuid: &str) -> bool {
    shared.state().tasks.iter().any(|task| task.uuid == uuid && task.state == "WAITING_FOR_CANCEL")
}

fn change(tasks: &mut [Task], uuid: &str, how: impl FnOnce(&mut Task)) {
    if let Some(task) = tasks.iter_mut().find(|task| task.uuid == uuid) {
        how(task);
    }
}

async fn carry_out(shared: &Shared, target: &SimServer, work: &Work) -> anyhow::Result<()> {
    let hosts: &dyn HostControl = shared.hosts.as_ref();
    let after: Box<dyn FnOnce(&mut SimServer) + Send> = match work {
        Work::Install(system) => {
            hosts.wipe(target).await?;
            let address = hosts.install(target, system).await?;
            let hostname = system.hostname.clone();
            Box::new(move |server| {
                server.moved_to(address);
                server.hostname = Some(hostname);
                server.state = "RUNNING".into();
            })
        }
        Work::Power(command) => {
            hosts.power(target, *command).await?;
            let on = matches!(command, PowerCommand::On | PowerCommand::Reset);
            Box::new(move |server| server.state = if on { "RUNNING" } else { "SHUTOFF" }.into())
        }
        Work::Rescue(active) => {
            let active = *active;
            Box::new(move |server| server.rescue = active)
        }
        // A machine of the lab keeps its disk: what a revert or a format does to it is not played.
        Work::RevertSnapshot | Work::Format => Box::new(|server| server.state = "SHUTOFF".into()),
        _ => return note(shared, target, work),
    };
    if let Some(server) = shared.state().servers.get_mut(&target.id) {
        after(server);
    }
    Ok(())
}

/// What changes the account's books only.
fn note(shared: &Shared, target: &SimServer, work: &Work) -> anyhow::Result<()> {
    match work {
        Work::CreateSnapshot(wanted) => {
            let snapshot = types::SnapshotMinimal {
                uuid: Some(Uuid::new_v4().to_string()),
                name: Some(wanted.name.clone()),
                description: wanted.description.clone(),
                creation_time: Some(shared.clock.now()),
                online: wanted.online_snapshot,
                ..Default::default()
            };
            shared.state().snapshots.entry(target.id).or_default().push(snapshot);
        }
        Work::DeleteSnapshot(name) => {
            let mut state = shared.state();
            let kept = state.snapshots.entry(target.id).or_default();
            kept.retain(|snapshot| snapshot.name.as_ref() != Some(name));
        }
        Work::Firewall(active, policies) => {
            let mut state = shared.state();
            let chosen = policies.iter().filter_map(|id| state.policies.get(id).cloned());
            let chosen = chosen.map(serde_json::from_value).collect::<Result<_, _>>()?;
            let firewall = state.firewalls.entry(target.id).or_default();
            (firewall.active, firewall.user_policies) = (Some(*active), Some(chosen));
        }
        Work::ExportSnapshot(name) => {
            let mut state = shared.state();
            let kept = state.snapshots.entry(target.id).or_default();
            for snapshot in kept.iter_mut().filter(|snapshot| snapshot.name.as_ref() == Some(name)) {
                (snapshot.exported, snapshot.exported_size_in_ki_b) = (Some(true), Some(1024));
            }
        }
        Work::DiskDriver(driver) => {
            shared.state().disk_drivers.insert(target.id, driver.clone());
        }
        Work::AttachIso => {
            shared.state().isos.insert(target.id, "Debian 12".into());
        }
        _ => {}
    }
    Ok(())
}
