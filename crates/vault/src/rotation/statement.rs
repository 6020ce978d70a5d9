//! What databases are told, with every value quoted for its reader.

use std::fmt::Write as _;

use letsbe_types::Secret;

/// One account of MySQL or MariaDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub user: String,
    /// From where it may log in; `%` is everywhere.
    pub host: String,
}

/// What [`mysql_accounts_query`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// Whether a backslash in a literal is an escape (`NO_BACKSLASH_ESCAPES` is not set).
    pub backslash_escapes: bool,
    /// The accounts.
    pub list: Vec<Account>,
}

impl Accounts {
    /// Reads the answer to [`mysql_accounts_query`]: the SQL mode, then a line for each account.
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

/// Asks for the accounts of these users. The names come from the catalog.
#[must_use]
pub fn mysql_accounts_query(users: &[&str]) -> String {
    // In hexadecimal no mode matters.
    let names: Vec<String> = users.iter().map(|user| format!("x'{}'", hex::encode(user))).collect();
    format!(
        "SELECT 'mode', @@SESSION.sql_mode; SELECT User, Host FROM mysql.user WHERE User IN ({});",
        names.join(", ")
    )
}

/// Gives accounts new passwords in one statement.
#[must_use]
pub fn mysql_alter(changes: &[(&Account, &Secret<String>)], backslash_escapes: bool) -> Secret<String> {
    let quoted = |text: &str| mysql_literal(text, backslash_escapes);
    let mut text = String::from("ALTER USER ");
    for (index, (account, password)) in changes.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let (user, host) = (quoted(&account.user), quoted(&account.host));
        let _ = write!(text, "{comma}{user}@{host} IDENTIFIED BY {}", quoted(password.expose()));
    }
    text.push(';');
    Secret::new(text)
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
        let _ = writeln!(text, "{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
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

    use super::{Account, Accounts, mysql_alter, mysql_literal, mysql_options, postgres_alter, usable};

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
            let alter = mysql_alter(&[(&account, &secret), (&account, &secret)], escapes);
            let options = mysql_options("root", &secret, &alter);
            let lines: Vec<&str> = options.expose().lines().collect();
            prop_assert_eq!(lines.len(), 6);
            prop_assert_eq!(read_option(lines[4]), Some(password));
            prop_assert_eq!(read_option(lines[5]), Some(alter.expose().clone()));
            prop_assert!(lines.iter().all(|line| line.len() < 4096));
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
