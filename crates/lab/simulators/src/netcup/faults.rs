//! What goes wrong, on demand.

use serde::{Deserialize, Serialize};

/// What goes wrong. Numbers count down with each use; switches stay until they are switched back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
pub struct Faults {
    /// So many installations are started and their reply never arrives.
    pub lose_install_reply: u32,
    /// So many lists of a server's tasks are still without any of them.
    pub list_late: u32,
    /// So many connections are dropped before anything is done.
    pub drop_connection: u32,
    /// So many writes to servers meet 409 `server.lock.error`.
    pub locked: u32,
    /// So many calls meet 503.
    pub maintenance: u32,
    /// So many calls meet 429 with `Retry-After: 7`.
    pub busy: u32,
    /// The next task ends so: `ERROR`, `CANCELED` or `ROLLBACK`.
    pub end_next_task: Option<String>,
    /// Tasks stay where they are until this is switched off.
    pub hold_tasks: bool,
    /// Tasks take this much longer.
    pub task_milliseconds: u64,
    /// The refresh token has died of idleness.
    pub login_dead: bool,
    /// A refresh token dies when it is used, as Keycloak can be told to do.
    pub refresh_once: bool,
    /// 403: the caller's address is not on the account's allow-list.
    pub address_forbidden: bool,
    /// The account has no servers.
    pub empty_pool: bool,
    /// New SSH keys are refused with 422.
    pub refuse_ssh_keys: bool,
}

impl Faults {
    /// Uses up one of a counted fault.
    pub(super) fn strikes(counter: &mut u32) -> bool {
        let left = counter.checked_sub(1);
        *counter = left.unwrap_or(0);
        left.is_some()
    }
}
