//! MariaDB.

use crate::server::{Server, Taken};

/// Definers of every kind, letters and modes that are not the image's, rows that were, tables that are none.
const SHOP: &str = include_str!("shop.mariadb.sql");
const QUESTIONS: [&str; 11] = [
    "SELECT * FROM seen",
    "SELECT * FROM by_role",
    "SELECT * FROM by_routine",
    "SELECT *, row_start, row_end FROM past FOR SYSTEM_TIME ALL ORDER BY x, row_end",
    "SELECT *, hidden FROM odd",
    "SELECT HEX(b), HEX(l), f + 0, e, y, i, ST_AsText(g) FROM bytes",
    "INSERT INTO numbered (x) VALUES (3); SELECT * FROM numbered; SELECT NEXTVAL(numbers)",
    "SET time_zone = '+00:00'; SELECT * FROM times",
    "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = 'shop'",
    "SELECT routine_name, definer, sql_mode, routine_definition FROM information_schema.routines WHERE routine_schema = \
     'shop' ORDER BY 1",
    "SELECT table_name, table_type, engine, table_collation FROM information_schema.tables WHERE table_schema = 'shop' \
     ORDER BY 1",
];

#[test]
fn definers_with_what_they_may_letters_modes_and_rows_that_were_come_along() {
    let (original, copy) = (Server::mariadb(), Server::mariadb());
    original.sql("shop", SHOP);
    let taken = original.taken();
    assert!(!taken.roles.contains("IDENTIFIED"), "{}", taken.roles);
    assert_eq!(taken.rows, original.counted(), "the dump's rows are the tables' rows");
    copy.given(&taken).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(copy.counted(), taken.rows);
    for question in QUESTIONS {
        assert_eq!(copy.sql("shop", question), original.sql("shop", question), "{question}");
    }
    assert_eq!(copy.sql("shop", "SELECT x FROM past FOR SYSTEM_TIME ALL ORDER BY x"), "1\n2\n10\n");
    assert!(copy.told("shop", "CALL by_stranger()").is_err(), "a locked account without rights runs nothing");
}

/// A server that ends every statement after a moment does so for its tool, and for no count of ours.
#[test]
fn no_setting_of_a_mariadb_stops_its_count() {
    let server = Server::mariadb();
    server.sql("shop", "CREATE TABLE t (x INT); INSERT INTO t SELECT seq FROM seq_1_to_300000;");
    server.sql("shop", "SET GLOBAL max_statement_time = 0.0001; SET GLOBAL sql_mode = 'ANSI_QUOTES,ORACLE';");
    assert_eq!(server.counted(), [("t".to_owned(), 300_000)].into());
    assert_eq!(server.taken().rows, server.counted());
}

/// Whoever makes a routine may call it, whatever its name is: this one has a statement on a line of its own in it.
#[test]
fn a_routine_with_a_statement_in_its_name_gives_nobody_anything_and_the_rest_is_loaded() {
    let (original, copy) = (Server::mariadb(), Server::mariadb());
    original
        .sql("shop", "CREATE USER bob@localhost; GRANT SELECT, CREATE ROUTINE ON shop.* TO bob@localhost;");
    let attack = "CREATE PROCEDURE `p\nGRANT ALL ON *.* TO 'bob'@'localhost';\n`() SELECT 1; CREATE PROCEDURE q() SELECT 2;";
    original.told_by("bob", "shop", attack).unwrap_or_else(|why| panic!("{why}"));
    let own = original.sql("mysql", "SELECT HEX(Routine_name) FROM procs_priv WHERE User = 'bob'");
    assert_eq!(own.lines().count(), 2, "both are his: {own}");
    let taken = original.taken();
    assert!(!taken.roles.contains("*.*"), "{}", taken.roles);
    // As a former release stored it.
    let line = "GRANT EXECUTE ON PROCEDURE `shop`.`p\nGRANT ALL ON *.* TO 'bob'@'localhost';\n` TO 'bob'@'localhost';\n";
    let former = Taken { roles: format!("{line}{}", taken.roles), ..taken };
    copy.given(&former).unwrap_or_else(|why| panic!("{why}"));
    let rights = copy.sql("mysql", "SHOW GRANTS FOR bob@localhost");
    assert!(rights.contains("GRANT USAGE ON *.*") && !rights.contains("ALL"), "{rights}");
    assert!(rights.contains("GRANT SELECT ON `shop`.*"), "{rights}");
    assert!(rights.contains("GRANT EXECUTE ON PROCEDURE `shop`.`q`"), "{rights}");
}

#[test]
fn databases_that_somebody_made_beside_the_tools_own_are_named_where_they_hold_something() {
    let server = Server::mariadb();
    server.sql("shop", "CREATE TABLE t (x INT); CREATE DATABASE nothing;");
    assert_eq!(server.others(), [""; 0]);
    server.sql("shop", "CREATE DATABASE crm; CREATE TABLE crm.t (x INT); CREATE DATABASE `odd \"name`;");
    server.sql("odd \"name", "CREATE FUNCTION f() RETURNS INT RETURN 1;");
    assert_eq!(server.others(), ["crm", "odd \"name"]);
}
