//! A tenant's bucket: made once, with everything that keeps what is deleted in it.

use reqwest::Method;

use crate::{
    Account, BucketError,
    request::{Asked, Door},
};

/// The namespace that strict services want.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// Parts of uploads that broke off are removed after so many days.
const BROKEN_UPLOADS_DAYS: u32 = 7;

impl Account {
    /// Makes the bucket if it is not there, and sets it up: object lock and versions where the service can, deleted
    /// versions removed by the service itself `lock_days` after they were deleted. Repeatable. What came of it is
    /// read by [`Account::protection`].
    ///
    /// # Errors
    /// When the bucket cannot be made, belongs to somebody else, or the service does not answer.
    pub async fn ensure_bucket(&self, bucket: &str, lock_days: u32) -> Result<(), BucketError> {
        self.make(bucket).await?;
        // What is set already is left: some services refuse to set it again once the bucket holds something.
        if self.versioning(bucket).await?.status.as_deref() != Some("Enabled") {
            where_it_can(self.keep_versions(bucket).await)?;
        }
        if self.locked_days(bucket).await?.is_none_or(|days| days < lock_days) {
            where_it_can(self.lock(bucket, lock_days).await)?;
        }
        where_it_can(self.forget_deleted(bucket, lock_days).await)
    }

    async fn make(&self, bucket: &str) -> Result<(), BucketError> {
        let made = match self.create(bucket, true).await {
            Err(error) if error.is_not_implemented() || error.is(&["InvalidArgument", "InvalidRequest"]) => {
                self.create(bucket, false).await
            }
            made => made,
        };
        match made {
            Err(error) if error.is(&["BucketAlreadyOwnedByYou"]) => Ok(()),
            // Some services say this of one's own bucket too: whoever can read its settings owns it.
            Err(error) if error.is(&["BucketAlreadyExists"]) => {
                self.versioning(bucket).await.map(drop).map_err(|_| error)
            }
            made => made,
        }
    }

    async fn create(&self, bucket: &str, with_lock: bool) -> Result<(), BucketError> {
        let mut asked = Asked::new("CreateBucket", Method::PUT, format!("/{bucket}"));
        if with_lock {
            asked.headers.push(("x-amz-bucket-object-lock-enabled", "true"));
        }
        if self.service.region != "us-east-1" {
            asked = asked.body(format!(
                "<CreateBucketConfiguration xmlns=\"{NAMESPACE}\"><LocationConstraint>{}</LocationConstraint>\
                 </CreateBucketConfiguration>",
                self.service.region
            ));
        }
        self.ask(Door::S3, asked).await.map(drop)
    }

    async fn keep_versions(&self, bucket: &str) -> Result<(), BucketError> {
        let body = format!(
            "<VersioningConfiguration xmlns=\"{NAMESPACE}\"><Status>Enabled</Status></VersioningConfiguration>"
        );
        self.set("PutBucketVersioning", bucket, "versioning", body).await
    }

    async fn lock(&self, bucket: &str, days: u32) -> Result<(), BucketError> {
        let body = format!(
            "<ObjectLockConfiguration xmlns=\"{NAMESPACE}\"><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>\
             <DefaultRetention><Mode>COMPLIANCE</Mode><Days>{days}</Days></DefaultRetention></Rule>\
             </ObjectLockConfiguration>"
        );
        self.set("PutObjectLockConfiguration", bucket, "object-lock", body).await
    }

    async fn forget_deleted(&self, bucket: &str, days: u32) -> Result<(), BucketError> {
        let body = format!(
            "<LifecycleConfiguration xmlns=\"{NAMESPACE}\"><Rule><ID>deleted</ID><Filter><Prefix></Prefix></Filter>\
             <Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>\
             </Expiration><NoncurrentVersionExpiration><NoncurrentDays>{days}</NoncurrentDays>\
             </NoncurrentVersionExpiration></Rule><Rule><ID>broken-uploads</ID><Filter><Prefix></Prefix></Filter>\
             <Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>{BROKEN_UPLOADS_DAYS}\
             </DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>"
        );
        self.set("PutBucketLifecycleConfiguration", bucket, "lifecycle", body).await
    }

    async fn set(
        &self,
        operation: &'static str,
        bucket: &str,
        what: &'static str,
        body: String,
    ) -> Result<(), BucketError> {
        let asked = Asked::new(operation, Method::PUT, format!("/{bucket}")).query(what, "").body(body);
        self.ask(Door::S3, asked).await.map(drop)
    }
}

/// What a service does not know, or does not allow for a bucket of this kind, is left: the protection that is read
/// back says what is missing. That it does not answer, or does not let us, is an error.
fn where_it_can(done: Result<(), BucketError>) -> Result<(), BucketError> {
    match done {
        Err(error)
            if error.is_not_implemented()
                || error.is(&[
                    "InvalidBucket",
                    "InvalidBucketState",
                    "InvalidArgument",
                    "InvalidRequest",
                    "MalformedXML",
                    "ObjectLockConfigurationNotFoundError",
                ]) =>
        {
            Ok(())
        }
        done => done,
    }
}
