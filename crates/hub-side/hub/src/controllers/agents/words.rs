//! What may stand in the fields of an agent's message. Names are short words, explanations have a length, numbers
//! stay in a range in which their sums still fit the database.

use std::fmt::Display;

use chrono::{DateTime, Datelike as _, Utc};
use letsbe_types::{
    Problem,
    api::FieldError,
    backup::Proof,
    tenant::{BackupSign, UpdateSign, limits},
};

use crate::controllers::field;

/// More of anything is a mistake; sums of it still fit the database.
const NUMBER_MAX: u64 = 1_000_000_000_000;
const VERSION_BYTES: usize = 64;
/// Recipients of the escrowed keys.
const RECIPIENTS: usize = 16;

/// Collects the fields that are not as they should be.
#[derive(Default)]
pub(super) struct Words {
    pub(super) wrong: Vec<FieldError>,
}

impl Words {
    /// Names and messages are written down of what is wrong only: a heartbeat has hundreds of fields, and nearly always
    /// all of them are right.
    fn check(&mut self, fits: bool, name: impl Display, message: impl Display) {
        if !fits {
            self.wrong.push(field(name.to_string(), message.to_string()));
        }
    }

    /// A version is a short word, never free text.
    pub(super) fn version(&mut self, name: impl Display, version: &str) {
        let fits = (1..=VERSION_BYTES).contains(&version.len())
            && version.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b));
        self.check(fits, name, format_args!("write 1 to {VERSION_BYTES} letters, digits and + - . _"));
    }

    /// A name is one word.
    pub(super) fn name(&mut self, name: impl Display, text: &str) {
        let fits = (1..=limits::NAME).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-._:/@".contains(&b));
        self.check(fits, name, format_args!("write 1 to {} letters, digits and + - . _ : / @", limits::NAME));
    }

    pub(super) fn names<'a>(&mut self, name: impl Display, texts: impl IntoIterator<Item = &'a String>) {
        for (number, text) in texts.into_iter().enumerate() {
            self.name(format_args!("{name}[{number}]"), text);
        }
    }

    /// One line about somebody or something.
    pub(super) fn line(&mut self, name: impl Display, text: &str) {
        let fits = text.len() <= limits::NAME && !text.chars().any(|c| c.is_control() || turns(c));
        self.check(fits, name, format_args!("write one line of at most {} bytes", limits::NAME));
    }

    /// An explanation.
    pub(super) fn text(&mut self, name: impl Display, text: &str) {
        let plain = !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
        let fits = text.len() <= limits::TEXT && plain;
        self.check(fits, name, format_args!("write at most {} bytes of plain text", limits::TEXT));
    }

    /// What a person decides by: it reads as it is written.
    pub(super) fn plain(&mut self, name: impl Display, text: &str) {
        self.text(&name, text);
        self.check(!text.chars().any(turns), name, "write no signs that turn the direction of writing");
    }

    pub(super) fn list(&mut self, name: impl Display, length: usize) {
        self.check(length <= limits::LIST, name, format_args!("write at most {} entries", limits::LIST));
    }

    pub(super) fn share(&mut self, name: impl Display, percent: u8) {
        self.check(percent <= 100, name, "a share is between 0 and 100");
    }

    pub(super) fn number(&mut self, name: impl Display, number: u64) {
        self.check(number <= NUMBER_MAX, name, format_args!("this is more than {NUMBER_MAX}"));
    }

    /// A moment in our time: a clock may be wrong, but not by centuries.
    pub(super) fn moment(&mut self, name: impl Display, moment: DateTime<Utc>) {
        self.check((2000..2200).contains(&moment.year()), name, "write a moment of this century or the next");
    }

    pub(super) fn moments(&mut self, name: impl Display, moment: Option<DateTime<Utc>>) {
        if let Some(moment) = moment {
            self.moment(name, moment);
        }
    }

    /// `2026-11`, or nothing before the first.
    pub(super) fn month(&mut self, name: impl Display, text: &str) {
        let fits =
            text.is_empty() || text.len() == 7 && format!("{text}-01").parse::<chrono::NaiveDate>().is_ok();
        self.check(fits, name, "write a month as 2026-11");
    }

    /// A hash in hex, or nothing.
    pub(super) fn hash(&mut self, name: impl Display, text: &str) {
        let fits = text.is_empty() || (text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()));
        self.check(fits, name, "write a SHA-256 in hex");
    }

    pub(super) fn recipients(&mut self, name: impl Display, recipients: &[String]) {
        let fits = recipients.len() <= RECIPIENTS && recipients.iter().all(|one| is_recipient(one));
        self.check(fits, name, format_args!("write at most {RECIPIENTS} recipients, each as age1…"));
    }

    pub(super) fn update(&mut self, name: impl Display, update: &UpdateSign) {
        self.name(format_args!("{name}.image"), &update.image);
        self.moment(format_args!("{name}.seen_at"), update.seen_at);
        if let Some(digest) = &update.digest {
            self.name(format_args!("{name}.digest"), digest);
        }
    }

    pub(super) fn problem(&mut self, name: impl Display, problem: &Problem) {
        self.version(format_args!("{name}.code"), &problem.code);
        self.text(format_args!("{name}.message"), &problem.message);
        self.text(format_args!("{name}.hint"), &problem.hint);
    }

    /// The last backup, with every tool in it.
    pub(super) fn backup(&mut self, name: impl Display, backup: &BackupSign) {
        self.moment(format_args!("{name}.at"), backup.at);
        self.moments(format_args!("{name}.remote_at"), backup.remote_at);
        self.moments(format_args!("{name}.checked_at"), backup.checked_at);
        let few = backup.tools.len() <= limits::BACKUP_TOOLS;
        self.check(
            few,
            format_args!("{name}.tools"),
            format_args!("write at most {} tools", limits::BACKUP_TOOLS),
        );
        for (number, tool) in backup.tools.iter().enumerate() {
            let name = format_args!("{name}.tools[{number}]");
            self.name(format_args!("{name}.tool"), &tool.tool);
            self.moments(format_args!("{name}.taken_at"), tool.taken_at);
            self.moments(format_args!("{name}.proven_at"), tool.proven_at);
            if let Some(outside) = &tool.outside {
                self.moment(format_args!("{name}.outside.since"), outside.since);
                self.moments(format_args!("{name}.outside.proven_at"), outside.proven_at);
            }
        }
    }

    /// The evidence of a proof.
    pub(super) fn proof(&mut self, name: impl Display, proof: &Proof) {
        self.name(format_args!("{name}.tool"), &proof.tool);
        if let Some(place) = &proof.outside {
            self.line(format_args!("{name}.outside"), place);
        }
        self.moment(format_args!("{name}.taken_at"), proof.taken_at);
        self.moment(format_args!("{name}.began_at"), proof.began_at);
        let few = proof.steps.len() <= limits::PROOF_STEPS;
        self.check(
            few,
            format_args!("{name}.steps"),
            format_args!("write at most {} steps", limits::PROOF_STEPS),
        );
        for (number, step) in proof.steps.iter().enumerate() {
            self.name(format_args!("{name}.steps[{number}].name"), &step.name);
            self.number(format_args!("{name}.steps[{number}].milliseconds"), step.milliseconds);
        }
        for (list, lines) in [("equal", &proof.equal), ("differences", &proof.differences)] {
            let few = lines.len() <= limits::PROOF_LINES;
            self.check(
                few,
                format_args!("{name}.{list}"),
                format_args!("write at most {} lines", limits::PROOF_LINES),
            );
            for (number, line) in lines.iter().enumerate() {
                self.line(format_args!("{name}.{list}[{number}]"), line);
            }
        }
        if let Some(problem) = &proof.problem {
            self.problem(format_args!("{name}.problem"), problem);
        }
    }

    /// Whether `fits`, in a case of its own.
    pub(super) fn that(&mut self, fits: bool, name: impl Display, message: &str) {
        self.check(fits, name, message);
    }
}

/// Whether a letter makes others show in another order than they stand: a person would read another text.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether this looks like an age recipient.
pub(crate) fn is_recipient(text: &str) -> bool {
    text.starts_with("age1")
        && text.len() <= limits::NAME
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}
