//! Step 2: Docker's packages, from Docker's own archive or from the distribution.

use async_trait::async_trait;
use letsbe_types::{
    Code, Problem,
    job::{DesiredServer, DockerSource},
    paths::STATE,
};

use super::{apt_get, apt_update};
use crate::{
    change::{Change, Command, FileWrite},
    facts::{
        apt::{Source, parse_list, parse_sources},
        ask_if_there, holds, names_in,
        packages::{Packages, is_installed, packages},
        system::{OsRelease, parse_os_release},
        text_of,
    },
    machine::Machine,
    operation::{Assessment, Converge},
};

/// Fingerprint of the key that Docker signs its archives with, as its documentation gives it.
const FINGERPRINT: &str = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88";
const KEY_RING: &str = "/etc/apt/keyrings/docker.gpg";
const UPSTREAM: &str = "https://download.docker.com/linux";

const UPSTREAM_PACKAGES: [&str; 4] = ["docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin"];
/// apparmor is only recommended by Docker, but where the kernel has it no container starts without its parser.
const DEBIAN_PACKAGES: [&str; 5] = ["docker.io", "docker-cli", "docker-compose", "containerd", "apparmor"];
const UBUNTU_PACKAGES: [&str; 4] = ["docker.io", "docker-compose-v2", "containerd", "apparmor"];

/// Debian 12 has only Compose v1; v2 comes from Debian 13, and nothing else does.
const PIN: &str = "Package: *\nPin: release n=trixie\nPin-Priority: 50\n";
const PIN_FILE: &str = "/etc/apt/preferences.d/letsbe-trixie";

/// Docker engine and Compose v2, installed and held.
pub(super) struct DockerPackages;

/// What is there.
pub(super) struct Found {
    os: OsRelease,
    sources: Vec<Source>,
    packages: Packages,
    /// Our source and pin are as they should be.
    source_written: bool,
    /// The key ring holds Docker's key (asked for upstream only).
    key_known: bool,
    /// apt has read the lists of our source.
    lists_known: bool,
}

/// A source of ours: its file, its text and how its lists begin.
struct OurSource {
    path: &'static str,
    text: String,
    lists: String,
    pin: Option<&'static str>,
}

fn wanted_packages(os: &OsRelease, source: DockerSource) -> Vec<&'static str> {
    match (source, os.id.as_str(), os.version.as_str()) {
        (DockerSource::Upstream, ..) => UPSTREAM_PACKAGES.to_vec(),
        (DockerSource::Distro, "ubuntu", _) => UBUNTU_PACKAGES.to_vec(),
        // Up to Debian 12 the command line is part of docker.io.
        (DockerSource::Distro, _, "12") => {
            DEBIAN_PACKAGES.into_iter().filter(|name| *name != "docker-cli").collect()
        }
        (DockerSource::Distro, ..) => DEBIAN_PACKAGES.to_vec(),
    }
}

/// The source that has to be added, if any.
fn our_source(
    os: &OsRelease,
    sources: &[Source],
    source: DockerSource,
) -> Result<Option<OurSource>, Problem> {
    match source {
        DockerSource::Upstream => Ok(Some(OurSource {
            path: "/etc/apt/sources.list.d/docker.sources",
            text: format!(
                "Types: deb\nURIs: {UPSTREAM}/{}\nSuites: {}\nComponents: stable\nSigned-By: {KEY_RING}\n",
                os.id, os.codename
            ),
            lists: format!("download.docker.com_linux_{}_dists_{}", os.id, os.codename),
            pin: None,
        })),
        DockerSource::Distro if os.id == "debian" && os.version == "12" => trixie(os, sources).map(Some),
        DockerSource::Distro => Ok(None),
    }
}

/// Debian 13 from the same mirror that the server already uses.
fn trixie(os: &OsRelease, sources: &[Source]) -> Result<OurSource, Problem> {
    let suites = [os.codename.as_str(), "oldstable"];
    let base = sources.iter().find(|source| suites.contains(&source.suite.as_str())).ok_or_else(|| {
        Problem::permanent(
            Code::HOST013,
            format!("no apt source for {} is set on the server, so no mirror can be derived", os.codename),
            "Restore the server's /etc/apt/sources.list and retry.",
        )
    })?;
    let key = base.signed_by.as_deref().unwrap_or("/usr/share/keyrings/debian-archive-keyring.gpg");
    let uri = base.uri.trim_end_matches('/');
    let place = uri.split_once("://").map_or(uri, |(_, place)| place);
    Ok(OurSource {
        path: "/etc/apt/sources.list.d/letsbe-trixie.sources",
        text: format!(
            "Types: deb\nURIs: {uri}\nSuites: trixie\nComponents: {}\nSigned-By: {key}\n",
            base.components.join(" ")
        ),
        lists: format!("{}_dists_trixie", place.replace('/', "_")),
        pin: Some(PIN),
    })
}

async fn sources(machine: &dyn Machine) -> Result<Vec<Source>, Problem> {
    let mut found = parse_list(&text_of(machine, "/etc/apt/sources.list").await?.unwrap_or_default());
    let folder = "/etc/apt/sources.list.d";
    for name in names_in(machine, folder).await? {
        let text = text_of(machine, format!("{folder}/{name}")).await?.unwrap_or_default();
        match name.rsplit_once('.') {
            Some((_, "list")) => found.extend(parse_list(&text)),
            Some((_, "sources")) => found.extend(parse_sources(&text)),
            _ => {}
        }
    }
    Ok(found)
}

async fn key_known(machine: &dyn Machine, source: DockerSource) -> Result<bool, Problem> {
    if source == DockerSource::Distro || text_of(machine, KEY_RING).await?.is_none() {
        return Ok(false);
    }
    let output = ask_if_there(machine, &format!("gpg --batch --show-keys --with-colons {KEY_RING}")).await?;
    Ok(output.is_some_and(|output| {
        output.stdout.lines().any(|line| line.starts_with("fpr:") && line.contains(FINGERPRINT))
    }))
}

/// Fetches the key to a place of its own and hands on only the key with the right fingerprint. Listing it fails if it
/// is not there (exporting it would not).
fn fetch_key(os: &OsRelease) -> Vec<Change> {
    let folder = format!("{STATE}/gnupg");
    let fetched = format!("{folder}/docker.asc");
    let fetch = format!("curl -fsSL --proto =https --tlsv1.2 -o {fetched} {UPSTREAM}/{}/gpg", os.id);
    let gpg = format!("gpg --batch --yes --homedir {folder}");
    vec![
        Change::MakeFolder { path: folder.clone().into(), mode: 0o700, owner: Some("root:root".to_owned()) },
        Change::MakeFolder { path: "/etc/apt/keyrings".into(), mode: 0o755, owner: None },
        Change::Run(Command::words(&fetch).retried(3)),
        Change::Run(Command::words(&format!("{gpg} --import {fetched}"))),
        Change::Run(Command::words(&format!("{gpg} --list-keys {FINGERPRINT}"))),
        Change::Run(Command::words(&format!("{gpg} --output {KEY_RING} --export {FINGERPRINT}"))),
        Change::Run(Command::words(&format!("chmod 0644 {KEY_RING}"))),
    ]
}

/// Reads the lists of one source only: the others are fresh already.
fn update_only(path: &str) -> Change {
    Change::Run(apt_update(&format!(
        "-o Dir::Etc::sourcelist={path} -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0"
    )))
}

/// Docker that came from somewhere else: replacing it would stop customers' containers.
fn foreign(found: &Packages, source: DockerSource) -> Option<&'static str> {
    let others: &[&'static str] = match source {
        DockerSource::Upstream => &["docker.io", "containerd"],
        DockerSource::Distro => &["docker-ce", "containerd.io"],
    };
    others.iter().find(|name| is_installed(found, name)).copied()
}

#[async_trait]
impl Converge for DockerPackages {
    type Facts = Found;
    const NAME: &'static str = "docker.installed";
    const STEP: u8 = 2;

    async fn probe(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Self::Facts, Problem> {
        let os = parse_os_release(&text_of(machine, "/etc/os-release").await?.unwrap_or_default());
        let sources = sources(machine).await?;
        let mut names: Vec<&str> = [&UPSTREAM_PACKAGES[..], &DEBIAN_PACKAGES, &UBUNTU_PACKAGES].concat();
        names.sort_unstable();
        names.dedup();
        let (mut source_written, mut lists_known) = (true, true);
        if let Ok(Some(ours)) = our_source(&os, &sources, desired.docker) {
            source_written = holds(machine, ours.path, 0o644, &ours.text).await?
                && (ours.pin.is_none() || holds(machine, PIN_FILE, 0o644, PIN).await?);
            let lists = names_in(machine, "/var/lib/apt/lists").await?;
            lists_known =
                lists.iter().any(|name| name.starts_with(&ours.lists) && name.contains("_Packages"));
        }
        Ok(Found {
            packages: packages(machine, &names).await?,
            key_known: key_known(machine, desired.docker).await?,
            os,
            sources,
            source_written,
            lists_known,
        })
    }

    fn converge(&self, found: &Self::Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        if let Some(name) = foreign(&found.packages, desired.docker) {
            return Err(Problem::permanent(
                Code::HOST012,
                format!("Docker is installed from another source already (package {name})"),
                "Set the order's Docker source to the one installed, or have the server installed anew.",
            ));
        }
        let wanted = wanted_packages(&found.os, desired.docker);
        let missing: Vec<&str> =
            wanted.iter().copied().filter(|name| !is_installed(&found.packages, name)).collect();
        let loose: Vec<&str> = wanted
            .iter()
            .copied()
            .filter(|name| {
                *name != "apparmor" && !found.packages.get(*name).is_some_and(|package| package.held)
            })
            .collect();
        let ours = our_source(&found.os, &found.sources, desired.docker)?;
        let mut changes = Vec::new();
        let mut because = Vec::new();
        if let Some(ours) = &ours {
            if desired.docker == DockerSource::Upstream && !found.key_known {
                because.push("Docker's signing key is not known".to_owned());
                changes.extend(fetch_key(&found.os));
            }
            if !found.source_written {
                because.push("its package source is not set".to_owned());
                if let Some(pin) = ours.pin {
                    changes.push(Change::Write(FileWrite::new(PIN_FILE, 0o644, pin)));
                }
                changes.push(Change::Write(FileWrite::new(ours.path, 0o644, ours.text.clone())));
            }
            if !missing.is_empty() && (!found.source_written || !found.lists_known) {
                changes.push(update_only(ours.path));
            }
        }
        if !missing.is_empty() {
            because.push(format!("not installed: {}", missing.join(", ")));
            let from_trixie = ours.is_some_and(|ours| ours.pin.is_some());
            let names: Vec<String> = missing.iter().map(|name| candidate(name, from_trixie)).collect();
            changes
                .push(Change::Run(apt_get(&format!("install --no-install-recommends {}", names.join(" ")))));
        }
        if !loose.is_empty() {
            because.push(format!("not held: {}", loose.join(", ")));
            changes.push(Change::Run(Command::words(&format!("apt-mark hold {}", loose.join(" ")))));
        }
        if changes.is_empty() {
            return Ok(Assessment::converged(format!("{} are installed and held", wanted.join(", "))));
        }
        Ok(Assessment::needed(because.join("; "), changes))
    }
}

/// How apt is asked for a package: Compose v2 for Debian 12 is taken from Debian 13 by name.
fn candidate(name: &str, from_trixie: bool) -> String {
    if from_trixie && name == "docker-compose" { format!("{name}/trixie") } else { name.to_owned() }
}
