//! nginx's virtual hosts: first the answers for the certificate authority on port 80, then everything on port 443.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use letsbe_catalog::{CertificatePaths, Door, SiteFile, Tool};
use letsbe_host::{Assessment, Change, Command, FileWrite, Machine, Operation};
use letsbe_types::{Code, DomainName, Problem, job::DesiredServer, paths};

use super::{
    certificate::{self, Certificate},
    deployment::{Deployment, not_rendered},
    http, owner, reading,
};

/// Asked for on every host name, to see that nginx serves the webroot for it.
const PROBE_PATH: &str = "/.well-known/acme-challenge/letsbe-probe";
const PROBE_TEXT: &str = "served by letsbe-nginx\n";
/// A host name that nobody has: it must get no answer. An answer means that nginx runs from other files than the
/// present ones.
const UNKNOWN_HOST: &str = "letsbe-stranger.invalid";
/// nginx's new workers take over within this time of a reload. Shorter than a plan's patience for one operation.
const RELOAD_PATIENCE: Duration = Duration::from_secs(3);

/// Which part of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SitesMode {
    /// Before the certificate: port 80 answers challenges for every name.
    Challenges,
    /// After: port 443 serves every name with the certificate on the disk. What has no owner yet is closed.
    Published,
    /// Every tool has its owner, and is open.
    Opened,
}

pub(crate) struct Sites {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) mode: SitesMode,
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

/// What decides whether a tool's site is open.
struct SiteStates {
    certificate: Option<Certificate>,
    /// Tools whose owner was not seen yet.
    closed: BTreeSet<String>,
}

impl SiteStates {
    fn access<'a>(&self, names: &[DomainName], tool: &str, paths: &'a CertificatePaths) -> Door<'a> {
        match &self.certificate {
            Some(certificate) if !certificate.covers(names) => Door::Challenge,
            Some(_) if self.closed.contains(tool) => Door::Closed(paths),
            Some(_) => Door::Open(paths),
            None => Door::Challenge,
        }
    }
}

#[async_trait]
impl Operation for Sites {
    fn name(&self) -> &'static str {
        match self.mode {
            SitesMode::Challenges => "sites.answer_challenges",
            SitesMode::Published => "sites.published",
            SitesMode::Opened => "sites.opened",
        }
    }

    fn step(&self) -> u8 {
        match self.mode {
            SitesMode::Challenges | SitesMode::Published => 9,
            SitesMode::Opened => 10,
        }
    }

    async fn assess(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Assessment, Problem> {
        let hostnames = self.deployment.hostnames();
        let mut facts = read(machine).await?;
        let certificate = certificate::read(machine).await?;
        let closed = self.without_owner(machine, &facts.found).await?;
        let states = SiteStates { certificate, closed };
        self.refuse(&states, &hostnames)?;
        let paths = CertificatePaths::certbot(paths::CERTIFICATE_NAME);
        let context = self.deployment.context(reading::has_ipv6(machine).await?);
        let (catalog, selection) = (self.deployment.catalog(), self.deployment.selection());
        let door = |tool: Option<&Tool>| {
            let (names, name) = match tool {
                Some(tool) => (self.deployment.hostnames_of(tool), tool.name.as_str()),
                None => (vec![context.domain.clone()], ""),
            };
            states.access(&names, name, &paths)
        };
        let wanted =
            letsbe_catalog::render_sites(catalog, selection, &context, door).map_err(not_rendered)?;
        if differing(&wanted, &facts.found).is_empty() && facts.probe {
            facts.unserved = self.unserved(&hostnames, &states).await?;
        }
        Ok(decide(&wanted, &facts, hostnames.len()))
    }
}

impl Sites {
    /// Tools that nobody may reach yet.
    async fn without_owner(
        &self,
        machine: &dyn Machine,
        found: &BTreeMap<String, String>,
    ) -> Result<BTreeSet<String>, Problem> {
        let noted = reading::file(machine, owner::ALL_PROVEN).await?.is_some();
        // A live server of a release that kept no record: what is open there stays so until its owner was looked for.
        let older = !noted && reading::file(machine, paths::AGENT_STATE).await?.is_some();
        let mut closed = BTreeSet::new();
        for tool in self.deployment.tools().filter(|tool| !tool.vhosts.is_empty()) {
            let name = tool.name.as_str();
            let is_open = |site: &String| site.contains("proxy_pass");
            let stays_open = older && found.get(&format!("{name}.conf")).is_some_and(is_open);
            if !stays_open && !owner::is_proven(machine, tool).await? {
                closed.insert(name.to_owned());
            }
        }
        Ok(closed)
    }

    /// What must be there before this mode.
    fn refuse(&self, states: &SiteStates, hostnames: &[DomainName]) -> Result<(), Problem> {
        let covered = states.certificate.as_ref().is_some_and(|certificate| certificate.covers(hostnames));
        if self.mode != SitesMode::Challenges && !covered {
            let message = "there is no certificate with all host names yet";
            let hint = "It is requested just before; see that operation.";
            return Err(Problem::transient(Code::NODE049, message, hint));
        }
        if self.mode == SitesMode::Opened && !states.closed.is_empty() {
            let names: Vec<&str> = states.closed.iter().map(String::as_str).collect();
            return Err(Problem::transient(
                Code::NODE101,
                format!("closed until their owners have logged in: {}", names.join(", ")),
                "`tools.set_up` (in a recovery `owners.proven`) looks for the owners; see that operation.",
            ));
        }
        Ok(())
    }

    /// Host names that are not served as they should be. A reload takes a moment, so the answer is waited for.
    async fn unserved(
        &self,
        hostnames: &[DomainName],
        states: &SiteStates,
    ) -> Result<Vec<DomainName>, Problem> {
        let deadline = tokio::time::Instant::now() + RELOAD_PATIENCE;
        loop {
            let served = match (self.mode, &states.certificate) {
                (SitesMode::Published | SitesMode::Opened, Some(certificate)) => {
                    self.served(hostnames, certificate, states).await?
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
                .chain(self.answered_unknown_host().await?)
                .collect();
            if unserved.is_empty() || tokio::time::Instant::now() >= deadline {
                return Ok(unserved);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// For each host name, whether it has this certificate and is open or closed as it should be.
    async fn served(
        &self,
        hostnames: &[DomainName],
        certificate: &Certificate,
        states: &SiteStates,
    ) -> Result<Vec<bool>, Problem> {
        let closed = self.deployment.tools().filter(|tool| states.closed.contains(tool.name.as_str()));
        let closed: BTreeSet<DomainName> =
            closed.flat_map(|tool| self.deployment.hostnames_of(tool)).collect();
        let wanted = |host| http::Served {
            certificate: certificate.digest.clone(),
            door: if closed.contains(host) { "closed" } else { "open" }.to_owned(),
        };
        let shown = http::served(hostnames).await?;
        Ok(hostnames.iter().zip(shown).map(|(host, shown)| shown == Some(wanted(host))).collect())
    }

    /// The host name that nobody has, if it was answered on port 80.
    async fn answered_unknown_host(&self) -> Result<Option<DomainName>, Problem> {
        let unknown = UNKNOWN_HOST.parse::<DomainName>().ok().filter(|_| self.mode == SitesMode::Challenges);
        Ok(match unknown {
            Some(unknown) if http::answers(&unknown).await? => Some(unknown),
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
    use std::collections::BTreeMap;

    use chrono::Utc;
    use letsbe_catalog::{CertificatePaths, Door, SiteFile};
    use letsbe_host::{Assessment, machine::FileState};
    use letsbe_types::paths;

    use super::{Certificate, Facts, SiteStates, Sites, SitesMode, decide};
    use crate::{
        owner,
        tests::{Files, deployment},
    };

    /// A server with these files.
    fn server(files: &[(&str, &str)]) -> Files {
        let state = |text: &&str| FileState { content: (*text).to_owned(), mode: 0o600, uid: 0 };
        Files(files.iter().map(|(path, text)| (path.into(), state(text))).collect())
    }

    #[tokio::test]
    async fn a_site_is_closed_until_the_tools_owner_was_seen() {
        const GHOST: &str = "/var/lib/docker/volumes/letsbe-ghost_database/letsbe-owner.json";
        const SEEN: &str = r#"{"tool":"ghost","proof":"logged_in","at":"2026-11-28T00:00:00Z"}"#;
        const BEGUN: &str = r#"{"tool":"ghost","proof":"begun","at":"2026-11-28T00:00:00Z"}"#;
        let open = BTreeMap::from([("nocodb.conf".to_owned(), "proxy_pass http://127.0.0.1".to_owned())]);
        let agent = (paths::AGENT_STATE, "{}");
        let noted = (owner::ALL_PROVEN, "");
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a BTreeMap<String, String>, &'a [&'a str]);
        let table: [Case<'_>; 7] = [
            (&[], &BTreeMap::new(), &["ghost", "nocodb"]),
            (&[(GHOST, SEEN)], &BTreeMap::new(), &["nocodb"]),
            (&[(GHOST, "damaged")], &BTreeMap::new(), &["ghost", "nocodb"]),
            (&[(GHOST, BEGUN)], &BTreeMap::new(), &["ghost", "nocodb"]),
            // What a killed run has opened is no proof.
            (&[(GHOST, SEEN)], &open, &["nocodb"]),
            // A live server of a release without records: nobody's site is taken down.
            (&[agent], &open, &["ghost"]),
            // Its owners were seen since, and then the data was thrown away.
            (&[agent, noted, (GHOST, SEEN)], &open, &["nocodb"]),
        ];
        for (files, found, wanted) in table {
            let sites = Sites { deployment: deployment(), mode: SitesMode::Published };
            let closed = sites.without_owner(&server(files), found).await.expect("read");
            assert!(closed.iter().eq(wanted), "{files:?}: {closed:?}");
        }
    }

    #[test]
    fn the_last_stage_waits_for_every_owner_and_a_new_name_takes_no_other_site_down() {
        let paths = CertificatePaths::certbot("letsbe");
        let names =
            |names: &[&str]| names.iter().map(|name| name.parse().expect("a name")).collect::<Vec<_>>();
        let states = |covered: &[&str], closed: &[&str]| SiteStates {
            certificate: Some(Certificate {
                names: covered.iter().map(|name| (*name).to_owned()).collect(),
                begins: Utc::now(),
                ends: Utc::now(),
                digest: String::new(),
            }),
            closed: closed.iter().map(|name| (*name).to_owned()).collect(),
        };
        let (blog, tables) = (names(&["blog.example.com"]), names(&["tables.example.com"]));
        let half = states(&["example.com", "blog.example.com"], &["nocodb"]);
        assert_eq!(half.access(&blog, "ghost", &paths), Door::Open(&paths));
        assert_eq!(half.access(&tables, "nocodb", &paths), Door::Challenge);
        let whole = states(&["blog.example.com", "tables.example.com"], &["nocodb"]);
        assert_eq!(whole.access(&tables, "nocodb", &paths), Door::Closed(&paths));
        let refused = |mode, states: &SiteStates| {
            let sites = Sites { deployment: deployment(), mode };
            sites.refuse(states, &names(&["blog.example.com", "tables.example.com"])).err().map(|p| p.code)
        };
        assert_eq!(refused(SitesMode::Challenges, &half), None);
        assert_eq!(refused(SitesMode::Published, &half).as_deref(), Some("NODE049"));
        assert_eq!(refused(SitesMode::Published, &whole), None);
        assert_eq!(refused(SitesMode::Opened, &whole).as_deref(), Some("NODE101"));
    }

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
