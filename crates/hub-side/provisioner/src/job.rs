//! Checks a job before anything is connected to: a server is never touched for a desired state that it cannot reach.

use letsbe_catalog::{Catalog, Selection};
use letsbe_protocol::desired::{authorized_keys, unfit_tools};
use letsbe_types::{Code, HostKeyPin, Problem, job::ProvisionJob};

/// The host key that the job says the server has; `None` if nobody has compared it yet.
///
/// # Errors
/// `SSH013` when what is recorded is neither a key nor a fingerprint.
pub fn host_key(job: &ProvisionJob) -> Result<Option<HostKeyPin>, Problem> {
    job.host_key.as_deref().map(str::parse::<HostKeyPin>).transpose().map_err(|error| {
        Problem::permanent(
            Code::SSH013,
            format!("What is recorded as the host key of {} {error}", job.address),
            "Record it anew: `letsbe orders confirm-host-key`, or `letsbe provision --host-key`.",
        )
    })
}

/// Checks the desired server against the catalog of the job's bundle.
///
/// # Errors
/// `NODE001` when the bundle has no usable catalog, `NODE043` when the tools do not fit it or the tier, `HOST010`
/// when nobody could log in to the finished server. Each names the field.
pub fn check(job: &ProvisionJob) -> Result<(), Problem> {
    selection(job)?;
    authorized_keys(&job.desired).map(drop)
}

/// The catalog of the job's bundle, and the desired tools selected from it.
///
/// # Errors
/// `NODE001` when the bundle has no usable catalog, `NODE043` when the tools do not fit it or the tier.
pub fn selection(job: &ProvisionJob) -> Result<(Catalog, Selection), Problem> {
    let catalog = Catalog::load(&job.bundle.join("catalog")).map_err(|errors| {
        Problem::permanent(
            Code::NODE001,
            format!("The catalog of the bundle {} cannot be used: {errors}", job.bundle.display()),
            "Install a complete bundle.",
        )
    })?;
    let desired = &job.desired;
    let selection = catalog.select(desired.tier, &desired.tools).map_err(|errors| unfit_tools(&errors))?;
    Ok((catalog, selection))
}

#[cfg(test)]
pub(crate) mod tests {
    use letsbe_types::{Code, ids::JobId, job::ProvisionJob};

    use super::check;

    /// A job whose bundle is the repository: the catalog lies there as in a bundle.
    pub(crate) fn job() -> ProvisionJob {
        let desired = include_str!("../../../shared/protocol/tests/fixtures/desired.json");
        ProvisionJob {
            id: JobId::generate(),
            address: [127, 0, 0, 1].into(),
            first_port: 22,
            private_key: "/nowhere".into(),
            host_key: None,
            bundle: concat!(env!("CARGO_MANIFEST_DIR"), "/../../..").into(),
            report: None,
            desired: serde_json::from_str(desired).expect("a desired server"),
        }
    }

    #[test]
    fn a_job_that_cannot_succeed_is_refused_before_a_connection() {
        assert_eq!(check(&job()), Ok(()));
        let mut unknown = job();
        unknown.desired.tools = vec!["n8n".to_owned()];
        assert_eq!(check(&unknown).unwrap_err().code, Code::NODE043);
        let mut keyless = job();
        keyless.desired.admin_keys.clear();
        assert_eq!(check(&keyless).unwrap_err().code, Code::HOST010);
        let incomplete = ProvisionJob { bundle: "/nowhere".into(), ..job() };
        assert_eq!(check(&incomplete).unwrap_err().code, Code::NODE001);
    }
}
