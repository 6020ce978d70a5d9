//! The site's own web server, started as its container starts it, on what the owner has uploaded.

use std::{
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command as Process},
    time::Duration,
};

use letsbe_catalog::Tool;
use letsbe_host::{Command, Machine as _};
use letsbe_stacks::tool_stack;
use serde_json::Value;

use crate::{Namespace, SITE, catalog, credentials, desired, served};

const STACK: &str = "/opt/letsbe/stacks/static-website";
/// Docker's part: the mounts, and the user. The shell stays, for with it everything that it started ends: who has become
/// another user outlives its parent.
const CONTAINER: &str = "set -e
mount -t tmpfs tmpfs /srv
mount -t tmpfs -o mode=1777 tmpfs /tmp
cd \"$0\"
user=$1
shift
while [ $# -gt 0 ]; do
  mkdir -p \"$(dirname \"$2\")\"
  if [ -d \"$1\" ]; then mkdir -p \"$2\"; else touch \"$2\"; fi
  mount --bind \"$1\" \"$2\"
  shift 2
done
setpriv --reuid \"$user\" --regid \"$user\" --clear-groups --no-new-privs nginx -g 'daemon off;'
exit $?";

/// The web server on a server. It ends with the test.
struct Site<'a> {
    server: &'a Namespace,
    tool: Tool,
    /// How Docker sees whether it is healthy.
    healthcheck: Vec<String>,
    process: Child,
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

impl<'a> Site<'a> {
    async fn start(server: &'a Namespace) -> Self {
        let (catalog, name) = (catalog(), "static-website");
        let stack = tool_stack(server, &catalog, &desired(name), name, &credentials("right")).await;
        let stack = stack.expect("it is rendered");
        std::fs::create_dir_all(server.at(STACK)).expect("made");
        for file in &stack.files {
            std::fs::write(server.at(STACK).join(&file.path), file.content.expose()).expect("written");
        }
        let compose: Value = serde_saphyr::from_str(&stack.compose).expect("YAML");
        let service = &compose["services"]["web"];
        let (user, group) = service["user"].as_str().and_then(|user| user.split_once(':')).expect("a user");
        assert_eq!(user, group);
        let mut words: Vec<&str> = "unshare --mount --pid --fork --kill-child sh -c".split(' ').collect();
        words.extend([CONTAINER, STACK, user]);
        let mounts = texts(&service["volumes"]);
        for mount in &mounts {
            let [from, to, "ro"] = mount.split(':').collect::<Vec<_>>()[..] else { panic!("{mount}") };
            words.extend([from, to]);
        }
        let process = server.inside(&words).spawn().expect("it starts");
        let tool = catalog.tools().find(|tool| tool.name.as_str() == name).expect("it is sold").clone();
        let healthcheck = texts(&service["healthcheck"]["test"]);
        assert_eq!(healthcheck[0], "CMD");
        Self { server, tool, healthcheck: healthcheck[1..].to_vec(), process }
    }

    async fn page(&self, path: &str) -> (u16, String) {
        let url = format!("http://127.0.0.1:8080{path}");
        let asked = Command::new("curl", ["-s", "-w", "\n%{http_code}", &url]);
        let said = self.server.run(&asked).await.expect("curl is installed").stdout;
        let (text, code) = said.rsplit_once('\n').expect("a code at the end");
        (code.parse().expect("a number"), text.to_owned())
    }

    /// Waits until Docker calls it healthy; then everything that we ask it must answer as the catalog says.
    async fn is_well(&self, when: &str) {
        let words: Vec<&str> = self.healthcheck.iter().map(String::as_str).collect();
        let healthy = async {
            let mut check: Process = self.server.inside(&words);
            while !check.status().expect("it is installed").success() {
                tokio::task::yield_now().await;
            }
        };
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, healthy).await.unwrap_or_else(|_| panic!("{when}: not healthy"));
        for exchange in [&self.tool.health.probe].into_iter().chain(&self.tool.functional) {
            let (code, text) = self.page(&exchange.path).await;
            exchange.expect.check(code, &text).unwrap_or_else(|why| panic!("{when}: {why}"));
        }
    }
}

#[tokio::test]
async fn whatever_its_owner_uploads_or_removes_the_site_counts_as_well_and_its_pages_are_shown() {
    let server = served("right").await;
    let site = Site::start(&server).await;
    site.is_well("no page").await;
    for text in ["<!doctype html><title>x</title>Bread", "<HTML>Bread", ""] {
        let page = server.file("page.html", text);
        std::fs::set_permissions(&page, std::fs::Permissions::from_mode(0o600)).expect("closed");
        let said = server.sftp("right", &format!("put {page} index.html\n")).await;
        assert_eq!(said.code, 0, "{said:?}");
        let file = std::fs::metadata(server.at(format!("{SITE}/index.html"))).expect("uploaded");
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "as its owner's own file has it");
        site.is_well(text).await;
        assert_eq!(site.page("/").await, (200, text.to_owned()));
    }
    let said = server.sftp("right", "chmod 000 index.html\n").await;
    assert_eq!(said.code, 0, "{said:?}");
    site.is_well("its owner has closed the page").await;
    let said = server.sftp("right", "rm index.html\nrm old/page.html\nrmdir old\n").await;
    assert_eq!(said.code, 0, "{said:?}");
    site.is_well("everything is removed").await;
    let (code, text) = site.page("/").await;
    assert!(code == 200 && text.contains("example.com"), "{code} {text}");
    let said = server.sftp("right", "mkdir index.html\nchmod 000 .\n").await;
    assert_eq!(said.code, 0, "{said:?}");
    site.is_well("its owner has closed the folder").await;
}
