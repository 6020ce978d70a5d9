//! How long a night takes, what it adds and holds, side by side with the restic program and the dump commands doing
//! the same by themselves, to the same S3 service (DESIGN section 10).

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use letsbe_budget::{Budget, Line, RUNS_MIN, is_kept, median, ratios};
use letsbe_types::backup::BackupStatus;

use crate::{
    content,
    docker::docker,
    fleet::{Fleet, FleetOptions},
    hosts::Host,
};

const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Nights that stay (7 daily, 4 weekly).
const KEPT: u32 = 11;
/// So many nights after the first take turns with the peer's: as many as can be judged.
const COMPARED: usize = RUNS_MIN;
/// Rows that are added to NocoDB's database, and MiB to WordPress's files, so that a full copy is about 4 GB.
const MORE_ROWS: u32 = 3_000_000;
const MORE_MIB: u64 = 3_400;
const NODE: &str = "/opt/letsbe/bin/letsbe-node";
const RESTIC: &str = "/opt/letsbe/bundle/programs/restic";
const BIG: &str = "/var/lib/docker/volumes/letsbe-wordpress_content/_data/uploads/2026/archive.tar";
/// What the peer does: dump by dump, folder by folder, then the copy outside, by the programs alone.
const PEER: &str = r#"set -eu
export RESTIC_PASSWORD_FILE=/root/peer.key RESTIC_CACHE_DIR=/root/peer.cache AWS_SHARED_CREDENTIALS_FILE=/root/peer.aws
restic="$1 --quiet"
far="$2"
[ -e /root/peer ] || { head -c 16 /dev/urandom | base64 > /root/peer.key; $restic init --repo /root/peer
  $restic init --repo "$far" --from-repo /root/peer --from-password-file /root/peer.key --copy-chunker-params; }
for tool in ghost wordpress; do
  container=letsbe-$tool-db
  password=$(docker exec $container printenv MYSQL_ROOT_PASSWORD MARIADB_ROOT_PASSWORD || true)
  docker exec --env MYSQL_PWD="$password" $container mysqldump -uroot --single-transaction --skip-extended-insert \
    --no-autocommit --routines --triggers --events --hex-blob $tool |
    $restic backup --repo /root/peer --stdin --stdin-filename $tool.sql
done
docker exec letsbe-nocodb-db pg_dump --format=custom --compress=0 -U nocodb nocodb |
  $restic backup --repo /root/peer --stdin --stdin-filename nocodb.dump
for volume in ghost_content wordpress_content nocodb_content openclaw_state; do
  $restic backup --repo /root/peer /var/lib/docker/volumes/letsbe-$volume/_data
done
$restic backup --repo /root/peer /etc/letsencrypt /opt/letsbe/stacks /opt/letsbe/state
forget="forget --group-by paths --keep-daily 7 --keep-weekly 4"
$restic $forget --repo /root/peer
$restic copy --repo "$far" --from-repo /root/peer --from-password-file /root/peer.key
$restic $forget --repo "$far"
$restic check --repo "$far"
"#;

/// One night.
struct Night {
    took: Duration,
    status: BackupStatus,
}

/// Seconds of nights, and of the peer's, which took turns with them.
struct Took {
    nights: Vec<f64>,
    alone: Vec<f64>,
}

/// Measures nights of a 4 GB server, with the node from this folder of programs (a release build).
///
/// # Errors
/// When something does not work, or a budget is exceeded.
pub async fn measure(
    programs: &Path,
    repository: &Path,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<String> {
    let fleet = Fleet::start(&FleetOptions::new(&repository.join("target/debug"), repository), say).await?;
    let measured = on_fleet(&fleet, programs, say).await;
    fleet.stop().await?;
    measured
}

async fn on_fleet(fleet: &Fleet, programs: &Path, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<String> {
    let customer = fleet.customer().await?;
    let order = fleet.place(&customer, &fleet.request("bakery", &content::TOOLS)).await?;
    let order = fleet.follow(&customer, order, PATIENCE, |_| {}).await?;
    let host = fleet.machines.host(order.summary.domain.as_str())?;
    docker(&["cp", &programs.join("letsbe-node").to_string_lossy(), &format!("{}:{NODE}", host.container)])
        .await?;
    account(fleet, &host).await?;
    let far = format!("s3:{}/letsbe-peer", fleet.lab.storage.endpoint);
    say("4 GB of content");
    content::fill(&host).await?;
    more(&host).await?;
    say("The first night, and the peer's");
    let first = night(&host).await?;
    peer(&host, &far).await?;
    say("The second night, and the peer's");
    change(&host, 2).await?;
    let memory = Memory::watch(&host).await?;
    let second = night(&host).await?;
    let peak = memory.peak_mib(&host).await?;
    // Every night after the first has the same to do.
    let mut took = Took { nights: vec![second.took.as_secs_f64()], alone: Vec::new() };
    took.alone.push(peer(&host, &far).await?.as_secs_f64());
    say(&format!("{:.1} s, and {:.1} s", took.nights[0], took.alone[0]));
    let mut last = second.status.clone();
    for number in 3..=KEPT {
        let is_compared = took.alone.len() < COMPARED;
        say(&format!("Night {number} of {KEPT}{}", if is_compared { ", and the peer's" } else { "" }));
        change(&host, number).await?;
        let night = night(&host).await?;
        last = night.status;
        if is_compared {
            took.nights.push(night.took.as_secs_f64());
            took.alone.push(peer(&host, &far).await?.as_secs_f64());
        }
    }
    let listed = host.exec(&[NODE, "backup", "list", "--tool", "nocodb", "--json"]).await?;
    let listed: serde_json::Value = serde_json::from_str(&listed)?;
    let kept = listed["sets"].as_array().map_or(0, Vec::len);
    ensure!(kept == KEPT as usize, "{kept} nights are there, not {KEPT}");
    report(&first, &second, &took, peak, &last)
}

fn report(
    first: &Night,
    second: &Night,
    took: &Took,
    peak: u64,
    last: &BackupStatus,
) -> anyhow::Result<String> {
    let of_full = |bytes: u64| bytes as f64 / first.status.added_bytes.max(1) as f64;
    let times = ratios(&took.nights, &took.alone);
    let lines = [
        Line::fixed(
            "second night's bytes, of the first's",
            of_full(second.status.added_bytes),
            Budget::AtMost(0.15),
        ),
        Line::timed("a night's time, of the programs' alone", &times, Budget::AtMost(1.1), &[&took.alone]),
        Line::fixed(
            "eleven nights on disk, of one full copy",
            of_full(last.repository_bytes),
            Budget::AtMost(2.0),
        ),
        Line::fixed("resident memory at most, MiB", peak as f64, Budget::AtMost(300.0)),
    ];
    let mut text = format!(
        "Nights of {:.1} GB: first {:.1} s, the next {COMPARED} {:.1} s (programs alone {:.1} s); medians\n",
        first.status.total_size_gb,
        first.took.as_secs_f64(),
        median(&took.nights),
        median(&took.alone)
    );
    text.extend(lines.iter().map(|line| format!("  {line}\n")));
    ensure!(is_kept(&lines), "{text}");
    Ok(text)
}

async fn more(host: &Host) -> anyhow::Result<()> {
    let rows = format!(
        "CREATE TABLE bakery_sales (id integer PRIMARY KEY, what text NOT NULL); INSERT INTO bakery_sales SELECT n, \
         md5(n::text) || md5((n + 1)::text) FROM generate_series(1, {MORE_ROWS}) AS n;"
    );
    content::postgres(host, "nocodb", &rows).await?;
    host.exec(&[
        "dd",
        "if=/dev/urandom",
        &format!("of={BIG}"),
        "bs=1M",
        &format!("count={MORE_MIB}"),
        "status=none",
    ])
    .await?;
    Ok(())
}

/// Two rows and two bytes of each hundred, others each night.
async fn change(host: &Host, night: u32) -> anyhow::Result<()> {
    content::change(host).await?;
    let first = u64::from(MORE_ROWS) / 50 * u64::from(night);
    let rows = format!(
        "UPDATE bakery_sales SET what = md5(what) || md5(id::text) WHERE id BETWEEN {first} AND {};",
        first + u64::from(MORE_ROWS) / 50
    );
    content::postgres(host, "nocodb", &rows).await?;
    let (count, seek) = (MORE_MIB / 50, MORE_MIB / 50 * u64::from(night));
    let (target, count, seek) = (format!("of={BIG}"), format!("count={count}"), format!("seek={seek}"));
    host.exec(&["dd", "if=/dev/urandom", &target, "bs=1M", &count, &seek, "conv=notrunc", "status=none"])
        .await?;
    Ok(())
}

async fn night(host: &Host) -> anyhow::Result<Night> {
    let began = Instant::now();
    host.exec(&[NODE, "backup", "run"]).await?;
    let took = began.elapsed();
    let status = host.exec(&["cat", "/opt/letsbe/backups/backup-status.json"]).await?;
    Ok(Night { took, status: serde_json::from_str(&status)? })
}

/// The peer uses the operator's own account at the same S3 service.
async fn account(fleet: &Fleet, host: &Host) -> anyhow::Result<()> {
    let operator = &fleet.lab.storage.operator;
    let text = format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        operator.access_key_id,
        operator.secret_access_key.expose()
    );
    host.write_file("/root/peer.aws", "600", text.as_bytes()).await?;
    host.write_file("/root/peer.sh", "700", PEER.as_bytes()).await?;
    Ok(())
}

async fn peer(host: &Host, far: &str) -> anyhow::Result<Duration> {
    let began = Instant::now();
    host.exec(&["sh", "/root/peer.sh", RESTIC, far]).await?;
    Ok(began.elapsed())
}

/// Watches what the node's programs hold: the sum of what restic and letsbe-node have resident at one moment.
struct Memory;

impl Memory {
    const FILE: &'static str = "/root/memory";

    async fn watch(host: &Host) -> anyhow::Result<Self> {
        let script = format!(
            "echo 0 > {file}; touch {file}.on; while [ -e {file}.on ]; do sum=0; for p in $(pidof restic) $(pgrep -f \
             'letsbe-node backup'); do kb=$(awk '/^VmRSS/{{print $2}}' /proc/$p/status 2>/dev/null); \
             sum=$((sum+${{kb:-0}})); done; [ $sum -gt $(cat {file}) ] && echo $sum > {file}; sleep 0.1; done",
            file = Self::FILE
        );
        host.write_file("/root/memory.sh", "700", script.as_bytes()).await?;
        host.exec(&["systemd-run", "--quiet", "--collect", "sh", "/root/memory.sh"]).await?;
        Ok(Self)
    }

    async fn peak_mib(self, host: &Host) -> anyhow::Result<u64> {
        host.exec(&["rm", "-f", &format!("{}.on", Self::FILE)]).await?;
        let kibibytes: u64 = host.exec(&["cat", Self::FILE]).await?.trim().parse().context("a number")?;
        ensure!(kibibytes > 0, "nothing was seen");
        Ok(kibibytes.div_ceil(1024))
    }
}
