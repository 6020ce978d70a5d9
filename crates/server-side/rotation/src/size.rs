//! A rotation of two thousand secrets: our own code with a real PostgreSQL and a real MariaDB, killed in the middle.

mod database;

use std::sync::atomic::Ordering::Relaxed;

use chrono::{DateTime, Utc};
use letsbe_types::{Code, Secret};
use letsbe_vault::{
    Origin, Vault, VaultFiles,
    rotation::{Action, Direction, RotationJournal, RotationValues, usable, values},
};

use self::database::Database;
use super::{database::Change, journals};
use letsbe_base::layout::Layout;

const TOOL: &str = "big";
/// The superuser's is the first.
const SECRETS: usize = 2_000;
const OLD: &str = "the old one of all";
const AWKWARD: &str = "'\"\\$%`#;:&|!{}[]()<>~^*?=+,./@- ÄéßŒ€漢字";

fn key(number: usize) -> String {
    format!("password{number}")
}

/// Each is another one; every awkward character comes first, last and in the middle.
fn new_password(number: usize) -> Secret<String> {
    let characters = || AWKWARD.chars().cycle().skip(number % AWKWARD.chars().count());
    let (before, after) = (characters().take(number % 3), characters().skip(7).take(number % 23));
    let password: String = before.chain(number.to_string().chars()).chain(after).collect();
    assert!(usable(&password));
    Secret::new(password)
}

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).expect("a time")
}

/// A server whose vault holds the secrets.
struct Server {
    folder: tempfile::TempDir,
    database: Database,
}

impl Server {
    fn with(database: Database) -> Self {
        let server = Self { folder: tempfile::tempdir().expect("a folder"), database };
        server.in_vault(|vault, number| {
            vault.put(TOOL, &key(number), OLD.into(), Origin::Made, noon());
        });
        server
    }

    fn layout(&self) -> Layout {
        Layout::under(self.folder.path())
    }

    fn files(&self) -> VaultFiles {
        VaultFiles::under(self.folder.path())
    }

    fn vault(&self) -> Vault {
        Vault::open(&self.files()).expect("it opens").expect("a vault")
    }

    /// Changes all secrets in one change of the vault.
    fn in_vault(&self, change: impl Fn(&mut Vault, usize)) {
        let all = |vault: &mut Vault| {
            (0..SECRETS).for_each(|number| change(vault, number));
            Ok(())
        };
        Vault::update(&self.files(), &mut rand::rng(), all).expect("the vault takes it");
    }

    /// A new process finds what the one before has written.
    fn journal(&self) -> RotationJournal {
        journals::of(&self.layout(), TOOL, &self.vault()).expect("a journal")
    }

    fn values(&self, direction: Direction) -> RotationValues {
        values(&self.vault(), TOOL, &self.journal().keys, direction)
    }

    /// Does what comes next, as `Rotations::act` does: only files, containers and agent are none here.
    async fn does(&self, expected: Action) {
        let mut journal = self.journal();
        assert_eq!(journal.next(), Some(expected));
        let direction = if journal.back.is_some() { Direction::Old } else { Direction::New };
        let (change, values) = (self.database.change(), self.values(direction));
        let change = Change { machine: &self.database, tool: TOOL, database: &change, values: &values };
        match expected {
            Action::WriteAhead => self.in_vault(|vault, number| {
                vault.write_ahead(TOOL, &key(number), new_password(number), noon()).expect("it is known");
            }),
            Action::ChangeDatabase | Action::RestoreDatabase => change.apply().await.expect("all are given"),
            Action::Prove | Action::ProveOld => change.prove().await.expect("each is proven"),
            Action::Commit => self.in_vault(|vault, number| {
                vault.commit(TOOL, &key(number), noon());
            }),
            _ => {}
        }
        journal.record(expected);
        journals::keep(&self.layout(), TOOL, &journal).expect("the journal is kept");
    }

    /// The process dies while some passwords have been given and others not.
    async fn is_killed_in_the_middle(&self) {
        let (change, values) = (self.database.change(), self.values(Direction::New));
        let change = Change { machine: &self.database, tool: TOOL, database: &change, values: &values };
        tokio::select! {
            ended = change.apply() => panic!("it is not killed: {ended:?}"),
            () = self.database.ran.killed.notified() => {}
        }
        let unproven = change.prove().await.expect_err("not all have the new password");
        assert_eq!(unproven.code, Code::ROT003, "{unproven}");
        let back = self.values(Direction::Old);
        let change = Change { values: &back, ..change };
        let unproven = change.prove().await.expect_err("not all have the old password any more");
        assert_eq!(unproven.code, Code::ROT003, "{unproven}");
    }
}

async fn all_are_rotated(database: Database) {
    let server = Server::with(database.filled().await);
    let journal = RotationJournal::of((0..SECRETS).map(key));
    journals::keep(&server.layout(), TOOL, &journal).expect("the journal is kept");
    server.does(Action::WriteAhead).await;
    server.does(Action::Announce).await;
    server.is_killed_in_the_middle().await;
    let before = server.database.ran.all.load(Relaxed);
    for action in [Action::ChangeDatabase, Action::Recreate, Action::Prove, Action::Commit] {
        server.does(action).await;
    }
    let clients = server.database.ran.all.load(Relaxed) - before;
    assert!(clients < 2 * SECRETS + SECRETS / 10, "each account costs two log-ins, not {clients} clients");
    let most = server.database.ran.most.load(Relaxed);
    assert!((2..=8).contains(&most), "{most} clients at a time");
    let vault = server.vault();
    assert!(vault.rotating().is_empty());
    for number in 0..SECRETS {
        let entry = vault.entry(TOOL, &key(number)).expect("there");
        assert!(entry.present == new_password(number) && entry.retired[0].value == OLD.into());
    }
    // What it proved can fail: what is let in is not dead.
    let mut wrong = server.values(Direction::New);
    wrong.dead = wrong.wanted.of(TOOL).cloned().expect("the tool's");
    let change = server.database.change();
    let change = Change { machine: &server.database, tool: TOOL, database: &change, values: &wrong };
    assert_eq!(change.prove().await.expect_err("they are let in").code, Code::ROT003);
}

#[tokio::test]
async fn two_thousand_accounts_of_a_real_postgresql_are_rotated_by_our_own_code_after_a_kill_in_the_middle() {
    all_are_rotated(Database::postgresql()).await;
}

#[tokio::test]
async fn two_thousand_accounts_of_a_real_mariadb_are_rotated_by_our_own_code_after_a_kill_in_the_middle() {
    all_are_rotated(Database::mariadb()).await;
}
