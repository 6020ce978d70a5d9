//! `openclaw.confined`: from inside the AI runtime's network the proxy can be reached, and nothing else: not the
//! server's own web and SSH ports at any of its addresses, not the Internet.
//!
//! Connections are really tried, by `curl` in the container's network namespace: the firewall's rules are read by
//! `firewall.closed`, this is what they do.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use async_trait::async_trait;
use letsbe_host::{Assessment, Command, Converge, Machine, machine::MachineError};
use letsbe_protocol::ADMIN_PORT;
use letsbe_types::{Code, Problem, job::DesiredServer};
use serde::Deserialize;

use super::{STEP, failed};

const RUNTIME: &str = "letsbe-openclaw";
const PROXY: &str = "letsbe-secrets-proxy";
const NETWORK: &str = "letsbe-guardian";
const PROXY_PORT: u16 = 8100;
/// What listens on the server itself.
const SERVER_PORTS: [u16; 4] = [22, 80, 443, ADMIN_PORT];
/// Well-known places that answer everybody.
const INTERNET: [&str; 3] = ["1.1.1.1:443", "8.8.8.8:53", "[2606:4700:4700::1111]:443"];
/// A server has few addresses of its own: its public ones and one for each bridge.
const ADDRESSES_MAX: usize = 64;
const HINT: &str = "Provision again: the firewall is set anew. `iptables -S letsbe-input` and `iptables -S DOCKER-USER` \
                    show what it does with the bridge letsbe-guardian.";

pub(super) struct Confined;

/// What was read and tried.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// The runtime's networks; `None` if its container does not run.
    networks: Option<BTreeSet<String>>,
    /// Where the proxy answers in the runtime's network.
    proxy: Option<IpAddr>,
    /// Everything that must be closed.
    closed: BTreeSet<SocketAddr>,
    /// What each connection came to; `None` where the answer is missing.
    connected: BTreeMap<SocketAddr, bool>,
}

/// One container of `docker inspect`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    name: String,
    state: State,
    network_settings: Settings,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    pid: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Settings {
    #[serde(default)]
    networks: BTreeMap<String, Attached>,
}

#[derive(Deserialize)]
struct Attached {
    #[serde(default, rename = "IPAddress")]
    address: String,
}

/// One interface of `ip -json address show`.
#[derive(Deserialize)]
struct Interface {
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    local: Option<IpAddr>,
    #[serde(default)]
    scope: String,
}

#[async_trait]
impl Converge for Confined {
    type Facts = Facts;
    const NAME: &'static str = "openclaw.confined";
    const STEP: u8 = STEP;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Facts, Problem> {
        let containers = parse_containers(&stdout(machine, inspect()).await?)?;
        let Some((pid, networks)) = containers.get(RUNTIME).filter(|(pid, _)| *pid > 0) else {
            return Ok(Facts::default());
        };
        let proxy = containers.get(PROXY).and_then(|(_, networks)| *networks.get(NETWORK)?);
        let own = parse_addresses(&stdout(machine, Command::words("ip -json address show")).await?)?;
        let closed = must_be_closed(own);
        let open = proxy.map(|address| SocketAddr::new(address, PROXY_PORT));
        let tried: Vec<SocketAddr> = closed.iter().copied().chain(open).collect();
        let connected = parse_connected(&stdout(machine, connect(*pid, &tried)).await?);
        Ok(Facts { networks: Some(networks.keys().cloned().collect()), proxy, closed, connected })
    }

    fn converge(&self, facts: &Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        judge(facts)
    }
}

async fn stdout(machine: &dyn Machine, command: Command) -> Result<String, Problem> {
    // Whatever the exit code: `docker inspect` fails if one of two is missing, `curl` if one connection is refused.
    let unread =
        |error: MachineError| failed(Code::NODE110, format!("nothing could be tried: {error}"), HINT);
    machine.run(&command).await.map(|output| output.stdout).map_err(unread)
}

fn inspect() -> Command {
    Command::new("docker", ["container", "inspect", RUNTIME, PROXY])
}

/// `curl` in the network namespace of a process, for all at the same time. What it says of each is whether TCP came
/// to a connection; what is sent over it does not matter.
fn connect(pid: u32, targets: &[SocketAddr]) -> Command {
    let mut words = vec![format!("--net=/proc/{pid}/ns/net"), "--".to_owned(), "curl".to_owned()];
    let options = "--disable --silent --globoff --noproxy * --parallel --parallel-immediate --parallel-max 128 \
                   --connect-timeout 1.5 --max-time 3";
    words.extend(options.split_whitespace().map(str::to_owned));
    words.extend(["--write-out".to_owned(), "%{url} %{time_connect}\\n".to_owned()]);
    for target in targets {
        words.extend(["--output".to_owned(), "/dev/null".to_owned(), format!("http://{target}/health")]);
    }
    Command::new("nsenter", words)
}

/// Process and networks, with the address in each, by container name.
type Containers = BTreeMap<String, (u32, BTreeMap<String, Option<IpAddr>>)>;

fn parse_containers(text: &str) -> Result<Containers, Problem> {
    let read: Vec<Inspected> = serde_json::from_str(text.trim()).map_err(|error| {
        failed(Code::NODE110, format!("`docker container inspect` is not understood: {error}"), HINT)
    })?;
    let container = |found: Inspected| {
        let networks = found.network_settings.networks;
        let networks = networks.into_iter().map(|(name, at)| (name, at.address.parse().ok())).collect();
        (found.name.trim_start_matches('/').to_owned(), (found.state.pid, networks))
    };
    Ok(read.into_iter().map(container).collect())
}

/// Addresses that others could reach: neither of the loopback interface nor of one link only.
fn parse_addresses(text: &str) -> Result<BTreeSet<IpAddr>, Problem> {
    let read: Vec<Interface> = serde_json::from_str(text.trim())
        .map_err(|error| failed(Code::NODE110, format!("`ip address` is not understood: {error}"), HINT))?;
    let all = read.into_iter().flat_map(|interface| interface.addr_info);
    let own: BTreeSet<IpAddr> = all.filter(|a| a.scope == "global").filter_map(|a| a.local).collect();
    if own.is_empty() {
        return Err(failed(Code::NODE110, "`ip address` names no address of this server".to_owned(), HINT));
    }
    Ok(own)
}

fn must_be_closed(own: BTreeSet<IpAddr>) -> BTreeSet<SocketAddr> {
    let own = own.into_iter().take(ADDRESSES_MAX);
    let own = own.flat_map(|address| SERVER_PORTS.map(|port| SocketAddr::new(address, port)));
    own.chain(INTERNET.iter().filter_map(|place| place.parse().ok())).collect()
}

/// `http://172.17.0.1:443/health 0.000212`: the time is 0 where TCP came to no connection.
fn parse_connected(text: &str) -> BTreeMap<SocketAddr, bool> {
    let line = |line: &str| {
        let (url, time) = line.trim().rsplit_once(' ')?;
        let address = url.strip_prefix("http://")?.split('/').next()?.parse().ok()?;
        Some((address, time.parse::<f64>().ok()? > 0.0))
    };
    text.lines().filter_map(line).collect()
}

fn judge(facts: &Facts) -> Result<Assessment, Problem> {
    let Some(networks) = &facts.networks else {
        return Err(failed(Code::NODE110, format!("{RUNTIME} does not run"), HINT));
    };
    let others: Vec<&str> = networks.iter().map(String::as_str).filter(|name| *name != NETWORK).collect();
    if !others.is_empty() {
        return Err(failed(
            Code::NODE111,
            format!("{RUNTIME} is in other networks too: {}", others.join(", ")),
            HINT,
        ));
    }
    let open: Vec<String> = facts
        .closed
        .iter()
        .filter(|at| facts.connected.get(at) == Some(&true))
        .map(ToString::to_string)
        .collect();
    if !open.is_empty() {
        return Err(failed(Code::NODE111, format!("{RUNTIME} reaches {}", open.join(", ")), HINT));
    }
    // A trial without an answer proves nothing.
    let untold = facts.closed.iter().filter(|at| !facts.connected.contains_key(at)).count();
    if untold > 0 || facts.closed.is_empty() {
        return Err(failed(Code::NODE110, format!("{untold} connections could not be tried"), HINT));
    }
    let proxy = facts.proxy.map(|address| SocketAddr::new(address, PROXY_PORT));
    if proxy.and_then(|proxy| facts.connected.get(&proxy)) != Some(&true) {
        return Err(failed(Code::NODE110, format!("{RUNTIME} does not reach {PROXY}"), HINT));
    }
    Ok(Assessment::converged(format!(
        "the AI runtime reaches the secrets proxy, and none of {} other places",
        facts.closed.len()
    )))
}

#[cfg(test)]
mod tests;
