//! What containers may not do, and what nginx does about guessing and about other sites' requests.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
};

use letsbe_catalog::{Door, Selection, SiteFile, ToolId, render_sites};
use letsbe_types::Tier;
use serde_json::Value;

use crate::{
    context,
    front::{Front, Running},
    stack,
    support::shipped,
};

#[test]
fn every_container_has_few_capabilities_and_a_bound_of_processes() {
    let catalog = shipped();
    let mut more = Vec::new();
    for tool in catalog.platform().chain(catalog.tools()) {
        let document: Value = serde_saphyr::from_str(&stack(tool).compose).expect("YAML");
        for (name, service) in document["services"].as_object().expect("services") {
            let place = format!("{}/{name}", tool.name);
            assert!(service["pids_limit"].as_u64().is_some_and(|most| most <= 1024), "{place}");
            assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{place}");
            assert_eq!(service["security_opt"], serde_json::json!(["no-new-privileges:true"]), "{place}");
            let few =
                ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"];
            let added = service["cap_add"].as_array().cloned().unwrap_or_default();
            let others = added.iter().filter_map(Value::as_str).filter(|one| !few.contains(one));
            more.extend(others.map(|capability| format!("{place} {capability}")));
        }
    }
    assert_eq!(more, ["nextcloud/app AUDIT_WRITE", "uptime-kuma/app NET_RAW"]);
    // Ours need none at all.
    for name in ["openclaw", "secrets-proxy"] {
        let tool = catalog.platform().find(|tool| tool.name.as_str() == name).expect("is there");
        assert!(!stack(tool).compose.contains("cap_add"), "{name}");
    }
}

/// Answers every request with its head, on a port of its own, for as long as the test runs.
fn tool() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| answer(stream).unwrap_or(())));
    port
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut part = [0; 4096];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Ok(());
        }
        head.extend_from_slice(&part[..read]);
    }
    let body = format!("{}{}", String::from_utf8_lossy(&head), "x".repeat(4000));
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// nginx before WordPress and Ghost, which are both this.
fn front(front: &Front) -> Running {
    fs::set_permissions(front.folder.path(), fs::Permissions::from_mode(0o755)).expect("mode");
    let (catalog, port) = (shipped(), tool());
    let tools: Vec<ToolId> = ["ghost", "wordpress"].map(|name| name.parse().expect("id")).into();
    let selection = Selection { tier: Tier::Enterprise, tools };
    let mut sites =
        render_sites(&catalog, &selection, &context(), |_| Door::Open(&front.certificate)).expect("sites");
    for SiteFile { contents, .. } in &mut sites {
        for its in ["3029", "3030"] {
            *contents = contents.replace(&format!("127.0.0.1:{its}"), &format!("127.0.0.1:{port}"));
        }
    }
    Running::start(front, &sites)
}

#[test]
fn guessing_passwords_is_slowed_down_and_nothing_else_is() {
    let files = Front::new();
    let nginx = front(&files);
    let site = "https://www.bakery.example";
    let post = |path: &str| {
        let (code, reply) = nginx.ask_with(&format!("{site}{path}"), &["-i", "--path-as-is", "-d", "log=a"]);
        assert_eq!(code, 0, "{reply}");
        reply.to_ascii_lowercase()
    };
    let limited = |path: &str| (0..100).map(|_| post(path)).find(|reply| reply.contains(" 429 "));
    let refused = limited("/wp-login.php").expect("nobody stops the guessing");
    assert!(refused.contains("retry-after: 60"), "{refused}");
    for same in [
        "/wp-login.php?a=b",
        "//wp-login.php",
        "/wp-login.php/x",
        "/%77p-login.php",
        "/x/../wp-login.php",
        "/xmlrpc.php",
    ] {
        assert!(limited(same).is_some(), "{same} is a way around");
    }
    // Reading the page, and all other work, goes on.
    let (_, page) = nginx.ask_with(&format!("{site}/wp-login.php"), &[]);
    assert!(page.contains(" 200 "), "{page}");
    for _ in 0..60 {
        let reply = post("/wp-admin/admin-ajax.php");
        assert!(reply.contains(" 200") && !reply.contains("retry-after"), "{reply}");
    }
}

#[test]
fn what_another_site_lets_a_browser_ask_is_not_compressed() {
    let files = Front::new();
    let nginx = front(&files);
    let ask = |from: Option<&str>| {
        let from = from.map(|site| format!("Sec-Fetch-Site: {site}"));
        let mut options = vec!["-i", "-H", "Accept-Encoding: gzip"];
        options.extend(from.iter().flat_map(|header| ["-H", header]));
        let (code, reply) = nginx.ask_with("https://blog.bakery.example/search?q=guess", &options);
        assert_eq!(code, 0, "{reply}");
        reply.to_ascii_lowercase()
    };
    for ours in [None, Some("same-origin"), Some("none")] {
        assert!(ask(ours).contains("content-encoding: gzip"), "{ours:?}");
    }
    for foreign in ["cross-site", "same-site"] {
        let reply = ask(Some(foreign));
        assert!(reply.contains(" 200 ") && !reply.contains("content-encoding"), "{foreign}: {reply}");
        // The tool is not asked for it either.
        assert!(reply.contains("get /search?q=guess") && !reply.contains("accept-encoding: "), "{reply}");
        assert!(reply.contains("x-forwarded-proto: https"), "{reply}");
    }
}
