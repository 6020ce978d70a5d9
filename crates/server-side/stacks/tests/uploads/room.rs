//! What a stolen password, or an owner who does not know how much his server has, can fill.

use std::time::{Duration, Instant};

use letsbe_host::{Assessment, Command, Machine as _};
use letsbe_stacks::{UPLOADS_FULL_FILE, UploadBound, UploadWatch, UploadsFull, uploads_full_reason};

use crate::{Namespace, SITE, carry_out, operation, refused, served};

const MB: u64 = 1_000_000;
const BOUND: UploadBound = UploadBound { bytes: 8 * MB, files: 40 };
const MINUTE: Duration = Duration::from_secs(61);
/// Before the minute is over.
const SOON: Duration = Duration::from_secs(11);

/// A server's watch, and its clock.
struct Watched {
    server: Namespace,
    watch: UploadWatch,
    now: Instant,
}

impl Watched {
    async fn new() -> Self {
        let server = served("right").await;
        let watch = UploadWatch::new(server.at(SITE), BOUND);
        let mut watched = Self { server, watch, now: Instant::now() };
        assert_eq!(watched.after(Duration::ZERO).await, None);
        watched
    }

    /// What the watch finds so much later.
    async fn after(&mut self, later: Duration) -> Option<UploadsFull> {
        self.now = self.now.max(Instant::now()) + later;
        self.watch.look(&self.server, self.now).await.expect("it looks")
    }

    async fn does(&self, words: &str) {
        let said = self.server.sftp("right", &format!("{words}\n")).await;
        assert_eq!(said.code, 0, "{words}: {said:?}");
    }

    /// A file of so many bytes, in words for sftp.
    fn put(&self, name: &str, bytes: u64) -> String {
        let length = usize::try_from(bytes).expect("small");
        format!("put {} {name}", self.server.file("big", &"x".repeat(length)))
    }

    fn reason(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.server.at(UPLOADS_FULL_FILE)).ok()?;
        uploads_full_reason(&text).map(str::to_owned)
    }
}

#[tokio::test]
async fn a_site_that_holds_what_it_may_takes_nothing_more_loses_nothing_and_is_open_again_when_there_is_room()
{
    let mut watched = Watched::new().await;
    let small = watched.put("index.html", 100);
    watched.does(&small).await;
    let big = watched.put("big.bin", 9 * MB);
    watched.does(&big).await;
    assert_eq!(watched.after(MINUTE).await, Some(UploadsFull::Bytes));
    assert!(watched.reason().is_some_and(|why| why.contains("as much as it may")), "the operator reads why");

    for words in [&*small, &big, "mkdir more", "get index.html /dev/null", "cp big.bin more.bin"] {
        let said = watched.server.sftp("right", &format!("{words}\n")).await;
        let denied = ["Permission denied", "does not support copy"].iter().any(|why| said.text.contains(why));
        assert!(said.code != 0 && denied, "{words}: {said:?}");
        assert!(
            said.text.contains("The website holds 8 MB, and there is no space left for more."),
            "{said:?}"
        );
    }
    let length =
        |name: &str| std::fs::metadata(watched.server.at(format!("{SITE}/{name}"))).expect(name).len();
    assert_eq!((length("index.html"), length("big.bin")), (100, 9 * MB), "what is refused empties nothing");
    assert!(length("old/page.html") > 0, "nor is lost what was there before there was a bound");
    let again = carry_out(&watched.server, "static-website", operation("static-website")).await;
    assert!(matches!(again, Assessment::Converged { .. }), "a run does not open them: {again:?}");
    refused(&watched.server.sftp("right", "put /etc/hostname again\n").await, "Permission denied");

    // One that is started anew knows it.
    watched.watch = UploadWatch::new(watched.server.at(SITE), BOUND);
    assert_eq!(watched.after(Duration::ZERO).await, Some(UploadsFull::Bytes));
    watched.does("rename big.bin other.bin\nls -l\nrm other.bin").await;
    assert_eq!(watched.after(SOON).await, Some(UploadsFull::Bytes), "not with every file");
    assert_eq!(watched.after(MINUTE).await, None);
    assert_eq!(watched.reason(), None);
    watched.does(&small).await;
}

#[tokio::test]
async fn neither_many_files_nor_folders_nor_what_lies_too_deep_to_be_read_fill_the_disk() {
    let mut watched = Watched::new().await;
    let folders: Vec<String> = (0..BOUND.files).map(|number| format!("mkdir d{number}")).collect();
    watched.does(&folders.join("\n")).await;
    assert_eq!(watched.after(MINUTE).await, Some(UploadsFull::Files));
    let removed: Vec<String> = (0..BOUND.files).map(|number| format!("rmdir d{number}")).collect();
    watched.does(&removed.join("\n")).await;
    assert_eq!(watched.after(MINUTE).await, None);

    // As can be done by renaming one deep folder into another.
    let dig = "import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(25):\n    os.mkdir('n' * 200)\n    os.chdir('n' * 200)";
    let dug =
        watched.server.run(&Command::new("/usr/bin/python3", ["-c", dig, SITE])).await.expect("python3");
    assert!(dug.success(), "{}", dug.tail());
    assert_eq!(watched.after(MINUTE).await, Some(UploadsFull::Hidden));
}

/// What comes in quickly is seen by what the disk loses.
#[tokio::test]
async fn a_site_that_fills_within_the_minute_is_closed_within_it() {
    let mut watched = Watched::new().await;
    assert_eq!(watched.after(SOON).await, None);
    let big = watched.put("big.bin", 9 * MB);
    watched.does(&big).await;
    assert_eq!(watched.after(SOON).await, Some(UploadsFull::Bytes));
    watched.does("rm big.bin").await;
    assert_eq!(watched.after(MINUTE).await, None);

    let folders: Vec<String> = (0..BOUND.files).map(|number| format!("mkdir d{number}")).collect();
    watched.does(&folders.join("\n")).await;
    assert_eq!(watched.after(SOON).await, Some(UploadsFull::Files));
}

#[tokio::test]
async fn uploads_end_before_the_servers_disk_does_whoever_fills_it() {
    let mut watched = Watched::new().await;
    let page = watched.put("index.html", 100);
    let free = rustix::fs::statvfs(watched.server.at(SITE)).expect("asked");
    let filled = free.f_bavail * free.f_frsize - 2 * MB;
    let filler = watched.server.at("/opt/backups");
    std::fs::write(&filler, vec![1; usize::try_from(filled).expect("small")]).expect("written");
    // At once, whatever the folder holds.
    assert_eq!(watched.after(Duration::from_secs(2)).await, Some(UploadsFull::Disk));
    let said = watched.server.sftp("right", &format!("{page}\n")).await;
    assert!(said.code != 0 && said.text.contains("There is no space left on the server."), "{said:?}");
    std::fs::remove_file(filler).expect("removed");
    assert_eq!(watched.after(MINUTE).await, None);
    watched.does(&page).await;
}
