//! Counting what is in a bucket, from outside, without a tenant's key.

use chrono::{DateTime, Utc};
use reqwest::Method;

use crate::{
    Account, BucketError,
    request::{Asked, Door},
    xml::{self, Versions},
};

/// More versions than this are not counted: at 16 MB a pack that is some 30 TB.
pub const ENTRIES_MAX: u64 = 2_000_000;
/// Entries in one page, as the protocol has it.
const PAGE: &str = "1000";

/// What is below a prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Objects as a visitor sees them.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Versions that were deleted or written over, and that the service still keeps.
    pub noncurrent_objects: u64,
    /// Their bytes.
    pub noncurrent_bytes: u64,
    /// Marks that something was deleted.
    pub delete_markers: u64,
    /// When an object was last written.
    pub newest_at: Option<DateTime<Utc>>,
    /// When something was last deleted.
    pub deleted_at: Option<DateTime<Utc>>,
}

impl Totals {
    fn add(&mut self, page: &Versions) {
        for version in &page.versions {
            if version.latest {
                self.objects += 1;
                self.bytes = self.bytes.saturating_add(version.size);
            } else {
                self.noncurrent_objects += 1;
                self.noncurrent_bytes = self.noncurrent_bytes.saturating_add(version.size);
            }
            self.newest_at = self.newest_at.max(Some(version.modified));
        }
        for marker in &page.markers {
            self.delete_markers += 1;
            self.deleted_at = self.deleted_at.max(Some(marker.modified));
        }
    }

    const fn entries(&self) -> u64 {
        self.objects + self.noncurrent_objects + self.delete_markers
    }
}

impl Account {
    /// Counts what is below a prefix, page by page.
    ///
    /// # Errors
    /// When the service does not answer, does not let us, or there is more than [`ENTRIES_MAX`].
    pub async fn totals(&self, bucket: &str, prefix: &str) -> Result<Totals, BucketError> {
        let mut totals = Totals::default();
        let mut after: Option<(String, String)> = None;
        loop {
            let page = self.page(bucket, &format!("{prefix}/"), PAGE, after.as_ref()).await?;
            totals.add(&page);
            if !page.truncated {
                return Ok(totals);
            }
            let next = (page.next_key.unwrap_or_default(), page.next_version.unwrap_or_default());
            if next.0.is_empty() || after.as_ref() == Some(&next) {
                let why = "it says that there is more, and not where".to_owned();
                return Err(BucketError::Unreadable { operation: "ListObjectVersions", why });
            }
            if totals.entries() >= ENTRIES_MAX {
                return Err(BucketError::TooMany { bucket: bucket.to_owned() });
            }
            after = Some(next);
        }
    }

    /// The id of an object's newest version; `None` where versions have none.
    pub(crate) async fn newest_version(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<String>, BucketError> {
        let page = self.page(bucket, key, "10", None).await?;
        let version = page.versions.into_iter().find(|version| version.key == key && version.latest);
        Ok(version.and_then(|version| version.id).filter(|id| id != "null"))
    }

    async fn page(
        &self,
        bucket: &str,
        prefix: &str,
        entries: &str,
        after: Option<&(String, String)>,
    ) -> Result<Versions, BucketError> {
        let operation = "ListObjectVersions";
        let mut asked = Asked::new(operation, Method::GET, format!("/{bucket}"))
            .query("versions", "")
            .query("prefix", prefix)
            .query("max-keys", entries);
        if let Some((key, version)) = after {
            asked = asked.query("key-marker", key);
            if !version.is_empty() {
                asked = asked.query("version-id-marker", version);
            }
        }
        xml::read(operation, &self.ask(Door::S3, asked).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::Totals;
    use crate::xml::{self, Versions};

    #[test]
    fn versions_and_marks_are_counted_apart_in_whatever_order_they_come() {
        let version = |key: &str, latest: bool, size: u64, day: u32| {
            format!(
                "<Version><Key>{key}</Key><VersionId>v{size}</VersionId><IsLatest>{latest}</IsLatest>\
                 <LastModified>2026-11-{day:02}T02:00:00.000Z</LastModified><ETag>&quot;a&quot;</ETag>\
                 <Size>{size}</Size><StorageClass>STANDARD</StorageClass><Owner><ID>1</ID></Owner></Version>"
            )
        };
        let marker = "<DeleteMarker><Key>b</Key><VersionId>m</VersionId><IsLatest>true</IsLatest>\
                      <LastModified>2026-11-21T02:00:00.000Z</LastModified><Owner><ID>1</ID></Owner></DeleteMarker>";
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListVersionsResult \
             xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>x</Name><Prefix>t/</Prefix><KeyMarker></KeyMarker>\
             <MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{}{marker}{}{}</ListVersionsResult>",
            version("a", true, 10, 20),
            version("b", false, 7, 19),
            version("c", true, 5, 18),
        );
        let page: Versions = xml::read("test", text.as_bytes()).expect("understood");
        let mut totals = Totals::default();
        totals.add(&page);
        assert_eq!((totals.objects, totals.bytes), (2, 15));
        assert_eq!((totals.noncurrent_objects, totals.noncurrent_bytes, totals.delete_markers), (1, 7, 1));
        assert_eq!(totals.newest_at.expect("some").to_rfc3339(), "2026-11-20T02:00:00+00:00");
        assert_eq!(totals.deleted_at.expect("some").to_rfc3339(), "2026-11-21T02:00:00+00:00");
        assert!(xml::read::<Versions>("test", b"<ListVersionsResult><Version>").is_err());
    }
}
