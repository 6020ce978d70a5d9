//! What is killed or goes away in the middle: of a dump, of a copy.

use letsbe_backup::{BackupSet, SetKind, sets};
use letsbe_types::backup::{Ending, RemoteSync};
use serde_json::json;

use super::{
    super::{destination, heartbeat, line::Line, repositories::Repositories, set_on, webdav::Webdav},
    Site,
};
use letsbe_base::files;

impl Site {
    async fn sets_outside(&self) -> Vec<BackupSet> {
        let repositories = Repositories::unasked(&self.server).unwrap();
        sets(&repositories.remote.as_ref().unwrap().snapshots().await.unwrap())
    }
}

#[tokio::test]
async fn a_dump_that_is_killed_in_the_middle_leaves_no_set_and_the_next_run_makes_nothing_else_anew() {
    let site = Site::new();
    let former = set_on(&site.docker, &site.server, "ghost", SetKind::Safety).await.unwrap();
    std::fs::create_dir(site.path("killed")).unwrap();
    let status = site.run(None).await.unwrap();
    assert!(site.path("killed/in-the-middle").exists(), "it died where it was to die");
    assert_eq!(status.status, Ending::Partial);
    assert!(status.tools["ghost"].problem.is_some(), "{status:?}");
    let others: Vec<_> = status.tools.iter().filter(|(name, _)| *name != "ghost").collect();
    assert!(others.iter().all(|(_, tool)| tool.problem.is_none() && tool.set.is_some()), "{status:?}");
    let killed = site.sets().await;
    assert_eq!(killed.iter().filter(|set| set.tool == "ghost").collect::<Vec<_>>(), [&former], "no half set");
    assert!(site.docker.paused().is_empty());
    std::fs::remove_dir_all(site.path("killed")).unwrap();
    let status = site.run(Some("ghost")).await.unwrap();
    assert_eq!((status.status, status.errors.len()), (Ending::Success, 0));
    let healed = site.sets().await;
    assert_eq!(healed.len(), killed.len() + 1);
    assert!(killed.iter().all(|set| healed.contains(set)), "what was there is what was there");
}

#[tokio::test]
async fn a_far_side_that_goes_away_in_the_middle_of_a_copy_gets_the_same_set_later() {
    let site = Site::new();
    let film: Vec<u8> = (0..24_000_000).map(|_| rand::random()).collect();
    std::fs::write(site.path("opt/letsbe/data/static-website/film.bin"), film).unwrap();
    let limits = json!({ "upload_kib": 0, "give_up_seconds": 2 });
    files::write_json(&site.server.layout.state("backup-limits.json"), &limits).unwrap();
    let served = Webdav::of(site.root.path());
    let line = Line::to(served.address(), "/data/");
    destination::write(&site.server, &line.destination("far")).unwrap();
    let status = site.run(Some("static-website")).await.unwrap();
    let asked = line.asked();
    assert!(
        asked.iter().any(|one| one.starts_with("PUT") && one.contains("/data/")),
        "in the copy: {asked:?}"
    );
    assert!(!asked.iter().any(|one| one.starts_with("PUT") && one.contains("/snapshots/")), "{asked:?}");
    assert_eq!((status.status, status.remote_sync), (Ending::Partial, RemoteSync::Failed), "{status:?}");
    assert_eq!(status.remote_at, None);
    let made = site.sets().await;
    assert_eq!(made.len(), 1, "the local set stays: {made:?}");

    line.mend();
    assert_eq!(site.sets_outside().await, [], "half a copy is none");
    let status = site.run(Some("static-website")).await.unwrap();
    assert_eq!(status.remote_sync, RemoteSync::Success, "{:?}", status.errors);
    let (here, there) = (site.sets().await, site.sets_outside().await);
    assert!(here.contains(&made[0]), "the first set was not made anew");
    let ids = |sets: &[BackupSet]| sets.iter().map(|set| (set.id, set.is_complete())).collect::<Vec<_>>();
    assert_eq!(ids(&here), ids(&there), "that very set, and the second one, are outside");
    assert_eq!(here.len(), 2);
}

#[tokio::test]
async fn databases_in_no_set_are_told_every_time_and_make_no_backup_fail_neither_here_nor_in_the_hub() {
    let site = Site::new();
    // (what the database server said, what is told): where it did not say, what was known before stays.
    for (said, told) in [(r#","others":["crm"]"#, true), ("", true), (r#","others":[]"#, false)] {
        site.write("others", said);
        let status = site.run(Some("ghost")).await.unwrap();
        assert_eq!((status.status, &status.errors), (Ending::Success, &vec![]), "{said}");
        let names = if told { vec!["crm".to_owned()] } else { Vec::new() };
        assert_eq!(status.tools["ghost"].left_out, names, "{said}");
        assert_eq!(status.notes.iter().filter(|note| note.contains("crm")).count(), names.len(), "{said}");
        let sign = heartbeat::read(&site.server.layout.backup_status()).unwrap();
        assert_eq!((sign.succeeded, sign.errors), (true, 0), "{said}");
    }
}
