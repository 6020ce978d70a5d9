//! What can be restored by its name: the customer's tools, and the AI team's state. What else the platform keeps comes
//! back with the whole server only.

use letsbe_backup::platform_sources;
use letsbe_catalog::Tool;
use letsbe_stacks::backups::OPENCLAW;
use letsbe_types::{Code, Problem};

use super::{
    arguments::{Choice, What},
    refused,
};
use letsbe_base::server::TenantServer;

impl Choice {
    /// The tools, in start order; the AI team comes last.
    pub(crate) fn tools<'a>(&self, server: &'a TenantServer) -> Result<Vec<&'a Tool>, Problem> {
        match &self.what {
            What::Tool(name) => Ok(vec![tool(server, name)?]),
            What::All => Ok(restorable(server).collect()),
        }
    }
}

/// What can be brought back alone: the customer's tools, and the AI team's state.
fn restorable(server: &TenantServer) -> impl Iterator<Item = &Tool> {
    let is_team = |entry: &&Tool| entry.name.as_str() == OPENCLAW;
    server.tools().chain(server.catalog.platform().filter(is_team))
}

/// What of this server is restored under a name: a tool, or the AI team's state.
///
/// # Errors
/// `RES008` when there is none of that name; names those that there are. `RES010` for a part of the platform that does
/// not come back alone.
pub(crate) fn tool<'a>(server: &'a TenantServer, name: &str) -> Result<&'a Tool, Problem> {
    restorable(server).find(|tool| tool.name.as_str() == name).ok_or_else(|| {
        let is_part = platform_sources(&server.layout.root()).iter().any(|(part, _)| part == name);
        if is_part {
            return never_alone(name);
        }
        let known: Vec<&str> = restorable(server).map(|tool| tool.name.as_str()).collect();
        refused(format!("there is no tool {name} on this server"), format!("Tools: {}.", known.join(", ")))
    })
}

/// Older secrets would lock every tool out of its own database, and older sites would take tools off the Internet.
fn never_alone(part: &str) -> Problem {
    let instead = match part {
        "nginx" => "A provisioning run writes the sites and asks for certificates.",
        _ => "The whole server comes back with `letsbe backups recover`.",
    };
    let hint = format!(
        "{instead} A single file: `letsbe-node backup browse --tool {part}`, then `letsbe-node backup export`."
    );
    Problem::permanent(
        Code::RES010,
        format!("Nothing was restored: {part} is a part of the platform and does not come back alone"),
        hint,
    )
}

#[cfg(test)]
mod tests {
    use letsbe_backup::selection::Wish;

    use super::{Choice, TenantServer, What};
    use crate::restore::{
        arguments::Source,
        journal::Former,
        sandbox::compose::tests::{catalog, desired},
    };
    use letsbe_base::layout::Layout;

    #[test]
    fn the_ai_team_comes_back_alone_or_with_all_and_the_platforms_own_parts_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let server = TenantServer {
            layout: Layout::under(folder.path()),
            catalog: catalog(),
            desired: desired(&["ghost", "nocodb"]),
        };
        let (source, former) = (Source::Local, Former::Saved);
        let all = Choice { what: What::All, source, wish: Wish::Newest, former };
        let names = |tools: Vec<&letsbe_catalog::Tool>| {
            tools.iter().map(|tool| tool.name.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert!(names(all.tools(&server).unwrap()).ends_with(" openclaw"));
        let one = |name: &str| Choice { what: What::Tool(name.to_owned()), ..all.clone() };
        assert_eq!(names(one("openclaw").tools(&server).unwrap()), "openclaw");
        for (name, code, way) in [
            ("letsbe", "RES010", "backups recover"),
            ("letsbe", "RES010", "backup browse --tool letsbe"),
            ("nginx", "RES010", "provisioning run"),
            ("secrets-proxy", "RES008", "openclaw"),
            ("odoo", "RES008", "ghost, nocodb, openclaw"),
        ] {
            let problem = one(name).tools(&server).unwrap_err();
            assert!(problem.code == code && problem.hint.contains(way), "{name}: {problem} {}", problem.hint);
        }
    }
}
