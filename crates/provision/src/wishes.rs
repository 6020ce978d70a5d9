//! Looks at a job before anything is connected to: a server is never touched for wishes that cannot come true.

use std::sync::Arc;

use letsbe_catalog::Catalog;
use letsbe_types::{HostKeyPin, Problem, job::ProvisionJob};

use crate::stacks::Deployment;

/// The host key that the job says the server has; `None` if nobody has compared it yet.
///
/// # Errors
/// `SSH013` when what is recorded is neither a key nor a fingerprint.
pub fn host_key(job: &ProvisionJob) -> Result<Option<HostKeyPin>, Problem> {
    job.host_key.as_deref().map(str::parse::<HostKeyPin>).transpose().map_err(|error| {
        Problem::permanent(
            "SSH013",
            format!("What is recorded as the host key of {} {error}", job.address),
            "Record it anew: `letsbe orders confirm-host-key`, or `letsbe provision --host-key`.",
        )
    })
}

/// Checks the wishes against the catalog of the job's bundle.
///
/// # Errors
/// `NODE001` when the bundle has no usable catalog, `NODE043` when the tools do not fit it or the tier, `HOST010`
/// when nobody could log in to the finished server. Each names the field.
pub fn check(job: &ProvisionJob) -> Result<(), Problem> {
    let catalog = Catalog::load(&job.bundle.join("catalog")).map_err(|errors| {
        Problem::permanent(
            "NODE001",
            format!("The catalog of the bundle {} cannot be used: {errors}", job.bundle.display()),
            "Install a complete bundle.",
        )
    })?;
    Deployment::new(Arc::new(catalog), &job.desired)?;
    letsbe_host::operations::check_admin_keys(&job.desired)
}
