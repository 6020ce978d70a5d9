//! One effect a file. Each is carried out at least once, so each is safe to repeat.

mod dns;
mod notify;
mod provision;
mod servers;

pub(super) use dns::check_dns;
pub(super) use notify::{notify_customer, request_purchase};
pub(super) use provision::{prepare_provisioning, provision, release_server};
pub(super) use servers::{claim_server, install_server};
