//! Heartbeats, many in one transaction: the key is checked, the latest state replaced and the hour summed up in the
//! same commit, so that a key that was revoked by any process is refused from then on.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use letsbe_types::{
    ids::OrderId,
    tenant::{Heartbeat, LogChain, LogHead},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, JoinType, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    KeyRefused, commands,
    gate_log::{self, Followed},
    signed,
    standings::{self, Standing},
};
use crate::{
    Store, StoreError,
    entities::{agent, configuration, gate_head, relay_key, rollup, tenant_standing, tenant_state},
    row_error, timeline,
};

/// Rows in one statement at most. Sizes are powers of two, so that few statements are prepared, once each.
const ROWS: usize = 512;
/// Seconds of an hour.
pub(crate) const HOUR: i64 = 3_600;

/// A heartbeat on its way into the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    key_hash: String,
    body: String,
    disk: i64,
    memory: i64,
    not_ok: i64,
    tokens: i64,
    log: LogHead,
    chain: Option<LogChain>,
    standing: Standing,
}

impl Beat {
    /// Of an agent with this key.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn new(key_hash: String, heartbeat: &Heartbeat) -> Result<Self, StoreError> {
        // The chain is looked at once and not kept.
        let body = match &heartbeat.gate_chain {
            None => serde_json::to_string(heartbeat),
            Some(_) => serde_json::to_string(&Heartbeat { gate_chain: None, ..heartbeat.clone() }),
        };
        Ok(Self {
            key_hash,
            body: body.map_err(|error| row_error("tenant_states")(&error))?,
            disk: heartbeat.disk_used_percent.into(),
            memory: signed(heartbeat.memory_used_mib),
            not_ok: signed(heartbeat.containers_not_ok() as u64),
            tokens: signed(heartbeat.tokens.used),
            log: heartbeat.gate_log.clone(),
            chain: heartbeat.gate_chain.clone(),
            standing: Standing::default(),
        })
    }

    /// With how it is rated.
    #[must_use]
    pub fn rated(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    /// Its bytes, about.
    #[must_use]
    pub fn size(&self) -> usize {
        let hashes = self.chain.iter().flat_map(|chain| &chain.hashes).map(String::len);
        self.body.len() + self.key_hash.len() + self.log.hash.len() + hashes.sum::<usize>()
    }
}

/// A heartbeat that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Whose.
    pub tenant: OrderId,
    /// Version of the tenant's configuration; 0 if there is none.
    pub configuration: u64,
    /// Whether commands wait.
    pub commands_wait: bool,
    /// The last line of the gate's log to which it could be followed.
    pub gate_log: LogHead,
    /// Hash of the tenant's key at the relay.
    pub relay_key_hash: Option<String>,
    /// Through which number the agent's events are here.
    pub events_through: u64,
}

impl Store {
    /// Takes heartbeats, all in one commit; the answers stand in the same order.
    ///
    /// # Errors
    /// When the database fails; none of them is taken then.
    pub async fn take_heartbeats(
        &self,
        beats: Vec<Beat>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Result<Heard, KeyRefused>>, StoreError> {
        let transaction = self.begin_write().await?;
        let mut keys = known_keys(&transaction, &beats).await?;
        let waiting = commands::tenants_with_commands(&transaction, now).await?;
        let mut heads = Vec::new();
        let mut found = Vec::new();
        let hear = |beat| {
            let known = heard(&mut keys, beat)?;
            let before = known.log.cut.clone();
            heads.extend(known.follow(beat, now));
            found.extend(gate_log::new_line(before.as_ref(), &known.log).map(|line| (known.order, line)));
            Ok(known.answer(&waiting))
        };
        let answers = beats.iter().map(hear).collect();
        insert(&transaction, heads, &gate_log::conflict()).await?;
        for (order, line) in &found {
            timeline::append(&transaction, OrderId(*order), line, now).await?;
        }
        let Folded { states, standings, rollups } = folded(beats, &keys, now);
        insert(&transaction, states, &state_conflict()).await?;
        insert(&transaction, standings, &standings::conflict()).await?;
        insert(&transaction, rollups, &rollup_conflict()).await?;
        // Not through `commit`: a heartbeat is no work for anybody who waits for changes.
        transaction.commit().await?;
        Ok(answers)
    }
}

/// An agent as its key finds it.
struct Known {
    order: Uuid,
    generation: i64,
    revoked: bool,
    configuration: Option<i64>,
    relay_key_hash: Option<String>,
    taken_through: i64,
    log: Followed,
}

impl Known {
    /// Follows the gate's log to where the heartbeat says that it ends; a row where that is new.
    fn follow(&mut self, beat: &Beat, now: DateTime<Utc>) -> Option<gate_head::ActiveModel> {
        let linked = self.log.hear(&beat.log, beat.chain.as_ref(), now)?;
        Some(gate_log::row(self.order, self.generation, &beat.log, linked, now))
    }

    fn answer(&self, waiting: &HashSet<Uuid>) -> Heard {
        Heard {
            tenant: OrderId(self.order),
            configuration: super::unsigned(self.configuration.unwrap_or(0)),
            commands_wait: waiting.contains(&self.order),
            gate_log: self.log.head.clone(),
            relay_key_hash: self.relay_key_hash.clone(),
            events_through: super::unsigned(self.taken_through),
        }
    }
}

type Keys = HashMap<String, Known>;
/// Hash, order, its generation, through which number its events are here, when it was revoked, version of the
/// configuration, hash of the key at the relay.
type KeyRow = (String, Uuid, i64, i64, Option<DateTime<Utc>>, Option<i64>, Option<String>);

async fn known_keys(db: &impl ConnectionTrait, beats: &[Beat]) -> Result<Keys, StoreError> {
    let mut keys = Keys::new();
    let configured = agent::Entity::belongs_to(configuration::Entity)
        .from(agent::Column::OrderId)
        .to(configuration::Column::OrderId);
    let configured: sea_orm::RelationDef = configured.into();
    let relayed = agent::Entity::belongs_to(relay_key::Entity)
        .from(agent::Column::OrderId)
        .to(relay_key::Column::OrderId);
    let relayed: sea_orm::RelationDef = relayed.into();
    for piece in pieces(beats) {
        let rows: Vec<KeyRow> = agent::Entity::find()
            .select_only()
            .columns([agent::Column::KeyHash, agent::Column::OrderId, agent::Column::Generation])
            .columns([agent::Column::TakenThrough, agent::Column::RevokedAt])
            .column(configuration::Column::Version)
            .column_as(relay_key::Column::KeyHash, "relay_key_hash")
            .join(JoinType::LeftJoin, configured.clone())
            .join(JoinType::LeftJoin, relayed.clone())
            .filter(agent::Column::KeyHash.is_in(piece.iter().map(|beat| beat.key_hash.as_str())))
            .into_tuple()
            .all(db)
            .await?;
        let mut logs = followed(db, piece.len(), rows.iter().map(|row| row.1)).await?;
        keys.extend(rows.into_iter().map(
            |(key, order, generation, taken_through, revoked_at, configuration, relay_key_hash)| {
                let log = logs.remove(&order).unwrap_or_default();
                (
                    key,
                    Known {
                        order,
                        generation,
                        revoked: revoked_at.is_some(),
                        configuration,
                        relay_key_hash,
                        taken_through,
                        log,
                    },
                )
            },
        ));
    }
    Ok(keys)
}

/// How far the gates' logs of these tenants were followed. Asks for `size` of them: of few sizes, few statements.
async fn followed(
    db: &impl ConnectionTrait,
    size: usize,
    orders: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Followed>, StoreError> {
    let mut orders: Vec<Uuid> = orders.collect();
    orders.resize(size.max(orders.len()), Uuid::nil());
    let rows = tenant_state::Entity::find()
        .select_only()
        .columns(gate_log::COLUMNS)
        .filter(tenant_state::Column::OrderId.is_in(orders))
        .into_model::<gate_log::State>()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.order_id, Followed::of(&row))).collect())
}

fn heard<'a>(keys: &'a mut Keys, beat: &Beat) -> Result<&'a mut Known, KeyRefused> {
    let known = keys.get_mut(&beat.key_hash).ok_or(KeyRefused::Unknown)?;
    if known.revoked { Err(KeyRefused::Revoked) } else { Ok(known) }
}

/// Rows for each tenant: its last heartbeat, how that is rated, and all of them summed up.
struct Folded {
    states: Vec<tenant_state::ActiveModel>,
    standings: Vec<tenant_standing::ActiveModel>,
    rollups: Vec<rollup::ActiveModel>,
}

fn folded(beats: Vec<Beat>, keys: &Keys, now: DateTime<Utc>) -> Folded {
    let mut rollups: BTreeMap<Uuid, rollup::Model> = BTreeMap::new();
    let mut latest: BTreeMap<Uuid, Beat> = BTreeMap::new();
    let start = now.timestamp().div_euclid(HOUR) * HOUR;
    for beat in beats {
        let Some(known) = keys.get(&beat.key_hash).filter(|known| !known.revoked) else { continue };
        let one = hour_of(&beat, known.order, start);
        rollups
            .entry(known.order)
            .and_modify(|sum| {
                *sum = rollup::Model {
                    beats: sum.beats + 1,
                    disk_max: sum.disk_max.max(one.disk_max),
                    memory_max: sum.memory_max.max(one.memory_max),
                    not_ok_min: sum.not_ok_min.min(one.not_ok_min),
                    not_ok_max: sum.not_ok_max.max(one.not_ok_max),
                    ..one.clone()
                }
            })
            .or_insert(one);
        latest.insert(known.order, beat);
    }
    let standings = latest.iter().map(|(order, beat)| beat.standing.row(*order, now)).collect();
    let states = latest.into_iter().map(|(order, beat)| {
        let log = keys.get(&beat.key_hash).map(|known| known.log.clone()).unwrap_or_default();
        let cut = log.cut.as_ref();
        tenant_state::ActiveModel {
            order_id: Set(order),
            received_at: Set(now),
            body: Set(Some(beat.body)),
            gate_entry: Set(signed(log.head.entry)),
            gate_hash: Set(log.head.hash.clone()),
            log_cut_at: Set(cut.map(|cut| cut.at)),
            log_cut_kind: Set(cut.map(|cut| gate_log::kind_name(cut.kind).to_owned())),
            log_cut_from: Set(cut.map(|cut| signed(cut.from))),
            log_cut_to: Set(cut.map(|cut| signed(cut.to))),
        }
    });
    let rollups = rollups.into_values().map(|row| {
        use sea_orm::IntoActiveModel as _;
        row.into_active_model()
    });
    Folded { states: states.collect(), standings, rollups: rollups.collect() }
}

fn hour_of(beat: &Beat, order_id: Uuid, start: i64) -> rollup::Model {
    rollup::Model {
        order_id,
        period: "hour".to_owned(),
        start,
        beats: 1,
        disk_used_percent: beat.disk,
        disk_max: beat.disk,
        memory_used_mib: beat.memory,
        memory_max: beat.memory,
        not_ok_min: beat.not_ok,
        not_ok_max: beat.not_ok,
        tokens_used: beat.tokens,
    }
}

/// The new state replaces the old one. What is wrong with the gate's log was read in the same transaction.
fn state_conflict() -> OnConflict {
    use tenant_state::Column;
    OnConflict::column(Column::OrderId)
        .update_columns([Column::ReceivedAt, Column::Body, Column::GateEntry, Column::GateHash])
        .update_columns([Column::LogCutAt, Column::LogCutKind, Column::LogCutFrom, Column::LogCutTo])
        .to_owned()
}

/// Added to what the hour has.
pub(crate) fn rollup_conflict() -> OnConflict {
    use rollup::Column;
    let greater = |name: &str| {
        Expr::cust(format!(
            "CASE WHEN excluded.{name} > tenant_rollups.{name} THEN excluded.{name} ELSE tenant_rollups.{name} END"
        ))
    };
    let less = "CASE WHEN excluded.not_ok_min < tenant_rollups.not_ok_min \
                THEN excluded.not_ok_min ELSE tenant_rollups.not_ok_min END";
    OnConflict::columns([Column::OrderId, Column::Period, Column::Start])
        .update_columns([Column::DiskUsedPercent, Column::MemoryUsedMib, Column::TokensUsed])
        .value(Column::Beats, Expr::cust("tenant_rollups.beats + excluded.beats"))
        .value(Column::DiskMax, greater("disk_max"))
        .value(Column::MemoryMax, greater("memory_max"))
        .value(Column::NotOkMin, Expr::cust(less))
        .value(Column::NotOkMax, greater("not_ok_max"))
        .to_owned()
}

async fn insert<A: sea_orm::ActiveModelTrait>(
    db: &impl ConnectionTrait,
    rows: Vec<A>,
    conflict: &OnConflict,
) -> Result<(), StoreError> {
    let sizes: Vec<usize> = pieces(&rows).map(<[A]>::len).collect();
    let mut rows = rows.into_iter();
    for size in sizes {
        let piece = rows.by_ref().take(size);
        let insert = <A::Entity as sea_orm::EntityTrait>::insert_many(piece).on_conflict(conflict.clone());
        insert.exec_without_returning(db).await?;
    }
    Ok(())
}

/// Pieces of 512, 256, 128 … rows.
fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = (rows.len() + 1).next_power_of_two() / 2;
        let (piece, rest) = rows.split_at(size.min(ROWS));
        rows = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn pieces_are_powers_of_two_and_cover_all_rows() {
        for count in 0..2_100_usize {
            let rows: Vec<usize> = (0..count).collect();
            let cut: Vec<&[usize]> = pieces(&rows).collect();
            assert!(cut.iter().all(|piece| piece.len().is_power_of_two() && piece.len() <= 512));
            assert_eq!(cut.concat(), rows);
        }
    }
}
