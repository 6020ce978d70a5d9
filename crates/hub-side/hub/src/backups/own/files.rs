//! The Hub's files beside its database: which, and copying them.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{ManifestFile, new_file};
use crate::config::{HubConfig, ServersConfig};

/// No file of the Hub's is larger; the bundle and the catalog are part of the release.
const BYTES_MAX: u64 = 16 << 20;

/// Everything that a Hub needs and that is not in the release: settings, keys, files of running jobs.
pub(super) fn wanted(config: &HubConfig, config_file: &Path) -> io::Result<Vec<PathBuf>> {
    let key = &config.provisioning.private_key;
    let mut files = vec![
        config_file.to_owned(),
        config.stripe.webhook_secret_file.clone(),
        config.mail.smtp_url_file.clone(),
        key.clone(),
        key.with_added_extension("pub"),
    ];
    files.extend(config.database_password_file.clone());
    if let ServersConfig::Netcup { refresh_token_file, .. } = &config.servers {
        files.push(refresh_token_file.clone());
    }
    for provider in config.models.iter().flat_map(|models| &models.providers) {
        files.extend(provider.key_file.clone());
        files.extend(provider.roots_pem_file.clone());
    }
    if let Some(s3) = &config.backups.s3 {
        files.extend([s3.access_key_id_file.clone(), s3.secret_access_key_file.clone()]);
    }
    if let Some(hub) = &config.backups.hub {
        files.extend(hub.files.values().cloned());
    }
    below(&config.data_folder.join("jobs"), &mut files)?;
    let mut files: Vec<PathBuf> = files.iter().map(|path| absolute(path)).collect::<io::Result<_>>()?;
    files.sort();
    files.dedup();
    Ok(files)
}

/// Files in a folder and those below it; a folder that goes meanwhile had a job that ended.
fn below(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            below(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Copies a file into the backup; `None` for one that is not there (any more).
pub(super) fn keep(path: &Path, staging: &Path, stored: String) -> io::Result<Option<ManifestFile>> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let facts = file.metadata()?;
    if facts.len() > BYTES_MAX {
        return Err(io::Error::other("it is too large for a file of the Hub's"));
    }
    let mut content = zeroize::Zeroizing::new(Vec::new());
    (&mut file).take(BYTES_MAX).read_to_end(&mut content)?;
    new_file(&staging.join(&stored), 0o600)?.write_all(&content)?;
    let sha256 = hex::encode(Sha256::digest(content.as_slice()));
    Ok(Some(ManifestFile { path: path.to_owned(), stored, mode: facts.permissions().mode() & 0o777, sha256 }))
}

pub(super) fn sha256(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex::encode(hash.finalize())),
            read => hash.update(&piece[..read]),
        }
    }
}

/// Whole or not at all.
pub(super) fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let fresh = path.with_added_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = new_file(&fresh, 0o600)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

pub(super) fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}
