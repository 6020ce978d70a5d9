//! Step 5: the firewall, for the server and for its containers.

use std::collections::BTreeSet;

use async_trait::async_trait;
use letsbe_types::{Problem, job::DesiredServer};

use super::{
    SSH_PORT,
    ssh_state::{self, Phase},
};
use crate::{
    change::{Change, Command, FileWrite},
    facts::{
        ask,
        firewall::{Filter, Rule, parse_filter, parse_rules, parse_setting, with_section},
        services::{Unit, units},
        text_of,
    },
    machine::Machine,
    operation::{Assessment, Converge},
};

/// Ports open to everybody.
const PORTS: [u16; 6] = [25, 80, 443, 587, 993, SSH_PORT];

const DEFAULTS: &str = "/etc/default/ufw";
const BEGIN: &str = "# BEGIN letsbe";
const END: &str = "# END letsbe";

/// What is forwarded to containers goes past UFW's own chains; Docker asks this one first. Answers and what comes
/// out of the containers' bridges pass, all else from outside is dropped, whatever port a container publishes. The
/// guardian's bridge has a name of its own: what comes out of it stays in it, so the AI runtime has no way out.
const DOCKER_USER: [&str; 5] = [
    "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
    "-i letsbe-guardian -o letsbe-guardian -j RETURN",
    "-i docker+ -j RETURN",
    "-i br-+ -j RETURN",
    "-j DROP",
];

/// UFW closed but for our ports, and containers out of reach from outside.
pub(super) struct Firewall;

/// UFW for one version of the Internet protocol.
pub(super) struct Family {
    /// `/etc/ufw/after.rules` or `after6.rules`, and its text.
    after_path: &'static str,
    after: String,
    rules: Vec<Rule>,
    live: Filter,
}

/// What is there.
pub(super) struct Found {
    defaults: String,
    enabled: bool,
    service: Unit,
    families: Vec<Family>,
    /// Port 22 must stay open until the guarded move to the new port has been confirmed.
    old_port_needed: bool,
}

impl Found {
    fn ports(&self) -> BTreeSet<u16> {
        PORTS.into_iter().chain(self.old_port_needed.then_some(22)).collect()
    }
}

fn section() -> String {
    let rules: String = DOCKER_USER.iter().map(|rule| format!("-A DOCKER-USER {rule}\n")).collect();
    format!("*filter\n:DOCKER-USER - [0:0]\n{rules}COMMIT\n")
}

async fn family(machine: &dyn Machine, six: bool) -> Result<Family, Problem> {
    let (number, prefix, save) =
        if six { ("6", "ufw6", "ip6tables-save") } else { ("", "ufw", "iptables-save") };
    let rules = text_of(machine, format!("/etc/ufw/user{number}.rules")).await?.unwrap_or_default();
    let after_path = if six { "/etc/ufw/after6.rules" } else { "/etc/ufw/after.rules" };
    Ok(Family {
        after_path,
        after: text_of(machine, after_path).await?.unwrap_or_default(),
        rules: parse_rules(&rules),
        live: parse_filter(&ask(machine, &format!("{save} -t filter")).await?.stdout, prefix),
    })
}

/// The text of `/etc/default/ufw` with one setting changed.
fn with_setting(text: &str, name: &str, value: &str) -> String {
    let start = format!("{name}=");
    let kept = text.lines().filter(|line| !line.trim_start().starts_with(&start));
    kept.map(|line| format!("{line}\n")).collect::<String>() + &format!("{name}={value}\n")
}

/// The defaults as they must be: closed inwards and for forwarding, open outwards, for both protocols.
fn wanted_defaults(found: &str) -> String {
    [
        ("IPV6", "yes"),
        ("DEFAULT_INPUT_POLICY", "\"DROP\""),
        ("DEFAULT_OUTPUT_POLICY", "\"ACCEPT\""),
        ("DEFAULT_FORWARD_POLICY", "\"DROP\""),
    ]
    .into_iter()
    .filter(|(name, value)| parse_setting(found, name).as_deref() != Some(value.trim_matches('"')))
    .fold(found.to_owned(), |text, (name, value)| with_setting(&text, name, value))
}

#[async_trait]
impl Converge for Firewall {
    type Facts = Found;
    const NAME: &'static str = "firewall.closed";
    const STEP: u8 = 5;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        let mut families = vec![family(machine, false).await?];
        if text_of(machine, "/proc/net/if_inet6").await?.is_some() {
            families.push(family(machine, true).await?);
        }
        let state = text_of(machine, "/etc/ufw/ufw.conf").await?.unwrap_or_default();
        Ok(Found {
            defaults: text_of(machine, DEFAULTS).await?.unwrap_or_default(),
            enabled: parse_setting(&state, "ENABLED").as_deref() == Some("yes"),
            service: units(machine, &["ufw.service"]).await?.remove("ufw.service").unwrap_or_default(),
            families,
            old_port_needed: ssh_state::read(machine).await?.phase != Phase::Confirmed,
        })
    }

    fn converge(&self, found: &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        let (mut because, mut changes) = file_changes(found);
        let rules = rule_changes(found);
        if !rules.is_empty() {
            because.push("its rules are not ours".to_owned());
        }
        let files_changed = !changes.is_empty();
        changes.extend(rules);
        if !found.service.starts_at_boot() {
            because.push("it is not started at boot".to_owned());
            changes.push(Change::Run(Command::words("systemctl enable ufw.service")));
        }
        let off = !found.enabled || found.families.iter().any(|family| !family.live.through_ufw);
        let live_differs = found.families.iter().any(|family| !is_live(&family.live, &found.ports()));
        if off {
            because.push("it is off".to_owned());
            changes.push(Change::Run(Command::words("ufw --force enable")));
        } else if files_changed || live_differs {
            because.push("the kernel does not filter by its rules".to_owned());
            changes.push(Change::Run(Command::words("ufw reload")));
        }
        if !changes.is_empty() {
            return Ok(Assessment::needed(format!("the firewall: {}", because.join("; ")), changes));
        }
        let foreign: Vec<&str> = all_rules(found)
            .filter(|rule| admits(rule) && !rule.plain)
            .map(|rule| rule.text.as_str())
            .collect();
        if !foreign.is_empty() {
            return Ok(Assessment::Warned {
                warning: format!("somebody has added narrower rules: {}", foreign.join("; ")),
            });
        }
        let ports: Vec<String> = found.ports().iter().map(u16::to_string).collect();
        Ok(Assessment::converged(format!("only {} are open; containers are out of reach", ports.join(", "))))
    }
}

fn all_rules(found: &Found) -> impl Iterator<Item = &Rule> {
    found.families.iter().flat_map(|family| &family.rules)
}

fn admits(rule: &Rule) -> bool {
    matches!(rule.action.as_str(), "allow" | "limit")
}

fn file_changes(found: &Found) -> (Vec<String>, Vec<Change>) {
    let (mut because, mut changes) = (Vec::new(), Vec::new());
    let defaults = wanted_defaults(&found.defaults);
    if defaults != found.defaults {
        because.push("its defaults are not closed".to_owned());
        changes.push(Change::Write(FileWrite::new(DEFAULTS, 0o644, defaults)));
    }
    for family in &found.families {
        let wanted = with_section(&family.after, &section(), BEGIN, END);
        if wanted != family.after {
            because.push(format!("{} does not cover containers", family.after_path));
            changes.push(Change::Write(FileWrite::new(family.after_path, 0o640, wanted)));
        }
    }
    (because, changes)
}

/// First what must be open, then what must not: a connection in use is never cut off in between.
fn rule_changes(found: &Found) -> Vec<Change> {
    let ports = found.ports();
    let missing = ports
        .iter()
        .filter(|port| {
            !found.families.iter().all(|family| family.rules.iter().any(|rule| rule.admits_tcp(**port)))
        })
        .map(|port| Command::words(&format!("ufw allow {port}/tcp")));
    let foreign: BTreeSet<Vec<String>> = all_rules(found)
        .filter(|rule| rule.plain && !ports.iter().any(|port| rule.admits_tcp(*port)))
        .map(Rule::deletion)
        .collect();
    let deleted = foreign.into_iter().map(|words| {
        Command::new("ufw", ["--force".to_owned(), "delete".to_owned()].into_iter().chain(words))
    });
    // Plain refusals of our ports stand above what is added later, so they go first.
    let (refusals, others): (Vec<Command>, Vec<Command>) =
        deleted.partition(|command| command.arguments.get(2).is_some_and(|action| action != "allow"));
    refusals.into_iter().chain(missing).chain(others).map(Change::Run).collect()
}

fn is_live(live: &Filter, ports: &BTreeSet<u16>) -> bool {
    live.input_dropped
        && ports.iter().all(|port| live.admitted.contains(port))
        && live.docker_user.len() >= DOCKER_USER.len()
        && live.docker_user.iter().zip(DOCKER_USER).all(|(found, wanted)| found == wanted)
}
