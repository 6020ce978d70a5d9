//! PostgreSQL.

use crate::server::Server;

/// Owners, grants of every kind, policies, settings, and what is neither a table nor a row.
const SHOP: &str = include_str!("shop.postgresql.sql");
/// What is asked afterwards: each answer is the original's.
const QUESTIONS: [&str; 12] = [
    "SELECT relname, pg_get_userbyid(relowner), ARRAY(SELECT a::text FROM unnest(relacl) a ORDER BY 1), relrowsecurity, relforcerowsecurity FROM pg_class \
     WHERE relnamespace::regnamespace::text !~ '^(pg_|information)' ORDER BY 1",
    "SELECT attrelid::regclass, attname, ARRAY(SELECT a::text FROM unnest(attacl) a ORDER BY 1) FROM pg_attribute WHERE attacl IS NOT NULL AND attnum > 0 \
     AND attrelid::regclass::text LIKE 'sales%' ORDER BY 1, 2",
    "SELECT proname, pg_get_userbyid(proowner), prosecdef FROM pg_proc WHERE proname IN ('whoami', 'noticed', 'watched') ORDER BY 1",
    "SELECT polname, polroles::regrole[], pg_get_expr(polqual, polrelid) FROM pg_policy ORDER BY 1",
    "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, \
     ARRAY(SELECT a::text FROM unnest(datacl) a ORDER BY 1), shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop'",
    "SELECT coalesce(rolname, ''), setconfig FROM pg_db_role_setting LEFT JOIN pg_roles r ON r.oid = setrole ORDER BY 1, 2",
    "SELECT roleid::regrole, member::regrole FROM pg_auth_members WHERE member::regrole::text = 'app'",
    "SELECT defaclrole::regrole, defaclobjtype, defaclacl FROM pg_default_acl",
    "SELECT nspname, pg_get_userbyid(nspowner), ARRAY(SELECT a::text FROM unnest(nspacl) a ORDER BY 1) FROM pg_namespace WHERE nspname = 'sales'",
    "SELECT pubname, puballtables FROM pg_publication UNION SELECT evtname, evtenabled = 'A' FROM pg_event_trigger; \
     SELECT obj_description(oid, 'pg_event_trigger') FROM pg_event_trigger WHERE evtname = 'watch'",
    "SELECT last_value, is_called FROM numbers; SELECT count(*) FROM noticed; SELECT extname FROM pg_extension ORDER BY 1",
    "SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM sales.orders o; SELECT * FROM sales.summary; \
     SELECT loid, encode(data, 'escape') FROM pg_largeobject",
];

#[test]
fn owners_grants_policies_and_settings_of_a_postgresql_come_along() {
    let (original, copy) = (Server::postgresql(), Server::postgresql());
    original.sql("postgres", SHOP);
    let taken = original.taken();
    assert!(!taken.roles.contains("PASSWORD"), "{}", taken.roles);
    copy.given(&taken).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(copy.counted(), taken.rows);
    for question in QUESTIONS {
        assert_eq!(copy.sql("shop", question), original.sql("shop", question), "{question}");
    }
    assert!(copy.sql("shop", QUESTIONS[0]).contains("orders|app|"), "owned by whom it was");
}

/// They fire whatever a session says, here for what pg_restore does last: to fill a materialized view.
#[test]
fn event_triggers_that_always_fire_do_not_fire_while_a_dump_is_loaded_and_do_afterwards() {
    let (original, copy) = (Server::postgresql(), Server::postgresql());
    original.sql("postgres", SHOP);
    let taken = original.taken();
    copy.given(&taken).unwrap_or_else(|why| panic!("{why}"));
    let fired = "SELECT count(*) FROM noticed WHERE x = 9";
    assert_eq!(copy.sql("shop", fired), original.sql("shop", fired));
    let why = copy.told("shop", "CREATE TABLE more ()").unwrap_err();
    assert!(why.contains("no CREATE TABLE here"), "{why}");
}

#[test]
fn databases_that_somebody_made_beside_the_tools_own_are_named() {
    let server = Server::postgresql();
    assert_eq!(server.others(), [""; 0]);
    server.sql("postgres", "CREATE DATABASE crm");
    server.sql("postgres", "CREATE DATABASE \"odd \"\"name\"");
    server.sql("postgres", "CREATE TABLE kept (x int)");
    assert_eq!(server.others(), ["crm", "odd \"name", "postgres"]);
    server.sql("postgres", "DROP TABLE kept; CREATE TEMPORARY TABLE kept (x int)");
    assert_eq!(server.others(), ["crm", "odd \"name"]);
}

/// What somebody set for the database or for its user holds for the tool, and for no dump, load or count of ours.
#[test]
fn no_setting_of_a_postgresql_stops_its_dump_or_its_load() {
    let (original, copy) = (Server::postgresql(), Server::postgresql());
    let rows =
        "CREATE TABLE \"m\u{e4}rz\" (x int); INSERT INTO \"m\u{e4}rz\" SELECT generate_series(1, 100000);";
    original.sql("shop", rows);
    for setting in [
        "ALTER DATABASE shop SET default_transaction_read_only = on",
        "ALTER DATABASE shop SET statement_timeout = '1ms'",
        "ALTER DATABASE shop SET client_encoding = 'LATIN1'",
        "ALTER DATABASE shop SET standard_conforming_strings = off",
        "ALTER DATABASE shop SET search_path = nowhere",
        "ALTER DATABASE shop SET row_security = off",
        "ALTER DATABASE shop SET datestyle = 'German'",
        "ALTER DATABASE shop CONNECTION LIMIT 0",
        "CREATE ROLE app; ALTER ROLE tool IN DATABASE shop SET role = app",
        "ALTER ROLE tool SET idle_in_transaction_session_timeout = '1ms'",
    ] {
        original.sql("postgres", setting);
    }
    assert!(original.told("shop", "SELECT count(*) FROM public.\"m\u{e4}rz\"").is_err(), "they are in force");
    let taken = original.taken();
    assert_eq!(taken.rows, [("public.m\u{e4}rz".to_owned(), 100_000)].into());
    copy.given(&taken).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(copy.counted(), taken.rows);
}

#[test]
fn a_set_of_a_former_release_without_accounts_is_loaded_without_owners() {
    let (original, copy) = (Server::postgresql(), Server::postgresql());
    original.sql(
        "shop",
        "CREATE ROLE app; CREATE TABLE t (x int); ALTER TABLE t OWNER TO app; GRANT SELECT ON t TO app;",
    );
    let taken = original.taken();
    copy.given_bare(&taken).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(copy.counted(), taken.rows);
}

/// Where a table lies on the disk is no part of it; another encoding than UTF-8 is.
#[test]
fn tables_on_a_disk_of_their_own_and_names_in_latin_1_are_loaded_where_there_is_no_such_disk() {
    let (original, copy) = (Server::postgresql(), Server::postgresql());
    let place = original.sql("postgres", "SHOW data_directory");
    let place = std::path::Path::new(place.trim()).parent().expect("a folder").join("fast");
    // PostgreSQL makes no folder itself, but takes one of its own user's. What it writes to the program must be read.
    original.sql(
        "postgres",
        &format!("COPY (SELECT 1) TO PROGRAM 'mkdir {} && cat >/dev/null'", place.display()),
    );
    original.sql("postgres", &format!("CREATE TABLESPACE fast LOCATION '{}'", place.display()));
    original.sql("postgres", "DROP DATABASE shop");
    let latin = "CREATE DATABASE shop TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' TABLESPACE fast";
    original.sql("postgres", latin);
    let table = "SET client_encoding = 'UTF8'; CREATE TABLE \"m\u{e4}rz\" (x text); INSERT INTO \"m\u{e4}rz\" VALUES ('\u{df}');";
    original.sql("shop", table);
    let taken = original.taken();
    assert_eq!(taken.rows, [("public.m\u{e4}rz".to_owned(), 1)].into());
    copy.given(&taken).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(copy.counted(), taken.rows);
    assert_eq!(copy.sql("shop", "SHOW server_encoding"), "LATIN1\n");
}

/// What a role of the tool's may set for itself, with a statement on a line of its own in it.
const HOSTILE: &str = "CREATE ROLE clerk; CREATE ROLE me LOGIN; CREATE ROLE boss SUPERUSER; GRANT clerk TO me; \
    CREATE ROLE \"odd\\name\nALTER ROLE me SUPERUSER;\n--\"; ALTER ROLE me SET search_path = 'a b', \"$user\"; SET ROLE me; \
    ALTER ROLE me SET application_name = E'x\\nALTER ROLE me SUPERUSER;\\nGRANT boss TO me;\\n\\\\! touch PROOF\\ny'; RESET ROLE;";

#[test]
fn a_setting_with_a_statement_in_it_makes_nobody_a_superuser_and_the_rest_is_loaded() {
    let whole = "SELECT rolname, rolsuper, rolcanlogin FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1; \
                 SELECT setrole::regrole, setconfig FROM pg_db_role_setting; SELECT roleid::regrole, member::regrole FROM \
                 pg_auth_members WHERE member::regrole::text = 'me'";
    for former in [false, true] {
        let (original, copy) = (Server::postgresql(), Server::postgresql());
        let proof = original.beside("proof");
        original.sql("postgres", &HOSTILE.replace("PROOF", &proof.display().to_string()));
        let mut taken = original.taken();
        if former {
            taken.roles = original.roles_of_a_former_release();
            assert!(taken.roles.contains("\nALTER ROLE me SUPERUSER;\n"), "{}", taken.roles);
        }
        copy.given(&taken).unwrap_or_else(|why| panic!("{why}"));
        assert!(!proof.exists(), "the client ran a command");
        assert_eq!(copy.sql("shop", "SELECT rolsuper FROM pg_roles WHERE rolname = 'me'"), "f\n");
        let wanted = original.sql("shop", whole);
        // Of a text nobody becomes one, not even who was one.
        let wanted = if former { wanted.replace("boss|t", "boss|f") } else { wanted };
        assert_eq!(copy.sql("shop", whole), wanted);
    }
}
