//! `secrets.private`: files with secrets can be read by root alone, and the plaintext configuration is gone.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use letsbe_host::{Assessment, Converge, Machine};
use letsbe_types::{Problem, job::DesiredServer};
use letsbe_vault::CREDENTIALS_FILE;

use super::{STEP, failed};
use crate::stacks::{Deployment, paths, read_file};

pub(super) struct SecretsPrivate {
    pub(super) deployment: Arc<Deployment>,
}

/// Mode and owner of each file; `None` where there is none.
pub(super) struct Facts {
    files: Vec<(PathBuf, Option<(u32, u32)>)>,
    configuration: bool,
}

#[async_trait]
impl Converge for SecretsPrivate {
    type Facts = Facts;
    const NAME: &'static str = "secrets.private";
    const STEP: u8 = STEP;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Facts, Problem> {
        let mut wanted = vec![PathBuf::from(CREDENTIALS_FILE)];
        for tool in self.deployment.all() {
            let folder = paths::stack(tool.name.as_str());
            wanted.extend(tool.env.keys().chain(tool.secret_files.keys()).map(|name| folder.join(name)));
        }
        let mut files = Vec::new();
        for path in wanted {
            let state = read_file(machine, &path).await?;
            files.push((path, state.map(|state| (state.mode, state.uid))));
        }
        Ok(Facts { files, configuration: read_file(machine, paths::CONFIGURATION).await?.is_some() })
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
    if facts.configuration {
        broken.push(format!("{} still exists", paths::CONFIGURATION));
    }
    if broken.is_empty() {
        let why = format!("{} files with secrets have mode 0600, owner root", facts.files.len());
        return Ok(Assessment::converged(why));
    }
    Err(failed(
        "NODE058",
        broken.join(", "),
        "Run the provisioning again; it mends modes and removes the file.",
    ))
}

#[cfg(test)]
mod tests {
    use super::{Facts, judge};

    #[test]
    fn open_foreign_missing_and_left_over_files_fail() {
        let facts =
            |state, configuration| Facts { files: vec![("/opt/x/.env".into(), state)], configuration };
        assert!(judge(&facts(Some((0o600, 0)), false)).is_ok());
        for (state, configuration) in [
            (Some((0o644, 0)), false),
            (Some((0o640, 0)), false),
            (Some((0o600, 1000)), false),
            (None, false),
            (Some((0o600, 0)), true),
        ] {
            assert!(judge(&facts(state, configuration)).is_err(), "{state:?} {configuration}");
        }
    }
}
