//! The shapes of the services' answers, and of what they are given.

use chrono::{DateTime, Utc};
use quick_xml::events::Event;
use serde::{Deserialize, de::DeserializeOwned};

use crate::BucketError;

/// Reads an answer.
pub(crate) fn read<T: DeserializeOwned>(operation: &'static str, body: &[u8]) -> Result<T, BucketError> {
    let unreadable =
        |why: &dyn std::fmt::Display| BucketError::Unreadable { operation, why: why.to_string() };
    let text = std::str::from_utf8(body).map_err(|error| unreadable(&error))?;
    quick_xml::de::from_str(text).map_err(|error| unreadable(&error))
}

/// What a service says in a refusal.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// The first code and message, however deep they stand: S3 says them directly, IAM within other elements.
pub(crate) fn error(body: &[u8]) -> Said {
    let (mut said, mut inside) = (Said::default(), String::new());
    let Ok(text) = std::str::from_utf8(body) else { return said };
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => start.name().as_ref().clone_into(&mut inside),
            Ok(Event::End(_)) => inside.clear(),
            Ok(Event::Text(text)) => {
                let place = match inside.as_str() {
                    "Code" => &mut said.code,
                    "Message" => &mut said.message,
                    _ => continue,
                };
                if place.is_empty() {
                    *place = text.into_inner().into_owned();
                }
            }
            Ok(Event::Eof) | Err(_) => return said,
            Ok(_) => {}
        }
    }
}

/// `GetBucketVersioning`
#[derive(Debug, Deserialize)]
pub(crate) struct Versioning {
    #[serde(rename = "Status")]
    pub(crate) status: Option<String>,
}

/// `GetObjectLockConfiguration`
#[derive(Debug, Deserialize)]
pub(crate) struct ObjectLock {
    #[serde(rename = "ObjectLockEnabled")]
    pub(crate) enabled: Option<String>,
    #[serde(rename = "Rule")]
    pub(crate) rule: Option<LockRule>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct LockRule {
    #[serde(rename = "DefaultRetention")]
    pub(crate) retention: Option<Retention>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Retention {
    #[serde(rename = "Mode")]
    pub(crate) mode: Option<String>,
    #[serde(rename = "Days")]
    pub(crate) days: Option<u32>,
    #[serde(rename = "Years")]
    pub(crate) years: Option<u32>,
}

/// `ListObjectVersions`, one page.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Versions {
    #[serde(rename = "IsTruncated", default)]
    pub(crate) truncated: bool,
    #[serde(rename = "NextKeyMarker", default)]
    pub(crate) next_key: Option<String>,
    #[serde(rename = "NextVersionIdMarker", default)]
    pub(crate) next_version: Option<String>,
    #[serde(rename = "Version", default)]
    pub(crate) versions: Vec<Version>,
    #[serde(rename = "DeleteMarker", default)]
    pub(crate) markers: Vec<Marker>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    #[serde(rename = "Key")]
    pub(crate) key: String,
    #[serde(rename = "VersionId")]
    pub(crate) id: Option<String>,
    #[serde(rename = "IsLatest", default)]
    pub(crate) latest: bool,
    #[serde(rename = "LastModified")]
    pub(crate) modified: DateTime<Utc>,
    #[serde(rename = "Size", default)]
    pub(crate) size: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Marker {
    #[serde(rename = "LastModified")]
    pub(crate) modified: DateTime<Utc>,
}

/// `ListAccessKeys`
#[derive(Debug, Deserialize)]
pub(crate) struct ListedKeys {
    #[serde(rename = "ListAccessKeysResult")]
    pub(crate) result: KeysResult,
}

#[derive(Debug, Deserialize)]
pub(crate) struct KeysResult {
    #[serde(rename = "AccessKeyMetadata", default)]
    pub(crate) keys: Members,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Members {
    #[serde(rename = "member", default)]
    pub(crate) members: Vec<KeyEntry>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct KeyEntry {
    #[serde(rename = "AccessKeyId")]
    pub(crate) id: String,
}

/// `CreateAccessKey`
#[derive(Deserialize)]
pub(crate) struct CreatedKey {
    #[serde(rename = "CreateAccessKeyResult")]
    pub(crate) result: CreatedResult,
}

#[derive(Deserialize)]
pub(crate) struct CreatedResult {
    #[serde(rename = "AccessKey")]
    pub(crate) key: NewKey,
}

#[derive(Deserialize)]
pub(crate) struct NewKey {
    #[serde(rename = "AccessKeyId")]
    pub(crate) id: String,
    #[serde(rename = "SecretAccessKey")]
    pub(crate) secret: letsbe_types::Secret<String>,
}
