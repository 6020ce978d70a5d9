//! What is at the other end of a server: the provisioner's run, and afterwards the server's agent. Both go on at the other
//! Hub when one is gone.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use letsbe_types::{
    api::{JobReport, JobStatus},
    job::{ProvisionJob, RunEvent, RunEventKind},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::hubs::{Ask, Client, POLL};
use crate::sign::heartbeat;

/// So that an agent stays below the limit of requests (`Scope::Agent`).
const PAUSE: Duration = Duration::from_millis(200);
/// Events that are sent together.
const EVENTS: u64 = 3;

/// What an agent sent, and what of it was acknowledged. Each event is one token, so that a sum says how many were taken.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) heartbeats: u64,
    pub(super) heartbeats_acknowledged: u64,
    pub(super) events: u64,
    pub(super) events_acknowledged: u64,
}

/// What all agents sent, by domain.
pub(super) type AllSent = Arc<Mutex<BTreeMap<String, Sent>>>;

/// Puts a provisioner into the folder that hands its work to this test, and ends when the test has carried it out. It ends,
/// too, when the folder is gone.
pub(super) fn install_provisioner(folder: &Path) {
    let program = folder.join("provisioner");
    let script = format!(
        "#!/bin/sh\ncd {} || exit 1\nmkdir work/$$ && cat > work/$$/new && mv work/$$/new work/$$/job.json\n\
         while [ -d work/$$ ]; do sleep 0.05; done\n",
        folder.display()
    );
    std::fs::create_dir(folder.join("work")).unwrap();
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Carries out what provisioners are given, until the test ends.
pub(super) async fn carry_out_runs(client: Client, folder: PathBuf, sent: AllSent) {
    let (mut under_way, mut agents) = (JoinSet::new(), JoinSet::new());
    let mut runs = BTreeMap::<String, Arc<Run>>::new();
    loop {
        for entry in std::fs::read_dir(folder.join("work")).unwrap() {
            let place = entry.unwrap().path();
            let (file, taken) = (place.join("job.json"), place.join("taken.json"));
            if file.exists() {
                std::fs::rename(&file, &taken).unwrap();
                let job: ProvisionJob = serde_json::from_slice(&std::fs::read(&taken).unwrap()).unwrap();
                let run = Arc::clone(runs.entry(job.id.to_string()).or_default());
                under_way.spawn(carry_out(client.clone(), place, job, run));
            }
        }
        while let Some(ended) = under_way.try_join_next() {
            if let Some((domain, key)) = ended.unwrap() {
                agents.spawn(agent(client.clone(), domain, key, sent.clone()));
            }
        }
        while let Some(ended) = agents.try_join_next() {
            ended.unwrap();
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The run of a job, and whether it is done: a provisioner that comes after a killed Hub attaches to it.
type Run = tokio::sync::Mutex<bool>;

/// Carries out a run, and lets its provisioner end; the domain and the key of the agent that it installed.
async fn carry_out(
    client: Client,
    place: PathBuf,
    job: ProvisionJob,
    run: Arc<Run>,
) -> Option<(String, String)> {
    let mut done = run.lock().await;
    let mut agent = None;
    if !*done {
        let token = std::fs::read_to_string(&job.report.as_ref().unwrap().token_file).unwrap();
        let link = job.desired.hub.as_ref().unwrap();
        let who = json!({"identity": job.desired.identity.0, "node_version": "0.1.0"});
        let register = Ask::post("/api/v1/tenant/register", Some(&link.registration_token), who);
        let key = client.must(&register).await["agent_key"].as_str().unwrap().to_owned();
        agent = Some((job.desired.domain.to_string(), key));
        let event = |sequence, event| RunEvent { sequence, at: chrono::Utc::now(), event };
        let started = event(1, RunEventKind::Started { attempt: 1 });
        let finished = event(2, RunEventKind::Finished { problem: None });
        report(&client, &job, &token, JobStatus::Running, vec![started.clone()]).await;
        report(&client, &job, &token, JobStatus::Completed, vec![started, finished]).await;
        *done = true;
    }
    std::fs::remove_dir_all(place).unwrap();
    agent
}

/// Reports to both Hubs at the same moment, until one of them has taken it.
async fn report(client: &Client, job: &ProvisionJob, token: &str, status: JobStatus, events: Vec<RunEvent>) {
    let report = JobReport { status, events, host_key: job.host_key.clone(), problem: None };
    let body = serde_json::to_value(&report).unwrap();
    let path = format!("/api/v1/jobs/{}", job.id);
    let ask = Ask { method: "PATCH", path: &path, key: Some(token), body: Some(body) };
    loop {
        let answers = tokio::join!(client.ask(0, &ask), client.ask(1, &ask));
        let answers = [answers.0, answers.1];
        if answers.iter().flatten().any(|(status, _)| *status == 200) {
            return;
        }
        if let Some(refused) = answers.iter().flatten().next() {
            panic!("{path}: {refused:?}");
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The agent of a live server: a heartbeat to one Hub in turn, and the same events to both at the same moment.
async fn agent(client: Client, domain: String, key: String, sent: AllSent) {
    let note = |change: &dyn Fn(&mut Sent)| change(sent.lock().unwrap().entry(domain.clone()).or_default());
    let mut next = 1;
    for turn in 0.. {
        let body = serde_json::to_value(heartbeat(turn)).unwrap();
        note(&|sent| sent.heartbeats += 1);
        let beat = Ask::post("/api/v1/tenant/heartbeat", Some(&key), body);
        if let Some(answer) = client.ask(usize::from(turn % 2 == 1), &beat).await {
            assert_eq!(answer.0, 200, "{answer:?}");
            note(&|sent| sent.heartbeats_acknowledged += 1);
        }
        let events: Vec<Value> = (next..next + EVENTS).map(one_token).collect();
        note(&|sent| sent.events = next + EVENTS - 1);
        let ask = Ask::post("/api/v1/tenant/events", Some(&key), json!({ "events": events }));
        let answers = tokio::join!(client.ask(0, &ask), client.ask(1, &ask));
        for answer in [answers.0, answers.1].into_iter().flatten() {
            let through = answer.1["data"]["taken_through"].as_u64();
            let through = through.unwrap_or_else(|| panic!("{domain}: {answer:?}"));
            note(&|sent| sent.events_acknowledged = sent.events_acknowledged.max(through));
            next = next.max(through + 1);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn one_token(sequence: u64) -> Value {
    json!({"sequence": sequence, "at": "2026-11-21T11:00:00Z", "event": {
        "kind": "tokens_used", "hour": "2026-11-21T11:00:00Z", "model": "openrouter/some-model",
        "input": 1, "output": 0, "requests": 1}})
}
