//! Telling databases new passwords, and proving who is let in, however many accounts there are: a client is told of
//! as many as it takes, and few clients run at a time.

use std::time::Duration;

use futures::{TryStreamExt as _, stream};
use letsbe_catalog::DatabaseEngine;
use letsbe_host::{Command, Machine};
use letsbe_types::{Code, Problem, Secret, crash};
use letsbe_vault::rotation::{
    Accounts, DatabaseChange, NewPassword, RotationValues, mysql_accounts_queries, mysql_alters,
    postgres_alter,
};

use super::{
    client::{Door, Login, client, judge},
    points::inside,
};
use letsbe_base::files;

/// A database that was just started may take this long to answer.
const PATIENCE: Duration = Duration::from_secs(90);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Roles that one client of PostgreSQL is told of: for each the server hashes some thousand times.
const ROLES_AT_ONCE: usize = 200;
/// Accounts whose log-ins are tried at the same time: far fewer than a database takes connections.
const PROOFS_AT_ONCE: usize = 8;

/// One tool's database and the values of the rotation.
pub struct Change<'a> {
    /// Where the database runs.
    pub machine: &'a dyn Machine,
    /// The tool.
    pub tool: &'a str,
    /// The database, and whose passwords change.
    pub database: &'a DatabaseChange,
    /// The new passwords, and the ones that must no longer be let in.
    pub values: &'a RotationValues,
}

impl Change<'_> {
    /// Gives the database the wanted passwords. Killed in the middle, some are given: the same is done again.
    pub async fn apply(&self) -> Result<(), Problem> {
        self.start().await?;
        for statement in self.statements().await? {
            crash::point(&inside::CHANGING_DATABASE);
            self.as_superuser(&statement).await?;
        }
        Ok(())
    }

    /// What its clients are told, one after the other.
    async fn statements(&self) -> Result<Vec<Secret<String>>, Problem> {
        match self.database.engine {
            DatabaseEngine::Postgresql => {
                let alter = |one: &NewPassword| Ok(postgres_alter(&one.user, self.wanted(one)?));
                let told = |some: &[NewPassword]| {
                    let each: Vec<_> = some.iter().map(alter).collect::<Result<_, Problem>>()?;
                    Ok(Secret::new(each.iter().map(|one| one.expose().as_str()).collect()))
                };
                self.database.passwords.chunks(ROLES_AT_ONCE).map(told).collect()
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
                Ok(mysql_alters(&changes, accounts.backslash_escapes))
            }
            // The catalog keeps its passwords as they are, so nothing gets here.
            DatabaseEngine::Mongodb => Err(self.trouble("nothing tells a MongoDB its new password yet")),
        }
    }

    /// Proves that every wanted password is let in and every dead one refused. The first that is not ends it.
    pub async fn prove(&self) -> Result<(), Problem> {
        let accounts = match self.database.engine {
            DatabaseEngine::Postgresql | DatabaseEngine::Mongodb => None,
            DatabaseEngine::Mysql | DatabaseEngine::Mariadb => Some(self.accounts().await?),
        };
        let accounts = accounts.as_ref();
        stream::iter(self.database.passwords.iter().map(Ok))
            .try_for_each_concurrent(PROOFS_AT_ONCE, |one| self.prove_one(one, accounts))
            .await
    }

    async fn prove_one(&self, one: &NewPassword, accounts: Option<&Accounts>) -> Result<(), Problem> {
        let remote = accounts.is_none_or(|accounts| accounts.reachable(&one.user));
        let door = if remote { Door::Network } else { Door::Socket };
        match self.patiently(&one.user, self.wanted(one)?, door).await? {
            Login::Accepted(_) => {}
            _ => return Err(self.unproven(one, "refuses the password that it should have")),
        }
        crash::point(&inside::PROVING);
        let Some(dead) = self.values.dead.get(&one.key) else { return Ok(()) };
        match self.patiently(&one.user, dead, door).await? {
            Login::Refused => Ok(()),
            _ => Err(self.unproven(one, "still lets the other password in")),
        }
    }

    async fn accounts(&self) -> Result<Accounts, Problem> {
        let users: Vec<&str> = self.database.passwords.iter().map(|one| one.user.as_str()).collect();
        let mut all = Accounts { backslash_escapes: true, list: Vec::new() };
        for query in mysql_accounts_queries(&users) {
            let said = self.as_superuser(&Secret::new(query)).await?;
            let some = Accounts::parse(&said);
            let some = some.ok_or_else(|| self.trouble("its list of accounts is not understood"))?;
            all.backslash_escapes = some.backslash_escapes;
            all.list.extend(some.list);
        }
        Ok(all)
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
    async fn patiently(&self, user: &str, password: &Secret<String>, door: Door) -> Result<Login, Problem> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.ask(user, Some(password), door, &Secret::from("SELECT 1;")).await? {
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
        let folder = letsbe_types::paths::stack(self.tool);
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
            Code::ROT002,
            format!("The database in {container} could not be told or asked: {why}"),
            format!("See `docker logs --tail 100 {container}` on the server."),
        )
    }

    fn unproven(&self, one: &NewPassword, what: &str) -> Problem {
        Problem::permanent(
            Code::ROT003,
            format!("The database in {} {what} for {}", self.database.container, one.user),
            "Look for accounts of that user that were made by hand.",
        )
    }
}
