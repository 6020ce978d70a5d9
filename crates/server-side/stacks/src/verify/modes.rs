//! `secrets.private`: files with secrets can be read by root alone, and what carried secrets on their way is gone.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use letsbe_host::{Assessment, Converge, Machine};
use letsbe_types::{Code, Problem, job::DesiredServer, paths};
use letsbe_vault::{CREDENTIALS_FILE, REGISTRY_KEY_FILE, VAULT_FILE};

use super::{STEP, failed};
use crate::{Deployment, read_file};

pub(super) struct SecretsPrivate {
    pub(super) deployment: Arc<Deployment>,
}

/// Files that carried secrets on their way into the vault.
const EMPTIED: [&str; 2] = [paths::CONFIGURATION, CREDENTIALS_FILE];

/// Mode and owner of each file, `None` where there is none; and files that should be gone.
pub(super) struct Facts {
    files: Vec<(PathBuf, Option<(u32, u32)>)>,
    left_over: Vec<&'static str>,
}

#[async_trait]
impl Converge for SecretsPrivate {
    type Facts = Facts;
    const NAME: &'static str = "secrets.private";
    const STEP: u8 = STEP;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Facts, Problem> {
        let mut wanted = vec![PathBuf::from(VAULT_FILE), PathBuf::from(REGISTRY_KEY_FILE)];
        for tool in self.deployment.all() {
            let folder = paths::stack(tool.name.as_str());
            wanted.extend(tool.env.keys().chain(tool.secret_files.keys()).map(|name| folder.join(name)));
        }
        let mut files = Vec::new();
        for path in wanted {
            let state = read_file(machine, &path).await?;
            files.push((path, state.map(|state| (state.mode, state.uid))));
        }
        let mut left_over = Vec::new();
        for path in EMPTIED {
            if read_file(machine, path).await?.is_some() {
                left_over.push(path);
            }
        }
        Ok(Facts { files, left_over })
    }

    fn converge(&self, facts: &Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        judge(facts)
    }
}

fn judge(facts: &Facts) -> Result<Assessment, Problem> {
    let wrong = |(path, state): &(PathBuf, Option<(u32, u32)>)| {
        let what = match state {
            None => "is missing".to_owned(),
            Some((0o600, 0)) => return None,
            Some((mode, uid)) => format!("has mode {mode:04o} and owner {uid}"),
        };
        Some(format!("{} {what}", path.display()))
    };
    let mut broken: Vec<String> = facts.files.iter().filter_map(wrong).collect();
    broken.extend(facts.left_over.iter().map(|path| format!("{path} still exists")));
    if broken.is_empty() {
        let why = format!("{} files with secrets have mode 0600, owner root", facts.files.len());
        return Ok(Assessment::converged(why));
    }
    Err(failed(
        Code::NODE058,
        broken.join(", "),
        "Run the provisioning again; it mends modes and removes what carried secrets.",
    ))
}

#[cfg(test)]
mod tests {
    use super::{Facts, judge};

    #[test]
    fn open_foreign_missing_and_left_over_files_fail() {
        let facts = |state, left_over: &[_]| Facts {
            files: vec![("/opt/x/.env".into(), state)],
            left_over: left_over.to_vec(),
        };
        assert!(judge(&facts(Some((0o600, 0)), &[])).is_ok());
        for (state, left_over) in [
            (Some((0o644, 0)), &[][..]),
            (Some((0o640, 0)), &[]),
            (Some((0o600, 1000)), &[]),
            (None, &[]),
            (Some((0o600, 0)), &["/opt/letsbe/env/credentials.env"]),
        ] {
            assert!(judge(&facts(state, left_over)).is_err(), "{state:?} {left_over:?}");
        }
    }
}
