//! `letsbe-node restore`: a tool's set built up beside the tool, compared with its manifest, and only then switched.
//!
//! It must never touch a tool's data before the data beside it is whole, nor throw the former data away.

mod arguments;
pub mod completions;
mod exchange;
mod journal;
mod plan;
pub(crate) mod points;
pub mod sandbox;
mod target;
mod temp;
mod undo;
mod work;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_backup::{
    BackupSet, Repository, SetKind,
    selection::{Wish, choose},
    sets,
};
use letsbe_catalog::Tool;
use letsbe_types::{Code, Problem, ids::SetId};
use serde::Serialize;

pub use self::arguments::RestoreArguments;
pub(crate) use self::target::tool;
use self::{
    arguments::{Choice, Request, Source, What},
    journal::{Former, RestoreJournal},
    sandbox::{Preflight, Script},
    work::{Origin, Work},
};
use crate::backup::{self, BackupCommand, lease, repositories::Repositories};
use letsbe_base::{audit::write_down, layout::Layout, lock, output, server::TenantServer};

const OWNER: &str = "a restore";

/// What became of one tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoredTool {
    /// The tool.
    pub tool: String,
    /// The set that was restored.
    pub set: SetId,
    /// When that was taken.
    pub taken_at: DateTime<Utc>,
    /// Rows that came back.
    pub rows: u64,
    /// Files that came back.
    pub files: u64,
    /// How long it took.
    pub milliseconds: u64,
    /// Why the tool has what it had before, if it has.
    pub problem: Option<Problem>,
}

/// What the tools of a server are brought back from.
pub struct AllOptions {
    /// The repository.
    pub from: Repository,
    /// The newest sets not after this moment; `None` is the newest of all.
    pub at: Option<DateTime<Utc>>,
    /// Tools that are left alone: they came back before this was interrupted.
    pub without: BTreeSet<String>,
}

/// Carries the command out.
///
/// # Errors
/// When what was asked for was not done; whatever was done has been printed before.
pub async fn command(layout: &Layout, arguments: RestoreArguments) -> Result<(), Problem> {
    let server = TenantServer::read(layout)?;
    match arguments.request()? {
        Request::Plan { choice, target, json } => plan::print(&server, &choice, target, json).await,
        Request::Restore { choice, json } => {
            let restored = exclusively(layout, async || {
                let ended = finish(&server).await?;
                restore(&server, &choice, &ended).await
            });
            plan::print_restored(&restored.await?, json)
        }
        Request::Temp { choice, hours, json } => {
            let keep = TimeDelta::hours(i64::from(hours));
            let made = lease::with(layout, OWNER, async |_| temp::build(&server, &choice, keep).await);
            temp::print_made(&server, &made.await?, json).await
        }
        Request::TempList { json } => temp::list(&server, json).await,
        Request::TempRemove { which, plan: true } => temp::print_removal(&server, &which),
        Request::TempRemove { which, plan: false } => temp::remove(&server, &which).await,
        Request::Undo { tool, plan: true, json } => undo::print_plan(&server, &tool, json),
        Request::Undo { tool, plan: false, json } => {
            let undone = exclusively(layout, async || {
                finish(&server).await?;
                undo::undo(&server, &tool).await
            });
            undo::print_undone(&undone.await?, json)
        }
        Request::Resume { json } => {
            plan::print_restored(&exclusively(layout, async || finish(&server).await).await?, json)
        }
    }
}

/// Works while nobody else changes this server or its repositories.
async fn exclusively<T>(
    layout: &Layout,
    work: impl AsyncFnOnce() -> Result<T, Problem>,
) -> Result<T, Problem> {
    lease::with(layout, OWNER, async |run| {
        if let Some(note) = lock::acquire(layout, OWNER, run, Utc::now())? {
            tracing::warn!("{note}");
        }
        let result = tokio::select! {
            result = work() => result,
            problem = lock::keep(layout, OWNER, run) => Err(problem),
        };
        lock::release(layout, run)?;
        result
    })
    .await
}

/// What was asked for cannot be done; nothing was touched.
pub(crate) fn refused(what: impl std::fmt::Display, hint: impl Into<String>) -> Problem {
    Problem::permanent(Code::RES008, format!("Nothing was restored: {what}"), hint)
}

/// The repository that a person means, opened. The local one is not in the way of the one outside.
pub(crate) async fn repository(repositories: &Repositories, source: Source) -> Result<&Repository, Problem> {
    match (source, &repositories.remote) {
        (Source::Local, _) => repositories.opened().await,
        (Source::Remote, Some(remote)) => Ok(remote),
        (Source::Remote, None) => Err(refused(
            "no destination outside this server is set",
            "`letsbe backups destination` on the Hub sets one.",
        )),
    }
}

/// What an earlier call has begun with the same set, and this one has just finished, is not done twice.
async fn restore(
    server: &TenantServer,
    choice: &Choice,
    ended: &[RestoredTool],
) -> Result<Vec<RestoredTool>, Problem> {
    let tools = choice.tools(server)?;
    let repositories = Repositories::unasked(server)?;
    let repository = repository(&repositories, choice.source).await?;
    sandbox::remove_abandoned(server).await?;
    let sets = sets(&repository.snapshots().await?);
    let one = matches!(choice.what, What::Tool(_));
    let mut restored = Vec::new();
    for tool in tools {
        restored.push(match meant(&sets, tool, choice.wish) {
            Ok(set) => match ended.iter().find(|done| done.is_of(set)) {
                Some(done) => done.clone(),
                None => {
                    write_down(&server.layout, "restore", ("tool", &set.tool), Utc::now())?;
                    restore_set(server, repository, set, choice.former).await?
                }
            },
            Err(problem) if one => return Err(problem),
            Err(problem) => RestoredTool::without_set(tool, problem),
        });
    }
    Ok(restored)
}

/// The set of a tool that is meant. What was saved of a tool before it was restored is what somebody wanted to get rid
/// of: it is meant only by its moment.
fn meant<'a>(sets: &'a [BackupSet], tool: &Tool, wish: Wish) -> Result<&'a BackupSet, Problem> {
    let usual: Vec<BackupSet> = sets
        .iter()
        .filter(|set| set.kind != SetKind::Safety || matches!(wish, Wish::At(_)))
        .cloned()
        .collect();
    let id = choose(&usual, tool.name.as_str(), wish, output::day)?.id;
    sets.iter()
        .find(|set| set.id == id && set.tool == tool.name.as_str())
        .ok_or_else(|| refused(format!("the set {id} is not there any more"), "Repeat it."))
}

async fn restore_set(
    server: &TenantServer,
    repository: &Repository,
    set: &BackupSet,
    former: Former,
) -> Result<RestoredTool, Problem> {
    let script = Script { server, repository, set };
    // What cannot be done is said before a safety set is made.
    let possible = async { Preflight::of(&script).await?.fits() };
    if let Err(problem) = possible.await {
        let without = RestoredTool::without_set(script.tool()?, problem);
        let refused = RestoredTool { set: set.id, taken_at: set.taken_at, ..without };
        refused.log();
        return Ok(refused);
    }
    let journal = RestoreJournal::of_restore(&set.tool, former, (set.id, set.taken_at), Utc::now());
    let restored = Work { server, origin: Some(Origin { repository, set }) }.drive(journal).await?;
    restored.log();
    Ok(restored)
}

/// Restores every tool of the server, in start order, from sets of another server's life: the tools were just made and
/// hold nothing, so nothing is saved of them. One that does not come back does not stop the others. Each is told to
/// `ended` before the next begins.
///
/// The caller has the host's lock.
///
/// # Errors
/// When the repository cannot be read, or a restore can neither be finished nor undone.
pub async fn all(
    server: &TenantServer,
    options: AllOptions,
    mut ended: impl FnMut(&RestoredTool) -> Result<(), Problem>,
) -> Result<(), Problem> {
    finish(server).await?;
    sandbox::remove_abandoned(server).await?;
    let sets = sets(&options.from.snapshots().await?);
    let wish = options.at.map_or(Wish::Newest, Wish::At);
    for tool in server.tools().filter(|tool| !options.without.contains(tool.name.as_str())) {
        ended(&match meant(&sets, tool, wish) {
            Ok(set) => restore_set(server, &options.from, set, Former::Dropped).await?,
            Err(problem) => RestoredTool::without_set(tool, problem),
        })?;
    }
    Ok(())
}

/// Ends what was interrupted: finished where the tool had been touched, given up where not.
async fn finish(server: &TenantServer) -> Result<Vec<RestoredTool>, Problem> {
    // A safety set that was cut off may have left the tool paused.
    backup::carry_out(&server.layout, BackupCommand::Resume).await?;
    let mut done = Vec::new();
    for journal in journal::unfinished(&server.layout)? {
        tracing::info!("{}: the restore that was interrupted is ended first", journal.tool);
        let restored = Work { server, origin: None }.drive(journal.resumed()).await?;
        restored.log();
        done.push(restored);
    }
    Ok(done)
}

/// Ends what was interrupted, for a provisioning run: it holds the host's lock, and would else start a tool whose data
/// is being exchanged. A restore that cannot be ended is no reason not to run.
pub async fn finish_interrupted(layout: &Layout) {
    let work = async {
        if journal::unfinished(layout)?.is_empty() {
            return Ok(());
        }
        finish(&TenantServer::read(layout)?).await.map(drop)
    };
    if let Err(problem) = work.await {
        let problem: Problem = problem;
        tracing::warn!("an interrupted restore stays unfinished: {problem}");
    }
}

/// Whether a restore was interrupted.
///
/// # Errors
/// When the journals cannot be read.
pub fn is_interrupted(layout: &Layout) -> Result<bool, Problem> {
    Ok(!journal::unfinished(layout)?.is_empty())
}

impl RestoredTool {
    fn of(journal: &RestoreJournal, now: DateTime<Utc>) -> Self {
        let (rows, files) = if journal.back.is_some() { (0, 0) } else { journal.size };
        Self {
            tool: journal.tool.clone(),
            set: journal.set,
            taken_at: journal.taken_at,
            rows,
            files,
            milliseconds: u64::try_from((now - journal.began_at).num_milliseconds()).unwrap_or_default(),
            problem: journal.back.as_ref().map(|back| work::went_back(&journal.tool, back)),
        }
    }

    fn without_set(tool: &Tool, problem: Problem) -> Self {
        Self {
            tool: tool.name.to_string(),
            set: SetId(uuid::Uuid::nil()),
            taken_at: DateTime::UNIX_EPOCH,
            rows: 0,
            files: 0,
            milliseconds: 0,
            problem: Some(problem),
        }
    }

    fn is_of(&self, set: &BackupSet) -> bool {
        self.problem.is_none() && self.set == set.id && self.tool == set.tool
    }

    fn log(&self) {
        // What went wrong is told by whoever asked for it, once.
        let how = if self.problem.is_none() { "restored" } else { "not restored" };
        tracing::info!("{}: {how} from its set {}", self.tool, self.set);
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use letsbe_backup::{BackupSet, Item, SetKind, selection::Wish};
    use letsbe_types::ids::SetId;

    use super::{meant, sandbox::compose::tests::catalog};

    #[test]
    fn what_was_saved_before_a_restore_is_meant_only_by_its_moment() {
        let catalog = catalog();
        let tool = catalog.tools().find(|tool| tool.name.as_str() == "ghost").unwrap();
        let at = |hours| DateTime::from_timestamp(1_795_000_000, 0).unwrap() + TimeDelta::hours(hours);
        let set = |hours, kind| BackupSet {
            id: SetId::generate(),
            tool: "ghost".to_owned(),
            taken_at: at(hours),
            kind,
            items: [(Item::Manifest, "s".to_owned())].into(),
        };
        let sets = [set(0, SetKind::Nightly), set(1, SetKind::Manual), set(2, SetKind::Safety)];
        let moment = |wish| meant(&sets, tool, wish).map(|set| set.taken_at).map_err(|problem| problem.code);
        assert_eq!(moment(Wish::Newest), Ok(at(1)));
        assert_eq!(moment(Wish::Date(letsbe_base::output::day(at(2)))), Ok(at(1)));
        assert_eq!(moment(Wish::At(at(3))), Ok(at(2)));
        assert_eq!(moment(Wish::At(at(0))), Ok(at(0)));
        assert_eq!(moment(Wish::At(at(-1))), Err("BAK010".to_owned()));
    }
}
