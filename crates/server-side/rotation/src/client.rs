//! The clients of databases: how they are called, and what their end means. They run in the database's own container and
//! read passwords and statements from standard input.

use letsbe_catalog::DatabaseEngine;
use letsbe_host::{Command, CommandOutput};
use letsbe_types::Secret;
use letsbe_vault::rotation::{DatabaseChange, mysql_options};

/// How a login went.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// It was let in; what the database said.
    Accepted(String),
    /// The password is not the right one.
    Refused,
    /// It does not answer yet, or not any more; in words without values.
    Silent(String),
    /// It does not do what it was told; in words without values.
    Failed(String),
}

/// Where a client connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The socket in the container.
    Socket,
    /// The network, as the tool does. The loopback address would not do: PostgreSQL's image lets everybody in there.
    Network,
}

/// A client that reads everything secret from standard input. A MongoDB is refused before one is needed.
pub(super) fn client(
    database: &DatabaseChange,
    user: &str,
    password: Option<&Secret<String>>,
    door: Door,
    statement: &Secret<String>,
) -> Command {
    let mut arguments = vec!["exec", "--interactive", database.container.as_str()];
    let input = match database.engine {
        DatabaseEngine::Postgresql => {
            arguments.extend(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", user]);
            arguments.extend(["-d", database.name.as_str()]);
            if door == Door::Network {
                arguments.extend(["-h", database.service.as_str()]);
            }
            match password {
                // Without a terminal it is asked for on standard input, before the statements.
                Some(password) => {
                    arguments.push("-W");
                    Secret::new(format!("{}\n{}\n", password.expose(), statement.expose()))
                }
                None => {
                    arguments.push("-w");
                    statement.clone()
                }
            }
        }
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb | DatabaseEngine::Mongodb => {
            arguments.push(if database.engine == DatabaseEngine::Mysql { "mysql" } else { "mariadb" });
            arguments.extend(["--defaults-file=/dev/stdin", "--batch", "--skip-column-names"]);
            if door == Door::Network {
                arguments.extend(["--protocol=tcp", "--host", database.service.as_str()]);
            }
            let none = Secret::from("");
            mysql_options(user, password.unwrap_or(&none), statement)
        }
    };
    Command::new("docker", arguments).with_input(input)
}

/// What a client's end means. Its words are not repeated: they may quote the statement.
pub(super) fn judge(engine: DatabaseEngine, output: &CommandOutput) -> Login {
    if output.success() {
        return Login::Accepted(output.stdout.clone());
    }
    let refusals: &[&str] = match engine {
        DatabaseEngine::Postgresql => &["password authentication failed for user", "no password supplied"],
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb | DatabaseEngine::Mongodb => {
            &["ERROR 1045 (28000)", "ERROR 1698 (28000)"]
        }
    };
    if refusals.iter().any(|refusal| output.stderr.contains(refusal)) {
        return Login::Refused;
    }
    let ended = format!("its client ended with {}", output.code);
    match engine {
        // psql: 3 is a statement that failed, anything else a connection.
        DatabaseEngine::Postgresql if output.code == 3 => Login::Failed(ended),
        DatabaseEngine::Postgresql => Login::Silent(ended),
        DatabaseEngine::Mysql | DatabaseEngine::Mariadb | DatabaseEngine::Mongodb => {
            match error_number(&output.stderr) {
                // From 2000 on the client itself speaks: it could not connect.
                Some(number) if !(2000..3000).contains(&number) => {
                    Login::Failed(format!("{ended} (error {number})"))
                }
                _ => Login::Silent(ended),
            }
        }
    }
}

/// `ERROR 1396 (HY000): …` and `ERROR 1064 (42000) at line 1: …`.
fn error_number(stderr: &str) -> Option<u32> {
    stderr.split_once("ERROR ")?.1.split_once(' ')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use letsbe_catalog::DatabaseEngine::{self, Mariadb, Mysql, Postgresql};
    use letsbe_host::CommandOutput;
    use letsbe_vault::rotation::{DatabaseChange, NewPassword};

    use super::{Door, Login, client, judge};

    fn database(engine: DatabaseEngine) -> DatabaseChange {
        let root = NewPassword { user: "root".to_owned(), key: "root_password".to_owned() };
        let [service, container, name] = ["db", "letsbe-x-db", "x"].map(str::to_owned);
        DatabaseChange { engine, service, container, name, passwords: vec![root.clone()], superuser: root }
    }

    #[test]
    fn no_secret_stands_in_an_argument_or_a_variable() {
        for engine in [Postgresql, Mysql, Mariadb] {
            for door in [Door::Socket, Door::Network] {
                let statement = "ALTER … canary-new".into();
                let command = client(&database(engine), "root", Some(&"canary-old".into()), door, &statement);
                assert!(command.environment.is_empty() && !format!("{command:?}").contains("canary"));
                assert!(!command.arguments.iter().any(|word| word.contains("canary")));
                let input = command.input.expect("an input");
                assert!(input.expose().contains("canary-old") && input.expose().contains("canary-new"));
                let networked = command.arguments.iter().any(|word| word == "db");
                assert_eq!(networked, door == Door::Network);
            }
        }
    }

    #[test]
    fn a_refusal_is_told_from_silence_and_nothing_is_quoted() {
        let ended =
            |code, stderr: &str| CommandOutput { code, stdout: String::new(), stderr: stderr.to_owned() };
        assert_eq!(judge(Mysql, &ended(0, "")), Login::Accepted(String::new()));
        for (engine, text) in [
            (Mysql, "ERROR 1045 (28000): Access denied for user 'root'@'localhost' (using password: YES)"),
            (Mariadb, "ERROR 1698 (28000): Access denied for user 'root'@'localhost'"),
            (Postgresql, "Password: \npsql: error: … FATAL:  password authentication failed for user \"x\""),
            (Postgresql, "psql: error: … fe_sendauth: no password supplied"),
        ] {
            assert_eq!(judge(engine, &ended(1, text)), Login::Refused, "{text}");
        }
        for (engine, code, text, waits) in [
            (Mysql, 1, "ERROR 2002 (HY000): Can't connect to local server through socket", true),
            (Mysql, 1, "Error response from daemon: container abc is not running", true),
            (Mysql, 1, "ERROR 1064 (42000) at line 1: You have an error near 'canary'", false),
            (Postgresql, 2, "psql: error: connection to server failed: Connection refused canary", true),
            (Postgresql, 3, "ERROR:  syntax error at or near \"canary\"", false),
        ] {
            let (silent, why) = match judge(engine, &ended(code, text)) {
                Login::Silent(why) => (true, why),
                Login::Failed(why) => (false, why),
                other => panic!("{text}: {other:?}"),
            };
            assert_eq!(silent, waits, "{text}");
            assert!(!why.contains("canary"), "{why}");
        }
    }
}
