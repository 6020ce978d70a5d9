//! Two Hubs as processes, which can be killed and started again, and a client that asks either of them.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, RwLock, mpsc},
    time::Duration,
};

use serde_json::Value;

use crate::PATIENCE;

/// A Hub that does not answer in this time counts as one that is gone.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two questions for something that is waited for.
pub(super) const POLL: Duration = Duration::from_millis(50);

/// A running `letsbe-hub serve`; it ends with this test, however that ends.
struct Process {
    child: Child,
    address: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    fn start(config: &Path) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_letsbe-hub"), "--config"]);
        command.arg(config).arg("serve").env("RUST_LOG", "info,sqlx=warn");
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stderr.take().unwrap());
        let (log, (listens, listening)) = (Arc::new(Mutex::new(Vec::new())), mpsc::channel());
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("the Hub listens address=") {
                    let _ = listens.send(format!("http://{}", address.trim()));
                }
                lines.lock().unwrap().push(line);
            }
        });
        let address = listening.recv_timeout(PATIENCE);
        let address = address.unwrap_or_else(|_| panic!("no start: {:#?}", log.lock().unwrap()));
        Self { child, address, log }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        if std::thread::panicking() {
            let log = self.log.lock().unwrap();
            println!("The end of a Hub's log: {:#?}", &log[log.len().saturating_sub(40)..]);
        }
    }
}

/// Two Hubs with the same settings.
pub(super) struct TwoHubs {
    config: PathBuf,
    running: [Option<Process>; 2],
    client: Client,
}

impl TwoHubs {
    pub(super) fn start(config: &Path) -> Self {
        let running = [Process::start(config), Process::start(config)];
        let addresses = running.each_ref().map(|hub| hub.address.clone());
        let client = Client { http: reqwest::Client::new(), addresses: Arc::new(RwLock::new(addresses)) };
        Self { config: config.to_owned(), running: running.map(Some), client }
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// The process of a Hub.
    pub(super) fn pid(&self, hub: usize) -> u32 {
        self.running[hub].as_ref().map_or(0, |hub| hub.child.id())
    }

    /// Kills a Hub (SIGKILL), and starts it again.
    pub(super) fn kill_and_restart(&mut self, hub: usize) {
        drop(self.running[hub].take());
        let process = Process::start(&self.config);
        self.client.addresses.write().unwrap()[hub] = process.address.clone();
        self.running[hub] = Some(process);
    }
}

/// Asks the Hubs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    addresses: Arc<RwLock<[String; 2]>>,
}

impl Client {
    pub(super) fn address(&self, hub: usize) -> String {
        self.addresses.read().unwrap()[hub].clone()
    }

    /// What this Hub answers; `None` if it is gone, fails or has too much to do.
    pub(super) async fn ask(&self, hub: usize, ask: &Ask<'_>) -> Option<(u16, Value)> {
        let url = format!("{}{}", self.address(hub), ask.path);
        let mut request = self.http.request(ask.method.parse().unwrap(), url).timeout(REQUEST_TIMEOUT);
        if let Some(key) = ask.key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let body = answer.json().await.ok()?;
        (status < 500 && status != 429).then_some((status, body))
    }

    /// What the first of them answers that is there.
    pub(super) async fn ask_any(&self, ask: &Ask<'_>) -> (u16, Value) {
        loop {
            for hub in 0..2 {
                if let Some(answer) = self.ask(hub, ask).await {
                    return answer;
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The same, and it must be a success.
    pub(super) async fn must(&self, ask: &Ask<'_>) -> Value {
        let (status, body) = self.ask_any(ask).await;
        assert!((200..300).contains(&status), "{status} to {} {}: {body}", ask.method, ask.path);
        body["data"].clone()
    }
}

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) key: Option<&'a str>,
    pub(super) body: Option<Value>,
}

impl<'a> Ask<'a> {
    pub(super) fn get(path: &'a str, key: &'a str) -> Self {
        Self { method: "GET", path, key: Some(key), body: None }
    }

    pub(super) fn post(path: &'a str, key: Option<&'a str>, body: Value) -> Self {
        Self { method: "POST", path, key, body: Some(body) }
    }
}
