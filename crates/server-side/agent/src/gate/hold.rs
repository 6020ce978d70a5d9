//! Calls that wait for a person: asked for, decided, done, told.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use letsbe_gate::{Call, Decided, Entry, Held, Kept, Phase};
use letsbe_types::{
    Problem,
    ids::ApprovalId,
    tenant::{Approval, ApprovalState, TenantEventKind},
};
use serde_json::{Value, json};

use crate::gate::{Allowed, Gate, Judged, problem, words};

/// Bytes that are kept of each text of a result.
const KEPT_BYTES: usize = 8 * 1024;

impl Gate {
    /// Approvals that wait for a person.
    pub(crate) fn pending(&self) -> u32 {
        u32::try_from(self.store.look(|approvals| approvals.pending().count())).unwrap_or(u32::MAX)
    }

    /// A person's word. The same word again is fine.
    pub(crate) async fn decide(
        self: &Arc<Self>,
        id: ApprovalId,
        approve: bool,
        by: &str,
    ) -> Result<(), Problem> {
        let by: String = by.chars().filter(|c| !c.is_control()).take(200).collect();
        let decided = self.store.change(|approvals| approvals.decide(id, approve, &by, Utc::now()))?;
        if decided == Decided::Before {
            return Ok(());
        }
        letsbe_types::crash::point(&super::points::DECIDED);
        self.note_decision(id, if approve { "approved" } else { "refused" }, &by)?;
        self.tell();
        if approve {
            self.start(id);
        }
        Ok(())
    }

    /// A word through the Hub, which has the plan only: what that does not show whole is not approved from there.
    pub(crate) async fn decide_from_afar(
        self: &Arc<Self>,
        id: ApprovalId,
        approve: bool,
        by: &str,
    ) -> Result<(), Problem> {
        let whole = |approvals: &letsbe_gate::Approvals| {
            approvals.get(id).map(|held| letsbe_gate::shows_everything(&held.approval.plan))
        };
        if approve && !self.store.look(whole).map_err(|error| problem::approval(&error))? {
            return Err(problem::not_shown_whole(id));
        }
        self.decide(id, approve, by).await
    }

    /// Settles what nobody decided in time, does what was approved and could not be done yet, and tells the Hub what it
    /// was not told. To be called every minute or so.
    pub(crate) async fn expire(self: &Arc<Self>, now: DateTime<Utc>) -> Result<(), Problem> {
        for id in self.store.change(|approvals| Ok(approvals.expire(now)))? {
            self.note_decision(id, "expired", "time")?;
        }
        self.start_ready();
        self.tell();
        Ok(())
    }

    /// After a start: what was begun and not ended is told so and never begun again; what was approved is begun.
    pub(super) fn resume(self: &Arc<Self>) -> Result<(), Problem> {
        self.note_decisions_again()?;
        let interrupted = self.store.look(letsbe_gate::Approvals::interrupted);
        for id in interrupted {
            let answer = json!({ "status": "failed", "problem": problem::interrupted() });
            self.finish(id, answer)?;
            self.note_decision(id, "interrupted: the agent ended in between", "letsbe-node")?;
        }
        self.start_ready();
        self.tell();
        Ok(())
    }

    /// A decision that the Hub was not told may be missing in the log, too: the agent ended right after it.
    fn note_decisions_again(&self) -> Result<(), Problem> {
        for Held { approval, by, .. } in self.store.look(letsbe_gate::Approvals::untold) {
            let decision = match approval.state {
                ApprovalState::Approved => "approved",
                ApprovalState::Refused => "refused",
                ApprovalState::Expired => "expired",
                ApprovalState::Pending | ApprovalState::Done => continue,
            };
            let decision = format!("{decision}; written down again after a start");
            self.note_decision(approval.id, &decision, by.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    fn start_ready(self: &Arc<Self>) {
        for id in self.store.look(letsbe_gate::Approvals::ready) {
            self.start(id);
        }
    }

    pub(super) fn hold(&self, judged: &Judged) -> Result<Value, Problem> {
        let Judged { call, judgement, .. } = judged;
        let held = self.store.change(|approvals| {
            approvals.request(call, judgement, ApprovalId::generate(), Utc::now()).cloned()
        })?;
        letsbe_types::crash::point(&super::points::HELD);
        let mut entry = self.entry(judged, Phase::Held, &judgement.because, None);
        entry.approval = Some(held.approval.id.to_string());
        self.log.append(entry)?;
        self.tell();
        Ok(judged.answer("waiting", waiting(&held.approval)))
    }

    /// How an approval stands, and the result once there is one. With a call: only if it is for this one.
    pub(super) fn approval_answer(&self, id: ApprovalId, call: Option<&Call>) -> Result<Value, Problem> {
        let held = self.store.look(|approvals| match call {
            Some(call) => approvals.for_call(id, call).cloned(),
            None => approvals.get(id).cloned(),
        });
        let held = held.map_err(|error| problem::approval(&error))?;
        self.log.append(entry_of(&held, Phase::Answered, &format!("{:?}", held.approval.state), None))?;
        Ok(stands(held))
    }

    /// Does what was approved, beside everything else.
    fn start(self: &Arc<Self>, id: ApprovalId) {
        let gate = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(problem) = gate.do_approved(id).await {
                tracing::error!(%problem, %id, "what was approved could not be done");
            }
        });
    }

    async fn do_approved(&self, id: ApprovalId) -> Result<(), Problem> {
        let slot = self.slots.acquire().await;
        // Without a vault it is tried again by the next `expire`.
        let Ok(secrets) = self.secrets() else { return Ok(()) };
        let mut taken = None;
        self.store.change(|approvals| {
            taken = approvals.begin(id, Utc::now());
            Ok(())
        })?;
        let Some(held) = taken else { return Ok(()) };
        letsbe_types::crash::point(&super::points::TAKEN);
        let by = held.by.clone().unwrap_or_default();
        // Judged again: the tool may be gone, a secret may have another name by now.
        let judged = self.judge(held.call, &secrets);
        let answer = match &judged.obstacle {
            Some(problem) => judged.answer("failed", json!({ "problem": problem })),
            None => self.carry_out(&judged, Some(Allowed { approval: id, by })).await?,
        };
        drop(slot);
        self.finish(id, answer)?;
        letsbe_types::crash::point(&super::points::FINISHED);
        self.tell();
        Ok(())
    }

    fn finish(&self, id: ApprovalId, answer: Value) -> Result<(), Problem> {
        let answer = words::shortened(answer, KEPT_BYTES);
        self.store.change(|approvals| {
            approvals.finish(id, Kept { at: Utc::now(), answer });
            Ok(())
        })
    }

    fn note_decision(&self, id: ApprovalId, decision: &str, by: &str) -> Result<(), Problem> {
        let held = self.store.look(|approvals| approvals.get(id).cloned());
        let held = held.map_err(|error| problem::approval(&error))?;
        self.log.append(entry_of(&held, Phase::Decided, decision, Some(by))).map(|_| ())
    }

    /// Tells the Hub how approvals stand, each change once or, after a crash, twice. What cannot be told now is told
    /// with the next change or the next minute.
    fn tell(&self) {
        for held in self.store.look(letsbe_gate::Approvals::untold) {
            let (id, state) = (held.approval.id, held.approval.state);
            let told = news(&held).into_iter().try_for_each(|event| self.guardian.outbox.tell(event));
            let kept = told.and_then(|()| {
                self.store.change(|approvals| {
                    approvals.told(id, state);
                    Ok(())
                })
            });
            if let Err(problem) = kept {
                tracing::warn!(%problem, %id, "the Hub is not told of an approval yet");
            }
        }
    }
}

/// An entry about an approval.
fn entry_of(held: &Held, phase: Phase, decision: &str, by: Option<&str>) -> Entry {
    let Held { approval, call, .. } = held;
    Entry {
        phase,
        agent: call.agent.clone(),
        verb: approval.action.clone(),
        tool: approval.tool.clone(),
        plan: approval.plan.clone(),
        approval: Some(approval.id.to_string()),
        by: by.map(str::to_owned),
        ..super::log::note(Utc::now(), decision.to_owned())
    }
}

/// What the Hub does not know of an approval yet.
fn news(held: &Held) -> Vec<TenantEventKind> {
    let mut news = Vec::new();
    if held.told.is_none() {
        let approval = Approval { state: ApprovalState::Pending, ..held.approval.clone() };
        news.push(TenantEventKind::ApprovalRequested { approval });
    }
    if held.approval.state != ApprovalState::Pending {
        let by = held.by.clone().unwrap_or_default();
        news.push(TenantEventKind::ApprovalSettled {
            approval: held.approval.id,
            state: held.approval.state,
            by,
        });
    }
    news
}

fn waiting(approval: &Approval) -> Value {
    json!({
        "approval": approval.id,
        "expires_at": approval.expires_at,
        "next": "A person has been asked. Ask approval_status with this approval later; it is done once it is approved.",
    })
}

fn stands(held: Held) -> Value {
    let Held { approval, by, kept, .. } = held;
    let status = match approval.state {
        ApprovalState::Pending => "waiting",
        ApprovalState::Approved => "approved",
        ApprovalState::Refused => "refused",
        ApprovalState::Expired => "expired",
        ApprovalState::Done => "done",
    };
    let answer = kept.map(|kept| kept.answer);
    json!({
        "status": status,
        "approval": approval.id,
        "verb": approval.action,
        "tool": approval.tool,
        "class": approval.class,
        "plan": approval.plan,
        "expires_at": approval.expires_at,
        "by": by,
        "answer": answer,
    })
}
