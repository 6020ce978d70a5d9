//! OpenClaw's state: copied before an update, put back when the update is undone. A container of the old image does
//! both, so that nothing but Docker need be on the server.

use std::time::Duration;

use letsbe_host::{Command, FileWrite, Machine};
use letsbe_types::{Code, Problem};

use super::docker::{must, run};

/// The container.
pub(super) const CONTAINER: &str = "letsbe-openclaw";
/// The volume with the state.
const VOLUME: &str = "letsbe-openclaw_state";
/// Folder of the copy.
const BACKUPS: &str = letsbe_types::paths::BACKUPS;
/// The copy (runbook 7.2).
const COPY: &str = "openclaw-pre-update.tar.gz";
/// Seconds that a gateway gets to end its work.
pub(super) const TO_END_WORK: &str = "60";
/// Seconds that one gets whose state is thrown away.
pub(super) const TO_BE_GONE: &str = "2";
const PATIENCE: Duration = Duration::from_secs(1800);

/// Ends the container, if it runs; after so many seconds by force.
pub(super) async fn stop(machine: &dyn Machine, seconds: &str) -> Result<(), Problem> {
    let stop = Command::new("docker", ["stop", "--time", seconds, CONTAINER]).within(PATIENCE);
    let output = run(machine, &stop).await?;
    if output.success() || output.stderr.contains("No such container") {
        return Ok(());
    }
    Err(Problem::transient(
        Code::CLAW004,
        "OpenClaw's container cannot be stopped",
        "See `docker ps` on the server.",
    ))
}

/// Copies the state of the stopped container, and proves the copy against it. Only root can read the copy.
pub(super) async fn save(machine: &dyn Machine, image: &str) -> Result<(), Problem> {
    let fresh = format!("{COPY}.new");
    let (inside, outside) = (format!("/backup/{fresh}"), format!("{BACKUPS}/{fresh}"));
    let folder_of = |error: letsbe_host::MachineError| not_saved(error.to_string());
    machine.make_folder(BACKUPS.as_ref(), 0o700).await.map_err(folder_of)?;
    // Made by us, so that it is private from its first byte.
    machine.write(&FileWrite::new(&outside, 0o600, "")).await.map_err(folder_of)?;
    // Of the backups the container gets this one file, and the state it cannot write.
    let (state, file) = (read_only(state_volume()), bind(&outside, &inside));
    let mounts = [state.as_str(), &file];
    let create = ["--create", "--gzip", "--numeric-owner", "--file", &inside, "--directory", "/state", "."];
    must(machine, tar(image, &mounts, &create), not_saved).await?;
    let compare = ["--compare", "--gzip", "--numeric-owner", "--file", &inside, "--directory", "/state"];
    must(machine, tar(image, &mounts, &compare), not_saved).await?;
    must(machine, Command::new("sync", [outside.as_str()]), not_saved).await?;
    let place = format!("{BACKUPS}/{COPY}");
    must(machine, Command::new("mv", ["--force", &outside, &place]), not_saved).await
}

/// Puts the copied state back into the volume of the stopped container.
pub(super) async fn restore(machine: &dyn Machine, image: &str) -> Result<(), Problem> {
    let place = format!("/backup/{COPY}");
    let (state, file) = (state_volume(), read_only(bind(&format!("{BACKUPS}/{COPY}"), &place)));
    let mounts = [state.as_str(), &file];
    // What cannot be unpacked must not cost the state that is there.
    must(machine, tar(image, &mounts, &["--list", "--gzip", "--file", &place]), not_restored).await?;
    let empty = inside(image, "find", &mounts, &["/state", "-mindepth", "1", "-delete"]);
    must(machine, empty, not_restored).await?;
    let extract =
        ["--extract", "--gzip", "--preserve-permissions", "--file", &place, "--directory", "/state"];
    must(machine, tar(image, &mounts, &extract), not_restored).await
}

fn state_volume() -> String {
    format!("type=volume,source={VOLUME},target=/state")
}

/// A file that must be there: Docker makes nothing in its place.
fn bind(file: &str, inside: &str) -> String {
    format!("type=bind,source={file},target={inside}")
}

fn read_only(mount: String) -> String {
    mount + ",readonly"
}

fn tar(image: &str, mounts: &[&str], arguments: &[&str]) -> Command {
    inside(image, "tar", mounts, arguments)
}

/// A program in a throwaway container without a network.
fn inside(image: &str, program: &str, mounts: &[&str], arguments: &[&str]) -> Command {
    let fixed =
        ["run", "--rm", "--pull", "never", "--network", "none", "--user", "0:0", "--entrypoint", program];
    let mounts = mounts.iter().flat_map(|mount| ["--mount", mount]);
    let words = fixed.into_iter().chain(mounts).chain([image]).chain(arguments.iter().copied());
    Command::new("docker", words).within(PATIENCE)
}

fn not_saved(why: String) -> Problem {
    Problem::transient(
        Code::CLAW004,
        format!("OpenClaw's state could not be copied, so it was not updated: {why}"),
        "Look at the disk's space. OpenClaw runs as before.",
    )
}

fn not_restored(why: String) -> Problem {
    Problem::permanent(
        Code::CLAW006,
        format!("OpenClaw's state could not be put back: {why}"),
        format!(
            "The copy is {BACKUPS}/{COPY}. Call the update again to try once more; else unpack it by hand."
        ),
    )
}
