//! What only a person can do.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{api::TaskEntry, ids::OrderId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entities::{order, task},
    messages::{self, MessageKind, NewMessage},
    row_error,
    timeline::{self, NewEntry},
};

/// Every kind of task.
pub const TASK_KINDS: [&str; 12] = [
    PURCHASE,
    "payment_twice",
    "payment_late",
    "payment_failed",
    "payment_refund",
    "payment_refund_failed",
    "payment_inquiry",
    "payment_dispute",
    "payment_dispute_lost",
    "payment_dispute_over",
    "payment_fraud_warning",
    "subscription_ended",
];
/// Tasks in one list.
const LISTED: u64 = 500;
/// A server is wanted.
const PURCHASE: &str = "purchase_server";
/// A dispute is answered within seven days, or the money is gone.
const TIME: TimeDelta = TimeDelta::days(7);

/// Opens a task about money, once for each event that asks for it, with a line in the order's timeline.
pub(crate) async fn open_in(
    db: &impl ConnectionTrait,
    order: OrderId,
    kind: &str,
    detail: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    debug_assert!(TASK_KINDS.contains(&kind), "{kind} is not in the list of kinds");
    let open = task::Entity::find()
        .filter(open_of(order, kind).add(task::Column::Detail.eq(detail)))
        .one(db)
        .await?;
    if open.is_some() {
        return Ok(());
    }
    let id = Uuid::now_v7();
    let row = task::ActiveModel {
        id: Set(id),
        order_id: Set(order.0),
        kind: Set(kind.to_owned()),
        opened_at: Set(now),
        deadline: Set(now + TIME),
        closed_at: Set(None),
        detail: Set(Some(detail.to_owned())),
        closed_by: Set(None),
    };
    let once = OnConflict::column(task::Column::Id).do_nothing().to_owned();
    task::Entity::insert(row).on_conflict(once).exec_without_returning(db).await?;
    tell_in(db, id, order, detail, now).await?;
    timeline::append(db, order, &NewEntry::new("effect", "warning", format!("For a person: {detail}")), now)
        .await?;
    Ok(())
}

/// Staff hears of a task, once.
async fn tell_in(
    db: &impl ConnectionTrait,
    task: Uuid,
    order: OrderId,
    detail: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let message = NewMessage {
        kind: MessageKind::TaskOpened,
        once_key: format!("task.{task}"),
        detail: Some(detail.to_owned()),
        not_before: now,
    };
    Ok(messages::insert_in(db, order, vec![message], now).await?)
}

/// The open tasks of this kind of an order.
fn open_of(order: OrderId, kind: &str) -> Condition {
    Condition::all()
        .add(task::Column::OrderId.eq(order.0))
        .add(task::Column::Kind.eq(kind))
        .add(task::Column::ClosedAt.is_null())
}

/// Closes what Stripe tells is over; how many there were.
async fn closed_by_stripe(
    db: &impl ConnectionTrait,
    which: Condition,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let closed = task::Entity::update_many()
        .col_expr(task::Column::ClosedAt, Expr::value(now))
        .col_expr(task::Column::ClosedBy, Expr::value("Stripe"))
        .filter(which);
    Ok(closed.exec(db).await?.rows_affected)
}

/// What Stripe told of has come to its end by itself.
pub(crate) async fn close_in(
    db: &impl ConnectionTrait,
    order: OrderId,
    kind: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if closed_by_stripe(db, open_of(order, kind), now).await? > 0 {
        let line = format!("A task is over, by what Stripe tells: {}", kind.replace('_', " "));
        timeline::append(db, order, &NewEntry::new("effect", "ok", line), now).await?;
    }
    Ok(())
}

/// More is known: a task that says this is over.
pub(crate) async fn supersede_in(
    db: &impl ConnectionTrait,
    order: OrderId,
    kind: &str,
    detail: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let which = open_of(order, kind).add(task::Column::Detail.eq(detail));
    closed_by_stripe(db, which, now).await.map(drop)
}

/// The order has a server, or needs none any more.
pub(crate) async fn close_purchases_in(
    db: &impl ConnectionTrait,
    order: OrderId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    task::Entity::update_many()
        .col_expr(task::Column::ClosedAt, Expr::value(now))
        .filter(open_of(order, PURCHASE))
        .exec(db)
        .await?;
    Ok(())
}

impl Store {
    /// What waits for a person, the most urgent first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tasks(&self) -> Result<Vec<TaskEntry>, StoreError> {
        let rows = task::Entity::find()
            .filter(task::Column::ClosedAt.is_null())
            .order_by_asc(task::Column::Deadline)
            .limit(LISTED)
            .all(&self.db)
            .await?;
        let orders =
            order::Entity::find().filter(order::Column::Id.is_in(rows.iter().map(|row| row.order_id)));
        let orders = orders.all(&self.db).await?;
        let bad = row_error("orders");
        let mut tasks = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(order) = orders.iter().find(|order| order.id == row.order_id) else { continue };
            tasks.push(TaskEntry {
                id: row.id,
                order: OrderId(row.order_id),
                domain: order.domain.parse().map_err(|error| bad(&error))?,
                kind: row.kind,
                detail: row.detail.unwrap_or_default(),
                opened_at: row.opened_at,
                deadline: row.deadline,
            });
        }
        Ok(tasks)
    }

    /// How many tasks are open.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_tasks(&self) -> Result<u64, StoreError> {
        Ok(task::Entity::find().filter(task::Column::ClosedAt.is_null()).count(&self.db).await?)
    }

    /// Opens the task of giving an order a server, once: the id is that of what wants it (the order itself, or its
    /// recovery). What is to be done is the order's problem.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_purchase_task(
        &self,
        wanted_by: Uuid,
        order: OrderId,
        detail: &str,
        deadline: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let transaction = self.begin_write_of(order).await?;
        let row = task::ActiveModel {
            id: Set(wanted_by),
            order_id: Set(order.0),
            kind: Set(PURCHASE.to_owned()),
            opened_at: Set(now),
            deadline: Set(deadline),
            closed_at: Set(None),
            detail: Set(Some(detail.to_owned())),
            closed_by: Set(None),
        };
        let once = OnConflict::column(task::Column::Id).do_nothing().to_owned();
        task::Entity::insert(row).on_conflict(once).exec_without_returning(&transaction).await?;
        tell_in(&transaction, wanted_by, order, detail, now).await?;
        let line = NewEntry {
            once_key: Some(format!("task.{wanted_by}")),
            ..NewEntry::new("effect", "waiting", "A task was opened: this order needs a server")
        };
        timeline::append(&transaction, order, &line, now).await?;
        self.commit(transaction).await
    }

    /// Somebody did it; false when there is no such open task.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close_task(&self, id: Uuid, by: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let transaction = self.begin_write().await?;
        let Some(row) = task::Entity::find_by_id(id).one(&transaction).await? else { return Ok(false) };
        if row.closed_at.is_some() {
            return Ok(false);
        }
        task::Entity::update_many()
            .col_expr(task::Column::ClosedAt, Expr::value(now))
            .col_expr(task::Column::ClosedBy, Expr::value(by))
            .filter(task::Column::Id.eq(id))
            .exec(&transaction)
            .await?;
        let what = row.detail.unwrap_or_else(|| row.kind.replace('_', " "));
        let line = NewEntry::new("operator", "ok", format!("{by}: done: {what}"));
        timeline::append(&transaction, OrderId(row.order_id), &line, now).await?;
        self.commit(transaction).await?;
        Ok(true)
    }
}
