//! Gates' logs as the Hub follows them: by the hashes of their lines. A log is evidence only where each end that was ever
//! told is part of the chain that is told now.

use chrono::{DateTime, Utc};
use letsbe_types::{
    ids::OrderId,
    tenant::{Heartbeat, LogChain, LogHead},
    tenants::GateHead,
};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, FromQueryResult, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Statement,
    sea_query::OnConflict,
};
use uuid::Uuid;

use super::{signed, unsigned};
use crate::{
    NewEntry, Store, StoreError,
    entities::{agent, gate_head, tenant_state},
    timeline,
};

/// Heads that are shown at most.
const SHOWN: u64 = 5_000;
const MINUTES_OF_A_DAY: i64 = 24 * 60;

/// In what way a log does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutKind {
    /// The lines between what was told before and what is told now are not told. Over when they are.
    Unlinked,
    /// Lines that were told before are gone, or are others now. For a person to find out; stays.
    Changed,
}

/// A log that does not go on from what was told before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCut {
    /// When it was first seen.
    pub at: DateTime<Utc>,
    /// In what way.
    pub kind: CutKind,
    /// The first line that this is about.
    pub from: u64,
    /// The last one.
    pub to: u64,
}

/// What the database has of a log, without the heartbeat.
#[derive(Debug, FromQueryResult)]
pub(crate) struct State {
    pub(crate) order_id: Uuid,
    gate_entry: i64,
    gate_hash: String,
    log_cut_at: Option<DateTime<Utc>>,
    log_cut_kind: Option<String>,
    log_cut_from: Option<i64>,
    log_cut_to: Option<i64>,
}

/// The columns of [`State`].
pub(crate) const COLUMNS: [tenant_state::Column; 7] = {
    use tenant_state::Column::{GateEntry, GateHash, LogCutAt, LogCutFrom, LogCutKind, LogCutTo, OrderId};
    [OrderId, GateEntry, GateHash, LogCutAt, LogCutKind, LogCutFrom, LogCutTo]
};

impl State {
    fn cut(&self) -> Option<LogCut> {
        cut(self.log_cut_at, self.log_cut_kind.as_deref(), (self.log_cut_from, self.log_cut_to))
    }
}

/// How the Hub follows a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Followed {
    /// The last end that follows on all before it.
    pub(crate) head: LogHead,
    /// What is wrong.
    pub(crate) cut: Option<LogCut>,
}

impl Followed {
    /// As it stands in the database.
    pub(crate) fn of(state: &State) -> Self {
        let head = LogHead { entry: unsigned(state.gate_entry), hash: state.gate_hash.clone() };
        Self { head, cut: state.cut() }
    }

    /// Hears of another end. Whether it is a new one, and if so, whether it follows on those before it.
    pub(crate) fn hear(
        &mut self,
        told: &LogHead,
        chain: Option<&LogChain>,
        now: DateTime<Utc>,
    ) -> Option<bool> {
        match follows(&self.head, told, chain) {
            Ok(()) => {
                self.cut.take_if(|cut| cut.kind == CutKind::Unlinked);
                let is_new = self.head != *told;
                self.head = told.clone();
                is_new.then_some(true)
            }
            Err((kind, from, to)) => {
                let cut = self.cut.get_or_insert(LogCut { at: now, kind, from, to });
                if cut.kind == CutKind::Unlinked {
                    // What is worse takes over, with its own time.
                    let at = if kind == cut.kind { cut.at } else { now };
                    *cut = LogCut { at, kind, from, to };
                } else {
                    (cut.from, cut.to) = (cut.from.min(from), cut.to.max(to));
                }
                Some(false)
            }
        }
    }
}

/// What the timeline says when a log was changed, once.
pub(crate) fn new_line(before: Option<&LogCut>, now: &Followed) -> Option<NewEntry> {
    let cut = now.cut.as_ref().filter(|cut| cut.kind == CutKind::Changed)?;
    let is_new = before.is_none_or(|before| before.kind != CutKind::Changed);
    let (from, to) = (cut.from, cut.to);
    let message = format!(
        "the command gate's log was cut or rewritten: lines {from} to {to} are not as they were told"
    );
    is_new.then(|| NewEntry::new("state", "failed", message))
}

/// Whether `told` is an end of the log that `known` is a line of; otherwise, how not, and which lines that is about.
fn follows(known: &LogHead, told: &LogHead, chain: Option<&LogChain>) -> Result<(), (CutKind, u64, u64)> {
    if known.entry == 0 {
        return Ok(());
    }
    if told.entry < known.entry {
        return Err((CutKind::Changed, told.entry + 1, known.entry));
    }
    if told.entry == known.entry {
        let is_same = told.hash == known.hash;
        return if is_same { Ok(()) } else { Err((CutKind::Changed, known.entry, known.entry)) };
    }
    let unlinked = (CutKind::Unlinked, known.entry + 1, told.entry);
    let chain = chain.ok_or(unlinked)?;
    match chain.hash_of(known.entry) {
        None => Err(unlinked),
        Some(hash) if hash != known.hash => Err((CutKind::Changed, known.entry, told.entry)),
        Some(_) if chain.hash_of(told.entry) != Some(&told.hash) => Err(unlinked),
        Some(_) => Ok(()),
    }
}

/// What is wrong with a log, as it stands in the database.
pub(crate) fn cut_of(state: &tenant_state::Model) -> Option<LogCut> {
    cut(state.log_cut_at, state.log_cut_kind.as_deref(), (state.log_cut_from, state.log_cut_to))
}

fn cut(at: Option<DateTime<Utc>>, kind: Option<&str>, lines: (Option<i64>, Option<i64>)) -> Option<LogCut> {
    let kind = if kind == Some(UNLINKED) { CutKind::Unlinked } else { CutKind::Changed };
    // What an older version saw has no lines.
    let line = |number: Option<i64>| number.map_or(0, unsigned);
    Some(LogCut { at: at?, kind, from: line(lines.0), to: line(lines.1) })
}

const UNLINKED: &str = "unlinked";

/// As it is written.
pub(crate) const fn kind_name(kind: CutKind) -> &'static str {
    match kind {
        CutKind::Unlinked => UNLINKED,
        CutKind::Changed => "changed",
    }
}

/// A head that was told. One a minute is kept: those between lie on the chain that the next one is checked by, or the
/// log is known not to go on.
pub(crate) fn row(
    order: Uuid,
    generation: i64,
    told: &LogHead,
    linked: bool,
    now: DateTime<Utc>,
) -> gate_head::ActiveModel {
    gate_head::ActiveModel {
        order_id: Set(order),
        generation: Set(generation),
        minute: Set(now.timestamp().div_euclid(60)),
        linked: Set(linked),
        entry: Set(signed(told.entry)),
        hash: Set(told.hash.clone()),
        received_at: Set(now),
    }
}

/// What was written down once stays as it is.
pub(crate) fn conflict() -> OnConflict {
    use gate_head::Column;
    let key = [Column::OrderId, Column::Generation, Column::Minute, Column::Linked];
    OnConflict::columns(key).do_nothing().to_owned()
}

/// Of days before this, the last head of each stays, for ever.
const FORGET: &str = "\
DELETE FROM gate_heads WHERE received_at < $1 AND EXISTS ( \
    SELECT 1 FROM gate_heads AS later WHERE later.order_id = gate_heads.order_id \
    AND later.generation = gate_heads.generation AND later.linked = gate_heads.linked \
    AND later.minute > gate_heads.minute AND later.minute / $2 = gate_heads.minute / $2)";

pub(crate) async fn forget_before(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    let values: [sea_orm::Value; 2] = [before.into(), MINUTES_OF_A_DAY.into()];
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), FORGET, values)).await?;
    Ok(())
}

impl Store {
    /// A person has looked: the log counts as it was told last. False if nothing is wrong with it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accept_gate_log(
        &self,
        order: OrderId,
        line: &NewEntry,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin_write_of(order).await?;
        let state = tenant_state::Entity::find_by_id(order.0).one(&transaction).await?;
        let Some(state) = state.filter(|state| state.log_cut_at.is_some()) else { return Ok(false) };
        let told: Option<Heartbeat> = state.body.as_deref().and_then(|body| serde_json::from_str(body).ok());
        let told = told.map_or_else(LogHead::default, |heartbeat| heartbeat.gate_log);
        tenant_state::ActiveModel {
            order_id: Unchanged(order.0),
            gate_entry: Set(signed(told.entry)),
            gate_hash: Set(told.hash),
            log_cut_at: Set(None),
            log_cut_kind: Set(None),
            log_cut_from: Set(None),
            log_cut_to: Set(None),
            received_at: NotSet,
            body: NotSet,
        }
        .update(&transaction)
        .await?;
        timeline::append(&transaction, order, line, now).await?;
        self.commit(transaction).await?;
        Ok(true)
    }

    /// Ends of a tenant's gate log that its present agent has told, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn gate_heads(&self, order: OrderId) -> Result<Vec<GateHead>, StoreError> {
        let Some(agent) = agent::Entity::find_by_id(order.0).one(&self.db).await? else {
            return Ok(Vec::new());
        };
        let rows = gate_head::Entity::find()
            .filter(gate_head::Column::OrderId.eq(order.0))
            .filter(gate_head::Column::Generation.eq(agent.generation))
            .order_by_desc(gate_head::Column::ReceivedAt)
            .limit(SHOWN)
            .all(&self.db)
            .await?;
        let head = |row: gate_head::Model| GateHead {
            entry: unsigned(row.entry),
            hash: row.hash,
            received_at: row.received_at,
            linked: row.linked,
        };
        Ok(rows.into_iter().map(head).collect())
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use letsbe_types::tenant::{LogChain, LogHead};
    use proptest::prelude::*;

    use super::{CutKind, Followed, LogCut};

    fn now() -> DateTime<Utc> {
        "2026-11-22T12:00:00Z".parse().expect("a moment")
    }

    fn head(entry: u64, hash: &str) -> LogHead {
        LogHead { entry, hash: hash.to_owned() }
    }

    fn chain(after: (u64, &str), hashes: &[&str]) -> LogChain {
        let hashes = hashes.iter().map(|hash| (*hash).to_owned()).collect();
        LogChain { after: head(after.0, after.1), hashes }
    }

    #[test]
    fn an_end_that_does_not_follow_on_what_was_told_is_found() {
        use CutKind::{Changed, Unlinked};
        let found = |told: (u64, &str), chain: Option<LogChain>| {
            let mut log = Followed { head: head(100, "h1"), cut: None };
            let new = log.hear(&head(told.0, told.1), chain.as_ref(), now());
            (new, log.head.entry, log.cut.map(|cut| (cut.kind, cut.from, cut.to)))
        };
        assert_eq!(found((100, "h1"), None), (None, 100, None));
        assert_eq!(found((101, "h2"), Some(chain((100, "h1"), &["h2"]))), (Some(true), 101, None));
        // An answer of the Hub was lost: the piece begins earlier.
        let earlier = chain((98, "f"), &["g", "h1", "h2"]);
        assert_eq!(found((101, "h2"), Some(earlier)), (Some(true), 101, None));
        for (told, chain, cut) in [
            ((99, "g"), None, (Changed, 100, 100)),
            ((0, ""), None, (Changed, 1, 100)),
            ((100, "x"), None, (Changed, 100, 100)),
            ((101, "x"), None, (Unlinked, 101, 101)),
            ((101, "x"), Some(chain((100, "y"), &["x"])), (Changed, 100, 101)),
            ((102, "x"), Some(chain((98, "f"), &["g", "y", "z", "x"])), (Changed, 100, 102)),
            ((102, "x"), Some(chain((101, "y"), &["x"])), (Unlinked, 101, 102)),
            ((102, "x"), Some(chain((100, "h1"), &["y"])), (Unlinked, 101, 102)),
            ((102, "x"), Some(chain((100, "h1"), &["y", "z"])), (Unlinked, 101, 102)),
            ((u64::MAX, "x"), Some(chain((u64::MAX, "x"), &["y"])), (Unlinked, 101, u64::MAX)),
        ] {
            assert_eq!(found(told, chain.clone()), (Some(false), 100, Some(cut)), "{told:?} {chain:?}");
        }
    }

    #[test]
    fn what_was_only_not_told_is_over_when_it_is_told_and_what_was_changed_stays() {
        let mut log = Followed { head: head(3, "c"), cut: None };
        assert_eq!(log.hear(&head(5, "e"), None, now()), Some(false));
        assert_eq!(log.cut.as_ref().map(|cut| cut.kind), Some(CutKind::Unlinked));
        let way = chain((3, "c"), &["d", "e"]);
        assert_eq!(log.hear(&head(5, "e"), Some(&way), now()), Some(true));
        assert_eq!(log.cut, None);
        log.hear(&head(4, "d"), None, now());
        let changed = LogCut { at: now(), kind: CutKind::Changed, from: 5, to: 5 };
        assert_eq!(log.cut, Some(changed.clone()));
        let way = chain((5, "e"), &["f"]);
        assert_eq!(log.hear(&head(6, "f"), Some(&way), now()), Some(true));
        assert_eq!(log.cut, Some(changed), "until a person has looked");
    }

    proptest! {
        /// However a log is told, in pieces of any size: one that only grows is never found wrong, and one line that
        /// was told and is another one afterwards always is.
        #[test]
        fn a_log_that_grows_is_followed_and_a_changed_one_is_found(ends in proptest::collection::btree_set(1_u64..60, 1..12), lost in 0_u64..5, changed in any::<prop::sample::Index>()) {
            let ends: Vec<u64> = ends.into_iter().collect();
            let changed = ends[changed.index(ends.len())];
            for forged in [false, true] {
                let mut log = Followed::default();
                let mut forging = false;
                for end in &ends {
                    let name = |entry: u64| format!("{}{entry}", if forging && entry >= changed { "x" } else { "" });
                    let from = log.head.entry.saturating_sub(lost);
                    let hash = if from == 0 { String::new() } else { name(from) };
                    let after = LogHead { entry: from, hash };
                    let way = LogChain { after, hashes: (from + 1..=*end).map(name).collect() };
                    log.hear(&head(*end, &name(*end)), Some(&way), now());
                    // From now on the line is another one, and so are all hashes behind it.
                    forging |= forged && *end == changed;
                }
                let is_seen = forged && changed != ends[ends.len() - 1];
                prop_assert_eq!(log.cut.is_some(), is_seen, "{:?} {:?}", ends, log);
                prop_assert!(log.cut.is_none_or(|cut| cut.kind == CutKind::Changed));
            }
        }
    }
}
