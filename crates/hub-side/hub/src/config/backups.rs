//! `[backups]`: where tenants' copies go, and the Hub's own.

use std::{collections::BTreeMap, path::PathBuf};

use letsbe_buckets::checked_address;
use serde::Deserialize;

/// Where backups go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupsConfig {
    /// The service at which each tenant gets a bucket.
    #[serde(default)]
    pub s3: Option<S3Config>,
    /// The repository of the Hub's own backup; without it the Hub is not backed up by itself.
    #[serde(default)]
    pub hub: Option<HubBackupConfig>,
}

/// An S3 service, opened with the operator's account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// Base address, `https://…`; `http://` only for private addresses.
    pub endpoint: String,
    /// Region, as the service names it.
    pub region: String,
    /// Base address of its IAM; the same address unless given.
    #[serde(default)]
    pub iam_endpoint: Option<String>,
    /// Region that requests to IAM are signed for; the same region unless given.
    #[serde(default)]
    pub iam_region: Option<String>,
    /// File with the id of the operator's key.
    pub access_key_id_file: PathBuf,
    /// File with its secret half (mode 0600).
    pub secret_access_key_file: PathBuf,
    /// What the names of buckets begin with: a-z, 0-9 and -, at most 30 characters.
    pub bucket_prefix: String,
    /// How many days what a tenant deletes is kept, whoever asks for it to go.
    #[serde(default = "lock_days")]
    pub lock_days: u32,
    /// Who makes tenants' keys.
    pub keys: KeysFrom,
    /// Seconds between two counts of what is in tenants' buckets.
    #[serde(default = "count_every")]
    pub count_every: u32,
}

/// Who makes tenants' keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeysFrom {
    /// The service's IAM, asked by the Hub.
    Iam,
    /// A person, in the service's own console: `letsbe backups destination`.
    ByHand,
}

const fn lock_days() -> u32 {
    35
}

const fn count_every() -> u32 {
    3_600
}

/// Where the Hub itself is backed up to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubBackupConfig {
    /// A repository as restic names it: a folder, `s3:https://…`, `rclone:…`.
    pub repository: String,
    /// File with the repository's password (mode 0600). Keep a copy elsewhere: without it the backup opens nowhere.
    pub password_file: PathBuf,
    /// Files that restic needs to reach the repository, each as the variable that names it, for example
    /// `AWS_SHARED_CREDENTIALS_FILE` or `RCLONE_CONFIG`.
    #[serde(default)]
    pub files: BTreeMap<String, PathBuf>,
}

impl BackupsConfig {
    pub(super) fn problem(&self) -> Option<String> {
        let hub = self.hub.as_ref().and_then(|hub| {
            let known = ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "RCLONE_CONFIG"];
            let wrong = hub.files.keys().find(|name| !known.contains(&name.as_str()))?;
            Some(format!("backups.hub.files: {wrong:?} is none of {}", known.join(", ")))
        });
        hub.or_else(|| self.s3.as_ref().and_then(S3Config::problem))
    }
}

impl S3Config {
    /// Every bucket's name ends in the 32 digits of its order's id, and has at most 63 characters.
    fn problem(&self) -> Option<String> {
        let addresses = [Some(&self.endpoint), self.iam_endpoint.as_ref()];
        let wrong = addresses.into_iter().flatten().find_map(|address| checked_address(address).err());
        if let Some(wrong) = wrong {
            return Some(format!("backups.s3: {wrong}"));
        }
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let prefix = self.bucket_prefix.as_bytes();
        let begins = prefix.first().is_some_and(u8::is_ascii_lowercase);
        if prefix.len() > 30 || !begins || !prefix.iter().all(|b| good(*b)) || prefix.ends_with(b"-") {
            return Some("backups.s3.bucket_prefix: write a-z, 0-9 and -, at most 30 characters".to_owned());
        }
        if self.lock_days == 0 || self.lock_days > 3_650 {
            return Some("backups.s3.lock_days: write 1 to 3650".to_owned());
        }
        (self.count_every < 60).then(|| "backups.s3.count_every: write at least 60 seconds".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::HubConfig;

    #[test]
    fn the_example_of_backups_is_accepted_and_what_cannot_work_is_refused_by_name() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/hub.example.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let (before, rest) = text.split_once("# [backups.s3]").unwrap();
        let (backups, after) = rest.split_once("# The end of the backups.").unwrap();
        // The example stands in comments; explanations among them stay comments.
        let setting =
            |line: &&str| line.contains(" = ") && !line.contains(": iam_endpoint") || line.starts_with("# [");
        let lines = backups.lines().filter(setting).map(|line| line.trim_start_matches("# "));
        let backups = format!("[backups.s3]\n{}\n", lines.collect::<Vec<_>>().join("\n"));
        let folder = tempfile::tempdir().unwrap();
        let load = |backups: &str| {
            let file = folder.path().join("hub.toml");
            std::fs::write(&file, format!("{before}{backups}{after}")).unwrap();
            HubConfig::load(&file).map_err(|error| error.to_string())
        };
        let config = load(&backups).unwrap_or_else(|error| panic!("{error}\n{backups}"));
        assert_eq!(config.backups.s3.unwrap().lock_days, 35);
        assert_eq!(config.backups.hub.unwrap().files.len(), 1);
        for (part, other, named) in [
            ("https://s3.example.com\"\nregion", "http://s3.example.com\"\nregion", "https://"),
            ("bucket_prefix = \"letsbe\"", "bucket_prefix = \"Lets_be\"", "bucket_prefix"),
            ("lock_days = 35", "lock_days = 0", "lock_days"),
            ("count_every = 3600", "count_every = 1", "count_every"),
            ("\"iam\"", "\"magic\"", "magic"),
            ("AWS_SHARED_CREDENTIALS_FILE", "LD_PRELOAD", "LD_PRELOAD"),
        ] {
            assert!(backups.contains(part), "{part}");
            let refused = load(&backups.replacen(part, other, 1)).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
    }
}
