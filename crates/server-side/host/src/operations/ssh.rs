//! Step 7: SSH on its own port, for one user, by key — without ever locking anybody out.
//!
//! First SSH listens on the old and the new port, while a timer of systemd stands ready to put everything back. Only
//! when somebody has logged in on the new port from outside are the final settings loaded, the timer disarmed and
//! the old port closed. The final settings on disk therefore prove that the confirmation came: a run that was killed
//! at any point finds from them, and from its record, where to go on.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use letsbe_protocol::NodeCommand;
use letsbe_types::{Code, Problem, job::DesiredServer, job::RunEventKind, paths::NODE_PROGRAM};

pub use super::ssh_state::{Phase, STATE_FILE, SshState};
use super::{
    ADMIN, SSH_PORT,
    ssh_files::{SSHD_CONFIG, config_files},
    ssh_settings::{
        DROP_IN, EFFECTIVE, SOCKET_DROP_IN, both_ports, final_settings, keeping, listen, restart, settled,
    },
    ssh_state,
};
use crate::{
    change::{Change, Command, FileWrite, Question},
    engine::{Engine, Journal},
    facts::{
        ask, ask_if_there,
        firewall::parse_rules,
        services::{Unit, units},
        sockets::parse_listeners,
        ssh::{SshdSettings, parse_sshd_settings},
        sshd_config::{ConfigFile, includes_file},
        text_of,
    },
    machine::Machine,
    operation::{Assessment, Converge},
};

const TIMER: &str = "letsbe-ssh-revert.timer";

/// The timer fires this long after the patience has ended, so that a late confirmation cannot race with it.
const MARGIN: Duration = Duration::from_secs(60);

/// The guarded move and the hardening.
pub struct SshMove {
    /// How long somebody outside has to log in on the new port.
    pub patience: Duration,
}

impl Default for SshMove {
    fn default() -> Self {
        Self { patience: Duration::from_secs(120) }
    }
}

/// What is there.
pub struct Found {
    state: SshState,
    /// The main file, and what it includes, but for our own.
    files: Vec<ConfigFile>,
    drop_in: Option<String>,
    drop_in_at: u64,
    settings: SshdSettings,
    service: Unit,
    socket: Unit,
    timer_armed: bool,
    listening: BTreeSet<u16>,
    /// A process on the new port that is not the SSH server.
    intruder: Option<String>,
    old_port_admitted: bool,
    node_there: bool,
}

impl Found {
    /// systemd holds the port and hands it to the SSH server (Ubuntu since 22.10).
    fn by_socket(&self) -> bool {
        self.socket.active || (self.socket.known && self.socket.file_state == "enabled")
    }

    fn confirmed(&self) -> bool {
        self.state.phase == Phase::Confirmed || self.drop_in.as_deref() == Some(final_settings().as_str())
    }

    /// The running SSH server was started after its settings were written.
    fn loaded(&self) -> bool {
        self.by_socket() || (self.service.active && self.service.active_since >= self.drop_in_at)
    }
}

fn record(state: &SshState) -> Change {
    Change::Write(FileWrite::new(STATE_FILE, 0o600, state.text()))
}

/// What puts SSH back as it was before the move; nothing if the move was confirmed or never begun.
#[must_use]
pub fn revert_changes(state: &SshState, by_socket: bool) -> Vec<Change> {
    if state.phase != Phase::Both {
        return Vec::new();
    }
    let mut changes = vec![match &state.previous {
        Some(text) => Change::Write(FileWrite::new(DROP_IN, 0o644, text.clone())),
        None => Change::Remove(DROP_IN.into()),
    }];
    if by_socket {
        changes.push(Change::Remove(SOCKET_DROP_IN.into()));
    }
    changes.extend(restart(by_socket));
    changes.push(Change::Run(Command::words("ufw allow 22/tcp")));
    changes.push(Change::Remove(STATE_FILE.into()));
    changes
}

/// Puts SSH back if the move was not confirmed; says whether it did. This is what the timer runs.
///
/// # Errors
/// When a change fails; the record stays, so that it can be tried again.
pub async fn revert(machine: &dyn Machine) -> Result<bool, Problem> {
    let changes = reverting(machine).await?;
    let engine = Engine::new(machine, &[]);
    for change in &changes {
        engine.apply("ssh.revert", change, &NobodyConfirms).await?;
    }
    Ok(!changes.is_empty())
}

/// What [`revert`] would do.
///
/// # Errors
/// When the server's state cannot be read.
pub async fn reverting(machine: &dyn Machine) -> Result<Vec<Change>, Problem> {
    let state = ssh_state::read(machine).await?;
    let socket = units(machine, &["ssh.socket"]).await?.remove("ssh.socket").unwrap_or_default();
    Ok(revert_changes(&state, socket.active || socket.file_state == "enabled"))
}

/// A revert waits for nobody.
struct NobodyConfirms;

#[async_trait]
impl Journal for NobodyConfirms {
    async fn record(&self, _: RunEventKind) -> Result<(), Problem> {
        Ok(())
    }

    async fn ask(&self, _: &Question, _: Duration) -> Result<(), Problem> {
        Err(Problem::permanent(
            Code::HOST017,
            "a revert cannot wait for a confirmation",
            "Report this as a defect.",
        ))
    }
}

#[async_trait]
impl Converge for SshMove {
    type Facts = Found;
    const NAME: &'static str = "ssh.moved";
    const STEP: u8 = 7;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        let mut units = units(machine, &["ssh.service", "ssh.socket", TIMER]).await?;
        let mut unit = |name: &str| units.remove(name).unwrap_or_default();
        let listeners = parse_listeners(&ask(machine, "ss -Htlnp").await?.stdout);
        let ours = |process: &str| matches!(process, "sshd" | "systemd");
        let rules = text_of(machine, "/etc/ufw/user.rules").await?.unwrap_or_default();
        let stat = ask(machine, &format!("stat -c %Y|%n {DROP_IN} {NODE_PROGRAM}")).await?.stdout;
        let time_of = |path: &str| {
            stat.lines().find_map(|line| line.strip_suffix(path)?.strip_suffix('|')?.parse::<u64>().ok())
        };
        let settings = ask_if_there(machine, "sshd -T").await?.unwrap_or_default();
        Ok(Found {
            state: ssh_state::read(machine).await?,
            files: config_files(machine).await?,
            drop_in: text_of(machine, DROP_IN).await?,
            drop_in_at: time_of(DROP_IN).unwrap_or(0),
            settings: parse_sshd_settings(&settings.stdout),
            service: unit("ssh.service"),
            socket: unit("ssh.socket"),
            timer_armed: unit(TIMER).active,
            listening: listeners
                .iter()
                .filter(|listener| ours(&listener.process))
                .map(|listener| listener.port)
                .filter(|port| matches!(*port, 22 | SSH_PORT))
                .collect(),
            intruder: listeners
                .iter()
                .find(|listener| listener.port == SSH_PORT && !ours(&listener.process))
                .map(|listener| format!("{} (id {})", listener.process, listener.pid)),
            old_port_admitted: parse_rules(&rules).iter().any(|rule| rule.admits_tcp(22)),
            node_there: time_of(NODE_PROGRAM).is_some(),
        })
    }

    fn converge(&self, found: &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        refuse_hopeless(found)?;
        if found.confirmed() {
            let (because, changes) = finish(found);
            if changes.is_empty() {
                return Ok(Assessment::converged(format!(
                    "SSH answers on {SSH_PORT} only, to {ADMIN} by key only"
                )));
            }
            return Ok(Assessment::needed(format!("SSH: {}", because.join("; ")), changes));
        }
        Ok(Assessment::needed(
            format!("SSH must move to port {SSH_PORT}, by key only, for {ADMIN} only"),
            self.whole_move(found),
        ))
    }
}

fn refuse_hopeless(found: &Found) -> Result<(), Problem> {
    if !found.files.iter().any(|file| file.path == SSHD_CONFIG && includes_file(&file.text, DROP_IN)) {
        return Err(Problem::permanent(
            Code::HOST008,
            format!(
                "{SSHD_CONFIG} does not include /etc/ssh/sshd_config.d/*.conf, so our settings would not count"
            ),
            "Put the line \"Include /etc/ssh/sshd_config.d/*.conf\" at its top, as the distribution does.",
        ));
    }
    if let Some(process) = &found.intruder {
        return Err(Problem::permanent(
            Code::HOST007,
            format!("port {SSH_PORT} is taken by the process {process}, which is not the SSH server"),
            "Remove it from the server, then retry the order.",
        ));
    }
    if !found.node_there {
        return Err(Problem::permanent(
            Code::HOST018,
            format!("{NODE_PROGRAM} is not there, so nothing could put SSH back if the move went wrong"),
            "The provisioner uploads it first; retry the order.",
        ));
    }
    Ok(())
}

impl SshMove {
    fn whole_move(&self, found: &Found) -> Vec<Change> {
        let mut ports: BTreeSet<u16> =
            found.settings.values("port").iter().filter_map(|port| port.parse().ok()).collect();
        ports.extend([22, SSH_PORT]);
        // What lay there before the first attempt counts, not what an interrupted one left behind.
        let previous = match found.state.phase {
            Phase::Both => found.state.previous.clone(),
            _ => found.drop_in.clone(),
        };
        let mut changes = Vec::new();
        if found.timer_armed {
            changes.push(Change::Run(Command::words(&format!("systemctl stop {TIMER}"))));
        }
        let seconds = (self.patience + MARGIN).as_secs();
        let unit = TIMER.trim_end_matches(".timer");
        let arm = format!(
            "systemd-run --on-active={seconds}s --timer-property=AccuracySec=1s --unit={unit} --collect {}",
            NodeCommand::RevertSsh.as_line()
        );
        changes.push(record(&SshState { phase: Phase::Both, previous }));
        changes.push(Change::Run(Command::words(&arm)));
        let settings = keeping(&both_ports(&ports, &found.settings), found.drop_in.as_deref());
        changes.push(Change::Write(FileWrite::new(DROP_IN, 0o644, settings)));
        changes.extend(listen(&ports, found.by_socket()));
        let question = Question::SshConfirmation { port: SSH_PORT, user: ADMIN.to_owned() };
        changes.push(Change::Ask { question, patience: self.patience });
        let armed = Found {
            state: SshState { phase: Phase::Both, previous: None },
            files: found.files.clone(),
            drop_in: None,
            timer_armed: true,
            settings: SshdSettings::default(),
            listening: ports,
            service: found.service.clone(),
            socket: found.socket.clone(),
            intruder: None,
            ..*found
        };
        changes.extend(finish(&armed).1);
        changes
    }
}

/// What is left to do once the confirmation has come.
fn finish(found: &Found) -> (Vec<String>, Vec<Change>) {
    let (mut because, mut changes) = (Vec::new(), Vec::new());
    let wanted = final_settings();
    if found.drop_in.as_deref() != Some(wanted.as_str()) {
        because.push("the final settings are not written".to_owned());
        changes.push(Change::Write(FileWrite::new(DROP_IN, 0o644, wanted)));
    }
    for file in &found.files {
        if let Some((text, reasons)) = settled(file) {
            because.extend(reasons.into_iter().map(|why| format!("{} {}", file.path, why.reason())));
            changes.push(Change::Write(FileWrite::new(&file.path, 0o644, text)));
        }
    }
    let only_ours = BTreeSet::from([SSH_PORT]);
    let wrong: Vec<&str> = EFFECTIVE
        .into_iter()
        .filter(|(name, value)| found.settings.values(&name.to_ascii_lowercase()) != [*value])
        .map(|(name, _)| name)
        .collect();
    if !wrong.is_empty() && changes.is_empty() {
        because.push(format!("another file overrides {}", wrong.join(", ")));
    }
    if !changes.is_empty() || !wrong.is_empty() || found.listening != only_ours || !found.loaded() {
        because.push("it does not run with them".to_owned());
        changes.extend(listen(&only_ours, found.by_socket()));
    }
    if found.state.phase != Phase::Confirmed {
        because.push("the confirmation is not recorded".to_owned());
        changes.push(record(&SshState { phase: Phase::Confirmed, previous: None }));
    }
    if found.timer_armed {
        because.push("the timer that reverts is armed".to_owned());
        changes.push(Change::Run(Command::words(&format!("systemctl stop {TIMER}"))));
    }
    if found.old_port_admitted {
        because.push("the firewall admits port 22".to_owned());
        changes.push(Change::Run(Command::words("ufw --force delete allow 22/tcp")));
    }
    (because, changes)
}

#[cfg(test)]
mod tests {
    use super::{Phase, SshState, revert_changes};

    fn shown(state: &SshState, by_socket: bool) -> Vec<String> {
        revert_changes(state, by_socket).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_an_unconfirmed_move_is_reverted() {
        for phase in [Phase::NotBegun, Phase::Confirmed] {
            assert!(
                shown(&SshState { phase, previous: Some("Port 22\n".into()) }, false).is_empty(),
                "{phase:?}"
            );
        }
    }

    #[test]
    fn a_revert_restores_what_was_there_and_forgets_the_move_last() {
        let state = SshState { phase: Phase::Both, previous: None };
        assert_eq!(
            shown(&state, false),
            [
                "remove /etc/ssh/sshd_config.d/00-letsbe.conf",
                "run systemctl restart ssh.service",
                "run ufw allow 22/tcp",
                "remove /opt/letsbe/state/ssh-move.json",
            ]
        );
        let state = SshState { previous: Some("Port 2200\n".into()), ..state };
        assert_eq!(
            shown(&state, true),
            [
                "write /etc/ssh/sshd_config.d/00-letsbe.conf (mode 0644, 1 lines)",
                "remove /etc/systemd/system/ssh.socket.d/letsbe.conf",
                "run systemctl daemon-reload",
                "run systemctl stop ssh.service",
                "run systemctl restart ssh.socket",
                "run ufw allow 22/tcp",
                "remove /opt/letsbe/state/ssh-move.json",
            ]
        );
    }
}
