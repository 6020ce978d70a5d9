//! A container that was taken over tries to have the nightly backup remove or read the host's files.

use anyhow::ensure;

use crate::Target;

const CANARY: &str = "/etc/letsbe/canary";
const VOLUME: &str = "/var/lib/docker/volumes/letsbe-uptime-kuma_data/_data";
const BACKUP: &str = "/opt/letsbe/bin/letsbe-node backup run --tool uptime-kuma 2>&1 || true";

/// `uptime-kuma` is on the server. What is put into its volume is what a process in its container could put there.
pub(crate) async fn backup_is_no_way_out(target: &Target) -> anyhow::Result<()> {
    let host = &target.host;
    host.write_file(CANARY, "0600", b"canary").await?;
    let keep = format!("docker pause letsbe-uptime-kuma; cp -a {VOLUME}/kuma.db /root/kuma.db.kept");
    host.script(&keep).await?;
    let attacks = [
        ("a journal that names a file of the host", journal()),
        ("a link", format!("ln -sf /var/lib/dpkg/status {VOLUME}/kuma.db")),
        ("a FIFO", format!("rm -f {VOLUME}/kuma.db; mkfifo {VOLUME}/kuma.db")),
    ];
    for (name, attack) in attacks {
        host.script(&attack).await?;
        // Docker refuses to pause what stands still already: the run itself finds it so.
        let said = host.script(&format!("docker unpause letsbe-uptime-kuma || true; {BACKUP}")).await?;
        ensure!(said.contains("BAK02"), "{name}: the backup did not see it: {said}");
        ensure!(
            host.script(&format!("cat {CANARY}")).await? == "canary",
            "{name}: the canary is gone: {said}"
        );
        let restore = format!(
            "docker pause letsbe-uptime-kuma; rm -f {VOLUME}/kuma.db {VOLUME}/kuma.db-journal; \
             cp -a /root/kuma.db.kept {VOLUME}/kuma.db"
        );
        host.script(&restore).await?;
    }
    host.script(&format!("docker unpause letsbe-uptime-kuma; rm -f {CANARY} /root/kuma.db.kept")).await?;
    Ok(())
}

/// Ends with the canary's name as SQLite's file format writes that of a super-journal, again and again: the tool's own
/// process may settle it before the backup looks.
fn journal() -> String {
    let sum: u32 = CANARY.bytes().map(u32::from).sum();
    let magic = r"\331\325\005\371\040\241\143\327";
    let word =
        |value: u32| value.to_be_bytes().iter().map(|byte| format!("\\{byte:03o}")).collect::<String>();
    let length = u32::try_from(CANARY.len()).unwrap_or_default();
    let head: String = [0, 0, 2, 512, 4096].into_iter().map(word).collect();
    let lock_page = word(0x4000_0000 / 4096 + 1);
    let end = format!("{lock_page}{CANARY}{}{}{magic}", word(length), word(sum));
    let write = format!(
        "{{ printf '{magic}{head}'; head -c 484 /dev/zero; printf '{end}'; }} > {VOLUME}/.j; \
         cp {VOLUME}/.j {VOLUME}/kuma.db-journal"
    );
    format!(
        "rm -f {VOLUME}/kuma.db-wal {VOLUME}/kuma.db-shm; {write}; \
             (for i in $(seq 200); do cp {VOLUME}/.j {VOLUME}/kuma.db-journal; sleep 0.1; done; rm -f {VOLUME}/.j) \
             >/dev/null 2>&1 &"
    )
}
