//! A site that comes back: on its own server by a restore, and on another one after the first was lost.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use letsbe_host::{Assessment, Command, Machine as _};
use letsbe_stacks::uploads_restored;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::{Namespace, SITE, carry_out, catalog, credentials, operation, served};

/// Mode and owner of what is on the site.
fn whose(server: &Namespace, name: &str) -> (u32, u32, u32) {
    let found = std::fs::metadata(server.at(format!("{SITE}/{name}"))).expect(name);
    (found.permissions().mode() & 0o777, found.uid(), found.gid())
}

async fn uploaded(server: &Namespace) {
    let page = server.file("page.html", "<html>bread");
    let batch = format!("put {page} index.html\nchmod 600 index.html\nmkdir menu\nput {page} menu/a.html\n");
    let said = server.sftp("right", &batch).await;
    assert_eq!(said.code, 0, "{said:?}");
}

#[tokio::test]
async fn a_site_that_a_restore_has_exchanged_is_what_its_owner_sees_and_changes() {
    let server = served("right").await;
    uploaded(&server).await;
    // As a restore does it: a set that is older than uploads is root's, and its folder takes the place of the other.
    let beside = "/opt/letsbe/data/.stage-0badcafe";
    std::fs::create_dir_all(server.at(format!("{beside}/shop"))).expect("made");
    std::fs::write(server.at(format!("{beside}/index.html")), "<html>older").expect("written");
    renameat_with(CWD, server.at(SITE), CWD, server.at(beside), RenameFlags::EXCHANGE).expect("exchanged");
    let catalog = catalog();
    let tool = catalog.tools().find(|tool| tool.upload.is_some()).expect("one takes uploads");
    for command in uploads_restored(tool) {
        assert!(server.run(&command).await.expect("it runs").success(), "{command}");
    }
    for name in ["", "index.html", "shop"] {
        let (_, user, group) = whose(&server, name);
        assert_eq!((user, group), (22023, 22023), "{name}");
    }
    let page = server.file("page.html", "<html>newest");
    let said = server.sftp("right", &format!("ls\nput {page} shop/a.html\nput {page} index.html\n")).await;
    assert!(said.code == 0 && said.text.contains("shop") && !said.text.contains("menu"), "{said:?}");
    let shown = std::fs::read_to_string(server.at(format!("{SITE}/index.html"))).expect("it is there");
    assert_eq!(shown, "<html>newest", "what is uploaded now is on the site that is shown");
    let again = carry_out(&server, "static-website", operation("static-website")).await;
    assert!(matches!(again, Assessment::Converged { .. }), "{again:?}");
}

#[tokio::test]
async fn on_another_server_the_pages_their_owner_and_his_login_are_those_of_the_one_that_was_lost() {
    let lost = served("right").await;
    uploaded(&lost).await;
    let other = Namespace::new().await;
    // The vault and the pages come back before uploads are served, with the numbers that they had.
    let path = other.at(letsbe_vault::CREDENTIALS_FILE);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, credentials("right").to_file().expose()).expect("written");
    std::fs::create_dir_all(other.at("/opt/letsbe/data")).expect("made");
    let (from, to) = (lost.at(SITE).display().to_string(), other.at(SITE).display().to_string());
    let mut copy = std::process::Command::new("cp");
    assert!(copy.args(["-a", &from, &to]).status().expect("cp").success());
    drop(lost);

    let state = carry_out(&other, "static-website", operation("static-website")).await;
    assert!(matches!(state, Assessment::Converged { .. }), "{state:?}");
    assert_eq!(whose(&other, "index.html"), (0o600, 22023, 22023));
    assert_eq!(whose(&other, "menu/a.html").1, 22023);
    let stat = other.run(&Command::new("stat", ["-c", "%U", &format!("{SITE}/index.html")])).await;
    assert_eq!(stat.expect("stat").stdout.trim(), "letsbe-website", "the user has the number there, too");
    assert_ne!(other.sftp("wrong", "ls\n").await.code, 0);
    let page = other.file("page.html", "<html>newer");
    let said = other.sftp("right", &format!("put {page} index.html\nrm menu/a.html\nrmdir menu\n")).await;
    assert_eq!(said.code, 0, "{said:?}");
}
