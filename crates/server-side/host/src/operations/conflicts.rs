//! Step 3: nothing but ours listens on the public ports.

use std::collections::BTreeMap;

use async_trait::async_trait;
use letsbe_types::{Code, Problem, job::DesiredServer};

use crate::{
    change::{Change, Command},
    facts::{
        ask,
        services::{Units, units},
        sockets::{Listener, Owner, parse_listeners, parse_owner},
        text_of,
    },
    machine::Machine,
    operation::{Assessment, Converge},
};

/// Ports of the tenant's own web and mail servers.
const PORTS: [u16; 5] = [80, 443, 25, 587, 993];

/// Services that distributions and hosters bring along and that we may stop.
const STOPPABLE: [&str; 5] =
    ["apache2.service", "exim4.service", "nginx.service", "postfix.service", "sendmail.service"];

/// Stops what is known to be in the way, and names what is not known.
pub(super) struct Conflicts;

/// What is there.
pub(super) struct Found {
    units: Units,
    listeners: Vec<Listener>,
    owners: BTreeMap<u32, Owner>,
}

#[async_trait]
impl Converge for Conflicts {
    type Facts = Found;
    const NAME: &'static str = "conflicts.stopped";
    const STEP: u8 = 3;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        let units = units(machine, &STOPPABLE).await?;
        let mut listeners = parse_listeners(&ask(machine, "ss -Htlnp").await?.stdout);
        listeners.retain(|listener| PORTS.contains(&listener.port));
        let init = text_of(machine, "/proc/1/cgroup").await?.unwrap_or_default();
        let mut owners = BTreeMap::new();
        for pid in listeners.iter().map(|listener| listener.pid) {
            let cgroup = text_of(machine, format!("/proc/{pid}/cgroup")).await?.unwrap_or_default();
            owners.insert(pid, parse_owner(&cgroup, &init));
        }
        Ok(Found { units, listeners, owners })
    }

    fn converge(&self, found: &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        // First what nobody may stop: then nothing is changed at all.
        for listener in &found.listeners {
            refuse_unknown(listener, found.owners.get(&listener.pid).unwrap_or(&Owner::Unknown))?;
        }
        let in_the_way: Vec<&str> = STOPPABLE
            .into_iter()
            .filter(|name| {
                let unit = found.units.get(*name).cloned().unwrap_or_default();
                unit.known && (unit.active || unit.file_state != "masked")
            })
            .collect();
        if in_the_way.is_empty() {
            return Ok(Assessment::converged(match found.listeners.len() {
                0 => "nothing listens on 80, 443, 25, 587 or 993".to_owned(),
                count => format!("the {count} listeners on the public ports are our containers"),
            }));
        }
        let mut changes: Vec<Change> = in_the_way
            .iter()
            .filter(|name| found.units.get(**name).is_some_and(|unit| unit.file_state != "masked"))
            .map(|name| Change::Run(Command::words(&format!("systemctl disable --now {name}"))))
            .collect();
        // Masked, so that no package upgrade starts them again.
        changes.push(Change::Run(Command::words(&format!("systemctl mask --now {}", in_the_way.join(" ")))));
        let because = format!("in the way of our web and mail servers: {}", in_the_way.join(", "));
        Ok(Assessment::needed(because, changes))
    }
}

fn refuse_unknown(listener: &Listener, owner: &Owner) -> Result<(), Problem> {
    let owner = match owner {
        Owner::Container => return Ok(()),
        // Docker's own process holds the ports that containers publish.
        Owner::Unit(unit) if unit == "docker.service" => return Ok(()),
        Owner::Unit(unit) if STOPPABLE.contains(&unit.as_str()) || unit.starts_with("postfix@") => {
            return Ok(());
        }
        Owner::Unit(unit) => format!("of the service {unit}"),
        Owner::Unknown => "of no service".to_owned(),
    };
    let process = if listener.process.is_empty() { "unknown" } else { &listener.process };
    Err(Problem::permanent(
        Code::HOST007,
        format!(
            "port {} on {} is taken by the process {process} (id {}) {owner}",
            listener.port, listener.address, listener.pid
        ),
        "It is none of the services that provisioning may stop. Remove it from the server, then retry the order.",
    ))
}
