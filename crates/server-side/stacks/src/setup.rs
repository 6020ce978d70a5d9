//! `tools.set_up` and `owners.proven`: every tool has its owner before anybody else can reach it.
//!
//! A tool that says that it is set up says nothing about by whom. What counts is the owner's log-in with the vault's
//! password, seen once ([`owner`]); from then on the owner may change it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use letsbe_catalog::Tool;
use letsbe_host::{Assessment, Change, Command, FileWrite, Machine, Operation};
use letsbe_types::{Problem, Secret, job::DesiredServer};

use super::{
    deployment::{Deployment, declared},
    owner, paths, reading,
    visit::Visit,
};

/// When the owners are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// On a new or a living server: before any site is published.
    BeforeSites,
    /// On a server that stands in for a lost one: once the tools have their data back.
    AfterRestore,
}

pub(crate) struct ToolsSetUp {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) moment: Moment,
}

/// How it stands with a tool's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Proven,
    Unproven,
    /// It was proven, and now the tool says that nobody has set it up.
    FreshAgain,
}

/// What is decided from.
struct Facts {
    tools: Vec<(Tool, Standing)>,
    /// Whether [`owner::ALL_PROVEN`] is there.
    noted: bool,
}

#[async_trait]
impl Operation for ToolsSetUp {
    fn name(&self) -> &'static str {
        match self.moment {
            Moment::BeforeSites => "tools.set_up",
            Moment::AfterRestore => "owners.proven",
        }
    }

    fn step(&self) -> u8 {
        match self.moment {
            Moment::BeforeSites => 9,
            Moment::AfterRestore => 10,
        }
    }

    async fn assess(&self, machine: &dyn Machine, desired: &DesiredServer) -> Result<Assessment, Problem> {
        let why = match (self.moment, &desired.restore) {
            (Moment::BeforeSites, Some(_)) => "the lost server's data comes back first",
            (Moment::AfterRestore, None) => "they were proven before the sites were published",
            _ => return Ok(decide(&self.read(machine).await?, desired)),
        };
        Ok(Assessment::Skipped { why: why.to_owned() })
    }
}

impl ToolsSetUp {
    async fn read(&self, machine: &dyn Machine) -> Result<Facts, Problem> {
        let credentials = reading::credentials(machine).await?.unwrap_or_default();
        let mut tools = Vec::new();
        for tool in self.deployment.tools().filter(|tool| tool.setup.is_some()) {
            let standing = if !owner::is_proven(machine, tool).await? {
                Standing::Unproven
            } else if Visit::new(&self.deployment, tool, declared(tool, &credentials))?.says_fresh().await? {
                Standing::FreshAgain
            } else {
                Standing::Proven
            };
            tools.push((tool.clone(), standing));
        }
        let noted = reading::file(machine, owner::ALL_PROVEN).await?.is_some();
        Ok(Facts { tools, noted })
    }
}

fn decide(facts: &Facts, desired: &DesiredServer) -> Assessment {
    // Tokens, keys and what opens the backups are nothing to a set-up.
    let wishes = DesiredServer { hub: None, models: None, backups: None, restore: None, ..desired.clone() };
    let input = Secret::new(serde_json::to_string(&wishes).unwrap_or_default());
    let (mut because, mut changes) = (Vec::new(), Vec::new());
    for (tool, standing) in &facts.tools {
        let name = tool.name.as_str();
        match standing {
            Standing::Proven => continue,
            Standing::Unproven => because.push(format!("{name}: its owner's log-in was not seen yet")),
            Standing::FreshAgain => {
                because.push(format!("{name}: nobody has set it up any more"));
                changes.extend(owner::path(tool).map(Change::Remove));
            }
        }
        // Not retried here: a tool counts log-ins that it refuses, and the program is patient itself.
        let command = Command::new(paths::NODE_PROGRAM, ["setup-tool", name]).with_input(input.clone());
        changes.push(Change::Run(command.within(Duration::from_secs(300))));
    }
    if !facts.noted {
        because.push("it is not noted that every owner was seen".to_owned());
        let text = "The owner of every tool was seen before its site was opened.\n";
        changes.push(Change::Write(FileWrite::new(owner::ALL_PROVEN, 0o600, text)));
    }
    if changes.is_empty() {
        let why = format!("the owners of {} tools were seen to log in", facts.tools.len());
        return Assessment::converged(why);
    }
    Assessment::needed(because.join(", "), changes)
}

#[cfg(test)]
mod tests {
    use letsbe_catalog::Tool;
    use letsbe_host::{Assessment, Change, Operation as _};
    use letsbe_types::job::DesiredServer;

    use super::{Facts, Moment, Standing, ToolsSetUp, decide};
    use crate::{
        backups::tests::destination,
        tests::{Files, catalog, deployment, desired},
    };

    fn tool(name: &str) -> Tool {
        catalog().tools().find(|tool| tool.name.as_str() == name).expect("in the catalog").clone()
    }

    fn lines(assessment: &Assessment) -> Vec<String> {
        let Assessment::Needed { changes, .. } = assessment else { panic!("needed: {assessment:?}") };
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_tools_whose_owner_was_not_seen_are_set_up() {
        const NOTE: &str = "write /opt/letsbe/state/owners-proven (mode 0600, 1 lines)";
        let run = |tool: &str| format!("run /opt/letsbe/bin/letsbe-node setup-tool {tool} <‹input›");
        let facts = |ghost, nocodb, noted| Facts {
            tools: vec![(tool("ghost"), ghost), (tool("nocodb"), nocodb)],
            noted,
        };
        let (seen, unseen, fresh) = (Standing::Proven, Standing::Unproven, Standing::FreshAgain);
        let half = decide(&facts(seen, unseen, true), &desired());
        assert_eq!(lines(&half), [run("nocodb")]);
        let Assessment::Needed { because, changes } = &half else { panic!("needed") };
        assert_eq!(because, "nocodb: its owner's log-in was not seen yet");
        let Change::Run(command) = &changes[0] else { panic!("a run") };
        let input = command.input.as_ref().expect("input").expose();
        assert!(!input.contains("token-canary"), "the registration token does not travel along");
        assert!(serde_json::from_str::<DesiredServer>(input).is_ok());

        let wiped = decide(&facts(fresh, seen, true), &desired());
        let record = "/var/lib/docker/volumes/letsbe-ghost_database/letsbe-owner.json";
        assert_eq!(lines(&wiped), [format!("remove {record}"), run("ghost")]);
        assert_eq!(lines(&decide(&facts(unseen, seen, false), &desired())), [run("ghost"), NOTE.to_owned()]);
        assert!(matches!(decide(&facts(seen, seen, true), &desired()), Assessment::Converged { .. }));
    }

    #[tokio::test]
    async fn on_a_server_that_stands_in_for_a_lost_one_nobody_is_set_up_before_the_data_is_back() {
        let restore = letsbe_types::job::RestoreFrom { source: destination(), at: None, as_of: None };
        let recovery = DesiredServer { restore: Some(restore), ..desired() };
        for (moment, wishes, skipped) in [
            (Moment::BeforeSites, &desired(), false),
            (Moment::AfterRestore, &desired(), true),
            (Moment::BeforeSites, &recovery, true),
            (Moment::AfterRestore, &recovery, false),
        ] {
            let operation = ToolsSetUp { deployment: deployment(), moment };
            let assessed = operation.assess(&Files::default(), wishes).await.expect("assessed");
            assert_eq!(matches!(assessed, Assessment::Skipped { .. }), skipped, "{moment:?} {assessed:?}");
        }
    }
}
