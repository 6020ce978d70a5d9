//! Which payments of an order are held: they were made, and did not go back.

use letsbe_types::ids::OrderId;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::{
    Sum,
    movements::{LOOKED_AT, any_id, charged, disputed, is_going, refunded},
    references,
    standing::{self, MoneyStanding, MovementKind},
};
use crate::{
    StoreError,
    entities::{
        payment_movement::{self, Model},
        payment_reference::{Column, Entity, Model as Reference},
    },
};

/// Ids of one order that are looked at; a subscription has three more each month.
const IDS: u64 = 1000;

/// Ids of one group are of one payment; every id that belongs to an order has one.
type Group = Option<uuid::Uuid>;

/// A payment of an order.
#[derive(Debug, Default)]
pub(super) struct Payment {
    pub(super) references: Vec<String>,
    /// The order was begun for it.
    pub(super) counted: bool,
    /// It is what was ordered.
    pub(super) fits: bool,
    pub(super) amount: Option<Sum>,
}

/// The payments of an order.
#[derive(Debug)]
pub(super) struct Payments {
    /// The one that some ids are of.
    pub(super) this: Payment,
    /// The others that are held: something was paid, and not all of it went back.
    pub(super) others: Vec<Payment>,
    /// How many others are held, or may be again: the bank has not decided.
    pub(super) open: usize,
}

impl Payments {
    pub(super) async fn of(
        db: &impl ConnectionTrait,
        order: OrderId,
        these: &[String],
    ) -> Result<Self, StoreError> {
        let rows = Entity::find()
            .filter(Column::OrderId.eq(order.0))
            .order_by_desc(Column::SeenAt)
            .limit(IDS)
            .all(db)
            .await?;
        let of_this = rows.iter().filter(|row| these.contains(&row.reference));
        let same: Vec<Group> = of_this.map(|row| row.group_id).collect();
        let mut this = Payment { references: these.to_vec(), ..Payment::default() };
        let mut further: Vec<(Group, Payment)> = Vec::new();
        for row in rows {
            let group = row.group_id;
            if same.contains(&group) {
                this.add(row);
            } else if let Some((_, payment)) = further.iter_mut().find(|(other, _)| *other == group) {
                payment.add(row);
            } else {
                let mut payment = Payment::default();
                payment.add(row);
                further.push((group, payment));
            }
        }
        let (mut others, mut open) = (Vec::new(), 0);
        for (_, payment) in further {
            if payment.amount.as_ref().is_none_or(|sum| sum.amount <= 0) {
                continue;
            }
            open += usize::from(!payment.is_lost(db).await?);
            if !payment.is_gone(db).await? {
                others.push(payment);
            }
        }
        Ok(Self { this, others, open })
    }

    /// Another one than this that the order can stand on.
    pub(super) fn fitting(&self) -> Option<&Payment> {
        self.others.iter().find(|payment| payment.fits && !payment.counted)
    }

    /// Whether a person has to decide about another one that the order does not stand on.
    pub(super) fn has_uncounted(&self) -> bool {
        self.others.iter().any(|payment| !payment.counted)
    }
}

impl Payment {
    fn add(&mut self, row: Reference) {
        self.counted |= row.counted;
        self.fits |= row.fits;
        self.amount = self.amount.take().or_else(|| references::sum(&row));
        self.references.push(row.reference);
    }

    /// Whether all of it went back, or is with the bank.
    pub(super) async fn is_gone(&self, db: &impl ConnectionTrait) -> Result<bool, StoreError> {
        Ok(is_gone(&self.movements(db).await?, self.amount.as_ref()))
    }

    /// Whether all of it went back, or is gone for good.
    pub(super) async fn is_lost(&self, db: &impl ConnectionTrait) -> Result<bool, StoreError> {
        let mut rows = self.movements(db).await?;
        rows.retain(|row| !is_undecided(row));
        Ok(is_gone(&rows, self.amount.as_ref()))
    }

    async fn movements(&self, db: &impl ConnectionTrait) -> Result<Vec<Model>, StoreError> {
        let named = any_id(|column| column.is_in(&self.references));
        Ok(payment_movement::Entity::find().filter(named).limit(LOOKED_AT).all(db).await?)
    }
}

/// A dispute that the bank has not decided.
fn is_undecided(row: &Model) -> bool {
    row.kind == MovementKind::Dispute.as_str() && row.standing == MoneyStanding::Back.as_str()
}

fn is_gone(rows: &[Model], amount: Option<&Sum>) -> bool {
    let of = |row: &Model, kind: MovementKind| row.kind == kind.as_str();
    let is_whole = |row: &Model| !of(row, MovementKind::Invoice) && row.amount.is_none();
    if rows.iter().any(|row| is_going(row) && is_whole(row)) {
        return true;
    }
    let charged = rows.iter().find_map(charged);
    match amount.or(charged.as_ref()) {
        Some(paid) => {
            paid.amount > 0 && standing::is_gone(paid.amount, refunded(rows), disputed(rows, Some(paid)))
        }
        None => disputed(rows, None) != Some(0),
    }
}
