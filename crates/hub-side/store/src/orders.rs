//! Orders, and the one way an event changes them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{Attention, Event, Next, Pace, Phase, State, transition};
use letsbe_types::{
    DomainName, EmailAddress, Language, Region, Tier,
    ids::{OrderId, ServerId, ServerIdentity},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _, SqlErr, sea_query::Expr,
};

use crate::{
    Store, StoreError,
    entities::{claim, effect, order},
    messages, outbox, recoveries, row_error, sql, tasks,
    timeline::{self, NewEntry},
};

/// What a checked-out order is made of. Everything in it has been validated.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Its id.
    pub id: OrderId,
    /// The customer's domain.
    pub domain: DomainName,
    /// The customer.
    pub email: EmailAddress,
    /// What was chosen.
    pub tier: Tier,
    /// Where.
    pub region: Region,
    /// Tools in dependency order.
    pub tools: Vec<String>,
    /// Random identity that will be planted on the server.
    pub identity: ServerIdentity,
}

/// An order as stored.
#[derive(Debug, Clone)]
pub struct Order {
    /// What was ordered.
    pub new: NewOrder,
    /// The language in which the customer is written to.
    pub language: Language,
    /// Where it stands.
    pub state: State,
    /// The host key that the server must show, or its fingerprint; recorded before the first contact.
    pub host_key: Option<String>,
    /// When the installation of the server was first asked for; ties a lost reply to its task.
    pub install_requested_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl TryFrom<order::Model> for Order {
    type Error = StoreError;

    fn try_from(row: order::Model) -> Result<Self, StoreError> {
        let bad = row_error("orders");
        Ok(Self {
            new: NewOrder {
                id: OrderId(row.id),
                domain: row.domain.parse().map_err(|error| bad(&error))?,
                email: row.email.parse().map_err(|error| bad(&error))?,
                tier: row.tier.parse().map_err(|error| bad(&error))?,
                region: row.region.parse().map_err(|error| bad(&error))?,
                tools: serde_json::from_value(row.tools).map_err(|error| bad(&error))?,
                identity: ServerIdentity(row.identity),
            },
            language: Language::of_tag(&row.language),
            state: serde_json::from_value(row.state).map_err(|error| bad(&error))?,
            host_key: row.host_key,
            install_requested_at: row.install_requested_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

fn state_json(state: &State) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(state).map_err(|error| row_error("orders")(&error))
}

impl Store {
    /// Stores a checked-out order of a customer who is written to in English.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_order(&self, new: &NewOrder, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.create_order_in(Language::default(), new, now).await
    }

    /// Stores a checked-out order of a customer who is written to in this language.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_order_in(
        &self,
        language: Language,
        new: &NewOrder,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let transaction = self.begin_write_of(new.id).await?;
        let state = State::new();
        order::ActiveModel {
            id: Set(new.id.0),
            phase: Set(state.phase.as_str().to_owned()),
            state: Set(state_json(&state)?),
            domain: Set(new.domain.as_str().to_owned()),
            email: Set(new.email.as_str().to_owned()),
            tier: Set(new.tier.as_str().to_owned()),
            region: Set(new.region.as_str().to_owned()),
            tools: Set(serde_json::json!(new.tools)),
            identity: Set(new.identity.0.clone()),
            host_key: Set(None),
            install_requested_at: Set(None),
            created_at: Set(now),
            updated_at: Set(now),
            language: Set(language.tag().to_owned()),
            urgency: Set(state.attention().rank()),
        }
        .insert(&transaction)
        .await?;
        let message =
            format!("Order for {} checked out: {} tier, {}", new.domain, new.tier, new.tools.join(", "));
        timeline::append(&transaction, new.id, &NewEntry::new("state", "waiting", message), now).await?;
        self.commit(transaction).await
    }

    /// One order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        find(&self.db, id).await
    }

    /// A page of orders, newest first, and how many there are. `page` counts from 0.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn orders(&self, page: u64, page_size: u64) -> Result<(Vec<Order>, u64), StoreError> {
        let pages = order::Entity::find()
            .order_by_desc(order::Column::CreatedAt)
            .order_by_desc(order::Column::Id)
            .paginate(&self.db, page_size);
        let total = pages.num_items().await?;
        let rows = pages.fetch_page(page).await?;
        Ok((rows.into_iter().map(Order::try_from).collect::<Result<_, _>>()?, total))
    }

    /// Orders that do not go on without a person, those that have waited longest first, at most `limit`, and how many
    /// there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn orders_that_need_a_person(&self, limit: u64) -> Result<(Vec<Order>, u64), StoreError> {
        let pages = order::Entity::find()
            .filter(order::Column::Urgency.eq(Attention::NeedsYou.rank()))
            // Those that wait for a server are tasks.
            .filter(Expr::cust(sql::is_true("orders.state", "needs_operator")))
            .order_by_asc(order::Column::UpdatedAt)
            .order_by_asc(order::Column::Id)
            .paginate(&self.db, limit);
        let rows = pages.fetch_page(0).await?;
        let orders = rows.into_iter().map(Order::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok((orders, pages.num_items().await?))
    }

    /// These orders, as far as they are there, in one reading.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn orders_of(&self, ids: &[OrderId]) -> Result<HashMap<OrderId, Order>, StoreError> {
        let ids = ids.iter().map(|id| id.0);
        let rows = order::Entity::find().filter(order::Column::Id.is_in(ids)).all(&self.db).await?;
        rows.into_iter().map(|row| Ok((OrderId(row.id), row.try_into()?))).collect()
    }

    /// When something is done for an order next, by itself.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_try(&self, id: OrderId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let next = effect::Entity::find()
            .filter(effect::Column::OrderId.eq(id.0))
            .filter(effect::Column::Status.eq("pending"))
            .order_by_asc(effect::Column::NotBefore)
            .one(&self.db)
            .await?;
        Ok(next.map(|row| row.not_before))
    }

    /// Applies an event that comes from outside (an operator): state, effects and a line in the timeline.
    ///
    /// # Errors
    /// When there is no such order, the event is illegal for it, or the database fails.
    pub async fn apply(
        &self,
        id: OrderId,
        event: &Event,
        entry: Option<NewEntry>,
        pace: &Pace,
        now: DateTime<Utc>,
    ) -> Result<State, StoreError> {
        let transaction = self.begin_write_of(id).await?;
        let state = apply_in(&transaction, id, event, pace, now).await?;
        if let Some(entry) = entry {
            timeline::append(&transaction, id, &entry, now).await?;
        }
        self.commit(transaction).await?;
        Ok(state)
    }

    /// Asks for a run on an order's live server, if with it no more than `most` wait or are under way.
    ///
    /// # Errors
    /// When there is no such order, it is not live or has a run, too many are open, or the database fails.
    pub async fn converge(
        &self,
        id: OrderId,
        entry: &NewEntry,
        most: u64,
        pace: &Pace,
        now: DateTime<Utc>,
    ) -> Result<State, StoreError> {
        // Runs of all orders are counted.
        let transaction = self.begin_write().await?;
        let state = apply_in(&transaction, id, &Event::OperatorConverge, pace, now).await?;
        if outbox::convergences_in(&transaction).await? > most {
            return Err(StoreError::ManyRuns(most));
        }
        timeline::append(&transaction, id, entry, now).await?;
        self.commit(transaction).await?;
        Ok(state)
    }

    /// Every server that belongs to an order or is waiting to be wiped.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn taken_servers(&self) -> Result<std::collections::BTreeSet<ServerId>, StoreError> {
        let rows = claim::Entity::find().all(&self.db).await?;
        Ok(rows.into_iter().map(|row| ServerId(row.server_id)).collect())
    }

    /// Returns a server that an order released, and a person has wiped, to the pool; false if none such is known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn return_server(&self, server: &ServerId) -> Result<bool, StoreError> {
        let result = claim::Entity::delete_many()
            .filter(claim::Column::ServerId.eq(server.0.as_str()))
            .filter(claim::Column::ReleasedAt.is_not_null())
            .exec(&self.db)
            .await?;
        Ok(result.rows_affected == 1)
    }

    /// Remembers when the installation was first asked for; returns the remembered moment.
    ///
    /// # Errors
    /// When there is no such order or the database fails.
    pub async fn install_requested(
        &self,
        id: OrderId,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, StoreError> {
        let transaction = self.begin_write_of(id).await?;
        let order = find(&transaction, id).await?.ok_or(StoreError::NoSuchOrder(id))?;
        let at = order.install_requested_at.unwrap_or(now);
        let change =
            order::ActiveModel { id: Set(id.0), install_requested_at: Set(Some(at)), ..Default::default() };
        change.update(&transaction).await?;
        self.commit(transaction).await?;
        Ok(at)
    }

    /// Records the host key that is about to be planted on the order's server.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn plant_host_key(&self, id: OrderId, host_key: &str) -> Result<(), StoreError> {
        let transaction = self.begin_write_of(id).await?;
        set_host_key(&transaction, id, Some(host_key)).await?;
        self.commit(transaction).await
    }
}

async fn set_host_key(
    transaction: &impl ConnectionTrait,
    id: OrderId,
    host_key: Option<&str>,
) -> Result<(), StoreError> {
    let host_key = host_key.map(str::to_owned);
    let change = order::ActiveModel { id: Set(id.0), host_key: Set(host_key), ..Default::default() };
    change.update(transaction).await?;
    Ok(())
}

pub(crate) async fn find(db: &impl ConnectionTrait, id: OrderId) -> Result<Option<Order>, StoreError> {
    order::Entity::find_by_id(id.0).one(db).await?.map(Order::try_from).transpose()
}

/// The one way an event changes an order, inside the caller's transaction.
pub(crate) async fn apply_in(
    transaction: &impl ConnectionTrait,
    id: OrderId,
    event: &Event,
    pace: &Pace,
    now: DateTime<Utc>,
) -> Result<State, StoreError> {
    let order = find(transaction, id).await?.ok_or(StoreError::NoSuchOrder(id))?;
    let Next { state, effects, void_pending } = transition(&order.state, event, now, pace)?;
    if let Event::ServerClaimed { server } | Event::OperatorAssign { server, .. } = event {
        claim_in(transaction, id, server, now).await?;
    }
    if let Event::OperatorAssign { host_key, .. } = event {
        set_host_key(transaction, id, host_key.as_deref()).await?;
    }
    if let Event::OperatorConfirmHostKey { host_key } = event {
        set_host_key(transaction, id, Some(host_key)).await?;
    }
    if void_pending {
        outbox::void_in(transaction, id).await?;
    }
    outbox::insert_in(transaction, id, &effects, now).await?;
    let change = order::ActiveModel {
        id: Set(id.0),
        phase: Set(state.phase.as_str().to_owned()),
        state: Set(state_json(&state)?),
        updated_at: Set(now),
        urgency: Set(state.attention().rank()),
        ..Default::default()
    };
    change.update(transaction).await?;
    for entry in timeline::about(&order.state, &state, event) {
        timeline::append(transaction, id, &entry, now).await?;
    }
    let wanted = messages::about(id, &order.state, &state, now);
    messages::insert_in(transaction, id, wanted, now).await?;
    if state.server.is_some() || !state.purchase_asked || state.phase == Phase::Stopped {
        tasks::close_purchases_in(transaction, id, now).await?;
    }
    if messages::trouble_ended(&order.state, &state) {
        messages::void_delayed_in(transaction, id, now).await?;
    }
    recoveries::follow_in(transaction, &order, &state, event, now).await?;
    if event == &Event::ServerReleased && state.phase == Phase::Stopped {
        release_in(transaction, id, now).await?;
    }
    Ok(state)
}

async fn claim_in(
    transaction: &impl ConnectionTrait,
    id: OrderId,
    server: &ServerId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = claim::ActiveModel {
        server_id: Set(server.0.clone()),
        order_id: Set(id.0),
        claimed_at: Set(now),
        released_at: Set(None),
        lost_at: Set(None),
    };
    match claim::Entity::insert(row).exec_without_returning(transaction).await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Err(StoreError::ServerTaken(server.clone()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn release_in(
    transaction: &impl ConnectionTrait,
    id: OrderId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    claim::Entity::update_many()
        .col_expr(claim::Column::ReleasedAt, Expr::value(now))
        .filter(claim::Column::OrderId.eq(id.0))
        .filter(claim::Column::ReleasedAt.is_null())
        .filter(claim::Column::LostAt.is_null())
        .exec(transaction)
        .await?;
    Ok(())
}
