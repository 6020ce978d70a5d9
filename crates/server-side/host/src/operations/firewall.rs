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

/// Ports open to everybody on every server; the selected tools' come beside them.
const PORTS: [u16; 3] = [80, 443, SSH_PORT];

const DEFAULTS: &str = "/etc/default/ufw";
const BEGIN: &str = "# BEGIN letsbe";
const END: &str = "# END letsbe";

/// What is forwarded to containers goes past UFW's own chains; Docker asks this one first. Answers and what comes
/// out of the containers' bridges pass, all else from outside is dropped, whatever port a container publishes. The
/// guardian's bridge has a name of its own: what comes out of it stays in it, so the AI runtime has no way out. It is
/// refused aloud, so that neither it nor our verification waits.
const DOCKER_USER: [&str; 6] = [
    "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
    "-i letsbe-guardian -o letsbe-guardian -j RETURN",
    "-i letsbe-guardian -p tcp -j REJECT --reject-with tcp-reset",
    "-i docker+ -j RETURN",
    "-i br-+ -j RETURN",
    "-j DROP",
];

/// What containers send to the server itself, at any of its addresses; asked before UFW's own rules, which admit
/// everybody. From the guardian's bridge nothing comes in but answers. Tools may ask each other by their public
/// names, so the web's ports stay as they are for the others; SSH is not for containers.
const INPUT: [&str; 9] = [
    "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
    "-i letsbe-guardian -p tcp -j REJECT --reject-with tcp-reset",
    "-i letsbe-guardian -j DROP",
    "-i docker+ -p tcp -m tcp --dport 22 -j DROP",
    "-i docker+ -p tcp -m tcp --dport 22022 -j DROP",
    "-i docker+ -p tcp -m tcp --dport 22023 -j DROP",
    "-i br-+ -p tcp -m tcp --dport 22 -j DROP",
    "-i br-+ -p tcp -m tcp --dport 22022 -j DROP",
    "-i br-+ -p tcp -m tcp --dport 22023 -j DROP",
];

/// UFW closed but for our ports, and containers out of reach from outside.
#[derive(Default)]
pub(super) struct Firewall {
    /// Ports that the selected tools need open.
    pub(super) tools: BTreeSet<u16>,
}

/// UFW for one version of the Internet protocol.
pub(super) struct Family {
    /// `/etc/ufw/before.rules` and `after.rules`, or `before6.rules` and `after6.rules`.
    files: [RuleFile; 2],
    rules: Vec<Rule>,
    live: Filter,
}

/// A file of rules that UFW leaves to the administrator, and what our part of it must be.
struct RuleFile {
    path: &'static str,
    text: String,
    section: String,
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

/// A chain with its rules, as `iptables-restore` reads it; `more` is said of other chains.
fn section(chain: &str, rules: &[&str], more: &str) -> String {
    let rules: String = rules.iter().map(|rule| format!("-A {chain} {rule}\n")).collect();
    format!("*filter\n:{chain} - [0:0]\n{rules}{more}COMMIT\n")
}

async fn family(machine: &dyn Machine, six: bool) -> Result<Family, Problem> {
    let (number, prefix, save) =
        if six { ("6", "ufw6", "ip6tables-save") } else { ("", "ufw", "iptables-save") };
    let rules = text_of(machine, format!("/etc/ufw/user{number}.rules")).await?.unwrap_or_default();
    let [before, after] = if six {
        ["/etc/ufw/before6.rules", "/etc/ufw/after6.rules"]
    } else {
        ["/etc/ufw/before.rules", "/etc/ufw/after.rules"]
    };
    let file = async |path, section| {
        let text = text_of(machine, path).await?.unwrap_or_default();
        Ok::<_, Problem>(RuleFile { path, text, section })
    };
    let first = format!("-I {prefix}-before-input 1 -j letsbe-input\n");
    Ok(Family {
        files: [
            file(before, section("letsbe-input", &INPUT, &first)).await?,
            file(after, section("DOCKER-USER", &DOCKER_USER, "")).await?,
        ],
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
        let ports = self.ports(found);
        let (mut because, mut changes) = file_changes(found);
        let rules = rule_changes(found, &ports);
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
        let live_differs = found.families.iter().any(|family| !is_live(&family.live, &ports));
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
            .filter(|rule| rule.inward && admits(rule) && !rule.plain)
            .map(|rule| rule.text.as_str())
            .collect();
        if !foreign.is_empty() {
            return Ok(Assessment::Warned {
                warning: format!("somebody has added narrower rules: {}", foreign.join("; ")),
            });
        }
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        Ok(Assessment::converged(format!(
            "only {} are open; containers are out of reach, and the AI runtime reaches nothing of the server",
            ports.join(", ")
        )))
    }
}

impl Firewall {
    fn ports(&self, found: &Found) -> BTreeSet<u16> {
        let old = found.old_port_needed.then_some(22);
        PORTS.into_iter().chain(self.tools.iter().copied()).chain(old).collect()
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
    for file in found.families.iter().flat_map(|family| &family.files) {
        let wanted = with_section(&file.text, &file.section, BEGIN, END);
        if wanted != file.text {
            because.push(format!("{} does not cover containers", file.path));
            changes.push(Change::Write(FileWrite::new(file.path, 0o640, wanted)));
        }
    }
    (because, changes)
}

/// First what must be open, then what must not: a connection in use is never cut off in between.
fn rule_changes(found: &Found, ports: &BTreeSet<u16>) -> Vec<Change> {
    let missing = ports
        .iter()
        .filter(|port| {
            !found.families.iter().all(|family| family.rules.iter().any(|rule| rule.admits_tcp(**port)))
        })
        .map(|port| Command::words(&format!("ufw allow {port}/tcp")));
    let foreign = all_rules(found)
        .filter(|rule| rule.plain && !ports.iter().any(|port| rule.admits_tcp(*port)))
        .map(|rule| (rule.action != "allow", rule.deletion()));
    // The same rule stands in both families, and one deletion is for both. Plain refusals of our ports stand above
    // what is added later, so they go first.
    let (refusals, others): (BTreeSet<_>, BTreeSet<_>) = foreign.partition(|(refuses, _)| *refuses);
    let delete =
        |(_, words): (bool, Vec<String>)| Command::new("ufw", [vec!["--force".into()], words].concat());
    let (refusals, others) = (refusals.into_iter().map(delete), others.into_iter().map(delete));
    refusals.chain(missing).chain(others).map(Change::Run).collect()
}

fn is_live(live: &Filter, ports: &BTreeSet<u16>) -> bool {
    let begins = |found: &[String], wanted: &[&str]| {
        found.len() >= wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| found == wanted)
    };
    live.input_dropped
        && live.letsbe_input_first
        && ports.iter().all(|port| live.admitted.contains(port))
        && begins(&live.docker_user, &DOCKER_USER)
        && begins(&live.letsbe_input, &INPUT)
}
