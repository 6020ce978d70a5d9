//! What `letsbe provision` is told about backups: where copies go, and what a lost server is brought back from.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::Args;
use letsbe_types::{Secret, backup::Destination, job::RestoreFrom};
use letsbe_vault::{EscrowKeys, open_escrow};

use super::text;

#[derive(Args)]
pub(crate) struct RecoveryArguments {
    /// File with where backups go outside the server, as JSON.
    #[arg(long)]
    backups: Option<PathBuf>,
    /// Bring a lost server back onto this one.
    #[arg(long, requires_all = ["source", "age_identity", "sealed"])]
    restore: bool,
    /// File with where the lost server's backups are, as JSON.
    #[arg(long, requires = "restore")]
    source: Option<PathBuf>,
    /// File with the age identity of somebody who can open the escrow; it stays here.
    #[arg(long, requires = "restore")]
    age_identity: Option<PathBuf>,
    /// File with the keys in escrow (`letsbe tenants escrow`).
    #[arg(long, requires = "restore")]
    sealed: Option<PathBuf>,
    /// The newest data before this moment, for example `2026-11-21T02:00:00Z`.
    #[arg(long, requires = "restore")]
    at: Option<DateTime<Utc>>,
    /// Read the backups as they were at this moment, after somebody deleted what they could.
    #[arg(long, requires = "restore")]
    as_of: Option<DateTime<Utc>>,
}

impl RecoveryArguments {
    /// Where copies go: where it is said, else where the lost server's went.
    pub(super) fn backups(&self) -> anyhow::Result<Option<Destination>> {
        self.backups.as_deref().or(self.source.as_deref()).map(destination).transpose()
    }

    /// What the server is brought back from, if it is.
    pub(super) fn restore(&self) -> anyhow::Result<Option<RestoreFrom>> {
        let source = self.source.as_deref().filter(|_| self.restore).map(destination).transpose()?;
        Ok(source.map(|source| RestoreFrom { source, at: self.at, as_of: self.as_of }))
    }

    /// The keys from the escrow, opened here. They travel sealed to the server only.
    pub(super) fn keys(&self) -> anyhow::Result<Option<EscrowKeys>> {
        let (Some(identity), Some(sealed)) = (&self.age_identity, &self.sealed) else { return Ok(None) };
        let identity = Secret::new(text(identity)?);
        let keys = open_escrow(&text(sealed)?, &identity);
        keys.map(Some).with_context(|| format!("{} and {}", sealed.display(), self.identity_name()))
    }

    fn identity_name(&self) -> String {
        self.age_identity.as_deref().unwrap_or(Path::new("")).display().to_string()
    }
}

/// The error's own words could quote what opens it.
fn destination(path: &Path) -> anyhow::Result<Destination> {
    let content = Secret::new(text(path)?);
    serde_json::from_str(content.expose()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        anyhow::anyhow!("{} is no backup destination: line {line}, column {column}", path.display())
    })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use clap::Parser;
    use letsbe_types::backup::Destination;
    use letsbe_vault::{
        EscrowKeys,
        escrow::{new_identity, recipient_of},
        seal_keys,
    };

    use super::RecoveryArguments;

    #[derive(Parser)]
    struct Told {
        #[command(flatten)]
        recovery: RecoveryArguments,
    }

    fn told(words: &[&str]) -> Result<RecoveryArguments, String> {
        let all = ["letsbe"].iter().chain(words);
        Told::try_parse_from(all).map(|told| told.recovery).map_err(|error| error.to_string())
    }

    fn write(folder: &Path, name: &str, content: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    const S3: &str = r#"{"kind":"s3","endpoint":"https://s3.example","region":"eu","bucket":"b","prefix":"p",
        "access_key_id":"id","secret_access_key":"canary","protection":{"is":"versioned"}}"#;

    #[test]
    fn a_lost_server_is_brought_back_only_with_everything_that_it_takes() {
        let folder = tempfile::tempdir().unwrap();
        let identity = new_identity();
        let keys = EscrowKeys { registry_key: "ab".repeat(32).as_str().into(), backup_key: "canary".into() };
        let sealed = seal_keys(&keys, &recipient_of(&identity).unwrap()).unwrap();
        let (source, identity, sealed) = (
            write(folder.path(), "source.json", S3).display().to_string(),
            write(folder.path(), "identity", identity.expose()).display().to_string(),
            write(folder.path(), "escrow.age", &sealed).display().to_string(),
        );
        let whole = [
            "--restore",
            "--source",
            &source,
            "--age-identity",
            &identity,
            "--sealed",
            &sealed,
            "--at",
            "2026-11-21T02:00:00Z",
        ];
        let recovery = told(&whole).unwrap();
        assert_eq!(recovery.keys().unwrap(), Some(keys));
        let restore = recovery.restore().unwrap().unwrap();
        assert!(restore.at.is_some() && restore.as_of.is_none());
        assert_eq!(recovery.backups().unwrap(), Some(restore.source));
        assert!(told(&whole[..5]).is_err() && told(&whole[1..]).is_err(), "half of it is refused");
        let plain = told(&["--backups", &source]).unwrap();
        assert!(matches!(plain.backups().unwrap(), Some(Destination::S3(_))));
        assert!(plain.restore().unwrap().is_none() && plain.keys().unwrap().is_none());
    }

    #[test]
    fn a_destination_that_cannot_be_read_is_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "bad.json", &S3.replace("\"canary\"", "[\"canary\"]"));
        let refused = told(&["--backups", &path.display().to_string()]).unwrap().backups().unwrap_err();
        let words = format!("{refused:#}");
        assert!(words.contains("bad.json") && !words.contains("canary"), "{words}");
    }
}
