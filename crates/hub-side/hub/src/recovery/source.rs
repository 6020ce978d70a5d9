//! Where a recovery's data come from, as the operator gave it. It holds the secret that opens the far side, so it lies
//! beside the jobs' tokens in a file that only the Hub reads, never in the database, and ends with the recovery.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use letsbe_types::{Code, Problem, Secret, backup::Destination, ids::OrderId};

use crate::security::secret_file::{self, Form};

/// The file of one order's recovery.
pub(crate) struct SourceFile(PathBuf);

impl SourceFile {
    pub(crate) fn of(jobs_folder: &Path, order: OrderId) -> Self {
        Self(jobs_folder.join(format!("recovery-{order}.json")))
    }

    /// Another file of the same kind.
    pub(crate) fn named(jobs_folder: &Path, name: &str) -> Self {
        Self(jobs_folder.join(name))
    }

    /// Replaces what was given before.
    pub(crate) fn keep(&self, source: &Destination) -> Result<(), Problem> {
        let text = serde_json::to_string(source).map_err(|error| self.failed(&error))?;
        let fresh = self.0.with_extension("new");
        let written = replace(&fresh, &self.0, &Secret::new(text));
        written.map_err(|error| self.failed(&error))
    }

    /// What was given; `None` if nothing was.
    pub(crate) fn read(&self) -> Result<Option<Destination>, Problem> {
        if !self.0.try_exists().map_err(|error| self.failed(&error))? {
            return Ok(None);
        }
        let text = secret_file::read(&self.0, Form::Json).map_err(|why| self.failed(&why))?;
        // The parser's own words could quote the secret.
        let source = serde_json::from_str(text.expose()).map_err(|_| self.failed(&"it is damaged"))?;
        Ok(Some(source))
    }

    /// Forgets it.
    pub(crate) fn remove(&self) {
        if let Err(error) = fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(file = %self.0.display(), %error, "the source of a recovery is still there");
        }
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> Problem {
        Problem::transient(
            Code::RCV001,
            format!("{}, where a recovery's data come from, could not be used: {why}.", self.0.display()),
            "Check the Hub's disk and the owner of its data folder; or recover again with --source.",
        )
    }
}

fn replace(fresh: &Path, path: &Path, text: &Secret<String>) -> io::Result<()> {
    use io::Write as _;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // A new file: the mode of an old one would stay as it was.
    match fs::remove_file(fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh)?;
    file.write_all(text.expose().as_bytes())?;
    file.sync_all()?;
    fs::rename(fresh, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use letsbe_types::ids::OrderId;

    use super::SourceFile;

    #[test]
    fn what_was_given_is_for_the_hub_alone_and_damage_is_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let file = SourceFile::of(folder.path(), OrderId::generate());
        assert_eq!(file.read(), Ok(None));
        let source = serde_json::json!({
            "kind": "rclone", "remote": "far", "path": "acme", "configuration": "[far]\ntoken = canary",
        });
        file.keep(&serde_json::from_value(source).unwrap()).unwrap();
        assert_eq!(file.0.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(file.read().unwrap().is_some());
        std::fs::write(&file.0, "{\"kind\": \"canary\"").unwrap();
        let problem = file.read().unwrap_err();
        assert!(problem.code == "RCV001" && !problem.to_string().contains("canary"), "{problem}");
        file.remove();
        assert_eq!(file.read(), Ok(None));
    }
}
