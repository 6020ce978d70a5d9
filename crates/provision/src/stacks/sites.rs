//! nginx's virtual hosts: first the answers for the certificate authority on port 80, then everything on port 443.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use letsbe_catalog::{CertificatePaths, SiteFile};
use letsbe_host::{Assessment, Change, Command, FileWrite, Machine, Operation};
use letsbe_types::{DomainName, Problem, job::DesiredServer};

use super::{
    certificate::{self, Certificate},
    deployment::{Deployment, not_rendered},
    http, paths, reading,
};

/// Asked for on every host name, to see that nginx serves the webroot for it.
const PROBE_PATH: &str = "/.well-known/acme-challenge/letsbe-probe";
const PROBE_TEXT: &str = "served by letsbe-nginx\n";
/// A host name of nobody: it must get no answer. An answer means that nginx runs from other files than the present.
const STRANGER: &str = "letsbe-stranger.invalid";
/// nginx's new workers take over within this time of a reload. Shorter than a plan's patience for one operation.
const TAKE_OVER: Duration = Duration::from_secs(3);

/// Which half of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the certificate: port 80 answers challenges for every name.
    Challenges,
    /// After: port 443 serves every name with the certificate on the disk.
    Published,
}

pub(crate) struct Sites {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) stage: Stage,
}

/// What is there.
struct Facts {
    /// Files in the folder, by name.
    found: BTreeMap<String, String>,
    /// Whether the probe file is there.
    probe: bool,
    /// Host names that are not served as they should be; only asked where the files are right.
    unserved: Vec<DomainName>,
}

#[async_trait]
impl Operation for Sites {
    fn name(&self) -> &'static str {
        match self.stage {
            Stage::Challenges => "sites.answer_challenges",
            Stage::Published => "sites.published",
        }
    }

    fn step(&self) -> u8 {
        9
    }

    async fn assess(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Assessment, Problem> {
        let hostnames = self.deployment.hostnames();
        let certificate =
            certificate::read(machine).await?.filter(|certificate| certificate.covers(&hostnames));
        if self.stage == Stage::Published && certificate.is_none() {
            let message = "there is no certificate with all host names yet";
            return Err(Problem::transient(
                "NODE049",
                message,
                "It is requested just before; see that operation.",
            ));
        }
        let lineage = certificate.as_ref().map(|_| CertificatePaths::certbot(paths::CERTIFICATE_NAME));
        let context = self.deployment.context(reading::has_ipv6(machine).await?);
        let (catalog, selection) = (self.deployment.catalog(), self.deployment.selection());
        let wanted = letsbe_catalog::render_sites(catalog, selection, &context, lineage.as_ref())
            .map_err(not_rendered)?;

        let mut facts = read(machine).await?;
        if differing(&wanted, &facts.found).is_empty() && facts.probe {
            facts.unserved = self.unserved(&hostnames, certificate.as_ref()).await?;
        }
        Ok(decide(&wanted, &facts, hostnames.len()))
    }
}

impl Sites {
    /// Host names that are not served as they should be. A reload takes a moment, so the answer is waited for.
    async fn unserved(
        &self,
        hostnames: &[DomainName],
        certificate: Option<&Certificate>,
    ) -> Result<Vec<DomainName>, Problem> {
        let deadline = tokio::time::Instant::now() + TAKE_OVER;
        loop {
            let served = match (self.stage, certificate) {
                (Stage::Published, Some(certificate)) => {
                    let shown = http::served_certificates(hostnames).await?;
                    shown
                        .iter()
                        .map(|digest| digest.as_ref() == Some(&certificate.digest))
                        .collect::<Vec<_>>()
                }
                _ => {
                    let asked = hostnames.iter().map(|host| http::plain(host, PROBE_PATH));
                    let bodies = futures::future::try_join_all(asked).await?;
                    bodies.iter().map(|body| body.as_deref() == Some(PROBE_TEXT)).collect()
                }
            };
            let unserved: Vec<DomainName> = hostnames
                .iter()
                .zip(served)
                .filter(|(_, served)| !served)
                .map(|(host, _)| host.clone())
                .chain(self.answered_stranger().await?)
                .collect();
            if unserved.is_empty() || tokio::time::Instant::now() >= deadline {
                return Ok(unserved);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The host name of nobody, if it was answered on port 80.
    async fn answered_stranger(&self) -> Result<Option<DomainName>, Problem> {
        let stranger = STRANGER.parse::<DomainName>().ok().filter(|_| self.stage == Stage::Challenges);
        Ok(match stranger {
            Some(stranger) if http::answers(&stranger).await? => Some(stranger),
            _ => None,
        })
    }
}

async fn read(machine: &dyn Machine) -> Result<Facts, Problem> {
    let folder = Path::new(paths::NGINX_SITES);
    let names = machine.list(folder).await.map_err(|error| reading::unreadable(&error))?;
    let mut found = BTreeMap::new();
    for name in names.into_iter().filter(|name| name.ends_with(".conf")) {
        if let Some(state) = reading::file(machine, folder.join(&name)).await? {
            found.insert(name, state.content);
        }
    }
    let probe = reading::file(machine, format!("{}{PROBE_PATH}", paths::NGINX_WEBROOT)).await?;
    Ok(Facts { found, probe: probe.is_some_and(|state| state.content == PROBE_TEXT), unserved: Vec::new() })
}

fn differing<'a>(wanted: &'a [SiteFile], found: &'a BTreeMap<String, String>) -> Vec<&'a str> {
    let changed = wanted.iter().filter(|site| found.get(&site.name) != Some(&site.contents));
    let stray = found.keys().filter(|name| !wanted.iter().any(|site| site.name == **name));
    changed.map(|site| site.name.as_str()).chain(stray.map(String::as_str)).collect()
}

fn decide(wanted: &[SiteFile], facts: &Facts, hostnames: usize) -> Assessment {
    let differing = differing(wanted, &facts.found);
    if differing.is_empty() && facts.probe && facts.unserved.is_empty() {
        return Assessment::converged(format!("nginx serves {hostnames} host names from the present files"));
    }
    let folder = Path::new(paths::NGINX_SITES);
    let change = |name: &&str| match wanted.iter().find(|site| site.name == **name) {
        Some(site) => Change::Write(FileWrite::new(folder.join(&site.name), 0o644, site.contents.clone())),
        None => Change::Remove(folder.join(name)),
    };
    let mut changes: Vec<Change> = differing.iter().map(change).collect();
    if !facts.probe {
        let path = format!("{}{PROBE_PATH}", paths::NGINX_WEBROOT);
        changes.push(Change::Write(FileWrite::new(path, 0o644, PROBE_TEXT)));
    }
    let nginx = |arguments: &str| {
        let words = arguments.split_whitespace();
        Change::Run(Command::new(
            "docker",
            ["exec", paths::NGINX_CONTAINER, "nginx"].into_iter().chain(words),
        ))
    };
    changes.extend([nginx("-t -q"), nginx("-s reload")]);
    let because = match (&differing[..], &facts.unserved[..]) {
        ([], []) => "the probe file is missing".to_owned(),
        ([], unserved) => {
            let names: Vec<&str> = unserved.iter().map(DomainName::as_str).collect();
            format!("not served as the files say: {}", names.join(", "))
        }
        (names, _) => format!("not as rendered: {}", names.join(", ")),
    };
    Assessment::needed(because, changes)
}

#[cfg(test)]
mod tests {
    use letsbe_catalog::SiteFile;
    use letsbe_host::Assessment;

    use super::{Facts, decide};

    #[test]
    fn sites_are_written_removed_and_reloaded_only_when_something_differs() {
        let site = |name: &str| SiteFile { name: name.to_owned(), contents: format!("server {name}") };
        let wanted = [site("ghost.conf"), site("odoo.conf")];
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let good = [pair("ghost.conf", "server ghost.conf"), pair("odoo.conf", "server odoo.conf")];
        let facts = |found: &[(String, String)], probe, unserved: &[&str]| Facts {
            found: found.iter().cloned().collect(),
            probe,
            unserved: unserved.iter().map(|name| name.parse().expect("a name")).collect(),
        };
        assert!(matches!(decide(&wanted, &facts(&good, true, &[]), 3), Assessment::Converged { .. }));
        let stale = [good[0].clone(), pair("odoo.conf", "old"), pair("stray.conf", "x")];
        let reload =
            ["run docker exec letsbe-nginx nginx -t -q", "run docker exec letsbe-nginx nginx -s reload"];
        for (facts, expected) in [
            (
                facts(&stale, true, &[]),
                vec![
                    "write /opt/letsbe/nginx/sites/odoo.conf (mode 0644, 1 lines)",
                    "remove /opt/letsbe/nginx/sites/stray.conf",
                ],
            ),
            (facts(&good, true, &["blog.example.com"]), vec![]),
            (
                facts(&good, false, &[]),
                vec![
                    "write /opt/letsbe/nginx/webroot/.well-known/acme-challenge/letsbe-probe (mode 0644, 1 lines)",
                ],
            ),
        ] {
            let Assessment::Needed { changes, .. } = decide(&wanted, &facts, 3) else { panic!("needed") };
            let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
            let expected: Vec<&str> = expected.into_iter().chain(reload).collect();
            assert_eq!(lines, expected);
        }
    }
}
