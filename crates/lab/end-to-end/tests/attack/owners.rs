//! Every tool's owner logs in from outside, with the password that lies in his vault.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, ensure};
use letsbe_lab::{fleet::eventually, vault::host_credentials};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect::Policy};
use serde_json::{Value, json};

use crate::{Target, kuma};

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn log_in(target: &Target) -> anyhow::Result<()> {
    let address = SocketAddr::new(target.host.address.into(), 0);
    let labels = ["blog", "www", "tables", "status", "crm", "containers", "files"];
    let names = labels.map(|label| format!("{label}.{}", target.domain));
    let builder = Client::builder().no_proxy().timeout(PATIENCE).redirect(Policy::none());
    let builder = builder.tls_danger_accept_invalid_certs(true);
    let client = names.iter().fold(builder, |builder, name| builder.resolve(name, address)).build()?;
    let credentials = host_credentials(&target.host).await?;
    let sites = names.map(|name| format!("https://{name}"));
    let [blog, www, tables, status, crm, containers, files] = &sites;
    let (client, email) = (&client, target.owner_email.as_str());
    let password = |tool: &str| {
        let value = credentials.get(tool, "admin_password").with_context(|| format!("{tool}'s password"))?;
        anyhow::Ok(value.expose().clone())
    };

    let login = json!({ "username": email, "password": password("ghost")? });
    let session = client.post(format!("{blog}/ghost/api/admin/session/")).header("origin", blog);
    let session = patiently(session.json(&login)).await?;
    ensure!(session.status() == 201, "Ghost: {}", session.status());

    let form = [("log", email.to_owned()), ("pwd", password("wordpress")?)];
    let login = patiently(client.post(format!("{www}/wp-login.php")).form(&form)).await?;
    ensure!(login.status() == 302, "WordPress: {}", login.status());
    let cookies = login.headers().get_all("set-cookie");
    let cookies = cookies.iter().filter_map(|value| value.to_str().ok()?.split(';').next());
    let cookies: Vec<&str> = cookies.collect();
    let users = client.get(format!("{www}/wp-admin/users.php")).header("cookie", cookies.join("; "));
    let users = users.send().await?;
    let (code, page) = (users.status(), users.text().await?);
    ensure!(code == 200 && page.contains(email) && !page.contains("mallory"), "WordPress' users: {code}");

    let login = json!({ "email": email, "password": password("nocodb")? });
    let token = answer(client, &format!("{tables}/api/v1/auth/user/signin"), &login).await?;
    ensure!(token["token"].is_string(), "NocoDB: {token}");

    let call = json!({ "jsonrpc": "2.0", "method": "call", "id": 1, "params": {
        "service": "common", "method": "login", "args": ["odoo", email, password("odoo")?] } });
    let number = answer(client, &format!("{crm}/jsonrpc"), &call).await?;
    ensure!(number["result"] == 2, "Odoo: {number}");

    let login = json!({ "Username": "admin", "Password": password("portainer")? });
    let token = answer(client, &format!("{containers}/api/auth"), &login).await?;
    ensure!(token["jwt"].is_string(), "Portainer: {token}");

    let who = client.get(format!("{files}/ocs/v2.php/cloud/user?format=json"));
    let who = who.basic_auth("admin", Some(password("nextcloud")?)).header("OCS-APIRequest", "true");
    let who: Value = patiently(who).await?.json().await?;
    ensure!(who["ocs"]["data"]["id"] == "admin", "Nextcloud: {who}");

    let login = json!({ "username": email, "password": password("uptime-kuma")?, "token": "" });
    let let_in = kuma::emit(client, status, &json!(["login", login])).await?;
    ensure!(let_in[0]["ok"] == true, "Uptime Kuma: {let_in}");
    Ok(())
}

async fn answer(client: &Client, url: &str, body: &Value) -> anyhow::Result<Value> {
    Ok(patiently(client.post(url).json(body)).await?.json().await?)
}

/// The owner sits where the stranger sat, whose attempts have used up what nginx lets through from there: he is let in
/// as soon as he is no longer told to wait.
async fn patiently(request: RequestBuilder) -> anyhow::Result<Response> {
    eventually("nginx lets a log-in through", PATIENCE, async || {
        let request = request.try_clone().context("a request that can be sent again")?;
        let response = request.send().await?;
        Ok((response.status() != StatusCode::TOO_MANY_REQUESTS).then_some(response))
    })
    .await
}
