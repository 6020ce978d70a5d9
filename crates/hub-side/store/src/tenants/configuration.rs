//! What was decided about tenants. The version grows with each change.

use chrono::{DateTime, Utc};
use letsbe_types::{
    Tier,
    ids::OrderId,
    tenant::{Autonomy, TenantConfiguration},
    tenants::ConfigurationRequest,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, ExprTrait as _, OnConflict},
};

use super::{signed, unsigned};
use crate::{
    NewEntry, Store, StoreError,
    entities::{agent, configuration, order},
    row_error, timeline,
};

/// What holds for a new tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Tokens in a calendar month, by tier: Lite, Build, Scale, Enterprise.
    pub token_pools: [u64; 4],
    /// age recipients of the escrowed keys.
    pub escrow_recipients: Vec<String>,
}

impl Defaults {
    fn pool(&self, tier: Tier) -> u64 {
        let [lite, build, scale, enterprise] = self.token_pools;
        match tier {
            Tier::Lite => lite,
            Tier::Build => build,
            Tier::Scale => scale,
            Tier::Enterprise => enterprise,
        }
    }
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Configured {
    /// This holds now.
    Saved(TenantConfiguration),
    /// Somebody else was quicker: the version is another one by now.
    Outdated(u64),
    /// There is no such tenant.
    NoTenant,
}

impl TryFrom<configuration::Model> for TenantConfiguration {
    type Error = StoreError;

    fn try_from(row: configuration::Model) -> Result<Self, StoreError> {
        let bad = row_error("tenant_configurations");
        let autonomy = u8::try_from(row.autonomy).map_err(|error| bad(&error))?;
        Ok(Self {
            version: unsigned(row.version),
            autonomy: Autonomy::try_from(autonomy).map_err(|error| bad(&error))?,
            external_unlocked: serde_json::from_value(row.external_unlocked).map_err(|error| bad(&error))?,
            token_pool: unsigned(row.token_pool),
            escrow_recipients: serde_json::from_str(&row.escrow_recipients).map_err(|error| bad(&error))?,
            openclaw_version: row.openclaw_version,
        })
    }
}

fn recipients_text(recipients: &[String]) -> String {
    serde_json::json!(recipients).to_string()
}

/// A tenant that has no configuration yet gets the defaults, with the most careful autonomy.
pub(crate) async fn insert_missing(
    db: &impl ConnectionTrait,
    order: OrderId,
    tier: Tier,
    defaults: &Defaults,
) -> Result<(), StoreError> {
    let row = configuration::ActiveModel {
        order_id: Set(order.0),
        version: Set(1),
        autonomy: Set(u8::from(TenantConfiguration::default().autonomy).into()),
        external_unlocked: Set(serde_json::json!([])),
        token_pool: Set(signed(defaults.pool(tier))),
        escrow_recipients: Set(recipients_text(&defaults.escrow_recipients)),
        openclaw_version: Set(None),
    };
    let once = OnConflict::column(configuration::Column::OrderId).do_nothing().to_owned();
    configuration::Entity::insert(row).on_conflict(once).exec_without_returning(db).await?;
    Ok(())
}

impl Store {
    /// Brings the Hub's own settings to every tenant: those without a configuration get one, and new escrow
    /// recipients are a change of every configuration. Tells how many changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prepare_configurations(&self, defaults: &Defaults) -> Result<u64, StoreError> {
        let transaction = self.begin_write().await?;
        let bare = agent::Entity::find()
            .filter(
                agent::Column::OrderId.not_in_subquery(
                    sea_orm::sea_query::Query::select()
                        .column(configuration::Column::OrderId)
                        .from(configuration::Entity)
                        .take(),
                ),
            )
            .all(&transaction)
            .await?;
        for agent in bare {
            let Some(order) = order::Entity::find_by_id(agent.order_id).one(&transaction).await? else {
                continue;
            };
            let tier = order.tier.parse().map_err(|error| row_error("orders")(&error))?;
            insert_missing(&transaction, OrderId(agent.order_id), tier, defaults).await?;
        }
        let recipients = recipients_text(&defaults.escrow_recipients);
        let changed = configuration::Entity::update_many()
            .col_expr(configuration::Column::Version, Expr::col(configuration::Column::Version).add(1))
            .col_expr(configuration::Column::EscrowRecipients, Expr::value(recipients.clone()))
            .filter(configuration::Column::EscrowRecipients.ne(recipients))
            .exec(&transaction)
            .await?;
        self.commit(transaction).await?;
        Ok(changed.rows_affected)
    }

    /// What holds for a tenant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn configuration(&self, order: OrderId) -> Result<Option<TenantConfiguration>, StoreError> {
        let row = configuration::Entity::find_by_id(order.0).one(&self.db).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Changes what holds for a tenant. The same again is no change.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn configure(
        &self,
        order: OrderId,
        request: &ConfigurationRequest,
        entry: &NewEntry,
        now: DateTime<Utc>,
    ) -> Result<Configured, StoreError> {
        let transaction = self.begin_write_of(order).await?;
        let row = configuration::Entity::find_by_id(order.0).one(&transaction).await?;
        let Some(row) = row else { return Ok(Configured::NoTenant) };
        let before = TenantConfiguration::try_from(row)?;
        if request.version.is_some_and(|version| version != before.version) {
            return Ok(Configured::Outdated(before.version));
        }
        let after = TenantConfiguration {
            autonomy: request.autonomy,
            external_unlocked: request.external_unlocked.clone(),
            token_pool: request.token_pool,
            openclaw_version: request.openclaw_version.clone(),
            ..before.clone()
        };
        if after == before {
            return Ok(Configured::Saved(before));
        }
        let after = TenantConfiguration { version: before.version + 1, ..after };
        let row = configuration::ActiveModel {
            order_id: Set(order.0),
            version: Set(signed(after.version)),
            autonomy: Set(u8::from(after.autonomy).into()),
            external_unlocked: Set(serde_json::json!(after.external_unlocked)),
            token_pool: Set(signed(after.token_pool)),
            openclaw_version: Set(after.openclaw_version.clone()),
            ..Default::default()
        };
        configuration::Entity::update(row).exec(&transaction).await?;
        timeline::append(&transaction, order, entry, now).await?;
        self.commit(transaction).await?;
        Ok(Configured::Saved(after))
    }
}
