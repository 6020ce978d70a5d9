//! Buckets on a real S3 service with versioning, object lock and IAM that checks every key: what is set up is read
//! back, a tenant's key changes none of it, and what a thief deletes is still there.

mod checks;
mod hub;
#[path = "../../../../hub-side/hub/tests/worker/mod.rs"]
mod worker;

use letsbe_buckets::{AccessKey, Account, Service};
use letsbe_lab::{
    lab::{self, CatalogImages, Lab, LabOptions},
    services::{self, Storage},
};
use letsbe_types::backup::Protection;

pub(crate) fn account(storage: &Storage) -> Account {
    let service = Service {
        endpoint: storage.endpoint.clone(),
        region: storage.region.to_owned(),
        iam_endpoint: storage.endpoint.clone(),
        iam_region: storage.region.to_owned(),
    };
    let services::Account { access_key_id, secret_access_key } = storage.operator.clone();
    Account::new(service, AccessKey { id: access_key_id, secret: secret_access_key }).expect("a client")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_bucket_keeps_what_is_deleted_in_it() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let options = LabOptions { images: CatalogImages::Absent, ..LabOptions::default() };
    let lab = Lab::start(options).await.expect("the lab starts");
    let name = lab.name.clone();
    let checked = tokio::spawn(async move {
        let operator = account(&lab.storage);
        let key = checks::what_is_set_up_is_read_back_and_repeating_is_harmless(&operator).await;
        checks::a_bucket_without_a_lock_is_shown_as_it_is(&operator).await;
        checks::a_key_is_of_one_bucket_and_the_service_says_why(&operator, &key).await;
        checks::everything_is_counted_over_many_pages(&operator, &key).await;
        let bench = hub::Bench::new(&operator).await;
        let tenant = hub::an_orders_bucket_and_key_are_made_once_and_go_with_its_job(&bench).await;
        hub::what_a_thief_deletes_is_seen_from_outside(&bench, &tenant).await;
        let thief =
            services::Account { access_key_id: key.id.clone(), secret_access_key: key.secret.clone() };
        // Nobody shortens it: the service refuses as S3 does, and what we show of it was read back.
        let weakened = lab.storage.weaken(checks::BUCKET).await.expect("the operator tried");
        let refused: Vec<&str> = weakened.refused.keys().map(String::as_str).collect();
        assert_eq!(refused, ["change the mode", "delete a version", "shorten the lock"], "{weakened:?}");
        assert!(weakened.refused.values().all(|code| code == "AccessDenied"), "{weakened:?}");
        assert_eq!(
            weakened.done.keys().collect::<Vec<_>>(),
            ["lengthen the lock"],
            "a longer lock is allowed"
        );
        let shown = operator.protection(checks::BUCKET, &operator).await.expect("read back");
        assert_eq!(shown, Protection::Locked { days: 35 });
        let before = lab.storage.totals(checks::BUCKET).await.expect("counted");
        let theft = lab.storage.steal(checks::BUCKET, &thief).await.expect("the thief came");
        let after = lab.storage.totals(checks::BUCKET).await.expect("counted");
        assert!(after.versions >= before.versions, "no version went: {before:?} {after:?} {theft:?}");
        assert_eq!(after.current, 0, "what he may delete is deleted, with a mark: {theft:?}");
        for refused in
            ["delete a version", "shorten the lock", "end versioning", "end the lock", "let versions expire"]
        {
            assert!(theft.refused.contains_key(refused), "{refused}: {theft:?}");
            assert!(!theft.done.contains_key(refused), "{refused}: {theft:?}");
        }
        let totals = operator.totals(checks::BUCKET, checks::PREFIX).await.expect("counted");
        assert_eq!(totals.objects, 0);
        assert!(totals.noncurrent_objects > 1_000 && totals.delete_markers > 1_000, "{totals:?}");
    })
    .await;
    lab::remove(&name).await.expect("the lab is removed");
    if let Err(error) = checked {
        std::panic::resume_unwind(error.into_panic());
    }
}
