//! Proofs: sets restored in a sandbox of their own, started, probed, compared with their manifests, and removed; the
//! evidence stays.
//!
//! It must never touch the tool itself, nor count as a proof what it did not see.

mod data_check;
pub mod evidence;
mod nightly;
mod part;
mod prove;
mod remote;
mod schedule;
mod source;

pub(crate) use data_check::check_data;
use letsbe_types::{Code, Problem, backup::Proof};
pub(crate) use nightly::nightly;
pub use prove::ProveArguments;
pub(crate) use prove::command;
pub(crate) use remote::{Plan as OutsidePlan, nightly as nightly_outside, plan as plan_outside};

letsbe_types::crash_points! {
    /// Where a proof can be killed, in the order in which it comes to them; the last one in a check of the share.
    pub(crate) mod points {
        BEGUN = "proof.begun",
        SEEN = "proof.seen",
        KEPT = "proof.kept",
        OUTSIDE_BEGUN = "proof.outside.begun",
        OUTSIDE_SEEN = "proof.outside.seen",
        OUTSIDE_KEPT = "proof.outside.kept",
        SHARE_READ = "proof.share.read",
    }
}

/// Whether a proof was not carried through for want of room, or because the far side did not answer: it says nothing about
/// the backup, and is overdue one day.
pub(crate) fn is_put_off(problem: &Problem) -> bool {
    problem.is_one_of(&[Code::PRF002, Code::RES003, Code::REPO001])
}

/// A proof that was carried through, and is none.
fn failed(proof: &Proof, first: &str) -> Problem {
    let Proof { tool, taken_at, differences, outside, .. } = proof;
    let which = if outside.is_some() { "copy outside" } else { "backup" };
    let more = match differences.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let day = taken_at.format("%Y-%m-%d %H:%M UTC");
    Problem::transient(
        Code::PRF001,
        format!("The {which} of {tool} of {day} does not hold: {first}{more}"),
        "Make a new one (`letsbe-node backup run`) and prove it (`letsbe-node backup prove`); older ones are still there.",
    )
}

fn too_little_memory(tool: &str, needed_mib: u64, free_mib: u64) -> Problem {
    Problem::transient(
        Code::PRF002,
        format!("No proof of {tool}: it takes {needed_mib} MiB of memory, {free_mib} MiB are free"),
        "It is tried again each night. If it stays so, the server is too small for what runs on it.",
    )
}

fn no_set(tool: &str, known: &[String]) -> Problem {
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Problem::permanent(
        Code::PRF003,
        format!("There is no complete backup of {tool} to prove"),
        format!("There are backups of: {known}."),
    )
}

#[cfg(test)]
mod tests;
