//! Logging in to a Hub, out of it, and who is logged in.

use std::io::IsTerminal as _;

use letsbe_types::api::OrderSummary;
use serde::{Deserialize, Serialize};

use super::{Hub, client, read, sent};
use crate::{
    logins::{Login, Logins},
    style, terminal,
};

#[derive(Serialize)]
struct Credentials<'a> {
    email: &'a str,
    password: &'a str,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

/// Exchanges a password for a token and keeps the token, for its owner and this Hub only.
pub(crate) async fn login(named: Option<&str>, email: &str, json: bool) -> anyhow::Result<()> {
    let mut logins = Logins::read()?;
    let base = logins.hub(named)?;
    let password = read_password().await?;
    let credentials = Credentials { email, password: &password };
    let request = client()?.post(format!("{base}/api/v1/admin/login")).json(&credentials);
    let Token { token } = read(sent(request, &base).await?, &base, email).await?.data;
    logins.add(&base, Login { token, email: email.to_owned() });
    let path = logins.write()?;
    if json {
        return style::say_json(&serde_json::json!({"logged_in_as": email, "hub": base, "logins": path}));
    }
    style::say(&format!("{} logged in to {base} as {email}", style::Level::Fine.mark()));
    Ok(())
}

/// Ends the session at the Hub and forgets it here. A Hub that is away, or knows the session no more, stops nobody.
pub(crate) async fn logout(named: Option<&str>, json: bool) -> anyhow::Result<()> {
    let mut logins = Logins::read()?;
    let base = logins.hub(named)?;
    let login = logins.at(&base)?.clone();
    let request = client()?.post(format!("{base}/api/v1/admin/logout")).bearer_auth(&login.token).json(&());
    let ended = request.send().await.is_ok_and(|reply| reply.status().is_success());
    logins.remove(&base);
    logins.write()?;
    if json {
        return style::say_json(&serde_json::json!({"hub": base, "session_ended": ended}));
    }
    style::say(&format!("{} logged out of {base}", style::Level::Fine.mark()));
    if !ended {
        style::say("  The Hub did not confirm it: the session there ends by itself.");
    }
    Ok(())
}

/// Says who is logged in where, and whether the Hub still takes the session.
pub(crate) async fn whoami(named: Option<&str>, json: bool) -> anyhow::Result<()> {
    let logins = Logins::read()?;
    let base = logins.hub(named)?;
    let email = logins.at(&base)?.email.clone();
    let _: Vec<OrderSummary> = Hub::open(Some(&base))?.get("/api/v1/admin/orders?pageSize=1").await?;
    if json {
        return style::say_json(&serde_json::json!({"hub": base, "email": email}));
    }
    style::say(&format!("{email} at {base}"));
    Ok(())
}

/// Reads a password: from the terminal without showing it, or the first line of standard input.
async fn read_password() -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        return terminal::asked(|| dialoguer::Password::new().with_prompt("Password").interact()).await;
    }
    let mut password = String::new();
    std::io::stdin().read_line(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(
        !password.is_empty(),
        "no password was given: type it on a terminal, or give it on standard input"
    );
    Ok(password.to_owned())
}
