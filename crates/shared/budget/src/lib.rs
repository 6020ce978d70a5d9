//! Whether what a bench measured keeps its budget, and whether the machine was quiet enough to say so.
//!
//! Pure: it must never measure anything itself.

use std::{fmt, process::ExitCode};

/// Where runs of a reference differ by more than this share, the machine did something else, and nothing is said.
pub const SPREAD_MAX: f64 = 0.3;

/// Of fewer runs nobody knows what else the machine did.
pub const RUNS_MIN: usize = 5;

/// What a number may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// So much or less.
    AtMost(f64),
    /// So much or more.
    AtLeast(f64),
}

impl Budget {
    fn is_kept_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

/// What is said about a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It keeps its budget.
    Kept,
    /// It does not.
    Missed,
    /// The machine was too busy with something else, or there are too few runs.
    NotJudged,
}

/// How many times the other each of these is, of pairs that took turns; nothing is infinitely less than something.
#[must_use]
pub fn ratios(measured: &[f64], others: &[f64]) -> Vec<f64> {
    let ratio = |(measured, other): (&f64, &f64)| if *other > 0.0 { measured / other } else { f64::INFINITY };
    measured.iter().zip(others).map(ratio).collect()
}

/// How much more than the other each of these is, of pairs that took turns. Less is less than nothing.
#[must_use]
pub fn differences(measured: &[f64], others: &[f64]) -> Vec<f64> {
    measured.iter().zip(others).map(|(measured, other)| measured - other).collect()
}

/// The value below which so many of a hundred are; of none it is 0.
#[must_use]
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last * percent.min(100) + 50) / 100).copied().unwrap_or_default()
}

/// The one in the middle.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// How far the middle half of the runs differ, as a share of the median: a few that were held up do not count.
#[must_use]
pub fn spread(values: &[f64]) -> f64 {
    let middle = median(values);
    let half = percentile(values, 75) - percentile(values, 25);
    if middle > 0.0 && half.is_finite() { half / middle } else { f64::INFINITY }
}

/// A number and what it may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    what: String,
    value: f64,
    budget: Budget,
    /// `None` where the number depends on nothing else that the machine does.
    runs: Option<Runs>,
}

/// What many runs say besides their median.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Runs {
    count: usize,
    /// What the best quarter of them reaches; of a few the best.
    best: f64,
    /// How far runs of the reference differ, see [`spread`].
    spread: f64,
}

impl Line {
    /// Something that does not depend on what else the machine does, such as memory.
    #[must_use]
    pub fn fixed(what: impl Into<String>, value: f64, budget: Budget) -> Self {
        Self { what: what.into(), value, budget, runs: None }
    }

    /// Something that takes time: the median of its runs. `references`: runs of other things that took turns with them
    /// and stay as they are when this becomes slower. How far these differ is what else the machine did; how far the
    /// runs themselves differ is not.
    #[must_use]
    pub fn timed(what: impl Into<String>, runs: &[f64], budget: Budget, references: &[&[f64]]) -> Self {
        let is_few = runs.len() < RUNS_MIN;
        let best = match (budget, is_few) {
            (Budget::AtMost(_), true) => percentile(runs, 0),
            (Budget::AtMost(_), false) => percentile(runs, 25),
            (Budget::AtLeast(_), true) => percentile(runs, 100),
            (Budget::AtLeast(_), false) => percentile(runs, 75),
        };
        let spread_of = |runs: &&[f64]| if runs.len() < RUNS_MIN { f64::INFINITY } else { spread(runs) };
        let spreads = references.iter().map(spread_of);
        // Of no reference nothing is known.
        let spread = spreads.max_by(f64::total_cmp).unwrap_or(f64::INFINITY);
        Self {
            what: what.into(),
            value: median(runs),
            budget,
            runs: Some(Runs { count: runs.len(), best, spread }),
        }
    }

    /// What is to be said about it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let Some(runs) = self.runs else {
            return if self.budget.is_kept_by(self.value) { Verdict::Kept } else { Verdict::Missed };
        };
        // What else the machine does makes some runs slow, not nearly all of them.
        if runs.count > 0 && !self.budget.is_kept_by(runs.best) {
            return Verdict::Missed;
        }
        match self.why_not_judged(runs) {
            Some(_) => Verdict::NotJudged,
            None if self.budget.is_kept_by(self.value) => Verdict::Kept,
            None => Verdict::Missed,
        }
    }

    fn why_not_judged(&self, runs: Runs) -> Option<String> {
        let Runs { count, spread, .. } = runs;
        if count < RUNS_MIN {
            return Some(format!("too few runs: {count}, not {RUNS_MIN}"));
        }
        if self.value <= 0.0 {
            return Some("the machine was too busy: it took no time or less".to_owned());
        }
        (spread > SPREAD_MAX).then(|| {
            format!(
                "the machine was too busy: runs of the reference differ by {:.0} %, more than {:.0} %",
                spread * 100.0,
                SPREAD_MAX * 100.0
            )
        })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bound, budget) = match self.budget {
            Budget::AtMost(most) => ("at most", most),
            Budget::AtLeast(least) => ("at least", least),
        };
        // Ratios are small, and bytes and rates are not.
        let places = if self.value.abs().max(budget.abs()) < 100.0 { 2 } else { 0 };
        let Self { what, value, .. } = self;
        write!(f, "{what:<44} {value:>9.places$}   budget: {bound} {budget:.places$}: ")?;
        let why = self.runs.and_then(|runs| self.why_not_judged(runs));
        match self.verdict() {
            Verdict::Kept => f.write_str("kept"),
            Verdict::Missed if why.is_some() => f.write_str("MISSED, even by the best runs"),
            Verdict::Missed => f.write_str("MISSED"),
            Verdict::NotJudged => write!(f, "NOT JUDGED, {}", why.unwrap_or_default()),
        }
    }
}

/// Whether none misses its budget. What is not judged misses none.
#[must_use]
pub fn is_kept(lines: &[Line]) -> bool {
    lines.iter().all(|line| line.verdict() != Verdict::Missed)
}

/// With what a bench ends.
#[must_use]
pub fn exit(lines: &[Line]) -> ExitCode {
    if is_kept(lines) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::{
        Budget::{AtLeast, AtMost},
        Line,
        Verdict::{Kept, Missed, NotJudged},
        differences, is_kept, median, percentile, ratios, spread,
    };

    const QUIET: [f64; 5] = [8.5, 8.5, 10.0, 11.5, 11.5];
    const NOISY: [f64; 5] = [8.0, 8.0, 10.0, 12.0, 12.0];

    #[test]
    fn a_number_that_nothing_disturbs_is_judged_in_any_case() {
        for (value, budget, verdict) in [
            (2.5, AtMost(2.5), Kept),
            (2.51, AtMost(2.5), Missed),
            (0.5, AtLeast(0.5), Kept),
            (0.49, AtLeast(0.5), Missed),
            (f64::NAN, AtMost(2.5), Missed),
            (f64::INFINITY, AtMost(2.5), Missed),
        ] {
            let line = Line::fixed("memory", value, budget);
            assert_eq!(line.verdict(), verdict, "{line}");
            assert_eq!(is_kept(&[Line::fixed("kept", 1.0, AtMost(1.0)), line]), verdict != Missed);
        }
    }

    #[test]
    fn a_time_is_judged_where_the_reference_was_quiet_or_even_the_best_runs_miss() {
        let infinite = [f64::INFINITY; 5];
        for (runs, budget, reference, verdict) in [
            (&[2.5; 5][..], AtMost(2.5), &QUIET[..], Kept),
            (&[2.51; 5], AtMost(2.5), &QUIET, Missed),
            (&[0.5; 5], AtLeast(0.5), &QUIET, Kept),
            (&[0.49; 5], AtLeast(0.5), &QUIET, Missed),
            // What differs is only what is judged: that is no excuse.
            (&[1.0, 1.0, 9.0, 9.0, 9.0], AtMost(2.5), &QUIET, Missed),
            (&[1.0, 1.0, 1.0, 9.0, 9.0], AtMost(2.5), &QUIET, Kept),
            (&[9.0, 9.0, 0.1, 0.1, 0.1], AtLeast(0.5), &QUIET, Missed),
            // Some were held up, or nearly all of them are slow.
            (&[1.0, 1.0, 9.0, 9.0, 9.0], AtMost(2.5), &NOISY, NotJudged),
            (&[1.0, 2.6, 9.0, 9.0, 9.0], AtMost(2.5), &NOISY, Missed),
            (&[1.0; 5], AtMost(2.5), &NOISY, NotJudged),
            (&[9.0, 9.0, 0.1, 0.1, 0.1], AtLeast(0.5), &NOISY, NotJudged),
            (&[9.0, 0.4, 0.1, 0.1, 0.1], AtLeast(0.5), &NOISY, Missed),
            (&[2.0; 5], AtMost(2.5), &infinite, NotJudged),
            (&[f64::NAN; 5], AtMost(2.5), &QUIET, Missed),
            // Fewer than five are never quiet.
            (&[1.0; 4], AtMost(2.5), &QUIET, NotJudged),
            (&[1.0, 9.0], AtMost(2.5), &QUIET, NotJudged),
            (&[2.6, 9.0], AtMost(2.5), &QUIET, Missed),
            (&[0.6, 0.1], AtLeast(0.5), &QUIET, NotJudged),
            (&[0.4, 0.1], AtLeast(0.5), &QUIET, Missed),
            (&[], AtMost(2.5), &QUIET, NotJudged),
            (&[], AtLeast(2.5), &QUIET, NotJudged),
            (&[1.0; 5], AtMost(2.5), &[10.0; 4], NotJudged),
            (&[1.0; 5], AtMost(2.5), &[], NotJudged),
            // No time at all is a fault of measuring.
            (&[0.0; 5], AtMost(2.5), &QUIET, NotJudged),
            (&[-3.0, -2.0, -1.0, 1.0, 2.0], AtMost(2.5), &QUIET, NotJudged),
        ] {
            let line = Line::timed("time", runs, budget, &[reference]);
            assert_eq!(line.verdict(), verdict, "{line}: {runs:?} beside {reference:?}");
        }
    }

    #[test]
    fn each_of_several_references_must_have_been_quiet() {
        for (references, verdict) in [
            (&[&QUIET[..], &QUIET[..]][..], Kept),
            (&[&QUIET, &NOISY], NotJudged),
            (&[&NOISY, &QUIET], NotJudged),
            (&[&QUIET, &[f64::INFINITY; 5]], NotJudged),
            (&[&QUIET, &[10.0; 4]], NotJudged),
            (&[], NotJudged),
        ] {
            assert_eq!(Line::timed("time", &[1.0; 5], AtMost(2.5), references).verdict(), verdict);
        }
    }

    #[test]
    fn a_line_says_the_number_the_budget_and_why_nothing_is_said() {
        let body = |value: f64, runs: usize, reference: &[f64]| {
            Line::timed("body, ratio", &vec![value; runs], AtMost(2.5), &[reference])
        };
        for (line, words) in [
            (body(2.351, 5, &QUIET), "2.35   budget: at most 2.50: kept"),
            (body(2.6, 5, &QUIET), "2.60   budget: at most 2.50: MISSED"),
            (body(2.6, 5, &NOISY), "2.60   budget: at most 2.50: MISSED, even by the best runs"),
            (Line::fixed("rate", 20_123.4, AtLeast(20_000.0)), "20123   budget: at least 20000: kept"),
            (
                body(2.351, 5, &NOISY),
                "2.35   budget: at most 2.50: NOT JUDGED, the machine was too busy: runs of the reference differ by 40 %, \
                 more than 30 %",
            ),
            (
                body(-0.2, 5, &QUIET),
                "-0.20   budget: at most 2.50: NOT JUDGED, the machine was too busy: it took no time or less",
            ),
            (body(2.0, 1, &QUIET), "2.00   budget: at most 2.50: NOT JUDGED, too few runs: 1, not 5"),
        ] {
            assert!(line.to_string().ends_with(words), "{line}");
        }
    }

    #[test]
    fn a_few_runs_that_were_held_up_change_neither_the_median_nor_the_spread() {
        for (runs, middle, differ) in [
            (vec![], 0.0, f64::INFINITY),
            (vec![0.0, 0.0], 0.0, f64::INFINITY),
            (vec![3.0], 3.0, 0.0),
            (vec![4.0, 4.0, 4.0, 4.0, 900.0], 4.0, 0.0),
            (vec![5.0, 3.0, 4.0, 2.0, 6.0], 4.0, 0.5),
        ] {
            assert_eq!((median(&runs), spread(&runs)), (middle, differ), "{runs:?}");
        }
        let hundred: Vec<f64> = (0..=100).map(f64::from).collect();
        for percent in [0, 1, 50, 99, 100] {
            assert_eq!(percentile(&hundred, percent), percent as f64);
        }
        assert_eq!(percentile(&hundred, 200), 100.0);
    }

    #[test]
    fn pairs_that_took_turns_are_compared_pair_by_pair() {
        // Both became three times as slow in the middle.
        let (ours, theirs) = ([6.0, 18.0, 6.0], [3.0, 9.0, 3.0]);
        assert_eq!(ratios(&ours, &theirs), [2.0; 3]);
        assert_eq!(ratios(&[1.0, 1.0], &[0.0]), [f64::INFINITY]);
        assert_eq!(differences(&ours, &theirs), [3.0, 9.0, 3.0]);
        assert_eq!(differences(&[1.0, 5.0], &[2.0, 1.0]), [-1.0, 4.0]);
    }
}
