//! The server, and how its programs are called.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use letsbe_buckets::{AccessKey, Account, Service};
use letsbe_lab::{content, hosts::Host, images::PROXY_REFERENCE, services::Storage};
use letsbe_types::{
    backup::{BackupStatus, Destination, S3Destination},
    ids::ServerIdentity,
};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

use letsbe_end_to_end::site::Site;

pub(crate) const LOCAL: &str = "/opt/letsbe/backups/repository";
pub(crate) const NODE: &str = "/opt/letsbe/bin/letsbe-node";
pub(crate) const NAME: &str = "bakery";
pub(crate) const BUCKET: &str = "letsbe-bakery";
/// Days that the far side keeps what is deleted.
pub(crate) const LOCK_DAYS: u32 = 35;

/// It comes to the far side without a wait, so that a night can be seen whole.
const IDENTITY: &str = "identity-of-bakery-2410";

pub(crate) struct Server<'a> {
    pub(crate) site: &'a Site,
    pub(crate) host: Host,
    /// Where its copies outside go.
    pub(crate) destination: Destination,
}

/// A bucket with a lock, and a key to it, as the Hub makes them.
async fn destination(storage: &Storage, bucket: &str) -> anyhow::Result<Destination> {
    let service = Service {
        endpoint: storage.endpoint.clone(),
        region: storage.region.to_owned(),
        iam_endpoint: storage.endpoint.clone(),
        iam_region: storage.region.to_owned(),
    };
    let operator = storage.operator.clone();
    let key = AccessKey { id: operator.access_key_id, secret: operator.secret_access_key };
    let account = Account::new(service, key)?;
    account.ensure_bucket(bucket, LOCK_DAYS).await?;
    account.ensure_user(bucket, bucket).await?;
    let key = account.make_access_key(bucket).await?;
    let protection = account.protection(bucket, &account.with_key(key.clone())).await?;
    Ok(Destination::S3(S3Destination {
        endpoint: storage.endpoint.clone(),
        region: storage.region.to_owned(),
        bucket: bucket.to_owned(),
        prefix: NAME.to_owned(),
        access_key_id: key.id,
        secret_access_key: key.secret,
        protection,
    }))
}

/// How a program on the server ended.
pub(crate) struct Called {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Called {
    /// What it printed as JSON: its last line that is some.
    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        let lines = self.stdout.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
        let whole = serde_json::from_str(&self.stdout).ok();
        whole
            .into_iter()
            .chain(lines)
            .next()
            .with_context(|| format!("no JSON: {} {}", self.stdout, self.stderr))
    }

    pub(crate) fn succeeded(self) -> anyhow::Result<Self> {
        ensure!(self.code == 0, "it ended with {}: {}\n{}", self.code, self.stdout, self.stderr);
        Ok(self)
    }

    /// It was refused with this code.
    pub(crate) fn refused(self, code: &str) -> anyhow::Result<Self> {
        ensure!(
            self.code != 0 && format!("{}{}", self.stdout, self.stderr).contains(code),
            "not {code} but {}: {}\n{}",
            self.code,
            self.stdout,
            self.stderr
        );
        Ok(self)
    }
}

impl<'a> Server<'a> {
    pub(crate) async fn provisioned(site: &'a Site) -> Self {
        let host = site.server(NAME).await;
        let mut job = site.job(NAME, host.address.into(), &content::TOOLS);
        let destination = destination(&site.lab.storage, BUCKET).await.expect("a bucket");
        job.desired.identity = ServerIdentity(IDENTITY.to_owned());
        job.desired.backups = Some(destination.clone());
        let mut command = Command::new(&site.programs.provisioner);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the provisioner starts");
        let job = serde_json::to_vec(&job).expect("a job");
        child.stdin.take().expect("an input").write_all(&job).await.expect("it reads the job");
        let output = child.wait_with_output().await.expect("an end");
        let (said, printed) =
            (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
        assert!(output.status.success(), "{said}\n{printed}");
        let missing = printed.split("missing images: ").nth(1).and_then(|rest| rest.split(['"', ')']).next());
        assert_eq!(missing, Some(PROXY_REFERENCE), "the catalog's images were there before");
        site.say("a server with WordPress, Ghost and NocoDB");
        content::fill(&host).await.expect("content");
        site.say("with content");
        Self { site, host, destination }
    }

    /// Calls a program on the server; the log of crash points makes it die at each once.
    pub(crate) async fn call(&self, program: &[&str], crash: Option<&str>) -> anyhow::Result<Called> {
        let mut command = Command::new("docker");
        command.args(["exec", "--env", "RUST_LOG=info"]);
        if let Some(log) = crash {
            command.arg("--env").arg(format!("{}={log}", letsbe_types::crash::LOG_VARIABLE));
        }
        let output = command.arg(&self.host.container).args(program).output().await?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Called {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        })
    }

    /// Calls `letsbe-node`.
    pub(crate) async fn node(&self, arguments: &[&str]) -> anyhow::Result<Called> {
        self.call(&[&[NODE], arguments].concat(), None).await
    }

    /// Calls `letsbe-node` again and again until it is not killed any more; how often it was.
    pub(crate) async fn node_to_the_end(
        &self,
        arguments: &[&str],
        log: &str,
    ) -> anyhow::Result<(Called, usize)> {
        self.host.exec(&["rm", "-f", log]).await?;
        let mut kills = 0;
        for _ in 0..60 {
            let called = self.call(&[&[NODE], arguments].concat(), Some(log)).await?;
            // Work in a unit of its own is killed there, and a dump in a process of its own, both in one run at times: so
            // the log of crash points tells.
            let lines = self.shell(&format!("cat {log} 2>/dev/null | wc -l")).await?.trim().parse()?;
            if lines == kills {
                return Ok((called, kills));
            }
            kills = lines;
            ensure!(called.code != 0, "it was killed and says that all is well: {}", called.stdout);
        }
        anyhow::bail!("it is killed for ever")
    }

    /// The stock restic program, by hand, with the key from the vault and the operator's own account outside.
    pub(crate) async fn restic(&self, repository: &str, arguments: &str) -> anyhow::Result<String> {
        let vault = letsbe_lab::vault::host_credentials(&self.host).await?;
        let key = vault.get("backup", "repository_key").context("the repository's key")?;
        let operator = &self.site.lab.storage.operator;
        let script = format!(
            "export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={} RESTIC_PASSWORD={}\n\
             /opt/letsbe/bundle/programs/restic --no-cache --repo {repository} {arguments}",
            operator.access_key_id,
            operator.secret_access_key.expose(),
            key.expose()
        );
        Ok(self.host.script(&script).await?)
    }

    /// `backup-status.json`.
    pub(crate) async fn status(&self) -> anyhow::Result<BackupStatus> {
        let text = self.host.exec(&["cat", "/opt/letsbe/backups/backup-status.json"]).await?;
        serde_json::from_str(&text).with_context(|| text)
    }

    /// Runs a shell line as root on the server.
    pub(crate) async fn shell(&self, line: &str) -> anyhow::Result<String> {
        self.host.exec(&["sh", "-c", line]).await.with_context(|| line.to_owned())
    }

    /// The complete sets of a tool in the local repository, oldest first.
    pub(crate) async fn sets(&self, tool: &str) -> anyhow::Result<Vec<Value>> {
        let listed = self.node(&["backup", "list", "--tool", tool, "--json"]).await?.succeeded()?.json()?;
        Ok(listed["sets"].as_array().with_context(|| listed.to_string())?.clone())
    }
}
