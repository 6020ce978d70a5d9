//! What a restore would do, and what became of it, said to people and programs.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_backup::{BackupSet, Consistency, Manifest, Repository, SetKind, sets};
use letsbe_catalog::Tool;
use letsbe_types::{Problem, ids::SetId};
use serde::Serialize;

use super::{
    RestoredTool,
    arguments::{Choice, Target},
    journal::Former,
    meant, repository,
    stage::{Script, Survey, guard},
};
use crate::backup::{repositories::Repositories, status};
use letsbe_base::{output, server::TenantServer};

/// Bytes a second that a restore reads and writes on a small server: a cautious guess.
const PACE: u64 = 25_000_000;
/// What it takes besides: databases that are made, containers that start.
const FIXED_SECONDS: u64 = 45;

/// Everything that would happen to one tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Preview {
    tool: String,
    set: SetId,
    kind: SetKind,
    taken_at: DateTime<Utc>,
    /// What the tool was given since then would be gone from it.
    loses_seconds: i64,
    /// The newest set, where that is another one.
    newest_at: Option<DateTime<Utc>>,
    consistency: Consistency,
    bytes: u64,
    rows: u64,
    files: u64,
    /// Services that stand still; none for a copy.
    stands_still: Vec<String>,
    /// For about so long.
    still_seconds: u64,
    /// All of it takes about so long.
    takes_seconds: u64,
    disk_needed: u64,
    disk_free: u64,
    memory_needed: u64,
    memory_free: u64,
    /// Databases beside the tool's own, as of the last backup: in no set, and put aside with what the tool has.
    left_out: Vec<String>,
    /// Why it would be refused.
    problem: Option<Problem>,
}

impl Preview {
    fn of(
        tool: &Tool,
        manifest: &Manifest,
        newest: &BackupSet,
        survey: &Survey<'_>,
        target: Target,
        left_out: Vec<String>,
    ) -> Self {
        let now = Utc::now();
        let bytes = manifest.bytes();
        let services = || tool.services.iter().map(|service| service.name.clone()).collect();
        Self {
            tool: tool.name.to_string(),
            set: manifest.set,
            kind: manifest.kind,
            taken_at: manifest.taken_at,
            loses_seconds: (now - manifest.taken_at).num_seconds(),
            newest_at: (newest.id != manifest.set).then_some(newest.taken_at),
            consistency: manifest.consistency.clone(),
            bytes,
            rows: manifest.rows(),
            files: manifest.files(),
            stands_still: if target == Target::Tool { services() } else { Vec::new() },
            still_seconds: if target == Target::Tool {
                u64::from(tool.health.start_seconds) / 4 + 10
            } else {
                0
            },
            takes_seconds: FIXED_SECONDS + bytes / PACE,
            disk_needed: guard::disk_needed(manifest),
            disk_free: survey.room.disk,
            memory_needed: tool.needs.ram_mb << 20,
            memory_free: survey.room.memory,
            left_out,
            problem: survey.fits().err(),
        }
    }

    fn lines(&self, former: Former, target: Target) -> Vec<String> {
        let age = words_of(TimeDelta::seconds(self.loses_seconds));
        let mut lines = vec![
            format!("{}: set {} of {}, {age} old", self.tool, self.set, output::moment(self.taken_at)),
            format!("  holds       {} rows, {} files, {}", self.rows, self.files, output::size(self.bytes)),
        ];
        if let Some(newest) = self.newest_at {
            lines.push(format!("  newer       there is a set of {}", output::moment(newest)));
        }
        if let Consistency::Apart { milliseconds } = self.consistency {
            lines.push(format!(
                "  note        its files are up to {milliseconds} ms younger than its database"
            ));
        }
        match target {
            Target::Tool => {
                lines.push(format!("  goes        what came into the tool in the last {age}"));
                if !self.left_out.is_empty() {
                    lines.push(format!(
                        "  goes too    {}: on its database server, and in no set",
                        output::names(&self.left_out)
                    ));
                }
                lines.push(format!("  before      {}", saved(former)));
                lines.push(format!(
                    "  still       {} for about {} s; everything in about {} s",
                    self.stands_still.join(", "),
                    self.still_seconds,
                    self.takes_seconds
                ));
            }
            Target::Temp => {
                lines.push(format!(
                    "  stays       the tool, as it is; the copy is up in about {} s",
                    self.takes_seconds
                ));
            }
        }
        lines.push(format!(
            "  room        disk {} of {} free, memory {} of {} free",
            output::size(self.disk_needed),
            output::size(self.disk_free),
            output::size(self.memory_needed),
            output::size(self.memory_free)
        ));
        // In full it is told once, at the end.
        lines.extend(self.problem.iter().map(|problem| format!("  REFUSED     {}", problem.code)));
        lines
    }
}

const fn saved(former: Former) -> &'static str {
    match former {
        Former::Saved => "a safety set is made; what the tool has is put aside for 7 days (restore undo)",
        Former::Kept => "no set is made; what the tool has is put aside for 7 days (restore undo)",
        Former::Dropped => "nothing is saved: the tool holds nothing",
    }
}

/// A time for people, in its two largest units.
pub(super) fn words_of(time: TimeDelta) -> String {
    let (days, hours, minutes) = (time.num_days(), time.num_hours() % 24, time.num_minutes() % 60);
    match (days, hours, minutes) {
        (0, 0, _) if time.num_seconds() < 120 => format!("{} s", time.num_seconds().max(0)),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// Prints what would be done; nothing is.
pub(super) async fn print(
    server: &TenantServer,
    choice: &Choice,
    target: Target,
    json: bool,
) -> Result<(), Problem> {
    let tools = choice.tools(server)?;
    let repositories = Repositories::unasked(server)?;
    let repository = repository(&repositories, choice.source).await?;
    let sets = sets(&repository.snapshots().await?);
    let mut previews = Vec::new();
    for tool in tools {
        previews.push(look(server, repository, &sets, tool, choice, target).await?);
    }
    let lines = || previews.iter().flat_map(|preview| preview.lines(choice.former, target)).collect();
    output::print(json, &serde_json::json!({ "tools": previews }), lines)?;
    previews.iter().find_map(|preview| preview.problem.clone()).map_or(Ok(()), Err)
}

async fn look(
    server: &TenantServer,
    repository: &Repository,
    sets: &[BackupSet],
    tool: &Tool,
    choice: &Choice,
    target: Target,
) -> Result<Preview, Problem> {
    let name = tool.name.as_str();
    let set = meant(sets, tool, choice.wish)?;
    let newest =
        sets.iter().filter(|set| set.tool == name && set.is_complete()).max_by_key(|set| set.taken_at);
    let script = Script { server, repository, set };
    let survey = Survey::of(&script).await?;
    // Whatever that file holds, a restore is planned by its set.
    let status = status::read(&server.layout).ok().flatten();
    let left_out = status.and_then(|mut status| status.tools.remove(name)).map(|tool| tool.left_out);
    let left_out = left_out.unwrap_or_default();
    Ok(Preview::of(tool, &survey.manifest, newest.unwrap_or(set), &survey, target, left_out))
}

/// Prints what became of tools.
///
/// # Errors
/// The first tool's problem.
pub(super) fn tell(tools: &[RestoredTool], json: bool) -> Result<(), Problem> {
    output::print(json, &serde_json::json!({ "tools": tools }), || table(tools))?;
    tools.iter().find_map(|tool| tool.problem.clone()).map_or(Ok(()), Err)
}

fn table(tools: &[RestoredTool]) -> Vec<String> {
    if tools.is_empty() {
        return vec!["Nothing was to be done.".to_owned()];
    }
    let mut lines =
        vec![format!("{:<16} {:<26} {:>10} {:>10} {:>8}", "tool", "set of", "rows", "files", "seconds")];
    let first = tools.iter().position(|tool| tool.problem.is_some());
    for (index, tool) in tools.iter().enumerate() {
        match &tool.problem {
            // In full it is told once, at the end.
            Some(problem) if Some(index) == first => {
                lines.push(format!("{:<16} NOT RESTORED: {}", tool.tool, problem.code));
            }
            None => lines.push(format!(
                "{:<16} {:<26} {:>10} {:>10} {:>8.1}",
                tool.tool,
                output::moment(tool.taken_at),
                tool.rows,
                tool.files,
                std::time::Duration::from_millis(tool.milliseconds).as_secs_f64()
            )),
            Some(problem) => lines.push(format!("{:<16} NOT RESTORED: {problem}", tool.tool)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::words_of;

    #[test]
    fn times_are_said_in_their_two_largest_units() {
        for (seconds, words) in [
            (-5, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (3600, "1 h 0 min"),
            (90_061, "1 d 1 h"),
            (8 * 86_400, "8 d 0 h"),
        ] {
            assert_eq!(words_of(TimeDelta::seconds(seconds)), words);
        }
    }
}
