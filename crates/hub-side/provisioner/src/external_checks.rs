//! Checks of a server from outside: its pages, its open and closed ports, and who may log in.

mod logins;

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, future::BoxFuture};
use letsbe_catalog::{Catalog, Expect, Selection, UPLOAD_PORT};
use letsbe_protocol::ADMIN_PORT;
use letsbe_types::{
    Code, DomainName, Problem,
    clock::milliseconds,
    job::{Outcome, ProvisionJob, RunEventKind, StepResult},
};
use reqwest::{Certificate, StatusCode, header::LOCATION, redirect::Policy};
use russh::keys::PrivateKey;
use tokio::net::TcpStream;

use crate::job;

/// The verification is the last step (runbook 3.4).
const STEP: u8 = 11;
/// A port that does not answer in this time is filtered.
const PORT_TIMEOUT: Duration = Duration::from_millis(300);
/// A port that must be open has longer to answer.
const OPEN_PORT_TIMEOUT: Duration = Duration::from_secs(3);
/// Ports tried at the same time.
const SCAN_WIDTH: usize = 512;
/// Time for one page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(10);
/// More of a page is not read.
const PAGE_BYTES: usize = 1 << 20;
/// Must be open on every server.
const OPEN: [u16; 3] = [80, 443, ADMIN_PORT];
/// Ports that leak most often: the old SSH port, container engines, databases, the platform's own services.
const NEVER: [u16; 25] = [
    21, 22, 23, 25, 111, 139, 445, 587, 993, 1433, 2375, 2376, 2377, 3000, 3306, 5000, 5432, 6379, 8000,
    8080, 8100, 9000, 9200, 18789, 27017,
];

/// Choices for the checks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Try all 65,535 ports.
    pub full_scan: bool,
    /// Try to log in as root. Each refusal counts against our address at the server's fail2ban, so it is tried
    /// only when something was changed.
    pub try_root: bool,
}

/// The events of all checks, and the problem that they add up to.
pub type Results = (Vec<RunEventKind>, Option<Problem>);

/// What a host name must answer.
struct Page {
    name: String,
    path: String,
    expect: Expect,
}

struct Checks<'a> {
    job: &'a ProvisionJob,
    key: &'a Arc<PrivateKey>,
    host_key: &'a str,
    options: Options,
    expected: Expected,
}

/// What the selection makes of the server.
struct Expected {
    /// Pages that must answer.
    pages: Vec<Page>,
    /// Their host names.
    names: Vec<String>,
    ports: Ports,
}

struct Ports {
    /// Must be open: [`OPEN`], and the port for uploads where a tool accepts them.
    open: Vec<u16>,
    /// May be open: also the mail ports of a selected mail tool.
    allowed: BTreeSet<u16>,
    /// Must not be reachable: those of the catalog, and others that leak often.
    inner: BTreeSet<u16>,
}

/// Makes all checks at the same time.
///
/// # Errors
/// When the catalog of the bundle cannot be read.
pub async fn verify(
    job: &ProvisionJob,
    key: &Arc<PrivateKey>,
    host_key: &str,
    options: Options,
) -> Result<Results, Problem> {
    let began = Instant::now();
    let checks = Checks { job, key, host_key, options, expected: expected(job)? };
    let named: [(&str, BoxFuture<'_, Outcome>); 6] = [
        ("outside.https", Box::pin(checks.https())),
        ("outside.redirect", Box::pin(checks.redirect())),
        ("outside.unknown_host", Box::pin(checks.unknown_host())),
        ("outside.ports", Box::pin(checks.ports())),
        ("outside.root_login", Box::pin(checks.root_login())),
        ("outside.password_login", Box::pin(checks.password_login())),
    ];
    let timed = named.into_iter().map(|(name, check)| async move {
        let began = Instant::now();
        let outcome = check.await;
        (name, outcome, milliseconds(began.elapsed()))
    });
    let results = futures::future::join_all(timed).await;
    Ok(as_events(results, milliseconds(began.elapsed())))
}

fn as_events(results: Vec<(&str, Outcome, u64)>, milliseconds: u64) -> Results {
    let title = "Verification from outside".to_owned();
    let mut events = vec![RunEventKind::StepStarted { step: STEP, title }];
    let mut gravest = StepResult::Converged;
    let mut first = None;
    for (name, outcome, milliseconds) in results {
        gravest = gravest.max(outcome.result());
        if let (Outcome::Failed { problem }, None) = (&outcome, &first) {
            first = Some(problem.clone());
        }
        let operation = name.to_owned();
        events.push(RunEventKind::Operation { step: STEP, operation, outcome, milliseconds });
    }
    events.push(RunEventKind::StepFinished { step: STEP, result: gravest, milliseconds });
    (events, first)
}

fn expected(job: &ProvisionJob) -> Result<Expected, Problem> {
    let (catalog, selection) = job::selection(job)?;
    let pages = pages(&catalog, &selection, &job.desired.domain);
    let names = pages.iter().map(|page| page.name.clone()).collect();
    Ok(Expected { pages, names, ports: ports(&catalog, &selection) })
}

fn ports(catalog: &Catalog, selection: &Selection) -> Ports {
    let of_tools = selection.open_ports(catalog);
    let open = OPEN.into_iter().chain(of_tools.get(&UPLOAD_PORT).copied()).collect();
    let allowed: BTreeSet<u16> = OPEN.into_iter().chain(of_tools).collect();
    let inner = selection.ports(catalog).into_keys().chain(NEVER).chain([UPLOAD_PORT]);
    let inner = inner.filter(|port| !allowed.contains(port)).collect();
    Ports { open, allowed, inner }
}

/// For each host name the public probe of its tool; the landing page answers on the domain that no tool has.
fn pages(catalog: &Catalog, selection: &Selection, domain: &DomainName) -> Vec<Page> {
    let of = |name: DomainName| {
        let serves = |label: &str| domain.child(label).is_ok_and(|own| own == name);
        let mut tools = selection.entries(catalog);
        let tool = tools.find(|tool| tool.vhosts.iter().any(|vhost| serves(&vhost.label)));
        let probe = tool.and_then(|tool| tool.public_probe());
        let path = probe.map_or_else(|| "/".to_owned(), |probe| probe.path.clone());
        let expect = probe.map(|probe| probe.expect.clone()).unwrap_or_default();
        Page { path, expect, name: name.to_string() }
    };
    selection.hostnames(catalog, domain).into_iter().map(of).collect()
}

fn failed(code: Code, message: String, hint: &str) -> Outcome {
    Outcome::Failed { problem: Problem::transient(code, message, hint) }
}

fn fine(why: String) -> Outcome {
    Outcome::Converged { why }
}

impl Checks<'_> {
    fn client(&self, names: &[String]) -> Result<reqwest::Client, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .timeout(PAGE_TIMEOUT)
            .connect_timeout(OPEN_PORT_TIMEOUT)
            .redirect(Policy::none());
        // Port 0 keeps the port of the address that is asked for.
        let address = SocketAddr::new(self.job.address, 0);
        for name in names {
            builder = builder.resolve(name, address);
        }
        if let Some(pem) = &self.job.desired.certificates.issued_roots_pem {
            builder = builder.tls_certs_merge(Certificate::from_pem_bundle(pem.as_bytes())?);
        }
        builder.build()
    }

    /// Asks every page; what is wrong with which name.
    async fn ask_all<J>(&self, scheme: &str, judge: impl Fn(&'_ Page, reqwest::Response) -> J) -> Vec<String>
    where
        J: Future<Output = Result<(), String>>,
    {
        let client = match self.client(&self.expected.names) {
            Ok(client) => client,
            Err(error) => return vec![error.to_string()],
        };
        let judge = &judge;
        let asked = self.expected.pages.iter().map(|page| {
            let Page { name, path, .. } = page;
            let request = client.get(format!("{scheme}://{name}{path}"));
            async move {
                match request.send().await {
                    Ok(reply) => judge(page, reply).await.err().map(|why| format!("{name}{path}: {why}")),
                    Err(error) => Some(format!("{name}{path}: {}", innermost(&error))),
                }
            }
        });
        futures::future::join_all(asked).await.into_iter().flatten().collect()
    }

    async fn https(&self) -> Outcome {
        let wrong = self.ask_all("https", |page, mut reply| {
            let expect = page.expect.clone();
            async move {
                let (status, mut body) = (reply.status().as_u16(), Vec::new());
                while let Some(chunk) = reply.chunk().await.map_err(|error| innermost(&error))? {
                    body.extend_from_slice(&chunk);
                    if body.len() >= PAGE_BYTES {
                        break;
                    }
                }
                expect.check(status, &String::from_utf8_lossy(&body))
            }
        });
        let wrong = wrong.await;
        if wrong.is_empty() {
            return fine(format!(
                "{} names answer as their tools do, with a valid certificate",
                self.expected.pages.len()
            ));
        }
        failed(
            Code::OUT001,
            format!("Over HTTPS from outside: {}", wrong.join("; ")),
            "Look at the tool's log.",
        )
    }

    async fn redirect(&self) -> Outcome {
        let wrong = self.ask_all("http", |Page { name, path, .. }, reply| {
            let target =
                reply.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let to_https = target == format!("https://{name}{path}");
            let wrong = format!("answers {} to `{target}`", reply.status());
            let good = reply.status() == StatusCode::MOVED_PERMANENTLY && to_https;
            std::future::ready(if good { Ok(()) } else { Err(wrong) })
        });
        let wrong = wrong.await;
        if wrong.is_empty() {
            return fine("HTTP is redirected to HTTPS for good (301)".to_owned());
        }
        failed(
            Code::OUT002,
            format!("Without encryption: {}", wrong.join("; ")),
            "Look at nginx's configuration.",
        )
    }

    async fn unknown_host(&self) -> Outcome {
        let name = "unknown-host.invalid".to_owned();
        let client = match self.client(std::slice::from_ref(&name)) {
            Ok(client) => client,
            Err(error) => {
                let problem = Problem::permanent(Code::NODE047, error.to_string(), "Report this as a bug.");
                return Outcome::Failed { problem };
            }
        };
        let (plain, encrypted) = tokio::join!(
            client.get(format!("http://{name}/")).send(),
            handshake_completes(self.job.address, &name)
        );
        let hint = "nginx's fallback must close the connection (444, ssl_reject_handshake).";
        match (plain, encrypted) {
            (Ok(reply), _) => failed(
                Code::OUT003,
                format!("An unknown host name is answered with {}", reply.status()),
                hint,
            ),
            (_, true) => failed(Code::OUT003, "An unknown host name is given a certificate".to_owned(), hint),
            (Err(error), false) if error.is_timeout() => {
                failed(Code::OUT003, "An unknown host name is left waiting".to_owned(), hint)
            }
            (Err(_), false) => fine("an unknown host name gets neither a page nor a certificate".to_owned()),
        }
    }

    async fn ports(&self) -> Outcome {
        let scanned: Vec<u16> = if self.options.full_scan {
            (1..=u16::MAX).filter(|port| !self.expected.ports.allowed.contains(port)).collect()
        } else {
            self.expected.ports.inner.iter().copied().collect()
        };
        let address = self.job.address;
        let count = scanned.len();
        let shut = futures::stream::iter(scanned)
            .map(|port| async move { (port, answers(address, port, PORT_TIMEOUT).await) })
            .buffer_unordered(SCAN_WIDTH)
            .collect::<Vec<(u16, bool)>>();
        let wanted = &self.expected.ports.open;
        let open = wanted.iter().map(|port| answers(address, *port, OPEN_PORT_TIMEOUT));
        let open = futures::future::join_all(open);
        let (tried, open) = tokio::join!(shut, open);
        let leaks: BTreeSet<u16> =
            tried.into_iter().filter(|(_, open)| *open).map(|(port, _)| port).collect();
        let missing: Vec<u16> =
            wanted.iter().zip(open).filter(|(_, open)| !open).map(|(port, _)| *port).collect();
        if leaks.is_empty() && missing.is_empty() {
            return fine(format!("{wanted:?} are open, {count} other ports are not"));
        }
        let message = format!(
            "From outside: reachable but must not be {leaks:?}; must be reachable but are not {missing:?}"
        );
        failed(Code::OUT004, message, "Look at `ufw status` and at the DOCKER-USER chain.")
    }
}

async fn answers(address: IpAddr, port: u16, patience: Duration) -> bool {
    matches!(tokio::time::timeout(patience, TcpStream::connect((address, port))).await, Ok(Ok(_)))
}

/// Whether a server presents any certificate for a name.
async fn handshake_completes(address: IpAddr, name: &str) -> bool {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PAGE_TIMEOUT)
        .redirect(Policy::none())
        .tls_danger_accept_invalid_certs(true)
        .resolve(name, SocketAddr::new(address, 0))
        .build();
    match client {
        // A connection error is a handshake that failed; any other error came after one that did not.
        Ok(client) => !client.get(format!("https://{name}/")).send().await.is_err_and(|e| e.is_connect()),
        Err(_) => false,
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests;
