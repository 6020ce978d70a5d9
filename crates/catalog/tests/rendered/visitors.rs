//! Whom a tool's pages send their visitors to.

use std::fs;

use crate::{stack, support::shipped, write_stack};

#[test]
fn no_tool_sends_its_visitors_to_third_parties_where_it_has_a_switch() {
    let catalog = shipped();
    let rendered = |name: &str| {
        let tool = catalog.tools().find(|tool| tool.name.as_str() == name).expect("it is sold");
        stack(tool)
    };
    for (name, switches) in [
        ("ghost", &["portal__url", "sodoSearch__url", "privacy__useGravatar", "privacy__useIndexNow"][..]),
        ("nocodb", &["NC_DISABLE_TELE", "NC_DISABLE_ERR_REPORTS", "NC_DISABLE_SUPPORT_CHAT"]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        write_stack(folder.path(), &rendered(name));
        let environment = fs::read_to_string(folder.path().join(".env")).expect("it has settings");
        let value = if name == "ghost" { "false" } else { "true" };
        for switch in switches {
            let line = environment.lines().find(|line| line.starts_with(&format!("{switch}=")));
            assert!(line.is_some_and(|line| line.contains(value)), "{name}: {switch}");
        }
    }
    let website = rendered("static-website");
    let (_, page) = website.files.iter().find(|(path, _)| path == "welcome.html").expect("a first page");
    for part in ["bakery.example", "lang=\"en\"", "viewport", "<style>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("//") && !page.contains("/opt/"), "it names another place: {page}");
}
