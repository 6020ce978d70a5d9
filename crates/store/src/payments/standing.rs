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
}

const PARTLY: &str = "a part of a payment was paid back: see whether that was meant";
const REFUNDED: &str = "a payment was paid back: decide about the server";
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
    let partly = facts.back.zip(facts.paid).is_some_and(|(back, paid)| back < paid);
    // What failed before it was told of.
    if facts.back == Some(0) {
        return Decision::default();
    }
    if facts.money == Money::Further {
        return Decision { note: Some(FURTHER), ..Decision::default() };
    }
    let withdraws = !partly && facts.money == Money::Counted;
    let detail = if partly { PARTLY } else { REFUNDED };
    let told = match facts.order {
        Life::Live => true,
        Life::Begun => !withdraws,
        Life::Stopped => facts.money != Money::Counted,
    };
    Decision {
        task: told.then_some(("payment_refund", detail)),
        withdraw: withdraws.then_some("refund"),
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
        withdraw: None,
    }
}

fn disputed(facts: &Facts) -> Decision {
    let counted = facts.money == Money::Counted;
    let task = match (facts.standing, facts.order) {
        // The order ended with the money; nothing is left to decide.
        (_, Life::Stopped) if counted => None,
        (MoneyStanding::Lost, order) if order == Life::Live || !counted => {
            Some(("payment_dispute_lost", LOST))
        }
        (_, order) if order == Life::Live || !counted => Some(("payment_dispute", DISPUTED)),
        _ => None,
    };
    let closes = over(facts);
    Decision { task, withdraw: counted.then_some("dispute"), closes, note: None }
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
        _ => None,
    }
}

/// How much of a payment is back: `refunds` are its refunds (how they stand, how much, told when), `total` what its charge said
/// last and when. What failed after that is in the charge's sum still.
pub(super) fn back<T: Ord + Copy>(refunds: &[(MoneyStanding, i64, T)], total: Option<(i64, T)>) -> i64 {
    let sum = |wanted: &dyn Fn(&(MoneyStanding, i64, T)) -> bool| {
        refunds.iter().filter(|one| wanted(one)).fold(0_i64, |sum, one| sum.saturating_add(one.1))
    };
    let going = sum(&|(standing, ..)| matches!(standing, MoneyStanding::Back | MoneyStanding::Lost));
    let told = total.map_or(0, |(told, at)| {
        let undone = |(standing, _, then): &(MoneyStanding, i64, T)| {
            matches!(standing, MoneyStanding::Failed | MoneyStanding::Kept) && *then >= at
        };
        told.saturating_sub(sum(&undone))
    });
    going.max(told).max(0)
}

#[cfg(test)]
mod tests {
    use super::{Decision, Facts, Life, Money, MoneyStanding, MovementKind, back, decide};

    const FACTS: Facts = Facts {
        kind: MovementKind::Refund,
        standing: MoneyStanding::Back,
        before: None,
        back: Some(1800),
        paid: Some(1800),
        money: Money::Counted,
        order: Life::Begun,
        others: false,
    };

    fn said(decision: Decision) -> (Option<&'static str>, Option<&'static str>, Option<&'static str>) {
        (decision.task.map(|(kind, _)| kind), decision.withdraw, decision.closes)
    }

    #[test]
    fn money_that_goes_back_stops_what_is_not_live_and_tells_a_person_of_all_else() {
        for (facts, wanted) in [
            (FACTS, (None, Some("refund"), None)),
            (Facts { back: Some(1799), ..FACTS }, (Some("payment_refund"), None, None)),
            (Facts { back: None, ..FACTS }, (None, Some("refund"), None)),
            (Facts { back: Some(0), ..FACTS }, (None, None, None)),
            (Facts { paid: None, ..FACTS }, (None, Some("refund"), None)),
            (Facts { order: Life::Live, ..FACTS }, (Some("payment_refund"), Some("refund"), None)),
            (Facts { money: Money::Uncounted, ..FACTS }, (Some("payment_refund"), None, None)),
            (Facts { money: Money::Further, ..FACTS }, (None, None, None)),
        ] {
            assert_eq!(said(decide(&facts)), wanted, "{facts:?}");
        }
    }

    #[test]
    fn a_refund_that_fails_is_told_and_its_task_is_over_when_nothing_is_back() {
        let failed = Facts {
            standing: MoneyStanding::Failed,
            before: Some(MoneyStanding::Back),
            back: Some(0),
            ..FACTS
        };
        let canceled = Facts { standing: MoneyStanding::Kept, ..failed };
        let told = Some("payment_refund_failed");
        for (facts, wanted) in [
            (failed, (told, None, Some("payment_refund"))),
            (Facts { order: Life::Live, ..failed }, (told, None, Some("payment_refund"))),
            (Facts { order: Life::Stopped, ..failed }, (told, None, Some("payment_refund"))),
            (Facts { back: Some(600), ..failed }, (told, None, None)),
            (canceled, (None, None, Some("payment_refund"))),
            (Facts { order: Life::Stopped, ..canceled }, (told, None, Some("payment_refund"))),
        ] {
            assert_eq!(said(decide(&facts)), wanted, "{facts:?}");
        }
    }

    #[test]
    fn a_question_of_the_banks_stops_nothing_and_a_dispute_is_followed_to_its_end() {
        let asked = Facts { kind: MovementKind::Dispute, standing: MoneyStanding::Asked, ..FACTS };
        let dispute = Facts { standing: MoneyStanding::Back, ..asked };
        let grown = Facts { before: Some(MoneyStanding::Asked), ..dispute };
        let won = Facts { standing: MoneyStanding::Kept, before: Some(MoneyStanding::Back), ..dispute };
        let lost = Facts { standing: MoneyStanding::Lost, ..won };
        let live = |facts| Facts { order: Life::Live, ..facts };
        let stopped = |facts| Facts { order: Life::Stopped, ..facts };
        let asks = Some("payment_inquiry");
        let disputes = Some("payment_dispute");
        for (facts, wanted) in [
            (asked, (asks, None, None)),
            (live(asked), (asks, None, None)),
            (stopped(asked), (None, None, None)),
            (
                Facts { standing: MoneyStanding::Kept, before: Some(MoneyStanding::Asked), ..asked },
                (None, None, asks),
            ),
            (dispute, (None, Some("dispute"), None)),
            (grown, (None, Some("dispute"), asks)),
            (live(grown), (disputes, Some("dispute"), asks)),
            (Facts { money: Money::Further, ..dispute }, (disputes, None, None)),
            (live(won), (None, None, disputes)),
            (live(Facts { others: true, ..won }), (None, None, None)),
            (stopped(won), (Some("payment_dispute_over"), None, disputes)),
            (stopped(lost), (None, Some("dispute"), disputes)),
            (live(lost), (Some("payment_dispute_lost"), Some("dispute"), disputes)),
            (Facts { before: None, ..lost }, (None, Some("dispute"), None)),
        ] {
            assert_eq!(said(decide(&facts)), wanted, "{facts:?}");
        }
    }

    #[test]
    fn a_month_that_is_paid_after_all_is_no_task_any_more() {
        let unpaid = Facts { kind: MovementKind::Invoice, standing: MoneyStanding::Asked, ..FACTS };
        let paid = Facts { standing: MoneyStanding::Kept, before: Some(MoneyStanding::Asked), ..unpaid };
        for (facts, wanted) in [
            (Facts { order: Life::Live, ..unpaid }, (Some("payment_failed"), None, None)),
            (Facts { order: Life::Stopped, ..unpaid }, (None, None, None)),
            (Facts { money: Money::Further, ..unpaid }, (None, None, None)),
            (paid, (None, None, Some("payment_failed"))),
            (Facts { others: true, ..paid }, (None, None, None)),
            (Facts { before: None, ..paid }, (None, None, None)),
        ] {
            assert_eq!(said(decide(&facts)), wanted, "{facts:?}");
        }
    }

    #[test]
    fn parts_add_up_and_what_failed_is_not_back() {
        use MoneyStanding::{Back, Failed, Kept};
        for (refunds, total, wanted) in [
            (&[][..], None, 0),
            (&[(Back, 600, 1), (Back, 600, 2), (Back, 600, 3)][..], None, 1800),
            (&[(Back, 600, 1)][..], Some((1800, 3)), 1800),
            (&[(Back, 600, 4), (Back, 1200, 5)][..], Some((600, 4)), 1800),
            (&[(Failed, 1800, 2)][..], Some((1800, 1)), 0),
            (&[(Failed, 1800, 2)][..], Some((1800, 3)), 1800),
            (&[(Kept, 600, 2), (Back, 600, 1)][..], Some((1200, 1)), 600),
            (&[(Back, i64::MAX, 1), (Back, i64::MAX, 1)][..], None, i64::MAX),
            (&[(Back, -5, 1)][..], None, 0),
        ] {
            assert_eq!(back(refunds, total), wanted, "{refunds:?} {total:?}");
        }
    }
}
