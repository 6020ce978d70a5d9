//! A user of its own for each tenant, that may use its bucket and change nothing about it.

use letsbe_types::Secret;
use reqwest::Method;
use serde_json::json;

use crate::{
    AccessKey, Account, BucketError,
    request::{Asked, Door},
    xml::{self, CreatedKey, ListedKeys},
};

const POLICY: &str = "backups";

/// What a tenant's key may do, and nothing else: no version is removed, no setting changed, no other bucket seen.
/// Versions may be listed and read, so that a server can be brought back as of a moment.
fn policy(bucket: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation"],
                "Resource": [format!("arn:aws:s3:::{bucket}")],
            },
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject",
                           "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
                "Resource": [format!("arn:aws:s3:::{bucket}/*")],
            },
        ],
    })
    .to_string()
}

impl Account {
    /// Makes the user if it is not there, and sets what it may do. Repeatable.
    ///
    /// # Errors
    /// When IAM refuses or does not answer.
    pub async fn ensure_user(&self, user: &str, bucket: &str) -> Result<(), BucketError> {
        let made = self.iam("CreateUser", &[("UserName", user)]).await;
        match made {
            Err(error) if !error.is(&["EntityAlreadyExists"]) => return Err(error),
            _ => {}
        }
        let document = policy(bucket);
        let parameters = [("UserName", user), ("PolicyName", POLICY), ("PolicyDocument", &document)];
        self.iam("PutUserPolicy", &parameters).await.map(drop)
    }

    /// The ids of a user's keys.
    ///
    /// # Errors
    /// When IAM refuses or does not answer.
    pub async fn access_keys(&self, user: &str) -> Result<Vec<String>, BucketError> {
        let operation = "ListAccessKeys";
        let body = self.iam(operation, &[("UserName", user)]).await?;
        let listed: ListedKeys = xml::read(operation, &body)?;
        Ok(listed.result.keys.members.into_iter().map(|key| key.id).collect())
    }

    /// A new key; its secret half is told this once.
    ///
    /// # Errors
    /// When IAM refuses or does not answer.
    pub async fn make_access_key(&self, user: &str) -> Result<AccessKey, BucketError> {
        let operation = "CreateAccessKey";
        let body = zeroize::Zeroizing::new(self.iam(operation, &[("UserName", user)]).await?);
        // What is wrong with this answer is not told: it may hold the key.
        let unreadable = |_| BucketError::Unreadable { operation, why: "it holds no key".to_owned() };
        let created: CreatedKey = xml::read(operation, &body).map_err(unreadable)?;
        Ok(AccessKey { id: created.result.key.id, secret: created.result.key.secret })
    }

    /// Makes a key useless.
    ///
    /// # Errors
    /// When IAM refuses or does not answer.
    pub async fn remove_access_key(&self, user: &str, id: &str) -> Result<(), BucketError> {
        match self.iam("DeleteAccessKey", &[("UserName", user), ("AccessKeyId", id)]).await {
            Err(error) if error.is(&["NoSuchEntity"]) => Ok(()),
            done => done.map(drop),
        }
    }

    async fn iam(&self, action: &'static str, parameters: &[(&str, &str)]) -> Result<Vec<u8>, BucketError> {
        let mut form = reqwest::Url::parse("form:/")
            .map_err(|error| BucketError::Unsigned { operation: action, why: error.to_string() })?;
        form.query_pairs_mut()
            .append_pair("Action", action)
            .append_pair("Version", "2010-05-08")
            .extend_pairs(parameters);
        // Encoded as strictly as the services' own programs do it: some compute the signature from what they decoded.
        let form = form.query().unwrap_or_default().replace('*', "%2A").replace("%7E", "~");
        let mut asked = Asked::new(action, Method::POST, "/").body(form);
        asked.content_type = "application/x-www-form-urlencoded; charset=utf-8";
        self.ask(Door::Iam, asked).await
    }
}

impl From<(&str, &str)> for AccessKey {
    fn from((id, secret): (&str, &str)) -> Self {
        Self { id: id.to_owned(), secret: Secret::from(secret) }
    }
}

#[cfg(test)]
mod tests {
    use super::policy;

    #[test]
    fn a_tenants_key_removes_no_version_and_changes_no_setting() {
        let policy: serde_json::Value = serde_json::from_str(&policy("backups-1")).expect("JSON");
        let statements = policy["Statement"].as_array().expect("a list");
        let actions: Vec<&str> = statements
            .iter()
            .flat_map(|statement| statement["Action"].as_array().expect("a list"))
            .filter_map(serde_json::Value::as_str)
            .collect();
        for action in &actions {
            let changes =
                ["DeleteObjectVersion", "Retention", "LegalHold", "Versioning", "Policy", "Lifecycle", "*"];
            assert!(!changes.iter().any(|change| action.contains(change)), "{action}");
        }
        assert!(actions.contains(&"s3:DeleteObject"), "restic removes what it no longer needs");
        for statement in statements {
            let resources = statement["Resource"].as_array().expect("a list");
            let own = |resource: &serde_json::Value| {
                resource.as_str().is_some_and(|arn| arn.split('/').next() == Some("arn:aws:s3:::backups-1"))
            };
            assert!(resources.iter().all(own), "{resources:?}");
        }
    }
}
