//! The files that make up the SSH server's configuration, found as sshd finds them.

use std::collections::BTreeSet;

use letsbe_types::Problem;

use super::ssh_settings::DROP_IN;
use crate::{
    facts::{
        names_in,
        sshd_config::{ConfigFile, Include, Place, fits, includes},
        text_of,
    },
    machine::Machine,
};

pub(super) const SSHD_CONFIG: &str = "/etc/ssh/sshd_config";
/// More files than this are not read.
const FILES_MAX: usize = 64;

/// The main file, those that it includes, and those that these include, but for our own.
///
/// # Errors
/// When one of them cannot be read.
pub async fn config_files(machine: &dyn Machine) -> Result<Vec<ConfigFile>, Problem> {
    let mut files: Vec<ConfigFile> = Vec::new();
    let mut waiting = vec![(SSHD_CONFIG.to_owned(), Place::Before)];
    while let Some((path, place)) = waiting.pop() {
        let text = if let Some(known) = files.iter_mut().find(|file| file.path == path) {
            if !known.places.insert(place) {
                continue;
            }
            known.text.clone()
        } else {
            if path == DROP_IN || files.len() >= FILES_MAX {
                continue;
            }
            let Some(text) = text_of(machine, &path).await? else { continue };
            files.push(ConfigFile { path, text: text.clone(), places: BTreeSet::from([place]) });
            text
        };
        for Include { pattern, place } in includes(&text, place, DROP_IN) {
            let beside_ours = place == Place::Before && fits(&pattern, DROP_IN);
            waiting.extend(expanded(machine, &pattern).await?.into_iter().map(|path| {
                // The files of one pattern are read by their names.
                let after = beside_ours && path.as_str() > DROP_IN;
                (path, if after { Place::After } else { place })
            }));
        }
    }
    files.sort_by(|one, other| {
        (one.path != SSHD_CONFIG, &one.path).cmp(&(other.path != SSHD_CONFIG, &other.path))
    });
    Ok(files)
}

/// The paths that a pattern stands for, part by part.
async fn expanded(machine: &dyn Machine, pattern: &str) -> Result<Vec<String>, Problem> {
    let mut paths = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut longer = Vec::new();
        for path in paths.into_iter().take(FILES_MAX) {
            if part.contains(['*', '?', '[']) {
                let names = names_in(machine, if path.is_empty() { "/" } else { &path }).await?;
                longer.extend(
                    names.iter().filter(|name| fits(part, name)).map(|name| format!("{path}/{name}")),
                );
            } else {
                longer.push(format!("{path}/{part}"));
            }
        }
        paths = longer;
    }
    Ok(paths)
}
