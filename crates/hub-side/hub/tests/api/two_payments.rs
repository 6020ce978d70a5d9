//! More than one payment for one order, and money that comes for one that is stopped: what is held, what went back, and
//! what a person is told of it.

use letsbe_lifecycle::order::{Event, Phase};
use letsbe_types::ids::OrderId;
use serde_json::{Value, json};

use crate::{
    Hub,
    movements::{later, refund, told},
    payments::{changed, fixture},
    webhooks::result,
};

/// A checkout with its own ids.
fn checkout(id: OrderId, number: u32, changes: &Value) -> String {
    let mut all = json!({"id": format!("cs_{number}"), "payment_intent": format!("pi_{number}")});
    all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    changed(fixture("checkout_payment", id), &format!("evt_cs_{number}"), &all)
}

/// All of such a payment goes back.
fn paid_back(id: OrderId, number: u32) -> String {
    let changes = json!({"id": format!("ch_{number}"), "payment_intent": format!("pi_{number}")});
    changed(fixture("charge_refunded", id), &format!("evt_back_{number}"), &changes)
}

#[tokio::test]
async fn an_order_goes_on_for_another_payment_that_fits_it_when_the_first_one_goes_back() {
    for (name, task) in [("charge_refunded", "payment_refund"), ("dispute", "payment_dispute")] {
        let (hub, id) = Hub::paid_once(1).await;
        hub.deliver(&checkout(id, 2, &json!({}))).await;
        assert_eq!(result(&hub.deliver(&fixture(name, id).to_string()).await), "applied");
        assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed, "{name}: pi_2 is held");
        // What is disputed may come back.
        let left = if name == "dispute" { vec!["payment_twice", task] } else { vec![task] };
        assert_eq!(hub.task_kinds().await, left);
        let details = hub.details().await;
        assert!(details.last().unwrap().contains("goes on for another one"), "{details:?}");
        // From now on it stands on that one.
        hub.deliver(&paid_back(id, 2)).await;
        assert_eq!(hub.phase(id).await, Phase::Stopped, "{name}: nothing is held");

        // One that differs is no reason to go on, nor is one that went back itself.
        let (hub, id) = Hub::paid_once(1).await;
        hub.deliver(&checkout(id, 2, &json!({"amount_total": 1200}))).await;
        hub.deliver(&checkout(id, 3, &json!({}))).await;
        hub.deliver(&paid_back(id, 3)).await;
        hub.deliver(&fixture(name, id).to_string()).await;
        assert_eq!(hub.phase(id).await, Phase::Stopped, "{name}");
    }
    // A stranger's dispute that ends well is told of no more, and his money is one to stand on again.
    let (hub, id) = Hub::paid_once(1).await;
    hub.deliver(&checkout(id, 2, &json!({}))).await;
    hub.deliver(&fixture("dispute", id).to_string()).await;
    let won = later("dispute", "evt_won", 60, &json!({"status": "won"}));
    hub.deliver(&told("charge.dispute.closed", &won)).await;
    assert_eq!(hub.task_kinds().await, ["payment_twice"]);
    hub.deliver(&paid_back(id, 2)).await;
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    // On a live server, too.
    let (hub, id) = Hub::paid_once(1).await;
    hub.deliver(&checkout(id, 2, &json!({}))).await;
    hub.live(id).await;
    hub.deliver(&fixture("charge_refunded", id).to_string()).await;
    assert!(hub.details().await[0].contains("goes on for another one"), "{:?}", hub.details().await);
}

#[tokio::test]
async fn a_second_payment_is_a_task_until_all_of_it_is_paid_back_or_the_refund_is_taken_back() {
    let (hub, id) = Hub::paid_once(1).await;
    hub.deliver(&checkout(id, 2, &json!({}))).await;
    let part = |number: u32, amount: u32, status: &str| {
        let changes = json!({"id": format!("re_{number}"), "amount": amount, "status": status, "charge": "ch_2",
                             "payment_intent": "pi_2"});
        later("refund_created", &format!("evt_{number}_{status}"), i64::from(number), &changes)
    };
    hub.deliver(&part(1, 600, "succeeded")).await;
    assert_eq!(hub.task_kinds().await, ["payment_twice"], "a part of it");
    let rest = part(2, 1200, "succeeded");
    assert_eq!(result(&hub.deliver(&rest).await), "applied");
    assert_eq!((hub.phase(id).await, hub.task_kinds().await), (Phase::PaymentConfirmed, vec![]));
    assert_eq!(result(&hub.deliver(&rest).await), "duplicate");
    hub.deliver(&told("refund.updated", &part(2, 1200, "canceled"))).await;
    assert_eq!(hub.task_kinds().await, ["payment_twice"], "it is here again");

    // Two of three: one is still too much.
    let (hub, id) = Hub::paid_once(1).await;
    hub.deliver(&checkout(id, 2, &json!({}))).await;
    hub.deliver(&checkout(id, 3, &json!({}))).await;
    hub.deliver(&paid_back(id, 2)).await;
    assert_eq!(hub.task_kinds().await, ["payment_twice"]);
    hub.deliver(&paid_back(id, 3)).await;
    assert_eq!(hub.task_kinds().await, Vec::<String>::new());
}

/// Such a payment is disputed.
fn disputed(number: u32, seconds: i64, amount: u32, status: &str) -> String {
    let changes = json!({"id": format!("dp_{number}"), "charge": format!("ch_{number}"), "amount": amount,
                         "payment_intent": format!("pi_{number}"), "status": status});
    later("dispute", &format!("evt_dp_{number}_{seconds}"), seconds, &changes)
}

#[tokio::test]
async fn a_dispute_of_a_part_closes_nothing_that_is_said_of_another_payment() {
    let (hub, id) = Hub::paid_once(1).await;
    hub.live(id).await;
    hub.deliver(&checkout(id, 2, &json!({}))).await;
    hub.deliver(&disputed(2, 0, 1800, "needs_response")).await;
    hub.deliver(&disputed(1, 5, 600, "needs_response")).await;
    let kinds = hub.task_kinds().await;
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "payment_dispute").count(),
        2,
        "{:?}",
        hub.details().await
    );
    // The rest of the first one is paid back: what is said of its part is over where no other part is disputed.
    for (others, left) in [(true, 2), (false, 0)] {
        let (hub, id) = Hub::paid_once(1).await;
        hub.live(id).await;
        hub.deliver(&disputed(1, 5, 600, "needs_response")).await;
        if others {
            hub.deliver(&checkout(id, 2, &json!({}))).await;
            hub.deliver(&disputed(2, 6, 1800, "needs_response")).await;
        }
        hub.deliver(&refund(1, 1200)).await;
        let kinds = hub.task_kinds().await;
        assert_eq!(kinds.iter().filter(|kind| *kind == "payment_dispute").count(), left, "{kinds:?}");
    }
}

#[tokio::test]
async fn what_the_bank_holds_is_a_payment_too_many_until_it_is_decided() {
    for (end, left) in [("won", vec!["payment_twice"]), ("lost", vec!["payment_dispute_lost"])] {
        let (hub, id) = Hub::paid_once(1).await;
        hub.deliver(&checkout(id, 2, &json!({}))).await;
        hub.deliver(&checkout(id, 3, &json!({}))).await;
        hub.deliver(&disputed(3, 0, 1800, "needs_response")).await;
        hub.deliver(&paid_back(id, 2)).await;
        assert!(hub.task_kinds().await.contains(&"payment_twice".to_owned()), "the third one may come back");
        hub.deliver(&told("charge.dispute.closed", &disputed(3, 60, 1800, end))).await;
        assert_eq!(hub.task_kinds().await, left);
        assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    }
    // One that is disputed before it is told of.
    let (hub, id) = Hub::paid_once(1).await;
    hub.deliver(&disputed(2, 0, 1800, "needs_response")).await;
    hub.deliver(&checkout(id, 2, &json!({}))).await;
    assert!(hub.task_kinds().await.contains(&"payment_twice".to_owned()));
}

#[tokio::test]
async fn no_payment_is_forgotten_because_another_one_came_for_an_order_that_was_not_begun() {
    for second in [1800, 1500] {
        let hub = Hub::new().await;
        let id = hub.order(1).await;
        hub.deliver(&checkout(id, 1, &json!({"amount_total": 1200}))).await;
        assert_eq!(hub.task_kinds().await, Vec::<String>::new(), "the order itself waits for a person");
        hub.deliver(&checkout(id, 2, &json!({"amount_total": second}))).await;
        assert_eq!(hub.task_kinds().await, ["payment_twice"], "{second}");
        let begun = hub.phase(id).await == Phase::PaymentConfirmed;
        assert_eq!(begun, second == 1800);
    }
    // What went back before is no payment more.
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    hub.deliver(&checkout(id, 1, &json!({"amount_total": 1200}))).await;
    let whole = json!({"id": "re_1", "amount": 1200});
    hub.deliver(&later("refund_created", "evt_re", 0, &whole)).await;
    hub.deliver(&checkout(id, 2, &json!({}))).await;
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    assert!(!hub.task_kinds().await.contains(&"payment_twice".to_owned()));
    // Nor is what went back before its checkout was told.
    let (hub, id) = Hub::paid_once(1).await;
    hub.deliver(&paid_back(id, 2)).await;
    hub.deliver(&checkout(id, 2, &json!({}))).await;
    assert_eq!((hub.phase(id).await, hub.task_kinds().await), (Phase::PaymentConfirmed, vec![]));
}

impl Hub {
    async fn given_up(number: u128) -> (Self, OrderId) {
        let hub = Self::new().await;
        let id = hub.order(number).await;
        hub.apply(id, &Event::OperatorAbandon { reason: "a test".into() }).await;
        assert_eq!(hub.phase(id).await, Phase::Stopped);
        (hub, id)
    }
}

#[tokio::test]
async fn money_for_a_stopped_order_is_to_be_paid_back_until_it_is() {
    let (hub, id) = Hub::given_up(1).await;
    hub.deliver(&paid_back(id, 1)).await;
    hub.deliver(&checkout(id, 1, &json!({}))).await;
    assert_eq!(hub.task_kinds().await, Vec::<String>::new(), "it was back before it was told of");

    let (hub, id) = Hub::given_up(1).await;
    hub.deliver(&checkout(id, 1, &json!({}))).await;
    hub.deliver(&refund(1, 600)).await;
    assert_eq!(hub.task_kinds().await, ["payment_late"], "a part of it is here");
    let mut warning = json!({"charge": "ch_1", "payment_intent": "pi_1"});
    hub.deliver(&later("early_fraud_warning", "evt_w", 1, &warning)).await;
    assert_eq!(hub.task_kinds().await, ["payment_late", "payment_fraud_warning"], "told while money is here");
    warning["actionable"] = json!(false);
    let over = later("early_fraud_warning", "evt_o", 2, &warning);
    hub.deliver(&told("radar.early_fraud_warning.updated", &over)).await;
    hub.deliver(&checkout(id, 2, &json!({}))).await;
    hub.deliver(&paid_back(id, 1)).await;
    assert_eq!(hub.task_kinds().await, ["payment_late"], "another one is here");
    hub.deliver(&paid_back(id, 2)).await;
    assert_eq!(hub.task_kinds().await, Vec::<String>::new());
}

fn named(id: OrderId, number: u32, changes: &Value) -> String {
    let mut all = json!({"id": format!("re_n{number}"), "amount": 600, "charge": null,
                         "payment_intent": format!("pi_n{number}"), "metadata": {"order_id": id}});
    all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    later("refund_created", &format!("evt_n{number}"), 100, &all)
}

#[tokio::test]
async fn each_thing_is_a_task_once_and_a_part_is_none_any_more_when_the_whole_is_back() {
    let (hub, id) = Hub::paid_once(1).await;
    hub.live(id).await;
    for number in 1..=2 {
        hub.deliver(&refund(number, 100)).await;
        hub.deliver(&named(id, number, &json!({}))).await;
        assert_eq!(hub.task_kinds().await, ["payment_refund", "payment_refund"], "{number}");
    }
    let (hub, id) = Hub::paid_once(1).await;
    hub.live(id).await;
    hub.deliver(&refund(1, 600)).await;
    assert!(hub.details().await[0].contains("a part of"));
    hub.deliver(&refund(2, 1200)).await;
    let details = hub.details().await;
    assert!(details.len() == 1 && details[0].contains("decide about the server"), "{details:?}");
}

#[tokio::test]
async fn a_refund_that_names_its_order_late_or_of_which_little_is_known_is_told() {
    // Of how much, nobody said: it may be a part.
    let (hub, id) = Hub::paid_once(1).await;
    hub.deliver(&named(id, 1, &json!({}))).await;
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    let details = hub.details().await;
    assert!(details.len() == 1 && details[0].contains("is not known"), "{details:?}");

    // Its charge said it before.
    let (hub, id) = Hub::paid_once(1).await;
    let part = json!({"id": "ch_9", "payment_intent": "pi_9", "amount_refunded": 600, "refunded": false});
    hub.deliver(&later("charge_refunded", "evt_c", 0, &part)).await;
    hub.deliver(&named(id, 1, &json!({"charge": "ch_9", "payment_intent": "pi_9"}))).await;
    let details = hub.details().await;
    assert!(details.len() == 1 && details[0].contains("a part of"), "{details:?}");
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);

    // The first event did not name the order, the second one says the same and does.
    let (hub, id) = Hub::paid_once(1).await;
    let whole = json!({"id": "ch_9", "payment_intent": "pi_9"});
    let unnamed = later("charge_refunded", "evt_1", 0, &whole);
    assert_eq!(result(&hub.deliver(&unnamed).await), "ignored");
    let mut again: Value = serde_json::from_str(&unnamed).unwrap();
    again["data"]["object"]["metadata"] = json!({"order_id": id});
    hub.deliver(&changed(again, "evt_2", &json!({}))).await;
    assert_eq!(hub.phase(id).await, Phase::Stopped);
}

#[tokio::test]
async fn another_month_that_is_paid_closes_nothing_of_the_one_that_is_not() {
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    hub.deliver(&fixture("checkout_subscription", id).to_string()).await;
    hub.live(id).await;
    hub.deliver(&fixture("invoice_failed", id).to_string()).await;
    assert_eq!(hub.task_kinds().await, ["payment_failed"]);
    hub.deliver(&later("invoice_paid_2025", "evt_other", 60, &json!({"id": "in_other"}))).await;
    assert_eq!(hub.task_kinds().await, ["payment_failed"]);
}
