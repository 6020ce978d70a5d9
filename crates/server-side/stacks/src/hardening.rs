//! What each unit of ours is kept from, in one list. A unit names what it takes of it, and its own settings beside: what
//! differs stands with the unit.
//!
//! The order is the unit's: a file in another order would be another file, and a restart on every live server.

/// What every unit has that stays, or that works on backups, with the value that all have.
const SHARED: [(&str, &str); 15] = [
    ("NoNewPrivileges", "yes"),
    ("ProtectSystem", "strict"),
    ("PrivateTmp", "yes"),
    ("PrivateDevices", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectClock", "yes"),
    ("ProtectHostname", "yes"),
    ("LockPersonality", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictNamespaces", "yes"),
    ("SystemCallArchitectures", "native"),
    ("SystemCallErrorNumber", "EPERM"),
];

/// A unit's settings as systemd has them: a name is that of the shared list, all else is the unit's own.
pub(crate) fn lines<'a>(settings: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    settings.iter().map(|setting| {
        let shared = SHARED.iter().find(|(name, _)| name == setting);
        shared.map_or_else(|| (*setting).to_owned(), |(name, value)| format!("{name}={value}"))
    })
}

/// The same as lines of a unit's file.
pub(crate) fn text(settings: &[&str]) -> String {
    lines(settings).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::SHARED;
    use crate::{
        UploadBound, agent_unit,
        backups::sandbox::{nightly_unit, sandbox},
        upload_unit, upload_watch_unit,
    };

    fn agent() -> String {
        agent_unit().content.expose().clone()
    }

    fn uploads() -> String {
        upload_unit("/opt/letsbe/data/static-website")
    }

    fn watch() -> String {
        upload_watch_unit("/opt/letsbe/data/static-website", UploadBound { bytes: 10, files: 1000 })
    }

    /// A byte more or less is another file: the service is restarted on every live server by its next run.
    #[test]
    fn the_units_are_byte_for_byte_what_live_servers_have() {
        assert_eq!(agent(), include_str!("../tests/units/letsbe-agent.service"));
        assert_eq!(uploads(), include_str!("../tests/units/letsbe-sftp.service"));
        assert_eq!(nightly_unit(), include_str!("../tests/units/letsbe-backup.service"));
        let properties: String = sandbox().map(|setting| setting + "\n").collect();
        assert_eq!(properties, include_str!("../tests/units/sandbox.properties"));
    }

    #[test]
    fn every_unit_has_all_of_the_shared_list() {
        let hub = include_str!("../../../../deploy/letsbe-hub.service");
        for unit in [agent(), uploads(), watch(), nightly_unit(), hub.to_owned()] {
            for (name, value) in SHARED {
                let line = format!("{name}={value}");
                assert_eq!(unit.lines().filter(|found| **found == line).count(), 1, "{line} in\n{unit}");
                // Said once: a second line would count, or be forgotten.
                let named = unit.lines().filter(|found| found.starts_with(&format!("{name}="))).count();
                assert_eq!(named, 1, "{name} in\n{unit}");
            }
        }
    }

    #[test]
    fn a_name_that_is_not_in_the_shared_list_is_found() {
        for unit in [agent(), uploads(), watch(), nightly_unit()] {
            for line in unit.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '['])) {
                assert!(line.contains('='), "{line:?} is no setting");
            }
        }
    }
}
