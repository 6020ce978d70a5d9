//! Approvals: each is for exactly one call, is decided once, and is used once.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{
    ids::ApprovalId,
    tenant::{Approval, ApprovalState},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::{
    call::{Call, fingerprint},
    class::Judgement,
    plan::plan_with_reason,
};

/// Most approvals that may wait at a time.
pub const PENDING_MOST: usize = 100;
/// Settled ones that are kept for those who ask.
const SETTLED_MOST: usize = 100;
/// Time that a person has.
const PATIENCE: TimeDelta = TimeDelta::hours(24);

/// Why something cannot be done with an approval.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum ApprovalError {
    /// There is none of this id.
    #[error("there is no approval {0}")]
    Unknown(ApprovalId),
    /// It was decided in another way.
    #[error("the approval {id} is already {state:?}")]
    Settled {
        /// Which.
        id: ApprovalId,
        /// How it stands.
        state: ApprovalState,
    },
    /// It is for another call.
    #[error("the approval {0} is for another call")]
    OtherCall(ApprovalId),
    /// Too many wait.
    #[error("{PENDING_MOST} approvals wait already")]
    Full,
}

/// What is left of a call that was approved and done. Redacted and bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// What the call would have answered.
    pub answer: Value,
}

/// An approval with its call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// As people see it.
    pub approval: Approval,
    /// Exactly what is done once it is approved.
    pub call: Call,
    /// Who decided.
    pub by: Option<String>,
    /// When it was begun; never again after that.
    pub begun_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub kept: Option<Kept>,
    /// What the Hub was told last.
    pub told: Option<ApprovalState>,
}

/// What a decision did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It counts.
    Now,
    /// The same was said before; nothing changed.
    Before,
}

/// All approvals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Approvals(Vec<Held>);

impl Approvals {
    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        self.0.iter()
    }

    /// Those that wait.
    pub fn pending(&self) -> impl Iterator<Item = &Held> {
        self.0.iter().filter(|held| held.approval.state == ApprovalState::Pending)
    }

    /// One of them.
    ///
    /// # Errors
    /// When there is none of this id.
    pub fn get(&self, id: ApprovalId) -> Result<&Held, ApprovalError> {
        self.0.iter().find(|held| held.approval.id == id).ok_or(ApprovalError::Unknown(id))
    }

    /// One of them, if it is for this call.
    ///
    /// # Errors
    /// When there is none, or it is for another call.
    pub fn for_call(&self, id: ApprovalId, call: &Call) -> Result<&Held, ApprovalError> {
        let held = self.get(id)?;
        if fingerprint(&held.call) == fingerprint(call) {
            Ok(held)
        } else {
            Err(ApprovalError::OtherCall(id))
        }
    }

    /// Asks for an approval. The same call that waits already is not asked for twice.
    ///
    /// # Errors
    /// When too many wait.
    pub fn request(
        &mut self,
        call: &Call,
        judgement: &Judgement,
        id: ApprovalId,
        now: DateTime<Utc>,
    ) -> Result<&Held, ApprovalError> {
        let sought = fingerprint(call);
        let same = |held: &Held| {
            held.approval.state == ApprovalState::Pending
                && held.approval.expires_at > now
                && fingerprint(&held.call) == sought
        };
        if let Some(at) = self.0.iter().position(same) {
            return Ok(&self.0[at]);
        }
        if self.pending().count() >= PENDING_MOST {
            return Err(ApprovalError::Full);
        }
        self.forget_old();
        let approval = Approval {
            id,
            requested_at: now,
            expires_at: now + PATIENCE,
            action: call.action.verb().to_string(),
            tool: call.action.tool().map(str::to_owned),
            class: judgement.class.to_string(),
            plan: plan_with_reason(call, judgement),
            agent: call.agent.clone(),
            state: ApprovalState::Pending,
        };
        let call = call.clone();
        self.0.push(Held { approval, call, by: None, begun_at: None, kept: None, told: None });
        Ok(&self.0[self.0.len() - 1])
    }

    fn forget_old(&mut self) {
        let settled =
            |held: &Held| !matches!(held.approval.state, ApprovalState::Pending | ApprovalState::Approved);
        let mut over = self.0.iter().filter(|held| settled(held)).count().saturating_sub(SETTLED_MOST - 1);
        self.0.retain(|held| {
            let forget = over > 0 && settled(held);
            over -= usize::from(forget);
            !forget
        });
    }

    fn get_mut(&mut self, id: ApprovalId) -> Result<&mut Held, ApprovalError> {
        self.0.iter_mut().find(|held| held.approval.id == id).ok_or(ApprovalError::Unknown(id))
    }

    /// A person's word. The same word again changes nothing.
    ///
    /// # Errors
    /// When there is none of this id, or it was decided in another way, or its time is over.
    pub fn decide(
        &mut self,
        id: ApprovalId,
        approve: bool,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<Decided, ApprovalError> {
        let held = self.get_mut(id)?;
        let settled = |state| Err(ApprovalError::Settled { id, state });
        match (held.approval.state, approve) {
            (ApprovalState::Pending, _) if held.approval.expires_at <= now => settled(ApprovalState::Expired),
            (ApprovalState::Pending, _) => {
                held.approval.state = if approve { ApprovalState::Approved } else { ApprovalState::Refused };
                held.by = Some(by.to_owned());
                Ok(Decided::Now)
            }
            (ApprovalState::Approved | ApprovalState::Done, true) | (ApprovalState::Refused, false) => {
                Ok(Decided::Before)
            }
            (state, _) => settled(state),
        }
    }

    /// Takes an approved call to be done; `None` if it was taken before, is not approved, or its time is over.
    pub fn begin(&mut self, id: ApprovalId, now: DateTime<Utc>) -> Option<Held> {
        let held = self.get_mut(id).ok()?;
        let usable = held.approval.state == ApprovalState::Approved && held.approval.expires_at > now;
        if !usable || held.begun_at.is_some() {
            return None;
        }
        held.begun_at = Some(now);
        Some(held.clone())
    }

    /// It was done, or tried.
    pub fn finish(&mut self, id: ApprovalId, kept: Kept) {
        if let Ok(held) = self.get_mut(id)
            && held.begun_at.is_some()
        {
            held.approval.state = ApprovalState::Done;
            held.kept = Some(kept);
        }
    }

    /// Settles what nobody decided, or nobody could do, in time; their ids.
    pub fn expire(&mut self, now: DateTime<Utc>) -> Vec<ApprovalId> {
        let mut expired = Vec::new();
        for held in &mut self.0 {
            let approval = &mut held.approval;
            let open = match approval.state {
                ApprovalState::Pending => true,
                ApprovalState::Approved => held.begun_at.is_none(),
                _ => false,
            };
            if open && approval.expires_at <= now {
                approval.state = ApprovalState::Expired;
                held.by = Some("time".to_owned());
                expired.push(approval.id);
            }
        }
        expired
    }

    /// Approved ones that were begun and not ended: the program ended in between. They are never begun again.
    #[must_use]
    pub fn interrupted(&self) -> Vec<ApprovalId> {
        self.approved(|held| held.begun_at.is_some())
    }

    /// Approved ones that were not begun.
    #[must_use]
    pub fn ready(&self) -> Vec<ApprovalId> {
        self.approved(|held| held.begun_at.is_none())
    }

    fn approved(&self, which: impl Fn(&Held) -> bool) -> Vec<ApprovalId> {
        let approved = self.0.iter().filter(|held| held.approval.state == ApprovalState::Approved);
        approved.filter(|held| which(held)).map(|held| held.approval.id).collect()
    }

    /// Those whose present state the Hub was not told.
    #[must_use]
    pub fn untold(&self) -> Vec<Held> {
        self.0.iter().filter(|held| held.told != Some(held.approval.state)).cloned().collect()
    }

    /// The Hub was told this.
    pub fn told(&mut self, id: ApprovalId, state: ApprovalState) {
        if let Ok(held) = self.get_mut(id) {
            held.told = Some(state);
        }
    }
}

#[cfg(test)]
mod tests;
