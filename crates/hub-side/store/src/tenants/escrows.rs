//! Keys that tenants' servers seal away. What was kept is never removed or written over by anything that a server
//! says: whoever has its key can add, slowly and not unseen, and take nothing away.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{
    backups::AlarmKind,
    ids::OrderId,
    tenant::{TenantEvent, TenantEventKind},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
};

use crate::{
    StoreError,
    backups::alarms,
    entities::{agent, configuration, escrow},
    row_error,
};

/// New escrows of a tenant within a day: a change of recipients and of keys, and both once more.
const A_DAY: u64 = 4;
const DAY: TimeDelta = TimeDelta::days(1);

/// How long these keys have to wait until they can be kept, if they must; such an event is not taken.
pub(super) async fn wait(
    db: &impl ConnectionTrait,
    agent: &agent::Model,
    event: &TenantEvent,
    now: DateTime<Utc>,
) -> Result<Option<TimeDelta>, StoreError> {
    let TenantEventKind::Escrowed { sealed, .. } = &event.event else { return Ok(None) };
    let recent = escrow::Entity::find()
        .filter(escrow::Column::OrderId.eq(agent.order_id))
        .filter(escrow::Column::ReceivedAt.gt(now - DAY))
        .order_by_desc(escrow::Column::ReceivedAt)
        .all(db)
        .await?;
    let full = u64::try_from(recent.len()).unwrap_or(u64::MAX) >= A_DAY;
    if !full || is_kept(db, agent, sealed).await? {
        return Ok(None);
    }
    let message =
        format!("more than {A_DAY} new ones came within a day; what came first is kept, the rest waits");
    alarms::raise_in(db, OrderId(agent.order_id), AlarmKind::KeysRefused, message, now).await?;
    let oldest = recent.get(usize::try_from(A_DAY - 1).unwrap_or(0)).and_then(|row| row.received_at);
    Ok(Some(oldest.map_or(DAY, |at| at + DAY - now)))
}

/// Keeps sealed keys beside all earlier ones; a copy of what is kept already adds nothing.
pub(super) async fn keep(
    db: &impl ConnectionTrait,
    agent: &agent::Model,
    event: &TenantEvent,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let TenantEventKind::Escrowed { sealed, recipients, fingerprint } = &event.event else { return Ok(()) };
    let order = OrderId(agent.order_id);
    if is_kept(db, agent, sealed).await? {
        return Ok(());
    }
    let rows = escrow::Entity::find()
        .filter(escrow::Column::OrderId.eq(agent.order_id))
        .order_by_asc(escrow::Column::Sequence)
        .all(db)
        .await?;
    let known: Vec<Known> = rows.into_iter().map(Known::try_from).collect::<Result<_, _>>()?;
    let new = Known {
        generation: agent.generation,
        recipients: recipients.iter().cloned().collect(),
        fingerprint: fingerprint.clone(),
    };
    let wanted = wanted(db, agent).await?;
    if !is_for_us(&wanted, &new, &known) {
        let message = "they were sealed for others than the Hub's recipients, and were not kept".to_owned();
        return alarms::raise_in(db, order, AlarmKind::KeysRefused, message, now).await;
    }
    let row = escrow::ActiveModel {
        order_id: Set(agent.order_id),
        at: Set(event.at),
        recipients: Set(serde_json::json!(recipients)),
        sealed: Set(sealed.clone()),
        fingerprint: Set(fingerprint.clone()),
        generation: Set(agent.generation),
        received_at: Set(Some(now)),
        ..Default::default()
    };
    row.insert(db).await?;
    match unexplained(&wanted, &new, &known) {
        Some(why) => {
            let message = format!("{why}. The earlier ones are kept: `letsbe tenants escrow` lists them");
            alarms::raise_in(db, order, AlarmKind::KeysChanged, message, now).await
        }
        None => Ok(()),
    }
}

async fn is_kept(db: &impl ConnectionTrait, agent: &agent::Model, sealed: &str) -> Result<bool, StoreError> {
    let same = escrow::Entity::find()
        .filter(escrow::Column::OrderId.eq(agent.order_id))
        .filter(escrow::Column::Sealed.eq(sealed));
    Ok(same.count(db).await? > 0)
}

/// What is to be known of an escrow, without what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    generation: i64,
    recipients: BTreeSet<String>,
    fingerprint: Option<String>,
}

impl TryFrom<escrow::Model> for Known {
    type Error = StoreError;

    fn try_from(row: escrow::Model) -> Result<Self, StoreError> {
        let recipients = serde_json::from_value(row.recipients);
        let recipients = recipients.map_err(|error| row_error("tenant_escrows")(&error))?;
        Ok(Self { generation: row.generation, recipients, fingerprint: row.fingerprint })
    }
}

/// For whom the Hub wants the keys sealed.
async fn wanted(db: &impl ConnectionTrait, agent: &agent::Model) -> Result<BTreeSet<String>, StoreError> {
    let row = configuration::Entity::find_by_id(agent.order_id).one(db).await?;
    let wanted = row.map(letsbe_types::tenant::TenantConfiguration::try_from).transpose()?;
    Ok(wanted.unwrap_or_default().escrow_recipients.into_iter().collect())
}

/// Whether the recipients are those that are wanted, or were wanted before.
fn is_for_us(wanted: &BTreeSet<String>, new: &Known, known: &[Known]) -> bool {
    let before = known.iter().any(|before| before.recipients == new.recipients);
    before || (!wanted.is_empty() && *wanted == new.recipients)
}

/// Why a new escrow makes one wonder. A server seals anew when the Hub names other recipients, with the same keys; a
/// server that registers anew may have others. Nothing else changes them.
fn unexplained(wanted: &BTreeSet<String>, new: &Known, known: &[Known]) -> Option<&'static str> {
    let mine: Vec<&Known> = known.iter().filter(|before| before.generation == new.generation).collect();
    let last = mine.last()?;
    if last.fingerprint.is_some() && new.fingerprint != last.fingerprint {
        return Some("other keys than before were sealed, though nobody changed them");
    }
    // The Hub may name again whom it named before.
    let back = last.recipients != new.recipients && new.recipients == *wanted;
    let again = mine.iter().any(|before| before.recipients == new.recipients) && !back;
    again.then_some("they were sealed anew, though neither keys nor recipients are said to be others")
}

#[cfg(test)]
mod tests {
    use super::{Known, unexplained};

    fn known(generation: i64, recipient: &str, fingerprint: Option<&str>) -> Known {
        let recipients = [recipient.to_owned()].into();
        Known { generation, recipients, fingerprint: fingerprint.map(str::to_owned) }
    }

    #[test]
    fn only_new_recipients_and_a_new_registration_explain_new_escrows() {
        let first = [known(1, "age1a", Some("aa"))];
        let old_program = [known(1, "age1a", None)];
        let there_and_back = [known(1, "age1a", Some("aa")), known(1, "age1b", Some("aa"))];
        let thrice = [there_and_back[0].clone(), there_and_back[1].clone(), there_and_back[0].clone()];
        let wanted = ["age1a".to_owned()].into();
        for (new, before, wonders) in [
            (known(1, "age1a", Some("aa")), &there_and_back[..], false),
            (known(1, "age1a", Some("bb")), &there_and_back, true),
            (known(1, "age1b", Some("aa")), &there_and_back, true),
            (known(1, "age1a", Some("aa")), &thrice, true),
            (known(1, "age1b", Some("aa")), &thrice, true),
            (known(1, "age1a", Some("aa")), &[], false),
            (known(1, "age1b", Some("aa")), &first, false),
            (known(2, "age1a", Some("bb")), &first, false),
            (known(1, "age1b", Some("aa")), &old_program, false),
            (known(1, "age1a", Some("aa")), &first, true),
            (known(1, "age1a", Some("bb")), &first, true),
            (known(1, "age1b", Some("bb")), &first, true),
            (known(1, "age1b", None), &first, true),
            (known(1, "age1a", None), &old_program, true),
        ] {
            assert_eq!(unexplained(&wanted, &new, before).is_some(), wonders, "{new:?} after {before:?}");
        }
    }
}
