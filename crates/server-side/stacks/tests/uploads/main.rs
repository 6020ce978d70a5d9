//! Uploads on a real sshd: the operation is carried out where users, folders and network are the test's own, and the
//! programs are the machine's. A missing program is a failure, never a skip.

mod ban;
mod namespace;
mod returned;
mod room;
mod site;

use std::{os::unix::process::CommandExt as _, sync::Arc};

use async_trait::async_trait;
use letsbe_catalog::{Catalog, UPLOAD_ID};
use letsbe_host::{Assessment, Command, Engine, Journal, Machine as _, Operation, Question};
use letsbe_stacks::{stack_operations, upload_operation};
use letsbe_types::{
    Problem,
    job::{DesiredServer, RunEventKind},
};
use letsbe_vault::{CREDENTIALS_FILE, Credentials};
use namespace::{Namespace, Said};

const SITE: &str = "/opt/letsbe/data/static-website";

struct Unread;

#[async_trait]
impl Journal for Unread {
    async fn record(&self, _: RunEventKind) -> Result<(), Problem> {
        Ok(())
    }

    async fn ask(&self, _: &Question, _: std::time::Duration) -> Result<(), Problem> {
        panic!("nobody is asked")
    }
}

fn catalog() -> Arc<Catalog> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog");
    Arc::new(Catalog::load(folder.as_ref()).expect("the catalog is valid"))
}

fn desired(tool: &str) -> DesiredServer {
    serde_json::from_value(serde_json::json!({
        "identity": "0190-test", "domain": "example.com", "owner_email": "owner@example.com",
        "timezone": "Europe/Berlin", "tier": "build", "tools": [tool], "docker": "distro",
        "admin_keys": ["ssh-ed25519 AAAA test"], "registry_mirrors": [], "hub": null,
        "certificates": { "directory_url": null, "directory_roots_pem": null, "issued_roots_pem": null,
                          "contact": "ssl@example.com" },
    }))
    .expect("a valid wish")
}

fn credentials(password: &str) -> Credentials {
    let mut credentials = Credentials::default();
    credentials.insert_missing("static-website", "upload_password", password.into());
    credentials
}

/// The operation among all those of a server with this tool.
fn operation(tool: &str) -> Box<dyn Operation> {
    let mut all = stack_operations(catalog(), &desired(tool)).expect("fits");
    let at = all.iter().position(|operation| operation.name() == "uploads.served").expect("there is one");
    all.swap_remove(at)
}

async fn carry_out(server: &Namespace, tool: &str, operation: Box<dyn Operation>) -> Assessment {
    let operations = [operation];
    Engine::new(server, &operations).run(&desired(tool), &Unread).await.expect("it is carried out");
    let again = operations[0].assess(server, &desired(tool)).await.expect("it is assessed");
    assert!(!matches!(again, Assessment::Needed { .. }), "the second time changes something: {again:?}");
    again
}

async fn served(password: &str) -> Namespace {
    let server = Namespace::new().await;
    for (path, text) in [
        (CREDENTIALS_FILE, credentials(password).to_file().expose().as_str()),
        // As an operator of an earlier version put it there.
        (&format!("{SITE}/old/page.html"), "<html>old"),
    ] {
        let path = server.at(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    let state = carry_out(&server, "static-website", operation("static-website")).await;
    assert!(matches!(state, Assessment::Converged { .. }), "{state:?}");
    server
}

fn refused(said: &Said, why: &str) {
    assert!(said.code != 0 && said.text.contains(why), "{said:?}");
}

#[tokio::test]
async fn an_owner_puts_pages_on_the_site_and_sees_and_changes_nothing_else() {
    let server = served("right").await;
    let page = server.file("page.html", "<html>new");
    let put =
        format!("put {page} index.html\nmkdir img\nput {page} img/a.html\nput {page} old/page.html\nls -l\n");
    let said = server.sftp("right", &put).await;
    assert!(said.code == 0 && said.text.contains("index.html"), "{said:?}");
    for name in ["index.html", "img/a.html", "old/page.html"] {
        let text = std::fs::read_to_string(server.at(format!("{SITE}/{name}"))).expect(name);
        assert_eq!(text, "<html>new", "{name}");
    }
    let stat = server.run(&Command::new("stat", ["-c", "%a|%u", &format!("{SITE}/index.html")])).await;
    assert_eq!(stat.expect("stat").stdout.trim(), "644|22023", "the web server may read it");

    let root = server.sftp("right", "ls -1 /\nls -1 ../../..\n").await;
    let is_listed = |line: &&str| !line.starts_with("sftp>") && !line.starts_with("Warning");
    let names: Vec<&str> = root.text.lines().filter(is_listed).map(str::trim).collect();
    assert_eq!((root.code, &names[..]), (0, &["/pages", "../../../pages"][..]), "{root:?}");
    for (words, why) in [
        ("get /etc/passwd /dev/null", "not found"),
        ("get ../../../etc/passwd /dev/null", "not found"),
        (&*format!("put {page} /page.html"), "Permission denied"),
        ("rm /pages", "Permission denied"),
        ("rename /pages /mine", "Permission denied"),
        ("symlink /etc/passwd link", "Permission denied"),
        ("symlink ../../../../etc/passwd link", "Permission denied"),
        ("ln index.html hard", "does not support hardlink"),
        ("cp index.html copy.html", "does not support copy"),
        ("chown 0 index.html", "Permission denied"),
    ] {
        let said = server.sftp("right", &format!("{words}\n")).await;
        assert!(said.code != 0, "{words}: {said:?}");
        assert!(said.text.contains(why), "{words}: {said:?}");
    }
}

#[tokio::test]
async fn the_server_for_uploads_gives_no_command_no_terminal_and_no_way_to_other_ports() {
    let server = served("right").await;
    let user = "letsbe-website@127.0.0.1";
    for words in [&[user, "echo in; id"][..], &["-tt", user], &[user, "/bin/sh", "-c", "id"]] {
        let said = server.ssh("right", words).await;
        assert!(!said.text.contains("uid=") && !said.text.contains("\nin"), "{words:?}: {said:?}");
    }
    refused(&server.ssh("right", &["-W", "127.0.0.1:22023", user]).await, "administratively prohibited");
    let back = ["-N", "-o", "ExitOnForwardFailure=yes", "-R", "40000:127.0.0.1:22023", user];
    refused(&server.ssh("right", &back).await, "remote port forwarding failed");
}

#[tokio::test]
async fn only_the_user_for_uploads_and_only_by_the_vaults_password_gets_in_there() {
    let server = served("right").await;
    let add = Command::words("useradd --create-home --home-dir /run/admin --shell /bin/bash letsbe-admin");
    assert!(server.run(&add).await.expect("useradd").success());
    let known = Command::words("chpasswd").with_input("root:right\nletsbe-admin:right\n".into());
    assert!(server.run(&known).await.expect("chpasswd").success());
    for user in ["root", "letsbe-admin", "nobody"] {
        refused(
            &server.ssh("right", &[&format!("{user}@127.0.0.1"), "id"]).await,
            "Too many authentication failures",
        );
    }
    refused(&server.ssh("wrong", &["letsbe-website@127.0.0.1"]).await, "Too many authentication failures");
    let log = server.log();
    let counted = log.matches("Failed password for letsbe-website from 127.0.0.1 port ").count();
    assert_eq!(
        counted, 3,
        "fail2ban's filter counts these lines, and a connection has no more of them: {log}"
    );

    let rotated =
        upload_operation(catalog(), &desired("static-website"), "static-website", credentials("newer"));
    let rotated = rotated.expect("fits").expect("it takes uploads");
    let state = carry_out(&server, "static-website", rotated).await;
    assert!(matches!(state, Assessment::Converged { .. }), "{state:?}");
    assert_ne!(server.sftp("right", "ls\n").await.code, 0, "the former password is no longer taken");
    assert_eq!(server.sftp("newer", "ls\n").await.code, 0);
    let other = upload_operation(catalog(), &desired("ghost"), "ghost", Credentials::default());
    assert!(other.expect("fits").is_none(), "other tools take no uploads");
}

#[tokio::test]
async fn an_audit_finds_no_fault_and_where_the_tool_is_gone_nothing_is_left_but_the_pages() {
    let server = served("right").await;
    let audit = server.run(&Command::words("ssh-audit --no-colors --port 22023 127.0.0.1")).await;
    let found = audit.expect("this test needs ssh-audit").stdout;
    assert!(found.contains("ssh-ed25519"), "{found}");
    let faults: Vec<&str> = found.lines().filter(|line| line.contains("[fail]")).collect();
    assert!(faults.is_empty(), "{faults:?}");

    // As the site's container, which nothing has stopped yet.
    let mut container = std::process::Command::new("sleep");
    let mut container = container.arg("600").uid(UPLOAD_ID).gid(UPLOAD_ID).spawn().expect("root starts it");
    let state = carry_out(&server, "ghost", operation("ghost")).await;
    container.kill().expect("it ends");
    container.wait().expect("it ended");
    assert!(matches!(state, Assessment::Skipped { .. }), "{state:?}");
    let passwd = std::fs::read_to_string(server.at("/etc/passwd")).expect("users");
    assert!(!passwd.contains("letsbe-website") && !server.runs(), "{passwd}");
    let unit = "/etc/systemd/system/letsbe-sftp";
    for gone in ["/etc/ssh/letsbe_sftp_config", &format!("{unit}.service"), &format!("{unit}-watch.service")]
    {
        assert!(!server.at(gone).exists(), "{gone}");
    }
    assert!(server.at(format!("{SITE}/old/page.html")).exists());
}
