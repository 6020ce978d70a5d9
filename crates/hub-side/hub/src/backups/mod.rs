//! Tenants' copies outside: the account at which each tenant has a bucket, what is there as seen from outside, how a
//! tenant's backups are, drills; and the Hub's own backup.
//!
//! It must never read what is in a backup, or use a tenant's key for anything but showing that it can remove nothing.

mod alarms;
pub mod drills;
pub(crate) mod given;
pub mod own;
mod restic;
pub(crate) mod state;
pub mod storage;
pub mod watch;

/// `1.2 GB`, in the units of status files and of storage services' bills.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1}\u{a0}{name}", bytes as f64 / unit as f64),
        None => format!("{bytes}\u{a0}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_written_in_the_units_of_a_bill() {
        let written = [0, 999, 1_500, 2_000_000, 3_400_000_000, 1_000_000_000_000].map(size);
        let plain = written.map(|text| text.replace('\u{a0}', " "));
        assert_eq!(plain, ["0 B", "999 B", "1.5 kB", "2.0 MB", "3.4 GB", "1.0 TB"]);
    }
}
