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
    /// The card's issuer warns that it may be fraud.
    Warning,
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
            Self::Warning => "warning",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Refund, Self::Charge, Self::Dispute, Self::Invoice, Self::Warning]
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
    /// How much of it is disputed, or lost by a dispute; `None` for all of it.
    pub(super) disputed: Option<i64>,
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
    /// How many other payments of this order are held.
    pub(super) held: usize,
    /// How many other ones are held or disputed: what is disputed may come back.
    pub(super) open: usize,
    /// The bank disputes another payment of this order.
    pub(super) disputed_others: bool,
}

impl Facts {
    /// Whether nothing of the payment is left, by refunds and disputes together; `None` where it is not known.
    fn is_gone(&self) -> Option<bool> {
        let (Some(back), Some(disputed)) = (self.back, self.disputed) else { return Some(true) };
        self.paid.map(|paid| is_gone(paid, back, Some(disputed)))
    }

    /// Whether all of it was paid back.
    fn is_back(&self) -> bool {
        self.back.is_none_or(|back| self.paid.is_some_and(|paid| back >= paid))
    }
}

/// Whether nothing is left of what was paid, when this much is back and this much disputed (`None` for all of it). A bank
/// disputes what its customer was charged: that can be a little less than what was paid, and is the whole.
pub(super) fn is_gone(paid: i64, back: i64, disputed: Option<i64>) -> bool {
    let Some(disputed) = disputed else { return true };
    let left = i128::from(paid) - i128::from(back);
    left <= 0 || (disputed > 0 && i128::from(disputed) * 10 >= left * 9)
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
    /// Not more than one payment of the order is held any more.
    pub(super) single: bool,
    /// Tasks of this kind that say this are over, as there is more to say.
    pub(super) supersedes: [Option<(&'static str, &'static str)>; 2],
}

const PARTLY: &str = "a part of a payment was paid back: see whether that was meant";
const REFUNDED: &str = "a payment was paid back: decide about the server";
const SOME: &str = "money was paid back, and how much had been paid is not known: see at Stripe whether it is all of it, and \
                    decide about the server";
const REFUNDED_ONE: &str = "a payment was paid back, and the order goes on for another one that is as it was ordered: see \
                            whether that was meant";
const REST: &str = "a part of a payment was paid back and the rest is disputed, so nothing of it is left: answer the dispute \
                    at Stripe, and decide about the server";
const DISPUTED_ONE: &str = "the bank disputes a payment, and the order goes on for another one that is as it was ordered: \
                            answer it at Stripe";
const DISPUTED: &str = "the bank disputes a payment: answer it at Stripe, and decide about the server";
const DISPUTED_PART: &str = "the bank disputes a part of a payment, which stops nothing: answer it at Stripe";
const INQUIRY: &str = "the bank asks about a payment, or a dispute of it was prevented: answer it at Stripe, and see there \
                       whether money is moved";
const LOST: &str = "the bank decided a dispute against us, and the money is gone: decide about the server";
const LOST_PART: &str = "the bank decided a dispute of a part of a payment against us, and that part is gone: see whether the \
                         rest is enough for the server";
const FRAUD: &str = "the card's issuer warns that a payment may be fraud: see at Stripe and in the order whether the customer is \
                     who he says; if not, pay it back now, which avoids a dispute and its fee, and give the order up";
const WON: &str = "a dispute ended and its money is here, but the order was stopped meanwhile: pay it back, or have it \
                   ordered again";
const UNDELIVERED: &str =
    "a refund did not reach the customer, and the money is still here: pay it back another way";
const STOPPED_FOR_NOTHING: &str = "a refund did not take place and the money is still here, but the order is stopped: pay it \
                                   back another way, or have it ordered again";
/// A payment more than were needed.
pub(super) const SECOND: &str =
    "a second payment arrived for an order that is paid: compare both at Stripe and pay one back";
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
        (MovementKind::Refund | MovementKind::Charge, _) => {
            let single = facts.is_back() && facts.open <= 1;
            Decision { single, ..refunded(facts) }
        }
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
        (MovementKind::Dispute, standing) => {
            let is_lost = standing == MoneyStanding::Lost && facts.is_gone() == Some(true);
            Decision { single: is_lost && facts.open <= 1, ..disputed(facts) }
        }
        (MovementKind::Invoice, MoneyStanding::Asked) => {
            let matters = !stopped && facts.money != Money::Further;
            Decision { task: matters.then_some(("payment_failed", UNPAID)), ..Decision::default() }
        }
        (MovementKind::Invoice, _) => Decision { closes: over(facts), ..Decision::default() },
        (MovementKind::Warning, MoneyStanding::Asked) => {
            // What came for an order that had ended is still here.
            let matters = !stopped || facts.money != Money::Counted;
            Decision { task: matters.then_some(("payment_fraud_warning", FRAUD)), ..Decision::default() }
        }
        (MovementKind::Warning, _) => Decision { closes: over(facts), ..Decision::default() },
    }
}

fn refunded(facts: &Facts) -> Decision {
    // What failed before it was told of.
    if facts.back == Some(0) {
        return Decision::default();
    }
    let is_whole = facts.is_gone();
    if facts.order == Life::Stopped && facts.money != Money::Counted {
        // What is disputed may come back.
        let closes = (facts.is_back() && !facts.uncounted).then_some("payment_late");
        return Decision { note: Some(FOR_NOTHING), closes, ..Decision::default() };
    }
    if facts.money == Money::Further {
        return Decision { note: Some(FURTHER), ..Decision::default() };
    }
    let goes = is_whole == Some(true) && facts.money == Money::Counted;
    let moves = goes && facts.fitting && facts.order != Life::Stopped;
    let detail = match is_whole {
        Some(true) if moves => REFUNDED_ONE,
        Some(true) if facts.is_back() => REFUNDED,
        Some(true) => REST,
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
        supersedes: [
            (is_whole == Some(true)).then_some(("payment_refund", PARTLY)),
            // With the rest of it, the disputed part is the whole.
            (is_whole == Some(true) && !facts.is_back() && !facts.disputed_others)
                .then_some(("payment_dispute", DISPUTED_PART)),
        ],
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
    // Taken back, it is one payment too many again.
    let twice = (task.is_none() && facts.before == Some(MoneyStanding::Back) && facts.held > 0)
        .then_some(("payment_twice", SECOND));
    Decision {
        task: task.map(|detail| ("payment_refund_failed", detail)).or(twice),
        closes: (facts.before == Some(MoneyStanding::Back) && facts.back == Some(0) && !facts.others)
            .then_some("payment_refund"),
        note: task.is_none().then_some("A refund was taken back at Stripe"),
        ..Decision::default()
    }
}

/// Of a dispute whose payment's amount is not known, the whole is taken to be disputed: work that is not begun can wait.
fn disputed(facts: &Facts) -> Decision {
    let is_part = facts.is_gone() == Some(false);
    let is_ours = facts.money == Money::Counted;
    let moves = is_ours && !is_part && facts.fitting && facts.order != Life::Stopped;
    let withdraws = is_ours && !is_part && !moves;
    let is_told = facts.order == Life::Live || !withdraws;
    let task = match facts.standing {
        // The order ended with the money; nothing is left to decide.
        _ if facts.order == Life::Stopped && is_ours => None,
        _ if !is_told => None,
        MoneyStanding::Lost => Some(("payment_dispute_lost", if is_part { LOST_PART } else { LOST })),
        _ if moves => Some(("payment_dispute", DISPUTED_ONE)),
        _ if is_part => Some(("payment_dispute", DISPUTED_PART)),
        _ if facts.back.is_some_and(|back| back > 0) => Some(("payment_dispute", REST)),
        _ => Some(("payment_dispute", DISPUTED)),
    };
    Decision {
        task,
        withdraw: withdraws.then_some("dispute"),
        closes: over(facts),
        moves,
        // It may have grown, or become less; what is said of another payment stays.
        supersedes: [
            (!facts.disputed_others)
                .then_some(("payment_dispute", if is_part { DISPUTED } else { DISPUTED_PART })),
            None,
        ],
        ..Decision::default()
    }
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
        (MovementKind::Warning, Some(MoneyStanding::Asked)) => Some("payment_fraud_warning"),
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
