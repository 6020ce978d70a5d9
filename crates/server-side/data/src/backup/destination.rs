//! Where the copies outside go: kept without its secret in a file, with its secret in the vault.

use chrono::Utc;
use letsbe_backup::Snapshot;
use letsbe_types::{
    Code, Problem, Secret,
    backup::{Destination, Protection},
};
use letsbe_vault::{Origin, Vault, VaultFiles};
use serde_json::{Value, json};

use super::{
    leads,
    repositories::{OpenKey, Repositories, outside},
};
use letsbe_base::{files, output, planned::Planned, server::TenantServer};

/// The vault's entry with what opens the destination.
pub(crate) const SECRET: (&str, &str) = ("backup", "destination_secret");
/// More of standard input is not read.
const INPUT_BYTES: u64 = 1 << 20;

/// The destination that is set, with its secret.
///
/// # Errors
/// BAK006 when the file and the vault do not make one up.
pub(crate) fn read(server: &TenantServer) -> Result<Option<Destination>, Problem> {
    let Some(mut kept) = files::read_json::<Value>(&server.layout.state("destination.json"))? else {
        return Ok(None);
    };
    let vault = server.vault()?;
    let secret = vault.entry(SECRET.0, SECRET.1).ok_or_else(|| damaged("the vault has no secret for it"))?;
    let field = secret_field(&kept).ok_or_else(|| damaged("its kind is not known"))?;
    kept[field] = json!(secret.present.expose());
    // What serde says about a value quotes it: only the place is told.
    serde_json::from_value(kept).map(Some).map_err(|_| damaged("a field is missing or wrong"))
}

/// Keeps another destination from now on.
///
/// # Errors
/// When the vault or the file cannot be written.
pub(crate) fn write(server: &TenantServer, destination: &Destination) -> Result<(), Problem> {
    let path = server.layout.state("destination.json");
    let mut kept = serde_json::to_value(destination).map_err(|error| files::unusable(&path, error))?;
    let field = secret_field(&kept).ok_or_else(|| damaged("its kind is not known"))?;
    kept[field] = json!("");
    let secret = match destination {
        Destination::S3(s3) => s3.secret_access_key.clone(),
        Destination::Rclone(rclone) => rclone.configuration.clone(),
    };
    Vault::update(&VaultFiles::under(&server.layout.root()), &mut rand::rng(), |vault| {
        vault.put(SECRET.0, SECRET.1, secret, Origin::Given, Utc::now());
        Ok(())
    })?;
    files::write_json(&path, &kept)
}

/// The field of a destination that is its secret.
fn secret_field(destination: &Value) -> Option<&'static str> {
    match destination.get("kind")?.as_str()? {
        "s3" => Some("secret_access_key"),
        "rclone" => Some("configuration"),
        _ => None,
    }
}

fn damaged(why: &str) -> Problem {
    Problem::permanent(
        Code::BAK006,
        format!("The destination of the backups cannot be used: {why}"),
        "Set it again: `letsbe-node backup destination set`, or change it in the Hub.",
    )
}

/// Prints the destination, without its secret.
///
/// # Errors
/// When it cannot be read.
pub(super) fn show(server: &TenantServer, json: bool) -> Result<(), Problem> {
    let destination = read(server)?;
    let value = destination.as_ref().map_or(json!({ "destination": null }), |destination| {
        json!({
            "destination": destination.place(),
            "kind": kind(destination),
            "protection": destination.protection(),
        })
    });
    output::print(json, &value, || match &destination {
        None => vec!["none: backups stay on this server only, and are lost with it".to_owned()],
        Some(destination) => vec![
            format!("{} {}", kind(destination), destination.place()),
            protection(destination.protection()),
        ],
    })
}

/// Sets another destination, after it was reached with what opens it.
///
/// # Errors
/// When standard input holds none, or it cannot be reached; the present one stays then.
pub(super) async fn set(server: &TenantServer, planned: Planned) -> Result<(), Problem> {
    use std::io::Read as _;
    let refused = |why: String| {
        Problem::permanent(
            Code::BAK023,
            format!("What was given is no destination: {why}"),
            "Give one as JSON: kind s3 with endpoint, region, bucket, prefix, access_key_id, \
             secret_access_key, protection; or kind rclone with remote, path, configuration.",
        )
    };
    let mut text = String::new();
    let input = std::io::stdin().lock();
    input.take(INPUT_BYTES).read_to_string(&mut text).map_err(|error| refused(error.to_string()))?;
    let text = Secret::new(text);
    let destination: Destination = serde_json::from_str(text.expose())
        .map_err(|error| refused(format!("line {}, column {}", error.line(), error.column())))?;
    leads::written(&destination)?;
    leads::resolve(&destination).await?;
    let done = if planned.plan {
        let present = OpenKey::open(server)?;
        let far = outside(server, &present, &destination)?;
        far.reach().await?;
        let there = found(far.snapshots().await)?;
        format!("reached ({there}; whether it can be written to was not tried), and would be set")
    } else {
        prove_and_set(server, &destination).await?;
        "reached and set".to_owned()
    };
    output::print(false, &(), || {
        vec![format!("{done}: {}", destination.place()), protection(destination.protection())]
    })
}

/// What is at a destination, in words, by what reading it answered.
fn found(snapshots: Result<Vec<Snapshot>, Problem>) -> Result<String, Problem> {
    match snapshots {
        Ok(snapshots) => {
            Ok(format!("this server's key opens the repository there, of {} snapshots", snapshots.len()))
        }
        Err(problem) if problem.code == Code::REPO003 => Ok("no repository is there yet".to_owned()),
        Err(problem) => Err(problem),
    }
}

/// Reaches a destination, makes the repository there if there is none, and keeps it.
///
/// # Errors
/// When it cannot be reached, or holds a repository that this server's key does not open.
pub(crate) async fn prove_and_set(server: &TenantServer, destination: &Destination) -> Result<(), Problem> {
    let present = Repositories::open(server).await?;
    reach(server, present.key(), destination, &present.local).await?;
    write(server, destination)
}

async fn reach(
    server: &TenantServer,
    key: &OpenKey,
    destination: &Destination,
    local: &letsbe_backup::Repository,
) -> Result<(), Problem> {
    let far = outside(server, key, destination)?;
    far.reach().await?;
    far.ensure(Some(local)).await?;
    far.snapshots().await.map(drop)
}

/// What kind it is, in a word.
const fn kind(destination: &Destination) -> &'static str {
    match destination {
        Destination::S3(_) => "S3",
        Destination::Rclone(_) => "rclone",
    }
}

/// What the far side does against whoever holds this server's credentials, in words.
pub(super) fn protection(protection: Protection) -> String {
    match protection {
        Protection::Locked { days } => {
            format!("protected: what these credentials delete stays recoverable for {days} days")
        }
        Protection::Versioned => {
            "versions are kept but not locked: whoever may remove versions can destroy them".to_owned()
        }
        Protection::Unprotected => {
            "UNPROTECTED: whoever has this server's credentials can delete these backups for good".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::{Code, Problem};

    use super::found;

    #[test]
    fn a_plan_tells_a_repository_of_another_key_from_none() {
        let failed = |code| found(Err(Problem::permanent(code, "m", "h")));
        assert_eq!(
            found(Ok(Vec::new())).unwrap(),
            "this server's key opens the repository there, of 0 snapshots"
        );
        assert_eq!(failed(Code::REPO003).unwrap(), "no repository is there yet");
        assert_eq!(failed(Code::REPO002).unwrap_err().code, "REPO002");
    }
}
