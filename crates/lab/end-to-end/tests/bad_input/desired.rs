//! A desired server that cannot be made is refused by field, before anything is connected to.

use std::net::TcpListener;

use letsbe_types::Tier;

use crate::{BadInput, run::Run};

const ADDRESS: &str = "127.0.0.2";

pub(crate) async fn is_refused(BadInput { site, .. }: &BadInput) -> anyhow::Result<()> {
    let listener = TcpListener::bind((ADDRESS, 0)).expect("a port");
    listener.set_nonblocking(true).expect("a setting");
    let port = listener.local_addr().expect("an address").port();
    let everything = "ghost,nextcloud,nocodb,odoo,wordpress,uptime-kuma,portainer,static-website";

    let good = site.job("desired", ADDRESS.parse().expect("an address"), &["static-website"]);
    let wrong = |change: &dyn Fn(&mut letsbe_types::job::ProvisionJob)| {
        let mut job = good.clone();
        job.first_port = port;
        change(&mut job);
        job
    };
    let too_much = || everything.split(',').map(str::to_owned).collect();
    let jobs = [
        (
            wrong(&|job| job.desired.tools = vec!["n8n".into()]),
            "NODE043",
            "tools[0]: there is no tool \"n8n\"",
        ),
        (wrong(&|job| job.desired.tools = vec![]), "NODE043", "tools: choose"),
        (
            wrong(&|job| (job.desired.tier, job.desired.tools) = (Tier::Lite, too_much())),
            "NODE043",
            "tools: these tools need",
        ),
        (wrong(&|job| job.desired.admin_keys.clear()), "HOST010", "admin_keys: no public key"),
        (wrong(&|job| job.desired.admin_keys = vec!["x".into()]), "HOST010", "admin_keys: not a public key"),
        (wrong(&|job| job.bundle = site.folder.path().join("nowhere")), "NODE001", "nowhere"),
    ];
    for (job, code, words) in &jobs {
        Run::provisioner(site, job).await.end().await.refused(code, &[words]);
    }

    let port_text = port.to_string();
    let calls = [
        (vec![("--tools", "static-website,n8n")], "tools[1]: there is no tool \"n8n\""),
        (vec![("--tier", "lite"), ("--tools", everything)], "tools: these tools need"),
    ];
    for (mut more, words) in calls {
        more.push(("--first-port", &port_text));
        Run::cli(site, "desired", ADDRESS, &more).await.end().await.refused("NODE043", &[words]);
    }
    let connected = listener.accept().map(|(_, from)| from);
    assert!(connected.is_err(), "somebody connected: {connected:?}");
    site.say("desired: refused by field");
    Ok(())
}
