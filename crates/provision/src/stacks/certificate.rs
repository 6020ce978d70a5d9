//! One certificate with all host names, by HTTP-01, and its renewal.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use letsbe_host::{Assessment, Change, Command, Converge, FileWrite, Machine};
use letsbe_types::{DomainName, Problem, job::DesiredServer};
use sha2::{Digest as _, Sha256};
use x509_parser::{extensions::GeneralName, pem::parse_x509_pem};

use super::{deployment::Deployment, paths, reading, rendered::is_written};

/// certbot renews this long before the end, and so do we.
const RENEW_BEFORE: TimeDelta = TimeDelta::days(30);
const TIMER: &str = "certbot.timer";
const HOOK: &str = "/etc/letsencrypt/renewal-hooks/deploy/letsbe-nginx";
const SERVICE_DROP_IN: &str = "/etc/systemd/system/certbot.service.d/letsbe.conf";

/// nginx reads a renewed certificate only when it is told to.
const HOOK_TEXT: &str = "#!/bin/sh
# Written by letsbe-node. certbot runs this after a renewal.
set -e
docker exec letsbe-nginx nginx -t -q
exec docker exec letsbe-nginx nginx -s reload
";

/// A certificate as read from the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) names: BTreeSet<String>,
    pub(crate) ends: DateTime<Utc>,
    /// SHA-256 of its DER form.
    pub(crate) digest: String,
}

impl Certificate {
    /// The first certificate of a PEM file.
    pub(crate) fn parse(pem: &str) -> Result<Self, String> {
        let (_, pem) = parse_x509_pem(pem.as_bytes()).map_err(|_| "it is no PEM file".to_owned())?;
        let certificate = pem.parse_x509().map_err(|_| "it holds no X.509 certificate".to_owned())?;
        let alternative =
            certificate.subject_alternative_name().map_err(|_| "its names are broken".to_owned())?;
        let names = alternative.map_or_else(BTreeSet::new, |extension| {
            let dns = |name: &GeneralName<'_>| match name {
                GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                _ => None,
            };
            extension.value.general_names.iter().filter_map(dns).collect()
        });
        let ends = certificate.validity().not_after.timestamp();
        let ends = DateTime::from_timestamp(ends, 0).ok_or_else(|| "its end is no date".to_owned())?;
        Ok(Self { names, ends, digest: hex::encode(Sha256::digest(&pem.contents)) })
    }

    pub(crate) fn covers(&self, names: &[DomainName]) -> bool {
        names.iter().all(|name| self.names.contains(name.as_str()))
    }
}

/// The certificate that certbot keeps for us; `None` before the first.
pub(crate) async fn read(machine: &dyn Machine) -> Result<Option<Certificate>, Problem> {
    let path = format!("/etc/letsencrypt/live/{}/cert.pem", paths::CERTIFICATE_NAME);
    let Some(state) = reading::file(machine, &path).await? else { return Ok(None) };
    Certificate::parse(&state.content).map(Some).map_err(|why| {
        let hint = format!("Run `certbot delete --cert-name {}` and retry.", paths::CERTIFICATE_NAME);
        Problem::permanent("NODE048", format!("{path} cannot be read: {why}"), hint)
    })
}

pub(crate) struct CertificateIssued {
    pub(crate) deployment: Arc<Deployment>,
}

/// What is on the disk, and the time.
pub(crate) struct Facts {
    certificate: Option<Certificate>,
    /// The authority's address in certbot's renewal file.
    server: Option<String>,
    now: DateTime<Utc>,
}

#[async_trait]
impl Converge for CertificateIssued {
    type Facts = Facts;
    const NAME: &'static str = "certificate.issued";
    const STEP: u8 = 9;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Facts, Problem> {
        let renewal = format!("/etc/letsencrypt/renewal/{}.conf", paths::CERTIFICATE_NAME);
        let renewal = reading::file(machine, &renewal).await?.map(|state| state.content);
        Ok(Facts {
            certificate: read(machine).await?,
            server: renewal.as_deref().and_then(server_of),
            now: Utc::now(),
        })
    }

    fn converge(&self, facts: &Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        Ok(decide(facts, &self.deployment.hostnames(), desired))
    }
}

fn server_of(renewal: &str) -> Option<String> {
    let value =
        |line: &str| Some(line.strip_prefix("server")?.trim_start().strip_prefix('=')?.trim().to_owned());
    renewal.lines().find_map(value)
}

fn decide(facts: &Facts, names: &[DomainName], desired: &DesiredServer) -> Assessment {
    let authority = desired.certificates.directory_url.as_ref();
    let moved = authority.is_some() && facts.server.is_some() && facts.server.as_ref() != authority;
    let because = match &facts.certificate {
        None => "there is no certificate".to_owned(),
        Some(_) if moved => "the certificate comes from another authority".to_owned(),
        Some(certificate) if !certificate.covers(names) => {
            let missing: Vec<&str> = names
                .iter()
                .map(DomainName::as_str)
                .filter(|name| !certificate.names.contains(*name))
                .collect();
            format!("the certificate lacks {}", missing.join(", "))
        }
        Some(certificate) if certificate.ends - facts.now < RENEW_BEFORE => {
            format!("the certificate ends on {}", certificate.ends.date_naive())
        }
        Some(certificate) => {
            let why = format!("covers {} names until {}", names.len(), certificate.ends.date_naive());
            return Assessment::converged(why);
        }
    };
    Assessment::needed(because, vec_of_changes(names, desired, moved))
}

fn vec_of_changes(names: &[DomainName], desired: &DesiredServer, force: bool) -> Vec<Change> {
    let authority = &desired.certificates;
    let mut certbot = Command::words("certbot certonly --webroot --non-interactive --agree-tos --expand");
    let mut add = |arguments: &[&str]| certbot.arguments.extend(arguments.iter().map(|a| (*a).to_owned()));
    add(&["--keep-until-expiring", "--webroot-path", paths::NGINX_WEBROOT]);
    add(&["--cert-name", paths::CERTIFICATE_NAME, "--email", authority.contact.as_str()]);
    if let Some(url) = &authority.directory_url {
        add(&["--server", url]);
    }
    if force {
        add(&["--force-renewal"]);
    }
    names.iter().for_each(|name| add(&["--domain", name.as_str()]));
    let mut changes = Vec::new();
    if let Some(pem) = &authority.directory_roots_pem {
        changes.push(Change::Write(FileWrite::new(paths::ACME_ROOTS, 0o644, pem.clone())));
        certbot = certbot.env("REQUESTS_CA_BUNDLE", paths::ACME_ROOTS);
    }
    // One retry only: authorities count failures and then refuse for hours.
    changes.push(Change::Run(certbot.within(Duration::from_secs(300)).retried(1)));
    changes
}

/// `certificate.renewed`: certbot's timer runs, knows the authority, and nginx is told of the new certificate.
pub(crate) struct CertificateRenewed;

/// Files and the timer's state.
pub(crate) struct RenewalFacts {
    written: Vec<bool>,
    timer_runs: bool,
}

fn renewal_files(desired: &DesiredServer) -> Vec<FileWrite> {
    let mut files = vec![FileWrite::new(HOOK, 0o755, HOOK_TEXT)];
    if desired.certificates.directory_roots_pem.is_some() {
        let text = format!(
            "# Written by letsbe-node.\n[Service]\nEnvironment=REQUESTS_CA_BUNDLE={}\n",
            paths::ACME_ROOTS
        );
        files.push(FileWrite::new(SERVICE_DROP_IN, 0o644, text));
    }
    files
}

#[async_trait]
impl Converge for CertificateRenewed {
    type Facts = RenewalFacts;
    const NAME: &'static str = "certificate.renewed";
    const STEP: u8 = 9;

    async fn probe(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<RenewalFacts, Problem> {
        let mut written = Vec::new();
        for file in renewal_files(desired) {
            written.push(is_written(&file, reading::file(machine, &file.path).await?.as_ref()));
        }
        let timer = reading::unit(machine, TIMER, "UnitFileState,ActiveState").await?;
        let is = |name: &str, value: &str| timer.get(name).is_some_and(|found| found == value);
        Ok(RenewalFacts {
            written,
            timer_runs: is("UnitFileState", "enabled") && is("ActiveState", "active"),
        })
    }

    fn converge(&self, facts: &RenewalFacts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        let files = renewal_files(desired);
        let missing = files.into_iter().zip(&facts.written).filter(|(_, written)| !**written);
        let mut changes: Vec<Change> = missing.map(|(file, _)| Change::Write(file)).collect();
        if changes.is_empty() && facts.timer_runs {
            return Ok(Assessment::converged("certbot.timer runs and tells nginx"));
        }
        changes.push(Change::Run(Command::words("systemctl daemon-reload")));
        changes.push(Change::Run(Command::words("systemctl enable --now certbot.timer")));
        Ok(Assessment::needed("the renewal is not set up", changes))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};
    use letsbe_host::{Assessment, Converge as _};

    use super::{Certificate, CertificateRenewed, Facts, RenewalFacts, decide, server_of};
    use crate::stacks::tests::desired;

    fn certificate(names: &[&str], days: i64) -> Certificate {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Certificate { names, ends: Utc::now() + TimeDelta::days(days), digest: String::new() }
    }

    #[test]
    fn a_certificate_is_asked_for_when_it_is_missing_short_or_ending() {
        let desired = desired();
        let names = ["example.com", "blog.example.com"].map(|name| name.parse().expect("a name"));
        let url = desired.certificates.directory_url.clone();
        let facts = |certificate, server: Option<&str>| Facts {
            certificate,
            server: server.map(str::to_owned),
            now: Utc::now(),
        };
        let all = ["blog.example.com", "example.com", "old.example.com"];
        let good = facts(Some(certificate(&all, 60)), url.as_deref());
        assert!(matches!(decide(&good, &names, &desired), Assessment::Converged { .. }));
        for (facts, why) in [
            (facts(None, None), "there is no certificate"),
            (
                facts(Some(certificate(&["example.com"], 60)), url.as_deref()),
                "the certificate lacks blog.example.com",
            ),
            (facts(Some(certificate(&all, 29)), url.as_deref()), "the certificate ends on"),
            (facts(Some(certificate(&all, 60)), Some("https://other/dir")), "another authority"),
        ] {
            let Assessment::Needed { because, changes } = decide(&facts, &names, &desired) else {
                panic!("{why}")
            };
            assert!(because.contains(why), "{because}");
            let run = changes.last().expect("a run").to_string();
            assert!(run.contains("--domain example.com --domain blog.example.com"), "{run}");
            assert!(
                run.contains("REQUESTS_CA_BUNDLE=") && run.contains("--server https://acme.lab/dir"),
                "{run}"
            );
            assert_eq!(run.contains("--force-renewal"), why == "another authority", "{run}");
        }
    }

    #[test]
    fn a_certificate_is_read_as_openssl_reads_it() {
        let pem = include_str!("../../tests/fixtures/certificate.pem");
        let read = Certificate::parse(pem).expect("parses");
        assert_eq!(read.ends.timestamp(), 1_803_074_071);
        let digest = "1da0fd6d1e78fba3be69e09ea5f03878123a3b6d8f3c5d77cab8f2ca17db6e67";
        assert_eq!(read.digest, digest);
        assert_eq!(
            read.names.iter().map(String::as_str).collect::<Vec<_>>(),
            ["blog.example.com", "example.com"]
        );
        let name = |text: &str| text.parse::<letsbe_types::DomainName>().expect("a name");
        assert!(read.covers(&[name("example.com"), name("blog.example.com")]));
        assert!(!read.covers(&[name("example.com"), name("crm.example.com")]));
    }

    #[test]
    fn renewal_files_are_read() {
        assert_eq!(
            server_of("# x\n[renewalparams]\nserver = https://a/dir\n").as_deref(),
            Some("https://a/dir")
        );
        assert_eq!(server_of("server_x = y\n"), None);
        assert!(Certificate::parse("nothing").is_err());
        assert!(
            Certificate::parse("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err()
        );
    }

    #[test]
    fn renewal_converges_only_with_all_files_and_the_timer() {
        let assess = |written: [bool; 2], timer_runs| {
            let facts = RenewalFacts { written: written.to_vec(), timer_runs };
            CertificateRenewed.converge(&facts, &desired()).expect("decides")
        };
        assert!(matches!(assess([true, true], true), Assessment::Converged { .. }));
        for (written, timer) in [([false, true], true), ([true, false], true), ([true, true], false)] {
            assert!(matches!(assess(written, timer), Assessment::Needed { .. }));
        }
    }
}
