//! The list of tenants: the worst first, counted, searched, a page at a time. How a tenant is follows here from small rows
//! and indices alone, for any number of tenants; that it is what the Hub finds by the whole heartbeat is tested there.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DbBackend, EntityTrait as _, QueryFilter as _, QueryResult,
    Statement, Value,
};
use uuid::Uuid;

use super::{reads::Tenant, unsigned};
use crate::{
    Store, StoreError,
    entities::agent,
    search::{Search, Sort},
    sql,
};

/// By what tenants are rated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rating {
    /// How their servers are.
    Health,
    /// How their backups are.
    Backups,
}

impl Rating {
    /// The words, the worst first: the place of each is its number in the query below.
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Health => &["lost", "silent", "revoked", "troubled", "asking", "never", "fine", "ended"],
            Self::Backups => &["failed", "troubled", "awaited", "fine", "ended"],
        }
    }

    const fn column(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Backups => "backups",
        }
    }

    /// Which of them a person has to see to.
    const fn needs(self) -> &'static str {
        match self {
            Self::Health => "health BETWEEN 1 AND 4 OR (asks AND health = 5)",
            Self::Backups => "backups < 2",
        }
    }
}

/// The word for all that a person has to see to.
pub const NEEDS_YOU: &str = "needs_you";

/// When what counts as silent, overdue, unproven.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Without a heartbeat for longer, a server is silent.
    pub silent: TimeDelta,
    /// A server that has no backup after this has failed to make one.
    pub first_backup: TimeDelta,
    /// A tool that was never proven is overdue after this.
    pub first_proof: TimeDelta,
}

/// Which part of which list.
#[derive(Debug, Clone)]
pub struct TenantQuery {
    /// What was searched for.
    pub search: Search,
    /// By what they are rated.
    pub rating: Rating,
    /// Only those with this word, one of [`Rating::words`] or [`NEEDS_YOU`].
    pub only: Option<&'static str>,
    /// In which order.
    pub sort: Sort,
    /// From 0.
    pub page: u64,
    /// Tenants on a page.
    pub page_size: u64,
    /// When what counts.
    pub limits: Limits,
}

/// A page of tenants.
#[derive(Debug, Clone)]
pub struct ListedTenants {
    /// The tenants.
    pub tenants: Vec<Tenant>,
    /// How many there are on all pages.
    pub total: u64,
    /// How many of those that were searched for have which word; each word is there.
    pub counts: BTreeMap<&'static str, u64>,
}

/// How each tenant is. The numbers are places in [`Rating::words`].
/// `{found}` is what was searched for, `{release}` the field of a heartbeat's text.
const RATED: &str = "WITH found AS (
  SELECT a.order_id AS id, a.registered_at, a.revoked_at, s.heard_at, s.troubled_from, s.tokens_differ,
    s.backup_made, s.backup_unproven, s.backup_troubled_from, s.backup_failed_from,
    a.order_id IN (SELECT id FROM orders WHERE phase = 'STOPPED') AS ended,
    EXISTS (SELECT 1 FROM tenant_approvals p WHERE p.order_id = a.order_id AND p.state = 'pending') AS asks,
    (SELECT MAX(CASE WHEN b.kind = 'flooded' THEN 1 ELSE 2 END) FROM backup_alarms b
     WHERE b.order_id = a.order_id AND b.ended_at IS NULL AND b.acknowledged_at IS NULL) AS alarm
  FROM agents a LEFT JOIN tenant_standings s ON s.order_id = a.order_id WHERE {found}
), backed_up AS (
  SELECT *, CASE
    WHEN alarm = 2 OR backup_failed_from < $1 OR (NOT COALESCE(backup_made, FALSE) AND registered_at < $2) THEN 0
    WHEN alarm = 1 OR backup_troubled_from < $1 OR (backup_unproven AND registered_at < $3) THEN 1
    WHEN NOT COALESCE(backup_made, FALSE) THEN 2 ELSE 3 END AS made FROM found
), rated AS (
  SELECT id, registered_at, asks, CASE WHEN ended THEN 4 ELSE made END AS backups, CASE
    WHEN ended THEN 7
    WHEN revoked_at IS NOT NULL AND EXISTS (SELECT 1 FROM orders r WHERE r.id = backed_up.id
      AND (r.state ->> 'recovery') IS NOT NULL) THEN 0
    WHEN revoked_at IS NOT NULL THEN 2
    WHEN heard_at IS NULL THEN 5
    WHEN heard_at < $4 THEN 1
    WHEN troubled_from < $1 OR made < 2 OR tokens_differ
      OR EXISTS (SELECT 1 FROM tenant_states t WHERE t.order_id = backed_up.id AND t.log_cut_at IS NOT NULL)
      OR EXISTS (SELECT 1 FROM tenant_configurations c JOIN tenant_states t ON t.order_id = c.order_id
        WHERE c.order_id = backed_up.id AND c.openclaw_version IS NOT NULL
        AND ltrim(c.openclaw_version, 'v') <> ltrim({release}, 'v')) THEN 3
    WHEN asks THEN 4
    ELSE 6 END AS health FROM backed_up
) ";

impl Store {
    /// A page of tenants.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_tenants(
        &self,
        query: &TenantQuery,
        now: DateTime<Utc>,
    ) -> Result<ListedTenants, StoreError> {
        let (rating, limits) = (query.rating, &query.limits);
        let mut values: Vec<Value> = vec![
            now.timestamp_millis().into(),
            (now - limits.first_backup).into(),
            (now - limits.first_proof).into(),
            (now - limits.silent).timestamp_millis().into(),
        ];
        let backend = self.db.get_database_backend();
        let found = match query.search.condition(backend) {
            Some((condition, more)) => {
                let condition = sql::numbered(&condition, values.len());
                values.extend(more);
                format!("a.order_id IN (SELECT id FROM orders WHERE {condition})")
            }
            None => "TRUE".to_owned(),
        };
        let rated = RATED.replace("{found}", &found).replace("{release}", release(backend));
        let (word, needs) = (rating.column(), rating.needs());
        let count = format!(
            "{rated} SELECT CAST({word} AS BIGINT), CAST(CASE WHEN {needs} THEN 1 ELSE 0 END AS BIGINT), COUNT(*) \
             FROM rated GROUP BY 1, 2"
        );
        let counts = counts(rating, self.rows(count, values.clone()).await?)?;
        let (only, total) = match query.only {
            None => ("TRUE".to_owned(), counts.values().sum::<u64>() - counts[NEEDS_YOU]),
            Some(NEEDS_YOU) => (needs.to_owned(), counts[NEEDS_YOU]),
            Some(only) => {
                let place = rating.words().iter().position(|word| *word == only).unwrap_or(usize::MAX);
                (format!("{word} = {place}"), counts.get(only).copied().unwrap_or(0))
            }
        };
        let by = match query.sort {
            Sort::Worst => format!("{word}, registered_at DESC"),
            Sort::Newest => "registered_at DESC".to_owned(),
            Sort::Domain => "(SELECT domain FROM orders WHERE orders.id = rated.id)".to_owned(),
        };
        // The id is unique: nobody is on two pages, or on none.
        let page = format!(
            "{rated} SELECT id FROM rated WHERE {only} ORDER BY {by}, id DESC LIMIT ${} OFFSET ${}",
            values.len() + 1,
            values.len() + 2
        );
        let signed = |number: u64| Value::from(super::signed(number));
        values.extend([signed(query.page_size), signed(query.page.saturating_mul(query.page_size))]);
        let rows = self.rows(page, values).await?;
        let ids = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<Uuid>, _>>()?;
        let agents = agent::Entity::find().filter(agent::Column::OrderId.is_in(ids.iter().copied()));
        let mut agents: HashMap<Uuid, agent::Model> =
            agents.all(&self.db).await?.into_iter().map(|agent| (agent.order_id, agent)).collect();
        let agents = ids.iter().filter_map(|id| agents.remove(id)).collect();
        Ok(ListedTenants { tenants: self.completed(agents).await?, total, counts })
    }

    async fn rows(&self, sql: String, values: Vec<Value>) -> Result<Vec<QueryResult>, StoreError> {
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        Ok(self.db.query_all_raw(statement).await?)
    }
}

/// Which release of OpenClaw a heartbeat names.
const fn release(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "CAST(t.body AS json) -> 'openclaw' ->> 'release'",
        _ => "json_extract(t.body, '$.openclaw.release')",
    }
}

fn counts(rating: Rating, rows: Vec<QueryResult>) -> Result<BTreeMap<&'static str, u64>, StoreError> {
    let mut counts: BTreeMap<&'static str, u64> = rating.words().iter().map(|word| (*word, 0)).collect();
    counts.insert(NEEDS_YOU, 0);
    for row in rows {
        let place: i64 = row.try_get_by_index(0)?;
        let (needs, tenants): (i64, i64) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let word = usize::try_from(place).ok().and_then(|place| rating.words().get(place));
        for word in word.into_iter().chain((needs != 0).then_some(&NEEDS_YOU)) {
            *counts.entry(word).or_default() += unsigned(tenants);
        }
    }
    Ok(counts)
}
