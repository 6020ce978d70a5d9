//! Where a run of backups may be killed by a test.

/// The boundaries of a run, in the order in which it comes to them.
pub const RUN_CRASH_POINTS: [&str; 11] = [
    "backup.begun",
    "backup.held",
    "backup.released",
    "backup.items.stored",
    "backup.manifest.stored",
    "backup.forgotten",
    "backup.pruned",
    "backup.copied.items",
    "backup.copied.manifests",
    "backup.read_back",
    "backup.told",
];
