//! The real agent on a large server stays within its memory: a thousand secrets, 28 tools, as many events in its queue
//! as it keeps, and a Hub that takes them all. Needs root: the agent's paths are put into a mount namespace.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail, too")]

mod server;
mod world;

use std::time::Duration;

use crate::{
    server::{EVENTS, SECRETS, Server, TOOLS},
    world::World,
};

/// What its unit may have, with all that the kernel keeps for it.
const UNIT: &str = include_str!("../../../stacks/src/agent.rs");
/// The agent's own data: of the 40 MiB that `letsbe-lab memory` gives a release build, code and libraries take the
/// rest. What is built for tests has several times as much code, but the same data.
const DATA_MIB: u64 = 32;
const PATIENCE: Duration = Duration::from_secs(240);

fn memory_max_mib() -> u64 {
    let line = UNIT.lines().find_map(|line| line.strip_prefix("MemoryMax=")).unwrap();
    line.strip_suffix('M').unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_server_and_a_full_queue_stay_within_the_agents_memory() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(folder.path()).await;
    let server = Server::made(folder.path(), &world.hub_url());
    let agent = server.start();

    // While the Hub is away the agent looks at its server and keeps what it has.
    let sign = world.heard(PATIENCE).await;
    assert_eq!(sign["events_waiting"], EVENTS);
    assert!(sign["vault"]["secrets"].as_u64().unwrap() >= SECRETS as u64, "{}", sign["vault"]);
    assert_eq!(sign["containers"].as_array().unwrap().len(), 2 * TOOLS);
    assert_eq!(sign["backup"]["tools"].as_array().unwrap().len(), TOOLS);
    let mut held = vec![("a full queue", agent.data_mib())];

    world.take_events();
    world.has_all(EVENTS, PATIENCE).await;
    held.push(("all events told", agent.data_mib()));

    for _ in 0..50 {
        world.ask_for_a_heartbeat(folder.path()).await;
        world.heard(PATIENCE).await;
    }
    held.push(("fifty heartbeats", agent.data_mib()));

    let peak = agent.peak_mib();
    println!("{held:?} MiB of data, of {DATA_MIB}; {peak} MiB at most, of {}", memory_max_mib());
    assert!(held.iter().all(|(_, data)| *data <= DATA_MIB), "{held:?} MiB, of {DATA_MIB}");
    assert!(peak <= memory_max_mib(), "{peak} MiB, of {}", memory_max_mib());
}
