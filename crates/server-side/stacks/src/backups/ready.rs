//! `backups.ready`: a backup can begin. Whether one was made is the backup's own status.

use async_trait::async_trait;
use letsbe_host::{Assessment, Command, Converge, Machine};
use letsbe_types::{
    Code, Problem,
    backup::RESTIC_MIN,
    job::DesiredServer,
    paths::{RCLONE, RESTIC},
};
use letsbe_vault::BACKUP_KEY;

use super::configured::timer_runs;
use crate::{read_vault, run};

pub(crate) struct BackupsReady;

/// What a backup needs.
pub(crate) struct Facts {
    /// What `restic version` printed; `None` if it did not run.
    restic: Option<String>,
    rclone: bool,
    key: bool,
    timer_runs: bool,
}

#[async_trait]
impl Converge for BackupsReady {
    type Facts = Facts;
    const NAME: &'static str = "backups.ready";
    const STEP: u8 = 11;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Facts, Problem> {
        let restic = machine.run(&Command::new(RESTIC, ["version"])).await.ok();
        let restic = restic.filter(|output| output.success()).map(|output| output.stdout);
        // Not started: it takes longer than everything else here together.
        let rclone = run(machine, &Command::new("test", ["-x", RCLONE])).await?.success();
        let (tool, key) = BACKUP_KEY;
        let vault = read_vault(machine).await?;
        let key = vault.is_some_and(|vault| vault.entry(tool, key).is_some());
        Ok(Facts { restic, rclone, key, timer_runs: timer_runs(machine).await? })
    }

    fn converge(&self, facts: &Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        judge(facts)
    }
}

fn judge(facts: &Facts) -> Result<Assessment, Problem> {
    let version = facts.restic.as_deref().map(|text| (text.trim(), version(text)));
    let mut broken = Vec::new();
    match version {
        None => broken.push(format!("{RESTIC} does not run")),
        Some((_, Some(found))) if found >= RESTIC_MIN => {}
        Some((text, _)) => {
            let (major, minor) = RESTIC_MIN;
            broken.push(format!("{RESTIC} is no restic {major}.{minor} or later ({text})"));
        }
    }
    broken.extend((!facts.rclone).then(|| format!("{RCLONE} is missing")));
    broken.extend((!facts.key).then(|| "the vault has no key for the repository".to_owned()));
    broken.extend((!facts.timer_runs).then(|| "the nightly timer does not run".to_owned()));
    if broken.is_empty() {
        let restic = version.map_or("restic", |(text, _)| text);
        return Ok(Assessment::converged(format!("{restic}, its key, and the nightly timer are there")));
    }
    Err(Problem::transient(
        Code::NODE083,
        format!("No backup can be made: {}", broken.join(", ")),
        "Run the provisioning again with a whole bundle (`programs/restic`, `programs/rclone`).",
    ))
}

/// `restic 0.18.0 compiled with …`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix("restic ")?.split(['.', ' ']).map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Facts, judge, version};

    #[test]
    fn a_server_that_cannot_make_a_backup_is_not_called_ready() {
        let good = || Facts {
            restic: Some("restic 0.18.0 compiled with go1.24.4 on linux/amd64\n".to_owned()),
            rclone: true,
            key: true,
            timer_runs: true,
        };
        assert!(judge(&good()).is_ok());
        for (facts, what) in [
            (Facts { restic: None, ..good() }, "does not run"),
            (
                Facts { restic: Some("restic 0.17.3 compiled".to_owned()), ..good() },
                "0.18 or later (restic 0.17.3",
            ),
            (Facts { restic: Some("busybox".to_owned()), ..good() }, "no restic"),
            (Facts { rclone: false, ..good() }, "rclone is missing"),
            (Facts { key: false, ..good() }, "no key"),
            (Facts { timer_runs: false, ..good() }, "timer"),
        ] {
            let problem = judge(&facts).expect_err(what);
            assert!(problem.code == "NODE083" && problem.message.contains(what), "{problem}");
        }
        assert_eq!(version("restic 1.2.3 compiled"), Some((1, 2)));
    }
}
