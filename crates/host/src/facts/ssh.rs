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

/// Whether `sshd_config` reads the drop-in folder.
#[must_use]
pub fn includes_drop_ins(sshd_config: &str) -> bool {
    sshd_config.lines().map(|line| line.trim().to_ascii_lowercase()).any(|line| {
        line.starts_with("include")
            && line.split_whitespace().any(|word| word == "/etc/ssh/sshd_config.d/*.conf")
    })
}

/// `sshd_config` with its `Port` lines made comments; `None` if it has none.
#[must_use]
pub fn without_ports(sshd_config: &str) -> Option<String> {
    let is_port = |line: &str| line.trim_start().to_ascii_lowercase().starts_with("port ");
    sshd_config.lines().any(is_port).then(|| {
        sshd_config
            .lines()
            .map(
                |line| {
                    if is_port(line) { format!("# moved by LetsBe: {line}\n") } else { format!("{line}\n") }
                },
            )
            .collect()
    })
}
