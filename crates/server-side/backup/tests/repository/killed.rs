//! A process that is killed in the middle of its work, as a test binary that runs itself.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use letsbe_backup::Item;
use letsbe_types::Problem;

use crate::place::{Place, files, item, program, refused, repository_at, sh, walk};

/// Where the other process works, and at what.
const FOLDER: &str = "LETSBE_TEST_FOLDER";
const WORK: &str = "LETSBE_TEST_WORK";
/// What it is named here.
const OTHER: &str = "killed::what_another_process_of_this_test_does";
/// A file of so many zeros keeps restic at work for long, and takes no room.
const LONG: u64 = 1 << 40;

/// Stores for longer than any test takes, when this binary is started for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_of_this_test_does() {
    let (Some(folder), Ok(work)) = (env::var_os(FOLDER), env::var(WORK)) else { return };
    let folder = PathBuf::from(folder);
    let repository = repository_at(&folder, "repository", "key");
    let ended = match work.as_str() {
        "files" => repository.store_files(&files("long"), &[folder.join("long")], &[]).await,
        _ => {
            let says = format!("echo half; exec tail --pid={work} -f /dev/null");
            repository.store_command(&item(Item::Database("long".to_owned())), "long.sql", &sh(&says)).await
        }
    };
    panic!("it was to be killed: {ended:?}");
}

/// Starts it; answers with it and its restic once that has its lock.
fn at_work(folder: &Path, work: &str) -> (Child, u32) {
    let mut other = Command::new(env::current_exe().unwrap());
    other.args([OTHER, "--exact", "--nocapture"]).env(FOLDER, folder).env(WORK, work);
    let other = other.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let restic = until("it has its lock", || {
        let is_locked = !walk(&folder.join("repository/locks")).is_empty();
        children(other.id()).into_iter().find(|child| is_locked && is_restic(*child))
    });
    (other, restic)
}

fn children(parent: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>())
        .collect()
}

fn is_restic(pid: u32) -> bool {
    let alive = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    alive && fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "restic")
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..3000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    panic!("not within a minute: {what}");
}

#[tokio::test]
async fn when_its_process_is_killed_restic_ends_and_the_next_try_gets_the_repository_at_once() {
    let place = Place::new().await;
    fs::File::create(place.path("long")).unwrap().set_len(LONG).unwrap();
    let own = std::process::id().to_string();
    // Confined, and not.
    for work in ["files", &own] {
        let (mut other, restic) = at_work(place.folder.path(), work);
        other.kill().unwrap();
        other.wait().unwrap();
        until("restic ended with it", || (!is_restic(restic)).then_some(()));
        place.repository.unlock().await.unwrap();
        // Alone, or not at all.
        place.repository.prune().await.unwrap();
    }
    assert_eq!(place.repository.snapshots().await.unwrap(), []);
}

/// restic at work by itself, as somebody started it who says so; `None` is a person. Nobody ends it with its parent.
fn started_by(place: &Place, starter: Option<&str>) -> Child {
    let mut restic = Command::new(program("restic"));
    restic.arg("--repo").arg(place.path("repository")).arg("--password-file").arg(place.path("key"));
    if let Some(starter) = starter {
        restic.arg("--option").arg(format!("letsbe.started-by={starter}"));
    }
    restic.args(["--no-cache", "backup", "--stdin-filename", "long.sql", "--stdin-from-command", "--"]);
    restic.args(sh(&format!("echo half; exec tail --pid={} -f /dev/null", std::process::id())));
    let restic = restic.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("it has its lock", || (walk(&place.path("repository/locks")).len() == 1).then_some(()));
    restic
}

#[tokio::test]
async fn a_restic_that_a_dead_process_has_left_is_ended_by_whoever_removes_its_lock() {
    let place = Place::new().await;
    let mut starter = Command::new("true").spawn().unwrap();
    starter.wait().unwrap();
    let mut left = started_by(&place, Some(&format!("{}:1", starter.id())));
    place.repository.unlock().await.unwrap();
    assert!(!is_restic(left.id()), "it is gone");
    place.repository.prune().await.unwrap();
    left.wait().unwrap();
}

#[tokio::test]
async fn somebody_elses_restic_is_left_alone_and_named_with_what_it_does() {
    let place = Place::new().await;
    let own = letsbe_types::process::Process::own();
    let mut ours = started_by(&place, Some(&own.to_string()));
    place.repository.unlock().await.unwrap();
    assert!(is_restic(ours.id()), "whoever started it lives");
    ours.kill().unwrap();
    ours.wait().unwrap();
    place.repository.unlock().await.unwrap();

    let mut theirs = started_by(&place, None);
    let impatient = place.repository.clone().given_up_after(Duration::ZERO);
    impatient.unlock().await.unwrap();
    let problem: Problem = refused(impatient.prune(), "REPO004").await;
    assert!(is_restic(theirs.id()), "it goes on");
    let named = format!("process {} on ", theirs.id());
    assert!(problem.message.contains(&named) && problem.message.contains("restic backup"), "{problem}");
    assert!(!problem.message.contains("--password-file"), "{problem}");
    theirs.kill().unwrap();
    theirs.wait().unwrap();
}
