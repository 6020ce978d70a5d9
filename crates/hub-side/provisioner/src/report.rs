//! Reports to the Hub: in order, in batches, and again and again while the Hub is away.

use std::time::Duration;

use letsbe_protocol::hub_address;
use letsbe_types::{
    Code, Problem, Secret,
    api::{ErrorReply, JobReport, JobStatus, Reply},
    ids::JobId,
    job::{ReportTarget, RunEvent},
    recovery::HandedKeys,
};
use letsbe_vault::escrow::SEALED_TEXT_MAX;
use reqwest::StatusCode;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep},
};

/// Reports that wait while the Hub is away. A run has a few hundred events.
const QUEUE_MAX: usize = 4096;
/// Events sent in one report.
const BATCH_MAX: usize = 100;
/// How long an absent Hub is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// Time for one report.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Sealed keys in JSON: every byte may be escaped.
const KEYS_BYTES_MAX: usize = 2 * SEALED_TEXT_MAX;
/// Longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(15);

enum Message {
    Event(Box<RunEvent>),
    HostKey(String),
}

/// Where the events of one job go.
pub struct Reporter {
    queue: mpsc::Sender<Message>,
    task: JoinHandle<Result<Client, Problem>>,
}

struct Client {
    http: reqwest::Client,
    url: String,
    token: Secret<String>,
    patience: Duration,
}

impl Reporter {
    /// Reads the token and starts to report.
    ///
    /// # Errors
    /// When the token file or the Hub's address cannot be used.
    pub fn start(target: &ReportTarget, job: JobId) -> Result<Self, Problem> {
        Self::with_patience(target, job, PATIENCE)
    }

    fn with_patience(target: &ReportTarget, job: JobId, patience: Duration) -> Result<Self, Problem> {
        let client = Client::new(target, job, patience)?;
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        Ok(Self { queue, task: tokio::spawn(client.forward(messages)) })
    }

    /// Reports an event. Waits only when thousands are waiting already.
    pub async fn event(&self, event: RunEvent) {
        // The queue is closed only after the Hub refused for good; `finish` then returns why.
        let _ = self.queue.send(Message::Event(Box::new(event))).await;
    }

    /// Reports the host key that was seen.
    pub async fn host_key(&self, key: &str) {
        let _ = self.queue.send(Message::HostKey(key.to_owned())).await;
    }

    /// Waits until everything has been accepted, then reports the end.
    ///
    /// # Errors
    /// When the Hub refused a report, or stayed away for too long.
    pub async fn finish(self, problem: Option<Problem>) -> Result<(), Problem> {
        drop(self.queue);
        let client = self.task.await.map_err(unusable)??;
        let status = if problem.is_none() { JobStatus::Completed } else { JobStatus::Failed };
        client.send(&JobReport { status, events: Vec::new(), host_key: None, problem }).await
    }
}

fn unusable(error: impl std::fmt::Display) -> Problem {
    Problem::transient(Code::HUB002, format!("Reports cannot be sent: {error}"), "Retry the order.")
}

/// Where a job's keys from the escrow are handed out, sealed.
pub(crate) struct EscrowKeyClient(Client);

impl EscrowKeyClient {
    /// Reads the token.
    ///
    /// # Errors
    /// When the token file or the Hub's address cannot be used.
    pub(crate) fn new(target: &ReportTarget, job: JobId) -> Result<Self, Problem> {
        Client::new(target, job, PATIENCE).map(Self)
    }

    /// Asks once; `None` until they were provided.
    ///
    /// # Errors
    /// When the Hub does not answer, or not with sealed keys.
    pub(crate) async fn ask(&self) -> Result<Option<HandedKeys>, Problem> {
        let request = self.0.http.get(format!("{}/keys", self.0.url)).bearer_auth(self.0.token.expose());
        let mut reply = request.send().await.map_err(away)?;
        match reply.status() {
            StatusCode::NO_CONTENT => Ok(None),
            status if status.is_success() => {
                let mut body = Vec::new();
                while let Some(piece) = reply.chunk().await.map_err(away)? {
                    body.extend_from_slice(&piece);
                    if body.len() > KEYS_BYTES_MAX {
                        return Err(not_keys("it is larger than any escrow"));
                    }
                }
                let reply: Reply<HandedKeys> = serde_json::from_slice(&body).map_err(not_keys)?;
                Ok(Some(reply.data))
            }
            status => Err(not_keys(status)),
        }
    }
}

fn not_keys(what: impl std::fmt::Display) -> Problem {
    let hint = "The job may have ended, or the Hub is of another version. Retry the order.";
    Problem::transient(Code::HUB008, format!("The Hub did not answer with sealed keys: {what}"), hint)
}

fn away(error: reqwest::Error) -> Problem {
    let hint = "Check that the Hub runs; the order can be retried.";
    Problem::transient(Code::HUB003, format!("The Hub does not answer: {error}"), hint)
}

impl Client {
    fn new(target: &ReportTarget, job: JobId, patience: Duration) -> Result<Self, Problem> {
        let token = std::fs::read_to_string(&target.token_file).map_err(|error| {
            Problem::permanent(
                Code::HUB001,
                format!("The runner token in {} cannot be read: {error}", target.token_file.display()),
                "The Hub writes this file before it starts a provisioner.",
            )
        })?;
        let base = hub_address::checked(&target.hub_url)?;
        let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build().map_err(unusable)?;
        let url = format!("{base}/api/v1/jobs/{job}");
        Ok(Self { http, url, token: Secret::new(token.trim().to_owned()), patience })
    }

    async fn forward(self, mut messages: mpsc::Receiver<Message>) -> Result<Self, Problem> {
        let mut batch = Vec::new();
        while messages.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let running = JobStatus::Running;
            let mut report = JobReport { status: running, events: Vec::new(), host_key: None, problem: None };
            for message in batch.drain(..) {
                match message {
                    Message::Event(event) => report.events.push(*event),
                    Message::HostKey(key) => report.host_key = Some(key),
                }
            }
            self.send(&report).await?;
        }
        Ok(self)
    }

    async fn send(&self, report: &JobReport) -> Result<(), Problem> {
        let give_up = Instant::now() + self.patience;
        let mut pause = Duration::from_millis(250);
        loop {
            let problem = match self.send_once(report).await {
                Ok(()) => return Ok(()),
                Err(problem) if !problem.retryable || Instant::now() + pause > give_up => {
                    return Err(problem);
                }
                Err(problem) => problem,
            };
            tracing::warn!(%problem, "the Hub did not take a report; trying again");
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn send_once(&self, report: &JobReport) -> Result<(), Problem> {
        let request = self.http.patch(&self.url).bearer_auth(self.token.expose()).json(report);
        let reply = request.send().await.map_err(away)?;
        let status = reply.status();
        if status.is_success() {
            return Ok(());
        }
        let passing = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        let said = reply.json::<ErrorReply>().await.map_or_else(|_| String::new(), |body| body.error.message);
        let message = format!("The Hub refused a report of this job: {status} {said}");
        let hint = "The runner token may belong to another job, or the job may have ended.";
        Err(Problem { retryable: passing, ..Problem::permanent(Code::HUB004, message.trim_end(), hint) })
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, sync::Arc, time::Duration};

    use chrono::Utc;
    use letsbe_types::{
        api::{JobReport, JobStatus, Reply},
        ids::JobId,
        job::{ReportTarget, RunEvent, RunEventKind},
        recovery::HandedKeys,
    };
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        sync::Mutex,
    };

    use super::{EscrowKeyClient, Reporter};

    /// A Hub that answers with the given statuses in turn (200 once they are used up) and keeps accepted reports.
    async fn hub(statuses: &'static [u16]) -> (String, Arc<Mutex<Vec<JobReport>>>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut statuses) = (Arc::clone(&accepted), statuses.iter().copied());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                let body = loop {
                    let mut buffer = [0; 4096];
                    let count = stream.read(&mut buffer).await.unwrap();
                    request.extend_from_slice(&buffer[..count]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let head = head.to_ascii_lowercase();
                    assert!(head.contains("authorization: bearer secret-token"), "{head}");
                    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
                    if body.len() == length.parse::<usize>().unwrap() {
                        break body.to_owned();
                    }
                };
                let status = statuses.next().unwrap_or(200);
                if status == 200 {
                    kept.lock().await.push(serde_json::from_str(&body).unwrap());
                }
                let reply = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        });
        (url, accepted)
    }

    fn reporter(hub_url: String, patience: Duration) -> Reporter {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let mut token = tempfile::NamedTempFile::new().unwrap();
        writeln!(token, "secret-token").unwrap();
        let target = ReportTarget { hub_url, token_file: token.path().to_owned() };
        Reporter::with_patience(&target, JobId::generate(), patience).unwrap()
    }

    fn event(sequence: u64) -> RunEvent {
        RunEvent { sequence, at: Utc::now(), event: RunEventKind::Started { attempt: 1 } }
    }

    #[tokio::test]
    async fn events_survive_a_hub_that_fails_and_come_in_order() {
        let (url, accepted) = hub(&[503, 200, 500, 429]).await;
        let reporter = reporter(url, Duration::from_secs(20));
        for sequence in 1..=250 {
            reporter.event(event(sequence)).await;
        }
        reporter.finish(None).await.unwrap();
        let accepted = accepted.lock().await;
        let sequences: Vec<u64> = accepted.iter().flat_map(|r| &r.events).map(|e| e.sequence).collect();
        assert_eq!(sequences, (1..=250).collect::<Vec<_>>());
        assert!(accepted.iter().all(|report| report.events.len() <= super::BATCH_MAX));
        assert_eq!(accepted.last().unwrap().status, JobStatus::Completed);
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_an_absent_hub_ends_patience() {
        let (url, _) = hub(&[401; 9]).await;
        let refused = reporter(url, Duration::from_secs(20));
        refused.event(event(1)).await;
        assert_eq!(refused.finish(None).await.unwrap_err().code, "HUB004");

        let away = reporter("http://127.0.0.1:1".to_owned(), Duration::from_millis(300));
        assert_eq!(away.finish(None).await.unwrap_err().code, "HUB003");
    }

    /// A Hub that answers the nth question for keys with the nth reply.
    async fn hub_with_keys(replies: Vec<String>) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for reply in replies {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut buffer = [0; 4096];
                    let count = stream.read(&mut buffer).await.unwrap();
                    request.extend_from_slice(&buffer[..count]);
                }
                let head = String::from_utf8(request).unwrap().to_ascii_lowercase();
                assert!(head.starts_with("get /api/v1/jobs/") && head.contains("/keys http/1.1"), "{head}");
                assert!(head.contains("authorization: bearer secret-token"), "{head}");
                let _ = stream.write_all(reply.as_bytes()).await;
            }
        });
        url
    }

    #[tokio::test]
    async fn the_hub_is_asked_for_sealed_keys_until_somebody_provides_them() {
        let reply = |status: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        };
        let keys = HandedKeys { recipient: "age1x".to_owned(), sealed: "-----BEGIN".to_owned() };
        let handed = serde_json::to_string(&Reply::new(keys.clone())).unwrap();
        let replies = [
            reply("204 x", ""),
            reply("200 x", &handed),
            reply("200 x", &"x".repeat(super::KEYS_BYTES_MAX + 1)),
            reply("200 x", "{}"),
            reply("404 x", ""),
        ];
        let hub_url = hub_with_keys(replies.into()).await;
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let mut token = tempfile::NamedTempFile::new().unwrap();
        writeln!(token, "secret-token").unwrap();
        let target = ReportTarget { hub_url, token_file: token.path().to_owned() };
        let client = EscrowKeyClient::new(&target, JobId::generate()).unwrap();
        assert_eq!(client.ask().await.unwrap(), None);
        assert_eq!(client.ask().await.unwrap(), Some(keys));
        for _ in 0..3 {
            let problem = client.ask().await.unwrap_err();
            assert!(problem.code == "HUB008" && problem.retryable, "{problem}");
        }
        assert_eq!(client.ask().await.unwrap_err().code, "HUB003", "nobody is there any more");
    }
}
