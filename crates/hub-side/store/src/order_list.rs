//! The list of orders: what needs a person first, counted, searched, a page at a time.

use std::collections::BTreeMap;

use letsbe_lifecycle::order::{Attention, Phase};
use letsbe_types::ids::ServerId;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select,
};

use crate::{
    Order, Store, StoreError,
    entities::{
        claim,
        order::{Column, Entity},
    },
    search::{Search, Sort},
    sql,
    tenants::unsigned,
};

/// Which orders of those that were searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderFilter {
    /// Those that wait for this.
    Attention(Attention),
    /// Those in this phase.
    Phase(Phase),
}

/// Which part of which list.
#[derive(Debug, Clone, Default)]
pub struct OrderQuery {
    /// What was searched for.
    pub search: Search,
    /// Which of them.
    pub only: Option<OrderFilter>,
    /// In which order.
    pub sort: Sort,
    /// From 0.
    pub page: u64,
    /// Orders on a page.
    pub page_size: u64,
}

/// A page of orders.
#[derive(Debug, Clone)]
pub struct ListedOrders {
    /// The orders.
    pub orders: Vec<Order>,
    /// How many there are on all pages.
    pub total: u64,
    /// How many of those that were searched for wait for what; each word is there.
    pub counts: BTreeMap<&'static str, u64>,
}

impl Store {
    /// A page of orders.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_orders(&self, query: &OrderQuery) -> Result<ListedOrders, StoreError> {
        let backend = self.db.get_database_backend();
        let found = || {
            let select = Entity::find();
            match query.search.condition(backend) {
                Some((condition, values)) => select.filter(sql::with_values(backend, &condition, values)),
                None => select,
            }
        };
        let counted: Vec<(i16, i64)> = found()
            .select_only()
            .column(Column::Urgency)
            .column_as(Column::Id.count(), "orders")
            .group_by(Column::Urgency)
            .into_tuple()
            .all(&self.db)
            .await?;
        let counts = Attention::ALL.map(|attention| {
            let of = counted.iter().find(|(rank, _)| *rank == attention.rank());
            (attention.as_str(), unsigned(of.map_or(0, |(_, orders)| *orders)))
        });
        let wanted = match query.only {
            Some(OrderFilter::Attention(attention)) => found().filter(Column::Urgency.eq(attention.rank())),
            Some(OrderFilter::Phase(phase)) => found().filter(Column::Phase.eq(phase.as_str())),
            None => found(),
        };
        let pages = sorted(wanted, query.sort).paginate(&self.db, query.page_size);
        let total = pages.num_items().await?;
        let rows = pages.fetch_page(query.page).await?;
        let orders = rows.into_iter().map(Order::try_from).collect::<Result<_, _>>()?;
        Ok(ListedOrders { orders, total, counts: BTreeMap::from(counts) })
    }

    /// Whether an order released this server, so that it can be returned.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_released(&self, server: &ServerId) -> Result<bool, StoreError> {
        let released = claim::Entity::find()
            .filter(claim::Column::ServerId.eq(server.0.as_str()))
            .filter(claim::Column::ReleasedAt.is_not_null());
        Ok(released.count(&self.db).await? == 1)
    }
}

/// The last of the columns is unique: no order is on two pages, or on none.
fn sorted(select: Select<Entity>, sort: Sort) -> Select<Entity> {
    let select = match sort {
        Sort::Worst => select.order_by_asc(Column::Urgency),
        Sort::Domain => select.order_by_asc(Column::Domain),
        Sort::Newest => select,
    };
    select.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id)
}
