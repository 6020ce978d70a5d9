//! Whom a tool's pages send their visitors to.

use std::fs;

use letsbe_catalog::render_exchange;

use crate::{context, credentials, stack, support::shipped, write_stack};

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
    first_content();
    let website = rendered("static-website");
    let (_, page) = website.files.iter().find(|(path, _)| path == "welcome.html").expect("a first page");
    for part in ["bakery.example", "lang=\"en\"", "viewport", "<style>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("//") && !page.contains("/opt/"), "it names another place: {page}");
}

/// What the tools show before their owner has written anything: no pictures from elsewhere.
fn first_content() {
    let catalog = shipped();
    let tool = |name: &str| catalog.tools().find(|tool| tool.name.as_str() == name).expect("it is sold");
    let folder = tempfile::tempdir().expect("a folder");
    write_stack(folder.path(), &stack(tool("wordpress")));
    let environment = fs::read_to_string(folder.path().join(".env")).expect("it has settings");
    let extra = environment.lines().find_map(|line| line.strip_prefix("WORDPRESS_CONFIG_EXTRA="));
    let extra = extra.expect("PHP that runs at the end of the installation, on one line");
    for part in [
        "\"wp_install\"",
        "update_option(\"show_avatars\", 0)",
        "require_once ABSPATH . \"wp-includes/plugin.php\"",
    ] {
        assert!(extra.contains(part), "{extra}");
    }

    let ghost = tool("ghost");
    let setup = ghost.setup.as_ref().expect("it is set up");
    let said: Vec<_> = setup
        .requests
        .iter()
        .chain(&setup.then)
        .map(|request| render_exchange(ghost, request, &context(), &credentials(ghost)).expect("renders"))
        .collect();
    let at = |method: &str, path: &str| {
        said.iter()
            .position(|one| one.method == method && one.path == path)
            .unwrap_or_else(|| panic!("{path}"))
    };
    let log_in = at("POST", "/ghost/api/admin/session/");
    let settings = at("PUT", "/ghost/api/admin/settings/");
    let post = at("DELETE", "/ghost/api/admin/posts/?filter=slug:coming-soon");
    assert!(at("POST", "/ghost/api/admin/authentication/setup/") < log_in && log_in < settings.min(post));
    let cover = serde_json::json!({ "settings": [{ "key": "cover_image", "value": "" }] });
    let sent: serde_json::Value = serde_json::from_str(said[settings].body.expose()).expect("JSON");
    assert_eq!(sent, cover);
    for one in [settings, post] {
        assert!(
            said[one].headers.iter().any(|(name, _)| name == "Origin"),
            "Ghost binds a log-in to its page"
        );
    }
}
