//! A lab whose servers are provisioned without a Hub: with `letsbe provision` or `letsbe-provisioner`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::Instant,
};

use letsbe_catalog::Catalog;
use letsbe_lab::{
    fleet::Programs,
    folders,
    hosts::Host,
    lab::{CatalogImages, Lab, LabOptions},
};
use letsbe_types::{
    ids::{JobId, ServerIdentity},
    job::{CertificateAuthority, DesiredServer, DockerSource, ProvisionJob},
};

/// A lab without a Hub, the programs, and a bundle.
pub struct Site {
    /// The lab.
    pub lab: Lab,
    /// Copies of the built programs.
    pub programs: Programs,
    /// `letsbe-node` and the catalog.
    pub bundle: PathBuf,
    /// Files of this lab.
    pub folder: tempfile::TempDir,
    /// The private key that servers are installed with.
    pub key: PathBuf,
    began: Instant,
    /// By the server's name: the host key that it was installed with, as its provider's console shows it.
    host_keys: Mutex<BTreeMap<String, String>>,
}

impl Site {
    /// A lab whose servers have, or have not, the catalog's images already.
    pub async fn start(images: CatalogImages) -> Self {
        let began = Instant::now();
        let folder = folders::create().expect("a folder");
        let built = std::env::current_exe().expect("this program");
        let built = built.ancestors().nth(2).expect("cargo's output folder");
        let mut programs = Programs::in_folder(built).expect("the programs are built");
        // Copies: a build that goes on beside this test does not change them under it.
        for program in [&mut programs.cli, &mut programs.provisioner, &mut programs.node, &mut programs.proxy]
        {
            let copy = folder.path().join(program.file_name().expect("a name"));
            let done = Command::new("strip").arg("-o").arg(&copy).arg(&*program).status().expect("strip");
            assert!(done.success());
            *program = copy;
        }
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        let bundle = programs.bundle(folder.path(), &repository).expect("a bundle");
        let options =
            LabOptions { proxy_binary: Some(programs.proxy.clone()), images, ..LabOptions::default() };
        let lab = Lab::start(options).await.expect("the lab starts");
        let key = new_key(folder.path(), "key");
        let site = Self { lab, programs, bundle, folder, key, began, host_keys: Mutex::default() };
        site.say("the lab is up");
        site
    }

    /// A line with the time, for whoever watches.
    pub fn say(&self, text: &str) {
        eprintln!("{:5.1} s  {text}", self.began.elapsed().as_secs_f32());
    }

    /// A fresh server with its DNS records.
    pub async fn server(&self, name: &str) -> Host {
        let domain = self.domain(name);
        let keys = [public(&self.key)];
        let host = self.lab.create_host(name, &domain, None, &keys).await.expect("a server");
        let host_key = host.host_key().await.expect("its host key");
        self.host_keys.lock().expect("no panic").insert(name.to_owned(), host_key);
        for record in self.names(name) {
            self.lab.dns.add_record(&record, "A", &host.address.to_string()).await.expect("a record");
        }
        host
    }

    /// The host key that a server was installed with; `None` for one that was not.
    #[must_use]
    pub fn host_key(&self, name: &str) -> Option<String> {
        self.host_keys.lock().expect("no panic").get(name).cloned()
    }

    /// The domain of a server.
    #[must_use]
    pub fn domain(&self, name: &str) -> String {
        format!("{name}.{}", self.lab.dns.zone)
    }

    /// The domain and every host name that a tool of the catalog has, one by one: no other name leads to the server.
    #[must_use]
    pub fn names(&self, name: &str) -> Vec<String> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        let catalog = Catalog::load(&repository.join("catalog")).expect("the catalog");
        let domain = self.domain(name);
        let hosts = catalog.tools().flat_map(|tool| &tool.vhosts).filter(|vhost| vhost.label != "@");
        let hosts = hosts.map(|vhost| format!("{}.{domain}", vhost.label));
        let names: BTreeSet<String> = hosts.chain([domain.clone()]).collect();
        names.into_iter().collect()
    }

    /// A job for a server, as the Hub would write it.
    #[must_use]
    pub fn job(&self, name: &str, address: IpAddr, tools: &[&str]) -> ProvisionJob {
        let email = || format!("owner@{name}.test").parse().expect("an address");
        ProvisionJob {
            id: JobId::generate(),
            address,
            first_port: 22,
            private_key: self.key.clone(),
            host_key: self.host_key(name),
            bundle: self.bundle.clone(),
            report: None,
            desired: DesiredServer {
                identity: ServerIdentity(format!("identity-of-{name}")),
                domain: self.domain(name).parse().expect("a domain"),
                owner_email: email(),
                timezone: "Europe/Berlin".to_owned(),
                tier: letsbe_types::Tier::Build,
                tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
                admin_keys: vec![public(&self.key)],
                docker: DockerSource::Distro,
                registry_mirrors: vec![self.lab.registry.mirror.clone()],
                certificates: CertificateAuthority {
                    directory_url: Some(self.lab.acme.directory.clone()),
                    directory_roots_pem: Some(self.lab.acme.ca_pem.clone()),
                    issued_roots_pem: Some(self.lab.acme.issuer_pem.clone()),
                    contact: email(),
                },
                hub: None,
                models: None,
                backups: None,
                restore: None,
            },
        }
    }
}

/// Makes a key pair; gives the private half's file.
#[must_use]
pub fn new_key(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(name);
    let mut command = Command::new("ssh-keygen");
    let made = command.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&file).status();
    assert!(made.expect("ssh-keygen").success());
    file
}

fn public(key: &Path) -> String {
    fs::read_to_string(key.with_extension("pub")).expect("the public key").trim().to_owned()
}
