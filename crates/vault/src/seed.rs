//! What the vault takes in when a server is set up: the credentials that step 9 made, the keys of model providers,
//! and the backup's key. Pure; doing it again changes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use letsbe_types::Secret;
use rand::CryptoRng;

use crate::{Credentials, Origin, Vault, escrow::BACKUP_KEY, seal::new_key};

/// The tool under whose name the keys of model providers are kept.
pub const MODELS: &str = "models";

/// Where a debug build of `letsbe-node vault seed` dies once when a test asks for it: before anything was written,
/// and after the vault was saved, while its inbox is still there.
pub const SEED_CRASH_POINTS: [&str; 2] = ["vault.seed.read", "vault.seed.saved"];

impl Vault {
    /// Takes everything in that the vault does not have. What it has stays: after a rotation the inbox may be older.
    /// A value of the inbox that is in force nowhere is kept as a retired one, so that it still leaves nowhere.
    pub fn seed(
        &mut self,
        inbox: &Credentials,
        models: &BTreeMap<String, Secret<String>>,
        random: &mut impl CryptoRng,
        now: DateTime<Utc>,
    ) {
        for (tool, key, value) in inbox.iter() {
            if self.entry(tool, key).is_none() {
                self.put(tool, key, value.clone(), Origin::Made, now);
            } else {
                self.remember(tool, key, value, now);
            }
        }
        for (provider, value) in models {
            self.put(MODELS, provider, value.clone(), Origin::Given, now);
        }
        if self.entry(BACKUP_KEY.0, BACKUP_KEY.1).is_none() {
            self.put(BACKUP_KEY.0, BACKUP_KEY.1, new_key(random), Origin::Made, now);
        }
    }

    /// What [`Vault::seed`] would still take in, by name; empty if nothing.
    #[must_use]
    pub fn unseeded(&self, inbox: &Credentials, models: &BTreeMap<String, Secret<String>>) -> Vec<String> {
        let has = |tool: &str, key: &str| self.entry(tool, key).is_some();
        let credentials = inbox
            .iter()
            .filter(|(tool, key, _)| !has(tool, key))
            .map(|(tool, key, _)| format!("{tool}/{key}"));
        let present = |provider: &str| self.entry(MODELS, provider).map(|entry| &entry.present);
        let models = models.iter().filter(|(provider, value)| present(provider) != Some(value));
        let models = models.map(|(provider, _)| format!("{MODELS}/{provider}"));
        let (tool, key) = BACKUP_KEY;
        let backup = (!has(tool, key)).then(|| format!("{tool}/{key}"));
        credentials.chain(models).chain(backup).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::{SeedableRng as _, rngs::StdRng};

    use crate::{Credentials, Vault, vault::tests::noon};

    #[test]
    fn seeding_again_with_an_older_inbox_changes_nothing_in_force_and_loses_nothing() {
        let mut random = StdRng::seed_from_u64(1);
        let mut inbox = Credentials::default();
        inbox.insert_missing("ghost", "a", "made-1".into());
        let models = BTreeMap::from([("openrouter".to_owned(), "key-1".into())]);
        let mut vault = Vault::default();
        assert_eq!(
            vault.unseeded(&inbox, &models),
            ["ghost/a", "models/openrouter", "backup/repository_key"]
        );
        vault.seed(&inbox, &models, &mut random, noon());
        assert!(vault.unseeded(&inbox, &models).is_empty());
        let once = vault.clone();
        vault.seed(&inbox, &models, &mut random, noon());
        assert_eq!(vault, once);
        assert_eq!(vault.entry("backup", "repository_key").expect("made").present.expose().len(), 64);

        vault.write_ahead("ghost", "a", "made-2".into(), noon()).expect("there");
        assert!(vault.commit("ghost", "a", noon()));
        vault.seed(&inbox, &models, &mut random, noon());
        assert_eq!(vault.entry("ghost", "a").expect("there").present.expose(), "made-2");
        let mut other = Credentials::default();
        other.insert_missing("ghost", "a", "from-somewhere".into());
        vault.seed(&other, &models, &mut random, noon());
        let entry = vault.entry("ghost", "a").expect("there");
        assert_eq!(entry.present.expose(), "made-2");
        assert!(vault.every_value().any(|(_, value)| value.expose() == "from-somewhere"));

        let newer = BTreeMap::from([("openrouter".to_owned(), "key-2".into())]);
        assert_eq!(vault.unseeded(&inbox, &newer), ["models/openrouter"]);
        vault.seed(&inbox, &newer, &mut random, noon());
        assert_eq!(vault.entry("models", "openrouter").expect("there").present.expose(), "key-2");
    }
}
