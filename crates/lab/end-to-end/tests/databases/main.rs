//! The commands of `letsbe_backup` against real databases: what is dumped, counted on its way and loaded elsewhere is
//! the same. Needs Docker only.

mod mysql;
mod postgresql;
mod server;

use letsbe_lab::{docker, images};
use server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_mariadb_counts_its_rows_and_loads_into_the_same() {
    mysql::round_trip(Server::mariadb, &mysql::MARIADB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_mysql_counts_its_rows_and_loads_into_the_same() {
    docker::ensure_engine().await.expect("the engine");
    let image = images::ensure("mysql9").await.expect("the image");
    if !image.starts_with("letsbe-lab/mysql9:") {
        let why = format!(
            "NOT TRIED WITH MYSQL: Debian's unstable release has none that can be installed, only {image}"
        );
        assert!(std::env::var_os("CI").is_none(), "{why}");
        eprintln!("{why}");
        return;
    }
    mysql::round_trip(Server::mysql, &mysql::MYSQL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_postgresql_has_the_rows_of_its_snapshot_and_loads_into_the_same() {
    postgresql::round_trip().await;
}
