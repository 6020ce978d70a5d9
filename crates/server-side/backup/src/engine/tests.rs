use std::path::Path;

use letsbe_catalog::DatabaseEngine::{self, Mariadb, Mongodb, Mysql, Postgresql};
use letsbe_host::Command;
use letsbe_types::Secret;

use super::{
    Access, counts, dump, first_line, load, make_roles, others, prepare, ready, roles, session, variables,
};
use crate::DatabaseSource;

fn access() -> Access<'static> {
    Access { variables: Path::new("/run/v") }
}

fn database(engine: DatabaseEngine, login: &str) -> DatabaseSource {
    let [container, name, user, password] = ["letsbe-x-db", "shop", "tool", "key"].map(str::to_owned);
    DatabaseSource { engine, container, name, user, password, login: login.to_owned() }
}

fn all(database: &DatabaseSource) -> Vec<Command> {
    let fixed = [
        dump(database, access(), Some("00000003-1")),
        load(database, access()),
        counts(database, access()),
        ready(database, access()),
    ];
    let more = [
        prepare(database, access()),
        roles(database, access()),
        make_roles(database, access(), ""),
        others(database, access()),
    ];
    fixed.into_iter().chain(more.into_iter().flatten()).collect()
}

#[test]
fn every_client_runs_in_the_databases_container_and_is_told_no_secret() {
    for engine in [Postgresql, Mysql, Mariadb, Mongodb] {
        let database = database(engine, "root");
        for command in all(&database) {
            assert_eq!(command.program, "docker");
            let head = ["exec", "--interactive", "--env-file", "/run/v", "letsbe-x-db"];
            assert_eq!(command.arguments[..5], head);
            assert!(command.environment.is_empty());
            assert!(!command.arguments.iter().any(|word| word.contains("password=")), "{command:?}");
        }
        let password = Secret::from("canary");
        let told = [Some(variables(&database, &password)), first_line(&database, &password)];
        let ways = told.iter().flatten().filter(|text| text.expose().contains("canary")).count();
        assert_eq!(ways, usize::from(engine != Postgresql), "{engine:?}: by one way only");
    }
}

#[test]
fn images_of_mariadb_have_its_own_names_only() {
    for (engine, wanted) in [
        (Mysql, ["mysqldump", "mysql", "mysql", "mysqladmin", "mysql", "mysql", "mysql", "mysql"]),
        (
            Mariadb,
            [
                "mariadb-dump",
                "mariadb",
                "mariadb",
                "mariadb-admin",
                "mariadb",
                "mariadb",
                "mariadb",
                "mariadb",
            ],
        ),
    ] {
        let programs: Vec<String> =
            all(&database(engine, "root")).into_iter().map(|command| command.arguments[5].clone()).collect();
        assert_eq!(programs, wanted);
    }
}

#[test]
fn without_a_superuser_nothing_is_asked_that_only_he_may() {
    let bare = database(Mariadb, "tool");
    assert_eq!((prepare(&bare, access()), others(&bare, access())), (None, None));
    assert!(!load(&bare, access()).arguments.iter().any(|word| word.contains("sql_log_bin")));
    assert!(load(&database(Mariadb, "root"), access()).arguments.iter().any(|w| w.contains("sql_log_bin")));
}

#[test]
fn owners_are_left_out_only_where_there_is_but_one() {
    for (login, wanted) in [("tool", true), ("postgres", false)] {
        let command = load(&database(Postgresql, login), access());
        assert_eq!(command.arguments.iter().any(|word| word == "--no-owner"), wanted);
        assert!(command.arguments.iter().any(|word| word.starts_with("--dbname=dbname=postgres ")));
    }
    assert!(session(&database(Postgresql, "tool"), access()).input.is_none());
}
