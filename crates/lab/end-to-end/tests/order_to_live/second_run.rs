//! Further runs: nothing changes on a good server, and what is broken is named and mended.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use letsbe_types::{
    api::OrderDetail,
    job::{Outcome, RunEventKind},
};

use crate::{Live, fulfilled::letsbe};

/// Everything that a run must leave alone: the vault, containers with their start times, files.
const STATE: &str = "sha256sum /opt/letsbe/state/vault.sealed /etc/letsbe/registry.key; \
     docker inspect --format '{{.Name}} {{.Id}} {{.State.StartedAt}} {{.RestartCount}}' $(docker ps -aq) | sort; \
     find /opt/letsbe /etc -path /opt/letsbe/state -prune -o -type f -printf '%p %m %U %T@ %s\n' | sort";

/// The operations of a run that did something, by name. Each must say why it did not.
pub(crate) async fn changed(live: &Live) -> anyhow::Result<BTreeSet<String>> {
    let job = live.fleet.job_again(&live.order).await?;
    let run = live.fleet.provision(&job).await?;
    live.observer.keep("the output of letsbe-provisioner", run.output.clone());
    ensure!(run.success, "the run failed: {}", run.output);
    println!("     a run: {:.2} s", run.total.as_secs_f64());
    let mut changed = BTreeSet::new();
    let mut operations = 0;
    for (_, event) in run.events {
        let RunEventKind::Operation { operation, outcome, .. } = event.event else { continue };
        operations += 1;
        match outcome {
            Outcome::Converged { why } | Outcome::Skipped { why } => {
                ensure!(!why.trim().is_empty(), "{operation} gives no reason");
            }
            Outcome::Changed { .. } => drop(changed.insert(operation)),
            Outcome::Warned { warning } => anyhow::bail!("{operation} warns: {warning}"),
            Outcome::Failed { problem } => anyhow::bail!("{operation}: {problem}"),
        }
    }
    ensure!(operations > 40, "only {operations} operations");
    Ok(changed)
}

pub(crate) async fn changes_nothing(live: &Live) -> anyhow::Result<()> {
    let before = live.host.script(STATE).await?;
    ensure!(before.lines().count() > 500, "too little is compared: {}", before.lines().count());
    let changed = changed(live).await?;
    ensure!(changed.is_empty(), "changed: {changed:?}");
    let after = live.host.script(STATE).await?;
    let differing: Vec<&str> = before
        .lines()
        .collect::<BTreeSet<_>>()
        .symmetric_difference(&after.lines().collect())
        .map(|line| line.split(' ').next().unwrap_or_default())
        .collect();
    ensure!(differing.is_empty(), "not as before: {differing:?}");
    Ok(())
}

/// The verification's step: it can only say that something is not as it should be.
const VERIFICATION: u64 = 11;

/// The operations of a plan that would change something, with the changes; of the verification, what is wrong.
async fn planned(live: &Live) -> anyhow::Result<Vec<(String, String)>> {
    let job = live.fleet.job_again(&live.order).await?;
    let roots = live.fleet.folder.path().join("roots.pem");
    std::fs::write(&roots, live.fleet.lab.issued_roots_pem())?;
    let (host, tools) = (live.host.address.to_string(), job.desired.tools.join(","));
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let (key, bundle, roots) = (path(&job.private_key), path(&job.bundle), path(&roots));
    let mirror = job.desired.registry_mirrors.first().context("a mirror")?;
    let email = job.desired.owner_email.to_string();
    let authority = &job.desired.certificates;
    let directory = authority.directory_url.as_deref().context("a directory")?;
    let contact = authority.contact.to_string();
    let host_key = job.host_key.as_deref().context("a host key")?;
    let directory_roots = live.fleet.folder.path().join("directory-roots.pem");
    std::fs::write(&directory_roots, authority.directory_roots_pem.as_deref().context("its roots")?)?;
    let directory_roots = path(&directory_roots);
    let arguments = [
        "provision",
        "--plan",
        "--json",
        "--host",
        &host,
        "--key",
        &key,
        "--domain",
        live.domain(),
        "--tier",
        "build",
        "--tools",
        &tools,
        "--email",
        &email,
        "--bundle",
        &bundle,
        "--docker",
        "distro",
        "--registry-mirror",
        mirror,
        "--acme-directory",
        directory,
        "--acme-roots",
        &directory_roots,
        "--acme-contact",
        &contact,
        "--issued-roots",
        &roots,
        "--identity",
        &job.desired.identity.0,
        "--host-key",
        host_key,
    ];
    needed_of(&serde_json::from_str(&letsbe(live, &arguments).await?)?)
}

/// What a plan says is not as it should be, with the changes.
fn needed_of(plan: &serde_json::Value) -> anyhow::Result<Vec<(String, String)>> {
    let plan = plan.as_array().context("a list")?;
    ensure!(plan.len() > 35, "only {} operations are planned", plan.len());
    let mut needed = Vec::new();
    for operation in plan {
        let name = operation["operation"].as_str().context("a name")?;
        match operation["assessment"]["Ok"]["assessment"].as_str() {
            Some("converged" | "skipped") => {}
            Some("needed") => {
                needed.push((name.to_owned(), operation["assessment"]["Ok"]["changes"].to_string()))
            }
            None if operation["step"] == VERIFICATION => {
                needed.push((name.to_owned(), operation["assessment"]["Err"]["message"].to_string()));
            }
            _ => anyhow::bail!("{name}: {operation}"),
        }
    }
    Ok(needed)
}

pub(crate) async fn empty_plan(live: &Live) -> anyhow::Result<()> {
    let needed = planned(live).await?;
    ensure!(needed.is_empty(), "planned: {needed:?}");
    Ok(())
}

/// One thing that is broken by hand.
struct Broken {
    how: &'static str,
    /// Prints something as long as it is broken.
    still: &'static str,
    /// The operations that name it, and what their changes contain.
    planned: &'static [(&'static str, &'static str)],
    /// The operations that mend it.
    mended: &'static [&'static str],
}

const BROKEN: [Broken; 3] = [
    Broken {
        how: "ufw disable",
        still: "ufw status | grep inactive || true",
        planned: &[
            ("firewall.closed", "ufw --force enable"),
            ("openclaw.confined", "letsbe-openclaw reaches"),
        ],
        mended: &["firewall.closed"],
    },
    Broken {
        how: "rm /opt/letsbe/nginx/sites/ghost.conf",
        still: "test -e /opt/letsbe/nginx/sites/ghost.conf || echo gone",
        planned: &[
            ("sites.answer_challenges", "/opt/letsbe/nginx/sites/ghost.conf"),
            ("sites.published", "/opt/letsbe/nginx/sites/ghost.conf"),
            ("sites.opened", "/opt/letsbe/nginx/sites/ghost.conf"),
        ],
        // The first of the three is enough: the certificate is there.
        mended: &["sites.answer_challenges"],
    },
    Broken {
        how: "chmod 644 /opt/letsbe/stacks/ghost/.env",
        still: "find /opt/letsbe/stacks/ghost/.env -perm 644",
        planned: &[
            ("stacks.rendered", "/opt/letsbe/stacks/ghost/.env"),
            ("secrets.private", "/opt/letsbe/stacks/ghost/.env has mode 0644"),
        ],
        mended: &["stacks.rendered"],
    },
];

pub(crate) async fn mends(live: &Live) -> anyhow::Result<()> {
    for broken in BROKEN {
        mend(live, &broken).await.context(broken.how)?;
    }
    a_killed_runtime_comes_back(live).await.context("docker rm -f letsbe-openclaw")
}

/// The Hub's own way to the same: a plan that is empty, something that is broken, a run that mends it. The order stays
/// live, and the customer is not written to.
pub(crate) async fn by_the_hub(live: &Live) -> anyhow::Result<()> {
    let site = "/opt/letsbe/nginx/sites/ghost.conf";
    let written_to = async || {
        let order = letsbe(live, &["orders", "show", live.domain(), "--json"]).await?;
        let order: OrderDetail = serde_json::from_str(&order)?;
        let mails = order.timeline.iter().filter(|line| line.message.contains("told by e-mail")).count();
        anyhow::Ok((order.summary.state, mails))
    };
    let before = written_to().await?;
    let plan = letsbe(live, &["tenants", "converge", live.domain(), "--plan", "--json"]).await?;
    let needed = needed_of(&serde_json::from_str(&plan)?)?;
    ensure!(needed.is_empty(), "planned: {needed:?}");
    live.host.exec(&["rm", site]).await?;
    let said = letsbe(live, &["tenants", "converge", live.domain(), "--yes"]).await?;
    ensure!(said.contains("sites.answer_challenges") && said.contains("is what it should be"), "{said}");
    live.host.exec(&["test", "-e", site]).await?;
    let after = written_to().await?;
    ensure!(after.0 == "FULFILLED" && after == before, "{before:?} became {after:?}");
    Ok(())
}

/// A container that is made anew after a kill must not wait for the lease of its own dead self.
async fn a_killed_runtime_comes_back(live: &Live) -> anyhow::Result<()> {
    live.host.script("docker rm -f letsbe-openclaw").await?;
    let changed = changed(live).await?;
    ensure!(changed.iter().any(|name| name == "platform.running"), "changed: {changed:?}");
    Ok(())
}

async fn mend(live: &Live, broken: &Broken) -> anyhow::Result<()> {
    live.host.script(broken.how).await?;
    let needed = planned(live).await?;
    let names: Vec<&str> = needed.iter().map(|(name, _)| name.as_str()).collect();
    let wanted: Vec<&str> = broken.planned.iter().map(|(name, _)| *name).collect();
    ensure!(names == wanted, "planned: {needed:?}");
    for ((name, changes), (_, change)) in needed.iter().zip(broken.planned) {
        ensure!(changes.contains(change), "{name}: {changes}");
    }
    ensure!(!live.host.script(broken.still).await?.is_empty(), "the plan changed it");
    let changed = changed(live).await?;
    ensure!(changed.iter().map(String::as_str).eq(broken.mended.iter().copied()), "changed: {changed:?}");
    ensure!(live.host.script(broken.still).await?.is_empty(), "the run did not mend it");
    Ok(())
}
