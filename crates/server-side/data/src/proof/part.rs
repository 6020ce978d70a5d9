//! The proof of a part of the platform: unpacked into a folder, every file compared with the manifest, and what it is for
//! tried: the certificate parses, the vault opens with this server's key.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use letsbe_backup::{BackupSet, FilesFacts, Item, ItemFacts, differences};
use letsbe_types::{Problem, backup::Proof};
use letsbe_vault::{Vault, VaultFiles};
use x509_parser::pem::parse_x509_pem;

use super::night::{OnStage, begun, step};
use crate::{
    backup::{self, listing},
    restore::stage::folders,
};
use letsbe_base::{files, layout::Layout};

/// A part of the platform, unpacked.
struct Unpacked {
    /// Where it was on the server.
    path: PathBuf,
    /// Where it is now.
    folder: PathBuf,
}

/// The folder for all of them. It holds what only root may read, and is removed afterwards.
fn folder(layout: &Layout) -> PathBuf {
    layout.home().join("backups/proof")
}

/// Removes what a kill has left.
pub(super) fn remove_abandoned(layout: &Layout) -> Result<(), Problem> {
    folders::remove(&folder(layout))
}

/// Proves a part of the platform.
pub(super) async fn prove(stage: &OnStage<'_>, set: &BackupSet) -> Proof {
    let mut proof = begun(set);
    let layout = &stage.server.layout;
    let result = async {
        remove_abandoned(layout)?;
        compared(stage, set, &mut proof).await
    };
    proof.problem = result.await.err();
    let began = Instant::now();
    if let Err(problem) = remove_abandoned(layout) {
        tracing::error!("what a proof unpacked is left: {problem}");
    }
    proof.steps.push(step("remove", began));
    proof
}

async fn compared(stage: &OnStage<'_>, set: &BackupSet, proof: &mut Proof) -> Result<(), Problem> {
    let began = Instant::now();
    let manifest = backup::manifest(&stage.source.repository, set).await?;
    let mut unpacked = Vec::new();
    for (item, facts) in &manifest.items {
        let ItemFacts::Files(facts) = facts else {
            proof.differences.push(format!("{item}: a part of the platform has files only"));
            continue;
        };
        let Some(snapshot) = item.parse::<Item>().ok().and_then(|item| set.items.get(&item)) else {
            proof.differences.push(format!("{item}: stands in the manifest, but there is no snapshot of it"));
            continue;
        };
        let folder = folder(&stage.server.layout).join(&set.tool).join(unpacked.len().to_string());
        files::make_folder(&folder)?;
        stage.source.repository.restore(snapshot, &facts.path, &folder).await?;
        unpacked.push((item, facts, Unpacked { path: PathBuf::from(&facts.path), folder }));
    }
    proof.steps.push(step("restore", began));
    let began = Instant::now();
    for (item, facts, unpacked) in &unpacked {
        let found = found(facts, &unpacked.folder)?;
        let different = differences(item, &ItemFacts::Files((*facts).clone()), &ItemFacts::Files(found));
        if different.is_empty() {
            proof.equal.push(format!("{item}: {} files, {} bytes", facts.files, facts.bytes));
        }
        proof.differences.extend(different);
    }
    proof.steps.push(step("compare", began));
    let began = Instant::now();
    let key = VaultFiles::under(&stage.server.layout.root()).key;
    for (_, _, unpacked) in &unpacked {
        for tried in [certificate(unpacked), vault(unpacked, &key)].into_iter().flatten() {
            match tried {
                Ok(line) => proof.equal.push(line),
                Err(line) => proof.differences.push(line),
            }
        }
    }
    proof.steps.push(step("probe", began));
    Ok(())
}

/// The facts of a folder as it lies there now.
fn found(taken: &FilesFacts, folder: &Path) -> Result<FilesFacts, Problem> {
    Ok(listing::facts(Path::new(&taken.path), folders::entries(folder)?))
}

/// Whether the certificate in it is one, where there is one.
fn certificate(unpacked: &Unpacked) -> Option<Result<String, String>> {
    if !unpacked.path.ends_with("etc/letsencrypt") {
        return None;
    }
    let file = std::fs::read(unpacked.folder.join("live/letsbe/fullchain.pem")).ok()?;
    let ends = || {
        let (_, pem) = parse_x509_pem(&file).ok()?;
        Some(pem.parse_x509().ok()?.validity().not_after.timestamp())
    };
    let ends = ends().and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    Some(match ends {
        Some(at) => Ok(format!("the certificate parses, and ends on {}", at.format("%Y-%m-%d"))),
        None => Err("the certificate does not parse".to_owned()),
    })
}

/// Whether the vault in it opens with this server's key.
fn vault(unpacked: &Unpacked, key: &Path) -> Option<Result<String, String>> {
    if !unpacked.path.ends_with("opt/letsbe/state") {
        return None;
    }
    let sealed = unpacked.folder.join("vault.sealed");
    Some(match Vault::open(&VaultFiles { sealed, key: key.to_owned() }) {
        Ok(Some(vault)) => Ok(format!("the vault opens, {} secrets", vault.entries().count())),
        Ok(None) => Err("there is no vault in it".to_owned()),
        Err(error) => Err(format!("the vault does not open: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use chrono::Utc;
    use letsbe_backup::{ItemFacts, differences};
    use letsbe_vault::{Origin, Vault, VaultFiles};

    use super::{Unpacked, certificate, found, vault};

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn every_change_of_an_unpacked_file_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write(&at("sites/ghost.conf"), "server {}");
        std::os::unix::fs::symlink("sites/ghost.conf", at("default")).unwrap();
        let none = letsbe_backup::FilesFacts {
            path: "/opt/letsbe/nginx".to_owned(),
            files: 0,
            bytes: 0,
            listing_sha256: String::new(),
        };
        let taken = found(&none, folder.path()).unwrap();
        assert_eq!((taken.files, taken.bytes), (1, 9));
        let different = || {
            let now = found(&taken, folder.path()).unwrap();
            differences("files:nginx", &ItemFacts::Files(taken.clone()), &ItemFacts::Files(now)).len()
        };
        assert_eq!(different(), 0);
        write(&at("sites/ghost.conf"), "server {  }");
        assert_eq!(different(), 1);
        write(&at("sites/ghost.conf"), "server {}");
        std::fs::remove_file(at("default")).unwrap();
        assert_eq!(different(), 1, "a link is gone");
    }

    #[test]
    fn a_vault_is_proven_by_opening_it_with_this_servers_key() {
        let folder = tempfile::tempdir().unwrap();
        let files = VaultFiles::under(folder.path());
        Vault::update(&files, &mut rand::rng(), |vault| {
            vault.put("ghost", "a", "canary".into(), Origin::Made, Utc::now());
            Ok(())
        })
        .unwrap();
        let unpacked = |path: &str| Unpacked {
            path: PathBuf::from(path),
            folder: files.sealed.parent().unwrap().to_owned(),
        };
        let state = unpacked("/opt/letsbe/state");
        assert_eq!(vault(&state, &files.key), Some(Ok("the vault opens, 1 secrets".to_owned())));
        assert_eq!(vault(&unpacked("/opt/letsbe/env"), &files.key), None, "nothing to try");
        let text = std::fs::read_to_string(&files.sealed).unwrap();
        write(&files.sealed, &text.replace("\"sealed\":\"", "\"sealed\":\"A"));
        write(&files.key, &"0".repeat(64));
        let why = vault(&state, &files.key).unwrap().unwrap_err();
        assert!(why.starts_with("the vault does not open") && !why.contains("canary"), "{why}");
        std::fs::remove_file(&files.sealed).unwrap();
        assert!(vault(&state, &files.key).unwrap().is_err());
    }

    #[test]
    fn a_certificate_is_proven_by_reading_it() {
        let folder = tempfile::tempdir().unwrap();
        let unpacked = Unpacked { path: "/etc/letsencrypt".into(), folder: folder.path().to_owned() };
        assert_eq!(certificate(&unpacked), None, "a server without one");
        write(&folder.path().join("live/letsbe/fullchain.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n");
        assert_eq!(certificate(&unpacked), Some(Err("the certificate does not parse".to_owned())));
    }
}
