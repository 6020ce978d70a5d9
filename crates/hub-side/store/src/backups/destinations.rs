//! Where tenants' copies go.

use chrono::{DateTime, Utc};
use letsbe_types::{
    backup::{Destination, Protection},
    backups::DestinationEntry,
    ids::OrderId,
};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _,
};

use crate::{
    Store, StoreError,
    entities::backup_destination::{self, Column, Entity, Model},
    row_error,
    timeline::{self, NewEntry},
};

/// A destination to be remembered.
#[derive(Debug, Clone)]
pub struct NewDestination<'a> {
    /// Whose.
    pub order: OrderId,
    /// Where; only what opens nothing is kept of it.
    pub destination: &'a Destination,
    /// Whether the Hub's own account made it.
    pub watched: bool,
    /// What the order's timeline says about it.
    pub line: NewEntry,
}

fn row(new: &NewDestination<'_>, now: DateTime<Utc>) -> Result<Model, StoreError> {
    let protection = serde_json::to_value(new.destination.protection())
        .map_err(|error| row_error("backup_destinations")(&error))?;
    let (order_id, made_at, watched) = (new.order.0, now, new.watched);
    Ok(match new.destination {
        Destination::S3(s3) => Model {
            order_id,
            kind: "s3".to_owned(),
            endpoint: s3.endpoint.clone(),
            bucket: s3.bucket.clone(),
            prefix: s3.prefix.clone(),
            access_key_id: Some(s3.access_key_id.clone()),
            protection,
            made_at,
            watched,
        },
        Destination::Rclone(remote) => Model {
            order_id,
            kind: "rclone".to_owned(),
            endpoint: remote.remote.clone(),
            bucket: remote.path.clone(),
            prefix: String::new(),
            access_key_id: None,
            protection,
            made_at,
            watched,
        },
    })
}

pub(crate) fn entry(row: Model) -> Result<DestinationEntry, StoreError> {
    let protection: Protection =
        serde_json::from_value(row.protection).map_err(|error| row_error("backup_destinations")(&error))?;
    Ok(DestinationEntry {
        kind: row.kind,
        endpoint: row.endpoint,
        bucket: row.bucket,
        prefix: row.prefix,
        access_key_id: row.access_key_id,
        protection,
        made_at: row.made_at,
        watched: row.watched,
    })
}

impl Store {
    /// Remembers where an order's copies go, in the place of what was known before. The time at which it was made
    /// stays where only the key is another one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_destination(
        &self,
        new: &NewDestination<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let transaction = self.begin_write_of(new.order).await?;
        let mut row = row(new, now)?;
        let known = Entity::find_by_id(new.order.0).one(&transaction).await?;
        if let Some(known) = &known {
            let place = |row: &Model| (row.endpoint.clone(), row.bucket.clone(), row.prefix.clone());
            if place(known) == place(&row) {
                row.made_at = known.made_at;
            }
            row.into_active_model().reset_all().update(&transaction).await?;
        } else {
            row.into_active_model().insert(&transaction).await?;
        }
        timeline::append(&transaction, new.order, &new.line, now).await?;
        self.commit(transaction).await
    }

    /// Where an order's copies go.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn destination(&self, order: OrderId) -> Result<Option<DestinationEntry>, StoreError> {
        Entity::find_by_id(order.0).one(&self.db).await?.map(entry).transpose()
    }

    /// Every destination that the Hub can count at, with whose it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn watched_destinations(&self) -> Result<Vec<(OrderId, DestinationEntry)>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Watched.eq(true))
            .order_by_asc(backup_destination::Column::OrderId)
            .all(&self.db)
            .await?;
        rows.into_iter().map(|row| Ok((OrderId(row.order_id), entry(row)?))).collect()
    }
}
