//! One certificate with all host names, by HTTP-01, and its renewal.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use letsbe_host::{Assessment, Change, Command, Converge, FileWrite, Machine};
use letsbe_types::{Code, DomainName, Problem, job::DesiredServer, paths};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use x509_parser::{extensions::GeneralName, pem::parse_x509_pem};

use super::{deployment::Deployment, reading, rendered::is_written};

/// No certbot renews earlier than this long before the end.
const RENEW_BEFORE_MAX: TimeDelta = TimeDelta::days(30);
/// Authorities count refused orders for a name within an hour, and then refuse everything: Let's Encrypt after five.
const BUDGET: usize = 3;
const BUDGET_TIME: TimeDelta = TimeDelta::hours(1);
/// When certbot was asked and did not renew, it is believed for so long.
const BELIEVED: TimeDelta = TimeDelta::hours(24);
/// With less time than this left, certbot's word is not enough.
const TOO_LATE: TimeDelta = TimeDelta::days(1);
/// What became of our own orders. Root's alone.
pub(crate) const ORDERS: &str = paths::CERTIFICATE_ORDERS;
const TIMER: &str = "certbot.timer";
const HOOK: &str = "/etc/letsencrypt/renewal-hooks/deploy/letsbe-nginx";
const SERVICE_DROP_IN: &str = "/etc/systemd/system/certbot.service.d/letsbe.conf";

/// nginx reads a renewed certificate only when it is reloaded.
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
    pub(crate) begins: DateTime<Utc>,
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
        let date = |time: x509_parser::time::ASN1Time, what: &str| {
            DateTime::from_timestamp(time.timestamp(), 0).ok_or_else(|| format!("its {what} is no date"))
        };
        let begins = date(certificate.validity().not_before, "begin")?;
        let ends = date(certificate.validity().not_after, "end")?;
        Ok(Self { names, begins, ends, digest: hex::encode(Sha256::digest(&pem.contents)) })
    }

    /// Whether it is time for the next one: a third of its life is left, as certbot 4 reckons; older ones take thirty
    /// days, which for a certificate of ninety is the same.
    fn ends_soon(&self, now: DateTime<Utc>) -> bool {
        let life = (self.ends - self.begins).max(TimeDelta::zero());
        self.ends - now < (life / 3).min(RENEW_BEFORE_MAX)
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
        Problem::permanent(Code::NODE048, format!("{path} cannot be read: {why}"), hint)
    })
}

pub(crate) struct CertificateIssued {
    pub(crate) deployment: Arc<Deployment>,
}

/// What became of our own orders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// When certbot was started and did not come back with success.
    #[serde(default)]
    failed: Vec<DateTime<Utc>>,
    /// When certbot last said that all is well.
    #[serde(default)]
    well: Option<DateTime<Utc>>,
}

impl Orders {
    /// Failures that an authority still counts. A clock that was set back must not end them early.
    fn recent(&self, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        self.failed.iter().copied().filter(|at| (now - *at).abs() < BUDGET_TIME).collect()
    }

    fn write(&self) -> Change {
        let text = serde_json::to_string(self).unwrap_or_default();
        Change::Write(FileWrite::new(ORDERS, 0o600, text))
    }
}

/// What is on the disk, and the time.
pub(crate) struct Facts {
    certificate: Option<Certificate>,
    /// The authority's address in certbot's renewal file.
    server: Option<String>,
    orders: Orders,
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
        // A record that is damaged counts nothing; the next order writes it anew.
        let orders = reading::file(machine, ORDERS).await?;
        let orders = orders.and_then(|state| serde_json::from_str(&state.content).ok()).unwrap_or_default();
        Ok(Facts {
            certificate: read(machine).await?,
            orders,
            server: renewal.as_deref().and_then(server_of),
            now: Utc::now(),
        })
    }

    fn converge(&self, facts: &Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        decide(facts, &self.deployment.hostnames(), desired)
    }
}

fn server_of(renewal: &str) -> Option<String> {
    let value =
        |line: &str| Some(line.strip_prefix("server")?.trim_start().strip_prefix('=')?.trim().to_owned());
    renewal.lines().find_map(value)
}

fn decide(facts: &Facts, names: &[DomainName], desired: &DesiredServer) -> Result<Assessment, Problem> {
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
        Some(certificate) if certificate.ends_soon(facts.now) => {
            let ends = format!("the certificate ends on {}", certificate.ends.date_naive());
            // It knows what the authority wants (its own window for renewals, for one); its timer asks again.
            let believed = facts.orders.well.is_some_and(|at| (facts.now - at).abs() < BELIEVED);
            if believed && certificate.ends - facts.now > TOO_LATE {
                return Ok(Assessment::Warned { warning: format!("{ends}; certbot renews it later") });
            }
            ends
        }
        Some(certificate) => {
            let why = format!("covers {} names until {}", names.len(), certificate.ends.date_naive());
            return Ok(Assessment::converged(why));
        }
    };
    let recent = facts.orders.recent(facts.now);
    if recent.len() >= BUDGET {
        return Err(out_of_budget(&because, &recent));
    }
    // Written down before certbot is started: what kills it or us is a failure too.
    let failed = recent.into_iter().chain([facts.now]).collect();
    let before = Orders { failed, well: facts.orders.well }.write();
    let after = Orders { failed: Vec::new(), well: Some(facts.now) }.write();
    let changes = [vec![before], order(names, desired, moved), vec![after]].concat();
    Ok(Assessment::needed(because, changes))
}

fn out_of_budget(because: &str, recent: &[DateTime<Utc>]) -> Problem {
    let again = recent.iter().max().map_or_else(Utc::now, |last| *last + BUDGET_TIME);
    Problem::permanent(
        Code::NODE112,
        format!(
            "{because}, and the authority has refused {} orders within an hour: certbot is not started again \
             before {}",
            recent.len(),
            again.format("%Y-%m-%d %H:%M UTC")
        ),
        "Its reason stands in the failures before this one (a CAA record, a wrong address). Mend it, wait until then, \
         and retry: after five refusals the authority would refuse what is right, too.",
    )
}

/// One call of certbot.
fn order(names: &[DomainName], desired: &DesiredServer, force: bool) -> Vec<Change> {
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
    // Not retried: authorities count failures. The run itself is, and the record of orders bounds that.
    changes.push(Change::Run(certbot.within(Duration::from_secs(300))));
    changes
}

/// `certificate.renewed`: certbot's timer runs, knows the authority, and nginx is reloaded with the new certificate.
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
mod tests;
