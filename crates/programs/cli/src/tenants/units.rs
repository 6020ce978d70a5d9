//! Times and numbers as people write them.

use chrono::{DateTime, Local, TimeDelta, Utc};

/// Local, to the minute.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string()
}

/// How long ago, in one unit.
pub(crate) fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let passed = (now - at).max(TimeDelta::zero());
    match (passed.num_seconds(), passed.num_minutes(), passed.num_hours()) {
        (seconds, 0, _) => format!("{seconds} s ago"),
        (_, minutes, 0) => format!("{minutes} min ago"),
        (_, _, hours) if hours < 48 => format!("{hours} h ago"),
        _ => format!("{} days ago", passed.num_days()),
    }
}

/// `1.2 M`
pub(crate) fn number(value: u64) -> String {
    let scaled = |unit: f64, name: &str| format!("{:.1} {name}", value as f64 / unit);
    match value {
        0..10_000 => value.to_string(),
        10_000..1_000_000 => scaled(1e3, "k"),
        1_000_000..1_000_000_000 => scaled(1e6, "M"),
        _ => scaled(1e9, "G"),
    }
}

/// `1.2 MiB`
pub(crate) fn bytes(value: u64) -> String {
    let scaled = |power: i32, name: &str| format!("{:.1} {name}", value as f64 / 1024_f64.powi(power));
    match value {
        0..1_024 => format!("{value} B"),
        1_024..1_048_576 => scaled(1, "KiB"),
        1_048_576..1_073_741_824 => scaled(2, "MiB"),
        _ => scaled(3, "GiB"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::{ago, bytes, number};

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            [9_999, 10_000, 1_500_000, 2_000_000_000].map(number),
            ["9999", "10.0 k", "1.5 M", "2.0 G"]
        );
        assert_eq!([512, 2_048, 3 << 20, 5 << 30].map(bytes), ["512 B", "2.0 KiB", "3.0 MiB", "5.0 GiB"]);
    }

    #[test]
    fn times_are_told_in_one_unit() {
        let now: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        let past = |seconds| ago(now - TimeDelta::seconds(seconds), now);
        assert_eq!(
            [5, 90, 7_200, 200_000, -60].map(past),
            ["5 s ago", "1 min ago", "2 h ago", "2 days ago", "0 s ago"]
        );
    }
}
