//! What follows from an event of a tenant's server, in the event's own transaction. Everything is written under the
//! tenant's own id: what a server says can change nothing of another one.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{
    ids::ApprovalId,
    tenant::{Approval, ApprovalState, TenantEvent, TenantEventKind},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{commands, escrows, heartbeats::HOUR, proofs, signed};
use crate::{
    StoreError,
    entities::{agent, approval, token},
    row_error, sql,
};

/// Approvals of a tenant that are kept.
const APPROVALS: u64 = 20_000;
/// Models of one hour that are counted by name.
const MODELS: u64 = 64;
/// The name under which further ones are counted.
const OTHER: &str = "other";
/// Tokens are told at most so late; what is said to be older is counted in the oldest hour.
const TOKENS_LATE: TimeDelta = TimeDelta::days(60);
/// The largest sum: one more number of a message still fits.
const SUM_MAX: i64 = 9_000_000_000_000_000_000;

pub(crate) async fn apply(
    db: &impl ConnectionTrait,
    agent: &agent::Model,
    event: &TenantEvent,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let order = agent.order_id;
    match &event.event {
        TenantEventKind::CommandFinished { result } => commands::finish_in(db, order, result).await,
        TenantEventKind::ApprovalRequested { approval } => request(db, order, approval, now).await,
        TenantEventKind::ApprovalSettled { approval, state, by } => {
            settle(db, order, event, *approval, *state, by).await
        }
        TenantEventKind::TokensUsed { hour, model, input, output, requests } => {
            // No queue holds what is older, and nothing was used in a time to come.
            let hour = (*hour).clamp(now - TOKENS_LATE, now + TimeDelta::hours(1));
            let used = token::Model {
                order_id: order,
                hour: hour.timestamp().div_euclid(HOUR) * HOUR,
                model: model.clone(),
                input: signed(*input),
                output: signed(*output),
                requests: signed(*requests),
            };
            count(db, used).await
        }
        TenantEventKind::Escrowed { .. } => escrows::keep(db, agent, event, now).await,
        TenantEventKind::Proven { proof } => proofs::keep(db, order, proof).await,
        // The event itself is all there is to keep.
        TenantEventKind::UpdateSeen { .. }
        | TenantEventKind::Restored { .. }
        | TenantEventKind::Rotated { .. }
        | TenantEventKind::OpenClawUpdated { .. }
        | TenantEventKind::Trouble { .. } => Ok(()),
    }
}

/// The event as it is listed. Sealed keys stand in their own table.
pub(crate) fn without_sealed_keys(event: &TenantEventKind) -> TenantEventKind {
    match event {
        TenantEventKind::Escrowed { recipients, fingerprint, .. } => TenantEventKind::Escrowed {
            sealed: String::new(),
            recipients: recipients.clone(),
            fingerprint: fingerprint.clone(),
        },
        other => other.clone(),
    }
}

/// The word for a state in the database.
pub(crate) fn word(state: ApprovalState) -> &'static str {
    match state {
        ApprovalState::Pending => "pending",
        ApprovalState::Approved => "approved",
        ApprovalState::Refused => "refused",
        ApprovalState::Expired => "expired",
        ApprovalState::Done => "done",
    }
}

async fn request(
    db: &impl ConnectionTrait,
    order: Uuid,
    new: &Approval,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let oldest: Option<Uuid> = approval::Entity::find()
        .select_only()
        .column(approval::Column::Id)
        .filter(approval::Column::OrderId.eq(order))
        .order_by_desc(approval::Column::RequestedAt)
        .offset(APPROVALS - 1)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    if let Some(oldest) = oldest {
        approval::Entity::delete_by_id((order, oldest)).exec(db).await?;
    }
    let row = approval::ActiveModel {
        order_id: Set(order),
        id: Set(new.id.0),
        requested_at: Set(new.requested_at.min(now)),
        state: Set(word(new.state).to_owned()),
        approval: Set(serde_json::to_value(new).map_err(|error| row_error("tenant_approvals")(&error))?),
        settled_by: Set(None),
        settled_at: Set(None),
    };
    let once = OnConflict::columns([approval::Column::OrderId, approval::Column::Id]).do_nothing().to_owned();
    approval::Entity::insert(row).on_conflict(once).exec_without_returning(db).await?;
    Ok(())
}

/// That it was done says no more about who decided.
async fn settle(
    db: &impl ConnectionTrait,
    order: Uuid,
    event: &TenantEvent,
    id: ApprovalId,
    state: ApprovalState,
    by: &str,
) -> Result<(), StoreError> {
    let mut update = approval::Entity::update_many()
        .col_expr(approval::Column::State, Expr::value(word(state)))
        .filter(approval::Column::OrderId.eq(order))
        .filter(approval::Column::Id.eq(id.0));
    if state != ApprovalState::Done {
        update = update
            .col_expr(approval::Column::SettledBy, Expr::value(by))
            .col_expr(approval::Column::SettledAt, Expr::value(event.at));
    }
    update.exec(db).await?;
    Ok(())
}

async fn count(db: &impl ConnectionTrait, mut used: token::Model) -> Result<(), StoreError> {
    use sea_orm::IntoActiveModel as _;
    use token::Column;
    let hour =
        token::Entity::find().filter(Column::OrderId.eq(used.order_id)).filter(Column::Hour.eq(used.hour));
    let named = hour.clone().filter(Column::Model.eq(used.model.as_str()));
    if hour.count(db).await? >= MODELS && named.count(db).await? == 0 {
        OTHER.clone_into(&mut used.model);
    }
    // The sum stays below what a row can hold.
    let sum = |name: &str| {
        let (kept, more) = (format!("tenant_tokens.{name}"), format!("excluded.{name}"));
        Expr::cust(sql::bounded(db.get_database_backend(), SUM_MAX, &kept, &more))
    };
    let add = OnConflict::columns([Column::OrderId, Column::Hour, Column::Model])
        .value(Column::Input, sum("input"))
        .value(Column::Output, sum("output"))
        .value(Column::Requests, sum("requests"))
        .to_owned();
    let row = used.into_active_model();
    token::Entity::insert(row).on_conflict(add).exec_without_returning(db).await?;
    Ok(())
}
