//! The vault first: without it no tool would know its own database. Then the certificates, so that nobody has to be
//! asked for new ones while DNS still points at the lost server.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use chrono::{DateTime, Utc};
use letsbe_backup::{BackupSet, Item, Manifest, selection::choose};
use letsbe_host::{Command, LocalMachine, Machine as _};
use letsbe_stacks::backups::RecoveryRecord;
use letsbe_types::{
    Code, Problem,
    clock::milliseconds,
    crash,
    job::{DesiredServer, RestoreFrom, RestoredTool},
    paths::STATE,
};
use letsbe_vault::{EscrowKeys, REGISTRY_KEY_FILE, VAULT_FILE, Vault, VaultFiles};
use serde_json::Value;

use super::{
    bring_folder, day, manifest, points, read_record,
    source::{Source, remove},
    unusable, wish, write_record,
};
use crate::run::keys;
use letsbe_base::{files, layout::Layout};

/// The set with vault and records, and the one with the certificates.
const LETSBE: &str = "letsbe";
const NGINX: &str = "nginx";
const CERTIFICATES: &str = "/etc/letsencrypt";
const LOGS: &str = "/var/log/letsbe";

/// What of the lost server's records is the tenant's and not the machine's. Everything else is made anew here: the
/// identity, the agent's key, what was under way, what was told or allowed already.
const COMES_BACK: [&str; 6] =
    ["pins.json", "models.json", "token-pool", "tokens.jsonl", "rotation.json", "updates.json"];

/// Brings vault, records and certificates back, once.
pub(super) async fn bring_back(
    layout: &Layout,
    desired: &DesiredServer,
    restore: &RestoreFrom,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let vault = Vault::open(&VaultFiles::under(&layout.root()));
    if read_record(layout)?.is_some() && matches!(vault, Ok(Some(_))) {
        return keys::forget(layout);
    }
    let keys = keys::received(layout)?;
    refuse_another_vault(layout, &keys)?;
    let source = Source::prepare(layout, restore, &keys.backup_key).await?;
    let mut record = RecoveryRecord { began_at: now, back: Vec::new(), without_data: [].into() };

    let began = Instant::now();
    let set = choose(&source.sets, LETSBE, wish(restore), day)?;
    let known = manifest(&source.repository, set).await?;
    // As private as what is in it.
    let staged = layout.home().join("backups/recovery");
    bring_folder(&source, (set, &known), &item(STATE), &staged).await?;
    refuse_another_customer(desired, &staged)?;
    let sealed = files::read(&staged.join("vault.sealed"))?;
    let sealed = sealed.ok_or_else(|| unusable(set, "it does not hold the vault"))?;
    records(layout, &keys, &sealed, &staged)?;
    remove(&staged)?;
    if let Err(problem) = logs(layout, &source, (set, &known)).await {
        record.without_data.insert("logs".to_owned(), problem.message);
    }
    record.back.push(back(set, &known, began));

    let began = Instant::now();
    match choose(&source.sets, NGINX, wish(restore), day) {
        Ok(set) => {
            let known = manifest(&source.repository, set).await?;
            bring_folder(&source, (set, &known), &item(CERTIFICATES), &staged).await?;
            certificates(layout, &staged).await?;
            remove(&staged)?;
            record.back.push(back(set, &known, began));
        }
        // New certificates can be had, if DNS points here already.
        Err(problem) => drop(record.without_data.insert(NGINX.to_owned(), problem.message)),
    }
    write_record(layout, &record)?;
    crash::point(&points::PLATFORM_BACK);
    keys::forget(layout)
}

fn back(set: &BackupSet, manifest: &Manifest, began: Instant) -> RestoredTool {
    RestoredTool {
        tool: set.tool.clone(),
        set: set.id,
        taken_at: set.taken_at,
        rows: manifest.rows(),
        files: manifest.files(),
        milliseconds: milliseconds(began.elapsed()),
    }
}

/// A vault that is here already must be one that a killed attempt has written.
fn refuse_another_vault(layout: &Layout, keys: &EscrowKeys) -> Result<(), Problem> {
    let path = under(layout, VAULT_FILE);
    let Some(sealed) = files::read(&path)? else { return Ok(()) };
    let sealed = String::from_utf8_lossy(&sealed);
    Vault::unseal(&sealed, keys.registry_key.expose()).map(drop).map_err(|error| {
        Problem::permanent(
            Code::NODE087,
            format!("This server has a vault that the escrow's key does not open: {error}"),
            "It is another server, or was set up anew. Nothing was replaced. Bring the lost one back onto a fresh server.",
        )
    })
}

/// The item of a set that holds a folder of the server.
fn item(path: &str) -> Item {
    Item::Files(path.trim_start_matches('/').replace('/', "_"))
}

/// Puts key, vault and records in their places, after the vault was opened.
fn records(layout: &Layout, keys: &EscrowKeys, sealed: &[u8], staged: &Path) -> Result<(), Problem> {
    let vault = Vault::unseal(&String::from_utf8_lossy(sealed), keys.registry_key.expose())?;
    tracing::info!(secrets = vault.entries().count(), "the vault of the lost server opens");
    // The key first: a vault without its key stops everything, a key without its vault nothing.
    let key = format!("{}\n", keys.registry_key.expose().trim_end());
    files::write(&under(layout, REGISTRY_KEY_FILE), key.as_bytes())?;
    files::write(&under(layout, VAULT_FILE), sealed)?;
    crash::point(&points::VAULT_WRITTEN);
    for name in COMES_BACK {
        let (from, to) = (staged.join(name), layout.state(name));
        if from.is_file() {
            fs::copy(&from, &to).map_err(|error| files::unusable(&to, error))?;
        }
    }
    Ok(())
}

/// Puts the lost server's logs beside this one's: neither writes over the other's lines, and the chain of hashes in each
/// still holds. Sets of earlier releases have none.
async fn logs(
    layout: &Layout,
    source: &Source,
    (set, manifest): (&BackupSet, &Manifest),
) -> Result<(), Problem> {
    let item = item(LOGS);
    if !set.items.contains_key(&item) {
        return Ok(());
    }
    let folder = format!("before-{}", set.taken_at.format("%Y%m%dT%H%M%SZ"));
    bring_folder(source, (set, manifest), &item, &layout.audit_log().with_file_name(folder)).await
}

/// Copies whole certificates among what certbot has made here already.
async fn certificates(layout: &Layout, staged: &Path) -> Result<(), Problem> {
    let target = under(layout, CERTIFICATES);
    fs::create_dir_all(&target).map_err(|error| files::unusable(&target, error))?;
    let whole = staged.join(".");
    let paths = [whole.as_path(), target.as_path()].map(|path| path.to_string_lossy().into_owned());
    let fixed = ["--archive", "--remove-destination"].map(str::to_owned);
    let copied = LocalMachine.run(&Command::new("cp", fixed.into_iter().chain(paths))).await;
    match copied.map_err(|error| files::unusable(&target, error))? {
        output if output.success() => Ok(()),
        output => Err(files::unusable(&target, output.tail())),
    }
}

/// The wrong bucket or prefix must not give a customer another one's data.
fn refuse_another_customer(desired: &DesiredServer, staged: &Path) -> Result<(), Problem> {
    let lost: Value = files::read_json(&staged.join("server.json"))?.unwrap_or_default();
    match lost.get("domain").and_then(Value::as_str) {
        Some(domain) if domain == desired.domain.as_str() => Ok(()),
        found => Err(Problem::permanent(
            Code::NODE088,
            format!(
                "The backups are of {}, not of {}",
                found.unwrap_or("a server without a domain"),
                desired.domain
            ),
            "Give the destination (bucket, prefix) of the server that was lost. Nothing was brought back.",
        )),
    }
}

fn under(layout: &Layout, path: &str) -> PathBuf {
    layout.root().join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
#[path = "../../../../backup/tests/repository/webdav.rs"]
mod webdav;
