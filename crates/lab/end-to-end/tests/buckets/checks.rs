//! What is checked at any service.

use std::process::Stdio;

use letsbe_buckets::{AccessKey, Account, BucketError};
use letsbe_types::backup::Protection;
use tokio::process::Command;

pub(crate) const BUCKET: &str = "backups-018f7b1e000070008000000000000001";
pub(crate) const PREFIX: &str = "018f7b1e-0000-7000-8000-000000000001";
const USER: &str = "backups-018f7b1e000070008000000000000001";

pub(crate) async fn what_is_set_up_is_read_back_and_repeating_is_harmless(operator: &Account) -> AccessKey {
    for _ in 0..2 {
        operator.ensure_bucket(BUCKET, 35).await.expect("a bucket");
        operator.ensure_user(USER, BUCKET).await.expect("a user");
    }
    let first = operator.make_access_key(USER).await.expect("a key");
    let second = operator.make_access_key(USER).await.expect("another key");
    let mut listed = operator.access_keys(USER).await.expect("keys");
    listed.sort();
    let mut made = [first.id.clone(), second.id.clone()];
    made.sort();
    assert_eq!(listed, made);
    for _ in 0..2 {
        operator.remove_access_key(USER, &first.id).await.expect("removed");
    }
    assert_eq!(operator.access_keys(USER).await.expect("keys"), std::slice::from_ref(&second.id));
    let dead = operator.with_key(first).totals(BUCKET, PREFIX).await.expect_err("its key is dead");
    assert!(matches!(dead, BucketError::Refused { status: 403, .. }), "{dead}");
    let tenant = operator.with_key(second.clone());
    let protection = operator.protection(BUCKET, &tenant).await.expect("read back");
    assert_eq!(protection, Protection::Locked { days: 35 });
    // Not even the operator's own key removes what is locked.
    let own = operator.protection(BUCKET, operator).await.expect("read back");
    assert_eq!(own, Protection::Locked { days: 35 });
    second
}

pub(crate) async fn a_bucket_without_a_lock_is_shown_as_it_is(operator: &Account) {
    let bucket = "older-bucket";
    rclone(operator, &["mkdir", "there:older-bucket"]).await;
    let before = operator.protection(bucket, operator).await.expect("read back");
    assert_eq!(before, Protection::Unprotected);
    operator.ensure_bucket(bucket, 35).await.expect("as far as it goes");
    operator.ensure_user("older", bucket).await.expect("a user");
    let key = operator.make_access_key("older").await.expect("a key");
    let after = operator.protection(bucket, &operator.with_key(key)).await.expect("read back");
    assert!(after != Protection::Unprotected, "its versions are kept from now on: {after:?}");
    let whoever = operator.protection(bucket, operator).await.expect("read back");
    assert!(matches!(whoever, Protection::Unprotected | Protection::Locked { .. }), "{whoever:?}");
}

pub(crate) async fn a_key_is_of_one_bucket_and_the_service_says_why(operator: &Account, key: &AccessKey) {
    let tenant = operator.with_key(key.clone());
    for refused in [
        tenant.ensure_bucket("another", 35).await.expect_err("no bucket"),
        tenant.totals("older-bucket", "x").await.expect_err("not its own"),
        tenant.make_access_key(USER).await.map(drop).expect_err("no keys"),
        tenant.ensure_user("thief", BUCKET).await.expect_err("no users"),
    ] {
        assert!(matches!(&refused, BucketError::Refused { status: 403, .. }), "{refused}");
        assert!(!refused.is_transient() && !refused.to_string().contains(key.secret.expose()));
    }
    let nobody = operator.with_key(AccessKey::from(("AKIANOBODYNOBODYNOBO", "wrong")));
    assert!(nobody.totals(BUCKET, PREFIX).await.is_err());
}

pub(crate) async fn everything_is_counted_over_many_pages(operator: &Account, key: &AccessKey) {
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..1_203 {
        std::fs::write(folder.path().join(format!("{number:04}")), "1234567").expect("written");
    }
    let (from, to) = (folder.path().to_str().expect("a path"), format!("there:{BUCKET}/{PREFIX}"));
    let tenant = operator.with_key(key.clone());
    rclone(&tenant, &["copy", "--s3-no-check-bucket", "--transfers", "16", from, &to]).await;
    let full = operator.totals(BUCKET, PREFIX).await.expect("counted");
    assert_eq!(
        (full.objects, full.bytes, full.noncurrent_objects, full.delete_markers),
        (1_203, 8_421, 0, 0)
    );
    assert!(full.newest_at.is_some() && full.deleted_at.is_none());
    rclone(&tenant, &["delete", "--include", "00*", &to]).await;
    let less = operator.totals(BUCKET, PREFIX).await.expect("counted");
    assert_eq!((less.objects, less.noncurrent_objects, less.delete_markers), (1_103, 100, 100));
    assert!(less.deleted_at.is_some());
}

/// With the keys in a file, as everywhere.
pub(crate) async fn rclone(account: &Account, arguments: &[&str]) {
    let (service, key) = (account.service(), account.key());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rclone.conf");
    let text = format!(
        "[there]\ntype = s3\nprovider = Other\nendpoint = {}\nregion = {}\naccess_key_id = {}\n\
         secret_access_key = {}\n",
        service.endpoint,
        service.region,
        key.id,
        key.secret.expose()
    );
    std::fs::write(&file, text).expect("written");
    let output = Command::new("rclone")
        .arg("--config")
        .arg(&file)
        .args(["--contimeout", "10s", "--retries", "1", "--low-level-retries", "1"])
        .args(arguments)
        .env_remove("AWS_CA_BUNDLE")
        .stdin(Stdio::null())
        .output()
        .await
        .expect("rclone runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
