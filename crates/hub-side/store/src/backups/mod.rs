//! Backups as the Hub keeps track of them: where they go, what is there as seen from outside, what was found wrong,
//! and drills. No key of a tenant is ever in here.

pub(crate) mod alarms;
pub(crate) mod destinations;
pub(crate) mod drills;
pub(crate) mod looks;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ActiveValue::Set, EntityTrait as _, sea_query::OnConflict};

use crate::{Store, StoreError, entities::upkeep};

impl Store {
    /// Whether regular work is due; then it counts as done. Of several processes one gets it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_turn(
        &self,
        work: &str,
        every: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin_write().await?;
        let done = upkeep::Entity::find_by_id(work.to_owned()).one(&transaction).await?;
        // A clock that went back must not keep the work from being done.
        let through = done.map_or(i64::MIN, |row| row.through).min(now.timestamp());
        if through.saturating_add(every.num_seconds()) > now.timestamp() {
            return Ok(false);
        }
        let row = upkeep::ActiveModel { name: Set(work.to_owned()), through: Set(now.timestamp()) };
        let replace =
            OnConflict::column(upkeep::Column::Name).update_column(upkeep::Column::Through).to_owned();
        upkeep::Entity::insert(row).on_conflict(replace).exec_without_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
