//! `credentials.generated`: every secret that the stacks need exists, and none has changed.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use letsbe_host::{Assessment, Change, Converge, FileWrite, Machine};
use letsbe_types::{Code, Problem, job::DesiredServer};
use letsbe_vault::{CREDENTIALS_FILE, Credentials, MakeError, Vault, Wanted, merge_missing};
use rand::{SeedableRng as _, rngs::StdRng};

use super::{deployment::Deployment, reading};

pub(crate) struct CredentialsGenerated {
    pub(crate) deployment: Arc<Deployment>,
    /// Handed in, so that tests are repeatable.
    pub(crate) random: Mutex<StdRng>,
}

impl CredentialsGenerated {
    pub(crate) fn new(deployment: Arc<Deployment>) -> Self {
        Self { deployment, random: Mutex::new(StdRng::from_rng(&mut rand::rng())) }
    }
}

/// What the vault has, what waits for it, and whether the waiting file is private.
#[derive(Default)]
pub(crate) struct Facts {
    vault: Option<Vault>,
    inbox: Option<Credentials>,
    mode: Option<u32>,
}

#[async_trait]
impl Converge for CredentialsGenerated {
    type Facts = Facts;
    const NAME: &'static str = "credentials.generated";
    const STEP: u8 = 9;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Facts, Problem> {
        let mode = reading::file(machine, CREDENTIALS_FILE).await?.map(|state| state.mode);
        let (vault, inbox) = (reading::vault(machine).await?, reading::inbox(machine).await?);
        Ok(Facts { vault, inbox, mode })
    }

    fn converge(&self, facts: &Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        decide(facts, &self.deployment.wanted_credentials(), &mut random).map_err(|error| {
            Problem::permanent(Code::NODE046, error.to_string(), "Correct the tool's entry in the catalog.")
        })
    }
}

/// One atomic write of old and new together, before anything uses a new value: a crash before it loses nothing, a
/// crash after it finds the same values again. What the vault has is not written into the open once more.
fn decide(facts: &Facts, wanted: &[Wanted], random: &mut StdRng) -> Result<Assessment, MakeError> {
    let existing = reading::in_force(facts.vault.as_ref(), facts.inbox.as_ref()).unwrap_or_default();
    let (merged, made) = merge_missing(&existing, wanted, random)?;
    if made.is_empty() && facts.mode.is_none_or(|mode| mode == 0o600) {
        return Ok(Assessment::converged(format!("all {} credentials exist", wanted.len())));
    }
    let because = if made.is_empty() {
        "the credentials file can be read by others".to_owned()
    } else {
        let names: Vec<String> = made.iter().map(|(tool, key)| format!("{tool}/{key}")).collect();
        format!("not yet made: {}", names.join(", "))
    };
    let mut inbox = facts.inbox.clone().unwrap_or_default();
    for (tool, key) in &made {
        if let Some(value) = merged.get(tool, key) {
            inbox.insert_missing(tool, key, value.clone());
        }
    }
    let folder =
        std::path::Path::new(CREDENTIALS_FILE).parent().unwrap_or(std::path::Path::new("/")).to_owned();
    let mut file = FileWrite::new(CREDENTIALS_FILE, 0o600, "");
    file.content = inbox.to_file();
    Ok(Assessment::needed(
        because,
        vec![Change::MakeFolder { path: folder, mode: 0o700, owner: None }, Change::Write(file)],
    ))
}

#[cfg(test)]
mod tests {
    use letsbe_catalog::{Credential, CredentialCategory, CredentialMethod};
    use letsbe_host::{Assessment, Change};
    use letsbe_vault::{Credentials, Origin, Vault, Wanted};
    use proptest::prelude::*;
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::{Facts, decide};

    /// What a run does next on a server: and where it dies.
    #[derive(Debug, Clone, Copy)]
    enum Move {
        /// `credentials.generated`, to its end or killed before its write.
        Make { killed: bool },
        /// `vault.seeded`, to its end or killed before the inbox is removed.
        Seed { killed: bool },
        /// Another tool is wanted.
        More,
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            any::<bool>().prop_map(|killed| Move::Make { killed }),
            any::<bool>().prop_map(|killed| Move::Seed { killed }),
            Just(Move::More),
        ];
        proptest::collection::vec(one, 1..24)
    }

    proptest! {
        #[test]
        fn wherever_runs_are_killed_every_secret_keeps_the_value_that_it_first_had(moves in moves(), seed in any::<u64>()) {
            let mut random = StdRng::seed_from_u64(seed);
            let now = chrono::DateTime::from_timestamp(1_795_000_000, 0).expect("a time");
            let mut list = vec![wanted("ghost", "db_password"), wanted("ghost", "owner_password")];
            let (mut facts, mut first) = (Facts::default(), std::collections::BTreeMap::new());
            for step in moves {
                match step {
                    Move::More => list.push(wanted(&format!("tool-{}", list.len()), "db_password")),
                    Move::Make { killed } => {
                        let decided = decide(&facts, &list, &mut random).expect("decides");
                        if matches!(decided, Assessment::Needed { .. }) && !killed {
                            facts.inbox = Some(written(&decided));
                            facts.mode = Some(0o600);
                        }
                    }
                    Move::Seed { killed } => {
                        let inbox = facts.inbox.clone().unwrap_or_default();
                        let mut vault = facts.vault.take().unwrap_or_default();
                        vault.seed(&inbox, &letsbe_vault::Given::default(), &mut random, now);
                        facts.vault = Some(vault);
                        if !killed {
                            (facts.inbox, facts.mode) = (None, None);
                        }
                    }
                }
                let inbox = facts.inbox.iter().flat_map(Credentials::iter);
                let mut seen: Vec<(String, String, String)> = inbox
                    .map(|(tool, key, value)| (tool.to_owned(), key.to_owned(), value.expose().clone()))
                    .collect();
                for (tool, key, entry) in facts.vault.iter().flat_map(Vault::entries) {
                    prop_assert!(entry.retired.is_empty(), "{tool}/{key} was replaced");
                    seen.push((tool.to_owned(), key.to_owned(), entry.present.expose().clone()));
                }
                for (tool, key, value) in seen {
                    let kept = first.entry((tool.clone(), key.clone())).or_insert_with(|| value.clone());
                    prop_assert!(*kept == value, "{tool}/{key} was made again");
                }
            }
        }
    }

    fn wanted(tool: &str, key: &str) -> Wanted {
        let (category, method) = (CredentialCategory::DatabasePassword, CredentialMethod::Hex);
        let credential =
            Credential { key: key.to_owned(), category, method, login: None, mixed: false, rotation: None };
        Wanted { tool: tool.to_owned(), credential }
    }

    fn written(assessment: &Assessment) -> Credentials {
        let Assessment::Needed { changes, because } = assessment else { panic!("{assessment:?}") };
        let Some(Change::Write(file)) = changes.last() else { panic!("a write") };
        assert_eq!(file.mode, 0o600);
        let credentials = Credentials::from_file(file.content.expose()).expect("reads back");
        let printed = format!("{because} {changes:?} {}", changes[1]);
        assert!(credentials.iter().all(|(_, _, value)| !printed.contains(value.expose())), "{printed}");
        credentials
    }

    #[test]
    fn what_is_missing_is_made_once_and_a_retry_makes_nothing() {
        let mut random = StdRng::seed_from_u64(1);
        let first = [wanted("ghost", "db_password")];
        let fresh = decide(&Facts::default(), &first, &mut random).expect("makes");
        let one = written(&fresh);
        let again = Facts { inbox: Some(one.clone()), mode: Some(0o600), vault: None };
        assert!(matches!(decide(&again, &first, &mut random), Ok(Assessment::Converged { .. })));
        let more = [wanted("ghost", "db_password"), wanted("odoo", "db_password")];
        let both = written(&decide(&again, &more, &mut random).expect("makes"));
        assert_eq!(both.get("ghost", "db_password"), one.get("ghost", "db_password"));
        assert!(both.get("odoo", "db_password").is_some());
        let open = Facts { inbox: Some(both.clone()), mode: Some(0o644), vault: None };
        assert_eq!(written(&decide(&open, &more, &mut random).expect("keeps")), both);
    }

    #[test]
    fn what_the_vault_has_is_not_made_again_nor_written_into_the_open() {
        let mut random = StdRng::seed_from_u64(1);
        let list = [wanted("ghost", "db_password"), wanted("odoo", "db_password")];
        let mut vault = Vault::default();
        let now = chrono::DateTime::from_timestamp(1_795_000_000, 0).expect("a time");
        vault.put("ghost", "db_password", "sealed".into(), Origin::Made, now);
        let facts = Facts { vault: Some(vault.clone()), ..Facts::default() };
        let inbox = written(&decide(&facts, &list, &mut random).expect("makes"));
        assert!(inbox.get("ghost", "db_password").is_none() && inbox.get("odoo", "db_password").is_some());
        let waiting = Facts { vault: Some(vault.clone()), inbox: Some(inbox.clone()), mode: Some(0o600) };
        assert!(matches!(decide(&waiting, &list, &mut random), Ok(Assessment::Converged { .. })));
        vault.seed(&inbox, &letsbe_vault::Given::default(), &mut random, now);
        let facts = Facts { vault: Some(vault), ..Facts::default() };
        assert!(matches!(decide(&facts, &list, &mut random), Ok(Assessment::Converged { .. })));
    }
}
