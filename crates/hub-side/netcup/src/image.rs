//! Installing an operating system, the one write that must never happen twice by accident: it wipes the disk.

use chrono::{DateTime, TimeDelta, Utc};

use letsbe_types::Secret;

use crate::{
    client::ScpClient,
    error::ScpError,
    generated::types::{ServerImageSetup, TaskInfoMinimal},
    task::word,
};

/// The clocks of Netcup and the Hub may differ by this much.
const CLOCK_DIFFERENCE: TimeDelta = TimeDelta::seconds(60);
/// What a task of this kind has in its name, as far as known; compared without case.
const NAME_PART: &str = "image";

/// What to install.
#[derive(Debug, Clone)]
pub struct ImageInstall {
    /// Which image, from the server's list of flavours.
    pub flavour_id: i32,
    /// The disk to format, for example `vda`.
    pub disk: String,
    /// The host name that the system gets.
    pub hostname: String,
    /// The keys that may log in as root, by their number in the account.
    pub ssh_key_ids: Vec<i32>,
    /// What is carried out on the new system as root. It holds a secret.
    pub script: Secret<String>,
    /// When this installation was first asked for: tasks since then are its own.
    pub started_after: DateTime<Utc>,
}

/// An installation's task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageBegun {
    /// Posted by this call.
    Now(String),
    /// Found: an earlier call had posted it.
    Before(String),
}

impl ScpClient {
    /// Starts the installation, or finds it if an earlier try got through although its reply was lost.
    ///
    /// # Errors
    /// Retryable when Netcup is locked, busy, in maintenance or silent; call again with the same request.
    pub async fn install_image(&self, server: i32, install: &ImageInstall) -> Result<ImageBegun, ScpError> {
        if let Some(task) = self.find_installation(server, install.started_after).await? {
            return Ok(ImageBegun::Before(task));
        }
        let setup = ServerImageSetup {
            image_flavour_id: Some(install.flavour_id),
            disk_name: Some(install.disk.clone()),
            root_partition_full_disk_size: Some(true),
            hostname: Some(install.hostname.clone()),
            ssh_key_ids: Some(install.ssh_key_ids.clone()),
            ssh_password_authentication: Some(false),
            custom_script: Some(install.script.expose().clone()),
            email_to_executing_user: Some(false),
            ..ServerImageSetup::default()
        };
        match self.post_image(server, &setup).await.map_err(|error| error.without(&install.script)) {
            Err(error) if error.outcome_unknown() => {
                match self.find_installation(server, install.started_after).await {
                    Ok(Some(task)) => Ok(ImageBegun::Now(task)),
                    _ => Err(error),
                }
            }
            posted => posted.map(ImageBegun::Now),
        }
    }

    /// The installation of a server that was asked for at this moment, if it was begun: running or finished.
    ///
    /// # Errors
    /// When Netcup does not answer.
    pub async fn find_installation(
        &self,
        server: i32,
        started_after: DateTime<Utc>,
    ) -> Result<Option<String>, ScpError> {
        let tasks = self.tasks(server).await?;
        Ok(installation_among(&tasks, started_after))
    }
}

/// The newest task that is this installation, running or finished. One that failed is over: the next try is new.
fn installation_among(tasks: &[TaskInfoMinimal], started_after: DateTime<Utc>) -> Option<String> {
    let own = tasks.iter().filter(|task| {
        let state = word(task.state.as_ref());
        let over = matches!(state.as_str(), "ERROR" | "CANCELED" | "ROLLBACK");
        let named = task.name.as_deref().is_some_and(|name| name.to_lowercase().contains(NAME_PART));
        let recent = match task.started_at {
            Some(started) => started >= started_after - CLOCK_DIFFERENCE,
            // Not started yet, so it cannot be an old one.
            None => state != "FINISHED",
        };
        named && recent && !over
    });
    own.max_by_key(|task| task.started_at.unwrap_or(DateTime::<Utc>::MAX_UTC))
        .and_then(|task| task.uuid.clone())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::installation_among;
    use crate::generated::types::TaskInfoMinimal;

    fn task(uuid: &str, name: &str, state: &str, started: Option<DateTime<Utc>>) -> TaskInfoMinimal {
        let task = serde_json::json!({"uuid": uuid, "name": name, "state": state, "startedAt": started});
        serde_json::from_value(task).expect("a task")
    }

    #[test]
    fn only_a_living_installation_since_the_request_is_ours() {
        let asked = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(100);
        let (before, after) = (Some(asked - TimeDelta::hours(1)), Some(asked + TimeDelta::seconds(2)));
        for (case, tasks, found) in [
            ("none", vec![], None),
            ("running", vec![task("a", "Image Setup", "RUNNING", after)], Some("a")),
            ("finished", vec![task("a", "image setup", "FINISHED", after)], Some("a")),
            ("a state not known yet", vec![task("a", "Image Setup", "QUEUED", after)], Some("a")),
            ("waiting, not started", vec![task("a", "Image Setup", "PENDING", None)], Some("a")),
            ("an older one", vec![task("a", "Image Setup", "FINISHED", before)], None),
            ("failed", vec![task("a", "Image Setup", "ROLLBACK", after)], None),
            ("another kind", vec![task("a", "Power on", "RUNNING", after)], None),
            (
                "retried after a failure",
                vec![task("a", "Image Setup", "ERROR", after), task("b", "Image Setup", "RUNNING", after)],
                Some("b"),
            ),
        ] {
            assert_eq!(installation_among(&tasks, asked).as_deref(), found, "{case}");
        }
    }
}
