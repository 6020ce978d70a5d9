//! Somebody who pays, or does not, and a customer who brings a destination of his own for the copies.

use anyhow::ensure;
use serde_json::json;

use crate::{NODE, Target};

const OWNED: &str = "/root/owned-by-rclone";

/// A remote whose configuration is a command line: refused by the Hub, and by the server itself.
pub(crate) async fn destination(target: &Target) -> anyhow::Result<()> {
    let command = format!("/usr/bin/touch {OWNED}");
    for configuration in [
        format!("[far]\ntype = webdav\nurl = http://192.0.2.9/\nbearer_token_command = {command}\n"),
        format!("[far]\ntype = sftp\nhost = 192.0.2.9\nssh = {command}\n"),
        format!("[far]\ntype = sftp\nhost = 192.0.2.9\nserver_command = {command}\n"),
        "[far]\ntype = local\n".to_owned(),
        "[far]\ntype = alias\nremote = /\n".to_owned(),
    ] {
        let destination = json!({
            "kind": "rclone", "remote": "far", "path": "x", "configuration": configuration,
        });
        let file = target.fleet.folder.path().join("destination.json");
        std::fs::write(&file, destination.to_string())?;
        let order = target.order.to_string();
        let path = file.display().to_string();
        let said = target.letsbe(&["backups", "destination", &order, "--from", &path]).await;
        ensure!(said.is_err(), "the Hub took {configuration}");
        let words = [NODE, "backup", "destination", "set"];
        let said = target.host.exec_with_input(&words, destination.to_string().as_bytes()).await;
        ensure!(said.is_err(), "the server took {configuration}");
    }
    let left = target.host.script(&format!("ls {OWNED} 2>/dev/null || true")).await?;
    ensure!(left.is_empty(), "a command was run: {left}");
    Ok(())
}

/// Signed with no key, or for another price: nothing begins.
pub(crate) async fn payment(target: &Target) -> anyhow::Result<()> {
    let request = target.fleet.request("unpaid", &["static-website"]);
    let order = target.operator.order(&request).await?;
    let event = |id: &str, amount: u64| {
        json!({
            "id": id, "object": "event", "type": "checkout.session.completed", "livemode": false,
            "data": { "object": {
                "id": format!("cs_{id}"), "object": "checkout.session", "livemode": false, "mode": "subscription",
                "client_reference_id": order, "payment_status": "paid", "currency": "eur",
                "amount_subtotal": amount, "amount_total": amount, "subscription": format!("sub_{id}"),
            } },
        })
        .to_string()
    };
    let now = chrono::Utc::now().timestamp();
    let nobody =
        letsbe_simulators::stripe::Stripe::new(&target.fleet.hub.url, letsbe_types::Secret::from(""));
    let forged = nobody.send(now, &event("evt_forged", 1800)).await?;
    ensure!(forged == 400 || forged == 401, "an event that is signed with no key is answered with {forged}");
    let cheap = target.fleet.stripe.send(now, &event("evt_cheap", 1)).await?;
    ensure!(cheap == 200, "an event of Stripe's own is answered with {cheap}");
    let state = target.operator.look(order).await?.map(|order| order.summary.state);
    ensure!(state.as_deref() == Some("AWAITING_PAYMENT"), "the order is {state:?}");
    Ok(())
}
