//! The report of one drill, to be printed and kept; for one that a person does, what to do and the form.

use askama::Template;
use chrono::{DateTime, Utc};
use letsbe_store::NewOrder;
use letsbe_types::{
    backups::{Drill, DrillKind},
    shell::quoted,
};
use serde::Deserialize;

use crate::{
    Html, Refusal, around,
    backups::Evidence,
    page,
    refusal::Refused,
    view::{Label, Moment},
    words::DrillWords,
};

#[derive(Template)]
#[template(path = "drill.html")]
struct DrillPage {
    operator: Option<String>,
    words: &'static DrillWords,
    domain: String,
    label: Label,
    due: Moment,
    began: Option<Moment>,
    finished: Option<Moment>,
    measured: Option<(u64, u64)>,
    /// What brings the whole server back on a spare one.
    command: String,
    as_of: Moment,
    summary: String,
    by: String,
    proofs: Vec<Evidence>,
    to_do: bool,
    /// What was typed into a form that was refused, and why it was.
    typed: OutcomeForm,
    refused: Option<Refused>,
    of: Drill,
}

impl DrillPage {
    fn heading(&self) -> String {
        let kind = match self.of.kind {
            DrillKind::Monthly => self.words.monthly,
            DrillKind::Quarterly => self.words.quarterly,
        };
        format!("{kind} {}", self.domain)
    }

    fn wrong(&self, name: &str) -> Option<&str> {
        self.refused.as_ref()?.field(name)
    }
}

/// The page of a drill; `refused` is the form that was sent before, and why it was refused.
///
/// # Errors
/// When the template cannot be rendered.
pub fn drill(
    (order, of): (&NewOrder, Drill),
    refused: Option<(OutcomeForm, Refusal)>,
    operator: String,
    now: DateTime<Utc>,
) -> Html {
    let content = drill_page(order, of, operator, now);
    match refused {
        None => page(&content),
        Some((typed, refusal)) => {
            let refused = Some(Refused::new(refusal, around::here().language()));
            page(&DrillPage { typed, refused, ..content })
        }
    }
}

fn drill_page(order: &NewOrder, of: Drill, operator: String, now: DateTime<Utc>) -> DrillPage {
    let language = around::here().language();
    let words = DrillWords::of(language);
    let [passed, failed, under_way, overdue, due] = words.states;
    let (level, state) = match (&of.report, of.began_at) {
        (Some(report), _) if report.passed => ("ok", passed),
        (Some(_), _) => ("failed", failed),
        (None, Some(_)) => ("running", under_way),
        (None, None) if of.due_at < now => ("warning", overdue),
        (None, None) => ("waiting", due),
    };
    let moment = |at| Moment::of(at, language);
    let report = of.report.clone().unwrap_or_default();
    DrillPage {
        operator: Some(operator),
        words,
        domain: order.domain.to_string(),
        command: format!(
            "letsbe provision --host SPARE --key KEY --domain {} --tier {} --tools {} --email {} --restore --source \
             destination.json --age-identity key.txt --sealed escrow.age",
            order.domain,
            order.tier,
            order.tools.join(","),
            // A customer chooses what stands before the @.
            quoted(order.email.as_str())
        ),
        as_of: moment(now),
        label: Label { level, words: state },
        due: moment(of.due_at),
        began: of.began_at.map(moment),
        finished: of.finished_at.map(moment),
        measured: report
            .rto_seconds
            .zip(report.rpo_seconds)
            .filter(|_| report.passed)
            .map(|(rto, rpo)| (rto / 60, rpo / 60)),
        summary: report.summary,
        by: report.by.unwrap_or_else(|| words.by_itself.to_owned()),
        proofs: report.proofs.into_iter().map(|proof| Evidence::of(proof, language)).collect(),
        typed: OutcomeForm::default(),
        refused: None,
        to_do: of.kind == DrillKind::Quarterly && of.finished_at.is_none(),
        of,
    }
}

/// What the form of a drill sends.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeForm {
    /// `passed` or `failed`.
    pub outcome: String,
    /// Minutes until it served again.
    pub rto_minutes: String,
    /// Minutes of data that were lost.
    pub rpo_minutes: String,
    /// What is worth keeping.
    pub notes: String,
}
