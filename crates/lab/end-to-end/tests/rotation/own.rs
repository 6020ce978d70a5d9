//! The rotation's own code against real databases: many accounts with awkward passwords, each let in, each old one refused.

use std::{collections::BTreeMap, time::Duration};

use letsbe_catalog::DatabaseEngine;
use letsbe_lab::{docker, images, wait::eventually};
use letsbe_types::Secret;
use letsbe_vault::{
    Credentials,
    rotation::{DatabaseChange, NewPassword, RotationValues},
};

use crate::{rotate::rotated, secrets::awkward};

/// Accounts of each database, told and proven in one change. Each costs two clients in a container; two thousand are
/// rotated by the fast tests of `letsbe-node`, without containers.
const ACCOUNTS: usize = 100;
const PATIENCE: Duration = Duration::from_secs(60);
const TOOL: &str = "rotation";

fn password(number: usize) -> NewPassword {
    NewPassword { user: format!("user{number}"), key: format!("key{number}") }
}

/// What shall be let in, and what no longer.
fn values(seed: u64, superuser: &str) -> RotationValues {
    let mut wanted = Credentials::default();
    let mut dead = BTreeMap::new();
    for (number, new) in awkward(seed).into_iter().take(ACCOUNTS).enumerate() {
        wanted.insert_missing(TOOL, &password(number).key, new);
        dead.insert(password(number).key, Secret::new(format!("old{number}")));
    }
    wanted.insert_missing(TOOL, "superuser", Secret::from(superuser));
    RotationValues { wanted, dead }
}

struct Database<'a> {
    engine: DatabaseEngine,
    image: &'a str,
    settings: &'a [&'a str],
    ready: &'a [&'a str],
    /// A client of the superuser that reads statements from its input.
    client: &'a [&'a str],
    /// Makes an account with an old password.
    account: fn(usize) -> String,
    superuser: &'a str,
    name: &'a str,
}

async fn rotates(database: &Database<'_>, seed: u64) {
    let image = images::ensure(database.image).await.expect("the image");
    // The name by which the network knows it, as in a stack.
    let mut arguments = vec!["run", "--detach", "--rm", "--hostname", "db"];
    arguments.extend(database.settings.iter().flat_map(|setting| ["--env", setting]));
    arguments.push(&image);
    let container = docker::docker(&arguments).await.expect("the database starts").trim().to_owned();
    let done = async {
        eventually(database.image, PATIENCE, || async {
            Ok(docker::exec(&container, database.ready).await.map_err(|error| error.to_string()))
        })
        .await?;
        let accounts: String = (0..ACCOUNTS).map(database.account).collect();
        docker::exec_with_input(&container, database.client, accounts.as_bytes()).await?;
        let superuser = NewPassword { user: database.superuser.to_owned(), key: "superuser".to_owned() };
        let change = DatabaseChange {
            engine: database.engine,
            service: "db".to_owned(),
            container: container.clone(),
            name: database.name.to_owned(),
            passwords: (0..ACCOUNTS).map(password).collect(),
            superuser,
        };
        rotated(TOOL, &change, &values(seed, "root")).await?;
        // What it proves can fail: with the new passwords as those that are dead it does not hold.
        let mut wrong = values(seed, "root");
        wrong.dead = wrong.wanted.of(TOOL).cloned().unwrap_or_default();
        anyhow::ensure!(
            rotated(TOOL, &change, &wrong).await.is_err(),
            "a password that is let in counts as dead"
        );
        anyhow::Ok(())
    };
    let told = done.await;
    docker::remove_containers(&[container]).await.expect("removed");
    told.expect("every account gets its password");
}

pub(crate) async fn mariadb() {
    let database = Database {
        engine: DatabaseEngine::Mariadb,
        image: "mariadb",
        settings: &["MARIADB_ROOT_PASSWORD=root"],
        ready: &["healthcheck.sh", "--connect"],
        client: &["mariadb", "--user=root", "--password=root"],
        account: |number| format!("CREATE USER 'user{number}'@'%' IDENTIFIED BY 'old{number}';\n"),
        superuser: "root",
        name: "mysql",
    };
    rotates(&database, 4).await;
}

pub(crate) async fn postgresql() {
    let database = Database {
        engine: DatabaseEngine::Postgresql,
        image: "postgres",
        settings: &["POSTGRES_USER=nocodb", "POSTGRES_PASSWORD=root", "POSTGRES_DB=nocodb"],
        ready: &["pg_isready", "-q", "-h", "127.0.0.1", "-U", "nocodb", "-d", "nocodb"],
        client: &["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "nocodb", "-d", "nocodb"],
        account: |number| format!("CREATE ROLE \"user{number}\" LOGIN PASSWORD 'old{number}';\n"),
        superuser: "nocodb",
        name: "nocodb",
    };
    rotates(&database, 5).await;
}
