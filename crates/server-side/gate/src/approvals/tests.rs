use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{
    ids::ApprovalId,
    tenant::ApprovalState::{Approved, Done, Expired, Pending, Refused},
};
use proptest::prelude::*;
use serde_json::json;

use super::{ApprovalError, Approvals, Decided, Kept, PENDING_MOST};
use crate::{Call, Class, Judgement};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("a moment")
}

fn call(tool: &str) -> Call {
    Call::parse("it-admin", "rotate", Some(tool), json!({})).expect("reads")
}

fn judgement() -> Judgement {
    Judgement { class: Class::Red, external: false, because: String::new() }
}

fn asked(approvals: &mut Approvals, tool: &str) -> ApprovalId {
    let held = approvals.request(&call(tool), &judgement(), ApprovalId::generate(), now()).expect("room");
    held.approval.id
}

fn kept() -> Kept {
    Kept { at: now(), answer: json!("ok") }
}

#[test]
fn an_approval_is_decided_once_and_used_once() {
    let mut approvals = Approvals::default();
    let id = asked(&mut approvals, "ghost");
    assert_eq!(approvals.begin(id, now()), None, "not before it is approved");
    assert_eq!(approvals.decide(id, true, "anna", now()), Ok(Decided::Now));
    assert_eq!(approvals.decide(id, true, "bert", now()), Ok(Decided::Before));
    let refused = Err(ApprovalError::Settled { id, state: Approved });
    assert_eq!(approvals.decide(id, false, "bert", now()), refused);
    assert_eq!(approvals.get(id).expect("there").by.as_deref(), Some("anna"));
    assert_eq!(approvals.begin(id, now()).expect("taken").call, call("ghost"));
    assert_eq!(approvals.begin(id, now()), None, "not twice");
    approvals.finish(id, kept());
    assert_eq!(approvals.get(id).expect("there").approval.state, Done);
    assert_eq!(approvals.decide(id, true, "anna", now()), Ok(Decided::Before));
    assert_eq!(approvals.begin(id, now()), None, "not after its end");
}

#[test]
fn an_approval_is_for_exactly_its_call() {
    let mut approvals = Approvals::default();
    let id = asked(&mut approvals, "ghost");
    assert!(approvals.for_call(id, &call("ghost")).is_ok());
    assert_eq!(approvals.for_call(id, &call("odoo")).expect_err("other"), ApprovalError::OtherCall(id));
    let unknown = ApprovalId::generate();
    assert_eq!(
        approvals.for_call(unknown, &call("ghost")).expect_err("none"),
        ApprovalError::Unknown(unknown)
    );
}

#[test]
fn what_nobody_decides_expires_after_a_day() {
    let mut approvals = Approvals::default();
    let id = asked(&mut approvals, "ghost");
    let (before, after) =
        (now() + TimeDelta::hours(24) - TimeDelta::seconds(1), now() + TimeDelta::hours(24));
    assert_eq!(approvals.expire(before), []);
    let late = approvals.decide(id, true, "anna", after);
    assert_eq!(late, Err(ApprovalError::Settled { id, state: Expired }), "too late, before it was swept");
    assert_eq!(approvals.expire(after), [id]);
    assert_eq!(approvals.expire(after), []);
    assert_eq!(approvals.get(id).expect("there").by.as_deref(), Some("time"));
    assert!(approvals.decide(id, true, "anna", before).is_err());
    let unused = asked(&mut approvals, "odoo");
    approvals.decide(unused, true, "anna", before).expect("decided");
    assert_eq!(approvals.begin(unused, after), None, "approved, and not used in time");
    assert_eq!(approvals.expire(after), [unused]);
}

#[test]
fn the_same_call_waits_once_and_a_hundred_are_the_most() {
    let mut approvals = Approvals::default();
    let id = asked(&mut approvals, "ghost");
    assert_eq!(asked(&mut approvals, "ghost"), id);
    for number in 1..PENDING_MOST {
        asked(&mut approvals, &format!("tool-{number}"));
    }
    assert_eq!(approvals.pending().count(), PENDING_MOST);
    let full = approvals.request(&call("one-more"), &judgement(), ApprovalId::generate(), now());
    assert_eq!(full.expect_err("full"), ApprovalError::Full);
    assert_eq!(asked(&mut approvals, "ghost"), id, "one that waits is still found");
    approvals.decide(id, false, "anna", now()).expect("decided");
    assert_ne!(asked(&mut approvals, "ghost"), id, "what was refused is asked for anew");
}

#[test]
fn old_ones_are_forgotten_and_waiting_ones_never() {
    let mut approvals = Approvals::default();
    let first = asked(&mut approvals, "first");
    for number in 0..400 {
        let id = asked(&mut approvals, &format!("tool-{number}"));
        approvals.decide(id, false, "anna", now()).expect("decided");
    }
    assert!(approvals.iter().count() <= 102);
    assert_eq!(approvals.get(first).expect("there").approval.state, Pending);
}

#[derive(Debug, Clone)]
enum Step {
    Ask(u8),
    Decide(u8, bool),
    Begin(u8),
    Finish(u8),
    Expire(i64),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_u8..4).prop_map(Step::Ask),
        (0_u8..8, any::<bool>()).prop_map(|(which, approve)| Step::Decide(which, approve)),
        (0_u8..8).prop_map(Step::Begin),
        (0_u8..8).prop_map(Step::Finish),
        (0_i64..40).prop_map(Step::Expire),
        Just(Step::Restart),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    /// Whatever happens in whatever order, restarts included: nothing is begun that was not approved, nothing twice,
    /// and what is settled stays as it is.
    #[test]
    fn nothing_is_done_unapproved_or_twice(steps in steps()) {
        let mut approvals = Approvals::default();
        let mut ids: Vec<ApprovalId> = Vec::new();
        let (mut begun, mut approved, mut time) = (Vec::new(), Vec::new(), now());
        let pick = |ids: &[ApprovalId], which: u8| ids.get(usize::from(which)).copied();
        for step in steps {
            let before = approvals.clone();
            match step {
                Step::Ask(tool) => {
                    let id = ApprovalId::generate();
                    let call = call(&format!("tool-{tool}"));
                    let id = approvals.request(&call, &judgement(), id, time).expect("room").approval.id;
                    if !ids.contains(&id) {
                        ids.push(id);
                    }
                }
                Step::Decide(which, approve) => if let Some(id) = pick(&ids, which)
                    && approvals.decide(id, approve, "anna", time) == Ok(Decided::Now) && approve
                {
                    approved.push(id);
                },
                Step::Begin(which) => if let Some(id) = pick(&ids, which)
                    && approvals.begin(id, time).is_some()
                {
                    prop_assert!(approved.contains(&id) && !begun.contains(&id));
                    begun.push(id);
                },
                Step::Finish(which) => if let Some(id) = pick(&ids, which) {
                    approvals.finish(id, kept());
                },
                Step::Expire(hours) => {
                    time += TimeDelta::hours(hours);
                    approvals.expire(time);
                }
                Step::Restart => {
                    let text = serde_json::to_string(&approvals).expect("writes");
                    approvals = serde_json::from_str(&text).expect("reads");
                    prop_assert_eq!(&approvals, &before);
                }
            }
            for held in before.iter().filter(|held| matches!(held.approval.state, Refused | Expired | Done)) {
                let state = approvals.get(held.approval.id).expect("kept").approval.state;
                prop_assert_eq!(state, held.approval.state);
            }
        }
    }
}
