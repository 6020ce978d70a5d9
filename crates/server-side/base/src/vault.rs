//! The secrets of this server: where its vault lies, and what waits for it in `credentials.env`.

use letsbe_types::{Code, Problem, Secret};
use letsbe_vault::{Credentials, Mask, Vault, VaultFiles};
use rand::{SeedableRng as _, rngs::StdRng};

use crate::layout::Layout;

/// Where the vault lies.
#[must_use]
pub fn files(layout: &Layout) -> VaultFiles {
    VaultFiles::under(&layout.root())
}

/// Randomness for new secrets and keys.
#[must_use]
pub fn random() -> StdRng {
    StdRng::from_rng(&mut rand::rng())
}

/// What waits in `credentials.env`; `None` if there is no such file.
///
/// # Errors
/// `NODE041` when it cannot be read as what it is.
pub fn inbox(layout: &Layout) -> Result<Option<Credentials>, Problem> {
    let path = layout.credentials();
    let Some(content) = crate::files::read(&path)? else { return Ok(None) };
    let content = Secret::new(String::from_utf8_lossy(&content).into_owned());
    Credentials::from_file(content.expose()).map(Some).map_err(|error| {
        Problem::permanent(
            Code::NODE041,
            error.to_string(),
            "Restore the file from a backup. It is never made anew: the tools' databases know the old passwords.",
        )
    })
}

/// The credentials in force: the vault's, and what it does not know yet.
///
/// # Errors
/// When the vault cannot be opened or `credentials.env` cannot be read: nobody knows then what is secret.
pub fn credentials(layout: &Layout) -> Result<Option<Credentials>, Problem> {
    let (vault, inbox) = (Vault::open(&files(layout))?, inbox(layout)?);
    if vault.is_none() && inbox.is_none() {
        return Ok(None);
    }
    let mut all = vault.as_ref().map(Vault::present).unwrap_or_default();
    for (tool, key, value) in inbox.iter().flat_map(Credentials::iter) {
        all.insert_missing(tool, key, value.clone());
    }
    Ok(Some(all))
}

/// Takes every value out of what other programs said: present, coming and retired ones.
///
/// # Errors
/// As [`credentials`].
pub fn mask(layout: &Layout) -> Result<Mask, Problem> {
    let (vault, inbox) = (Vault::open(&files(layout))?, inbox(layout)?);
    Ok(Mask::of(vault.as_ref(), inbox.as_ref()))
}
