//! The system's identity, users and groups.

use serde::Serialize;

/// The distribution, from `/etc/os-release`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OsRelease {
    /// `debian`, `ubuntu`, …
    pub id: String,
    /// `12`, `24.04`, …
    pub version: String,
    /// `bookworm`, `noble`, …
    pub codename: String,
}

impl OsRelease {
    /// Systems that the operations are written for.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        matches!(
            (self.id.as_str(), self.version.as_str()),
            ("debian", "12" | "13") | ("ubuntu", "22.04" | "24.04")
        )
    }
}

/// Parses `/etc/os-release`.
#[must_use]
pub fn parse_os_release(text: &str) -> OsRelease {
    let field = |name: &str| {
        text.lines()
            .filter_map(|line| line.trim().split_once('='))
            // It is read as a shell reads it: what comes last counts.
            .rfind(|(key, _)| *key == name)
            .map(|(_, value)| value.trim_matches(['"', '\'']).to_owned())
            .unwrap_or_default()
    };
    OsRelease { id: field("ID"), version: field("VERSION_ID"), codename: field("VERSION_CODENAME") }
}

/// One line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Numeric user id.
    pub uid: u32,
    /// Numeric id of the main group.
    pub gid: u32,
    /// Home folder.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// Finds a user in the text of `/etc/passwd`.
#[must_use]
pub fn parse_account(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| match line.split(':').collect::<Vec<_>>()[..] {
        [user, _, uid, gid, _, home, shell] if user == name => Some(Account {
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home: home.to_owned(),
            shell: shell.to_owned(),
        }),
        _ => None,
    })
}

/// Members of a group in the text of `/etc/group`; `None` if there is no such group.
#[must_use]
pub fn parse_group_members(group: &str, name: &str) -> Option<Vec<String>> {
    group.lines().find_map(|line| match line.split(':').collect::<Vec<_>>()[..] {
        [group, _, _, members] if group == name => {
            Some(members.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect())
        }
        _ => None,
    })
}

/// Groups that name a user as a member, in the text of `/etc/group`.
#[must_use]
pub fn parse_group_names(group: &str, user: &str) -> Vec<String> {
    let names = |line: &str| match line.split(':').collect::<Vec<_>>()[..] {
        [group, _, _, members] if members.split(',').any(|member| member == user) => Some(group.to_owned()),
        _ => None,
    };
    group.lines().filter_map(names).collect()
}

/// Whether a user's password is locked or impossible, from the text of `/etc/shadow`. The hash goes no further.
#[must_use]
pub fn parse_password_locked(shadow: &str, name: &str) -> bool {
    parse_password_field(shadow, name).is_some_and(|field| field.starts_with(['!', '*']))
}

/// What the text of `/etc/shadow` has for a user's password: a hash, or what makes it impossible.
#[must_use]
pub fn parse_password_field<'a>(shadow: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = shadow.lines().filter_map(|line| line.split_once(':')).find(|(user, _)| *user == name)?;
    rest.split(':').next()
}
