//! Backups on a server that is provisioned: the nightly timer and where copies go (step 10), a look at all of it (step
//! 11); and what is brought back when the server stands in for one that was lost.
//!
//! It must never write the destination's secret into a file of its own, take a destination away because nothing was
//! said about it, or put anything in the place of a vault that is there.

mod configured;
mod ready;
mod recovery;
pub mod sandbox;

use letsbe_types::{Secret, backup::Destination};

pub(crate) use configured::BackupsConfigured;
pub(crate) use ready::BackupsReady;
pub(crate) use recovery::{KeysReceived, RecoveryComplete, ToolsRestored, VaultRestored, is_back};
pub use recovery::{OPENCLAW, RecoveryRecord, age};

/// The restic program of the installed bundle.
pub const RESTIC: &str = "/opt/letsbe/bundle/programs/restic";
/// The rclone program of the installed bundle.
pub const RCLONE: &str = "/opt/letsbe/bundle/programs/rclone";
/// Where copies go, without the secret that opens it.
pub const DESTINATION: &str = "/opt/letsbe/state/destination.json";
/// What was brought back to this server, if anything was.
pub const RECOVERY_RECORD: &str = "/opt/letsbe/state/recovery.json";
/// The keys from the escrow, in memory, until the vault is restored.
pub const RECOVERY_KEYS: &str = "/run/letsbe/recovery-keys.json";

/// A destination without the secret that opens it, and that secret (for the vault's `backup/destination_secret`).
#[must_use]
pub fn without_secret(destination: &Destination) -> (Destination, Secret<String>) {
    let mut bare = destination.clone();
    let secret = match &mut bare {
        Destination::S3(s3) => &mut s3.secret_access_key,
        Destination::Rclone(rclone) => &mut rclone.configuration,
    };
    let secret = std::mem::replace(secret, Secret::new(String::new()));
    (bare, secret)
}

#[cfg(test)]
pub(crate) mod tests {
    use letsbe_types::backup::{Destination, RcloneDestination, S3Destination};

    use super::without_secret;

    pub(crate) fn destination() -> Destination {
        let json = serde_json::json!({
            "kind": "s3",
            "endpoint": "https://s3.example",
            "region": "eu",
            "bucket": "backups",
            "prefix": "tenant-1",
            "access_key_id": "id",
            "secret_access_key": "canary-secret",
            "protection": { "is": "locked", "days": 30 },
        });
        serde_json::from_value(json).expect("valid")
    }

    #[test]
    fn a_destination_is_parted_from_its_secret_and_nothing_else() {
        let (bare, secret) = without_secret(&destination());
        assert_eq!(secret.expose(), "canary-secret");
        let Destination::S3(bare) = bare else { panic!("the same kind") };
        let Destination::S3(whole) = destination() else { panic!("s3") };
        assert_eq!(S3Destination { secret_access_key: "canary-secret".into(), ..bare }, whole);
        let rclone = RcloneDestination {
            remote: "box".to_owned(),
            path: "a".to_owned(),
            configuration: "[box]\ntype = local\n".into(),
        };
        let (bare, secret) = without_secret(&Destination::Rclone(rclone));
        assert_eq!(secret.expose(), "[box]\ntype = local\n");
        assert!(matches!(bare, Destination::Rclone(bare) if bare.configuration.expose().is_empty()));
    }
}
