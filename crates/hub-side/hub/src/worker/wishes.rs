//! What a provisioner is given: the order's server as it is wanted now, and how it is reached.

use letsbe_store::Order;
use letsbe_types::{
    Problem,
    ids::JobId,
    job::{DesiredServer, HubLink, ProvisionJob, ReportTarget},
};

use super::{address_of, job_files::public_key};
use crate::config::ProvisioningConfig;

/// What is asked this time.
pub(crate) struct Asked {
    pub(crate) id: JobId,
    /// What the agent registers with, if it is not registered.
    pub(crate) registration_token: String,
    /// The key of the agent that is registered was revoked.
    pub(crate) again: bool,
    /// Where the run is reported; `None` for a plan.
    pub(crate) report: Option<ReportTarget>,
}

/// The job. About models, backups and what is restored it says nothing: they stay as they are.
pub(crate) fn job(
    settings: &ProvisioningConfig,
    hub_url: &str,
    order: &Order,
    asked: Asked,
) -> Result<ProvisionJob, Problem> {
    let mut admin_keys = vec![public_key(&settings.private_key)?];
    admin_keys.extend(settings.operator_keys.iter().cloned());
    let desired = DesiredServer {
        identity: order.new.identity.clone(),
        domain: order.new.domain.clone(),
        owner_email: order.new.email.clone(),
        timezone: settings.timezone.clone(),
        tier: order.new.tier,
        tools: order.new.tools.clone(),
        admin_keys,
        docker: settings.docker,
        registry_mirrors: settings.registry_mirrors.clone(),
        certificates: settings.certificates.clone(),
        hub: Some(HubLink {
            url: hub_url.to_owned(),
            registration_token: asked.registration_token,
            again: asked.again,
        }),
        models: None,
        backups: None,
        restore: None,
    };
    Ok(ProvisionJob {
        id: asked.id,
        address: address_of(order)?,
        first_port: 22,
        private_key: settings.private_key.clone(),
        host_key: order.host_key.clone(),
        bundle: settings.bundle.clone(),
        report: asked.report,
        desired,
    })
}
