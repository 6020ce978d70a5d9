//! Which tools are proven tonight. Pure.
//!
//! Never proven comes first, then what was proven longest ago; as many each night as it takes for every tool to have its
//! turn in time. Tools whose proof failed are tried again every night, behind those, so that one which fails for ever
//! keeps no other from its proof.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::backup::Proof;

use super::is_put_off;

/// A proof older than this is repeated whatever the night's share is: six nights after the last one.
const DUE: TimeDelta = TimeDelta::hours(6 * 24 - 12);
/// All tools have their turn in so many nights: one less than a week, for a night that was missed.
const NIGHTS: usize = 6;
/// What a first proof is taken to last.
const FIRST: Duration = Duration::from_secs(180);

/// How a tool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// No proof was ever carried through.
    Never,
    /// The last one failed.
    Failed(DateTime<Utc>),
    /// The last one held.
    Proven(DateTime<Utc>),
}

/// A tool that has a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Its name.
    pub(super) tool: String,
    /// Memory that it takes while it is started beside everything.
    pub(super) memory_mib: u64,
    /// How its proofs stand.
    pub(super) standing: Standing,
    /// How long its last proof took.
    pub(super) expected: Duration,
    /// What a proof of it reads, in bytes; 0 for what lies on this server.
    pub(super) bytes: u64,
    /// Its last try was put off: it does not take the night from others again.
    pub(super) was_put_off: bool,
}

impl Candidate {
    /// A tool as the evidence, oldest first, has it. A proof that was put off says nothing.
    pub(super) fn new(tool: &str, memory_mib: u64, evidence: &[Proof]) -> Self {
        let last = evidence
            .iter()
            .rev()
            .find(|proof| proof.tool == tool && !proof.problem.as_ref().is_some_and(is_put_off));
        let standing = last.map_or(Standing::Never, |proof| {
            if proof.holds() { Standing::Proven(proof.began_at) } else { Standing::Failed(proof.began_at) }
        });
        let lasted =
            |proof: &Proof| proof.steps.iter().map(|step| step.milliseconds).fold(0, u64::saturating_add);
        let expected = last.map_or(FIRST, |proof| Duration::from_millis(lasted(proof)));
        let newest = evidence.iter().rev().find(|proof| proof.tool == tool);
        let was_put_off = newest.is_some_and(|proof| proof.problem.as_ref().is_some_and(is_put_off));
        Self { tool: tool.to_owned(), memory_mib, standing, expected, bytes: 0, was_put_off }
    }

    /// The same, where what a proof reads has to travel.
    pub(super) const fn reading(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }
}

/// What a night has to give.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Time for all proofs together.
    pub(super) time: Duration,
    /// Memory that nothing else needs.
    pub(super) memory_mib: u64,
    /// What all proofs together may read.
    pub(super) bytes: u64,
}

/// What is done tonight.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tonight {
    /// Proven in this order.
    pub(super) prove: Vec<String>,
    /// Due, but there is not enough memory.
    pub(super) put_off: Vec<String>,
}

/// Decides. Of the regular proofs and of the repeated ones, the first is always made, however long it takes and however
/// much it reads: else a tool that takes more than a whole night has would never be proven.
pub(super) fn tonight(candidates: &[Candidate], now: DateTime<Utc>, budget: Budget) -> Tonight {
    let mut never: Vec<&Candidate> = Vec::new();
    let (mut proven, mut failed) = (Vec::new(), Vec::new());
    for candidate in candidates {
        match candidate.standing {
            Standing::Never => never.push(candidate),
            Standing::Failed(at) => failed.push((at, candidate)),
            Standing::Proven(at) => proven.push((at, candidate)),
        }
    }
    proven.sort_by_key(|(at, _)| *at);
    failed.sort_by_key(|(at, _)| *at);
    let share = candidates.len().div_ceil(NIGHTS).saturating_sub(never.len());
    // A clock that was ahead and is right again leaves moments of the future: nobody knows how old those proofs are.
    let due = |at: DateTime<Utc>| now - at >= DUE || at > now;
    let old = proven.into_iter().enumerate().filter(|(number, (at, _))| *number < share || due(*at));
    let old = old.map(|(_, (_, candidate))| candidate);
    let mut regular: Vec<&Candidate> = never.into_iter().chain(old).collect();
    regular.sort_by_key(|candidate| candidate.was_put_off);
    // What fails for ever and is larger than a night may read does not travel each night.
    let small = |(at, candidate): &(DateTime<Utc>, &Candidate)| candidate.bytes <= budget.bytes || due(*at);
    let again = failed.into_iter().filter(small).map(|(_, candidate)| candidate).collect();
    let mut tonight = Tonight::default();
    let mut left = budget;
    for group in [regular, again] {
        tonight.fill(group, &mut left);
    }
    tonight
}

impl Tonight {
    fn fill(&mut self, group: Vec<&Candidate>, left: &mut Budget) {
        let mut first = true;
        for candidate in group {
            if candidate.memory_mib > left.memory_mib {
                self.put_off.push(candidate.tool.clone());
            } else if first || (candidate.expected <= left.time && candidate.bytes <= left.bytes) {
                first = false;
                left.time = left.time.saturating_sub(candidate.expected);
                left.bytes = left.bytes.saturating_sub(candidate.bytes);
                self.prove.push(candidate.tool.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use chrono::{DateTime, TimeDelta, Utc};
    use proptest::prelude::*;

    use super::{Budget, Candidate, Standing, Tonight, tonight};

    const ROOM: Budget = Budget { time: Duration::from_secs(1800), memory_mib: 4_000, bytes: 1_000 };

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn days_ago(days: i64) -> DateTime<Utc> {
        now() - TimeDelta::days(days)
    }

    fn tool(name: &str, standing: Standing) -> Candidate {
        let expected = Duration::from_secs(60);
        Candidate {
            tool: name.to_owned(),
            memory_mib: 1_000,
            standing,
            expected,
            bytes: 0,
            was_put_off: false,
        }
    }

    fn slow(name: &str, minutes: u64, standing: Standing) -> Candidate {
        Candidate { expected: Duration::from_secs(minutes * 60), ..tool(name, standing) }
    }

    fn large(name: &str, standing: Standing) -> Candidate {
        Candidate { memory_mib: 4_001, ..tool(name, standing) }
    }

    /// What it is, the candidates, which are proven, which are put off.
    type Case = (&'static str, Vec<Candidate>, &'static [&'static str], &'static [&'static str]);

    #[test]
    fn what_was_put_off_takes_no_night_from_others_again() {
        let never = |was_put_off| Candidate { was_put_off, ..tool("a", Standing::Never).reading(5_000) };
        let other = tool("b", Standing::Proven(days_ago(8))).reading(600);
        let proven = |candidates: &[Candidate]| tonight(candidates, now(), ROOM).prove;
        assert_eq!(proven(&[never(false), other.clone()]), ["a"], "it has a night of its own, once");
        assert_eq!(proven(&[never(true), other]), ["b"]);
        assert_eq!(proven(&[never(true)]), ["a"], "alone it is tried again");
    }

    #[test]
    fn what_is_proven_tonight() {
        use Standing::{Failed, Never, Proven};
        let table: [Case; 9] = [
            ("nothing", vec![], &[], &[]),
            ("all that were never proven", vec![tool("b", Never), tool("a", Never)], &["b", "a"], &[]),
            (
                "the oldest one, as a share of three",
                vec![
                    tool("a", Proven(days_ago(1))),
                    tool("b", Proven(days_ago(3))),
                    tool("c", Proven(days_ago(2))),
                ],
                &["b"],
                &[],
            ),
            (
                "never before old before failed, whatever is due",
                vec![tool("a", Failed(days_ago(9))), tool("b", Proven(days_ago(8))), tool("c", Never)],
                &["c", "b", "a"],
                &[],
            ),
            (
                "everything that is older than six nights",
                vec![
                    tool("a", Proven(days_ago(6))),
                    tool("b", Proven(days_ago(7))),
                    tool("c", Proven(days_ago(5))),
                ],
                &["b", "a"],
                &[],
            ),
            (
                "too large is put off and takes nobody's turn",
                vec![large("a", Never), tool("b", Proven(days_ago(8)))],
                &["b"],
                &["a"],
            ),
            (
                "one that takes longer than a night, and others on another night",
                vec![slow("a", 40, Proven(days_ago(9))), tool("b", Proven(days_ago(8)))],
                &["a"],
                &[],
            ),
            (
                "what fails again and again keeps nobody from a proof",
                vec![slow("a", 40, Failed(days_ago(9))), tool("b", Proven(days_ago(8)))],
                &["b", "a"],
                &[],
            ),
            ("a proof of the future is no proof", vec![tool("a", Proven(days_ago(-3)))], &["a"], &[]),
        ];
        for (what, candidates, prove, put_off) in table {
            let words = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let expected = Tonight { prove: words(prove), put_off: words(put_off) };
            assert_eq!(tonight(&candidates, now(), ROOM), expected, "{what}");
        }
    }

    #[test]
    fn a_night_reads_what_it_may_of_what_has_to_travel_or_one_tool_that_holds_more() {
        let of = |name: &str, bytes: u64| tool(name, Standing::Proven(days_ago(9))).reading(bytes);
        let failed =
            |name: &str, days: i64, bytes: u64| tool(name, Standing::Failed(days_ago(days))).reading(bytes);
        for (candidates, proven) in [
            (vec![of("a", 600), of("b", 500), of("c", 400)], &["a", "c"][..]),
            (vec![of("a", 9_000), of("b", 1)], &["a"]),
            (vec![of("a", 1_000), of("b", 0)], &["a", "b"]),
            (vec![failed("a", 1, 9_000), of("b", 1)], &["b"]),
            (vec![failed("a", 1, 900), of("b", 900)], &["b", "a"]),
            (vec![failed("a", 6, 9_000)], &["a"]),
        ] {
            assert_eq!(tonight(&candidates, now(), ROOM).prove, proven);
        }
    }

    proptest! {
        /// Nights one after the other, with proofs that fail and a night that is missed now and then.
        #[test]
        fn over_any_weeks_every_tool_is_proven_weekly_and_what_failed_is_tried_again_each_night(
            tools in 1_usize..=24,
            fails in proptest::collection::vec(proptest::collection::btree_set(0_usize..24, 0..4), 40),
        ) {
            let names: Vec<String> = (0..tools).map(|number| format!("tool-{number:02}")).collect();
            let mut standing: BTreeMap<&String, Standing> = names.iter().map(|name| (name, Standing::Never)).collect();
            for (night, fails) in fails.iter().enumerate() {
                let at = now() + TimeDelta::days(i64::try_from(night).unwrap());
                let candidates: Vec<Candidate> =
                    names.iter().map(|name| tool(name, standing[name])).collect();
                let plan = tonight(&candidates, at, ROOM);
                for (name, before) in &standing {
                    let again = matches!(before, Standing::Failed(_) | Standing::Never);
                    prop_assert!(!again || plan.prove.contains(name), "{name} {before:?} waits in night {night}");
                }
                for name in &plan.prove {
                    let number = names.iter().position(|known| known == name).unwrap();
                    let how = if fails.contains(&number) { Standing::Failed(at) } else { Standing::Proven(at) };
                    *standing.get_mut(name).unwrap() = how;
                }
                for (name, standing) in &standing {
                    if let Standing::Proven(proven) = standing {
                        prop_assert!(at - *proven < TimeDelta::days(7), "{name} was proven {proven}, now {at}");
                    }
                }
            }
        }

        /// However little a night has to give, something is proven, and nothing beyond the memory.
        #[test]
        fn a_night_always_proves_something_and_never_more_than_there_is_memory_for(
            sizes in proptest::collection::vec((1_u64..9_000, 1_u64..5_000), 1..20),
        ) {
            let candidates: Vec<Candidate> = sizes
                .iter()
                .enumerate()
                .map(|(number, (memory_mib, seconds))| Candidate {
                    tool: number.to_string(),
                    memory_mib: *memory_mib,
                    standing: Standing::Never,
                    expected: Duration::from_secs(*seconds),
                    bytes: 0,
                    was_put_off: false,
                })
                .collect();
            let plan = tonight(&candidates, now(), ROOM);
            let fit: Vec<&Candidate> =
                candidates.iter().filter(|candidate| candidate.memory_mib <= ROOM.memory_mib).collect();
            prop_assert_eq!(plan.put_off.len(), candidates.len() - fit.len());
            prop_assert_eq!(plan.prove.is_empty(), fit.is_empty());
            let time: Duration =
                fit.iter().filter(|one| plan.prove.contains(&one.tool)).map(|one| one.expected).sum();
            prop_assert!(plan.prove.len() <= 1 || time <= ROOM.time, "{time:?}");
        }
    }
}
