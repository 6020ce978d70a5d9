//! Where things lie on a tenant's server, and what they are called there (runbook 3.2; DESIGN section 3). `xtask`
//! refuses a second place that spells the paths.

use std::path::{Path, PathBuf};

/// The folder of everything of ours, as a literal: for `concat!` in longer constants.
#[macro_export]
macro_rules! server_home {
    () => {
        "/opt/letsbe"
    };
}

macro_rules! below_home {
    ($($(#[$doc:meta])* $name:ident = $path:literal;)+) => {$(
        $(#[$doc])*
        pub const $name: &str = concat!(server_home!(), "/", $path);
    )+};
}

/// The folder of everything of ours.
pub const HOME: &str = server_home!();

below_home! {
    /// Our programs.
    BIN = "bin";
    /// The node program.
    NODE_PROGRAM = "bin/letsbe-node";
    /// Programs of the runbook that the node program answers for, on the administrator's path only.
    AS_WRITTEN = "bin/as-written";
    /// The unpacked bundle.
    BUNDLE = "bundle";
    /// The restic program of the installed bundle.
    RESTIC = "bundle/programs/restic";
    /// The rclone program of the installed bundle.
    RCLONE = "bundle/programs/rclone";
    /// Folder with one folder per stack.
    STACKS = "stacks";
    /// Folder of the credentials, until the vault has them.
    ENV = "env";
    /// What the stacks are rendered with, until the vault has it.
    CREDENTIALS = "env/credentials.env";
    /// Backups on this server.
    BACKUPS = "backups";
    /// The tools' data that is not in Docker's volumes.
    DATA = "data";
    /// The runbook's scripts.
    SCRIPTS = "scripts";
    /// The runbook's command for a backup (4.1).
    BACKUP_SCRIPT = "scripts/backups.sh";
    /// The runbook's command for a restore (5.1).
    RESTORE_SCRIPT = "scripts/restore.sh";
    /// nginx's files.
    NGINX = "nginx";
    /// nginx's own configuration.
    NGINX_CONFIGURATION = "nginx/nginx.conf";
    /// One file per tool, with its virtual hosts.
    NGINX_SITES = "nginx/sites";
    /// Served under `/.well-known/acme-challenge/` on every host name.
    NGINX_WEBROOT = "nginx/webroot";
    /// The folder of the SSH server for uploads.
    UPLOADS = "sftp";
    /// What a user who uploads sees as the root folder.
    UPLOADS_ROOT = "sftp/website";
    /// Where the folder that is uploaded to is mounted.
    UPLOADS_PAGES = "sftp/website/pages";
    /// The desired server of the run; carries the registration token, so step 10 removes it.
    CONFIGURATION = "config.json";
    /// What a release was uploaded to before the administrator's user exists.
    INCOMING = "incoming";
    /// Our own records.
    STATE = "state";
    /// Authority that the ACME directory's own certificate chains to, where the system does not know it.
    ACME_ROOTS = "state/acme-directory-roots.pem";
    /// What the AI runtime may know about the tools. No secrets.
    TOOL_REGISTRY = "state/tool-registry.json";
    /// Releases that stacks were moved to after the catalog was written.
    PINS = "state/pins.json";
    /// Which models the AI runtime may name, and who is asked for them. No secrets.
    MODELS = "state/models.json";
    /// Tokens in a calendar month, until the Hub says another number.
    TOKEN_POOL = "state/token-pool";
    /// What this server is: the desired server of its last run, without tokens and keys.
    SERVER_RECORD = "state/server.json";
    /// Written by `letsbe-node register`: the Hub's address and the agent's key.
    AGENT_STATE = "state/agent.json";
    /// Written by the agent: when the Hub last accepted a heartbeat.
    HEARTBEAT_STATE = "state/heartbeat.json";
    /// The vault.
    VAULT = "state/vault.sealed";
    /// Where copies go, without the secret that opens it.
    DESTINATION = "state/destination.json";
    /// What was brought back to this server, if anything was.
    RECOVERY_RECORD = "state/recovery.json";
    /// How far a move of the SSH port has come.
    SSH_MOVE = "state/ssh-move.json";
    /// Certificates that were asked for.
    CERTIFICATE_ORDERS = "state/certificate-orders.json";
    /// There once the owner of every tool was seen.
    OWNERS_PROVEN = "state/owners-proven";
}

/// The folder of an administrator that a release is uploaded to.
pub const ADMIN_INCOMING: &str = "/home/letsbe-admin/incoming";

/// A stack's folder.
#[must_use]
pub fn stack(name: &str) -> PathBuf {
    Path::new(STACKS).join(name)
}

/// nginx's container.
pub const NGINX_CONTAINER: &str = "letsbe-nginx";
/// certbot's name of the one certificate.
pub const CERTIFICATE_NAME: &str = "letsbe";
/// The agent's unit.
pub const AGENT_UNIT: &str = "letsbe-agent.service";
