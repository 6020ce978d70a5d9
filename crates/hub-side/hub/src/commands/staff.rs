//! Members of staff: who can log in to this Hub.

use std::io::{IsTerminal as _, Read as _};

use anyhow::{bail, ensure};
use letsbe_hub::{config::HubConfig, security};
use letsbe_store::Store;
use letsbe_types::{
    EmailAddress, Secret,
    clock::{Clock as _, SystemClock},
};
use rustix::termios;

use super::{Planned, Yes, asked, store};

/// Longer input than this is no password.
const PASSWORD_BYTES_MAX: u64 = 1024;
const PASSWORD_CHARACTERS_MIN: usize = 12;
/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Adds a member of staff, or gives one a new password; sessions with the old one end.
pub(crate) async fn add_staff(config: &HubConfig, email: &str, planned: Planned) -> anyhow::Result<()> {
    let email: EmailAddress = email.parse()?;
    if planned.plan {
        let everybody = store(config, planned).await?.staff(SystemClock.now()).await?;
        match everybody.iter().find(|member| member.email == email.as_str()) {
            Some(member) => {
                println!("{email} would get a new password; sessions that would end: {}.", member.sessions)
            }
            None => println!("{email} would be able to log in."),
        }
        return Ok(());
    }
    let password = read_password().await?;
    let store = store(config, planned).await?;
    let hash = security::hash_password(password).await?;
    store.save_staff(email.as_str(), &hash, SystemClock.now()).await?;
    println!("{email} can log in.");
    Ok(())
}

/// Lists who can log in.
pub(crate) async fn list_staff(config: &HubConfig, json: bool) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let everybody = Store::open(&config.database()?).await?.staff(now).await?;
    if json {
        let told = everybody.iter().map(|member| {
            serde_json::json!({
                "email": member.email, "created_at": member.created_at, "sessions": member.sessions,
            })
        });
        println!("{}", serde_json::Value::from_iter(told));
        return Ok(());
    }
    if everybody.is_empty() {
        println!("Nobody can log in yet: letsbe-hub add-staff --email you@example.com");
    }
    for member in everybody {
        let sessions = match member.sessions {
            0 => "not logged in".to_owned(),
            1 => "1 session".to_owned(),
            several => format!("{several} sessions"),
        };
        println!("{}  since {}  {sessions}", member.email, member.created_at.format("%Y-%m-%d"));
    }
    Ok(())
}

/// Removes a member of staff; the sessions end at once.
pub(crate) async fn remove_staff(
    config: &HubConfig,
    email: &str,
    planned: Planned,
    yes: Yes,
) -> anyhow::Result<()> {
    let email: EmailAddress = email.parse()?;
    let store = store(config, planned).await?;
    let everybody = store.staff(SystemClock.now()).await?;
    let known = everybody.iter().any(|member| member.email == email.as_str());
    ensure!(
        known,
        "{email} is not a member of staff; `letsbe-hub list-staff` lists them. Nothing was changed."
    );
    ensure!(
        everybody.len() > 1,
        "{email} is the last member of staff: nobody could log in any more. Add another one first. Nothing was changed."
    );
    let consequence = format!("{email} can log in no more, and the sessions end at once.");
    if planned.plan {
        println!("{consequence} Nothing was changed.");
        return Ok(());
    }
    asked::by_name(email.as_str(), &consequence, yes)?;
    store.remove_staff(email.as_str()).await?;
    println!("{email} can log in no more; the sessions have ended.");
    Ok(())
}

/// From a terminal, twice and without showing it; else all of standard input.
async fn read_password() -> anyhow::Result<Secret<String>> {
    let password = if std::io::stdin().is_terminal() {
        prompted().await?
    } else {
        let mut password = String::new();
        std::io::stdin().take(PASSWORD_BYTES_MAX).read_to_string(&mut password)?;
        password.trim_end_matches(['\r', '\n']).to_owned()
    };
    if password.chars().count() < PASSWORD_CHARACTERS_MIN {
        bail!("the password must have at least {PASSWORD_CHARACTERS_MIN} characters");
    }
    Ok(Secret::new(password))
}

/// Asks on the terminal. Whoever breaks off gets it back as it was, with what is typed shown.
async fn prompted() -> anyhow::Result<String> {
    let before = termios::tcgetattr(std::io::stdin())?;
    let prompt = format!("Password ({PASSWORD_CHARACTERS_MIN} characters or more)");
    let ask = || {
        dialoguer::Password::new()
            .with_prompt(prompt)
            .with_confirmation("Once more", "These were different.")
            .interact()
    };
    tokio::select! {
        password = tokio::task::spawn_blocking(ask) => Ok(password??),
        _ = tokio::signal::ctrl_c() => {
            let _ = termios::tcsetattr(std::io::stdin(), termios::OptionalActions::Now, &before);
            eprintln!("\nNothing was changed.");
            std::process::exit(INTERRUPTED);
        }
    }
}
