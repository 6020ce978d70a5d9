use chrono::DateTime;
use letsbe_types::{Code, Problem, ids::SetId};

use super::{
    Action::{self, Build, Exchange, Finish, MakeSafety, Start, StopTool},
    AfterFailure, Former, Kind, RestoreJournal, Side, keep, remove, sandboxes, unfinished,
};
use letsbe_base::layout::Layout;

fn journal(kind: Kind) -> RestoreJournal {
    let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    let made = RestoreJournal::of_restore("ghost", Former::Saved, (SetId::generate(), at), at);
    RestoreJournal { kind, ..made }
}

const RESTORE: Kind = Kind::Restore { former: Former::Saved };
const KEPT: Kind = Kind::Restore { former: Former::Kept };
const DROPPED: Kind = Kind::Restore { former: Former::Dropped };

/// Everything that is done, with one failure at `fails`, each action being `(action, the side it works for)`.
fn walk(mut journal: RestoreJournal, fails: Option<Action>) -> Vec<(Action, Side)> {
    let mut done = Vec::new();
    let mut fails = fails;
    while let Some(action) = journal.next() {
        if fails == Some(action) {
            fails = None;
            let problem = Problem::transient(Code::WORK001, "why", "");
            assert_eq!(journal.after_failure(action, problem), AfterFailure::GoOn);
            continue;
        }
        done.push((action, journal.side()));
        journal.record(action);
    }
    done
}

#[test]
fn every_failure_leaves_the_tool_with_one_side_or_untouched() {
    let (to, back) = (Side::Restored, Side::Former);
    let (forward, undone) = (
        [StopTool, Exchange, Start, Finish].map(|a| (a, to)),
        [StopTool, Exchange, Start, Finish].map(|a| (a, back)),
    );
    let from = |first: &[Action], rest: &[(Action, Side)]| {
        first.iter().map(|a| (*a, to)).chain(rest.iter().copied()).collect::<Vec<_>>()
    };
    let table = [
        (RESTORE, None, from(&[MakeSafety, Build], &forward)),
        (KEPT, None, from(&[Build], &forward)),
        (DROPPED, None, from(&[Build], &forward)),
        (RESTORE, Some(MakeSafety), vec![(Finish, back)]),
        (RESTORE, Some(Build), vec![(MakeSafety, to), (Finish, back)]),
        (KEPT, Some(StopTool), from(&[Build], &undone)),
        (KEPT, Some(Exchange), from(&[Build, StopTool], &undone)),
        (KEPT, Some(Start), from(&[Build, StopTool, Exchange], &undone)),
        (Kind::Undo, None, forward.to_vec()),
        (Kind::Undo, Some(StopTool), undone.to_vec()),
        (Kind::Undo, Some(Start), from(&[StopTool, Exchange], &undone)),
    ];
    for (kind, fails, expected) in table {
        assert_eq!(walk(journal(kind), fails), expected, "{kind:?} failing at {fails:?}");
    }
}

#[test]
fn what_fails_on_the_way_back_waits_but_a_tool_that_stays_ill_does_not() {
    let problem = || Problem::transient(Code::WORK001, "why", "");
    let mut back = journal(KEPT);
    back.record(Build);
    assert_eq!(back.after_failure(StopTool, problem()), AfterFailure::GoOn);
    for action in [StopTool, Exchange, Finish] {
        let before = back.clone();
        assert_eq!(back.after_failure(action, problem()), AfterFailure::Stay(problem()));
        assert_eq!(back, before);
    }
    back.record(StopTool);
    back.record(Exchange);
    assert_eq!(back.after_failure(Start, problem()), AfterFailure::GoOn);
    assert_eq!(back.next(), Some(Finish));
    let told = back.back.unwrap().problem.message;
    assert!(told.contains("does not come up either"), "{told}");
    let mut ended = journal(KEPT);
    for action in [Build, StopTool, Exchange, Start] {
        ended.record(action);
    }
    assert_eq!(ended.after_failure(Finish, problem()), AfterFailure::Stay(problem()));
    assert!(ended.back.is_none(), "a tool that works with its new data keeps it");
}

#[test]
fn what_was_interrupted_goes_on_or_is_given_up_before_the_tool_is_touched() {
    let table: [(&[Action], Option<Action>, bool); 6] = [
        (&[], Some(Finish), true),
        (&[MakeSafety], Some(Finish), true),
        (&[MakeSafety, Build], Some(StopTool), false),
        (&[MakeSafety, Build, StopTool], Some(Exchange), false),
        (&[MakeSafety, Build, StopTool, Exchange], Some(Start), false),
        (&[MakeSafety, Build, StopTool, Exchange, Start], Some(Finish), false),
    ];
    for (done, next, is_given_up) in table {
        let mut journal = journal(RESTORE);
        done.iter().for_each(|action| journal.record(*action));
        let resumed = journal.resumed();
        assert_eq!(resumed.next(), next, "{done:?}");
        assert_eq!(resumed.back.is_some(), is_given_up, "{done:?}");
        assert_eq!(resumed.clone().resumed(), resumed, "{done:?}");
    }
}

#[test]
fn journals_are_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::under(folder.path());
    assert_eq!(unfinished(&layout).unwrap(), []);
    let mut journal = journal(RESTORE);
    journal.after_failure(MakeSafety, Problem::transient(Code::WORK001, "why", ""));
    keep(&layout, &journal).unwrap();
    std::fs::write(layout.state("restored.json"), "not a journal").unwrap();
    keep(
        &layout,
        &RestoreJournal { tool: "odoo".to_owned(), machine: "another".to_owned(), ..journal.clone() },
    )
    .unwrap();
    assert_eq!(sandboxes(&layout).unwrap(), [journal.sandbox.clone()]);
    assert_eq!(unfinished(&layout).unwrap(), [journal]);
    remove(&layout, "ghost").unwrap();
    assert_eq!(unfinished(&layout).unwrap(), []);
}

#[test]
fn a_journal_of_the_former_release_is_read_and_goes_on() {
    let former = serde_json::json!({
        "tool": "ghost",
        "kind": { "is": "restore", "former": "saved" },
        "set": "01942f7e-0000-7000-8000-000000000001",
        "taken_at": "2026-11-18T13:46:40Z",
        "stage": "0123abcd",
        "began_at": "2026-11-18T13:50:00Z",
        "wanted": "restored",
        "pairs": [{ "live": "/a", "beside": "/b", "former": 11, "restored": 12 }],
        "size": [3, 4],
        "back": { "problem": { "code": "NODE045", "message": "m", "hint": "h", "retryable": true }, "is_touched": true },
        "done": ["stop_tool"],
        "machine": "m",
    });
    let journal: RestoreJournal = serde_json::from_value(former.clone()).unwrap();
    assert_eq!((journal.sandbox.as_str(), journal.next()), ("0123abcd", Some(Exchange)));
    assert_eq!(serde_json::to_value(journal).unwrap(), former, "the former release could go on too");
}
