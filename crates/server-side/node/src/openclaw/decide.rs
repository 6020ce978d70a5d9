//! What to do about a wish for another release. Pure.

use chrono::{DateTime, Datelike as _, FixedOffset, Weekday};
use letsbe_stacks::is_later;
use letsbe_types::{Code, Problem};

use super::record::{Record, UpdatePhase};

/// A release as a tag: `v2026.10` is `2026.10`. `None` if it is none.
pub(super) fn tag(release: &str) -> Option<&str> {
    let tag = release.strip_prefix('v').unwrap_or(release);
    let number = |part: &str| !part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
    let parts = tag.split('.').count();
    ((2..=4).contains(&parts) && tag.split('.').all(number)).then_some(tag)
}

/// What becomes of an update that was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutOff {
    /// Nothing was changed yet, but the container may stand still: it is started, then the wish counts.
    StartAgain,
    /// It wanted the same: it goes on where it was.
    GoOn,
    /// It wanted something else: it is undone, then the wish counts.
    UndoFirst,
    /// It was being undone: that is finished, and its problem told.
    FinishUndoing,
}

/// What becomes of an update that was cut off, when `to` is wanted now.
pub(super) fn cut_off(record: &Record, to: &str) -> Option<CutOff> {
    match (record.is_over(), record.phase) {
        (true, _) => None,
        (false, UpdatePhase::Saving) => Some(CutOff::StartAgain),
        (false, UpdatePhase::Moving) if record.to == to => Some(CutOff::GoOn),
        (false, UpdatePhase::Moving) => Some(CutOff::UndoFirst),
        (false, UpdatePhase::Undoing) => Some(CutOff::FinishUndoing),
    }
}

/// Whether an update may begin; `Ok(false)` if there is nothing to do.
pub(super) fn may_begin(
    from: &str,
    to: &str,
    now: DateTime<FixedOffset>,
    forced: Forced,
) -> Result<bool, Problem> {
    if from == to {
        return Ok(false);
    }
    if !is_later(to, from) {
        return Err(refused(
            format!("OpenClaw v{to} is older than v{from}, which runs"),
            "The state of a later release cannot be read by an earlier one. Restore a backup instead.",
        ));
    }
    if now.weekday() == Weekday::Fri && forced == Forced::No {
        return Err(refused(
            "On a Friday OpenClaw is not updated: nobody would be there to see what it does".to_owned(),
            "Update on another day, or insist with --force.",
        ));
    }
    Ok(true)
}

/// Whether somebody insists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forced {
    /// Nobody does.
    No,
    /// Also on a Friday.
    Yes,
}

pub(super) fn refused(message: String, hint: &str) -> Problem {
    Problem::permanent(Code::CLAW002, message, hint)
}

/// Whether a program's words about its version (`OpenClaw 2026.9.6 (eb377ac)`) name the version that its image
/// declares.
pub(super) fn is_version(said: &str, declared: &str) -> bool {
    said.split_whitespace().any(|word| word.trim_start_matches('v') == declared.trim_start_matches('v'))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, FixedOffset};

    use super::{
        super::record::{Record, UpdatePhase},
        CutOff, Forced, cut_off, is_version, may_begin, tag,
    };

    fn day(text: &str) -> DateTime<FixedOffset> {
        DateTime::parse_from_rfc3339(text).unwrap()
    }

    #[test]
    fn releases_are_numbers_and_nothing_else() {
        for (release, expected) in [
            ("v2026.10", Some("2026.10")),
            ("2026.10.1", Some("2026.10.1")),
            ("2026", None),
            ("latest", None),
            ("2026.", None),
            ("2026.10 --x", None),
            ("../2026.10", None),
            ("2026.10-beta", None),
            ("", None),
        ] {
            assert_eq!(tag(release), expected, "{release}");
        }
    }

    #[test]
    fn on_a_friday_of_the_server_only_who_insists_updates() {
        let (friday, thursday) = (day("2026-11-27T00:30:00+01:00"), day("2026-11-26T23:30:00+01:00"));
        let table = [
            (friday, Forced::No, None),
            (friday, Forced::Yes, Some(true)),
            (thursday, Forced::No, Some(true)),
        ];
        for (now, forced, expected) in table {
            assert_eq!(may_begin("2026.9", "2026.10", now, forced).ok(), expected, "{now}");
        }
        // Both are the same moment of Friday in Berlin, Thursday in London.
        assert!(may_begin("2026.9", "2026.10", day("2026-11-26T23:30:00+00:00"), Forced::No).is_ok());
    }

    #[test]
    fn only_later_releases_are_moved_to() {
        let now = day("2026-11-23T12:00:00+00:00");
        assert_eq!(may_begin("2026.10", "2026.10", now, Forced::No), Ok(false));
        assert_eq!(may_begin("2026.10", "2026.9", now, Forced::Yes).unwrap_err().code, "CLAW002");
    }

    #[test]
    fn an_update_that_was_cut_off_is_finished_or_undone() {
        let record = |phase| Record { phase, ..Record::sample("2026.9", "2026.10") };
        for (phase, to, expected) in [
            (UpdatePhase::Saving, "2026.10", CutOff::StartAgain),
            (UpdatePhase::Saving, "2026.11", CutOff::StartAgain),
            (UpdatePhase::Moving, "2026.10", CutOff::GoOn),
            (UpdatePhase::Moving, "2026.11", CutOff::UndoFirst),
            (UpdatePhase::Undoing, "2026.10", CutOff::FinishUndoing),
            (UpdatePhase::Undoing, "2026.11", CutOff::FinishUndoing),
        ] {
            assert_eq!(cut_off(&record(phase), to), Some(expected), "{phase:?} {to}");
            assert_eq!(cut_off(&record(phase).over(None, chrono::Utc::now()), to), None);
        }
    }

    #[test]
    fn the_program_must_name_the_version_of_its_image() {
        assert!(is_version("OpenClaw 2026.9.6 (eb377ac)\n", "2026.9.6"));
        assert!(is_version("OpenClaw v2026.9.6", "2026.9.6"));
        for said in ["OpenClaw 2026.9.60 (x)", "OpenClaw 2026.9.5", ""] {
            assert!(!is_version(said, "2026.9.6"), "{said}");
        }
    }
}
