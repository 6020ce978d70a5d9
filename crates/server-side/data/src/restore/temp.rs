//! `--target temp`: a copy of a tool as it was, to be looked into. It reaches nobody, stays for a time, and goes by a
//! command before.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_backup::sets;
use letsbe_host::operations::{ADMIN, SSH_PORT};
use letsbe_types::{Problem, crash, ids::SetId};
use serde::Serialize;

use super::{
    arguments::{Choice, Which},
    journal, meant, points, refused, repository,
    stage::{
        self, Script, Stage, address,
        record::{Holding, StageId, StageRecord},
        remove_abandoned,
    },
    work::different,
};
use crate::backup::repositories::Repositories;
use letsbe_base::{audit::write_down, output, server::TenantServer};

/// A copy that stands, or what a restore has put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Standing {
    id: StageId,
    tool: String,
    set: SetId,
    taken_at: DateTime<Utc>,
    /// `temp`, or `former` for what a tool had before a restore.
    holds: &'static str,
    until: DateTime<Utc>,
    /// Where the tool answers from this server, while it runs.
    address: Option<String>,
    /// Where its files are.
    data: Vec<PathBuf>,
    /// Why the tool does not run on it, if it does not.
    problem: Option<Problem>,
}

/// Builds a copy and starts it. One that does not start stays too: its data may be what somebody looks for.
pub(super) async fn build(
    server: &TenantServer,
    choice: &Choice,
    keep: TimeDelta,
) -> Result<Standing, Problem> {
    let tools = choice.tools(server)?;
    let [tool] = tools.as_slice() else { return Err(refused("a copy is of one tool", "Name it: --tool.")) };
    let repositories = Repositories::unasked(server)?;
    let repository = repository(&repositories, choice.source).await?;
    remove_abandoned(server).await?;
    let sets = sets(&repository.snapshots().await?);
    let set = meant(&sets, tool, choice.wish)?;
    write_down(&server.layout, "restore temp", ("tool", &set.tool), Utc::now())?;
    let script = Script { server, repository, set };
    let mut stage = Stage::build(&script).await?;
    crash::point(&points::copy::BUILT);
    if !stage.differences.is_empty() {
        let problem = different(tool.name.as_str(), &stage.differences);
        stage.remove().await?;
        return Err(problem);
    }
    let until = Utc::now() + keep;
    stage.hold(Holding::Temp { until })?;
    crash::point(&points::copy::KEPT);
    let problem = stage.start_and_probe(&script).await.err();
    crash::point(&points::copy::STARTED);
    let standing = Standing::of(server, stage.record().clone()).await;
    standing
        .map(|standing| Standing { problem, ..standing })
        .ok_or_else(|| refused("it does not stand", "Repeat it."))
}

/// Prints a copy that was just made.
///
/// # Errors
/// Why the tool does not run on it.
pub(super) async fn tell(server: &TenantServer, made: &Standing, json: bool) -> Result<(), Problem> {
    output::print(json, made, || made.lines(server.desired.domain.as_str()))?;
    made.problem.clone().map_or(Ok(()), Err)
}

impl Standing {
    fn lines(&self, domain: &str) -> Vec<String> {
        let what = match self.holds {
            "temp" => "as it was",
            _ => {
                "as it was before its restore; `restore undo` brings that back. The set that was restored is"
            }
        };
        let mut lines = vec![
            format!("{} {what} {}", self.tool, output::moment(self.taken_at)),
            format!("  id          {} (set {})", self.id, self.set),
            format!("  until       {}", output::moment(self.until)),
        ];
        if let Some(address) = &self.address {
            lines.push(format!("  on server   http://{address}"));
            lines.push(format!("  from yours  ssh -p {SSH_PORT} -L 8080:{address} {ADMIN}@{domain}"));
            lines.push("              then http://localhost:8080".to_owned());
        }
        lines.extend(self.data.iter().map(|path| format!("  data        {}", path.display())));
        lines.extend(self.problem.iter().map(|problem| format!("  NOT UP      {problem}")));
        lines.push(format!("  remove      letsbe-node restore temp remove --id {}", self.id));
        lines
    }

    async fn of(server: &TenantServer, record: StageRecord) -> Option<Self> {
        let (holds, until) = match record.holding {
            Holding::Temp { until } => ("temp", until),
            Holding::Former { until, .. } => ("former", until),
            Holding::Made { .. } | Holding::Restore => return None,
        };
        let tool = server
            .catalog
            .tools()
            .chain(server.catalog.platform())
            .find(|tool| tool.name.as_str() == record.tool);
        let address = match tool {
            Some(tool) if holds == "temp" => address(tool, &record.id).await.ok(),
            _ => None,
        };
        Some(Self {
            tool: record.tool,
            set: record.set,
            taken_at: record.taken_at,
            holds,
            until,
            address: address.map(|address| address.to_string()),
            data: record.data,
            problem: None,
            id: record.id,
        })
    }
}

/// Prints what stands.
pub(super) async fn list(server: &TenantServer, json: bool) -> Result<(), Problem> {
    let mut standing = Vec::new();
    for record in StageRecord::all(&server.layout)? {
        standing.extend(Standing::of(server, record).await);
    }
    let domain = server.desired.domain.as_str();
    output::print(json, &serde_json::json!({ "stages": standing }), || {
        if standing.is_empty() {
            return vec!["Nothing stands beside the tools.".to_owned()];
        }
        standing.iter().flat_map(|one| one.lines(domain)).collect()
    })
}

/// Removes copies; never anything that is no stage, is being made, or belongs to a restore that has not ended.
pub(super) async fn remove(server: &TenantServer, which: &Which) -> Result<(), Problem> {
    for id in meant_now(server, which)? {
        stage::remove_all(&server.layout, &id).await?;
        output::print(false, &(), || vec![format!("{id} is removed")])?;
    }
    Ok(())
}

/// Says which copies would be removed.
pub(super) fn print_removal(server: &TenantServer, which: &Which) -> Result<(), Problem> {
    let meant = meant_now(server, which)?;
    output::print(false, &(), || meant.iter().map(|id| format!("{id} would be removed")).collect())
}

fn meant_now(server: &TenantServer, which: &Which) -> Result<Vec<StageId>, Problem> {
    let layout = &server.layout;
    let (records, restoring) = (StageRecord::all(layout)?, journal::stages(layout)?);
    removable(&records, which, |id| restoring.contains(id))
}

/// Which stages are meant. Pure.
fn removable(
    records: &[StageRecord],
    which: &Which,
    is_restoring: impl Fn(&StageId) -> bool,
) -> Result<Vec<StageId>, Problem> {
    let hint = "`letsbe-node restore temp list` shows what stands.";
    let is_free = |record: &&StageRecord| match record.holding {
        Holding::Temp { .. } | Holding::Former { .. } => !is_restoring(&record.id),
        Holding::Made { .. } | Holding::Restore => false,
    };
    let is_meant = |record: &&StageRecord| match which {
        Which::Stage(id) => record.id == *id,
        // Whoever names a tool means its copies, not what undoes its restore.
        Which::Tool(tool) => record.tool == *tool && matches!(record.holding, Holding::Temp { .. }),
    };
    let meant: Vec<&StageRecord> = records.iter().filter(is_meant).collect();
    match meant.iter().copied().find(|record| !is_free(record)) {
        Some(busy) => Err(refused(format!("{} is at work", busy.id), "Wait for its end.")),
        None if meant.is_empty() => Err(refused(format!("{which} is no copy that stands"), hint)),
        None => Ok(meant.into_iter().map(|record| record.id.clone()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use letsbe_types::ids::SetId;

    use super::{Holding, StageId, StageRecord, Which, removable};

    #[test]
    fn only_copies_that_stand_free_are_removed() {
        let until = Utc::now();
        let record = |id: &str, tool: &str, holding: Holding| StageRecord {
            id: StageId::fixed(id),
            tool: tool.to_owned(),
            set: SetId::generate(),
            taken_at: until,
            made_at: until,
            data: vec![],
            holding,
        };
        let former = || Holding::Former { until, switched_at: until, pairs: vec![] };
        let records = [
            record("00000001", "ghost", Holding::Temp { until }),
            record("00000002", "ghost", Holding::Temp { until }),
            record("00000003", "ghost", former()),
            record("00000004", "odoo", former()),
            record("00000005", "odoo", Holding::Restore),
        ];
        let removed = |which: Which, busy: &[&str]| {
            removable(&records, &which, |id| busy.contains(&id.as_str()))
                .map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
                .map_err(|problem| problem.code)
        };
        let tool = |name: &str| Which::Tool(name.to_owned());
        let stage = |id: &str| Which::Stage(StageId::fixed(id));
        assert_eq!(removed(tool("ghost"), &[]).unwrap(), "00000001 00000002");
        assert_eq!(removed(stage("00000003"), &[]).unwrap(), "00000003");
        for (which, busy) in [
            (tool("odoo"), vec![]),
            (tool("nginx"), vec![]),
            (stage("00000009"), vec![]),
            (stage("00000005"), vec![]),
            (stage("00000003"), vec!["00000003"]),
            (tool("ghost"), vec!["00000002"]),
        ] {
            assert_eq!(removed(which.clone(), &busy), Err("RES008".to_owned()), "{which:?}");
        }
    }
}
