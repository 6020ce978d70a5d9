//! `stacks.running` and `stacks.healthy`: containers run, are made from the present files, and pass their checks.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use letsbe_host::{Assessment, Change, Command, Machine, Operation};
use letsbe_types::{Code, Problem, job::DesiredServer, paths};

use super::{
    Group,
    containers::{Container, Health},
    deployment::DesiredStack,
};

/// Time for one stack to be created and for what it depends on to become healthy.
const UP_TIME: Duration = Duration::from_secs(900);
/// How often containers that are starting are polled.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// State of a container that does not exist.
const MISSING: &str = "missing";
/// Shortest and longest time that containers get to become healthy.
const PATIENCE_SECONDS: (u32, u32) = (60, 900);

pub(crate) struct StacksRunning {
    pub(crate) name: &'static str,
    pub(crate) group: Arc<Group>,
}

#[async_trait]
impl Operation for StacksRunning {
    fn name(&self) -> &'static str {
        self.name
    }

    fn step(&self) -> u8 {
        self.group.step
    }

    async fn assess(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Assessment, Problem> {
        let containers = self.group.deployment.containers(machine).await?;
        Ok(decide_running(&self.group.desired(machine).await?, &containers))
    }
}

fn compose(stack: &DesiredStack, arguments: &str) -> Command {
    let folder = paths::stack(&stack.name);
    let arguments = arguments.split_whitespace().map(str::to_owned);
    Command::new("docker", std::iter::once("compose".to_owned()).chain(arguments)).in_folder(folder)
}

/// What of a stack does not run as wanted: container names with the reason.
fn astray(stack: &DesiredStack, containers: &[Container]) -> Vec<String> {
    let check = |(_, name): &(String, String)| {
        let reason = match containers.iter().find(|container| container.name == *name) {
            None => "is missing",
            Some(container) if container.hash.as_ref() != Some(&stack.hash) => "was made from other files",
            // A container that keeps restarting is running as far as Compose is concerned; its health shows it.
            Some(container) if !["running", "restarting"].contains(&container.state.as_str()) => "is stopped",
            Some(_) => return None,
        };
        Some(format!("{name} {reason}"))
    };
    stack.services.iter().filter_map(check).collect()
}

fn decide_running(stacks: &[DesiredStack], containers: &[Container]) -> Assessment {
    let wrong: Vec<(&DesiredStack, Vec<String>)> = stacks
        .iter()
        .map(|stack| (stack, astray(stack, containers)))
        .filter(|(_, reasons)| !reasons.is_empty())
        .collect();
    if wrong.is_empty() {
        let count: usize = stacks.iter().map(|stack| stack.services.len()).sum();
        return Assessment::converged(format!("{count} containers run, made from the present files"));
    }
    let because: Vec<String> = wrong.iter().flat_map(|(_, reasons)| reasons.clone()).collect();
    let stacks = || wrong.iter().map(|(stack, _)| *stack);
    let mut changes: Vec<Change> = Vec::new();
    changes.extend(stacks().map(|stack| Change::Run(compose(stack, "config --quiet"))));
    // Databases of all stacks first, without waiting: they warm up while the stacks before theirs are started.
    for stack in stacks().filter(|stack| !stack.databases.is_empty()) {
        let command = format!("up --detach --pull never --no-deps {}", stack.databases.join(" "));
        changes.push(Change::Run(compose(stack, &command).within(UP_TIME).retried(1)));
    }
    let up = "up --detach --pull never --remove-orphans";
    changes.extend(stacks().map(|stack| Change::Run(compose(stack, up).within(UP_TIME).retried(1))));
    Assessment::needed(because.join(", "), changes)
}

pub(crate) struct StacksHealthy {
    pub(crate) name: &'static str,
    pub(crate) group: Arc<Group>,
}

#[async_trait]
impl Operation for StacksHealthy {
    fn name(&self) -> &'static str {
        self.name
    }

    fn step(&self) -> u8 {
        self.group.step
    }

    /// Waits here, not in a change: nothing is changed by waiting, and a failure is reported in our own words.
    /// A plan waits no longer than containers that were just made may take.
    async fn assess(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Assessment, Problem> {
        let names: Vec<String> =
            self.group.tools().flat_map(|t| &t.services).map(|s| s.container.clone()).collect();
        let start = self.group.tools().map(|tool| tool.health.start_seconds).max().unwrap_or(0);
        // Twice the catalog's figure: it is for a quiet machine, and all tools start at once here.
        let patience = (2 * start).clamp(PATIENCE_SECONDS.0, PATIENCE_SECONDS.1);
        let (began, patience) = (Utc::now(), TimeDelta::seconds(i64::from(patience)));
        loop {
            let containers = self.group.deployment.containers(machine).await?;
            match readiness(&names, &containers, began, Utc::now(), patience) {
                Readiness::Healthy => {
                    return Ok(Assessment::converged(format!("{} containers are healthy", names.len())));
                }
                Readiness::Pending => tokio::time::sleep(POLL_INTERVAL).await,
                Readiness::Broken(problem) => return Err(problem),
            }
        }
    }
}

/// Whether containers are ready.
#[derive(Debug, PartialEq, Eq)]
enum Readiness {
    Healthy,
    Pending,
    Broken(Problem),
}

/// Containers get their patience from when they were made; those whose check has not passed or failed yet (after the
/// server was restarted, say) get it from when the waiting began.
fn readiness(
    names: &[String],
    containers: &[Container],
    began: DateTime<Utc>,
    now: DateTime<Utc>,
    patience: TimeDelta,
) -> Readiness {
    let troubled = troubled(names, containers);
    if troubled.is_empty() {
        return Readiness::Healthy;
    }
    let may_come = |(name, _): &(&str, &str)| {
        containers.iter().find(|container| container.name == *name).is_some_and(|container| {
            let starting = container.state == "running" && container.health == Health::Starting;
            let since = if starting { Some(began) } else { container.created };
            since.is_some_and(|since| now < since + patience)
        })
    };
    if troubled.iter().all(may_come) {
        Readiness::Pending
    } else {
        Readiness::Broken(never_healthy(&troubled, patience))
    }
}

/// Which of the named containers are not running and healthy, with Docker's word for their state.
pub(crate) fn troubled<'a>(names: &'a [String], containers: &'a [Container]) -> Vec<(&'a str, &'a str)> {
    let trouble = |name: &'a String| match containers.iter().find(|container| container.name == *name) {
        None => Some((name.as_str(), MISSING)),
        Some(container) => container.trouble().map(|trouble| (name.as_str(), trouble)),
    };
    names.iter().filter_map(trouble).collect()
}

/// What a health check printed is not quoted: it may hold secrets.
pub(super) fn never_healthy(troubled: &[(&str, &str)], patience: TimeDelta) -> Problem {
    let states: Vec<String> = troubled.iter().map(|(name, trouble)| format!("{name} is {trouble}")).collect();
    let Some((first, _)) = troubled.iter().find(|(_, trouble)| *trouble != MISSING) else {
        return Problem::transient(
            Code::NODE045,
            states.join(", "),
            "The operation before this one starts them.",
        );
    };
    Problem::transient(
        Code::NODE045,
        format!("not healthy within {} s: {}", patience.num_seconds(), states.join(", ")),
        format!(
            "On the server, `docker inspect --format '{{{{json .State.Health}}}}' {first}` shows what its check said \
             and `docker logs --tail 100 {first}` what it did."
        ),
    )
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use letsbe_host::{Assessment, Change};

    use super::super::{
        containers::{Container, Health, running},
        deployment::DesiredStack,
    };
    use super::{Readiness, decide_running, readiness};

    fn stack(name: &str, databases: &[&str]) -> DesiredStack {
        let mut services = vec![(name.to_owned(), format!("letsbe-{name}"))];
        services.extend(databases.iter().map(|db| ((*db).to_owned(), format!("letsbe-{name}-{db}"))));
        DesiredStack {
            name: name.to_owned(),
            files: vec![],
            hash: "now".to_owned(),
            services,
            databases: databases.iter().map(|db| (*db).to_owned()).collect(),
        }
    }

    fn in_state(name: &str, state: &str, health: Health) -> Container {
        Container { state: state.to_owned(), health, ..running(name, "ghost", "now") }
    }

    fn commands(assessment: Assessment) -> Vec<String> {
        let Assessment::Needed { changes, .. } = assessment else { panic!("{assessment:?}") };
        let text = |change: Change| {
            if let Change::Run(command) = change {
                let folder = command.folder.as_ref().map(|f| f.display().to_string()).unwrap_or_default();
                format!("{}: {command}", folder.trim_start_matches("/opt/letsbe/stacks/"))
            } else {
                panic!("{change}")
            }
        };
        changes.into_iter().map(text).collect()
    }

    #[test]
    fn a_fresh_server_checks_then_warms_databases_then_starts_in_order() {
        let stacks = [stack("ghost", &["db"]), stack("static", &[])];
        assert_eq!(
            commands(decide_running(&stacks, &[])),
            [
                "ghost: docker compose config --quiet",
                "static: docker compose config --quiet",
                "ghost: docker compose up --detach --pull never --no-deps db",
                "ghost: docker compose up --detach --pull never --remove-orphans",
                "static: docker compose up --detach --pull never --remove-orphans",
            ]
        );
    }

    #[test]
    fn stacks_that_run_from_the_present_files_are_left_alone() {
        let stacks = [stack("ghost", &["db"]), stack("static", &[])];
        let mut containers = vec![
            running("letsbe-ghost", "ghost", "now"),
            running("letsbe-ghost-db", "ghost", "now"),
            running("letsbe-static", "static", "now"),
        ];
        assert!(matches!(decide_running(&stacks, &containers), Assessment::Converged { .. }));
        for (hash, state) in [("before", "running"), ("now", "exited"), ("now", "created"), ("now", "paused")]
        {
            containers[2] = Container { state: state.to_owned(), ..running("letsbe-static", "static", hash) };
            let all = commands(decide_running(&stacks, &containers));
            assert!(
                all.len() == 2 && all.iter().all(|c| c.starts_with("static: ")),
                "{hash} {state}: {all:?}"
            );
        }
    }

    #[test]
    fn health_is_waited_for_and_what_never_comes_is_named() {
        let names = ["letsbe-ghost".to_owned(), "letsbe-db".to_owned()];
        let healthy = |name: &str| running(name, "ghost", "now");
        let began = chrono::DateTime::from_timestamp(1_763_759_594, 0).expect("a time");
        let patience = TimeDelta::seconds(120);
        let at = |containers: &[Container], seconds| {
            readiness(&names, containers, began, began + TimeDelta::seconds(seconds), patience)
        };
        let all =
            [healthy("letsbe-ghost"), healthy("letsbe-db"), in_state("other", "exited", Health::Unchecked)];
        assert_eq!(at(&all, 0), Readiness::Healthy);
        for (state, health, word) in [
            ("running", Health::Starting, "still starting"),
            ("running", Health::Unhealthy, "unhealthy"),
            ("restarting", Health::Unchecked, "restarting"),
            ("exited", Health::Unchecked, "exited"),
        ] {
            let just_made = Container { created: Some(began), ..in_state("letsbe-db", state, health) };
            let containers = [healthy("letsbe-ghost"), just_made.clone()];
            assert_eq!(at(&containers, 119), Readiness::Pending, "{word}");
            let Readiness::Broken(problem) = at(&containers, 120) else { panic!("{word} for ever") };
            assert_eq!(problem.message, format!("not healthy within 120 s: letsbe-db is {word}"));
            let command = "docker inspect --format '{{json .State.Health}}' letsbe-db";
            assert!(problem.hint.contains(command), "{}", problem.hint);
            // Made long ago: only a check that is still to give its first answer is waited for.
            let old = Container { created: Some(began - TimeDelta::days(1)), ..just_made };
            assert_eq!(
                at(&[healthy("letsbe-ghost"), old], 0) == Readiness::Pending,
                word == "still starting"
            );
        }
        assert!(matches!(at(&all[..1], 0), Readiness::Broken(_)), "a missing container is not waited for");
    }
}
