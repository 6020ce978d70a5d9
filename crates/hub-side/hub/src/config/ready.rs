//! Whether what the settings name is there and as it must be: said before anything begins, all at once.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use letsbe_types::{Code, Problem, Secret};

use super::{HubConfig, ServersConfig};
use crate::{
    security::secret_file::{self, Form},
    worker::mail_address,
};

impl HubConfig {
    /// What stands in the way of serving, one sentence each, with the file's name; nothing when all is there.
    #[must_use]
    pub fn unready(&self) -> Vec<String> {
        let mut found = Found::default();
        let provisioning = &self.provisioning;
        found.program("provisioning.provisioner", &provisioning.provisioner);
        found.program("provisioning.bundle", &provisioning.bundle.join("letsbe-node"));
        found.folder("provisioning.bundle", &provisioning.bundle.join("catalog"));
        found.folder("catalog_folder", &self.catalog_folder);
        found.folder("data_folder", &self.data_folder);
        if let Some(file) = &self.database_password_file {
            found.secret("database_password_file", file, Form::Word);
        }
        found.secret("provisioning.private_key", &provisioning.private_key, Form::Text);
        found.secret("stripe.webhook_secret_file", &self.stripe.webhook_secret_file, Form::StripeSecret);
        let mail = &self.mail.smtp_url_file;
        if let Some(url) = found.secret("mail.smtp_url_file", mail, Form::Word)
            && let Err(problem) = mail_address(&url)
        {
            found.say("mail.smtp_url_file", mail, &problem.message);
        }
        if let ServersConfig::Netcup { refresh_token_file, .. } = &self.servers
            && refresh_token_file.exists()
        {
            found.secret("servers.refresh_token_file", refresh_token_file, Form::Json);
        }
        for provider in self.models.iter().flat_map(|models| &models.providers) {
            // A customer's own provider has its key on the customer's server only.
            if let Some(key_file) = &provider.key_file {
                found.secret("models.providers.key_file", key_file, Form::Word);
            }
            provider
                .roots_pem_file
                .iter()
                .for_each(|file| found.file("models.providers.roots_pem_file", file));
        }
        if let Some(s3) = &self.backups.s3 {
            found.secret("backups.s3.access_key_id_file", &s3.access_key_id_file, Form::Word);
            found.secret("backups.s3.secret_access_key_file", &s3.secret_access_key_file, Form::Word);
        }
        if let Some(hub) = &self.backups.hub {
            found.secret("backups.hub.password_file", &hub.password_file, Form::Word);
            for file in hub.files.values() {
                found.secret("backups.hub.files", file, Form::Text);
            }
        }
        found.0
    }

    /// Refuses to go on unless everything that the settings name is there.
    ///
    /// # Errors
    /// When something is missing or not as it must be; the message names all of it.
    pub fn ready(&self) -> Result<(), Problem> {
        let found = self.unready();
        if found.is_empty() {
            return Ok(());
        }
        let message = format!("The Hub's settings name what cannot be used: {}.", found.join("; "));
        Err(Problem::permanent(
            Code::HUB010,
            message,
            "Put it right; `letsbe-hub check` looks without starting.",
        ))
    }
}

#[derive(Default)]
struct Found(Vec<String>);

impl Found {
    fn say(&mut self, setting: &str, path: &Path, why: &str) {
        self.0.push(format!("{setting}: {}: {}", path.display(), why.trim_end_matches('.')));
    }

    fn program(&mut self, setting: &str, path: &Path) {
        match path.metadata() {
            Ok(facts) if facts.is_file() && facts.permissions().mode() & 0o111 != 0 => {}
            Ok(_) => self.say(setting, path, "it is no program"),
            Err(error) => self.say(setting, path, &error.to_string()),
        }
    }

    fn folder(&mut self, setting: &str, path: &Path) {
        match path.metadata() {
            Ok(facts) if facts.is_dir() => {}
            Ok(_) => self.say(setting, path, "it is no folder"),
            Err(error) => self.say(setting, path, &error.to_string()),
        }
    }

    fn file(&mut self, setting: &str, path: &Path) {
        if let Err(error) = std::fs::File::open(path) {
            self.say(setting, path, &error.to_string());
        }
    }

    fn secret(&mut self, setting: &str, path: &Path, form: Form) -> Option<Secret<String>> {
        secret_file::read(path, form).map_err(|why| self.say(setting, path, &why)).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

    use crate::config::HubConfig;

    fn put(path: &Path, text: &str, mode: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The example's settings, below a folder where all that they name is.
    fn whole(root: &Path) -> HubConfig {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../deploy/hub.example.toml");
        let text = fs::read_to_string(path).unwrap();
        let text = ["/var/lib", "/opt", "/etc"].iter().fold(text, |text, folder| {
            text.replace(&format!("\"{folder}/"), &format!("\"{}{folder}/", root.display()))
        });
        let file = root.join("hub.toml");
        fs::write(&file, text).unwrap();
        for (path, text, mode) in [
            ("opt/letsbe-hub/letsbe-provisioner", "#!", 0o755),
            ("opt/letsbe-hub/bundle/letsbe-node", "#!", 0o755),
            ("opt/letsbe-hub/bundle/catalog/x", "", 0o644),
            ("opt/letsbe-hub/catalog/x", "", 0o644),
            ("var/lib/letsbe-hub/tenants-key", "key\nkey\n", 0o600),
            ("etc/letsbe/stripe-webhook-secret", "whsec_0123456789abcdef\n", 0o600),
            ("etc/letsbe/smtp-url", "smtps://user:pw@mail.example.com\n", 0o400),
        ] {
            put(&root.join(path), text, mode);
        }
        HubConfig::load(&file).unwrap()
    }

    #[test]
    fn what_the_settings_name_is_looked_at_before_anything_begins_and_named_all_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let config = whole(root);
        assert_eq!(config.unready(), Vec::<String>::new());
        let secret = |name: &str| root.join("etc/letsbe").join(name);
        let nowhere = HubConfig { catalog_folder: "/nope".into(), ..config.clone() };
        let found = nowhere.unready();
        assert!(matches!(found.as_slice(), [one] if one.contains("catalog_folder: /nope")), "{found:?}");
        let mut nowhere = config.clone();
        nowhere.provisioning.provisioner = "/nope".into();
        assert!(nowhere.unready()[0].contains("provisioning.provisioner: /nope"));
        nowhere.provisioning.provisioner = root.join("hub.toml");
        assert!(nowhere.unready()[0].contains("no program"));
        // Read by others, empty, unencrypted: each is named, together.
        put(&secret("stripe-webhook-secret"), "\n", 0o600);
        put(&secret("smtp-url"), "smtp://canary:canary@mail.example.com:587", 0o600);
        put(&root.join("var/lib/letsbe-hub/tenants-key"), "key", 0o644);
        put(&root.join("var/lib/letsbe-hub/netcup-token"), "{\"canary\"", 0o600);
        let found = config.unready();
        let named = ["tenants-key", "stripe-webhook-secret", "smtp-url", "netcup-token"];
        assert_eq!(found.len(), named.len(), "{found:?}");
        assert!(found.iter().zip(named).all(|(line, name)| line.contains(name)), "{found:?}");
        let problem = config.ready().unwrap_err();
        assert!(problem.code == "HUB010" && !problem.to_string().contains("canary"), "{problem}");
    }
}
