//! PostgreSQL's roles: read as rows from its own catalog, and made by statements that are put together here. What a role
//! was called or set to is a quoted value in them and nothing else, whatever it holds.

use serde::Deserialize;

use super::text;

/// One row of JSON for every role, setting of a role, and role that is given to another: no name or value can look like a
/// row of its own. `pg_` is the server's.
pub(super) const ROLES: &str = "SELECT pg_catalog.set_config('search_path', '', false) AS path, \
    pg_catalog.set_config('client_encoding', CASE WHEN pg_catalog.current_setting('server_encoding') \
    OPERATOR(pg_catalog.=) 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END, false) AS letters \\gset\n\
    SELECT json_build_object('role', json_build_object('name', rolname, 'may', array_remove(ARRAY[\
    CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolinherit THEN 'inherit' END, \
    CASE WHEN rolcreaterole THEN 'createrole' END, CASE WHEN rolcreatedb THEN 'createdb' END, \
    CASE WHEN rolcanlogin THEN 'login' END, CASE WHEN rolreplication THEN 'replication' END, \
    CASE WHEN rolbypassrls THEN 'bypassrls' END], NULL), 'connections', rolconnlimit, 'until', rolvaliduntil)) \
    FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname;\n\
    SELECT json_build_object('setting', json_build_object('role', rolname, 'is', c)) FROM pg_db_role_setting s \
    JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) WITH ORDINALITY u (c, n) WHERE s.setdatabase = 0 \
    ORDER BY rolname, n;\n\
    SELECT json_build_object('member', json_build_object('role', r.rolname, 'member', m.rolname, \
    'admin', bool_or(a.admin_option), 'inherit', bool_or((to_jsonb(a) ->> 'inherit_option')::boolean), \
    'set', bool_or((to_jsonb(a) ->> 'set_option')::boolean))) FROM pg_auth_members a \
    JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member \
    GROUP BY r.rolname, m.rolname ORDER BY r.rolname, m.rolname;\n";

/// Settings whose value is a list of names, each quoted for itself.
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Attribute {
    Superuser,
    Inherit,
    Createrole,
    Createdb,
    Login,
    Replication,
    Bypassrls,
}

impl Attribute {
    pub(super) const ALL: [(Self, &str); 7] = [
        (Self::Superuser, "SUPERUSER"),
        (Self::Inherit, "INHERIT"),
        (Self::Createrole, "CREATEROLE"),
        (Self::Createdb, "CREATEDB"),
        (Self::Login, "LOGIN"),
        (Self::Replication, "REPLICATION"),
        (Self::Bypassrls, "BYPASSRLS"),
    ];
}

/// What a server says of its roles.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fact {
    Role(Role),
    Setting(Setting),
    Member(Member),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) may: Vec<Attribute>,
    pub(super) connections: i32,
    pub(super) until: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "StoredSetting")]
pub(super) struct Setting {
    pub(super) role: String,
    pub(super) name: String,
    /// One, or those of a list.
    pub(super) values: Vec<String>,
}

#[derive(Deserialize)]
struct StoredSetting {
    role: String,
    /// `name=value`.
    is: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Member {
    pub(super) role: String,
    pub(super) member: String,
    pub(super) admin: bool,
    /// Not known before PostgreSQL 16.
    pub(super) inherit: Option<bool>,
    pub(super) set: Option<bool>,
}

impl From<StoredSetting> for Setting {
    fn from(stored: StoredSetting) -> Self {
        let (name, value) = stored.is.split_once('=').unwrap_or((&stored.is, ""));
        let is_list = LISTS.iter().any(|list| name.eq_ignore_ascii_case(list));
        let values = if is_list { listed(value) } else { vec![value.to_owned()] };
        Self { role: stored.role, name: name.to_owned(), values }
    }
}

/// The names of a list: `a, "B ""c"""`.
fn listed(value: &str) -> Vec<String> {
    let (mut names, mut name, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = value.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => name.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            ' ' | '\t' | '\n' | '\r' if !quoted => {}
            other => name.push(other),
        }
    }
    names.push(name);
    names
}

/// The statements for what was stored: rows, or the text of former releases.
pub(super) fn made(stored: &str, login: &str) -> String {
    let facts = if stored.trim_start().starts_with('{') {
        stored.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    } else {
        text::facts(stored, login)
    };
    // Before anything else: in another encoding a quote could be half a letter.
    let mut statements = "SET client_encoding = 'UTF8';\n".to_owned();
    statements.extend(facts.iter().map(|fact| statement(fact, login)));
    statements
}

/// Whoever makes the others is there, and stays as he is but for his settings.
fn statement(fact: &Fact, login: &str) -> String {
    let statement = match fact {
        Fact::Role(role) if role.name == login => String::new(),
        Fact::Role(role) => {
            let name = name(&role.name);
            let may = Attribute::ALL.map(|(attribute, word)| {
                if role.may.contains(&attribute) { word.to_owned() } else { format!("NO{word}") }
            });
            let until = role.until.as_deref().map(|until| format!(" VALID UNTIL {}", value(until)));
            format!(
                "CREATE ROLE {name};\nALTER ROLE {name} WITH {} CONNECTION LIMIT {}{};\n",
                may.join(" "),
                role.connections,
                until.unwrap_or_default()
            )
        }
        Fact::Setting(setting) => {
            let values: Vec<String> = setting.values.iter().map(|one| value(one)).collect();
            let (role, set) = (name(&setting.role), name(&setting.name));
            format!("ALTER ROLE {role} SET {set} TO {};\n", values.join(", "))
        }
        Fact::Member(member) => {
            let said = |word: &str, is: bool| format!("{word} {}", if is { "TRUE" } else { "FALSE" });
            let mut options: Vec<String> =
                member.admin.then(|| "ADMIN OPTION".to_owned()).into_iter().collect();
            options.extend(member.inherit.map(|is| said("INHERIT", is)));
            options.extend(member.set.map(|is| said("SET", is)));
            let with = if options.is_empty() { "" } else { " WITH " };
            let (role, to) = (name(&member.role), name(&member.member));
            format!("GRANT {role} TO {to}{with}{};\n", options.join(", "))
        }
    };
    // No server has such a name.
    if statement.contains('\0') { String::new() } else { statement }
}

fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Means the same whatever the server takes a backslash for.
fn value(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
