//! The SSH server's effective settings, as `sshd -T` lists them.

use std::collections::BTreeMap;

use serde::Serialize;

/// Settings by lower-case name; a setting given several times (ports) has several values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SshdSettings(pub BTreeMap<String, Vec<String>>);

impl SshdSettings {
    /// Values of one setting, sorted.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&str> {
        let mut values: Vec<&str> =
            self.0.get(name).map(|values| values.iter().map(String::as_str).collect()).unwrap_or_default();
        values.sort_unstable();
        values
    }
}

/// Parses `sshd -T`.
#[must_use]
pub fn parse_sshd_settings(text: &str) -> SshdSettings {
    let mut settings = SshdSettings::default();
    for line in text.lines() {
        if let Some((name, value)) = line.trim().split_once(' ') {
            settings.0.entry(name.to_ascii_lowercase()).or_default().push(value.trim().to_owned());
        }
    }
    settings
}
