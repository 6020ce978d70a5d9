//! Refunds, disputes and unpaid months, one by one: how each stands, and what that means for its order.

use chrono::{DateTime, Utc};
use letsbe_lifecycle::order::{Event, Pace, Phase, State};
use letsbe_types::ids::OrderId;
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::Set,
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _,
    sea_query::{OnConflict, SimpleExpr},
};

use super::{
    PaymentOutcome, Sum, apply,
    held::Payments,
    references::{self, Known},
    standing::{self, Decision, Facts, Life, Money, MoneyStanding, MovementKind},
};
use crate::{
    StoreError,
    entities::{
        payment_movement::{ActiveModel, Column, Entity, Model},
        payment_reference,
    },
    orders, tasks,
    timeline::{self, NewEntry},
};

/// Movements of one payment, or of one order, that are looked at.
pub(super) const LOOKED_AT: u64 = 200;

/// What an event tells of a refund, a dispute, a charge's refunds or an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Stripe's id of it.
    pub id: String,
    /// What it is.
    pub kind: MovementKind,
    /// How it stands.
    pub standing: MoneyStanding,
    /// How much goes back, in the currency's smallest unit; all of it where the event does not say.
    pub amount: Option<i64>,
    /// How much was paid, where the event says so.
    pub paid: Option<i64>,
    /// Of these amounts, in small letters; a dispute counts in its own one.
    pub currency: Option<String>,
    /// Of which charge.
    pub charge: Option<String>,
    /// Of which payment.
    pub payment_intent: Option<String>,
    /// When Stripe made the event.
    pub told_at: DateTime<Utc>,
}

/// Takes what an event with these ids tells of a movement; `named` is the order that it names, if there is one.
pub(super) async fn take(
    db: &impl ConnectionTrait,
    references: &[String],
    told: &Movement,
    (known, named): (&Known, Option<OrderId>),
    (pace, now): (&Pace, DateTime<Utc>),
) -> Result<PaymentOutcome, StoreError> {
    let order = known.order.or(named);
    references::relate(db, order, references, known, now).await?;
    let before = Entity::find_by_id(&told.id).one(db).await?;
    if before.as_ref().is_some_and(|row| is_older(told, row)) {
        return Ok(PaymentOutcome::Outdated);
    }
    let row = merged(told, before.as_ref(), order, now);
    let entry = ActiveModel::from(row.clone()).reset_all();
    let newest = OnConflict::column(Column::Id).update_columns(CHANGING).to_owned();
    Entity::insert(entry).on_conflict(newest).exec_without_returning(db).await?;
    let Some(order) = order else { return Ok(PaymentOutcome::UnknownOrder) };
    // What was told before its order was known was not followed.
    let before = before.filter(|row| row.order_id == Some(order.0));
    // An older Hub kept no amount of a dispute.
    let as_much = |row: &Model| {
        row.amount == told.amount || (told.kind == MovementKind::Dispute && row.amount.is_none())
    };
    let same = |row: &Model| row.standing == told.standing.as_str() && as_much(row);
    if before.as_ref().is_some_and(same) {
        return Ok(PaymentOutcome::Applied);
    }
    let by_name = known.order.is_none();
    let before = before.and_then(|row| MoneyStanding::parse(&row.standing));
    follow(db, order, (&row, before), by_name, (pace, now)).await
}

const CHANGING: [Column; 9] = [
    Column::OrderId,
    Column::Standing,
    Column::Amount,
    Column::Paid,
    Column::Currency,
    Column::Charge,
    Column::PaymentIntent,
    Column::ToldAt,
    Column::SeenAt,
];

fn is_older(told: &Movement, row: &Model) -> bool {
    let rank = MoneyStanding::parse(&row.standing).map_or(0, MoneyStanding::rank);
    (told.told_at.timestamp(), told.standing.rank()) < (row.told_at.timestamp(), rank)
}

fn merged(told: &Movement, before: Option<&Model>, order: Option<OrderId>, now: DateTime<Utc>) -> Model {
    let kept = |new: &Option<String>, old: fn(&Model) -> &Option<String>| {
        new.clone().or_else(|| before.and_then(|row| old(row).clone()))
    };
    Model {
        id: told.id.clone(),
        order_id: order.map(|order| order.0).or(before.and_then(|row| row.order_id)),
        kind: told.kind.as_str().to_owned(),
        standing: told.standing.as_str().to_owned(),
        amount: told.amount,
        paid: told.paid.or(before.and_then(|row| row.paid)),
        currency: kept(&told.currency, |row| &row.currency),
        charge: kept(&told.charge, |row| &row.charge),
        payment_intent: kept(&told.payment_intent, |row| &row.payment_intent),
        told_at: told.told_at,
        seen_at: now,
    }
}

/// What was told before it was known whose money it is.
pub(super) async fn adopt(
    db: &impl ConnectionTrait,
    order: OrderId,
    (pace, now): (&Pace, DateTime<Utc>),
) -> Result<(), StoreError> {
    let ours = payment_reference::Entity::find()
        .select_only()
        .column(payment_reference::Column::Reference)
        .filter(payment_reference::Column::OrderId.eq(order.0))
        .into_query();
    let found = Entity::find()
        .filter(Column::OrderId.is_null())
        .filter(any_id(|column| column.in_subquery(ours.clone())))
        .order_by_asc(Column::ToldAt)
        .limit(LOOKED_AT)
        .all(db)
        .await?;
    for row in found {
        let entry =
            ActiveModel { id: Set(row.id.clone()), order_id: Set(Some(order.0)), ..Default::default() };
        Entity::update(entry).exec(db).await?;
        let row = Model { order_id: Some(order.0), ..row };
        follow(db, order, (&row, None), false, (pace, now)).await?;
    }
    Ok(())
}

/// Stripe's ids that lead to a movement.
fn ids_of(row: &Model) -> Vec<String> {
    [Some(&row.id), row.charge.as_ref(), row.payment_intent.as_ref()].into_iter().flatten().cloned().collect()
}

/// Of which any of these ids is so.
pub(super) fn any_id(is: impl Fn(Column) -> SimpleExpr) -> Condition {
    let columns = [Column::Id, Column::Charge, Column::PaymentIntent];
    columns.into_iter().fold(Condition::any(), |any, column| any.add(is(column)))
}

/// What a movement means for its order.
async fn follow(
    db: &impl ConnectionTrait,
    order: OrderId,
    (row, before): (&Model, Option<MoneyStanding>),
    by_name: bool,
    (pace, now): (&Pace, DateTime<Utc>),
) -> Result<PaymentOutcome, StoreError> {
    let Some(state) = orders::find(db, order).await?.map(|order| order.state) else {
        return Ok(PaymentOutcome::UnknownOrder);
    };
    let (Some(kind), Some(standing)) = (MovementKind::parse(&row.kind), MoneyStanding::parse(&row.standing))
    else {
        return Ok(PaymentOutcome::Outdated);
    };
    let (money, amount) = money(db, order, row, by_name).await?;
    let back = back(db, row, kind, charged(row).or(amount)).await?;
    let payments = Payments::of(db, order, &ids_of(row)).await?;
    let facts = Facts {
        kind,
        standing,
        before,
        back: back.sum,
        disputed: back.disputed,
        paid: back.paid,
        money,
        order: life(&state),
        others: others(db, order, row, before).await?,
        fitting: payments.fitting().is_some(),
        uncounted: payments.has_uncounted(),
        held: payments.others.len(),
        open: payments.open,
        disputed_others: disputed_others(db, order, &payments.this.references).await?,
    };
    let decision = standing::decide(&facts);
    if decision.moves
        && let Some(other) = payments.fitting()
    {
        references::count(db, order, &other.references).await?;
    }
    carry_out(db, order, &decision, (pace, now)).await
}

async fn carry_out(
    db: &impl ConnectionTrait,
    order: OrderId,
    decision: &Decision,
    (pace, now): (&Pace, DateTime<Utc>),
) -> Result<PaymentOutcome, StoreError> {
    if let Some(kind) = decision.closes {
        tasks::close_in(db, order, kind, now).await?;
    }
    if decision.single {
        tasks::close_in(db, order, "payment_twice", now).await?;
    }
    for (kind, detail) in decision.supersedes.into_iter().flatten() {
        tasks::supersede_in(db, order, kind, detail, now).await?;
    }
    if let Some((kind, detail)) = decision.task {
        tasks::open_in(db, order, kind, detail, now).await?;
    }
    if let Some(note) = decision.note {
        timeline::append(db, order, &NewEntry::new("effect", "ok", note), now).await?;
    }
    match decision.withdraw {
        Some(why) => apply(db, order, &Event::PaymentWithdrawn { why: why.to_owned() }, pace, now).await,
        None => Ok(PaymentOutcome::Applied),
    }
}

fn life(state: &State) -> Life {
    match state.phase {
        Phase::Stopped => Life::Stopped,
        Phase::Fulfilled => Life::Live,
        _ if state.recovery.is_some() => Life::Live,
        _ => Life::Begun,
    }
}

/// Whose money a movement is about, and how much was paid.
async fn money(
    db: &impl ConnectionTrait,
    order: OrderId,
    row: &Model,
    by_name: bool,
) -> Result<(Money, Option<Sum>), StoreError> {
    use payment_reference::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::Reference.is_in(ids_of(row)))
        .filter(Column::OrderId.eq(order.0))
        .all(db)
        .await?;
    let counted = rows.iter().any(|row| row.counted);
    let of = rows.iter().filter(|row| row.counted || !counted);
    let amount = of.into_iter().find_map(references::sum);
    let money = match () {
        () if by_name || counted || rows.is_empty() => Money::Counted,
        () if references::has_counted(db, order).await? => Money::Further,
        () => Money::Uncounted,
    };
    Ok((money, amount))
}

/// What the movements of a payment tell.
#[derive(Default)]
struct Told {
    /// How much of it is back; `None` for all of it.
    sum: Option<i64>,
    /// How much of it is disputed; `None` for all of it.
    disputed: Option<i64>,
    /// How much was paid.
    paid: Option<i64>,
}

/// How much of the payment, of which this is known to be paid, is back or disputed, with every refund and dispute of it that
/// was told of.
async fn back(
    db: &impl ConnectionTrait,
    row: &Model,
    kind: MovementKind,
    paid: Option<Sum>,
) -> Result<Told, StoreError> {
    if matches!(kind, MovementKind::Invoice | MovementKind::Warning) {
        return Ok(Told { paid: paid.map(|paid| paid.amount), ..Told::default() });
    }
    let mut same = Condition::any().add(Column::Id.eq(&row.id));
    if let Some(charge) = &row.charge {
        same = same.add(Column::Charge.eq(charge));
    }
    if let Some(payment) = &row.payment_intent {
        same = same.add(Column::PaymentIntent.eq(payment));
    }
    let rows = Entity::find().filter(same).limit(LOOKED_AT).all(db).await?;
    let is_all = kind != MovementKind::Dispute && is_going(row) && row.amount.is_none();
    let sum = (!is_all).then(|| refunded(&rows));
    let paid = paid.or_else(|| rows.iter().find_map(charged));
    Ok(Told { sum, disputed: disputed(&rows, paid.as_ref()), paid: paid.map(|paid| paid.amount) })
}

pub(super) fn is_going(row: &Model) -> bool {
    MoneyStanding::parse(&row.standing).is_some_and(MoneyStanding::is_going)
}

/// How much was paid, where a charge says so.
pub(super) fn charged(row: &Model) -> Option<Sum> {
    Some(Sum { amount: row.paid?, currency: row.currency.clone().unwrap_or_default() })
}

/// How much the disputes among these, which are of one payment, took or hold; `None` for all of it, as where a dispute is not
/// in the payment's currency: how much of it that is nobody here knows.
pub(super) fn disputed(rows: &[Model], paid: Option<&Sum>) -> Option<i64> {
    let all = rows.iter().filter(|row| row.kind == MovementKind::Dispute.as_str() && is_going(row));
    let is_same =
        |row: &Model| paid.is_some_and(|paid| row.currency.as_deref() == Some(paid.currency.as_str()));
    let mut amounts = all.map(|row| row.amount.filter(|_| is_same(row)));
    amounts.try_fold(0_i64, |sum, amount| Some(sum.saturating_add(amount?)))
}

/// How much the refunds among these, which are of one payment, took back.
pub(super) fn refunded(rows: &[Model]) -> i64 {
    let of = |kind: MovementKind| rows.iter().filter(move |row| row.kind == kind.as_str());
    let told =
        |row: &Model| Some((MoneyStanding::parse(&row.standing)?, row.amount?, row.told_at.timestamp()));
    let refunds: Vec<_> = of(MovementKind::Refund).filter_map(told).collect();
    let total = of(MovementKind::Charge).filter_map(told).map(|(_, amount, at)| (amount, at)).next();
    standing::back(&refunds, total)
}

/// Whether the bank disputes a payment of this order that has none of these ids.
async fn disputed_others(
    db: &impl ConnectionTrait,
    order: OrderId,
    these: &[String],
) -> Result<bool, StoreError> {
    let disputes = Entity::find()
        .filter(Column::OrderId.eq(order.0))
        .filter(Column::Kind.eq(MovementKind::Dispute.as_str()))
        .filter(Column::Standing.eq(MoneyStanding::Back.as_str()));
    let rows = disputes.limit(LOOKED_AT).all(db).await?;
    Ok(rows.iter().any(|row| !ids_of(row).iter().any(|id| these.contains(id))))
}

/// Whether another one of this order still stands as this one did; of one that was not told of before, whether one is open.
async fn others(
    db: &impl ConnectionTrait,
    order: OrderId,
    row: &Model,
    before: Option<MoneyStanding>,
) -> Result<bool, StoreError> {
    let open = [MoneyStanding::Asked.as_str(), MoneyStanding::Back.as_str()];
    let standings = before.map_or(open.to_vec(), |before| vec![before.as_str()]);
    let other = Entity::find()
        .filter(Column::OrderId.eq(order.0))
        .filter(Column::Kind.eq(row.kind.as_str()))
        .filter(Column::Standing.is_in(standings))
        .filter(Column::Id.ne(row.id.as_str()));
    Ok(other.one(db).await?.is_some())
}
