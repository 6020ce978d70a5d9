//! The commands of `letsbe_backup` against real databases: what is dumped, counted on its way and loaded elsewhere is
//! the same. Needs Docker only.

mod mysql;
mod postgresql;
mod server;

use server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_mariadb_counts_its_rows_and_loads_into_the_same() {
    mysql::round_trip(Server::mariadb).await;
}

/// The lab's MySQL is MariaDB under MySQL's names: this shows the other names, and that MySQL's options do no harm.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_mysql_counts_its_rows_and_loads_into_the_same() {
    mysql::round_trip(Server::mysql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_postgresql_has_the_rows_of_its_snapshot_and_loads_into_the_same() {
    postgresql::round_trip().await;
}
