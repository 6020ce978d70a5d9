//! Telling databases new passwords, and proving who is let in. The clients run in the database's own container and
//! read passwords and statements from standard input.

use std::time::Duration;

use letsbe_catalog::DatabaseEngine;
use letsbe_host::{Command, CommandOutput, Machine};
use letsbe_types::{Problem, Secret, crash};
use letsbe_vault::rotation::{
    Accounts, DatabaseChange, NewPassword, RotationValues, mysql_accounts_query, mysql_alter, mysql_options,
    postgres_alter,
};

use super::points::inside;
use crate::files;

/// A database that was just started may take this long to answer.
const PATIENCE: Duration = Duration::from_secs(90);
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// How a login went.
#[derive(Debug, PartialEq, Eq)]
enum Login {
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
enum Door {
    /// The socket in the container.
    Socket,
    /// The network, as the tool does. The loopback address would not do: PostgreSQL's image lets everybody in there.
    Network,
}

/// One tool's database and the values of the rotation.
pub(super) struct Change<'a> {
    pub(super) machine: &'a dyn Machine,
    pub(super) tool: &'a str,
    pub(super) database: &'a DatabaseChange,
    pub(super) values: &'a RotationValues,
}

impl Change<'_> {
    /// Gives the database the wanted passwords.
    pub(super) async fn apply(&self) -> Result<(), Problem> {
        self.start().await?;
        match self.database.engine {
            DatabaseEngine::Postgresql => {
                let mut statement = String::new();
                for one in &self.database.passwords {
                    statement.push_str(postgres_alter(&one.user, self.wanted(one)?).expose());
                }
                crash::point(&inside::CHANGING_DATABASE);
                self.as_superuser(&Secret::new(statement)).await.map(drop)
            }
            DatabaseEngine::Mysql | DatabaseEngine::Mariadb => {
                let accounts = self.accounts().await?;
                let mut changes = Vec::new();
                for one in &self.database.passwords {
                    let password = self.wanted(one)?;
                    let those = accounts.list.iter().filter(|account| account.user == one.user);
                    let before = changes.len();
                    changes.extend(those.map(|account| (account, password)));
                    if changes.len() == before {
                        return Err(self.trouble(&format!("it has no account {}", one.user)));
                    }
                }
                crash::point(&inside::CHANGING_DATABASE);
                self.as_superuser(&mysql_alter(&changes, accounts.backslash_escapes)).await.map(drop)
            }
            // The catalog keeps its passwords as they are, so nothing gets here.
            DatabaseEngine::Mongodb => Err(self.trouble("nothing tells a MongoDB its new password yet")),
        }
    }

    /// Proves that every wanted password is let in and every dead one refused.
    pub(super) async fn prove(&self) -> Result<(), Problem> {
        for one in &self.database.passwords {
            let door = self.door(one).await?;
            let login = |password| self.patiently(&one.user, Some(password), door);
            match login(self.wanted(one)?).await? {
                Login::Accepted(_) => {}
                _ => return Err(self.unproven(one, "refuses the password that it should have")),
            }
            crash::point(&inside::PROVING);
            let Some(dead) = self.values.dead.get(&one.key) else { continue };
            match login(dead).await? {
                Login::Refused => {}
                _ => return Err(self.unproven(one, "still lets the other password in")),
            }
        }
        Ok(())
    }

    async fn door(&self, one: &NewPassword) -> Result<Door, Problem> {
        let remote = match self.database.engine {
            DatabaseEngine::Postgresql | DatabaseEngine::Mongodb => true,
            DatabaseEngine::Mysql | DatabaseEngine::Mariadb => self.accounts().await?.reachable(&one.user),
        };
        Ok(if remote { Door::Network } else { Door::Socket })
    }

    async fn accounts(&self) -> Result<Accounts, Problem> {
        let users: Vec<&str> = self.database.passwords.iter().map(|one| one.user.as_str()).collect();
        let said = self.as_superuser(&Secret::new(mysql_accounts_query(&users))).await?;
        Accounts::parse(&said).ok_or_else(|| self.trouble("its list of accounts is not understood"))
    }

    fn wanted(&self, one: &NewPassword) -> Result<&Secret<String>, Problem> {
        let name = || files::unusable("vault".as_ref(), format!("{}/{} is missing", self.tool, one.key));
        self.values.wanted(self.tool, &one.key).ok_or_else(name)
    }

    /// Runs a statement as the superuser: without a password where the socket lets it in, else with whichever
    /// password is in force at the moment.
    async fn as_superuser(&self, statement: &Secret<String>) -> Result<String, Problem> {
        let one = &self.database.superuser;
        let dead = self.values.dead.get(&one.key);
        let known = [dead, self.values.wanted(self.tool, &one.key)].into_iter().flatten().map(Some);
        let bare = (self.database.engine == DatabaseEngine::Postgresql).then_some(None);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let attempts: Vec<Option<&Secret<String>>> = bare.into_iter().chain(known).collect();
        loop {
            let mut silence = None;
            for password in &attempts {
                let door = match (self.database.engine, password) {
                    (DatabaseEngine::Postgresql, Some(_)) => Door::Network,
                    _ => Door::Socket,
                };
                match self.ask(&one.user, *password, door, statement).await? {
                    Login::Accepted(said) => return Ok(said),
                    Login::Refused => {}
                    Login::Silent(why) => silence = Some(why),
                    Login::Failed(why) => return Err(self.trouble(&why)),
                }
            }
            match silence {
                None => return Err(self.trouble(&format!("no known password of {} is let in", one.user))),
                Some(why) if tokio::time::Instant::now() >= deadline => return Err(self.trouble(&why)),
                Some(_) => tokio::time::sleep(ASK_AGAIN).await,
            }
        }
    }

    /// Tries to log in until the database says yes or no.
    async fn patiently(
        &self,
        user: &str,
        password: Option<&Secret<String>>,
        door: Door,
    ) -> Result<Login, Problem> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.ask(user, password, door, &Secret::from("SELECT 1;")).await? {
                Login::Silent(why) if tokio::time::Instant::now() >= deadline => {
                    return Err(self.trouble(&why));
                }
                Login::Silent(_) => tokio::time::sleep(ASK_AGAIN).await,
                told => return Ok(told),
            }
        }
    }

    async fn ask(
        &self,
        user: &str,
        password: Option<&Secret<String>>,
        door: Door,
        statement: &Secret<String>,
    ) -> Result<Login, Problem> {
        let command = client(self.database, user, password, door, statement);
        let output = self.machine.run(&command).await.map_err(|error| self.trouble(&error.to_string()))?;
        Ok(judge(self.database.engine, &output))
    }

    /// The database runs, or is started. One whose container is gone is made again: its data holds its passwords.
    async fn start(&self) -> Result<(), Problem> {
        let start = Command::new("docker", ["start", self.database.container.as_str()]);
        let up =
            ["compose", "up", "--detach", "--pull", "never", "--no-deps", self.database.service.as_str()];
        let folder = letsbe_provision::stacks::paths::stack(self.tool);
        let up = Command::new("docker", up).in_folder(folder).within(Duration::from_secs(300));
        for command in [start, up] {
            let output =
                self.machine.run(&command).await.map_err(|error| self.trouble(&error.to_string()))?;
            if output.success() {
                return Ok(());
            }
        }
        Err(self.trouble("its container cannot be started"))
    }

    fn trouble(&self, why: &str) -> Problem {
        let container = &self.database.container;
        Problem::transient(
            "ROT002",
            format!("The database in {container} could not be told or asked: {why}"),
            format!("See `docker logs --tail 100 {container}` on the server."),
        )
    }

    fn unproven(&self, one: &NewPassword, what: &str) -> Problem {
        Problem::permanent(
            "ROT003",
            format!("The database in {} {what} for {}", self.database.container, one.user),
            "Look for accounts of that user that were made by hand.",
        )
    }
}

/// A client that reads everything secret from standard input. [`Change::apply`] refuses MongoDB before one is needed.
fn client(
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
fn judge(engine: DatabaseEngine, output: &CommandOutput) -> Login {
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
