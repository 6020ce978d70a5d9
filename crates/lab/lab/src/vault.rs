//! The secrets of a lab server, read as its operator could: vault and key together, opened outside of it.

use anyhow::{Context as _, ensure};
use letsbe_types::Secret;
use letsbe_vault::{CREDENTIALS_FILE, Credentials, Entry, Origin, REGISTRY_KEY_FILE, VAULT_FILE, Vault};

use crate::{hosts::Host, scan::Named};

async fn read(host: &Host, file: &str) -> anyhow::Result<Option<String>> {
    let there = host.exec(&["find", file, "-maxdepth", "0"]).await.is_ok();
    if !there {
        return Ok(None);
    }
    Ok(Some(host.exec(&["cat", file]).await?))
}

/// The vault of a server; `None` before step 10 has made it.
///
/// # Errors
/// When it cannot be opened.
pub async fn host_vault(host: &Host) -> anyhow::Result<Option<Vault>> {
    let Some(mut sealed) = read(host, VAULT_FILE).await? else { return Ok(None) };
    let key = read(host, REGISTRY_KEY_FILE).await?.context("a vault without a key")?;
    // What is printed may have lost its last line's end.
    if !sealed.ends_with('\n') {
        sealed.push('\n');
    }
    Ok(Some(Vault::unseal(&sealed, key.trim_end())?))
}

/// The credentials in force on a server: the vault's, and those that wait for it.
///
/// # Errors
/// When vault or file cannot be read, or there is neither.
pub async fn host_credentials(host: &Host) -> anyhow::Result<Credentials> {
    let vault = host_vault(host).await?;
    let inbox = read(host, CREDENTIALS_FILE).await?.map(Secret::new);
    ensure!(vault.is_some() || inbox.is_some(), "the server has no credentials yet");
    let mut all = vault.as_ref().map(Vault::present).unwrap_or_default();
    if let Some(inbox) = inbox {
        for (tool, key, value) in Credentials::from_file(inbox.expose())?.iter() {
            all.insert_missing(tool, key, value.clone());
        }
    }
    Ok(all)
}

/// Every value of a vault that was made on its server: present, coming and retired ones.
#[must_use]
pub fn made_there(vault: &Vault) -> Vec<Named> {
    values(vault, |entry| entry.origin != Origin::Given)
}

/// Every value of a vault that was given to its server: the Hub knows it, too.
#[must_use]
pub fn given_to_it(vault: &Vault) -> Vec<Named> {
    values(vault, |entry| entry.origin == Origin::Given)
}

fn values(vault: &Vault, wanted: impl Fn(&Entry) -> bool) -> Vec<Named> {
    let unwanted: Vec<String> = vault
        .entries()
        .filter(|(_, _, entry)| !wanted(entry))
        .map(|(tool, key, _)| format!("{tool}/{key}"))
        .collect();
    let all = vault.every_value().filter(|(name, _)| !unwanted.contains(name));
    all.map(|(name, value)| Named { name: format!("the vault's {name}"), value: value.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use letsbe_vault::{Origin, Vault};

    use super::{given_to_it, made_there};

    #[test]
    fn every_value_of_a_vault_is_looked_for_under_its_name() {
        let mut vault = Vault::default();
        let now = chrono::Utc::now();
        vault.put("ghost", "a", "one".into(), Origin::Made, now);
        vault.put("ghost", "a", "two".into(), Origin::Made, now);
        vault.put("models", "openrouter", "three".into(), Origin::Given, now);
        let told = |named: Vec<crate::scan::Named>| {
            named.into_iter().map(|it| format!("{} {}", it.name, it.value.expose())).collect::<Vec<_>>()
        };
        assert_eq!(told(made_there(&vault)), ["the vault's ghost/a two", "the vault's ghost/a one"]);
        assert_eq!(told(given_to_it(&vault)), ["the vault's models/openrouter three"]);
    }
}
