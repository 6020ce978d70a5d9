//! What follows from money that goes back, row by row.

use super::{Decision, Facts, Life, Money, MoneyStanding, MovementKind, back, decide};

const FACTS: Facts = Facts {
    kind: MovementKind::Refund,
    standing: MoneyStanding::Back,
    before: None,
    back: Some(1800),
    disputed: Some(0),
    paid: Some(1800),
    money: Money::Counted,
    order: Life::Begun,
    others: false,
    fitting: false,
    uncounted: false,
    held: 0,
    open: 0,
    disputed_others: false,
};

fn said(decision: Decision) -> (Option<&'static str>, Option<&'static str>, Option<&'static str>) {
    (decision.task.map(|(kind, _)| kind), decision.withdraw, decision.closes)
}

#[test]
fn money_that_goes_back_stops_what_is_not_live_and_tells_a_person_of_all_else() {
    let late = Facts { order: Life::Stopped, money: Money::Uncounted, ..FACTS };
    for (facts, wanted) in [
        (FACTS, (None, Some("refund"), None)),
        (Facts { back: Some(1799), ..FACTS }, (Some("payment_refund"), None, None)),
        (Facts { back: None, ..FACTS }, (None, Some("refund"), None)),
        (Facts { back: Some(0), ..FACTS }, (None, None, None)),
        // It may be a part.
        (Facts { paid: None, ..FACTS }, (Some("payment_refund"), None, None)),
        (Facts { fitting: true, ..FACTS }, (Some("payment_refund"), None, None)),
        (Facts { fitting: true, back: Some(1799), ..FACTS }, (Some("payment_refund"), None, None)),
        (Facts { order: Life::Stopped, fitting: true, ..FACTS }, (None, Some("refund"), None)),
        (late, (None, None, Some("payment_late"))),
        (Facts { uncounted: true, ..late }, (None, None, None)),
        (Facts { back: Some(1799), ..late }, (None, None, None)),
        // What is disputed may come back.
        (Facts { back: Some(1200), disputed: Some(600), ..late }, (None, None, None)),
        (Facts { order: Life::Live, ..FACTS }, (Some("payment_refund"), Some("refund"), None)),
        (Facts { money: Money::Uncounted, ..FACTS }, (Some("payment_refund"), None, None)),
        (Facts { money: Money::Further, ..FACTS }, (None, None, None)),
    ] {
        assert_eq!(said(decide(&facts)), wanted, "{facts:?}");
    }
}

#[test]
fn a_refund_that_fails_is_told_and_its_task_is_over_when_nothing_is_back() {
    let failed =
        Facts { standing: MoneyStanding::Failed, before: Some(MoneyStanding::Back), back: Some(0), ..FACTS };
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
    let asked = Facts {
        kind: MovementKind::Dispute,
        standing: MoneyStanding::Asked,
        back: Some(0),
        disputed: Some(1800),
        ..FACTS
    };
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
        (Facts { fitting: true, ..dispute }, (disputes, None, None)),
        (live(Facts { fitting: true, ..dispute }), (disputes, None, None)),
        (stopped(Facts { fitting: true, ..dispute }), (None, Some("dispute"), None)),
        // An older Hub may have opened one.
        (Facts { before: None, ..lost }, (None, Some("dispute"), disputes)),
        (live(Facts { before: None, ..won }), (None, None, disputes)),
        (live(Facts { before: None, others: true, ..won }), (None, None, None)),
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
        (Facts { before: None, ..paid }, (None, None, Some("payment_failed"))),
        (Facts { before: None, others: true, ..paid }, (None, None, None)),
        (Facts { before: None, money: Money::Further, ..paid }, (None, None, None)),
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

#[test]
fn of_a_disputed_part_a_person_is_told_and_only_with_the_rest_it_is_the_whole() {
    let part = Facts { kind: MovementKind::Dispute, back: Some(0), disputed: Some(600), ..FACTS };
    let lost = Facts { standing: MoneyStanding::Lost, before: Some(MoneyStanding::Back), ..part };
    let live = |facts| Facts { order: Life::Live, ..facts };
    let refund = Facts { back: Some(1200), disputed: Some(600), ..FACTS };
    let disputes = Some("payment_dispute");
    for (facts, wanted, words) in [
        (part, (disputes, None, None), "a part of a payment, which stops nothing"),
        (live(part), (disputes, None, None), "a part of a payment, which stops nothing"),
        (Facts { fitting: true, ..part }, (disputes, None, None), "a part of a payment"),
        (lost, (Some("payment_dispute_lost"), None, disputes), "that part is gone"),
        (Facts { order: Life::Stopped, ..part }, (None, None, None), ""),
        (Facts { disputed: Some(1800), ..part }, (None, Some("dispute"), None), ""),
        (Facts { back: Some(1200), ..part }, (None, Some("dispute"), None), ""),
        (live(Facts { back: Some(1200), ..part }), (disputes, Some("dispute"), None), "the rest is disputed"),
        // As an older Hub kept it, and where nobody has said how much was paid.
        (Facts { disputed: None, ..part }, (None, Some("dispute"), None), ""),
        (Facts { paid: None, ..part }, (None, Some("dispute"), None), ""),
        (refund, (None, Some("refund"), None), ""),
        (live(refund), (Some("payment_refund"), Some("refund"), None), "the rest is disputed"),
        (Facts { back: Some(1100), ..refund }, (Some("payment_refund"), None, None), "a part of"),
    ] {
        let decision = decide(&facts);
        let detail = decision.task.map_or("", |(_, detail)| detail);
        assert_eq!(said(decision), wanted, "{facts:?}");
        assert!(detail.contains(words), "{facts:?}: {detail}");
    }
}

#[test]
fn a_payment_is_no_second_one_any_more_when_all_of_it_was_paid_back_and_one_is_left() {
    let second = Facts { money: Money::Further, held: 1, open: 1, ..FACTS };
    let lost = Facts { kind: MovementKind::Dispute, standing: MoneyStanding::Lost, ..second };
    let kept = Facts { standing: MoneyStanding::Kept, before: Some(MoneyStanding::Back), ..second };
    for (facts, single) in [
        (second, true),
        (Facts { held: 0, open: 0, ..second }, true),
        (Facts { order: Life::Stopped, ..second }, true),
        (Facts { back: None, ..second }, true),
        (Facts { held: 2, open: 2, ..second }, false),
        // The third one is disputed, and may come back.
        (Facts { open: 2, ..second }, false),
        (Facts { back: Some(1799), ..second }, false),
        (Facts { back: Some(1200), disputed: Some(600), ..second }, false),
        (Facts { paid: None, ..second }, false),
        (Facts { kind: MovementKind::Dispute, ..second }, false),
        (Facts { back: Some(0), disputed: Some(1800), ..lost }, true),
        (Facts { back: Some(0), disputed: Some(600), ..lost }, false),
        (Facts { back: Some(0), disputed: Some(1800), open: 2, ..lost }, false),
        (kept, false),
    ] {
        assert_eq!(decide(&facts).single, single, "{facts:?}");
    }
    assert_eq!(said(decide(&Facts { back: Some(0), ..kept })).0, Some("payment_twice"), "it is here again");
}

#[test]
fn a_warning_of_fraud_is_told_until_there_is_nothing_to_do_about_it() {
    let warned = Facts { kind: MovementKind::Warning, standing: MoneyStanding::Asked, ..FACTS };
    let over = Facts { standing: MoneyStanding::Kept, before: Some(MoneyStanding::Asked), ..warned };
    let task = Some("payment_fraud_warning");
    for (facts, wanted) in [
        (warned, (task, None, None)),
        (Facts { order: Life::Live, ..warned }, (task, None, None)),
        (Facts { money: Money::Further, ..warned }, (task, None, None)),
        (Facts { order: Life::Stopped, ..warned }, (None, None, None)),
        // That money is still here.
        (Facts { order: Life::Stopped, money: Money::Uncounted, ..warned }, (task, None, None)),
        (Facts { order: Life::Stopped, money: Money::Further, ..warned }, (task, None, None)),
        (over, (None, None, task)),
        (Facts { others: true, ..over }, (None, None, None)),
        (Facts { before: None, ..over }, (None, None, None)),
    ] {
        assert_eq!(said(decide(&facts)), wanted, "{facts:?}");
    }
}

#[test]
fn a_dispute_of_a_little_less_than_is_left_is_the_whole() {
    let paid = 1800;
    for (back, disputed, gone) in [
        (0, Some(1800), true),
        (0, Some(1795), true),
        (0, Some(1790), true),
        (0, Some(1620), true),
        (0, Some(1619), false),
        (0, Some(900), false),
        (0, Some(0), false),
        (0, None, true),
        (0, Some(i64::MAX), true),
        (900, Some(890), true),
        (900, Some(450), false),
        (1799, Some(0), false),
        (1800, Some(0), true),
        (i64::MAX, Some(0), true),
    ] {
        assert_eq!(super::is_gone(paid, back, disputed), gone, "{back} {disputed:?}");
    }
}

#[test]
fn what_is_said_of_another_payments_dispute_stays() {
    let part = Facts { kind: MovementKind::Dispute, back: Some(0), disputed: Some(600), ..FACTS };
    let rest = Facts { back: Some(1200), disputed: Some(600), ..FACTS };
    let of = |facts: &Facts| {
        decide(facts).supersedes.into_iter().flatten().filter(|one| one.0 == "payment_dispute").count()
    };
    for facts in [part, Facts { disputed: Some(1800), ..part }, rest] {
        assert_eq!((of(&facts), of(&Facts { disputed_others: true, ..facts })), (1, 0), "{facts:?}");
    }
}
