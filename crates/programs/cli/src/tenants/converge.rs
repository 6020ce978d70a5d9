//! The ten steps again on a live server, as the Hub wants it now: planned, or run and followed to its end.

use letsbe_protocol::PlannedOperation;
use letsbe_types::{
    Code, Problem,
    api::{Convergence, ConvergencePlan, DeskAction, OrderDetail},
    ids::OrderId,
};
use serde_json::json;

use super::Target;
use crate::{
    confirm::{self, Yes},
    hub::{Hub, LOOK, patiently},
    orders::{self, newest},
    plan,
    style::{self, Level},
};

pub(super) async fn converge(
    hub: &Hub,
    target: &Target,
    wait: bool,
    yes: Yes,
    json: bool,
) -> anyhow::Result<()> {
    let id = target.tenant.tenant(hub).await?;
    if target.planned.plan {
        let plan: ConvergencePlan =
            hub.post_patiently(&format!("/api/v1/admin/tenants/{id}/converge/plan"), &json!({})).await?;
        return plan::show(operations(plan), json);
    }
    let before = hub.order(id).await?;
    confirm::by_name(before.summary.domain.as_str(), &consequences(before.summary.domain.as_str()), yes)
        .await?;
    let last = end_of_timeline(hub, id, &before).await?;
    hub.act(id, &DeskAction::Converge).await?;
    if !wait {
        if json {
            return style::say_json(&json!({"order": id, "convergence": Convergence::Running}));
        }
        style::say(&format!("{} the run is asked for", Level::Running.mark()));
        style::say(&format!("  letsbe orders show {id} --follow"));
        return Ok(());
    }
    follow(hub, id, last, json).await
}

/// What a run means for those who work on the server.
fn consequences(domain: &str) -> Vec<String> {
    vec![
        format!(
            "The ten steps run again on the live server of {domain}; --plan shows what they would change."
        ),
        "Tools whose files or images differ are started anew: each is away for some seconds to minutes."
            .to_owned(),
        "Data, secrets, models and where backups go stay as they are.".to_owned(),
    ]
}

/// The plan as a run without a Hub has it.
fn operations(plan: ConvergencePlan) -> Result<Vec<PlannedOperation>, Problem> {
    if let Some(problem) = plan.problem {
        return Err(problem);
    }
    let read = plan.operations.into_iter().map(serde_json::from_value).collect::<Result<_, _>>();
    read.map_err(|error| {
        let message = format!("The plan is not understood: {error}");
        Problem::permanent(Code::HUB048, message, "Use a `letsbe` of the Hub's own version.")
    })
}

/// The last line before the run.
async fn end_of_timeline(hub: &Hub, id: OrderId, first: &OrderDetail) -> anyhow::Result<i64> {
    let mut last = newest(first, 0);
    loop {
        let part = hub.order_after(id, last).await?;
        if newest(&part, last) == last {
            return Ok(last);
        }
        last = newest(&part, last);
    }
}

/// Shows what happens, until the run has ended. It goes on without us: a Hub that is away is waited for.
async fn follow(hub: &Hub, id: OrderId, mut last: i64, json: bool) -> anyhow::Result<()> {
    loop {
        let order = patiently(async || hub.order_after(id, last).await).await?;
        for line in order.timeline.iter().filter(|_| !json) {
            style::say(&orders::line(line));
        }
        let more = newest(&order, last) != last;
        last = newest(&order, last);
        match order.convergence {
            Some(Convergence::Running) => tokio::time::sleep(LOOK).await,
            _ if more => {}
            ended => return report(id, order.summary.domain.as_str(), ended, json),
        }
    }
}

fn report(id: OrderId, domain: &str, ended: Option<Convergence>, json: bool) -> anyhow::Result<()> {
    let problem = match ended {
        Some(Convergence::Done) if json => {
            return style::say_json(&json!({"order": id, "convergence": Convergence::Done}));
        }
        Some(Convergence::Done) => {
            style::say(&format!("{} {domain} is what it should be", Level::Fine.mark()));
            return Ok(());
        }
        Some(Convergence::Failed { problem }) => problem,
        Some(Convergence::Running) | None => Problem::permanent(
            Code::HUB046,
            format!("The run on the server of {domain} was given up: its server is another one"),
            format!("letsbe orders show {id} says what happened."),
        ),
    };
    Err(problem.into())
}
