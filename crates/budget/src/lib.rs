//! Whether what a bench measured keeps its budget, and whether the machine was quiet enough to say so.
//!
//! Pure: it must never measure anything itself.

use std::{fmt, process::ExitCode};

/// Where runs of the same thing differ by more than this share, the machine did something else, and nothing is said.
pub const SPREAD_MAX: f64 = 0.3;

/// What a number may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// So much or less.
    AtMost(f64),
    /// So much or more.
    AtLeast(f64),
}

/// What is said about a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It keeps its budget.
    Kept,
    /// It does not.
    Missed,
    /// The machine was too busy with something else.
    NotJudged,
}

/// Runs of one thing beside runs of another that took turns with them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// The median of what is judged.
    pub measured: f64,
    /// The median of what it is compared with.
    pub reference: f64,
    /// How far runs of the latter differ, see [`spread`].
    pub spread: f64,
}

impl Compared {
    /// Of these runs.
    #[must_use]
    pub fn of(measured: &[f64], reference: &[f64]) -> Self {
        Self { measured: median(measured), reference: median(reference), spread: spread(reference) }
    }

    /// How many times the reference it is; nothing is infinitely less than something.
    #[must_use]
    pub fn ratio(self) -> f64 {
        if self.reference > 0.0 { self.measured / self.reference } else { f64::INFINITY }
    }
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
    if middle > 0.0 { half / middle } else { f64::INFINITY }
}

/// A number and what it may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    what: String,
    value: f64,
    budget: Budget,
    /// How far runs differ; `None` where the number depends on nothing else that the machine does.
    spread: Option<f64>,
}

impl Line {
    /// Something that does not depend on what else the machine does, such as memory.
    #[must_use]
    pub fn fixed(what: impl Into<String>, value: f64, budget: Budget) -> Self {
        Self { what: what.into(), value, budget, spread: None }
    }

    /// Something that takes time. `spread`: how far runs of the same differ, see [`spread`].
    #[must_use]
    pub fn timed(what: impl Into<String>, value: f64, budget: Budget, spread: f64) -> Self {
        Self { what: what.into(), value, budget, spread: Some(spread) }
    }

    /// What is to be said about it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let is_kept = match self.budget {
            Budget::AtMost(most) => self.value <= most,
            Budget::AtLeast(least) => self.value >= least,
        };
        match self.spread {
            // What is not a number is not within anything either.
            Some(spread) if spread.is_nan() || spread > SPREAD_MAX => Verdict::NotJudged,
            _ if is_kept => Verdict::Kept,
            _ => Verdict::Missed,
        }
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
        match (self.verdict(), self.spread) {
            (Verdict::Kept, _) => f.write_str("kept"),
            (Verdict::Missed, _) => f.write_str("MISSED"),
            (Verdict::NotJudged, spread) => write!(
                f,
                "NOT JUDGED, the machine was too busy: runs of the same differ by {:.0} %, more than {:.0} %",
                spread.unwrap_or_default() * 100.0,
                SPREAD_MAX * 100.0
            ),
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
        Compared, Line, SPREAD_MAX,
        Verdict::{Kept, Missed, NotJudged},
        is_kept, median, percentile, spread,
    };

    #[test]
    fn a_budget_is_judged_where_the_machine_was_quiet_and_nowhere_else() {
        let (quiet, noisy) = (Some(SPREAD_MAX), Some(SPREAD_MAX + 0.01));
        for (value, budget, spread, verdict) in [
            (2.5, AtMost(2.5), quiet, Kept),
            (2.51, AtMost(2.5), quiet, Missed),
            (2.5, AtMost(2.5), noisy, NotJudged),
            (9.0, AtMost(2.5), noisy, NotJudged),
            (0.5, AtLeast(0.5), quiet, Kept),
            (0.49, AtLeast(0.5), quiet, Missed),
            (0.49, AtLeast(0.5), noisy, NotJudged),
            (9.0, AtMost(2.5), None, Missed),
            (2.0, AtMost(2.5), None, Kept),
            (2.0, AtMost(2.5), Some(f64::NAN), NotJudged),
            (2.0, AtMost(2.5), Some(f64::INFINITY), NotJudged),
            (f64::NAN, AtMost(2.5), quiet, Missed),
            (f64::INFINITY, AtMost(2.5), quiet, Missed),
        ] {
            let line = match spread {
                Some(spread) => Line::timed("time", value, budget, spread),
                None => Line::fixed("memory", value, budget),
            };
            assert_eq!(line.verdict(), verdict, "{line}");
            assert_eq!(is_kept(&[Line::fixed("kept", 1.0, AtMost(1.0)), line]), verdict != Missed);
        }
    }

    #[test]
    fn a_line_says_the_number_the_budget_and_why_nothing_is_said() {
        for (line, words) in [
            (Line::timed("body, ratio", 2.351, AtMost(2.5), 0.0), "2.35   budget: at most 2.50: kept"),
            (Line::timed("body, ratio", 2.6, AtMost(2.5), 0.0), "2.60   budget: at most 2.50: MISSED"),
            (Line::fixed("rate", 20_123.4, AtLeast(20_000.0)), "20123   budget: at least 20000: kept"),
            (
                Line::timed("body, ratio", 2.6, AtMost(2.5), 0.424),
                "2.60   budget: at most 2.50: NOT JUDGED, the machine was too busy: runs of the same differ by 42 %, \
                 more than 30 %",
            ),
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
    fn runs_are_compared_by_their_medians() {
        let compared = Compared::of(&[6.0, 6.0, 60.0], &[3.0, 3.0, 3.0]);
        assert_eq!((compared.ratio(), compared.spread), (2.0, 0.0));
        assert_eq!(Compared::of(&[1.0], &[]).ratio(), f64::INFINITY);
    }
}
