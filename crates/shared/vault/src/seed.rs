//! What the vault takes in when a server is set up: the credentials that step 9 made, the keys of model providers,
//! what opens the backups' destination, and the backup's key. Pure; doing it again changes nothing.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use letsbe_types::Secret;
use rand::CryptoRng;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};

use crate::{Credentials, Origin, Vault, VaultError, escrow::BACKUP_KEY, is_weak, seal::new_key};

/// The tool under whose name the keys of model providers are kept.
pub const MODELS: &str = "models";

/// Tool and key of the secret that opens the backups' destination.
pub const DESTINATION_SECRET: (&str, &str) = ("backup", "destination_secret");

/// Secrets that come from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Given {
    /// Key of each model provider.
    #[serde(deserialize_with = "each_once")]
    pub models: BTreeMap<String, Secret<String>>,
    /// What opens the backups' destination; `None` keeps what is there.
    pub destination_secret: Option<Secret<String>>,
}

/// Of a provider that is named twice nobody knows which key is meant.
fn each_once<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeMap<String, Secret<String>>, D::Error> {
    struct Once;
    impl<'de> Visitor<'de> for Once {
        type Value = BTreeMap<String, Secret<String>>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("a key for each provider")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeMap::new();
            while let Some((provider, key)) = map.next_entry::<String, _>()? {
                if all.insert(provider, key).is_some() {
                    return Err(A::Error::custom("a provider is named twice"));
                }
            }
            Ok(all)
        }
    }
    source.deserialize_map(Once)
}

impl Given {
    /// With tool and key.
    fn iter(&self) -> impl Iterator<Item = (&str, &str, &Secret<String>)> {
        let models = self.models.iter().map(|(provider, value)| (MODELS, provider.as_str(), value));
        let (tool, key) = DESTINATION_SECRET;
        models.chain(self.destination_secret.iter().map(move |value| (tool, key, value)))
    }
}

impl Vault {
    /// Takes everything in that the vault does not have. What it has stays: after a rotation the inbox may be older.
    /// A value of the inbox that is in force nowhere is kept as a retired one, so that it still leaves nowhere.
    pub fn seed(
        &mut self,
        inbox: &Credentials,
        given: &Given,
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
        for (tool, key, value) in given.iter() {
            self.put(tool, key, value.clone(), Origin::Given, now);
        }
        if self.entry(BACKUP_KEY.0, BACKUP_KEY.1).is_none() {
            self.put(BACKUP_KEY.0, BACKUP_KEY.1, new_key(random), Origin::Made, now);
        }
    }

    /// Whether [`Vault::seed`] may take in what comes from outside. What is in force already stays, however weak.
    ///
    /// # Errors
    /// When a new value is too easy to guess.
    pub fn check(&self, given: &Given) -> Result<(), VaultError> {
        let is_new = |tool: &str, key: &str, value: &Secret<String>| {
            self.entry(tool, key).is_none_or(|entry| !entry.knows(value))
        };
        let weak = given.iter().find(|(tool, key, value)| is_weak(value) && is_new(tool, key, value));
        weak.map_or(Ok(()), |(tool, key, _)| Err(VaultError::Weak(format!("{tool}/{key}"))))
    }

    /// What [`Vault::seed`] would still take in, by name; empty if nothing.
    #[must_use]
    pub fn unseeded(&self, inbox: &Credentials, given: &Given) -> Vec<String> {
        let has = |tool: &str, key: &str| self.entry(tool, key).is_some();
        let credentials = inbox
            .iter()
            .filter(|(tool, key, _)| !has(tool, key))
            .map(|(tool, key, _)| format!("{tool}/{key}"));
        let present = |tool: &str, key: &str| self.entry(tool, key).map(|entry| &entry.present);
        let given = given.iter().filter(|(tool, key, value)| present(tool, key) != Some(*value));
        let given = given.map(|(tool, key, _)| format!("{tool}/{key}"));
        let (tool, key) = BACKUP_KEY;
        let backup = (!has(tool, key)).then(|| format!("{tool}/{key}"));
        credentials.chain(given).chain(backup).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::{SeedableRng as _, rngs::StdRng};

    use super::Given;
    use crate::{Credentials, Vault, vault::tests::noon};

    #[test]
    fn a_weak_secret_from_outside_is_refused_unless_it_is_in_force() {
        let given = |secret: &str| Given { destination_secret: Some(secret.into()), ..Given::default() };
        let mut vault = Vault::default();
        let refused = vault.check(&given("Sommer2026")).expect_err("weak").to_string();
        assert!(refused.contains("backup/destination_secret") && !refused.contains("Sommer"), "{refused}");
        assert!(vault.check(&given("kT9vQ2xZ7mB4cR8wN1pL6s")).is_ok());
        vault.seed(&Credentials::default(), &given("Sommer2026"), &mut StdRng::seed_from_u64(1), noon());
        assert!(vault.check(&given("Sommer2026")).is_ok());
    }

    #[test]
    fn seeding_again_with_an_older_inbox_changes_nothing_in_force_and_loses_nothing() {
        let mut random = StdRng::seed_from_u64(1);
        let mut inbox = Credentials::default();
        inbox.insert_missing("ghost", "a", "made-1".into());
        let keys = |openrouter: &str| BTreeMap::from([("openrouter".to_owned(), openrouter.into())]);
        let models = Given { models: keys("key-1"), destination_secret: Some("far-1".into()) };
        let mut vault = Vault::default();
        assert_eq!(
            vault.unseeded(&inbox, &models),
            ["ghost/a", "models/openrouter", "backup/destination_secret", "backup/repository_key"]
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

        let newer = Given { models: keys("key-2"), destination_secret: Some("far-2".into()) };
        assert_eq!(vault.unseeded(&inbox, &newer), ["models/openrouter", "backup/destination_secret"]);
        vault.seed(&inbox, &newer, &mut random, noon());
        assert_eq!(vault.entry("models", "openrouter").expect("there").present.expose(), "key-2");
        assert!(vault.unseeded(&inbox, &Given::default()).is_empty(), "nothing said is nothing lost");
        assert_eq!(vault.entry("backup", "destination_secret").expect("there").present.expose(), "far-2");
    }
}
