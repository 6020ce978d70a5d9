//! The files of a running job: its two tokens, readable by the Hub alone, gone when the job is done.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use letsbe_types::{Code, Problem, Secret, backup::Destination, ids::JobId};

use super::tokens::random_token;
use crate::security::secret_file::{self, Form};

pub(super) struct JobFiles {
    folder: PathBuf,
}

pub(super) struct JobTokens {
    pub(super) runner: Secret<String>,
    pub(super) registration: Secret<String>,
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Problem + '_ {
    move |error| {
        let message = format!("{} could not be used: {error}", path.display());
        Problem::transient(Code::WORK004, message, "Check the Hub's disk and the owner of its data folder.")
    }
}

fn write_secret(path: &Path, secret: &Secret<String>) -> Result<(), Problem> {
    use io::Write as _;
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed(path))?;
    file.write_all(secret.expose().as_bytes()).and_then(|()| file.sync_all()).map_err(failed(path))
}

impl JobFiles {
    pub(super) fn of(jobs_folder: &Path, job: JobId) -> Self {
        Self { folder: jobs_folder.join(job.to_string()) }
    }

    pub(super) fn runner_token_file(&self) -> PathBuf {
        self.folder.join("runner-token")
    }

    fn registration_token_file(&self) -> PathBuf {
        self.folder.join("registration-token")
    }

    /// Whether both tokens are there. They are written before the job is stored, so a stored job without them has
    /// lost its disk.
    pub(super) fn complete(&self) -> bool {
        self.runner_token_file().exists() && self.registration_token_file().exists()
    }

    pub(super) fn create(&self) -> Result<JobTokens, Problem> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(failed(&self.folder))?;
        let tokens = JobTokens { runner: random_token(), registration: random_token() };
        write_secret(&self.runner_token_file(), &tokens.runner)?;
        write_secret(&self.registration_token_file(), &tokens.registration)?;
        Ok(tokens)
    }

    pub(super) fn registration_token(&self) -> Result<Secret<String>, Problem> {
        let path = self.registration_token_file();
        secret_file::read(&path, Form::Word).map_err(|why| failed(&path)(io::Error::other(why)))
    }

    /// The server's key for models; made when it is asked for first.
    pub(super) fn relay_key(&self) -> Result<Secret<String>, Problem> {
        let path = self.folder.join("relay-key");
        match fs::read_to_string(&path) {
            Ok(key) => Ok(Secret::new(key)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = random_token();
                // Whole or not at all: half a key would be taken for one.
                let fresh = path.with_extension("new");
                write_secret(&fresh, &key)?;
                fs::rename(&fresh, &path).map_err(failed(&path))?;
                Ok(key)
            }
            Err(error) => Err(failed(&path)(error)),
        }
    }

    fn destination_file(&self) -> PathBuf {
        self.folder.join("destination.json")
    }

    /// Keeps where the new server's backups go, with what opens it.
    pub(super) fn keep_destination(&self, destination: &Destination) -> Result<(), Problem> {
        let path = self.destination_file();
        let text = serde_json::to_string(destination).map_err(|error| failed(&path)(error.into()))?;
        // Whole or not at all: half of it would be taken for damage.
        let fresh = path.with_extension("new");
        write_secret(&fresh, &Secret::new(text))?;
        fs::rename(&fresh, &path).map_err(failed(&path))
    }

    /// What was kept; `None` if nothing was.
    pub(super) fn destination(&self) -> Result<Option<Destination>, Problem> {
        let path = self.destination_file();
        if !path.try_exists().map_err(failed(&path))? {
            return Ok(None);
        }
        let text =
            secret_file::read(&path, Form::Json).map_err(|why| failed(&path)(io::Error::other(why)))?;
        // The parser's own words could quote the secret.
        let read = serde_json::from_str(text.expose());
        read.map(Some).map_err(|_| failed(&path)(io::Error::other("it is damaged")))
    }

    pub(super) fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.folder)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(folder = %self.folder.display(), %error, "the files of a finished job are still there");
        }
    }
}

/// The public half of the Hub's key for tenants' servers (OpenSSH one-line form).
pub(super) fn public_key(private_key: &Path) -> Result<String, Problem> {
    let mut path = private_key.as_os_str().to_owned();
    path.push(".pub");
    let path = PathBuf::from(path);
    fs::read_to_string(&path).map(|text| text.trim().to_owned()).map_err(failed(&path))
}
