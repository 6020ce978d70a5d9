//! Fresh servers that are unfit in many ways, seen by `letsbe provision`.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use letsbe_end_to_end::site::{Site, new_key};
use letsbe_lab::{docker, hosts::Host, wait::eventually};
use letsbe_types::{
    ids::JobId,
    job::{Outcome, RunEventKind},
};
use tokio::sync::Mutex;

use crate::{
    BadInput,
    run::{Ended, Run},
};

const LOCK: &str = "/opt/letsbe/state/lock.json";
const IDENTITY: &str = "/opt/letsbe/state/identity";
const MOMENT: Duration = Duration::from_secs(60);

/// Waits for dpkg's lock, which the first boot holds for a few seconds, and holds it as dpkg does until it is told to
/// end; then four seconds more, and notes when it let go.
const HOLDER: &str = r#"
use Fcntl;
open(my $lock, "+>>", "/var/lib/dpkg/lock-frontend") or die;
my $whole = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
fcntl($lock, F_SETLKW, $whole) or die;
open(my $held, ">", "/root/held"); close($held);
select(undef, undef, undef, 0.1) until -e "/root/finish";
select(undef, undef, undef, 4);
open(my $released, ">", "/root/released"); print $released time; close($released);
"#;

/// A fresh server, and what is installed on it.
struct Unfit<'a> {
    site: &'a Site,
    name: String,
    host: Host,
    packages: String,
}

/// The fresh servers that checks make unfit and mend again, one after the other.
#[derive(Default)]
pub(crate) struct UnfitServers(Mutex<Option<(String, Host)>>, AtomicU32);

impl UnfitServers {
    /// Has a check made on a fresh server, or on one that a former check left as it was. A check that fails does not
    /// give its server on.
    async fn with(&self, site: &Site, check: impl AsyncFnOnce(&Unfit<'_>)) -> anyhow::Result<()> {
        let mut kept = self.0.lock().await;
        let (name, host) = match kept.take() {
            Some(server) => server,
            None => self.fresh(site).await,
        };
        let packages = host.exec(&["dpkg", "-l"]).await?;
        let unfit = Unfit { site, name, host, packages };
        check(&unfit).await;
        *kept = Some((unfit.name, unfit.host));
        Ok(())
    }

    async fn fresh(&self, site: &Site) -> (String, Host) {
        let name = format!("unfit-{}", self.1.fetch_add(1, Ordering::SeqCst));
        let host = site.server(&name).await;
        (name, host)
    }
}

pub(crate) async fn unsupported_system(BadInput { site, unfit }: &BadInput) -> anyhow::Result<()> {
    unfit.with(site, async |server| server.an_unsupported_system_is_refused_untouched().await).await
}

pub(crate) async fn refused_key(BadInput { site, unfit }: &BadInput) -> anyhow::Result<()> {
    unfit.with(site, async |server| server.a_refused_key_is_told().await).await
}

pub(crate) async fn changed_host_key(BadInput { site, unfit }: &BadInput) -> anyhow::Result<()> {
    unfit.with(site, async |server| server.a_changed_host_key_is_told().await).await
}

pub(crate) async fn foreign_lock(BadInput { site, unfit }: &BadInput) -> anyhow::Result<()> {
    let check = async |server: &Unfit<'_>| {
        server.a_foreign_lock_is_respected_and_an_expired_one_taken_over().await;
        server.nothing_was_installed().await;
    };
    unfit.with(site, check).await
}

pub(crate) async fn small_or_full_disk(BadInput { site, unfit }: &BadInput) -> anyhow::Result<()> {
    let check = async |server: &Unfit<'_>| {
        server.a_small_or_full_disk_is_refused().await;
        server.nothing_was_installed().await;
    };
    unfit.with(site, check).await
}

/// On a server of its own: the run begins its work, and leaves what it needs to go on.
pub(crate) async fn absent_package_server(BadInput { site, unfit }: &BadInput) -> anyhow::Result<()> {
    alone(site, unfit, async |server| server.an_absent_package_server_is_told().await).await
}

/// On a server of its own: the packages are installed.
pub(crate) async fn package_lock(BadInput { site, unfit }: &BadInput) -> anyhow::Result<()> {
    alone(site, unfit, async |server| server.a_package_lock_is_waited_for().await).await
}

async fn alone(site: &Site, unfit: &UnfitServers, check: impl AsyncFnOnce(&Unfit<'_>)) -> anyhow::Result<()> {
    let (name, host) = unfit.fresh(site).await;
    let packages = host.exec(&["dpkg", "-l"]).await?;
    let server = Unfit { site, name, host, packages };
    check(&server).await;
    server.host.destroy().await?;
    Ok(())
}

impl Unfit<'_> {
    async fn nothing_was_installed(&self) {
        assert_eq!(self.inside(&["dpkg", "-l"]).await, self.packages, "nothing was installed");
    }

    async fn inside(&self, command: &[&str]) -> String {
        self.host.exec(command).await.expect("a look inside")
    }

    async fn run(&self) -> Run {
        self.run_with(&[]).await
    }

    async fn run_with(&self, more: &[(&str, &str)]) -> Run {
        Run::cli(self.site, &self.name, &self.host.address.to_string(), more).await
    }

    async fn ended(&self) -> Ended {
        self.run().await.end().await
    }

    /// Every file of the system with its size and time; ours, and the notes of systemd and cloud-init, left out.
    async fn files(&self) -> BTreeSet<String> {
        let look = "find /etc /usr /home /root /opt /var/lib /var/cache -xdev -type f -printf %p|%T@|%s\\n";
        let listed = self.inside(&look.split(' ').collect::<Vec<_>>()).await;
        let others = |line: &&str| {
            !["/opt/letsbe/", "/var/lib/systemd/", "/var/lib/cloud/"]
                .iter()
                .any(|ours| line.starts_with(ours))
        };
        listed.lines().filter(others).map(str::to_owned).collect()
    }

    async fn an_unsupported_system_is_refused_untouched(&self) {
        let release = self.inside(&["cat", "/etc/os-release"]).await;
        self.host.other_os("ubuntu", "20.04").await.expect("the fault");
        let files = self.files().await;
        let ended = self.ended().await;
        ended.refused("HOST002", &["unsupported system", "ubuntu", "20.04"]);
        assert!(!ended.printed.contains("step_started"), "{}", ended.printed);
        self.nothing_was_installed().await;
        let after = self.files().await;
        let different: Vec<&String> = files.symmetric_difference(&after).collect();
        assert!(different.is_empty(), "{different:?}");
        let release = format!("{release}\n");
        self.host.write_file("/etc/os-release", "644", release.as_bytes()).await.expect("the system is back");
        self.site.say("unfit: an unsupported system is refused, untouched");
    }

    async fn fingerprint(&self, key: &str) -> String {
        let line = self.inside(&["ssh-keygen", "-lf", key]).await;
        line.split(' ').nth(1).expect("a fingerprint").to_owned()
    }

    async fn a_refused_key_is_told(&self) {
        let other = new_key(self.site.folder.path(), "another-key");
        let ended = self.run_with(&[("--key", other.to_str().expect("text"))]).await.end().await;
        ended.refused("SSH003", &["refuses our key for root", &self.host.address.to_string()]);
        self.site.say("unfit: a refused key is told");
    }

    async fn a_changed_host_key_is_told(&self) {
        self.inside(&["mkdir", "/root/former"]).await;
        self.inside(&["sh", "-c", "mv /etc/ssh/ssh_host_* /root/former/"]).await;
        self.inside(&["ssh-keygen", "-A"]).await;
        self.inside(&["systemctl", "restart", "ssh"]).await;
        let recorded = self.fingerprint("/root/former/ssh_host_ed25519_key").await;
        let present = self.fingerprint("/etc/ssh/ssh_host_ed25519_key").await;
        assert_ne!(recorded, present);
        let look = "ls -lR /opt/letsbe 2>&1 || true";
        let before = self.host.script(look).await.expect("a look");
        let ended = self.ended().await;
        ended.refused("SSH002", &["another host key", &recorded, &present]);
        assert!(ended.events.is_empty());
        assert_eq!(self.host.script(look).await.expect("a look"), before);
        self.inside(&["sh", "-c", "mv /root/former/ssh_host_* /etc/ssh/"]).await;
        self.inside(&["systemctl", "restart", "ssh"]).await;
        self.inside(&["rmdir", "/root/former"]).await;
        self.site.say("unfit: a changed host key is told");
    }

    async fn a_foreign_lock_is_respected_and_an_expired_one_taken_over(&self) {
        let (other, in_an_hour) = (JobId::generate(), Utc::now() + TimeDelta::hours(1));
        let lock =
            |until| serde_json::json!({"owner": "another operator", "run": other, "expires_at": until});
        self.inside(&["mkdir", "-p", "/opt/letsbe/state"]).await;
        let live = lock(in_an_hour).to_string();
        self.host.write_file(LOCK, "600", live.as_bytes()).await.expect("a lock");
        let ended = self.ended().await;
        let until = in_an_hour.to_string();
        ended.refused("NODE020", &["another operator", &other.to_string(), &until]);
        assert!(ended.events.is_empty());
        assert_eq!(self.inside(&["cat", LOCK]).await, live, "the lock is untouched");

        // The expired lock lets the run in, to the next refusal: another server's identity.
        let expired = lock(Utc::now() - TimeDelta::seconds(1)).to_string();
        self.host.write_file(LOCK, "600", expired.as_bytes()).await.expect("a lock");
        self.host.write_file(IDENTITY, "600", b"identity-of-another\n").await.expect("an identity");
        let ended = self.ended().await;
        let problem = ended.refused("HOST001", &["another identity"]);
        assert!(!problem.message.contains("identity-of-another"), "{problem}");
        assert_eq!(self.inside(&["cat", IDENTITY]).await, "identity-of-another", "it is kept");
        let outcomes = |kind: &RunEventKind| {
            matches!(kind, RunEventKind::Operation { outcome: Outcome::Changed { .. }, .. })
        };
        assert!(!ended.events.iter().any(|event| outcomes(&event.event)), "nothing was changed");
        assert!(
            self.host.exec(&["test", "-e", LOCK]).await.is_err(),
            "the lock was taken over and given back"
        );
        self.inside(&["rm", IDENTITY]).await;
        self.site.say("unfit: a foreign lock and a foreign identity are respected");
    }

    async fn a_small_or_full_disk_is_refused(&self) {
        self.inside(&["mount", "-t", "tmpfs", "-o", "size=1g,mode=755", "small-disk", "/opt"]).await;
        self.ended().await.refused("HOST003", &["full disk", "are free", "10 GB"]);
        self.host.free_disk("/opt").await.expect("the end of the fault");
        self.host.fill_disk("/opt").await.expect("the fault");
        self.ended()
            .await
            .refused("SSH007", &["upload to /opt/letsbe/incoming/", &self.host.address.to_string()]);
        self.host.free_disk("/opt").await.expect("the end of the fault");
        self.site.say("unfit: a small disk and a full one are refused");
    }

    async fn an_absent_package_server_is_told(&self) {
        self.host.stop_package_server().await.expect("the fault");
        let ended = self.ended().await;
        ended.refused(
            "NODE012",
            &["packages.upgraded", "apt-get", "update", "Failed to fetch http://", "127.0.0.1"],
        );
        let failed = ended.events.iter().find_map(|event| match &event.event {
            RunEventKind::Operation { outcome: Outcome::Failed { .. }, milliseconds, .. } => {
                Some(*milliseconds)
            }
            _ => None,
        });
        // Two pauses, of two and of four seconds.
        assert!(failed.is_some_and(|milliseconds| milliseconds >= 6000), "tried three times: {failed:?} ms");
        let upgraded = self.host.exec(&["test", "-e", "/opt/letsbe/state/upgraded"]).await;
        assert!(upgraded.is_err(), "an upgrade that did not happen is not recorded");
        self.host.start_package_server().await.expect("the end of the fault");
        self.site.say("unfit: an absent package server is told");
    }

    async fn a_package_lock_is_waited_for(&self) {
        let container = self.host.container.as_str();
        docker::docker(&["exec", "--detach", container, "perl", "-e", HOLDER]).await.expect("the fault");
        eventually("the lock", MOMENT, async || Ok(self.there("/root/held").await))
            .await
            .expect("it is held");
        let mut run = self.run().await;
        run.started(1).await;
        self.inside(&["touch", "/root/finish"]).await;
        let step =
            run.until("step 1", |event| matches!(event, RunEventKind::StepStarted { step: 1, .. })).await;
        let released: i64 = self.inside(&["cat", "/root/released"]).await.parse().expect("a time");
        assert!(step.at.timestamp() >= released, "step 1 began before the lock was free");
        self.site.say("unfit: a package lock is waited for");
        // Both faults are gone: step 1 makes it.
        run.until("step 1's end", |event| matches!(event, RunEventKind::StepFinished { step: 1, .. })).await;
        let ended = run.kill().await;
        let installed = |kind: &RunEventKind| {
            matches!(kind, RunEventKind::Operation { operation, outcome: Outcome::Changed { .. }, .. }
                if operation == "packages.installed")
        };
        assert!(ended.events.iter().any(|event| installed(&event.event)), "{}", ended.printed);
        self.site.say("unfit: let in");
    }

    async fn there(&self, path: &str) -> Result<(), String> {
        self.host.exec(&["test", "-e", path]).await.map(drop).map_err(|error| error.to_string())
    }
}
