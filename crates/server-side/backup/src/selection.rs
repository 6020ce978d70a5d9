//! Which set a person means. Pure.

use chrono::{DateTime, NaiveDate, Utc};
use letsbe_types::{Code, Problem};

use crate::BackupSet;

/// What a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The newest set of this day, in the server's time zone.
    Date(NaiveDate),
    /// The newest set not after this moment.
    At(DateTime<Utc>),
    /// The newest set.
    Newest,
}

/// The complete set of a tool that is meant. `day` tells the day of a moment in the server's time zone.
///
/// # Errors
/// `BAK010` when there is none; the nearest before and after are named.
pub fn choose<'a>(
    sets: &'a [BackupSet],
    tool: &str,
    wish: Wish,
    day: impl Fn(DateTime<Utc>) -> NaiveDate,
) -> Result<&'a BackupSet, Problem> {
    let mut complete: Vec<&BackupSet> =
        sets.iter().filter(|set| set.tool == tool && set.is_complete()).collect();
    complete.sort_by_key(|set| (set.taken_at, set.id));
    let meant = |set: &&&BackupSet| match wish {
        Wish::Date(wanted) => day(set.taken_at) == wanted,
        Wish::At(moment) => set.taken_at <= moment,
        Wish::Newest => true,
    };
    complete.iter().rfind(meant).copied().ok_or_else(|| nothing(&complete, tool, wish, day))
}

fn nothing(
    complete: &[&BackupSet],
    tool: &str,
    wish: Wish,
    day: impl Fn(DateTime<Utc>) -> NaiveDate,
) -> Problem {
    let moment = |set: &&BackupSet| format!("{} ({} UTC)", day(set.taken_at), set.taken_at.format("%F %T"));
    let (what, before, after) = match wish {
        Wish::Date(wanted) => (
            format!("of {wanted}"),
            complete.iter().rfind(|set| day(set.taken_at) < wanted),
            complete.iter().find(|set| day(set.taken_at) > wanted),
        ),
        Wish::At(moment) => (
            format!("of {} UTC or before", moment.format("%F %T")),
            None,
            complete.iter().find(|set| set.taken_at > moment),
        ),
        Wish::Newest => ("at all".to_owned(), None, None),
    };
    let nearest: Vec<String> = [("before", before), ("after", after)]
        .into_iter()
        .filter_map(|(side, set)| Some(format!("the nearest {side} is of {}", moment(set?))))
        .collect();
    let nearest = if nearest.is_empty() { "there is no other".to_owned() } else { nearest.join(", ") };
    Problem::permanent(
        Code::BAK010,
        format!("There is no complete backup of {tool} {what}: {nearest}"),
        "`letsbe-node backup list` shows every backup; ask for the day of one of them.",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
    use letsbe_types::ids::SetId;

    use super::{Wish, choose};
    use crate::{BackupSet, Item, SetKind};

    fn moment(text: &str) -> DateTime<Utc> {
        text.parse().expect("a moment")
    }

    /// Berlin in winter.
    fn day(moment: DateTime<Utc>) -> NaiveDate {
        moment.with_timezone(&FixedOffset::east_opt(3600).expect("an offset")).date_naive()
    }

    fn set(tool: &str, taken_at: &str, item: Item) -> BackupSet {
        let items = BTreeMap::from([(item, "abc".to_owned())]);
        let (id, tool) = (SetId::generate(), tool.to_owned());
        BackupSet { id, tool, taken_at: moment(taken_at), kind: SetKind::Nightly, items }
    }

    /// Two on the 17th (one of them late on the 16th by UTC), an incomplete one on the 18th, one on the 20th.
    fn sets() -> Vec<BackupSet> {
        let one = |taken_at| set("ghost", taken_at, Item::Manifest);
        let torn = set("ghost", "2026-11-18T01:00:00Z", Item::Database("ghost".to_owned()));
        let other = set("odoo", "2026-11-18T01:00:00Z", Item::Manifest);
        let (late, noon) = (one("2026-11-16T23:30:00Z"), one("2026-11-17T12:00:00Z"));
        vec![one("2026-11-20T01:00:00Z"), noon, torn, late, other]
    }

    #[test]
    fn a_wish_finds_the_newest_complete_set_that_it_means() {
        let date = |text: &str| Wish::Date(text.parse().expect("a date"));
        for (wish, wanted) in [
            (date("2026-11-17"), "2026-11-17T12:00:00Z"),
            (date("2026-11-20"), "2026-11-20T01:00:00Z"),
            (Wish::At(moment("2026-11-17T11:59:59Z")), "2026-11-16T23:30:00Z"),
            (Wish::At(moment("2026-11-17T12:00:00Z")), "2026-11-17T12:00:00Z"),
            (Wish::At(moment("2026-11-19T00:00:00Z")), "2026-11-17T12:00:00Z"),
            (Wish::Newest, "2026-11-20T01:00:00Z"),
        ] {
            let sets = sets();
            let chosen = choose(&sets, "ghost", wish, day).expect("a set");
            assert_eq!(chosen.taken_at, moment(wanted), "{wish:?}");
            assert_eq!(chosen.tool, "ghost");
        }
    }

    #[test]
    fn where_there_is_none_the_nearest_are_named() {
        let date = |text: &str| Wish::Date(text.parse().expect("a date"));
        for (tool, wish, wanted) in [
            (
                "ghost",
                date("2026-11-18"),
                "of 2026-11-18: the nearest before is of 2026-11-17 (2026-11-17 12:00:00 UTC), the nearest after is \
                 of 2026-11-20 (2026-11-20 01:00:00 UTC)",
            ),
            (
                "ghost",
                date("2026-11-16"),
                "of 2026-11-16: the nearest after is of 2026-11-17 (2026-11-16 23:30:00 UTC)",
            ),
            (
                "ghost",
                date("2027-01-01"),
                "of 2027-01-01: the nearest before is of 2026-11-20 (2026-11-20 01:00:00 UTC)",
            ),
            (
                "ghost",
                Wish::At(moment("2026-11-16T23:29:59Z")),
                "of 2026-11-16 23:29:59 UTC or before: the nearest after is of 2026-11-17 (2026-11-16 23:30:00 UTC)",
            ),
            ("nocodb", Wish::Newest, "at all: there is no other"),
        ] {
            let problem = choose(&sets(), tool, wish, day).expect_err("none");
            assert_eq!(problem.code, "BAK010");
            assert_eq!(problem.message, format!("There is no complete backup of {tool} {wanted}"));
        }
    }
}
