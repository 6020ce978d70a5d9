//! Staff and their sessions.

use chrono::{DateTime, Utc};
use letsbe_types::ids::StaffId;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, sea_query::OnConflict,
};

use crate::{
    Store, StoreError,
    entities::{session, staff},
};

/// A member of staff.
#[derive(Debug, Clone)]
pub struct Staff {
    /// Who.
    pub id: StaffId,
    /// The login name.
    pub email: String,
    /// Argon2id hash in PHC form.
    pub password_hash: String,
}

/// A member of staff as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffMember {
    /// The login name.
    pub email: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Sessions that have not expired.
    pub sessions: u64,
}

impl From<staff::Model> for Staff {
    fn from(row: staff::Model) -> Self {
        Self { id: StaffId(row.id), email: row.email, password_hash: row.password_hash }
    }
}

impl Store {
    /// Adds a member of staff, or gives one a new password; then the sessions that were begun with the old one end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_staff(
        &self,
        email: &str,
        password_hash: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let row = staff::ActiveModel {
            id: Set(StaffId::generate().0),
            email: Set(email.to_owned()),
            password_hash: Set(password_hash.to_owned()),
            created_at: Set(now),
        };
        let replace =
            OnConflict::column(staff::Column::Email).update_column(staff::Column::PasswordHash).to_owned();
        staff::Entity::insert(row).on_conflict(replace).exec_without_returning(&self.db).await?;
        self.end_sessions_of(email).await
    }

    /// Everybody who can log in, by address.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn staff(&self, now: DateTime<Utc>) -> Result<Vec<StaffMember>, StoreError> {
        let rows = staff::Entity::find().order_by_asc(staff::Column::Email).all(&self.db).await?;
        let mut members = Vec::with_capacity(rows.len());
        for row in rows {
            let open = session::Entity::find()
                .filter(session::Column::StaffId.eq(row.id))
                .filter(session::Column::ExpiresAt.gt(now));
            let sessions = open.count(&self.db).await?;
            members.push(StaffMember { email: row.email, created_at: row.created_at, sessions });
        }
        Ok(members)
    }

    /// Removes a member of staff; the sessions end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_staff(&self, email: &str) -> Result<(), StoreError> {
        self.end_sessions_of(email).await?;
        staff::Entity::delete_many().filter(staff::Column::Email.eq(email)).exec(&self.db).await?;
        Ok(())
    }

    async fn end_sessions_of(&self, email: &str) -> Result<(), StoreError> {
        if let Some(staff) = self.staff_by_email(email).await? {
            let of_member = session::Entity::delete_many().filter(session::Column::StaffId.eq(staff.id.0));
            of_member.exec(&self.db).await?;
        }
        Ok(())
    }

    /// Finds a member of staff by login name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn staff_by_email(&self, email: &str) -> Result<Option<Staff>, StoreError> {
        Ok(staff::Entity::find().filter(staff::Column::Email.eq(email)).one(&self.db).await?.map(Into::into))
    }

    /// Stores a session, and forgets those that have expired by `now`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_session(
        &self,
        token_hash: &str,
        staff: StaffId,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        session::Entity::delete_many().filter(session::Column::ExpiresAt.lte(now)).exec(&self.db).await?;
        let row = session::ActiveModel {
            token_hash: Set(token_hash.to_owned()),
            staff_id: Set(staff.0),
            expires_at: Set(expires_at),
        };
        session::Entity::insert(row).exec_without_returning(&self.db).await?;
        Ok(())
    }

    /// The member of staff behind a session that has not expired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(&self, token_hash: &str, now: DateTime<Utc>) -> Result<Option<Staff>, StoreError> {
        let session = session::Entity::find_by_id(token_hash.to_owned())
            .filter(session::Column::ExpiresAt.gt(now))
            .one(&self.db)
            .await?;
        let Some(session) = session else { return Ok(None) };
        Ok(staff::Entity::find_by_id(session.staff_id).one(&self.db).await?.map(Into::into))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_session(&self, token_hash: &str) -> Result<(), StoreError> {
        session::Entity::delete_by_id(token_hash.to_owned()).exec(&self.db).await?;
        // Live pages look whose they are.
        self.announce().await
    }
}
