//! The agent: registered with the Hub if there is one, running as a service in any case; and the end of the plaintext
//! configuration.

use async_trait::async_trait;
use letsbe_host::{Assessment, Change, Command, Converge, FileWrite, Machine};
use letsbe_protocol::hub_address;
use letsbe_types::{
    Problem, Secret,
    job::{DesiredServer, HubLink},
};
use serde::Deserialize;

use super::{paths, reading, rendered::is_written};
use crate::hardening;

const UNIT_FILE: &str = "/etc/systemd/system/letsbe-agent.service";

/// What it is kept from; see [`hardening`].
const HARDENING: [&str; 26] = [
    "NoNewPrivileges",
    "ProtectSystem",
    "ReadWritePaths=-/opt/letsbe -/var/log/letsbe -/etc/letsbe",
    "# The sockets' folder is mounted into the secrets proxy's container: it outlives the agent.",
    "RuntimeDirectory=letsbe",
    "RuntimeDirectoryMode=0700",
    "RuntimeDirectoryPreserve=yes",
    "ProtectHome=read-only",
    "PrivateTmp",
    "PrivateDevices",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectControlGroups",
    "ProtectClock",
    "ProtectHostname",
    "KeyringMode=private",
    "RestrictNamespaces",
    "SystemCallArchitectures",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber",
    "# `ufw status` and what belongs to containers; long work runs in units of its own.",
    "CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_NET_ADMIN CAP_NET_RAW",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    "LockPersonality",
    "RestrictRealtime",
];

fn unit_text() -> String {
    format!(
        "# Written by letsbe-node.
[Unit]
Description=LetsBe agent
After=network-online.target docker.service
Wants=network-online.target

[Service]
Type=notify
WatchdogSec=60
ExecStart=/opt/letsbe/bin/letsbe-node agent
Restart=always
RestartSec=5
UMask=0077
MemoryMax=256M
TasksMax=1024
{}

[Install]
WantedBy=multi-user.target
",
        hardening::text(&HARDENING)
    )
}

const NO_HUB: &str = "this server is run without a Hub";

/// `agent.registered`: the Hub knows this server, and the agent has its key.
pub(crate) struct AgentRegistered;

/// What of the agent's state file is read here; the key is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct AgentState {
    hub_url: String,
    /// The mark of the token that it registered with; earlier versions did not keep it.
    #[serde(default)]
    registered_by: Option<String>,
}

#[async_trait]
impl Converge for AgentRegistered {
    /// The registration, if there is one.
    type Facts = Option<AgentState>;
    const NAME: &'static str = "agent.registered";
    const STEP: u8 = 10;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        let state = reading::file(machine, paths::AGENT_STATE).await?;
        Ok(state.and_then(|state| serde_json::from_str(&state.content).ok()))
    }

    fn converge(&self, facts: &Self::Facts, desired: &DesiredServer) -> Result<Assessment, Problem> {
        let Some(hub) = &desired.hub else { return Ok(Assessment::Skipped { why: NO_HUB.to_owned() }) };
        // The state file holds the address in its normal form.
        let url = hub_address::checked(&hub.url)?;
        let there = facts.as_ref().filter(|agent| agent.hub_url == url);
        let mut changes = vec![Change::Run(register(hub))];
        let because = match there {
            None => format!("not registered with {}", hub.url),
            Some(agent)
                if hub.again && agent.registered_by != Some(HubLink::mark_of(&hub.registration_token)) =>
            {
                // The agent that runs has read the former key.
                changes.push(Change::Run(Command::new("systemctl", ["try-restart", paths::AGENT_UNIT])));
                format!("{} takes the agent's key no more", hub.url)
            }
            Some(_) => return Ok(Assessment::converged(format!("registered with {}", hub.url))),
        };
        Ok(Assessment::needed(because, changes))
    }
}

/// The token goes through standard input: arguments can be read by everybody on the server.
fn register(hub: &HubLink) -> Command {
    let input = serde_json::json!({ "hub_url": hub.url, "token": hub.registration_token }).to_string();
    Command::new(paths::NODE_PROGRAM, ["register"]).with_input(Secret::new(input)).retried(5)
}

/// `agent.running`: the service is there, enabled and running the present program.
pub(crate) struct AgentRunning;

/// The unit file and the service.
pub(crate) struct Service {
    written: bool,
    enabled: bool,
    active: bool,
    /// Whether the running program has been replaced on the disk.
    outdated: bool,
}

#[async_trait]
impl Converge for AgentRunning {
    type Facts = Service;
    const NAME: &'static str = "agent.running";
    const STEP: u8 = 10;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Service, Problem> {
        let file = reading::file(machine, UNIT_FILE).await?;
        let unit = reading::unit(machine, paths::AGENT_UNIT, "UnitFileState,ActiveState,MainPID").await?;
        let is = |name: &str, value: &str| unit.get(name).is_some_and(|found| found == value);
        let outdated = reading::is_outdated(machine, &unit).await?;
        Ok(Service {
            written: is_written(&unit_file(), file.as_ref()),
            enabled: is("UnitFileState", "enabled"),
            active: is("ActiveState", "active"),
            outdated,
        })
    }

    fn converge(&self, facts: &Service, _: &DesiredServer) -> Result<Assessment, Problem> {
        let because = match facts {
            Service { written: false, .. } => "the agent's service is not installed as it should be",
            Service { outdated: true, .. } => "the agent runs an older program",
            Service { enabled: false, .. } => "the agent does not start with the server",
            Service { active: false, .. } => "the agent does not run",
            _ => return Ok(Assessment::converged("the agent runs and starts with the server")),
        };
        let mut changes = Vec::new();
        if !facts.written {
            changes.push(Change::Write(unit_file()));
            changes.push(Change::Run(Command::words("systemctl daemon-reload")));
        }
        changes.push(Change::Run(Command::new("systemctl", ["enable", paths::AGENT_UNIT])));
        changes.push(Change::Run(Command::new("systemctl", ["restart", paths::AGENT_UNIT])));
        Ok(Assessment::needed(because, changes))
    }
}

pub(crate) fn unit_file() -> FileWrite {
    FileWrite::new(UNIT_FILE, 0o644, unit_text())
}

/// `configuration.removed`: the file that carried the registration token is gone.
pub(crate) struct ConfigurationRemoved;

#[async_trait]
impl Converge for ConfigurationRemoved {
    /// Whether the file is there.
    type Facts = bool;
    const NAME: &'static str = "configuration.removed";
    const STEP: u8 = 10;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<bool, Problem> {
        Ok(reading::file(machine, paths::CONFIGURATION).await?.is_some())
    }

    fn converge(&self, there: &bool, _: &DesiredServer) -> Result<Assessment, Problem> {
        if !there {
            return Ok(Assessment::converged(format!("{} does not exist", paths::CONFIGURATION)));
        }
        let remove = Change::Remove(paths::CONFIGURATION.into());
        Ok(Assessment::needed(format!("{} exists", paths::CONFIGURATION), vec![remove]))
    }
}

#[cfg(test)]
mod tests {
    use letsbe_host::{Assessment, Converge as _};
    use letsbe_types::job::{DesiredServer, HubLink};

    use super::{AgentRegistered, AgentRunning, AgentState, ConfigurationRemoved, Service};
    use crate::tests::desired;

    fn lines(assessment: Result<Assessment, letsbe_types::Problem>) -> Vec<String> {
        match assessment.expect("decides") {
            Assessment::Needed { changes, .. } => changes.iter().map(ToString::to_string).collect(),
            Assessment::Converged { .. } => vec![],
            other => vec![format!("{other:?}")],
        }
    }

    #[test]
    fn registration_is_for_one_hub_and_keeps_its_token_out_of_sight() {
        let desired = desired();
        let hub = desired.hub.as_ref().expect("a hub");
        let register = "run /opt/letsbe/bin/letsbe-node register <‹input›";
        let restart = "run systemctl try-restart letsbe-agent.service";
        let at = |url: &str, by: Option<&str>| {
            Some(AgentState { hub_url: url.to_owned(), registered_by: by.map(HubLink::mark_of) })
        };
        let token = Some(hub.registration_token.as_str());
        let revoked = DesiredServer { hub: Some(HubLink { again: true, ..hub.clone() }), ..desired.clone() };
        for (desired, facts, expected) in [
            (&desired, None, vec![register]),
            (&desired, at("https://other", None), vec![register]),
            (&desired, at(&hub.url, None), vec![]),
            (&desired, at(&hub.url, Some("an earlier token")), vec![]),
            // A key that the Hub takes no more is replaced, and once.
            (&revoked, at(&hub.url, None), vec![register, restart]),
            (&revoked, at(&hub.url, Some("an earlier token")), vec![register, restart]),
            (&revoked, at(&hub.url, token), vec![]),
        ] {
            let assessment = AgentRegistered.converge(&facts, desired);
            assert!(!format!("{assessment:?}").contains(&hub.registration_token));
            assert_eq!(lines(assessment), expected);
        }
        let alone = DesiredServer { hub: None, ..desired };
        assert!(matches!(AgentRegistered.converge(&None, &alone), Ok(Assessment::Skipped { .. })));
    }

    #[test]
    fn the_agent_is_restarted_only_when_something_is_wrong() {
        let restart =
            ["run systemctl enable letsbe-agent.service", "run systemctl restart letsbe-agent.service"];
        let service = |written, enabled, active, outdated| Service { written, enabled, active, outdated };
        let assess = |facts: Service| lines(AgentRunning.converge(&facts, &desired()));
        assert!(assess(service(true, true, true, false)).is_empty());
        for facts in [
            service(true, true, true, true),
            service(true, false, true, false),
            service(true, true, false, false),
        ] {
            assert_eq!(assess(facts), restart);
        }
        assert_eq!(assess(service(false, false, false, false)).len(), 4);
        let alone = DesiredServer { hub: None, ..desired() };
        let there = service(true, true, false, false);
        assert_eq!(lines(AgentRunning.converge(&there, &alone)), restart, "it runs without a Hub, too");
    }

    #[test]
    fn the_configuration_is_removed() {
        let assess = |there| lines(ConfigurationRemoved.converge(&there, &desired()));
        assert_eq!(assess(true), ["remove /opt/letsbe/config.json"]);
        assert!(assess(false).is_empty());
    }
}
