//! Where things lie on the tenant's server (runbook 3.2; DESIGN section 3).

use std::path::{Path, PathBuf};

/// The node program.
pub const NODE_PROGRAM: &str = "/opt/letsbe/bin/letsbe-node";
/// Folder with one folder per stack.
pub const STACKS: &str = "/opt/letsbe/stacks";
/// nginx's own configuration.
pub const NGINX_CONFIGURATION: &str = "/opt/letsbe/nginx/nginx.conf";
/// One file per tool, with its virtual hosts.
pub const NGINX_SITES: &str = "/opt/letsbe/nginx/sites";
/// Served under `/.well-known/acme-challenge/` on every host name.
pub const NGINX_WEBROOT: &str = "/opt/letsbe/nginx/webroot";
/// nginx's container.
pub const NGINX_CONTAINER: &str = "letsbe-nginx";
/// certbot's name of the one certificate.
pub const CERTIFICATE_NAME: &str = "letsbe";
/// Authority that the ACME directory's own certificate chains to, where the system does not know it.
pub const ACME_ROOTS: &str = "/opt/letsbe/state/acme-directory-roots.pem";
/// What the AI runtime may know about the tools. No secrets.
pub const TOOL_REGISTRY: &str = "/opt/letsbe/state/tool-registry.json";
/// Releases that stacks were moved to after the catalog was written.
pub const PINS: &str = "/opt/letsbe/state/pins.json";
/// Which models the AI runtime may name, and who is asked for them. No secrets.
pub const MODELS: &str = "/opt/letsbe/state/models.json";
/// Tokens in a calendar month, until the Hub says another number.
pub const TOKEN_POOL: &str = "/opt/letsbe/state/token-pool";
/// What this server is: the wishes of its last run, without tokens and keys.
pub const SERVER_RECORD: &str = "/opt/letsbe/state/server.json";
/// Written by `letsbe-node register`: the Hub's address and the agent's key.
pub const AGENT_STATE: &str = "/opt/letsbe/state/agent.json";
/// Written by the agent: when the Hub last accepted a heartbeat.
pub const HEARTBEAT_STATE: &str = "/opt/letsbe/state/heartbeat.json";
/// The wishes of the run; carries the registration token, so step 10 removes it.
pub const CONFIGURATION: &str = "/opt/letsbe/config.json";
/// The agent's unit.
pub const AGENT_UNIT: &str = "letsbe-agent.service";

/// A stack's folder.
#[must_use]
pub fn stack(name: &str) -> PathBuf {
    Path::new(STACKS).join(name)
}
