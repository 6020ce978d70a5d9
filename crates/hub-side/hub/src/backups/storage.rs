//! The service at which each tenant has a bucket, opened with the operator's account.

use letsbe_buckets::{AccessKey, Account, BucketError, Service};
use letsbe_types::{
    Code, Problem,
    backup::{Destination, Protection, S3Destination},
    ids::OrderId,
};

use crate::{
    config::{KeysFrom, S3Config},
    security::secret_file::{self, Form},
};

/// An account and what holds for every bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Storage {
    /// The operator's account.
    pub account: Account,
    bucket_prefix: String,
    lock_days: u32,
    keys: KeysFrom,
}

impl Storage {
    /// Reads the operator's key; nothing is asked yet.
    ///
    /// # Errors
    /// When a file is not as it must be.
    pub fn open(config: &S3Config) -> Result<Self, Problem> {
        let read = |path: &std::path::Path| {
            secret_file::read(path, Form::Word).map_err(|why| {
                let message = format!("{} cannot be used: {why}.", path.display());
                Problem::permanent(
                    Code::DEST003,
                    message,
                    "Put the file right ([backups.s3] in the Hub's settings).",
                )
            })
        };
        let id = read(&config.access_key_id_file)?.expose().clone();
        let key = AccessKey { id, secret: read(&config.secret_access_key_file)? };
        let service = Service {
            endpoint: config.endpoint.trim_end_matches('/').to_owned(),
            region: config.region.clone(),
            iam_endpoint: iam(config).trim_end_matches('/').to_owned(),
            iam_region: config.iam_region.as_ref().unwrap_or(&config.region).clone(),
        };
        Ok(Self {
            account: Account::new(service, key).map_err(|error| problem(&error))?,
            bucket_prefix: config.bucket_prefix.clone(),
            lock_days: config.lock_days,
            keys: config.keys,
        })
    }

    /// The bucket of an order, and the name of the user that may use it.
    #[must_use]
    pub fn bucket(&self, order: OrderId) -> String {
        format!("{}-{}", self.bucket_prefix, order.0.simple())
    }

    /// Makes an order's bucket, user and key. Repeatable: what is there is used again, but for keys: a secret half that
    /// was lost on the way cannot be asked for again, so all earlier keys are made useless and a new one is made.
    ///
    /// # Errors
    /// When the service does not answer or refuses, or a person has to make the key.
    pub async fn make(&self, order: OrderId) -> Result<Destination, Problem> {
        let bucket = self.bucket(order);
        self.account.ensure_bucket(&bucket, self.lock_days).await.map_err(|error| problem(&error))?;
        if self.keys == KeysFrom::ByHand {
            return Err(Problem::permanent(
                Code::DEST002,
                format!("The bucket {bucket} waits for a key of its tenant's own."),
                format!(
                    "Make a user at the service that may read, write and delete objects in this bucket, but not remove \
                     versions; then: letsbe backups destination {order} --from FILE, and retry the order."
                ),
            ));
        }
        let key = self.key(&bucket).await.map_err(|error| problem(&error))?;
        let service = self.account.service();
        let destination = S3Destination {
            endpoint: service.endpoint.clone(),
            region: service.region.clone(),
            bucket,
            prefix: order.to_string(),
            access_key_id: key.id,
            secret_access_key: key.secret,
            protection: Protection::Unprotected,
        };
        self.with_protection(destination).await
    }

    async fn key(&self, bucket: &str) -> Result<AccessKey, BucketError> {
        self.account.ensure_user(bucket, bucket).await?;
        for id in self.account.access_keys(bucket).await? {
            self.account.remove_access_key(bucket, &id).await?;
        }
        self.account.make_access_key(bucket).await
    }

    /// What was given by hand, with what its far side really does.
    ///
    /// # Errors
    /// When the service does not answer, or the key opens nothing there.
    pub async fn with_protection(&self, given: S3Destination) -> Result<Destination, Problem> {
        let tenant = self.account.with_key(key_of(&given));
        let protection = self.account.protection(&given.bucket, &tenant).await;
        let protection = protection.map_err(|error| problem(&error))?;
        Ok(Destination::S3(S3Destination { protection, ..given }))
    }

    /// Whether a destination is at this service, so that the operator's account can look at it.
    #[must_use]
    pub fn has(&self, given: &S3Destination) -> bool {
        given.endpoint.trim_end_matches('/') == self.account.service().endpoint
            && given.bucket.starts_with(&self.bucket_prefix)
    }
}

fn iam(config: &S3Config) -> &str {
    config.iam_endpoint.as_ref().unwrap_or(&config.endpoint)
}

fn key_of(given: &S3Destination) -> AccessKey {
    AccessKey { id: given.access_key_id.clone(), secret: given.secret_access_key.clone() }
}

/// What somebody else's service does against whoever holds the key that was given. What the key may not look at does
/// not count.
///
/// # Errors
/// When the service does not answer, or the key opens nothing there.
pub async fn foreign_protection(given: S3Destination) -> Result<Destination, Problem> {
    let service = Service {
        endpoint: given.endpoint.trim_end_matches('/').to_owned(),
        region: given.region.clone(),
        iam_endpoint: given.endpoint.clone(),
        iam_region: given.region.clone(),
    };
    let account = Account::new(service, key_of(&given)).map_err(|error| problem(&error))?;
    // Whether the folder can be listed tells whether the key is of any use.
    match account.protection(&given.bucket, &account).await {
        Ok(protection) => Ok(Destination::S3(S3Destination { protection, ..given })),
        Err(BucketError::Refused { operation, status: 403, .. }) if operation.starts_with("Get") => {
            Ok(Destination::S3(S3Destination { protection: Protection::Unprotected, ..given }))
        }
        Err(error) => Err(problem(&error)),
    }
}

/// As a person meets it.
pub(crate) fn problem(error: &BucketError) -> Problem {
    let message = format!("The service for copies outside: {error}.");
    if error.is_transient() {
        return Problem::transient(
            Code::DEST001,
            message,
            "See whether the service works ([backups.s3]); it is tried again.",
        );
    }
    let hint = "Look at [backups.s3] in the Hub's settings and at what its key may do; then retry.";
    Problem::permanent(Code::DEST001, message, hint)
}
