//! `backups.configured`: the nightly timer runs, the runbook's commands are there, and the destination is known.

use async_trait::async_trait;
use letsbe_host::{Assessment, Change, Command, Converge, FileWrite, Machine, machine::FileState};
use letsbe_types::{Problem, backup::Destination, job::DesiredServer};

use super::{DESTINATION, sandbox, without_secret};
use crate::stacks::{is_written, read_file, read_unit};

pub(super) const TIMER: &str = "letsbe-backup.timer";
const BACKUPS: &str = "/opt/letsbe/backups";
/// restic's cache, beside the repository.
const CACHE: &str = "cache";

/// The nightly run's unit; its text is [`sandbox::nightly_unit`].
const SERVICE: &str = "/etc/systemd/system/letsbe-backup.service";
/// The runbook's commands (4.1, 5.1) and the nightly run.
const FILES: [(&str, u32, &str); 4] = [
    (
        "/opt/letsbe/scripts/backups.sh",
        0o755,
        "#!/bin/sh\nexec /opt/letsbe/bin/letsbe-node backup run \"$@\"\n",
    ),
    ("/opt/letsbe/scripts/restore.sh", 0o755, "#!/bin/sh\nexec /opt/letsbe/bin/letsbe-node restore \"$@\"\n"),
    (SERVICE, 0o644, ""),
    (
        "/etc/systemd/system/letsbe-backup.timer",
        0o644,
        "# Written by letsbe-node.
[Unit]
Description=LetsBe nightly backup

[Timer]
OnCalendar=*-*-* 02:00:00
Persistent=true
AccuracySec=1min

[Install]
WantedBy=timers.target
",
    ),
];

pub(crate) struct BackupsConfigured;

/// Files as they are, whether the cache's folder is there, and the timer's state.
pub(crate) struct Facts {
    files: Vec<Option<FileState>>,
    destination: Option<FileState>,
    cache: bool,
    timer_runs: bool,
}

#[async_trait]
impl Converge for BackupsConfigured {
    type Facts = Facts;
    const NAME: &'static str = "backups.configured";
    const STEP: u8 = 10;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Facts, Problem> {
        let mut files = Vec::new();
        for (path, ..) in FILES {
            files.push(read_file(machine, path).await?);
        }
        let destination = read_file(machine, DESTINATION).await?;
        let beside = machine.list(BACKUPS.as_ref()).await.unwrap_or_default();
        let cache = beside.iter().any(|name| name == CACHE);
        Ok(Facts { files, destination, cache, timer_runs: timer_runs(machine).await? })
    }

    fn converge(&self, facts: &Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        Ok(decide(facts, desired))
    }
}

/// Whether the nightly timer is enabled and waits for its hour.
pub(super) async fn timer_runs(machine: &dyn Machine) -> Result<bool, Problem> {
    let timer = read_unit(machine, TIMER, "UnitFileState,ActiveState").await?;
    let is = |name: &str, value: &str| timer.get(name).is_some_and(|found| found == value);
    Ok(is("UnitFileState", "enabled") && is("ActiveState", "active"))
}

fn decide(facts: &Facts, desired: &DesiredServer) -> Assessment {
    let wanted = FILES.map(|(path, mode, text)| match path {
        SERVICE => FileWrite::new(path, mode, sandbox::nightly_unit()),
        _ => FileWrite::new(path, mode, text),
    });
    let differing: Vec<FileWrite> = wanted
        .into_iter()
        .zip(&facts.files)
        .filter(|(file, found)| !is_written(file, found.as_ref()))
        .map(|(file, _)| file)
        .collect();
    let mut because = Vec::new();
    let mut changes = Vec::new();
    if !facts.cache {
        because.push("the cache has no folder".to_owned());
        let path = std::path::Path::new(BACKUPS).join(CACHE);
        changes.push(Change::MakeFolder { path, mode: 0o700, owner: None });
    }
    because.extend(differing.iter().map(|file| format!("{} is not as it should be", file.path.display())));
    let units_differ = differing.iter().any(|file| file.path.starts_with("/etc/systemd"));
    changes.extend(differing.into_iter().map(Change::Write));
    // Nothing said is nothing written: who works with the server's own record must not take its destination away.
    if let Some(wanted) = &desired.backups
        && let (wanted, _) = without_secret(wanted)
        && !is_kept(&wanted, facts.destination.as_ref())
        && let Ok(text) = serde_json::to_string_pretty(&wanted)
    {
        let file = FileWrite::new(DESTINATION, 0o600, text + "\n");
        because.push("the destination is another one".to_owned());
        changes.push(Change::Write(file));
    }
    if units_differ {
        changes.push(Change::Run(Command::words("systemctl daemon-reload")));
    }
    if units_differ || !facts.timer_runs {
        because.extend((!facts.timer_runs).then(|| "the nightly timer does not run".to_owned()));
        changes.push(Change::Run(Command::new("systemctl", ["enable", TIMER])));
        changes.push(Change::Run(Command::new("systemctl", ["restart", TIMER])));
    }
    if changes.is_empty() {
        return Assessment::converged(format!("every night at 02:00; {}", whereto(facts)));
    }
    Assessment::needed(because.join(", "), changes)
}

fn whereto(facts: &Facts) -> String {
    let known = facts.destination.as_ref().and_then(|file| serde_json::from_str(&file.content).ok());
    known
        .map_or_else(|| "kept on this server only".to_owned(), |known| format!("copied to {}", words(&known)))
}

/// A destination in words, without anything that opens it.
pub(super) fn words(destination: &Destination) -> String {
    match destination {
        Destination::S3(s3) => format!("the bucket {} at {}, folder {}", s3.bucket, s3.endpoint, s3.prefix),
        Destination::Rclone(rclone) => format!("{}:{}", rclone.remote, rclone.path),
    }
}

/// Whether the file says this destination, in whatever form: it may have been set on the server itself.
fn is_kept(wanted: &Destination, found: Option<&FileState>) -> bool {
    found.is_some_and(|file| {
        file.mode == 0o600
            && serde_json::from_str::<Destination>(&file.content).is_ok_and(|kept| kept == *wanted)
    })
}

#[cfg(test)]
mod tests {
    use letsbe_host::{Assessment, Change, machine::FileState};
    use letsbe_types::job::DesiredServer;

    use super::{FILES, Facts, decide};
    use crate::{backups::tests::destination, stacks::tests::desired};

    fn wishes() -> DesiredServer {
        DesiredServer { backups: Some(destination()), ..desired() }
    }

    fn lines(assessment: &Assessment) -> Vec<String> {
        match assessment {
            Assessment::Needed { changes, .. } => changes.iter().map(ToString::to_string).collect(),
            Assessment::Converged { .. } => vec![],
            other => panic!("{other:?}"),
        }
    }

    fn fresh() -> Facts {
        Facts { files: vec![None; FILES.len()], destination: None, cache: false, timer_runs: false }
    }

    /// What a machine holds after the changes were made.
    fn after(assessment: &Assessment) -> Facts {
        let Assessment::Needed { changes, .. } = assessment else { panic!("{assessment:?}") };
        let mut facts = Facts { cache: true, timer_runs: true, ..fresh() };
        for change in changes {
            let Change::Write(file) = change else { continue };
            let state = FileState { content: file.content.expose().clone(), mode: file.mode, uid: 0 };
            match FILES.iter().position(|(path, ..)| file.path.as_os_str() == *path) {
                Some(index) => facts.files[index] = Some(state),
                None => facts.destination = Some(state),
            }
        }
        facts
    }

    #[test]
    fn the_timer_the_commands_and_the_destination_are_there_and_the_secret_is_not() {
        let first = decide(&fresh(), &wishes());
        assert!(!format!("{first:?}").contains("canary"));
        assert_eq!(
            lines(&first).last().map(String::as_str),
            Some("run systemctl restart letsbe-backup.timer")
        );
        let facts = after(&first);
        let destination = facts.destination.as_ref().expect("written");
        assert!(destination.mode == 0o600 && !destination.content.contains("canary"));
        assert!(destination.content.contains("\"bucket\": \"backups\""));
        for index in [0, 1] {
            assert_eq!(facts.files[index].as_ref().expect("written").mode, 0o755);
        }
        let Assessment::Converged { why } = decide(&facts, &wishes()) else { panic!("converged") };
        assert!(why.contains("the bucket backups at"), "{why}");
    }

    #[test]
    fn a_destination_stays_when_nothing_is_said_about_it_and_another_one_replaces_it() {
        let facts = after(&decide(&fresh(), &wishes()));
        assert!(lines(&decide(&facts, &desired())).is_empty());
        let mut moved = wishes();
        if let Some(letsbe_types::backup::Destination::S3(s3)) = &mut moved.backups {
            s3.prefix = "elsewhere".to_owned();
        }
        let [line] = &lines(&decide(&facts, &moved))[..] else { panic!("one change") };
        assert!(line.starts_with("write /opt/letsbe/state/destination.json (mode 0600"), "{line}");
        let mut compact = after(&decide(&fresh(), &wishes()));
        let file = compact.destination.as_mut().expect("written");
        file.content = file.content.split_whitespace().collect();
        assert!(lines(&decide(&compact, &wishes())).is_empty(), "the same in another form");
        let alone = decide(&Facts { destination: None, ..facts }, &desired());
        let Assessment::Converged { why } = alone else { panic!("converged") };
        assert!(why.contains("this server only"), "{why}");
    }

    #[test]
    fn what_is_not_as_it_should_be_is_mended_and_nothing_else() {
        let good = || after(&decide(&fresh(), &wishes()));
        let only = |facts: &Facts| lines(&decide(facts, &wishes()));
        let restart =
            ["run systemctl enable letsbe-backup.timer", "run systemctl restart letsbe-backup.timer"];
        assert_eq!(only(&Facts { timer_runs: false, ..good() }), restart);
        assert_eq!(
            only(&Facts { cache: false, ..good() }),
            ["make folder /opt/letsbe/backups/cache (mode 0700)"]
        );
        for (index, count) in [(0, 1), (1, 1), (2, 4), (3, 4)] {
            let mut facts = good();
            facts.files[index].as_mut().expect("there").mode = 0o600;
            assert_eq!(only(&facts).len(), count, "{}", FILES[index].0);
        }
    }
}
