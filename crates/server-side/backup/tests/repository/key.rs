//! What opens a repository: one key, stretched little where it is random.

use std::fs;

use serde_json::Value;

use crate::place::{Place, repository_at, walk};

fn stretching(place: &Place, repository: &str) -> u64 {
    let keys = walk(&place.path(repository).join("keys"));
    assert_eq!(keys.len(), 1, "{keys:?}");
    let key: Value = serde_json::from_slice(&fs::read(&keys[0]).unwrap()).unwrap();
    key["N"].as_u64().unwrap()
}

#[tokio::test]
async fn a_random_key_opens_a_repository_and_its_copy_at_once_and_stock_restic_accepts_it() {
    let place = Place::new().await;
    let far = repository_at(&place.folder, "far", "key");
    far.ensure(Some(&place.repository)).await.unwrap();
    assert_eq!([stretching(&place, "repository"), stretching(&place, "far")], [1024, 1024]);
    let listed = place.by_hand(&["key", "list", "--json"]);
    let keys: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(keys[0]["current"], true, "{keys}");
    place.by_hand(&["check", "--read-data"]);
}

#[tokio::test]
async fn a_key_that_a_person_may_have_chosen_stays_stretched() {
    let place = Place::new().await;
    fs::write(place.path("short"), "correct horse battery staple").unwrap();
    repository_at(&place.folder, "other", "short").ensure(None).await.unwrap();
    // How much, restic finds out on this machine, which may be busy: more than a random key has.
    assert!(stretching(&place, "other") > 1024);
}
