//! Every tool with host names has an owner before it is reached, and the entry says how that is seen.

use std::collections::BTreeSet;

use crate::{CredentialCategory, Exchange, Kind, RenderError, StateMethod, Tool, exchange, template};

/// What is wrong with an entry's log-in, as field and reason.
pub(crate) fn check(tool: &Tool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut refuse = |field: &str, why: &str| found.push((field.to_owned(), why.to_owned()));
    match (&tool.setup, &tool.no_login) {
        (Some(_), Some(_)) => refuse("no_login", "a tool with a set-up has a log-in: leave one of them out"),
        (None, Some(reason)) if reason.trim().is_empty() => refuse("no_login", "is empty: say why"),
        (None, None) if tool.kind == Kind::Tool && !tool.vhosts.is_empty() => refuse(
            "setup",
            "is missing: the first visitor of its host names would own it; or say in no_login why nobody logs in",
        ),
        (Some(setup), None) => {
            if !setup.done_when.iter().any(|exchange| logs_in(tool, exchange)) {
                refuse("setup.done_when", "must log in with a credential of the category admin_password");
            }
            if tool.accounts_volume().is_none() {
                refuse("setup", "needs a volume in which the tool keeps its accounts");
            }
        }
        _ => {}
    }
    if tool.kind == Kind::Tool && !tool.vhosts.is_empty() && tool.public_probe().is_none() {
        refuse("functional", "must hold a GET without a credential: it is asked from outside");
    }
    found
}

/// Whether an exchange carries the owner's password.
fn logs_in(tool: &Tool, exchange: &Exchange) -> bool {
    let passwords = tool.credentials.iter().filter(|one| one.category == CredentialCategory::AdminPassword);
    let used = used(tool, exchange).unwrap_or_default();
    passwords.into_iter().any(|password| used.contains(&password.key))
}

fn used(tool: &Tool, exchange: &Exchange) -> Result<BTreeSet<String>, RenderError> {
    let file = format!("{}/tool.toml", tool.name);
    let mut names = BTreeSet::new();
    for text in exchange::templates(exchange) {
        names.extend(template::used(&file, &text, &template::Shared::new())?);
    }
    Ok(names)
}

impl Tool {
    /// The volume in which the tool keeps its accounts: its database's, else its first. What is known of its owner
    /// lasts as long as this volume does.
    #[must_use]
    pub fn accounts_volume(&self) -> Option<&str> {
        let database = self.state.iter().find(|state| state.method == StateMethod::DatabaseVolume);
        let kept = self.state.iter().filter(|state| state.method != StateMethod::Disposable);
        database.into_iter().chain(kept).find_map(|state| state.volume.as_deref())
    }

    /// What anybody may ask of the tool's first host name, and what must come back.
    #[must_use]
    pub fn public_probe(&self) -> Option<&Exchange> {
        let public = |exchange: &&Exchange| {
            let used = used(self, exchange).unwrap_or_default();
            exchange.method == "GET"
                && exchange.emit.is_none()
                && exchange.headers.is_empty()
                && !self.credentials.iter().any(|credential| used.contains(&credential.key))
        };
        self.functional.iter().find(public)
    }
}
