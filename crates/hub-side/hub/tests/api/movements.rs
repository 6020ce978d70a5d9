//! Refunds, disputes and later months are followed to their end, whatever comes first: in the shapes that Stripe sends.

use letsbe_lifecycle::order::Phase;
use letsbe_types::ids::OrderId;
use serde_json::{Value, json};

use crate::{
    Hub,
    payments::{changed, fixture},
    webhooks::result,
};

/// One of Stripe's events, made so many seconds after another one.
pub(crate) fn later(name: &str, id: &str, seconds: i64, changes: &Value) -> String {
    let mut event = fixture(name, OrderId::generate());
    event["created"] = json!(event["created"].as_i64().unwrap() + seconds);
    changed(event, id, changes)
}

/// The same object, told by another kind of event.
pub(crate) fn told(kind: &str, event: &str) -> String {
    let mut event: Value = serde_json::from_str(event).unwrap();
    event["type"] = json!(kind);
    event.to_string()
}

pub(crate) fn refund(number: u32, amount: u32) -> String {
    let changes = json!({"id": format!("re_{number}"), "amount": amount});
    later("refund_created", &format!("evt_re_{number}"), i64::from(number), &changes)
}

impl Hub {
    /// Paid with `pi_1`, once.
    pub(crate) async fn paid_once(number: u128) -> (Self, OrderId) {
        let hub = Self::new().await;
        let id = hub.order(number).await;
        hub.deliver(&fixture("checkout_payment", id).to_string()).await;
        assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
        (hub, id)
    }

    pub(crate) async fn details(&self) -> Vec<String> {
        self.store.tasks().await.unwrap().into_iter().map(|task| task.detail).collect()
    }
}

#[tokio::test]
async fn a_question_of_the_banks_stops_no_order_and_what_grows_out_of_it_does() {
    let (hub, id) = Hub::paid_once(1).await;
    let inquiry = fixture("inquiry", id).to_string();
    assert_eq!(result(&hub.deliver(&inquiry).await), "applied");
    assert_eq!(result(&hub.deliver(&inquiry).await), "duplicate");
    assert_eq!(
        (hub.phase(id).await, hub.task_kinds().await),
        (Phase::PaymentConfirmed, vec!["payment_inquiry".into()])
    );
    let review = later("inquiry", "evt_review", 60, &json!({"status": "warning_under_review"}));
    hub.deliver(&told("charge.dispute.updated", &review)).await;
    assert_eq!(hub.task_kinds().await, ["payment_inquiry"], "the same question");
    let closed = later("inquiry", "evt_closed", 120, &json!({"status": "warning_closed"}));
    hub.deliver(&told("charge.dispute.closed", &closed)).await;
    assert_eq!((hub.phase(id).await, hub.task_kinds().await), (Phase::PaymentConfirmed, vec![]));
    // What was sent earlier and comes late says nothing.
    assert_eq!(result(&hub.deliver(&later("inquiry", "evt_late", 30, &json!({}))).await), "ignored");
    assert_eq!(hub.task_kinds().await, Vec::<String>::new());

    for (kind, status) in [
        ("charge.dispute.updated", "needs_response"),
        ("charge.dispute.funds_withdrawn", "needs_response"),
        ("charge.dispute.closed", "lost"),
    ] {
        let (hub, id) = Hub::paid_once(1).await;
        hub.deliver(&inquiry).await;
        let grown = later("inquiry", "evt_grown", 60, &json!({"status": status}));
        assert_eq!(result(&hub.deliver(&told(kind, &grown)).await), "applied", "{kind}");
        assert_eq!((hub.phase(id).await, hub.task_kinds().await), (Phase::Stopped, vec![]), "{kind}");
    }
}

#[tokio::test]
async fn a_dispute_that_ends_tells_what_is_left_to_do() {
    let won = |seconds| {
        let event = later("dispute", &format!("evt_won_{seconds}"), seconds, &json!({"status": "won"}));
        told("charge.dispute.closed", &event)
    };
    let (hub, id) = Hub::paid_once(1).await;
    hub.deliver(&fixture("dispute", id).to_string()).await;
    assert_eq!(hub.phase(id).await, Phase::Stopped);
    assert_eq!(result(&hub.deliver(&won(60)).await), "applied");
    let reinstated = told("charge.dispute.funds_reinstated", &won(61));
    assert_eq!(result(&hub.deliver(&reinstated).await), "applied");
    assert_eq!(hub.task_kinds().await, ["payment_dispute_over"], "stopped, and the money is here");

    // The end comes before the beginning: nothing is stopped.
    let (hub, id) = Hub::paid_once(1).await;
    hub.deliver(&won(60)).await;
    assert_eq!(result(&hub.deliver(&fixture("dispute", id).to_string()).await), "ignored");
    assert_eq!((hub.phase(id).await, hub.task_kinds().await), (Phase::PaymentConfirmed, vec![]));

    // On a live server: a task, which ends with the dispute.
    for (status, left) in [("won", None), ("lost", Some("payment_dispute_lost"))] {
        let (hub, id) = Hub::paid_once(1).await;
        hub.live(id).await;
        hub.deliver(&fixture("dispute", id).to_string()).await;
        assert_eq!(hub.task_kinds().await, ["payment_dispute"]);
        let end = later("dispute", "evt_end", 60, &json!({"status": status}));
        hub.deliver(&told("charge.dispute.closed", &end)).await;
        assert_eq!(hub.task_kinds().await.first().map(String::as_str), left, "{status}");
        assert_eq!(hub.phase(id).await, Phase::Fulfilled);
    }
}

#[tokio::test]
async fn a_refund_that_fails_is_told_however_stripe_says_it() {
    for name in ["refund_failed", "refund_updated"] {
        for status in ["failed", "canceled"] {
            let (hub, id) = Hub::paid_once(1).await;
            hub.deliver(&fixture("refund_created", id).to_string()).await;
            assert_eq!(hub.phase(id).await, Phase::Stopped);
            let failed = changed(fixture(name, id), "evt_failed", &json!({"status": status}));
            assert_eq!(result(&hub.deliver(&failed).await), "applied", "{name}");
            let details = hub.details().await;
            assert!(details.len() == 1 && details[0].contains("the order is stopped"), "{name}: {details:?}");
            let again = later(name, "evt_again", 5, &json!({"status": status}));
            hub.deliver(&again).await;
            assert_eq!(hub.details().await, details, "{name}: told once");
        }
    }
    // A live server: nobody is to decide about it any more.
    let (hub, id) = Hub::paid_once(1).await;
    hub.live(id).await;
    hub.deliver(&fixture("refund_created", id).to_string()).await;
    assert_eq!(hub.task_kinds().await, ["payment_refund"]);
    hub.deliver(&fixture("refund_failed", id).to_string()).await;
    assert_eq!(hub.task_kinds().await, ["payment_refund_failed"]);

    // It fails before anybody knows that it was begun, and before it is known whose it is.
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    for event in ["refund_failed", "refund_created", "charge_refunded"] {
        assert_eq!(result(&hub.deliver(&fixture(event, id).to_string()).await), "ignored", "{event}");
    }
    hub.deliver(&fixture("checkout_payment", id).to_string()).await;
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed, "nothing is back");
    assert_eq!(hub.task_kinds().await, ["payment_refund_failed"]);
}

#[tokio::test]
async fn parts_that_are_paid_back_add_up_to_the_whole() {
    let (hub, id) = Hub::paid_once(1).await;
    for number in 1..=2 {
        assert_eq!(result(&hub.deliver(&refund(number, 600)).await), "applied");
        assert_eq!(
            (hub.phase(id).await, hub.task_kinds().await),
            (Phase::PaymentConfirmed, vec!["payment_refund".into()])
        );
    }
    // The same refund by another event is not a further one.
    hub.deliver(&told(
        "refund.updated",
        &later("refund_created", "evt_u", 9, &json!({"id": "re_2", "amount": 600})),
    ))
    .await;
    let charge = json!({"amount_refunded": 1200, "refunded": false});
    hub.deliver(&later("charge_refunded", "evt_c", 9, &charge)).await;
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    hub.deliver(&refund(3, 600)).await;
    assert_eq!(hub.phase(id).await, Phase::Stopped);

    // A part that failed is not back.
    let (hub, id) = Hub::paid_once(1).await;
    hub.deliver(&refund(1, 900)).await;
    let failed = json!({"amount": 900, "id": "re_1", "status": "failed"});
    hub.deliver(&later("refund_failed", "evt_f", 5, &failed)).await;
    hub.deliver(&later("refund_created", "evt_2", 90_000, &json!({"id": "re_2", "amount": 900}))).await;
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);

    // Parts that came before the payment.
    for (amount, phase) in [(600, Phase::PaymentConfirmed), (900, Phase::Stopped)] {
        let hub = Hub::new().await;
        let id = hub.order(1).await;
        hub.deliver(&refund(1, amount)).await;
        hub.deliver(&refund(2, amount)).await;
        hub.deliver(&fixture("checkout_payment", id).to_string()).await;
        assert_eq!(hub.phase(id).await, phase, "{amount}");
    }
}

#[tokio::test]
async fn ids_that_stripe_told_before_the_checkout_lead_to_its_order() {
    // Stripe tells of the invoice and its payment first, expanded or not, and of the checkout last.
    let expanded = json!({"id": "pi_3", "object": "payment_intent", "latest_charge": "ch_3"});
    for payment in [json!("pi_3"), expanded] {
        let hub = Hub::new().await;
        let id = hub.order(1).await;
        let first =
            json!({"invoice": "in_1", "payment": {"payment_intent": payment, "type": "payment_intent"}});
        for event in [
            changed(fixture("invoice_payment_paid", id), "evt_1", &first),
            changed(
                fixture("invoice_paid_2025", id),
                "evt_2",
                &json!({"id": "in_1", "billing_reason": "subscription_create"}),
            ),
        ] {
            assert_eq!(result(&hub.deliver(&event).await), "ignored", "nobody's yet");
        }
        hub.deliver(&fixture("checkout_subscription", id).to_string()).await;
        let dispute = later(
            "dispute",
            "evt_3",
            9,
            &json!({"charge": {"id": "ch_9", "object": "charge"}, "payment_intent": payment}),
        );
        assert_eq!(result(&hub.deliver(&dispute).await), "applied");
        assert_eq!(hub.phase(id).await, Phase::Stopped);
    }
    // And the refund first of all, which names only what is related later.
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    let ids = json!({"charge": null, "payment_intent": "pi_3"});
    assert_eq!(result(&hub.deliver(&later("refund_created", "evt_r", 0, &ids)).await), "ignored");
    hub.deliver(&fixture("checkout_subscription", id).to_string()).await;
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    hub.deliver(&changed(fixture("invoice_payment_paid", id), "evt_p", &json!({"invoice": "in_1"}))).await;
    assert_eq!(hub.phase(id).await, Phase::Stopped, "its payment is known now");
}

#[tokio::test]
async fn a_second_payment_is_a_task_and_stops_nothing_when_it_goes_back() {
    let (hub, id) = Hub::paid_once(1).await;
    // The same money once more, by another event.
    hub.deliver(&changed(fixture("checkout_payment", id), "evt_same", &json!({}))).await;
    assert_eq!(hub.task_kinds().await, Vec::<String>::new());
    // He pressed twice; or a stranger pays the right price with this order's id, to dispute it.
    let second = json!({"id": "cs_2", "payment_intent": "pi_2"});
    assert_eq!(
        result(&hub.deliver(&changed(fixture("checkout_payment", id), "evt_2", &second)).await),
        "applied"
    );
    assert_eq!(hub.task_kinds().await, ["payment_twice"]);
    let ids = json!({"id": "re_2", "charge": "ch_2", "payment_intent": "pi_2"});
    hub.deliver(&later("refund_created", "evt_r", 9, &ids)).await;
    let left = (hub.phase(id).await, hub.task_kinds().await);
    assert_eq!(left, (Phase::PaymentConfirmed, vec![]), "one is left");
    let ids = json!({"id": "dp_2", "charge": "ch_2", "payment_intent": "pi_2"});
    hub.deliver(&later("dispute", "evt_d", 9, &ids)).await;
    assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed);
    assert!(
        hub.task_kinds().await.contains(&"payment_dispute".to_owned()),
        "a dispute is answered by a person"
    );
    hub.deliver(&fixture("charge_refunded", id).to_string()).await;
    assert_eq!(hub.phase(id).await, Phase::Stopped, "the money that the order stands on");

    // A second subscription that ends takes nothing from the order; the first one does.
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    hub.deliver(&fixture("checkout_subscription", id).to_string()).await;
    hub.live(id).await;
    let second = json!({"id": "cs_2", "subscription": "sub_2", "invoice": "in_9"});
    hub.deliver(&changed(fixture("checkout_subscription", id), "evt_2", &second)).await;
    assert_eq!(hub.task_kinds().await, ["payment_twice"]);
    let ended = |subscription: &str| {
        let object =
            json!({"id": subscription, "object": "subscription", "status": "canceled", "metadata": {}});
        let event = json!({"id": format!("evt_{subscription}"), "object": "event", "livemode": false,
                           "type": "customer.subscription.deleted", "data": {"object": object}});
        event.to_string()
    };
    hub.deliver(&ended("sub_2")).await;
    assert_eq!(hub.task_kinds().await, ["payment_twice"]);
    hub.deliver(&ended("sub_1")).await;
    assert_eq!(hub.task_kinds().await, ["payment_twice", "subscription_ended"]);
}

#[tokio::test]
async fn a_month_that_fails_is_a_task_until_it_is_paid() {
    let hub = Hub::new().await;
    let id = hub.order(1).await;
    hub.deliver(&fixture("checkout_subscription", id).to_string()).await;
    let first = json!({"id": "in_1", "billing_reason": "subscription_create"});
    hub.deliver(&changed(fixture("invoice_failed", id), "evt_first", &first)).await;
    assert_eq!(
        hub.task_kinds().await,
        Vec::<String>::new(),
        "the first card was refused, the second one was not"
    );
    hub.live(id).await;
    assert_eq!(result(&hub.deliver(&fixture("invoice_failed", id).to_string()).await), "applied");
    assert_eq!(hub.task_kinds().await, ["payment_failed"]);
    hub.deliver(&later("invoice_failed", "evt_again", 60, &json!({"attempt_count": 2}))).await;
    assert_eq!(hub.task_kinds().await, ["payment_failed"], "tried once more");
    assert_eq!(result(&hub.deliver(&fixture("invoice_paid_2025", id).to_string()).await), "applied");
    assert_eq!(hub.task_kinds().await, Vec::<String>::new(), "paid after all");
    assert_eq!(result(&hub.deliver(&later("invoice_failed", "evt_late", 70, &json!({}))).await), "ignored");
    assert_eq!(hub.task_kinds().await, Vec::<String>::new(), "told late");
}

#[tokio::test]
async fn money_of_stripes_other_mode_moves_nothing() {
    let (hub, id) = Hub::paid_once(1).await;
    for name in ["dispute", "refund_created", "charge_refunded", "inquiry", "invoice_failed"] {
        let mut event = fixture(name, id);
        event["livemode"] = json!(true);
        // Even one that names the order.
        let body = changed(event, &format!("evt_{name}_live"), &json!({"metadata": {"order_id": id}}));
        assert_eq!(result(&hub.deliver(&body).await), "ignored", "{name}");
    }
    assert_eq!((hub.phase(id).await, hub.task_kinds().await), (Phase::PaymentConfirmed, vec![]));
}

#[tokio::test]
async fn the_price_is_found_however_stripe_writes_the_currency() {
    let converted = json!({
        "currency": "usd", "amount_total": 2099, "currency_conversion":
            {"amount_subtotal": 1800, "amount_total": 1800, "fx_rate": "1.166", "source_currency": "eur"},
    });
    let presented =
        json!({"presentment_details": {"presentment_amount": 2099, "presentment_currency": "usd"}});
    for (number, change) in [json!({"currency": "EUR"}), converted, presented].into_iter().enumerate() {
        let hub = Hub::new().await;
        let id = hub.order(1).await;
        hub.deliver(&changed(fixture("checkout_payment", id), &format!("evt_{number}"), &change)).await;
        assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed, "{change}");
        // What was charged is what can go back.
        let charged = if change["currency"] == "usd" { 2099 } else { 1800 };
        hub.deliver(&refund(1, charged - 1)).await;
        assert_eq!(hub.phase(id).await, Phase::PaymentConfirmed, "{change}");
        hub.deliver(&refund(2, 1)).await;
        assert_eq!(hub.phase(id).await, Phase::Stopped, "{change}");
    }
    for (change, named) in [
        (json!({"currency": "jpy", "amount_total": 1800}), "currency"),
        (json!({"amount_total": 0}), "nothing had to be paid"),
        (
            json!({"amount_total": 1500, "total_details": {"amount_discount": 300, "amount_tax": 0}}),
            "after 3.00 eur off",
        ),
        (json!({"payment_status": "no_payment_required", "amount_total": 1800}), "nothing had to be paid"),
    ] {
        let hub = Hub::new().await;
        let id = hub.order(1).await;
        hub.deliver(&changed(fixture("checkout_payment", id), "evt_1", &change)).await;
        let state = hub.store.order(id).await.unwrap().unwrap().state;
        let problem = state.problem.unwrap();
        assert!(problem.message.contains(named), "{change}: {problem}");
    }
}

/// Every order in which these can arrive.
fn orders_of(events: &[String]) -> Vec<Vec<String>> {
    let Some((first, rest)) = events.split_first() else { return vec![Vec::new()] };
    let longer = |shorter: Vec<String>| {
        (0..=shorter.len()).map(move |place| {
            let mut longer = shorter.clone();
            longer.insert(place, first.clone());
            longer
        })
    };
    orders_of(rest).into_iter().flat_map(longer).collect()
}

#[tokio::test]
async fn in_whatever_order_events_arrive_no_work_goes_on_for_money_that_is_gone_and_no_failed_refund_is_missed()
 {
    let id = crate::order_id(1);
    let events = ["checkout_payment", "refund_created", "charge_refunded", "refund_failed"];
    for events in orders_of(&events.map(|name| fixture(name, id).to_string())) {
        let hub = Hub::new().await;
        hub.order(1).await;
        for event in &events {
            hub.deliver(event).await;
        }
        let details = hub.details().await;
        let told = details.iter().filter(|detail| detail.contains("money is still here")).count();
        assert_eq!((told, details.len()), (1, 1), "{events:#?}");
        let stopped = hub.phase(id).await == Phase::Stopped;
        assert_eq!(stopped, details[0].contains("is stopped"), "{events:#?}");
    }
    let first = json!({"id": "in_1", "billing_reason": "subscription_create"});
    let events = [
        fixture("checkout_subscription", id).to_string(),
        changed(fixture("invoice_paid_2025", id), "evt_i", &first),
        changed(fixture("invoice_payment_paid", id), "evt_p", &json!({"invoice": "in_1"})),
        later("dispute", "evt_d", 0, &json!({"charge": "ch_3", "payment_intent": "pi_3"})),
    ];
    for events in orders_of(&events) {
        let hub = Hub::new().await;
        hub.order(1).await;
        for event in &events {
            hub.deliver(event).await;
        }
        assert_eq!((hub.phase(id).await, hub.task_kinds().await), (Phase::Stopped, vec![]), "{events:#?}");
    }
}
