//! Messages to people: queued with the change that they tell of, leased to a worker, sent at least once.
//!
//! A message that cannot be sent never holds an order up. A worker that dies after sending sends again, with the same
//! message id; one whose lease ended has no say.

mod wanted;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_types::{Code, DomainName, Problem, ids::OrderId};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::Set,
    ColumnTrait as _, Condition, ConnectionTrait, DbErr, EntityTrait as _, PaginatorTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, LockBehavior, LockType, OnConflict},
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entities::{message, order},
    row_error,
    timeline::{self, NewEntry},
};

pub use wanted::MessageKind;
pub(crate) use wanted::{NewMessage, about, trouble_ended};

/// Pauses after the first tries that failed; the last one is repeated.
const PAUSES: [TimeDelta; 4] =
    [TimeDelta::minutes(1), TimeDelta::minutes(5), TimeDelta::minutes(15), TimeDelta::hours(1)];
/// Two days of tries. After that a person has to see to it.
const TRIES: i64 = 50;
/// So long a message that was given up is shown.
const SHOWN: TimeDelta = TimeDelta::days(14);
/// Unsent messages in one list.
const LISTED: u64 = 100;

/// A message that this worker may send until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedMessage {
    /// The message.
    pub id: Uuid,
    /// The order that it is about.
    pub order: OrderId,
    /// What it says.
    pub kind: MessageKind,
    /// What it says beyond that.
    pub detail: Option<String>,
    /// Names it for good: a second copy has the same.
    pub once_key: String,
    /// Grows with every lease.
    pub fence: i64,
    tries: i64,
}

/// A message that could not be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsentMessage {
    /// The order that it is about.
    pub order: OrderId,
    /// The customer's domain.
    pub domain: DomainName,
    /// What it would have said.
    pub kind: MessageKind,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Messages that could not be sent: as many as one list has, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsentMessages {
    /// The newest first.
    pub listed: Vec<UnsentMessage>,
    /// How many there are.
    pub all: u64,
    /// Since when there is one.
    pub oldest: Option<DateTime<Utc>>,
}

impl Store {
    /// Leases the message that has been due longest, if any.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lease_message(
        &self,
        lease: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Option<LeasedMessage>, StoreError> {
        let left = Condition::all()
            .add(message::Column::Status.eq("sending"))
            .add(message::Column::LeaseUntil.lt(now));
        let due = Condition::any().add(message::Column::Status.eq("pending")).add(left);
        let due = Condition::all().add(due).add(message::Column::NotBefore.lte(now));
        let find =
            || message::Entity::find().filter(due.clone()).order_by_asc(message::Column::NotBefore).limit(1);
        // Mostly there is none: looking takes no lock.
        if find().one(&self.db).await?.is_none() {
            return Ok(None);
        }
        let transaction = self.begin_lease().await?;
        let free = find().lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        let Some(row) = free.one(&transaction).await? else { return Ok(None) };
        let fence = row.fence + 1;
        let change = message::ActiveModel {
            id: Set(row.id),
            status: Set("sending".to_owned()),
            lease_until: Set(Some(now + lease)),
            fence: Set(fence),
            ..Default::default()
        };
        change.update(&transaction).await?;
        self.commit(transaction).await?;
        Ok(Some(LeasedMessage {
            id: row.id,
            order: OrderId(row.order_id),
            kind: kind_of(&row.kind)?,
            detail: row.detail,
            once_key: row.once_key,
            fence,
            tries: row.tries,
        }))
    }

    /// Extends a lease; false if it was lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extend_message(
        &self,
        leased: &LeasedMessage,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let result = message::Entity::update_many()
            .col_expr(message::Column::LeaseUntil, Expr::value(until))
            .filter(held(leased))
            .exec(&self.db)
            .await?;
        Ok(result.rows_affected == 1)
    }

    /// It was sent: the order's timeline says so. False if the lease was lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_sent(
        &self,
        leased: &LeasedMessage,
        said: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let line = NewEntry {
            once_key: Some(format!("message.{}", leased.once_key)),
            ..NewEntry::new("effect", "ok", said)
        };
        self.end_message(leased, "sent", Some(line), now).await
    }

    /// It has nothing to say any more. False if the lease was lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_void(&self, leased: &LeasedMessage, now: DateTime<Utc>) -> Result<bool, StoreError> {
        self.end_message(leased, "void", None, now).await
    }

    /// It could not be sent: it is tried again later, for two days. False if the lease was lost.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn message_failed(
        &self,
        leased: &LeasedMessage,
        problem: &Problem,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let tries = leased.tries + 1;
        if tries >= TRIES {
            let unsent = Problem::permanent(
                Code::MAIL012,
                format!("A message could not be sent ({}): {problem}", leased.kind.as_str()),
                "Say it by hand.",
            );
            let text = format!("{unsent} {}", unsent.hint);
            let line = NewEntry::new("effect", "failed", text);
            return self.end_message(leased, "failed", Some(line), now).await;
        }
        let place = usize::try_from(leased.tries).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
        let problem = serde_json::to_value(problem).map_err(|error| row_error("messages")(&error))?;
        let result = message::Entity::update_many()
            .col_expr(message::Column::Status, Expr::value("pending"))
            .col_expr(message::Column::Tries, Expr::value(tries))
            .col_expr(message::Column::NotBefore, Expr::value(now + PAUSES[place]))
            .col_expr(message::Column::Problem, Expr::value(problem))
            .filter(held(leased))
            .exec(&self.db)
            .await?;
        Ok(result.rows_affected == 1)
    }

    async fn end_message(
        &self,
        leased: &LeasedMessage,
        status: &str,
        line: Option<NewEntry>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin_write_of(leased.order).await?;
        let result = message::Entity::update_many()
            .col_expr(message::Column::Status, Expr::value(status))
            .col_expr(message::Column::EndedAt, Expr::value(now))
            .filter(held(leased))
            .exec(&transaction)
            .await?;
        let ended = result.rows_affected == 1;
        if let Some(line) = line.filter(|_| ended) {
            timeline::append(&transaction, leased.order, &line, now).await?;
        }
        self.commit(transaction).await?;
        Ok(ended)
    }

    /// Messages that failed at least once and were not sent since, the newest first; of those that were given up, the ones
    /// of two weeks.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unsent_messages(&self, now: DateTime<Utc>) -> Result<UnsentMessages, StoreError> {
        let given_up = Condition::all()
            .add(message::Column::Status.eq("failed"))
            .add(message::Column::CreatedAt.gt(now - SHOWN));
        let open = Condition::any().add(message::Column::Status.is_in(["pending", "sending"])).add(given_up);
        let open = message::Entity::find().filter(message::Column::Tries.gt(0)).filter(open);
        let all = open.clone().count(&self.db).await?;
        let oldest = open.clone().order_by_asc(message::Column::CreatedAt).one(&self.db).await?;
        let rows = open.order_by_desc(message::Column::CreatedAt).limit(LISTED).all(&self.db).await?;
        let ids = rows.iter().map(|row| row.order_id);
        let orders = order::Entity::find().filter(order::Column::Id.is_in(ids)).all(&self.db).await?;
        let mut unsent = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(order) = orders.iter().find(|order| order.id == row.order_id) else { continue };
            unsent.push(UnsentMessage {
                order: OrderId(row.order_id),
                domain: order.domain.parse().map_err(|error| row_error("orders")(&error))?,
                kind: kind_of(&row.kind)?,
                since: row.created_at,
            });
        }
        Ok(UnsentMessages { listed: unsent, all, oldest: oldest.map(|row| row.created_at) })
    }
}

fn kind_of(name: &str) -> Result<MessageKind, StoreError> {
    let found = MessageKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    found.ok_or_else(|| row_error("messages")(&format!("unknown kind {name}")))
}

fn held(leased: &LeasedMessage) -> Condition {
    Condition::all()
        .add(message::Column::Id.eq(leased.id))
        .add(message::Column::Fence.eq(leased.fence))
        .add(message::Column::Status.eq("sending"))
}

/// Queues messages, each once.
pub(crate) async fn insert_in(
    transaction: &impl ConnectionTrait,
    order: OrderId,
    messages: Vec<NewMessage>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    for new in messages {
        let row = message::ActiveModel {
            id: Set(Uuid::now_v7()),
            order_id: Set(order.0),
            kind: Set(new.kind.as_str().to_owned()),
            detail: Set(new.detail),
            once_key: Set(new.once_key),
            status: Set("pending".to_owned()),
            not_before: Set(new.not_before),
            lease_until: Set(None),
            fence: Set(0),
            tries: Set(0),
            problem: Set(None),
            created_at: Set(now),
            ended_at: Set(None),
        };
        let once = OnConflict::column(message::Column::OnceKey).do_nothing().to_owned();
        message::Entity::insert(row).on_conflict(once).exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// The trouble is over before anybody had to hear of it.
pub(crate) async fn void_delayed_in(
    transaction: &impl ConnectionTrait,
    order: OrderId,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    message::Entity::update_many()
        .col_expr(message::Column::Status, Expr::value("void"))
        .col_expr(message::Column::EndedAt, Expr::value(now))
        .filter(message::Column::OrderId.eq(order.0))
        .filter(message::Column::Kind.eq(MessageKind::Delayed.as_str()))
        .filter(message::Column::Status.eq("pending"))
        .exec(transaction)
        .await?;
    Ok(())
}
