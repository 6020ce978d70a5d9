//! A worker for tests: of the Hub whose files lie in one folder, with no pool, no models and no storage, and nobody
//! who takes its mail. A test puts what it looks at in its place: `Worker { provider, ..worker(…) }`.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use chrono::TimeDelta;
use letsbe_catalog::Catalog;
use letsbe_dns::DnsChecker;
use letsbe_hub::{
    config::ProvisioningConfig,
    providers::server_provider,
    worker::{Mailer, Worker},
};
use letsbe_lifecycle::order::Pace;
use letsbe_store::Store;
use letsbe_types::{
    EmailAddress, Secret,
    clock::SystemClock,
    job::{CertificateAuthority, DockerSource},
};

pub(crate) fn worker(store: Store, catalog: Arc<Catalog>, folder: &Path) -> Worker {
    let contact: EmailAddress = "ops@letsbe.example".parse().expect("an address");
    // Nobody listens there (any more).
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let mail_server = Secret::new(format!("smtp://{}", closed.expect("a port")));
    Worker {
        store,
        clock: Arc::new(SystemClock),
        pace: Pace::default(),
        lease: TimeDelta::seconds(30),
        owner: "test".to_owned(),
        provider: server_provider(None),
        delivered_templates: BTreeSet::new(),
        catalog,
        dns: DnsChecker { resolver: None },
        mailer: Mailer::new(&mail_server, contact.clone()).expect("a mailer"),
        staff_mail: Vec::new(),
        provisioning: provisioning(folder),
        models: None,
        storage: None,
        public_url: "https://hub.example.com".to_owned(),
        jobs_folder: folder.join("jobs"),
    }
}

/// How its servers are provisioned: by a program that the test puts into the folder.
pub(crate) fn provisioning(folder: &Path) -> ProvisioningConfig {
    ProvisioningConfig {
        provisioner: folder.join("provisioner"),
        bundle: folder.to_owned(),
        private_key: folder.join("key"),
        operator_keys: Vec::new(),
        timezone: "Europe/Berlin".to_owned(),
        docker: DockerSource::Distro,
        registry_mirrors: Vec::new(),
        certificates: CertificateAuthority {
            directory_url: None,
            directory_roots_pem: None,
            issued_roots_pem: None,
            contact: "ops@letsbe.example".parse().expect("an address"),
        },
    }
}
