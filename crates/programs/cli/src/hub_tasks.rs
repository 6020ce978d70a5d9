//! Background work of the Hub: how each task is, and having one run now.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use letsbe_types::{
    Code, Problem,
    api::DeskPlan,
    hub_tasks::{HubTask, HubTaskState},
};
use serde_json::json;

use crate::{
    hub::Hub,
    plan::{self, Planned},
    style::{self, Level, bold, harmless, say},
    tenants::units::ago,
};

const TASKS: &str = "/api/v1/admin/hub/tasks";

#[derive(Subcommand)]
pub(crate) enum HubCommand {
    /// List what the Hub does by itself: how each task is and what it did, the worst first.
    Tasks(TasksArguments),
}

#[derive(Args)]
pub(crate) struct TasksArguments {
    #[command(subcommand)]
    command: Option<TasksCommand>,
}

#[derive(Subcommand)]
enum TasksCommand {
    /// Have a task run now, whenever it is due.
    Run {
        /// The task, as `letsbe hub tasks` lists it.
        task: String,
        #[command(flatten)]
        planned: Planned,
    },
}

pub(crate) async fn carry_out(named: Option<&str>, command: HubCommand, json: bool) -> anyhow::Result<()> {
    let HubCommand::Tasks(TasksArguments { command }) = command;
    let hub = Hub::open(named)?;
    let tasks: Vec<HubTask> = hub.get(TASKS).await?;
    let Some(TasksCommand::Run { task, planned }) = command else {
        return show(&tasks, json);
    };
    let known = tasks.iter().find(|one| one.name == task);
    match (known, planned.plan) {
        (Some(known), true) => plan::show_desk(&would_run(known), json),
        (Some(known), false) => {
            let now: HubTask = hub.post(&format!("{TASKS}/{}/run", known.name), &json!({})).await?;
            if json {
                return style::say_json(&now);
            }
            say(&format!("{} is asked for. How it went: letsbe hub tasks", harmless(&now.name)));
            Ok(())
        }
        (None, true) => {
            plan::show_desk(&DeskPlan { consequences: Vec::new(), problem: Some(no_task(&task)) }, json)
        }
        (None, false) => Err(no_task(&task).into()),
    }
}

fn no_task(name: &str) -> Problem {
    Problem::permanent(
        Code::API404,
        format!("The Hub has no task {name}."),
        "Look at `letsbe hub tasks` for what there is.",
    )
}

/// What would happen, or what stands in its way.
fn would_run(task: &HubTask) -> DeskPlan {
    let where_ = if task.each_hub { "the Hub that is asked" } else { "one Hub" };
    let what = format!("{} would run now, on {where_}: {}", task.name, task.about);
    match (task.state, &task.needs) {
        (HubTaskState::Off, Some(needs)) => {
            let message = format!("No Hub runs {}: the settings have no {needs}", task.name);
            let hint = "Add it to the Hub's settings, then start the Hub again.";
            DeskPlan {
                consequences: Vec::new(),
                problem: Some(Problem::permanent(Code::HUB051, message, hint)),
            }
        }
        _ => DeskPlan { consequences: vec![what], problem: None },
    }
}

const fn level(state: HubTaskState) -> Level {
    match state {
        HubTaskState::Stalled => Level::Failed,
        HubTaskState::Failing => Level::Warning,
        HubTaskState::Running | HubTaskState::Off => Level::Running,
        HubTaskState::Idle => Level::Fine,
    }
}

fn show(tasks: &[HubTask], json: bool) -> anyhow::Result<()> {
    if json {
        return style::say_json(&tasks);
    }
    lines(tasks, Utc::now()).iter().for_each(|line| say(line));
    Ok(())
}

/// The table, and below it what went wrong.
fn lines(tasks: &[HubTask], now: DateTime<Utc>) -> Vec<String> {
    let mut table = style::table();
    table.set_header(["", "TASK", "STATE", "HUB", "LAST RUN", "TOOK", "DID LAST", "NEXT RUN"]);
    for task in tasks {
        table.add_row([
            level(task.state).mark(),
            bold(&harmless(&task.name)),
            task.state.as_str().to_owned(),
            task.hub.as_deref().map(harmless).unwrap_or_default(),
            task.started_at.map_or_else(|| "never".to_owned(), |at| ago(at, now)),
            task.took().unwrap_or_default(),
            did(task),
            task.next_at.map(|at| when(at, now)).unwrap_or_default(),
        ]);
    }
    let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    for task in tasks {
        let mark = level(task.state).mark();
        if let Some(problem) = &task.problem {
            let (message, hint) = (harmless(&problem.message), harmless(&problem.hint));
            let times = task.failures;
            lines.push(format!("{mark} {} failed {times} times: {message} ({})", task.name, problem.code));
            lines.push(format!("    {hint}"));
        } else if task.state == HubTaskState::Stalled {
            lines.push(format!("{mark} {} should have run, or ended, and did not", harmless(&task.name)));
            lines.push("    On the Hub's machine: journalctl -u letsbe-hub".to_owned());
        }
    }
    lines
}

/// `in 12 min`, or `now`.
fn when(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if at <= now {
        return "now".to_owned();
    }
    format!("in {}", ago(now, at).trim_end_matches(" ago"))
}

fn did(task: &HubTask) -> String {
    let counts: Vec<_> = task.counts().map(|(name, number)| format!("{name}: {number}")).collect();
    harmless(&counts.join(", "))
}

#[cfg(test)]
mod tests {
    use letsbe_types::hub_tasks::HubTask;
    use serde_json::{Value, json};

    use super::{lines, would_run};

    /// A task, with what is said here in the place of what is usual.
    fn task(name: &str, state: &str, change: Value) -> HubTask {
        let mut task = json!({
            "name": name, "about": "Does something.", "state": state, "hub": null, "each_hub": false, "needs": null,
            "running_since": null, "started_at": "2026-11-28T11:40:00Z", "took_ms": 400, "did": null,
            "problem": null, "failures": 0, "next_at": "2026-11-28T12:10:00Z", "requested_at": null,
            "requested_by": null,
        });
        let change = change.as_object().cloned().unwrap_or_default();
        task.as_object_mut().expect("an object").extend(change);
        serde_json::from_value(task).expect("a task")
    }

    #[test]
    fn the_list_says_how_each_task_is_and_below_it_what_went_wrong() {
        let problem = json!({"code": "BAK012", "message": "restic \u{1b}[31mfailed", "hint": "Look at its log.",
                             "retryable": true});
        let tasks = [
            task("order-effects", "stalled", json!({"started_at": null, "took_ms": null, "next_at": null})),
            task("hub-backup", "failing", json!({"problem": problem, "failures": 2, "took_ms": 600_000})),
            task("drills", "running", json!({"hub": "hub-1/7-ab", "next_at": null})),
            task(
                "messages",
                "idle",
                json!({"did": {"sent": 3, "not_sent": 0}, "next_at": "2026-11-28T12:00:00Z"}),
            ),
        ];
        let shown = lines(&tasks, "2026-11-28T12:00:00Z".parse().expect("a moment")).join("\n");
        assert_eq!(
            shown,
            "    TASK           STATE    HUB         LAST RUN    TOOK    DID LAST  NEXT RUN\n \
             ✗  order-effects  stalled              never\n \
             !  hub-backup     failing              20 min ago  10 min            in 10 min\n \
             ●  drills         running  hub-1/7-ab  20 min ago  0.4 s\n \
             ✓  messages       idle                 20 min ago  0.4 s   sent: 3   now\n\
             ✗ order-effects should have run, or ended, and did not\n    \
                 On the Hub's machine: journalctl -u letsbe-hub\n\
             ! hub-backup failed 2 times: restic  [31mfailed (BAK012)\n    \
                 Look at its log."
        );
    }

    #[test]
    fn a_plan_says_where_a_task_would_run_or_that_no_hub_is_set_to_run_it() {
        let plan = would_run(&task("drills", "idle", json!({})));
        assert_eq!(plan.consequences, ["drills would run now, on one Hub: Does something."]);
        let plan = would_run(&task("messages", "idle", json!({"each_hub": true})));
        assert!(plan.consequences[0].contains("on the Hub that is asked"), "{plan:?}");
        let plan = would_run(&task("hub-backup", "off", json!({"needs": "[backups.hub]"})));
        assert_eq!(plan.problem.expect("stands in the way").code, "HUB051");
        assert!(plan.consequences.is_empty());
    }
}
