//! What a bucket really does against whoever holds a tenant's key: its settings are read, and then it is tried.

use std::time::Duration;

use letsbe_types::backup::Protection;
use reqwest::Method;

use crate::{
    Account, BucketError,
    request::{Asked, Door},
    xml::{self, ObjectLock, Versioning},
};

/// An object of a few bytes that is written to be deleted. Restic does not look there.
const ATTEMPT: &str = "protection-attempt";
/// A new key is known everywhere in a service after some seconds only.
const KEY_KNOWN_AFTER: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

impl Account {
    /// Reads what is set, with the operator's key; and tries with the tenant's key to remove a version that was just
    /// written. Settings of which the attempt shows the opposite do not count.
    ///
    /// # Errors
    /// When the service does not answer, or the tenant's key cannot write.
    pub async fn protection(&self, bucket: &str, tenant: &Self) -> Result<Protection, BucketError> {
        let kept = self.versioning(bucket).await?.status.as_deref() == Some("Enabled");
        let days = self.locked_days(bucket).await?;
        let removed = tenant.remove_version_of_attempt(bucket).await?;
        Ok(match (kept, removed, days) {
            (true, false, Some(days)) => Protection::Locked { days },
            (true, false, None) => Protection::Versioned,
            _ => Protection::Unprotected,
        })
    }

    pub(crate) async fn versioning(&self, bucket: &str) -> Result<Versioning, BucketError> {
        let operation = "GetBucketVersioning";
        let asked = Asked::new(operation, Method::GET, format!("/{bucket}")).query("versioning", "");
        match self.ask(Door::S3, asked).await {
            Ok(body) => xml::read(operation, &body),
            Err(error) if error.is_not_implemented() => Ok(Versioning { status: None }),
            Err(error) => Err(error),
        }
    }

    /// For how many days nobody can remove a new version; `None` without such a lock.
    pub(crate) async fn locked_days(&self, bucket: &str) -> Result<Option<u32>, BucketError> {
        let operation = "GetObjectLockConfiguration";
        let asked = Asked::new(operation, Method::GET, format!("/{bucket}")).query("object-lock", "");
        match self.ask(Door::S3, asked).await {
            Ok(body) => xml::read(operation, &body).map(|lock: ObjectLock| locked_days(&lock)),
            Err(error)
                if error.is_not_implemented() || error.is(&["ObjectLockConfigurationNotFoundError"]) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether this key can remove a version for good.
    async fn remove_version_of_attempt(&self, bucket: &str) -> Result<bool, BucketError> {
        let path = format!("/{bucket}/{ATTEMPT}");
        let write = || {
            let asked = Asked::new("PutObject", Method::PUT, path.clone());
            self.ask(Door::S3, asked.body("written to be deleted\n"))
        };
        let mut written = write().await;
        for pause in KEY_KNOWN_AFTER {
            match &written {
                Err(error) if error.is(&["InvalidAccessKeyId", "AccessDenied", "InvalidClientTokenId"]) => {
                    tokio::time::sleep(pause).await;
                    written = write().await;
                }
                _ => break,
            }
        }
        written?;
        let Some(version) = self.newest_version(bucket, ATTEMPT).await? else { return Ok(true) };
        let asked = Asked::new("DeleteObjectVersion", Method::DELETE, path).query("versionId", version);
        match self.ask(Door::S3, asked).await {
            Ok(_) => Ok(true),
            Err(BucketError::Refused { status: 400..=499, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Locked is only what nobody can unlock: GOVERNANCE can be passed by with the right permission.
fn locked_days(lock: &ObjectLock) -> Option<u32> {
    let retention = lock.rule.as_ref()?.retention.as_ref()?;
    if lock.enabled.as_deref() != Some("Enabled") || retention.mode.as_deref() != Some("COMPLIANCE") {
        return None;
    }
    retention.days.or_else(|| retention.years.and_then(|years| years.checked_mul(365)))
}

#[cfg(test)]
mod tests {
    use super::locked_days;
    use crate::xml;

    fn days(rule: &str) -> Option<u32> {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ObjectLockConfiguration \
             xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}\
             </ObjectLockConfiguration>"
        );
        locked_days(&xml::read("test", text.as_bytes()).expect("understood"))
    }

    #[test]
    fn locked_is_only_what_nobody_can_unlock() {
        let rule = |mode: &str, time: &str| {
            days(&format!("<Rule><DefaultRetention><Mode>{mode}</Mode>{time}</DefaultRetention></Rule>"))
        };
        assert_eq!(rule("COMPLIANCE", "<Days>35</Days>"), Some(35));
        assert_eq!(rule("COMPLIANCE", "<Years>1</Years>"), Some(365));
        assert_eq!([rule("GOVERNANCE", "<Days>35</Days>"), days(""), days("<Rule/>")], [None; 3]);
    }
}
