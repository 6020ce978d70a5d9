//! What follows from money that goes back, or does not after all. Pure.

/// Which of Stripe's objects tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementKind {
    /// One refund; a payment can have several.
    Refund,
    /// A charge, with the sum of its refunds.
    Charge,
    /// A dispute, or the bank's question before one.
    Dispute,
    /// A later month of a subscription.
    Invoice,
}

/// How a refund, a dispute or an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyStanding {
    /// No money is moved: the bank asks, or an invoice could not be paid yet.
    Asked,
    /// The money goes back, or has gone.
    Back,
    /// It is gone for good: the bank decided against us.
    Lost,
    /// It should have gone back and did not arrive.
    Failed,
    /// It is here (again).
    Kept,
}

impl MovementKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::Charge => "charge",
            Self::Dispute => "dispute",
            Self::Invoice => "invoice",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Refund, Self::Charge, Self::Dispute, Self::Invoice]
            .into_iter()
            .find(|one| one.as_str() == text)
    }
}

impl MoneyStanding {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Back => "back",
            Self::Lost => "lost",
            Self::Failed => "failed",
            Self::Kept => "kept",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let all = [Self::Asked, Self::Back, Self::Lost, Self::Failed, Self::Kept];
        all.into_iter().find(|one| one.as_str() == text)
    }

    /// Whether the money is not here, or will not be.
    pub(super) const fn is_going(self) -> bool {
        matches!(self, Self::Back | Self::Lost)
    }

    /// Of two events that were made in the same second, the later one.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::Asked => 0,
            Self::Back => 1,
            Self::Lost | Self::Failed | Self::Kept => 2,
        }
    }
}

/// What is known when something is told about a payment of an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) kind: MovementKind,
    pub(super) standing: MoneyStanding,
    /// How it stood before, if it was told of.
    pub(super) before: Option<MoneyStanding>,
    /// How much of the payment is back, with all that was told of it; `None` for all of it.
    pub(super) back: Option<i64>,
    /// How much was paid.
    pub(super) paid: Option<i64>,
    pub(super) money: Money,
    pub(super) order: Life,
    /// Another refund, dispute or invoice of this order still stands as this one did.
    pub(super) others: bool,
    /// Another payment of this order is what was ordered, too, and is held.
    pub(super) fitting: bool,
    /// Another payment is held that the order does not stand on.
    pub(super) uncounted: bool,
}

/// Whose money it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Money {
    /// What the order was begun for.
    Counted,
    /// Not that; and nothing else is either, as when a person went on though the payment differs.
    Uncounted,
    /// Not that: the order stands on another payment.
    Further,
}

/// Where the order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Begun,
    Live,
    Stopped,
}

/// What to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// A task for a person: its kind, and what happened.
    pub(super) task: Option<(&'static str, &'static str)>,
    /// The order hears that its payment was withdrawn.
    pub(super) withdraw: Option<&'static str>,
    /// Tasks of this kind are over.
    pub(super) closes: Option<&'static str>,
    /// A line in the order's timeline.
    pub(super) note: Option<&'static str>,
    /// The order stands on another payment from now on.
    pub(super) moves: bool,
    /// A task of this kind that says this is over, as there is more to say.
    pub(super) supersedes: Option<(&'static str, &'static str)>,
}

const PARTLY: &str = "a part of a payment was paid back: see whether that was meant";
const REFUNDED: &str = "a payment was paid back: decide about the server";
const SOME: &str = "money was paid back, and how much had been paid is not known: see at Stripe whether it is all of it, and \
                    decide about the server";
const REFUNDED_ONE: &str = "a payment was paid back, and the order goes on for another one that is as it was ordered: see \
                            whether that was meant";
const DISPUTED_ONE: &str = "the bank disputes a payment, and the order goes on for another one that is as it was ordered: \
                            answer it at Stripe";
const DISPUTED: &str = "the bank disputes a payment: answer it at Stripe, and decide about the server";
const INQUIRY: &str = "the bank asks about a payment, or a dispute of it was prevented: answer it at Stripe, and see there \
                       whether money is moved";
const LOST: &str = "the bank decided a dispute against us, and the money is gone: decide about the server";
const WON: &str = "a dispute ended and its money is here, but the order was stopped meanwhile: pay it back, or have it \
                   ordered again";
const UNDELIVERED: &str =
    "a refund did not reach the customer, and the money is still here: pay it back another way";
const STOPPED_FOR_NOTHING: &str = "a refund did not take place and the money is still here, but the order is stopped: pay it \
                                   back another way, or have it ordered again";
const UNPAID: &str = "a payment of the subscription failed: see at Stripe whether it is tried again";
const FURTHER: &str = "A further payment, which the order does not stand on, was paid back";
const FOR_NOTHING: &str = "Money that came for this order, which is stopped, was paid back, or a part of it";

/// Decides what follows.
pub(super) fn decide(facts: &Facts) -> Decision {
    let stopped = facts.order == Life::Stopped;
    match (facts.kind, facts.standing) {
        (MovementKind::Refund | MovementKind::Charge, MoneyStanding::Failed | MoneyStanding::Kept) => {
            unrefunded(facts)
        }
        (MovementKind::Refund | MovementKind::Charge, _) => refunded(facts),
        (MovementKind::Dispute, MoneyStanding::Asked) => {
            Decision { task: (!stopped).then_some(("payment_inquiry", INQUIRY)), ..Decision::default() }
        }
        (MovementKind::Dispute, MoneyStanding::Kept | MoneyStanding::Failed) => {
            let was_asked = facts.before == Some(MoneyStanding::Asked);
            Decision {
                task: (stopped && !was_asked).then_some(("payment_dispute_over", WON)),
                closes: over(facts),
                note: Some("A dispute or a question of the bank's ended, and the money is here"),
                ..Decision::default()
            }
        }
        (MovementKind::Dispute, _) => disputed(facts),
        (MovementKind::Invoice, MoneyStanding::Asked) => {
            let matters = !stopped && facts.money != Money::Further;
            Decision { task: matters.then_some(("payment_failed", UNPAID)), ..Decision::default() }
        }
        (MovementKind::Invoice, _) => Decision { closes: over(facts), ..Decision::default() },
    }
}

fn refunded(facts: &Facts) -> Decision {
    // What failed before it was told of.
    if facts.back == Some(0) {
        return Decision::default();
    }
    let is_whole = match (facts.back, facts.paid) {
        (Some(back), Some(paid)) => Some(back >= paid),
        (Some(_), None) => None,
        (None, _) => Some(true),
    };
    if facts.order == Life::Stopped && facts.money != Money::Counted {
        let closes = (is_whole == Some(true) && !facts.uncounted).then_some("payment_late");
        return Decision { note: Some(FOR_NOTHING), closes, ..Decision::default() };
    }
    if facts.money == Money::Further {
        return Decision { note: Some(FURTHER), ..Decision::default() };
    }
    let goes = is_whole == Some(true) && facts.money == Money::Counted;
    let moves = goes && facts.fitting && facts.order != Life::Stopped;
    let detail = match is_whole {
        Some(true) if moves => REFUNDED_ONE,
        Some(true) => REFUNDED,
        Some(false) => PARTLY,
        None => SOME,
    };
    let told = match facts.order {
        Life::Live => true,
        Life::Begun => !goes || moves,
        Life::Stopped => false,
    };
    Decision {
        task: told.then_some(("payment_refund", detail)),
        withdraw: (goes && !moves).then_some("refund"),
        moves,
        supersedes: (is_whole == Some(true)).then_some(("payment_refund", PARTLY)),
        ..Decision::default()
    }
}

/// A refund that failed, or was taken back.
fn unrefunded(facts: &Facts) -> Decision {
    let task = match (facts.order, facts.standing) {
        (Life::Stopped, _) => Some(STOPPED_FOR_NOTHING),
        (_, MoneyStanding::Failed) => Some(UNDELIVERED),
        _ => None,
    };
    Decision {
        task: task.map(|detail| ("payment_refund_failed", detail)),
        closes: (facts.before == Some(MoneyStanding::Back) && facts.back == Some(0) && !facts.others)
            .then_some("payment_refund"),
        note: task.is_none().then_some("A refund was taken back at Stripe"),
        ..Decision::default()
    }
}

fn disputed(facts: &Facts) -> Decision {
    let moves = facts.money == Money::Counted && facts.fitting && facts.order != Life::Stopped;
    let counted = facts.money == Money::Counted && !moves;
    let task = match (facts.standing, facts.order) {
        // The order ended with the money; nothing is left to decide.
        (_, Life::Stopped) if counted => None,
        (MoneyStanding::Lost, order) if order == Life::Live || !counted => {
            Some(("payment_dispute_lost", LOST))
        }
        _ if moves => Some(("payment_dispute", DISPUTED_ONE)),
        (_, order) if order == Life::Live || !counted => Some(("payment_dispute", DISPUTED)),
        _ => None,
    };
    let closes = over(facts);
    Decision { task, withdraw: counted.then_some("dispute"), closes, moves, ..Decision::default() }
}

/// The tasks that were opened for how it stood before, if nothing else keeps them open.
fn over(facts: &Facts) -> Option<&'static str> {
    if facts.others || facts.before == Some(facts.standing) {
        return None;
    }
    match (facts.kind, facts.before) {
        (MovementKind::Dispute, Some(MoneyStanding::Asked)) => Some("payment_inquiry"),
        (MovementKind::Dispute, Some(MoneyStanding::Back)) => Some("payment_dispute"),
        (MovementKind::Invoice, Some(MoneyStanding::Asked)) => Some("payment_failed"),
        // An older Hub opened a task and kept nothing else of it.
        (MovementKind::Dispute, None) if is_end(facts.standing) => Some("payment_dispute"),
        (MovementKind::Invoice, None) if is_end(facts.standing) && facts.money != Money::Further => {
            Some("payment_failed")
        }
        _ => None,
    }
}

const fn is_end(standing: MoneyStanding) -> bool {
    matches!(standing, MoneyStanding::Lost | MoneyStanding::Failed | MoneyStanding::Kept)
}

/// How much of a payment is back: `refunds` are its refunds (how they stand, how much, told when), `total` what its charge said
/// last and when. What failed after that is in the charge's sum still.
pub(super) fn back<T: Ord + Copy>(refunds: &[(MoneyStanding, i64, T)], total: Option<(i64, T)>) -> i64 {
    let sum = |wanted: &dyn Fn(&(MoneyStanding, i64, T)) -> bool| {
        refunds.iter().filter(|one| wanted(one)).fold(0_i64, |sum, one| sum.saturating_add(one.1))
    };
    let going = sum(&|(standing, ..)| standing.is_going());
    let told = total.map_or(0, |(told, at)| {
        let undone = |(standing, _, then): &(MoneyStanding, i64, T)| {
            matches!(standing, MoneyStanding::Failed | MoneyStanding::Kept) && *then >= at
        };
        told.saturating_sub(sum(&undone))
    });
    going.max(told).max(0)
}

#[cfg(test)]
mod tests;
