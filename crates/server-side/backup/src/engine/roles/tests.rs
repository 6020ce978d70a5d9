use letsbe_catalog::DatabaseEngine::{self, Mariadb, Postgresql};
use proptest::prelude::{any, proptest};

use super::{postgresql::Attribute, text};
use crate::DatabaseSource;

const HEAD: &str = "SET client_encoding = 'UTF8';\n";
const NOTHING: &str = "NOSUPERUSER NOINHERIT NOCREATEROLE NOCREATEDB NOLOGIN NOREPLICATION NOBYPASSRLS";

fn made(engine: DatabaseEngine, stored: &str) -> String {
    let [container, name, user, password, login] = ["c", "shop", "tool", "key", "root"].map(str::to_owned);
    super::made(&DatabaseSource { engine, container, name, user, password, login }, stored)
}

fn made_of_postgresql(stored: &str) -> String {
    made(Postgresql, stored).strip_prefix(HEAD).expect("its encoding first").to_owned()
}

#[test]
fn text_of_a_former_release_is_read_by_statements_and_not_by_lines() {
    for (stored, wanted) in [
        (
            "--\n\\restrict x\nSET client_encoding = 'UTF8';\nGRANT a TO b;\n\\unrestrict x\n",
            "GRANT \"a\" TO \"b\";\n",
        ),
        (
            "CREATE ROLE app;\n",
            &format!("CREATE ROLE \"app\";\nALTER ROLE \"app\" WITH {NOTHING} CONNECTION LIMIT -1;\n"),
        ),
        (
            "ALTER ROLE me SET \"a.b\" TO 'x\nALTER ROLE me SUPERUSER;\ny';\nGRANT a TO b;\n",
            "ALTER ROLE \"me\" SET \"a.b\" TO E'x\nALTER ROLE me SUPERUSER;\ny';\nGRANT \"a\" TO \"b\";\n",
        ),
        ("ALTER ROLE me SET \"a.b\" TO E'\\\\''\nx';\n", "ALTER ROLE \"me\" SET \"a.b\" TO E'\\\\''\nx';\n"),
        (
            "ALTER ROLE me SET search_path TO 'a b', 'c';\n",
            "ALTER ROLE \"me\" SET \"search_path\" TO E'a b', E'c';\n",
        ),
        (
            "GRANT a TO b WITH ADMIN OPTION, INHERIT FALSE GRANTED BY \"C\";\n",
            "GRANT \"a\" TO \"b\" WITH ADMIN OPTION, INHERIT FALSE;\n",
        ),
        ("GRANT a TO b \\! id;\nGRANT a TO b;\\! id\n", "GRANT \"a\" TO \"b\";\n"),
        (
            "DROP ROLE a; ALTER ROLE a RENAME TO b; GRANT ALL ON x TO y; ALTER ROLE a WITH PASSWORD 'x'; GRANT a TO",
            "",
        ),
        (
            "GRANT root TO b; GRANT pg_execute_server_program TO b; ALTER ROLE x SET local_preload_libraries TO 'x';",
            "",
        ),
        ("ALTER ROLE \"x", ""),
    ] {
        assert_eq!(made_of_postgresql(stored), wanted, "{stored}");
    }
}

#[test]
fn text_of_a_former_release_gives_nobody_what_only_a_superuser_gives() {
    let all = Attribute::ALL.map(|(_, word)| word).join(" ");
    let stored = format!(
        "ALTER ROLE a WITH {all} CONNECTION LIMIT 3 VALID UNTIL '2030-01-01';\nALTER ROLE root WITH NOSUPERUSER;\n"
    );
    let may = "NOSUPERUSER INHERIT NOCREATEROLE CREATEDB LOGIN NOREPLICATION NOBYPASSRLS";
    let rest = "CONNECTION LIMIT 3 VALID UNTIL E'2030-01-01'";
    assert_eq!(
        made_of_postgresql(&stored),
        format!("CREATE ROLE \"a\";\nALTER ROLE \"a\" WITH {may} {rest};\n")
    );
}

#[test]
fn accounts_of_mysql_get_rights_over_the_database_only() {
    let kept = "CREATE USER IF NOT EXISTS 'report'@'%' ACCOUNT LOCK;\nGRANT SELECT ON `shop`.* TO 'report'@'%';\n\
                GRANT SELECT (`a``b`) ON `shop`.`t` TO 'report'@'%';\nGRANT CREATE TEMPORARY TABLES ON `shop`.* TO 'clerk';\n\
                GRANT EXECUTE ON PROCEDURE `shop`.`p \\`` TO '; x` TO 'report'@'%';\nCREATE ROLE IF NOT EXISTS 'clerk';\n\
                ALTER DATABASE `shop` CHARACTER SET latin1 COLLATE latin1_bin;\n";
    assert_eq!(made(Mariadb, kept), kept);
    for left_out in [
        "GRANT SELECT ON `shop`.* TO 'o'x'@'%';",
        "GRANT SELECT ON `a`.* TO 'b'@'%';",
        "GRANT SELECT ON `shop`.* TO 'b'@'%'; DROP DATABASE shop;",
        "GRANT EXECUTE ON PROCEDURE `shop`.`p\nGRANT ALL ON *.* TO 'bob'@'%';\n` TO 'bob'@'%';",
        "GRANT EXECUTE ON PROCEDURE `shop`.`p\nGRANT SELECT ON ``shop``.* TO 'bob'@'%';\n` TO 'bob'@'%';",
        "GRANT SELECT ON *.* TO 'bob'@'%';",
        "GRANT SUPER ON `shop`.* TO 'bob'@'%';",
        "GRANT SELECT ON `shop`.* TO 'bob'@'%' WITH GRANT OPTION;",
        "GRANT SELECT ON `shop`.* TO 'bob'@'%', 'eve'@'%';",
        "GRANT 'clerk' TO 'bob'@'%';",
        "CREATE USER IF NOT EXISTS 'o\\'x'@'%' ACCOUNT LOCK;",
        "CREATE USER IF NOT EXISTS 'x'@'%';",
        "DROP USER 'tool'@'%';",
        "ALTER DATABASE `mysql` CHARACTER SET latin1 COLLATE latin1_bin;",
        "ALTER DATABASE `shop` CHARACTER SET latin1 COLLATE latin1_bin; DROP DATABASE `shop`;",
    ] {
        assert_eq!(made(Mariadb, left_out), "", "{left_out}");
    }
}

/// Every statement but the first is one that the reader of the former form knows; nothing stands outside of statements.
fn only_known_forms(statements: &str) {
    let statements = statements.strip_prefix(HEAD).expect("its encoding first");
    assert!(statements.is_empty() || statements.ends_with(";\n"), "{statements:?}");
    let read = text::statements(&format!("{statements}GRANT last TO last;"));
    assert_eq!(
        read.last(),
        text::statements("GRANT last TO last;").last(),
        "no quote is open: {statements:?}"
    );
    for statement in read {
        assert!(text::fact(&statement).is_some(), "{statement:?}");
    }
}

proptest! {
    #[test]
    fn whatever_was_stored_only_statements_of_the_known_forms_are_carried_out(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "ALTER ROLE ", "me ", "SET ", "WITH ", "TO ", "'", "\"", "E'", "\\", "\n", ";", "GRANT ", "\\! id", "a", ",", "--", "{",
            "SUPERUSER", "\u{e9}", "CREATE ROLE ", "'x';\n", "`",
        ]), 0..24),
    ) {
        only_known_forms(&made(Postgresql, &pieces.concat()));
    }

    #[test]
    fn a_name_or_value_is_never_more_than_that(name in any::<String>(), value in "[a-z\\\\'\"\n;! ]{0,20}") {
        let setting = serde_json::json!({"setting": {"role": name, "is": format!("a.b={value}")}});
        let member = serde_json::json!({"member": {"role": value, "member": name, "admin": true}});
        let made = made(Postgresql, &format!("{setting}\n{member}\n"));
        only_known_forms(&made);
        if !name.contains('\0') {
            let read = text::statements(&made);
            assert_eq!(read.len(), 3);
            assert_eq!(read[1].last(), Some(&text::Token::Text(value.clone())));
            assert_eq!(read[2][3], text::Token::Name(name));
        }
    }
}
