//! Which rclone remotes may be a destination. An `rclone.conf` is a program: some types run commands or read any file of the
//! machine, and a remote can stand for another. So a text is never passed on: it is read, compared with a list of types and
//! of keys for each, and what rclone gets is written anew. Pure; the Hub and the server use the same.

use std::collections::BTreeMap;

use super::RcloneDestination;
use crate::{Secret, is_own_host, is_private_host};

/// A longer text is no destination.
const TEXT_BYTES: usize = 64 << 10;
const NAME_BYTES: usize = 64;
const PATH_BYTES: usize = 1024;
const VALUE_BYTES: usize = 16 << 10;

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Any text on one line.
    Text,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A host's name or address, without a port.
    Host,
    /// `https://…`; `http://` within a private network.
    Address,
    /// An OAuth token as rclone writes it (JSON).
    Token,
    /// The key file of a Google service account, its text (JSON).
    ServiceAccount,
}

const FLAG: Form = Form::OneOf(&["true", "false"]);
const GOOGLE_TOKENS: &str = "https://oauth2.googleapis.com/token";

type Keys = &'static [(&'static str, Form)];

/// Types of remotes, and what each may be told. None of these keys names a command, a file of the server, another remote, or
/// lets rclone take what lies in the server's own environment.
const ALLOWED: [(&str, Keys); 9] = [
    (
        "azureblob",
        &[
            ("account", Form::Text),
            ("key", Form::Text),
            ("sas_url", Form::Address),
            ("endpoint", Form::Address),
        ],
    ),
    ("b2", &[("account", Form::Text), ("key", Form::Text), ("hard_delete", FLAG)]),
    (
        "drive",
        &[
            ("client_id", Form::Text),
            ("client_secret", Form::Text),
            ("scope", Form::OneOf(&["drive", "drive.file"])),
            ("root_folder_id", Form::Text),
            ("team_drive", Form::Text),
            ("token", Form::Token),
            ("service_account_credentials", Form::ServiceAccount),
        ],
    ),
    ("dropbox", &[("client_id", Form::Text), ("client_secret", Form::Text), ("token", Form::Token)]),
    (
        "google cloud storage",
        &[
            ("project_number", Form::Text),
            ("location", Form::Text),
            ("storage_class", Form::Text),
            ("bucket_policy_only", FLAG),
            ("service_account_credentials", Form::ServiceAccount),
        ],
    ),
    (
        "s3",
        &[
            ("provider", Form::Text),
            ("access_key_id", Form::Text),
            ("secret_access_key", Form::Text),
            ("region", Form::Text),
            ("endpoint", Form::Address),
            ("location_constraint", Form::Text),
            ("acl", Form::Text),
            ("storage_class", Form::Text),
            ("force_path_style", FLAG),
            ("no_check_bucket", FLAG),
            ("v2_auth", FLAG),
        ],
    ),
    (
        "sftp",
        &[
            ("host", Form::Host),
            ("port", Form::Text),
            ("user", Form::Text),
            ("pass", Form::Text),
            ("key_pem", Form::Text),
            ("key_file_pass", Form::Text),
            ("disable_hashcheck", FLAG),
            ("shell_type", Form::OneOf(&["none", "unix", "powershell", "cmd"])),
        ],
    ),
    (
        "swift",
        &[
            ("user", Form::Text),
            ("key", Form::Text),
            ("auth", Form::Address),
            ("user_id", Form::Text),
            ("domain", Form::Text),
            ("tenant", Form::Text),
            ("tenant_id", Form::Text),
            ("tenant_domain", Form::Text),
            ("region", Form::Text),
            ("storage_url", Form::Address),
            ("auth_version", Form::Text),
            ("application_credential_id", Form::Text),
            ("application_credential_name", Form::Text),
            ("application_credential_secret", Form::Text),
        ],
    ),
    (
        "webdav",
        &[
            ("url", Form::Address),
            ("vendor", Form::OneOf(&["nextcloud", "owncloud", "sharepoint", "sharepoint-ntlm", "other"])),
            ("user", Form::Text),
            ("pass", Form::Text),
            ("bearer_token", Form::Text),
        ],
    ),
];

/// A field of a destination that cannot be taken, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// `remote`, `path` or `configuration`.
    pub field: &'static str,
    /// Why, without any value.
    pub why: String,
}

/// A remote that may be a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedRemote {
    name: String,
    options: BTreeMap<&'static str, Secret<String>>,
    /// Hosts that it leads to.
    hosts: Vec<String>,
}

impl CheckedRemote {
    /// The `rclone.conf` with this remote and nothing else.
    #[must_use]
    pub fn configuration(&self) -> Secret<String> {
        let lines = self.options.iter().map(|(key, value)| format!("{key} = {}\n", quoted(value.expose())));
        Secret::new(format!("[{}]\n{}", self.name, lines.collect::<String>()))
    }

    /// Hosts that it leads to.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Whether it leads to the machine itself, or to what only the machine's own link has (a cloud's metadata service).
    #[must_use]
    pub fn leads_to_itself(&self) -> bool {
        self.hosts.iter().any(|host| is_own_host(host))
    }
}

/// A value as rclone's configuration and restic's credentials file take it whole: what stands between the first and the last
/// back quote of a line, with `#`, `;`, quotes, backslashes and spaces.
#[must_use]
pub fn quoted(value: &str) -> String {
    format!("`{value}`")
}

/// Whether a value can be carried by [`quoted`]: on one line, and without what both readers take for the name of another
/// value.
#[must_use]
pub fn can_be_quoted(value: &str) -> bool {
    !value.is_empty() && !value.chars().any(char::is_control) && !value.contains("%(")
}

impl RcloneDestination {
    /// What rclone may be told of it.
    ///
    /// # Errors
    /// Every field that is not on the list.
    pub fn checked(&self) -> Result<CheckedRemote, Vec<Refused>> {
        let mut refused = Vec::new();
        let mut wrong = |field, why: &str| refused.push(Refused { field, why: why.to_owned() });
        let name_fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if self.remote.is_empty()
            || self.remote.len() > NAME_BYTES
            || !self.remote.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !self.remote.chars().all(name_fits)
        {
            wrong("remote", "write one word of letters, digits, `_`, `-` and `.`, as in the configuration");
        }
        if self.path.len() > PATH_BYTES
            || self.path.starts_with(['-', ':'])
            || self.path.chars().any(char::is_control)
            || self.path.split('/').any(|part| part == "..")
        {
            wrong("path", "write a path on the remote, without `..`, and not beginning with `-` or `:`");
        }
        match options(&self.remote, self.configuration.expose()) {
            Ok((options, hosts)) if refused.is_empty() => {
                Ok(CheckedRemote { name: self.remote.clone(), options, hosts })
            }
            Ok(_) => Err(refused),
            Err(whys) => {
                refused.extend(whys.into_iter().map(|why| Refused { field: "configuration", why }));
                Err(refused)
            }
        }
    }
}

type Options = (BTreeMap<&'static str, Secret<String>>, Vec<String>);

fn options(remote: &str, text: &str) -> Result<Options, Vec<String>> {
    let section = section(remote, text).map_err(|why| vec![why])?;
    let types = || ALLOWED.map(|(name, _)| name).join(", ");
    let Some(kind) = section.get("type") else {
        return Err(vec![format!("[{remote}] has no type; allowed are {}", types())]);
    };
    let Some((kind, keys)) = ALLOWED.iter().find(|(name, _)| name == kind) else {
        return Err(vec![format!("a remote of this type cannot be a destination; allowed are {}", types())]);
    };
    let (mut options, mut hosts, mut wrong) = (BTreeMap::new(), Vec::new(), Vec::new());
    options.insert("type", Secret::new((*kind).to_owned()));
    for (key, value) in section.iter().filter(|(key, _)| **key != "type") {
        let Some((known, form)) = keys.iter().find(|(known, _)| known == key) else {
            let all: Vec<&str> = keys.iter().map(|(known, _)| *known).collect();
            wrong.push(format!("{} is not allowed for {kind}; allowed are {}", shown(key), all.join(", ")));
            continue;
        };
        match form.host(value) {
            Ok(host) => {
                hosts.extend(host);
                options.insert(*known, Secret::new((*value).to_owned()));
            }
            Err(why) => wrong.push(format!("{known}: {why}")),
        }
    }
    if wrong.is_empty() { Ok((options, hosts)) } else { Err(wrong) }
}

/// The keys and values of one section. Whatever rclone would read otherwise is refused.
fn section<'a>(remote: &str, text: &'a str) -> Result<BTreeMap<&'a str, &'a str>, String> {
    if text.len() > TEXT_BYTES {
        return Err("it is too long".to_owned());
    }
    let (mut found, mut inside, mut values) = (false, false, BTreeMap::new());
    for (index, line) in text.lines().enumerate() {
        let (line, number) = (line.trim(), index + 1);
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = name.trim() == remote;
            if inside && std::mem::replace(&mut found, true) {
                return Err(format!("[{remote}] stands in it twice"));
            }
            continue;
        }
        // Other remotes of the same file are not passed on.
        if !inside {
            continue;
        }
        let (key, value) =
            line.split_once('=').ok_or_else(|| format!("line {number} is not of the form `key = value`"))?;
        let (key, value) = (key.trim(), unquoted(value.trim()));
        let is_key =
            !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !is_key {
            return Err(format!("line {number} is not of the form `key = value`"));
        }
        if value.is_empty() {
            continue;
        }
        if value.len() > VALUE_BYTES || !can_be_quoted(value) {
            return Err(format!(
                "line {number} has a value that is too long, or has control characters or `%(`"
            ));
        }
        if values.insert(key, value).is_some() {
            return Err(format!("{} stands in it twice", shown(key)));
        }
    }
    if found { Ok(values) } else { Err(format!("there is no section [{remote}] in it")) }
}

/// rclone takes what stands between the first and the last of these for the value.
fn unquoted(value: &str) -> &str {
    for quote in ["\"\"\"", "`"] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some((inner, _)) = rest.rsplit_once(quote)
        {
            return inner;
        }
    }
    value
}

fn shown(key: &str) -> String {
    key.chars().take(40).collect()
}

impl Form {
    /// Whether a value has this form, and the host that it leads to.
    fn host(self, value: &str) -> Result<Option<String>, String> {
        match self {
            Self::Text => Ok(None),
            Self::OneOf(words) if words.contains(&value) => Ok(None),
            Self::OneOf(words) => Err(format!("write one of {}", words.join(", "))),
            Self::Host => is_host(value)
                .then(|| Some(value.to_owned()))
                .ok_or_else(|| "write a host's name or address, without a port".to_owned()),
            Self::Address => host_of(value).map(Some),
            Self::Token => object(value)
                .filter(|token| token.get("access_token").is_some_and(serde_json::Value::is_string))
                .map(|_| None)
                .ok_or_else(|| "write the token as rclone does: {\"access_token\":…}".to_owned()),
            Self::ServiceAccount => object(value)
                .filter(|key| key.get("type").and_then(serde_json::Value::as_str) == Some("service_account"))
                .filter(|key| key.get("token_uri").and_then(serde_json::Value::as_str) == Some(GOOGLE_TOKENS))
                .map(|_| None)
                .ok_or_else(|| {
                    format!(
                        "write the text of a key file of type service_account with token_uri {GOOGLE_TOKENS}"
                    )
                }),
        }
    }
}

fn object(text: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_str(text).ok()
}

fn is_host(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let is_v6 = text.parse::<std::net::Ipv6Addr>().is_ok();
    is_v6 || (!text.is_empty() && text.len() < 254 && !text.starts_with('-') && text.chars().all(fits))
}

/// The host of an address without a login.
fn host_of(address: &str) -> Result<String, String> {
    let form = || "write an address: https://…, or http://… within a private network".to_owned();
    let (scheme, rest) = address.split_once("://").ok_or_else(form)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6
            .split_once(']')
            .map(|(host, port)| (host, port.strip_prefix(':').or(port.is_empty().then_some("")))),
        None => {
            Some(authority.split_once(':').map_or((authority, Some("")), |(host, port)| (host, Some(port))))
        }
    };
    let (host, port) = host.ok_or_else(form)?;
    let port_fits = port.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok());
    if !is_host(host) || !port_fits || address.contains(char::is_whitespace) {
        return Err(form());
    }
    match scheme {
        "https" => Ok(host.to_owned()),
        "http" if is_private_host(host) => Ok(host.to_owned()),
        _ => Err(form()),
    }
}

#[cfg(test)]
mod tests;
