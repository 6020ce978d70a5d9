//! How long models let people wait for their first token; since the agent started.

use std::collections::BTreeMap;

use letsbe_types::link::Usage;
use serde::{Deserialize, Serialize};

/// More models are not kept apart.
const MODELS: usize = 64;

/// One model's pace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Provider and model.
    pub model: String,
    /// Answers that were measured.
    pub answers: u64,
    /// Milliseconds to the first token, on average.
    pub first_token_ms_mean: u64,
    /// The most of them.
    pub first_token_ms_max: u64,
}

/// Every model's pace.
#[derive(Debug, Default)]
pub(super) struct Paces(BTreeMap<String, Measured>);

#[derive(Debug, Default)]
struct Measured {
    answers: u64,
    total: u64,
    max: u64,
}

impl Paces {
    pub(super) fn add(&mut self, usage: &[Usage]) {
        for Usage { model, first_token_ms, .. } in usage {
            let Some(time) = first_token_ms else { continue };
            if self.0.len() < MODELS || self.0.contains_key(model) {
                let measured = self.0.entry(model.clone()).or_default();
                measured.answers += 1;
                measured.total = measured.total.saturating_add(*time);
                measured.max = measured.max.max(*time);
            }
        }
    }

    pub(super) fn list(&self) -> Vec<Pace> {
        let pace = |(model, measured): (&String, &Measured)| Pace {
            model: model.clone(),
            answers: measured.answers,
            first_token_ms_mean: measured.total / measured.answers.max(1),
            first_token_ms_max: measured.max,
        };
        self.0.iter().map(pace).collect()
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::link::Usage;

    use super::Paces;

    #[test]
    fn the_mean_and_the_most_of_what_was_measured_are_kept_by_model() {
        let usage = |model: &str, first_token_ms| Usage {
            model: model.to_owned(),
            input: 1,
            output: 1,
            reported: true,
            first_token_ms,
        };
        let mut paces = Paces::default();
        paces.add(&[usage("a/x", Some(100)), usage("a/y", None)]);
        paces.add(&[usage("a/x", Some(300))]);
        let list = paces.list();
        assert_eq!(list.len(), 1);
        let pace = &list[0];
        assert_eq!((pace.answers, pace.first_token_ms_mean, pace.first_token_ms_max), (2, 200, 300));
        (0..200).for_each(|number| paces.add(&[usage(&format!("b/{number}"), Some(1))]));
        assert_eq!(paces.list().len(), super::MODELS);
    }
}
