//! What databases are told, with every value quoted for its reader.

use letsbe_types::Secret;

/// Bytes of a line that the clients of MySQL and MariaDB read as one from an options file (their buffer has 4,096).
const LINE_MAX: usize = 4_000;

/// One account of MySQL or MariaDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub user: String,
    /// From where it may log in; `%` is everywhere.
    pub host: String,
}

/// What one of [`mysql_accounts_queries`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// Whether a backslash in a literal is an escape (`NO_BACKSLASH_ESCAPES` is not set).
    pub backslash_escapes: bool,
    /// The accounts.
    pub list: Vec<Account>,
}

impl Accounts {
    /// Reads the answer to one of [`mysql_accounts_queries`]: the SQL mode, then a line for each account.
    #[must_use]
    pub fn parse(output: &str) -> Option<Self> {
        let mut lines = output.lines();
        let mode = lines.next()?.strip_prefix("mode\t")?;
        let list = lines.map(|line| {
            let (user, host) = line.split_once('\t')?;
            Some(Account { user: user.to_owned(), host: host.to_owned() })
        });
        Some(Self {
            backslash_escapes: !mode.split(',').any(|word| word == "NO_BACKSLASH_ESCAPES"),
            list: list.collect::<Option<_>>()?,
        })
    }

    /// Whether a user may log in from another place than the database's own.
    #[must_use]
    pub fn reachable(&self, user: &str) -> bool {
        self.list.iter().any(|account| account.user == user && account.host != "localhost")
    }
}

/// Whether a password can be handed to every reader: the clients read it as one line, and the options file of
/// MySQL's client has lines of 4,096 bytes, in which a value may become four times as long.
#[must_use]
pub fn usable(password: &str) -> bool {
    !password.is_empty() && password.len() <= 256 && !password.chars().any(char::is_control)
}

/// Asks for the accounts of these users, in as many questions as [`mysql_options`] needs. The names come from the
/// catalog.
#[must_use]
pub fn mysql_accounts_queries(users: &[&str]) -> Vec<String> {
    // In hexadecimal no mode matters.
    let names = users.iter().map(|user| format!("x'{}'", hex::encode(user)));
    let head = "SELECT 'mode', @@SESSION.sql_mode; SELECT User, Host FROM mysql.user WHERE User IN (";
    statements(head, names, ");")
}

/// Gives accounts new passwords, in as many statements as [`mysql_options`] needs.
#[must_use]
pub fn mysql_alters(changes: &[(&Account, &Secret<String>)], backslash_escapes: bool) -> Vec<Secret<String>> {
    let quoted = |text: &str| mysql_literal(text, backslash_escapes);
    let one = |(account, password): &(&Account, &Secret<String>)| {
        let (user, host) = (quoted(&account.user), quoted(&account.host));
        format!("{user}@{host} IDENTIFIED BY {}", quoted(password.expose()))
    };
    statements("ALTER USER ", changes.iter().map(one), ";").into_iter().map(Secret::new).collect()
}

/// As few statements as hold all parts, with commas between them, and fit into a line of an options file each.
fn statements(head: &str, parts: impl Iterator<Item = String>, tail: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for part in parts {
        match all.last_mut() {
            Some(last) if option_line("execute", &[last, ", ", &part, tail].concat()).len() <= LINE_MAX => {
                last.push_str(", ");
                last.push_str(&part);
            }
            _ => all.push(format!("{head}{part}")),
        }
    }
    all.iter_mut().for_each(|statement| statement.push_str(tail));
    all
}

fn option_line(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"\n", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// An options file for MySQL's and MariaDB's client: who logs in, and what is asked. Read from standard input.
#[must_use]
pub fn mysql_options(user: &str, password: &Secret<String>, statement: &Secret<String>) -> Secret<String> {
    // MariaDB's newer client would answer a wrong password with a doubt about the certificate; MySQL's knows no such
    // option. The connection does not leave the container.
    let mut text = String::from("[client]\ndefault-character-set=utf8mb4\nloose-ssl-verify-server-cert=0\n");
    for (name, value) in
        [("user", user), ("password", password.expose()), ("execute", statement.expose().as_str())]
    {
        text.push_str(&option_line(name, value));
    }
    Secret::new(text)
}

/// Gives a PostgreSQL role a new password. `E''` means the same whatever `standard_conforming_strings` says.
#[must_use]
pub fn postgres_alter(role: &str, password: &Secret<String>) -> Secret<String> {
    let role = role.replace('"', "\"\"");
    let password = password.expose().replace('\\', "\\\\").replace('\'', "''");
    Secret::new(format!("SET client_encoding = 'UTF8';\nALTER ROLE \"{role}\" PASSWORD E'{password}';\n"))
}

fn mysql_literal(text: &str, backslash_escapes: bool) -> String {
    let text = text.replace('\'', "''");
    let text = if backslash_escapes { text.replace('\\', "\\\\") } else { text };
    format!("'{text}'")
}

#[cfg(test)]
mod tests {
    use letsbe_types::Secret;
    use proptest::prelude::*;

    use super::{
        Account, Accounts, mysql_accounts_queries, mysql_alters, mysql_literal, mysql_options,
        postgres_alter, usable,
    };

    /// Reads a literal as the database does; answers its value and what stands behind it.
    fn read(text: &str, escapes: bool) -> Option<(String, &str)> {
        let mut value = String::new();
        let mut rest = text.strip_prefix('\'')?.char_indices().peekable();
        let body = &text[1..];
        while let Some((at, c)) = rest.next() {
            match c {
                '\\' if escapes => value.push(rest.next()?.1),
                '\'' if rest.peek().is_some_and(|(_, next)| *next == '\'') => {
                    rest.next();
                    value.push('\'');
                }
                '\'' => return Some((value, &body[at + 1..])),
                other => value.push(other),
            }
        }
        None
    }

    /// Reads a quoted value of an options file as MySQL's client does.
    fn read_option(line: &str) -> Option<String> {
        let quoted = line.split_once('=')?.1.strip_prefix('"')?.strip_suffix('"')?;
        let (mut value, mut rest) = (String::new(), quoted.chars());
        while let Some(c) = rest.next() {
            match c {
                '\\' => match rest.next()? {
                    known @ ('\\' | '"') => value.push(known),
                    other => panic!("\\{other} means something else"),
                },
                '"' => panic!("the value ends too soon"),
                other => value.push(other),
            }
        }
        Some(value)
    }

    fn passwords() -> impl Strategy<Value = String> {
        "[ -~äß€🔑\u{a0}]{1,40}|['\"\\\\$%#;-]{1,24}"
    }

    proptest! {
        #[test]
        fn every_reader_reads_the_password_that_was_meant(password in passwords(), escapes: bool) {
            prop_assert!(usable(&password));
            let literal = mysql_literal(&password, escapes);
            prop_assert_eq!(read(&literal, escapes), Some((password.clone(), "")));

            let secret = Secret::new(password.clone());
            let statement = postgres_alter("role\"x", &secret);
            let (before, literal) = statement.expose().split_once(" PASSWORD E").expect("a literal");
            prop_assert!(before.ends_with("ALTER ROLE \"role\"\"x\""));
            prop_assert_eq!(read(literal, true), Some((password.clone(), ";\n")));

            let account = Account { user: "root".to_owned(), host: "%".to_owned() };
            let alters = mysql_alters(&[(&account, &secret), (&account, &secret)], escapes);
            prop_assert_eq!(alters.len(), 1);
            let alter = alters[0].clone();
            let options = mysql_options("root", &secret, &alter);
            let lines: Vec<&str> = options.expose().lines().collect();
            prop_assert_eq!(lines.len(), 6);
            prop_assert_eq!(read_option(lines[4]), Some(password));
            prop_assert_eq!(read_option(lines[5]), Some(alter.expose().clone()));
            prop_assert!(lines.iter().all(|line| line.len() < 4096));
        }
    }

    #[test]
    fn any_number_of_accounts_is_told_and_asked_in_lines_that_a_client_reads() {
        let account = |number| Account { user: format!("user{number}"), host: "%".to_owned() };
        let accounts: Vec<Account> = (0..2_000).map(account).collect();
        let users: Vec<&str> = accounts.iter().map(|account| account.user.as_str()).collect();
        let line = |statement: &Secret<String>| {
            let options = mysql_options("root", &"root".into(), statement);
            options.expose().lines().map(str::len).max().unwrap_or_default()
        };
        let queries = mysql_accounts_queries(&users);
        for user in &users {
            let name = format!("x'{}'", hex::encode(user));
            assert_eq!(queries.iter().filter(|query| query.contains(&name)).count(), 1, "{user}");
        }
        for query in queries {
            assert!(line(&Secret::new(query)) < 4096);
        }
        // The shortest and the longest that any reader takes.
        for password in ["x".to_owned(), "\\".repeat(256), "'".repeat(256), "\"".repeat(256)] {
            let (secret, length) = (Secret::new(password.clone()), password.len());
            let changes: Vec<_> = accounts.iter().map(|account| (account, &secret)).collect();
            let alters = mysql_alters(&changes, true);
            assert!(alters.iter().all(|alter| line(alter) < 4096), "{length}");
            let of = |account: &Account| {
                let name = format!("'{}'@'%' IDENTIFIED BY '", account.user);
                alters.iter().filter(|alter| alter.expose().contains(&name)).count()
            };
            assert!(accounts.iter().all(|account| of(account) == 1), "{length}");
        }
    }

    #[test]
    fn accounts_and_the_mode_are_read() {
        let read =
            Accounts::parse("mode\tSTRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES\nghost\t%\nroot\tlocalhost\n")
                .expect("reads");
        assert!(!read.backslash_escapes && read.reachable("ghost") && !read.reachable("root"));
        assert!(
            Accounts::parse("mode\t\n").is_some_and(|none| none.backslash_escapes && none.list.is_empty())
        );
        for odd in ["", "ERROR", "mode\t\nghost"] {
            assert_eq!(Accounts::parse(odd), None, "{odd}");
        }
        assert!(!usable("a\nb") && !usable("") && !usable(&"x".repeat(257)));
    }
}
