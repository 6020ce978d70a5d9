//! One catalog entry, as its `tool.toml` says it and with what its `compose.yml` says. Every field is in the table of
//! `catalog/README.md`, which is made from these types.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Credential, Exchange, Port, Service, ToolId, Upload};

/// The ports that a mail tool may open: delivery, submission, reading.
pub(crate) const MAIL_PORTS: [u16; 3] = [25, 587, 993];

/// Whether a catalog entry is sold or is part of every server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A customer may select it: `catalog/tools`.
    #[default]
    Tool,
    /// Deployed on every server, never selectable: `catalog/platform`.
    Platform,
}

/// One catalog entry: `tool.toml` and the files beside it.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Name: the folder's, put in when `tool.toml` is read.
    #[cfg_attr(test, schemars(skip))]
    pub name: ToolId,
    /// Name for people.
    pub title: String,
    /// What it does, in one sentence.
    pub description: String,
    /// SPDX expression of its licence.
    pub licence: String,
    /// Shelf in the shop: `website`, `files`, `monitoring` …
    pub category: String,
    /// Sold or platform: by the folder that the entry's folder lies in.
    #[serde(skip)]
    pub kind: Kind,
    /// Start order among platform entries; lower first.
    #[serde(default)]
    pub order: u32,
    /// What it needs of the server.
    pub needs: Need,
    /// Images that the services of `compose.yml` name, each once.
    #[serde(skip)]
    pub images: Vec<String>,
    /// The services of `compose.yml`, in its order.
    #[serde(skip)]
    pub services: Vec<Service>,
    /// Services without which the server does not count as broken.
    #[serde(default)]
    pub optional_services: BTreeSet<String>,
    /// Ports published on 127.0.0.1: those of `compose.yml`, and `host_ports`.
    #[serde(skip)]
    pub ports: Vec<Port>,
    /// Loopback ports of the service in the host's network, for which `compose.yml` cannot publish any.
    #[serde(default)]
    pub host_ports: Vec<u16>,
    /// Ports of a mail server on the host's network that everybody may reach: of 25, 587 and 993.
    #[serde(default)]
    pub mail_ports: BTreeSet<u16>,
    /// Host names it answers on.
    #[serde(default)]
    pub vhosts: Vec<Vhost>,
    /// Databases it keeps.
    #[serde(default)]
    pub databases: Vec<Database>,
    /// Volumes and paths that hold state besides the databases.
    #[serde(default)]
    pub state: Vec<State>,
    /// Secrets made for it on the tenant's server.
    #[serde(default)]
    pub credentials: Vec<Credential>,
    /// Environment files: file name → variable → template. Written 0600 into the stack folder.
    #[serde(default)]
    pub env: BTreeMap<String, BTreeMap<String, String>>,
    /// Files that hold one secret each: file name → template. Written 0600 into the stack folder, no final newline.
    #[serde(default)]
    pub secret_files: BTreeMap<String, String>,
    /// Proof that it is up.
    pub health: Health,
    /// Proof that it does its work; asked in order, every one must hold.
    #[serde(default)]
    pub functional: Vec<Exchange>,
    /// First-run set-up over HTTP.
    #[serde(default)]
    pub setup: Option<Setup>,
    /// The longest address of an owner that it can keep, in characters.
    #[serde(default)]
    pub owner_email_max: Option<usize>,
    /// Signs of an owner's address that it would change.
    #[serde(default)]
    pub owner_email_signs_refused: String,
    /// Why nobody logs in here, for a tool with host names and without a set-up.
    #[serde(default)]
    pub no_login: Option<String>,
    /// What is left to the customer at the first visit, in words; empty where nothing is.
    #[serde(default)]
    pub first_visit: Option<String>,
    /// Where its data names the version that made it.
    #[serde(default)]
    pub data_version: Option<DataVersion>,
    /// The folder that its owner uploads to.
    #[serde(default)]
    pub upload: Option<Upload>,
    /// How it is restored.
    #[serde(default)]
    pub restore: Restore,
    /// How it is updated.
    pub update: Update,
    /// Oldest acceptable version of an image, by the last part of its name: an older tag is refused.
    #[serde(default)]
    pub minimum_versions: BTreeMap<String, String>,
    /// Tools that must be selected too, and start before.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub depends_on_tools: Vec<ToolId>,
    /// Rules of the catalog that this entry may break, each with its reason.
    #[serde(default)]
    pub exceptions: Vec<RuleException>,
    /// The templates beside `tool.toml`.
    #[serde(skip)]
    pub files: ToolFiles,
}

/// The templates of a catalog entry, as read from disk.
#[derive(Debug, Clone, Default)]
pub struct ToolFiles {
    /// `compose.yml`.
    pub compose: String,
    /// `nginx.conf`, rendered once for each vhost.
    pub nginx: Option<String>,
    /// Everything under `files/`, by relative path: plain configuration, no secrets.
    pub other: BTreeMap<String, String>,
    /// Snippets that `nginx.conf` includes.
    pub(crate) shared: crate::template::Shared,
}

/// What a tool needs of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Memory in MiB: the sum of the `mem_limit`s in `compose.yml`.
    #[serde(skip)]
    pub ram_mb: u64,
    /// Disk in GiB, for images and a first year of data.
    pub disk_gb: u64,
}

/// A host name under the customer's domain.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Vhost {
    /// Label under the domain, or `@` for the domain itself.
    pub label: String,
    /// Loopback port that nginx forwards to. Left out where the tool has one port.
    #[serde(default)]
    pub port: u16,
    /// Whether connections may be upgraded.
    #[serde(default)]
    pub websocket: bool,
    /// Largest request body that nginx takes, in MiB.
    pub body_mb: u32,
    /// Where passwords are tried by POST, PUT or PATCH: nginx lets an address try so often a minute and no more. A path
    /// that ends with a slash is meant with all below it.
    #[serde(default)]
    pub logins: Vec<String>,
    /// Where a password comes along with every request: nginx lets an address ask much oftener, but not without end.
    /// `Authorization: Basic` is counted in the same way everywhere.
    #[serde(default)]
    pub passwords: Vec<String>,
    /// How the tool itself stops who guesses by `Authorization: Basic`. nginx does not count it then.
    #[serde(default)]
    pub own_limit: Option<String>,
}

/// Kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum DatabaseEngine {
    /// `pg_dump -Fc`, `pg_restore`.
    Postgresql,
    /// `mysqldump --single-transaction`, `mysql`.
    Mysql,
    /// `mariadb-dump --single-transaction`, `mariadb`.
    Mariadb,
    /// `mongodump --archive`, `mongorestore --archive`.
    Mongodb,
}

/// How a running database takes a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DatabaseRotation {
    /// `ALTER USER`, then the stack is recreated with the new file.
    AlterUser,
}

/// A database that holds a tool's rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Which engine; it decides how the database is dumped and restored.
    pub engine: DatabaseEngine,
    /// The service that runs it.
    pub service: String,
    /// Name of the database.
    pub name: String,
    /// The tool's user in it.
    pub user: String,
    /// Credential that is the user's password.
    pub password: String,
    /// Credential that is the superuser's password, where that is another one.
    #[serde(default)]
    pub root_password: Option<String>,
    /// How its password is changed. Nothing changes a MongoDB's yet.
    #[serde(default)]
    pub rotation: Option<DatabaseRotation>,
}

/// Where a tool's data names the version that made it: a tag may float, and an older program must not get newer data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum DataVersion {
    /// A row of one of its databases.
    Database {
        /// Name of the database.
        name: String,
        /// The statement that prints it, as numbers with dots.
        query: String,
    },
    /// A file in one of its volumes.
    File {
        /// The volume.
        volume: String,
        /// Path in it.
        file: std::path::PathBuf,
        /// What stands right before it.
        after: String,
    },
    /// Nothing that could be read names one: the image's own version and id are compared.
    Image {
        /// Why.
        why: String,
    },
}

/// How state outside a database is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StateMethod {
    /// Files, as they are.
    Files,
    /// SQLite files by the backup API, the rest as files.
    Sqlite,
    /// The database's own volume: covered by its dump, never copied while it runs.
    DatabaseVolume,
    /// Can be made again; not backed up.
    Disposable,
}

/// A volume or a path that holds state.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Named volume of the compose file. Either this or `path`.
    #[serde(default)]
    pub volume: Option<String>,
    /// Path on the server, below `/opt/letsbe` or `/etc/letsencrypt`.
    #[serde(default)]
    pub path: Option<String>,
    /// How it is copied.
    pub method: StateMethod,
    /// SQLite files in it, relative.
    #[serde(default)]
    pub sqlite: Vec<String>,
}

/// Proof that a tool is up.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Loopback port to ask. Left out where the tool has one port.
    #[serde(default)]
    pub port: u16,
    /// Whether the server fails verification without it (else it warns).
    pub required: bool,
    /// How long the first start may take.
    pub start_seconds: u32,
    /// What to ask, and what must come back.
    pub probe: Exchange,
}

/// First-run set-up, before anybody else can reach the tool: nothing is done where `done_when` already holds, and it
/// must hold afterwards.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Loopback port to talk to. Left out where the tool has one port.
    #[serde(default)]
    pub port: u16,
    /// Holds as long as nobody has set the tool up. Never a proof that it was us.
    #[serde(default)]
    pub fresh_when: Option<Exchange>,
    /// Sent in order, to a tool that nobody has set up. Cookies are kept from one to the next.
    #[serde(default)]
    pub requests: Vec<Exchange>,
    /// What belongs to the set-up once the owner is there, sent in order with cookies of its own. All of it can be
    /// repeated: it is sent again after a run that was cut off, if `fresh_when` had said before that the tool was fresh.
    #[serde(default)]
    pub then: Vec<Exchange>,
    /// The owner's log-in with the password that was made for him, and whatever else must hold. Asked in order, and
    /// every one must hold; cookies are kept from one to the next.
    pub done_when: Vec<Exchange>,
}

/// How a tool is restored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// Services that stand still meanwhile; the databases' own services run on.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Commands run in a service afterwards, as argument vectors without secrets.
    #[serde(default)]
    pub after: Vec<Vec<String>>,
}

/// How a tool is updated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// Service whose image is the tool's own; the first of `compose.yml` if it is left out.
    #[serde(default)]
    pub service: Option<String>,
    /// The image of that service: its tag moves.
    #[serde(skip)]
    pub image: String,
    /// Whether major versions must be passed one by one.
    pub one_major_at_a_time: bool,
    /// Whether data may have changed so that the old image needs the old data.
    pub migrates_data: bool,
}

/// A rule of the catalog that a service may break.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleException {
    /// The rule: `audit-log`, `container-view`, `healthcheck`, `host-network` or `raw-sockets`.
    pub rule: String,
    /// The service.
    pub service: String,
    /// Why.
    pub reason: String,
}

impl Tool {
    /// Whether `service` may break `rule`.
    #[must_use]
    pub fn is_excepted(&self, rule: &str, service: &str) -> bool {
        self.exceptions.iter().any(|exception| exception.rule == rule && exception.service == service)
    }
}
