//! Where a repository is, as restic and rclone want it said: its name for both, and the files with what opens it.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use letsbe_types::{
    Code, Problem,
    backup::{
        Destination, RcloneDestination, S3Destination,
        rclone::{can_be_quoted, quoted},
    },
};

/// The programs, as they came with the bundle.
#[derive(Debug, Clone)]
pub struct Programs {
    /// restic, 0.18 or later.
    pub restic: PathBuf,
    /// rclone.
    pub rclone: PathBuf,
}

/// Where a repository is.
#[derive(Debug, Clone)]
pub struct Location {
    /// For people: names the place, holds no secret.
    pub(crate) name: String,
    /// For `restic --repo`.
    pub(crate) repository: String,
    /// The same place for rclone.
    pub(crate) remote: String,
    /// Variables for the process, none of them secret: names of files that hold what is.
    pub(crate) environment: Vec<(String, String)>,
    /// Further options of restic (`-o rclone.program=…`).
    pub(crate) options: Vec<String>,
    /// The folder, if it is on this server.
    pub(crate) folder: Option<PathBuf>,
}

/// Name of an S3 destination in the configuration that we write for rclone.
const S3_REMOTE: &str = "outside";

/// How rclone serves a repository to restic: restic's own wish, and giving up on a dead far side in time.
const RCLONE_SERVES: &str =
    "serve restic --stdio --b2-hard-delete --contimeout 10s --timeout 60s --low-level-retries 3";

impl Location {
    /// A folder on this server.
    #[must_use]
    pub fn folder(path: &Path) -> Self {
        let text = path.to_string_lossy().into_owned();
        Self {
            name: format!("the repository in {text}"),
            repository: text.clone(),
            remote: text,
            environment: Vec::new(),
            options: Vec::new(),
            folder: Some(path.to_owned()),
        }
    }

    /// A destination; what opens it is written to files (0600) in `work`, a folder in memory.
    ///
    /// # Errors
    /// `REPO015` when a field of the destination cannot be said to rclone, `REPO016` when the files cannot be written,
    /// `REPO020` for a remote that may not be a destination.
    pub fn outside(destination: &Destination, programs: &Programs, work: &Path) -> Result<Self, Problem> {
        match destination {
            Destination::S3(s3) => Self::s3(s3, work),
            Destination::Rclone(rclone) => Self::rclone(rclone, programs, work),
        }
    }

    /// This place, together with what opens another. One of two at most may be outside: both go by the same variables.
    pub(crate) fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.environment.extend(other.environment.iter().cloned());
        both.options.extend(other.options.iter().cloned());
        both
    }

    fn s3(s3: &S3Destination, work: &Path) -> Result<Self, Problem> {
        let credentials = work.join("s3-credentials");
        let text = format!(
            "[default]\naws_access_key_id={}\naws_secret_access_key={}\n",
            whole("access key", &s3.access_key_id)?,
            whole("secret access key", s3.secret_access_key.expose())?
        );
        write_private(&credentials, &text)?;
        let configuration = work.join("s3-rclone.conf");
        write_private(&configuration, &s3_section(s3, None)?)?;
        let place = format!("{}/{}", s3.bucket, s3.prefix);
        Ok(Self {
            name: format!("the repository in the bucket {place} at {}", s3.endpoint),
            repository: format!("s3:{}/{place}", s3.endpoint.trim_end_matches('/')),
            remote: format!("{S3_REMOTE}:{place}"),
            environment: vec![
                ("AWS_SHARED_CREDENTIALS_FILE".to_owned(), credentials.to_string_lossy().into_owned()),
                ("RCLONE_CONFIG".to_owned(), configuration.to_string_lossy().into_owned()),
            ],
            options: vec![format!("s3.region={}", s3.region)],
            folder: None,
        })
    }

    fn rclone(rclone: &RcloneDestination, programs: &Programs, work: &Path) -> Result<Self, Problem> {
        let checked = rclone.checked().map_err(|refused| {
            let whys: Vec<String> =
                refused.into_iter().map(|one| format!("{}: {}", one.field, one.why)).collect();
            Problem::permanent(
                Code::REPO020,
                format!("This rclone remote cannot be a destination. {}", whys.join("; ")),
                "Set the destination again; see docs/errors/REPO020.md for what is allowed.",
            )
        })?;
        let configuration = work.join("rclone.conf");
        write_private(&configuration, checked.configuration().expose())?;
        let remote = format!("{}:{}", rclone.remote, rclone.path.trim_end_matches('/'));
        Ok(Self {
            name: format!("the repository at the rclone remote {remote}"),
            repository: format!("rclone:{remote}"),
            remote,
            environment: vec![("RCLONE_CONFIG".to_owned(), configuration.to_string_lossy().into_owned())],
            options: vec![
                format!("rclone.program={}", programs.rclone.display()),
                format!("rclone.args={RCLONE_SERVES}"),
            ],
            folder: None,
        })
    }
}

/// An `rclone.conf` for an S3 destination; as it was at `version_at`, if that is given.
pub(crate) fn s3_section(s3: &S3Destination, version_at: Option<&str>) -> Result<String, Problem> {
    let version_at = version_at.map(|at| format!("version_at = {at}\n")).unwrap_or_default();
    Ok(format!(
        "[{S3_REMOTE}]\ntype = s3\nprovider = Other\nendpoint = {}\nregion = {}\naccess_key_id = {}\n\
         secret_access_key = {}\nno_check_bucket = true\n{version_at}",
        whole("endpoint", &s3.endpoint)?,
        whole("region", &s3.region)?,
        whole("access key", &s3.access_key_id)?,
        whole("secret access key", s3.secret_access_key.expose())?,
    ))
}

/// The place of an S3 destination in that configuration.
pub(crate) fn s3_remote(s3: &S3Destination) -> String {
    format!("{S3_REMOTE}:{}/{}", s3.bucket, s3.prefix)
}

/// A value as rclone and restic both read it back, whatever is in it but a second line or another value's name.
fn whole(what: &str, value: &str) -> Result<String, Problem> {
    if can_be_quoted(value) {
        return Ok(quoted(value));
    }
    Err(Problem::permanent(
        Code::REPO015,
        format!("the {what} of the backup destination is empty, or has control characters or `%(`"),
        "Set the destination again with its right values; have another key made if this is the right one.",
    ))
}

/// Writes a file that only its owner reads, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Problem> {
    let write = || -> io::Result<()> {
        let fresh = path.with_extension("fresh");
        let _ = fs::remove_file(&fresh);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&fresh, path)
    };
    write().map_err(|error| {
        Problem::transient(
            Code::REPO016,
            format!("{} could not be written: {error}", path.display()),
            "Look at the folder's space and owner; the next run tries again.",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use letsbe_types::{Secret, backup::Protection};

    use super::*;

    fn s3() -> S3Destination {
        S3Destination {
            endpoint: "https://s3.example.com/".to_owned(),
            region: "eu".to_owned(),
            bucket: "backups".to_owned(),
            prefix: "tenant".to_owned(),
            access_key_id: "AKIA".to_owned(),
            secret_access_key: Secret::new("hunter2hunter2".to_owned()),
            protection: Protection::Unprotected,
        }
    }

    fn programs() -> Programs {
        Programs { restic: "/usr/bin/restic".into(), rclone: "/usr/bin/rclone".into() }
    }

    #[test]
    fn no_secret_of_a_destination_leaves_the_files_that_are_for_it() {
        let work = tempfile::tempdir().unwrap();
        let rclone = Destination::Rclone(RcloneDestination {
            remote: "far".to_owned(),
            path: "a/b".to_owned(),
            configuration: Secret::new("[far]\ntype = webdav\npass = hunter2hunter2\n".to_owned()),
        });
        for destination in [Destination::S3(s3()), rclone] {
            let location = Location::outside(&destination, &programs(), work.path()).unwrap();
            assert!(!format!("{location:?}").contains("hunter2"));
        }
        for file in fs::read_dir(work.path()).unwrap() {
            assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_remote_that_runs_commands_is_refused_before_a_file_is_written() {
        let work = tempfile::tempdir().unwrap();
        for line in ["bearer_token_command = /usr/bin/touch /root/owned-by-rclone", "type = local"] {
            let destination = Destination::Rclone(RcloneDestination {
                remote: "far".to_owned(),
                path: "a/b".to_owned(),
                configuration: Secret::new(format!("[far]\ntype = webdav\n{line}\n")),
            });
            let problem = Location::outside(&destination, &programs(), work.path()).unwrap_err();
            assert_eq!(problem.code, "REPO020");
            assert!(!problem.message.contains("owned"), "{problem}");
        }
        assert_eq!(fs::read_dir(work.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_value_with_a_line_break_is_refused() {
        let hostile = S3Destination { region: "eu\n[other]".to_owned(), ..s3() };
        let problem = s3_section(&hostile, None).unwrap_err();
        assert_eq!(problem.code, "REPO015");
        assert!(!problem.message.contains("other"));
    }
}
