//! `backups.configured`: the nightly timer runs, the runbook's commands are there, and the destination is known.

use async_trait::async_trait;
use letsbe_host::{Assessment, Change, Command, Converge, FileWrite, Machine, machine::FileState};
use letsbe_protocol::{BackupCommand, BackupRun, NodeCommand, RestoreCommand};
use letsbe_types::{
    Problem,
    backup::Destination,
    job::DesiredServer,
    paths::{BACKUP_SCRIPT, BACKUPS, DESTINATION, RESTORE_SCRIPT},
};

use super::{sandbox, without_secret};
use crate::{is_written, read_file, read_unit};

pub(super) const TIMER: &str = "letsbe-backup.timer";
/// restic's cache, beside the repository.
const CACHE: &str = "cache";

/// The nightly run's unit; its text is [`sandbox::nightly_unit`].
const SERVICE: &str = "/etc/systemd/system/letsbe-backup.service";
/// The runbook's commands (4.1, 5.1) and the nightly run; a text that names the node program is written by [`file`].
const FILES: [(&str, u32, &str); 6] = [
    (BACKUP_SCRIPT, 0o755, ""),
    (RESTORE_SCRIPT, 0o755, ""),
    (SERVICE, 0o644, ""),
    (
        "/etc/systemd/system/letsbe-backup.timer",
        0o644,
        "# Written by letsbe-node.
[Unit]
Description=LetsBe nightly backup
Wants=letsbe-backup-late.timer

[Timer]
OnCalendar=*-*-* 02:00:00
Persistent=true
AccuracySec=1min

[Install]
WantedBy=timers.target
",
    ),
    // In the night when clocks are put forward there is no 02:00 in many zones, and systemd waits for the next day. No
    // zone leaves out 04:00.
    (
        "/etc/systemd/system/letsbe-backup-late.timer",
        0o644,
        "# Written by letsbe-node.
[Unit]
Description=LetsBe nightly backup, in a night without 02:00

[Timer]
OnCalendar=*-*-* 04:00:00
AccuracySec=1min
",
    ),
    (
        "/etc/systemd/system/letsbe-backup-late.service",
        0o644,
        "# Written by letsbe-node.
[Unit]
Description=LetsBe nightly backup, if it was not started tonight

[Service]
Type=oneshot
# systemd keeps when the nightly timer last elapsed as this file's time.
ExecCondition=/usr/bin/touch \"--date=3 hours ago\" /run/letsbe-backup-tonight
ExecCondition=/usr/bin/test ! /var/lib/systemd/timers/stamp-letsbe-backup.timer -nt /run/letsbe-backup-tonight
ExecStart=/usr/bin/systemctl start --no-block letsbe-backup.service
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

fn file(path: &str, mode: u32, text: &str) -> FileWrite {
    let script = |command: NodeCommand| format!("#!/bin/sh\nexec {} \"$@\"\n", command.as_line());
    match path {
        BACKUP_SCRIPT => FileWrite::new(path, mode, script(BackupCommand::Run(BackupRun::default()).into())),
        RESTORE_SCRIPT => FileWrite::new(path, mode, script(RestoreCommand::ByHand.into())),
        SERVICE => FileWrite::new(path, mode, sandbox::nightly_unit()),
        _ => FileWrite::new(path, mode, text),
    }
}

fn decide(facts: &Facts, desired: &DesiredServer) -> Assessment {
    let wanted = FILES.map(|(path, mode, text)| file(path, mode, text));
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
    // Without a destination nothing is written: a run from the server's own record must not remove its destination.
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

/// Whether the file names this destination, in whatever form: it may have been set on the server itself.
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
    use crate::{backups::tests::destination, tests::desired};

    fn desired_server() -> DesiredServer {
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
        let first = decide(&fresh(), &desired_server());
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
        let Assessment::Converged { why } = decide(&facts, &desired_server()) else { panic!("converged") };
        assert!(why.contains("the bucket backups at"), "{why}");
    }

    #[test]
    fn a_destination_stays_when_nothing_is_said_about_it_and_another_one_replaces_it() {
        let facts = after(&decide(&fresh(), &desired_server()));
        assert!(lines(&decide(&facts, &desired())).is_empty());
        let mut moved = desired_server();
        if let Some(letsbe_types::backup::Destination::S3(s3)) = &mut moved.backups {
            s3.prefix = "elsewhere".to_owned();
        }
        let [line] = &lines(&decide(&facts, &moved))[..] else { panic!("one change") };
        assert!(line.starts_with("write /opt/letsbe/state/destination.json (mode 0600"), "{line}");
        let mut compact = after(&decide(&fresh(), &desired_server()));
        let file = compact.destination.as_mut().expect("written");
        file.content = file.content.split_whitespace().collect();
        assert!(lines(&decide(&compact, &desired_server())).is_empty(), "the same in another form");
        let alone = decide(&Facts { destination: None, ..facts }, &desired());
        let Assessment::Converged { why } = alone else { panic!("converged") };
        assert!(why.contains("this server only"), "{why}");
    }

    #[test]
    fn what_is_not_as_it_should_be_is_mended_and_nothing_else() {
        let good = || after(&decide(&fresh(), &desired_server()));
        let only = |facts: &Facts| lines(&decide(facts, &desired_server()));
        let restart =
            ["run systemctl enable letsbe-backup.timer", "run systemctl restart letsbe-backup.timer"];
        assert_eq!(only(&Facts { timer_runs: false, ..good() }), restart);
        assert_eq!(
            only(&Facts { cache: false, ..good() }),
            ["make folder /opt/letsbe/backups/cache (mode 0700)"]
        );
        for (index, count) in [(0, 1), (1, 1), (2, 4), (3, 4), (4, 4), (5, 4)] {
            let mut facts = good();
            facts.files[index].as_mut().expect("there").mode = 0o600;
            assert_eq!(only(&facts).len(), count, "{}", FILES[index].0);
        }
    }

    /// Local days on which a calendar expression elapses within about a year from 1 January 2027, by the real systemd.
    fn days(zone: &str, expression: &str) -> std::collections::BTreeSet<String> {
        let output = std::process::Command::new("systemd-analyze")
            .env("TZ", zone)
            .env("LC_ALL", "C.UTF-8")
            .args(["calendar", "--iterations=370", "--base-time=2027-01-01 12:00:00", expression])
            .output()
            .expect("this test needs systemd-analyze");
        let text = String::from_utf8(output.stdout).expect("text");
        let day = |line: &str| {
            let (what, time) = line.split_once(": ")?;
            let elapses = what.contains("Next elapse") || what.contains("Iter");
            let date = time.split_whitespace().nth(1)?;
            elapses.then(|| date.to_owned())
        };
        text.lines().filter_map(day).filter(|day| day.as_str() <= "2027-12-31").collect()
    }

    #[test]
    fn every_local_day_of_a_year_has_a_backup_also_when_clocks_are_put_forward() {
        let expression = |name: &str| {
            let (.., text) = FILES.iter().find(|(path, ..)| path.ends_with(name)).expect("the timer");
            text.lines().find_map(|line| line.strip_prefix("OnCalendar=")).expect("its time")
        };
        let mut without_night = 0;
        for zone in [
            "Europe/Berlin",
            "Europe/London",
            "Europe/Lisbon",
            "Europe/Helsinki",
            "America/New_York",
            "America/Santiago",
            "America/Nuuk",
            "Australia/Lord_Howe",
            "Australia/Sydney",
            "Pacific/Chatham",
            "Pacific/Easter",
            "Africa/Cairo",
            "Africa/Casablanca",
            "Antarctica/Troll",
            "Asia/Beirut",
            "Asia/Kolkata",
            "UTC",
        ] {
            let nightly = days(zone, expression("/letsbe-backup.timer"));
            let late = days(zone, expression("/letsbe-backup-late.timer"));
            assert_eq!(late.len(), 364, "{zone}: each day after the first has its 04:00");
            assert!(nightly.len() >= 363 && nightly.is_subset(&late), "{zone}: {}", nightly.len());
            without_night += late.len() - nightly.len();
        }
        assert!(without_night > 0, "a day without 02:00 was among them");
    }

    /// What the late service asks before it starts anything, with the real programs.
    #[test]
    fn the_late_start_happens_only_if_the_nightly_one_did_not() {
        let (.., text) = FILES.iter().find(|(path, ..)| path.ends_with("late.service")).expect("it is there");
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let (stamp, tonight) = (at("stamp"), at("tonight"));
        let starts = || {
            text.lines().filter_map(|line| line.strip_prefix("ExecCondition=")).all(|line| {
                let line = line
                    .replace("/var/lib/systemd/timers/stamp-letsbe-backup.timer", &stamp)
                    .replace("/run/letsbe-backup-tonight", &tonight);
                let quoted: Vec<&str> = line.split('"').collect();
                let words = quoted.iter().enumerate().flat_map(|(index, part)| match index % 2 {
                    0 => part.split_whitespace().map(str::to_owned).collect(),
                    _ => vec![(*part).to_owned()],
                });
                // systemd knows quotes around whole words only.
                let words: Vec<String> = words.collect();
                let status = std::process::Command::new(&words[0]).args(&words[1..]).status();
                status.expect("it runs").success()
            })
        };
        assert!(starts(), "the timer never elapsed");
        for (age, expected) in [("2 hours ago", false), ("1 minute ago", false), ("26 hours ago", true)] {
            let touched = std::process::Command::new("touch").args(["--date", age, &stamp]).status();
            assert!(touched.expect("touch runs").success());
            assert_eq!(starts(), expected, "it elapsed {age}");
        }
    }
}
