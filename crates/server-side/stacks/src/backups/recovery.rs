//! A lost server is restored (runbook 5.2): the keys come from the escrow, the vault and the certificates are restored
//! before a tool is started, and the tools' data before anybody sets them up again.
//!
//! The restore itself is done by `letsbe-node run recover`, which writes a record as it goes on; the operations here
//! decide from that record. A run that was killed goes on where it was.

mod record;

use std::time::Duration;

use async_trait::async_trait;
use letsbe_host::{Assessment, Change, Command, Converge, Machine, Question};
use letsbe_protocol::{RecoveredPart, RunCommand};
use letsbe_types::{Code, Problem, Secret, job::DesiredServer};

pub(crate) use self::record::is_back;
use self::record::read_record;
pub use self::record::{RecoveryRecord, age};
use super::RECOVERY_KEYS;
use crate::{read_file, read_vault};

/// The platform's part that comes back with the tools: its container must be there first.
pub const OPENCLAW: &str = "openclaw";
/// A person has to be found who can open the escrow.
const KEYS_PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// The vault and the certificates are small; the remote may be slow.
const PLATFORM_PATIENCE: Duration = Duration::from_secs(1800);
/// All data of a server, over the network.
const TOOLS_PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// Killed (memory ran out), it resumes; killed more often than this, the run fails.
const RESTARTS: u32 = 3;

const NEW_SERVER: &str = "this server stands in for no other";

/// What the operations decide from.
pub(crate) struct Facts {
    record: Option<RecoveryRecord>,
    vault: bool,
    keys_wait: bool,
}

impl Facts {
    async fn read(machine: &dyn Machine, desired: &DesiredServer) -> Result<Self, Problem> {
        if desired.restore.is_none() {
            return Ok(Self { record: None, vault: false, keys_wait: false });
        }
        let record = read_record(machine).await?;
        let vault = read_vault(machine).await?.is_some();
        let keys_wait = read_file(machine, RECOVERY_KEYS).await?.is_some();
        Ok(Self { record, vault, keys_wait })
    }

    /// The record, if it is still valid.
    fn settled(&self) -> Option<&RecoveryRecord> {
        self.record.as_ref().filter(|_| self.vault)
    }
}

fn skipped() -> Assessment {
    Assessment::Skipped { why: NEW_SERVER.to_owned() }
}

/// `letsbe-node run recover <part>`; the desired server goes through standard input: it holds what opens the remote.
fn recover(part: RecoveredPart, desired: &DesiredServer, patience: Duration) -> Change {
    let needed = DesiredServer { hub: None, models: None, backups: None, ..desired.clone() };
    let input = Secret::new(serde_json::to_string(&needed).unwrap_or_default());
    let program = Command::node(RunCommand::Recover { part });
    Change::Run(program.with_input(input).within(patience).restarted(RESTARTS))
}

/// `keys.received`: the keys from the escrow were provided, or they are not needed any more.
pub(crate) struct KeysReceived;

#[async_trait]
impl Converge for KeysReceived {
    type Facts = Facts;
    const NAME: &'static str = "keys.received";
    const STEP: u8 = 9;

    async fn probe(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Facts, Problem> {
        Facts::read(machine, desired).await
    }

    fn converge(&self, facts: &Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        Ok(match facts {
            _ if desired.restore.is_none() => skipped(),
            facts if facts.settled().is_some() => Assessment::converged("the vault was brought back already"),
            Facts { keys_wait: true, .. } => Assessment::converged("the keys have come from the escrow"),
            _ => {
                let ask = Change::Ask { question: Question::Keys, patience: KEYS_PATIENCE };
                Assessment::needed("the keys are in the escrow only", vec![ask])
            }
        })
    }
}

/// `vault.restored`: vault, certificates and the platform's records are those of the lost server.
pub(crate) struct VaultRestored;

#[async_trait]
impl Converge for VaultRestored {
    type Facts = Facts;
    const NAME: &'static str = "vault.restored";
    const STEP: u8 = 9;

    async fn probe(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Facts, Problem> {
        Facts::read(machine, desired).await
    }

    fn converge(&self, facts: &Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        if desired.restore.is_none() {
            return Ok(skipped());
        }
        Ok(match facts.settled() {
            Some(_) => Assessment::converged("vault and certificates are those of the lost server"),
            None => Assessment::needed(
                "vault and certificates are not those of the lost server",
                vec![recover(RecoveredPart::Platform, desired, PLATFORM_PATIENCE)],
            ),
        })
    }
}

/// `tools.restored`: every tool has its data back. Comes before the first set-up: a tool that has data needs none.
pub(crate) struct ToolsRestored;

#[async_trait]
impl Converge for ToolsRestored {
    type Facts = Facts;
    const NAME: &'static str = "tools.restored";
    const STEP: u8 = 10;

    async fn probe(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Facts, Problem> {
        Facts::read(machine, desired).await
    }

    fn converge(&self, facts: &Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        if desired.restore.is_none() {
            return Ok(skipped());
        }
        let outstanding = outstanding(facts.settled(), desired);
        Ok(if outstanding.is_empty() {
            Assessment::converged("every tool was brought back")
        } else {
            let because = format!("not brought back yet: {}", outstanding.join(", "));
            Assessment::needed(because, vec![recover(RecoveredPart::Tools, desired, TOOLS_PATIENCE)])
        })
    }
}

fn outstanding<'a>(record: Option<&RecoveryRecord>, desired: &'a DesiredServer) -> Vec<&'a str> {
    let names = desired.tools.iter().map(String::as_str).chain([OPENCLAW]);
    match record {
        Some(record) => record.outstanding(names),
        None => names.collect(),
    }
}

/// `recovery.complete`: reports what was restored, with numbers and ages; a tool without data is a warning.
pub(crate) struct RecoveryComplete;

#[async_trait]
impl Converge for RecoveryComplete {
    type Facts = Facts;
    const NAME: &'static str = "recovery.complete";
    const STEP: u8 = 11;

    async fn probe(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Facts, Problem> {
        Facts::read(machine, desired).await
    }

    fn converge(&self, facts: &Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        if desired.restore.is_none() {
            return Ok(skipped());
        }
        let outstanding = outstanding(facts.settled(), desired);
        let Some(record) = facts.settled().filter(|_| outstanding.is_empty()) else {
            return Err(Problem::transient(
                Code::NODE085,
                format!("not brought back: {}", outstanding.join(", ")),
                "Run the provisioning again; it goes on where it was.",
            ));
        };
        let anew = |(tool, why): (&String, &String)| format!("{tool} begins anew: {why}");
        let without: Vec<String> = record.without_data.iter().map(anew).collect();
        Ok(if without.is_empty() {
            Assessment::converged(format!("brought back: {}", record.words()))
        } else {
            let warning = format!("{}; brought back: {}", without.join("; "), record.words());
            Assessment::Warned { warning }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use chrono::{DateTime, TimeDelta, Utc};
    use letsbe_host::{Assessment, Change, Converge, Operation as _, machine::FileState};
    use letsbe_types::{
        Problem,
        ids::SetId,
        job::{DesiredServer, RestoreFrom, RestoredTool},
        paths::RECOVERY_RECORD,
    };

    use super::{Facts, KeysReceived, RecoveryComplete, RecoveryRecord, ToolsRestored, VaultRestored, age};
    use crate::{
        backups::tests::destination,
        tests::{Files, desired},
    };

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_003_200, 0).expect("a time")
    }

    fn desired_server() -> DesiredServer {
        let restore = RestoreFrom { source: destination(), at: None, as_of: None };
        DesiredServer { restore: Some(restore), ..desired() }
    }

    fn back(tool: &str, rows: u64, files: u64, hours: i64) -> RestoredTool {
        let (tool, taken_at) = (tool.to_owned(), noon() - TimeDelta::hours(hours));
        RestoredTool { tool, set: SetId::generate(), taken_at, rows, files, milliseconds: 1 }
    }

    fn record(back: Vec<RestoredTool>) -> RecoveryRecord {
        RecoveryRecord { began_at: noon(), back, without_data: [].into() }
    }

    fn all() -> RecoveryRecord {
        let (ghost, nocodb) = (back("ghost", 5012, 1200, 10), back("nocodb", 3, 0, 50));
        record(vec![back("letsbe", 0, 9, 10), ghost, nocodb, back("openclaw", 0, 40, 10)])
    }

    fn line(decided: Result<Assessment, Problem>) -> String {
        match decided {
            Ok(Assessment::Needed { because, changes }) => {
                assert!(!format!("{changes:?}").contains("canary"), "secrets are masked");
                let [change] = changes.as_slice() else { panic!("one change") };
                format!("{because}: {change}")
            }
            Ok(Assessment::Converged { why }) => format!("converged: {why}"),
            Ok(Assessment::Warned { warning }) => format!("warned: {warning}"),
            Ok(Assessment::Skipped { .. }) => "skipped".to_owned(),
            Err(problem) => problem.code,
        }
    }

    #[test]
    fn a_new_server_is_asked_for_nothing() {
        let facts = Facts { record: None, vault: true, keys_wait: false };
        assert_eq!(line(KeysReceived.converge(&facts, &desired())), "skipped");
        assert_eq!(line(VaultRestored.converge(&facts, &desired())), "skipped");
        assert_eq!(line(ToolsRestored.converge(&facts, &desired())), "skipped");
        assert_eq!(line(RecoveryComplete.converge(&facts, &desired())), "skipped");
    }

    #[test]
    fn the_keys_are_asked_for_once_and_the_vault_comes_before_the_tools() {
        const PLATFORM: &str = "run /opt/letsbe/bin/letsbe-node run recover platform <‹input›";
        const TOOLS: &str = "run /opt/letsbe/bin/letsbe-node run recover tools <‹input›";
        let facts = |record: Option<RecoveryRecord>, vault, keys_wait| Facts { record, vault, keys_wait };
        let half = record(vec![back("ghost", 1, 1, 1)]);
        let table = [
            (
                facts(None, false, false),
                "until the keys have come",
                PLATFORM,
                "ghost, nocodb, openclaw",
                "NODE085",
            ),
            (facts(None, false, true), "have come from the escrow", PLATFORM, TOOLS, "NODE085"),
            // A vault without a record: a run was killed between the two.
            (facts(None, true, true), "have come from the escrow", PLATFORM, TOOLS, "NODE085"),
            (
                facts(Some(half.clone()), true, false),
                "already",
                "converged",
                "yet: nocodb, openclaw",
                "NODE085",
            ),
            // A record whose vault is gone is worth nothing.
            (facts(Some(half), false, false), "until the keys", PLATFORM, TOOLS, "NODE085"),
            (
                facts(Some(all()), true, false),
                "already",
                "converged",
                "converged",
                "converged: brought back: ",
            ),
        ];
        for (index, (facts, keys, vault, tools, complete)) in table.iter().enumerate() {
            let lines = [
                (line(KeysReceived.converge(facts, &desired_server())), keys),
                (line(VaultRestored.converge(facts, &desired_server())), vault),
                (line(ToolsRestored.converge(facts, &desired_server())), tools),
                (line(RecoveryComplete.converge(facts, &desired_server())), complete),
            ];
            for (found, expected) in lines {
                assert!(found.contains(*expected), "case {index}: {found} lacks {expected}");
            }
        }
    }

    #[test]
    fn the_journal_says_what_came_back_with_its_age_and_what_did_not() {
        let facts = |record| Facts { record: Some(record), vault: true, keys_wait: false };
        let told = line(RecoveryComplete.converge(&facts(all()), &desired_server()));
        for part in
            ["ghost 5012 rows, 1200 files, 10 h 0 min old (", "nocodb 3 rows", "2 d 2 h old", "letsbe"]
        {
            assert!(told.contains(part), "{told}");
        }
        let mut lost = all();
        lost.back.retain(|back| back.tool != "nocodb");
        lost.without_data.insert("nocodb".to_owned(), "there is no set of it".to_owned());
        let told = line(RecoveryComplete.converge(&facts(lost), &desired_server()));
        assert!(
            told.starts_with("warned: nocodb begins anew: there is no set of it; brought back: "),
            "{told}"
        );
        assert_eq!(age(TimeDelta::minutes(-5)), "0 min");
    }

    #[test]
    fn the_remotes_secret_goes_to_the_program_and_the_hubs_token_does_not() {
        let facts = Facts { record: None, vault: false, keys_wait: true };
        let Ok(Assessment::Needed { changes, .. }) = VaultRestored.converge(&facts, &desired_server()) else {
            panic!("needed")
        };
        let Change::Run(command) = &changes[0] else { panic!("a run") };
        let input = command.input.as_ref().expect("input").expose();
        assert!(input.contains("canary-secret") && !input.contains("token-canary"));
        assert_eq!(
            serde_json::from_str::<DesiredServer>(input).expect("reads").restore,
            desired_server().restore
        );
    }

    #[tokio::test]
    async fn a_damaged_record_stops_the_run() {
        let state = FileState { content: "{".to_owned(), mode: 0o600, uid: 0 };
        let machine = Files([(PathBuf::from(RECOVERY_RECORD), state)].into());
        let stopped = VaultRestored.assess(&machine, &desired_server()).await;
        assert_eq!(stopped.expect_err("stops").code, "NODE084");
        assert!(VaultRestored.assess(&machine, &desired()).await.is_ok());
    }
}
