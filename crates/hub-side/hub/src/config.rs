//! The Hub's configuration: one TOML file, every field checked at start.

mod backups;
mod database;
mod models;
mod ready;
mod unpaid;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use chrono::TimeDelta;
use letsbe_lifecycle::order::Pace;
use letsbe_types::{
    Code, EmailAddress, Problem, Secret,
    job::{CertificateAuthority, DockerSource},
};
use serde::Deserialize;
use thiserror::Error;

pub use backups::{BackupsConfig, HubBackupConfig, KeysFrom, S3Config};
pub use database::{moved_note, named_database};
pub use models::{Delivery, ModelsConfig, ProviderConfig};
pub use unpaid::UnpaidConfig;

use crate::{
    controllers::is_recipient,
    security::secret_file::{self, Form},
};

/// Why the configuration was refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not as it should be.
    #[error("{}: {why}", .path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// Line, field and reason, as the parser words it.
        why: String,
    },
}

/// All settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address at which tenants and people reach the Hub, for example `https://hub.example.com`.
    pub public_url: String,
    /// Folder of the database, keys and job files (mode 0700).
    pub data_folder: PathBuf,
    /// The database, `sqlite:<file>` or `postgres://<user>@<host>/<database>`; `hub.sqlite` in the data folder unless given.
    #[serde(default)]
    pub database: Option<String>,
    /// File with the password of a database of PostgreSQL (mode 0600).
    #[serde(default)]
    pub database_password_file: Option<PathBuf>,
    /// Folder of the catalog.
    pub catalog_folder: PathBuf,
    /// Stripe.
    pub stripe: StripeConfig,
    /// Where servers come from.
    pub servers: ServersConfig,
    /// How DNS is looked at.
    #[serde(default)]
    pub dns: DnsConfig,
    /// How servers are provisioned.
    pub provisioning: ProvisioningConfig,
    /// Which models the tenants' AI teams may use; without it they have none.
    #[serde(default)]
    pub models: Option<ModelsConfig>,
    /// Who can open the keys that tenants' servers seal away.
    #[serde(default)]
    pub escrow: EscrowConfig,
    /// Where tenants' backups go outside their servers; without it each destination is set by hand.
    #[serde(default)]
    pub backups: BackupsConfig,
    /// How mail leaves.
    pub mail: MailConfig,
    /// How long to wait for what.
    #[serde(default)]
    pub pace: PaceConfig,
    /// How long an order waits for its payment.
    #[serde(default)]
    pub unpaid: UnpaidConfig,
}

/// Stripe's part.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeConfig {
    /// File with the webhook's signing secret (mode 0600).
    pub webhook_secret_file: PathBuf,
    /// Which money counts.
    #[serde(default)]
    pub mode: StripeMode,
    /// Whether an order begins for which nothing had to be paid (a coupon of 100 %).
    #[serde(default)]
    pub free_orders: bool,
}

/// Which money counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StripeMode {
    /// Real money.
    #[default]
    Live,
    /// Stripe's test mode.
    Test,
}

/// What a payment must be, beside its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentTerms {
    /// Whether real money counts, or that of Stripe's test mode.
    pub live: bool,
    /// Whether an order begins for which nothing had to be paid.
    pub free: bool,
}

/// Where servers come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub enum ServersConfig {
    /// AUTO: from the pool of servers bought at Netcup.
    Netcup {
        /// Base address of the SCP API; Netcup's own unless given.
        api_url: String,
        /// Base address of the Keycloak realm.
        realm_url: String,
        /// File that keeps the refresh token (written by `letsbe-hub netcup-login`).
        refresh_token_file: PathBuf,
        /// Templates that a server carries as delivered (Netcup shows the product there, as in "VPS 1000 G12"); a
        /// server with any other is never taken. Empty: only servers without one.
        #[serde(default)]
        delivered_templates: BTreeSet<String>,
    },
    /// MANUAL: the operator assigns each server.
    Manual,
}

/// How DNS is looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsConfig {
    /// Resolver to start from; the system's own unless given.
    pub resolver: Option<SocketAddr>,
}

/// How servers are provisioned.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisioningConfig {
    /// The provisioner program.
    pub provisioner: PathBuf,
    /// Folder with `letsbe-node` and `catalog/`.
    pub bundle: PathBuf,
    /// Private key for all tenants' servers; made by `letsbe-hub init`.
    pub private_key: PathBuf,
    /// Further public keys that may log in as `letsbe-admin`.
    #[serde(default)]
    pub operator_keys: Vec<String>,
    /// IANA name for new servers.
    pub timezone: String,
    /// Where Docker comes from.
    pub docker: DockerSource,
    /// Mirrors of the public image registry.
    #[serde(default)]
    pub registry_mirrors: Vec<String>,
    /// Where certificates come from.
    pub certificates: CertificateAuthority,
}

/// Who can open the keys that tenants' servers seal away (the backup key and the vault's key).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscrowConfig {
    /// age recipients, `age1…`.
    #[serde(default)]
    pub recipients: Vec<String>,
}

/// How mail leaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// `smtps://user:password@host`, `smtp://host:port` (no encryption: private addresses only).
    pub smtp_url_file: PathBuf,
    /// Sender.
    pub from: EmailAddress,
    /// Who is written to when something waits for a person; every member of staff unless given.
    #[serde(default)]
    pub staff: Vec<EmailAddress>,
}

/// How long to wait for what, in seconds. The runbook's values unless given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaceConfig {
    /// Before the first, second and third retry.
    pub retries: [u32; 3],
    /// Between two looks into an empty pool.
    pub pool: u32,
    /// Between two looks at incomplete DNS.
    pub dns: u32,
    /// How long a worker's lease lasts; it is extended at a third of this.
    pub lease: u32,
}

impl Default for PaceConfig {
    fn default() -> Self {
        Self { retries: [60, 300, 900], pool: 60, dns: 60, lease: 30 }
    }
}

impl StripeConfig {
    /// What a payment must be.
    #[must_use]
    pub fn terms(&self) -> PaymentTerms {
        PaymentTerms { live: self.mode == StripeMode::Live, free: self.free_orders }
    }

    /// The webhook's signing secret.
    ///
    /// # Errors
    /// When the file is not as it must be.
    pub fn secret(&self) -> Result<Secret<String>, Problem> {
        secret(&self.webhook_secret_file, Form::StripeSecret)
    }
}

impl MailConfig {
    /// Where mail goes out.
    ///
    /// # Errors
    /// When the file is not as it must be.
    pub fn url(&self) -> Result<Secret<String>, Problem> {
        secret(&self.smtp_url_file, Form::Word)
    }
}

fn secret(path: &Path, form: Form) -> Result<Secret<String>, Problem> {
    secret_file::read(path, form).map_err(|why| {
        let message = format!("{} cannot be used: {why}.", path.display());
        Problem::permanent(Code::HUB010, message, "Put the file right, then start the Hub again.")
    })
}

impl ServersConfig {
    /// Templates that a free server may carry.
    #[must_use]
    pub fn delivered_templates(&self) -> BTreeSet<String> {
        match self {
            Self::Netcup { delivered_templates, .. } => delivered_templates.clone(),
            Self::Manual => BTreeSet::new(),
        }
    }
}

impl PaceConfig {
    /// As the order machine wants it.
    #[must_use]
    pub fn pace(&self) -> Pace {
        let seconds = |value: u32| TimeDelta::seconds(value.into());
        Pace { retries: self.retries.map(seconds), pool: seconds(self.pool), dns: seconds(self.dns) }
    }
}

impl EscrowConfig {
    fn problem(&self) -> Option<String> {
        let wrong = self.recipients.iter().find(|recipient| !is_recipient(recipient))?;
        Some(format!("escrow.recipients: {wrong:?} is no age recipient (age1…)"))
    }
}

/// The database of SQLite in the data folder, and in a backup of the Hub.
pub const DATABASE: &str = "hub.sqlite";

impl HubConfig {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// When it cannot be read, or a field is missing, unknown or wrong.
    pub fn load(path: &std::path::Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(read)?;
        let refused = |why| ConfigError::Content { path: path.to_owned(), why };
        let config: Self =
            toml::from_str(&text).map_err(|error| refused(without_its_value(&text, &error)))?;
        let models = config.models.as_ref().and_then(ModelsConfig::problem);
        let others = || config.backups.problem().or_else(|| config.unpaid.problem());
        let models = models.or_else(|| config.database_problem());
        match models.or_else(|| config.escrow.problem()).or_else(others) {
            Some(why) => Err(refused(why)),
            None => Ok(config),
        }
    }
}

/// What is wrong, and in which line with its key. What the line says is not told: somebody may have written a secret
/// instead of its file.
fn without_its_value(text: &str, error: &toml::de::Error) -> String {
    let start = error.span().map_or(0, |span| span.start);
    let number = text.bytes().take(start).filter(|byte| *byte == b'\n').count();
    let line = text.lines().nth(number).unwrap_or_default();
    let key = line.split_once('=').map_or("", |(key, _)| key.trim());
    let is_key =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.".contains(&byte));
    let key = if is_key { format!(" ({key})") } else { String::new() };
    format!("line {}{key}: {}", number + 1, error.message())
}

#[cfg(test)]
mod tests {
    use super::{HubConfig, ServersConfig, UnpaidConfig};

    #[test]
    fn the_example_configuration_is_accepted_and_unknown_fields_are_not() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/hub.example.toml");
        let config = HubConfig::load(path.as_ref()).unwrap();
        assert!(matches!(config.servers, ServersConfig::Netcup { .. }));
        assert_eq!(config.pace.pace(), letsbe_lifecycle::order::Pace::default());
        assert_eq!(config.unpaid, UnpaidConfig::default());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hub.toml");
        let text = std::fs::read_to_string(path).unwrap();
        std::fs::write(&file, text.replace("[pace]", "[pace]\nretires = [1]")).unwrap();
        let refused = HubConfig::load(&file).unwrap_err().to_string();
        assert!(refused.contains("retires") && refused.contains("hub.toml"), "{refused}");
    }

    #[test]
    fn a_secret_in_the_place_of_its_file_is_refused_by_line_and_not_quoted() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/hub.example.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let at = text.lines().position(|line| line.starts_with("webhook_secret_file")).unwrap() + 1;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hub.toml");
        let right = "webhook_secret_file = \"/etc/letsbe/stripe-webhook-secret\"";
        for wrong in [
            "webhook_secret = \"whsec_canary\"",
            "webhook_secret_file = \"whsec_canary",
            "webhook_secret_file = whsec_canary",
            "webhook_secret_file = [\"whsec_canary\"]",
            "webhook_secret_file = \"a\"\nwebhook_secret_file = \"whsec_canary\"",
            "stripe.webhook_secret_file = 'whsec_canary'",
        ] {
            std::fs::write(&file, text.replace(right, wrong)).unwrap();
            let refused = HubConfig::load(&file).unwrap_err().to_string();
            assert!(!refused.contains("canary") && refused.contains("hub.toml"), "{wrong}: {refused}");
            let line = |line: usize| refused.contains(&format!("line {line}"));
            assert!(line(at) || line(at + 1) || refused.contains("missing field"), "{wrong}: {refused}");
        }
    }

    #[test]
    fn models_and_recipients_that_cannot_work_are_refused_by_name() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/hub.example.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let (before, rest) = text.split_once("# [models]").unwrap();
        let (models, after) = rest.split_once("# The end of the models.").unwrap();
        // The example stands in comments: it is read too.
        let models = format!("# [models]{models}").replace("\n# ", "\n").replacen("# ", "", 1);
        let folder = tempfile::tempdir().unwrap();
        let load = |models: &str, after: &str| {
            let file = folder.path().join("hub.toml");
            std::fs::write(&file, format!("{before}{models}\n{after}")).unwrap();
            HubConfig::load(&file).map_err(|error| error.to_string())
        };
        let config = load(&models, after).unwrap();
        assert_eq!(config.models.unwrap().models[0].chain.len(), 2);
        for (part, other, named) in [
            ("name = \"openrouter\"", "name = \"Open Router\"", "no short name"),
            ("provider = \"openrouter\"", "provider = \"nobody\"", "nobody"),
            ("https://", "ftp://", "base_url"),
            ("key_file = \"/etc/letsbe/openrouter-key\"", "", "no key_file"),
            ("key_file", "delivery = \"tenant\"\nkey_file", "vault"),
            ("key_file", "delivery = \"everybody\"\nkey_file", "delivery"),
        ] {
            let refused = load(&models.replacen(part, other, 1), after).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
        let refused = load(&models, &after.replace("recipients = []", "recipients = [\"ssh-ed25519 x\"]"));
        assert!(refused.unwrap_err().contains("no age recipient"));
    }
}
