//! Messages to people: queued with what they tell of, sent by one worker, and void when they are no longer so.

use chrono::TimeDelta;
use letsbe_lifecycle::order::{EffectKind, Event};
use letsbe_store::{LeasedMessage, MessageKind};
use letsbe_types::{Code, Language, Problem, ids::OrderId};

use crate::{World, server, start};

const LEASE: TimeDelta = TimeDelta::seconds(30);

impl World {
    async fn message(&self) -> Option<LeasedMessage> {
        self.store.lease_message(LEASE, self.now()).await.unwrap()
    }

    async fn said(&self, order: OrderId, part: &str) -> usize {
        let lines = self.store.timeline(order, 0, 100).await.unwrap();
        lines.iter().filter(|line| line.message.contains(part)).count()
    }

    async fn happens(&self, order: OrderId, event: Event) {
        self.store.apply(order, &event, None, &self.pace, self.now()).await.unwrap();
    }
}

#[tokio::test]
async fn a_message_is_leased_by_one_worker_and_a_late_one_has_no_say() {
    let world = World::new().await;
    let order = world.order().await;
    assert_eq!(world.message().await, None, "nothing is said about a cart");
    world.happens(order, Event::PaymentReceived).await;
    let first = world.message().await.unwrap();
    assert_eq!((first.kind, first.order), (MessageKind::Paid, order));
    assert_eq!(world.message().await, None, "it is leased");
    world.clock.advance(LEASE + TimeDelta::seconds(1));
    let second = world.message().await.unwrap();
    assert_eq!((second.id, second.once_key.clone()), (first.id, first.once_key.clone()), "the same message");
    assert!(!world.store.message_sent(&first, "said", world.now()).await.unwrap(), "the lease was lost");
    assert!(!world.store.extend_message(&first, world.now() + LEASE).await.unwrap());
    assert!(world.store.message_sent(&second, "said", world.now()).await.unwrap());
    assert_eq!(world.said(order, "said").await, 1);
    world.clock.advance(TimeDelta::days(3));
    assert_eq!(world.message().await, None, "it is never sent again");
}

#[tokio::test]
async fn what_cannot_be_sent_is_tried_again_for_two_days_and_is_then_for_a_person() {
    let world = World::new().await;
    let order = world.order().await;
    world.happens(order, Event::PaymentReceived).await;
    let problem = Problem::transient(Code::MAIL001, "no", "no");
    let mut pauses = Vec::new();
    for _ in 0..50 {
        let before = world.now();
        while world.message_is_not_due().await {
            world.clock.advance(TimeDelta::minutes(1));
            assert!(world.now() - before < TimeDelta::hours(2));
        }
        pauses.push((world.now() - before).num_minutes());
        let leased = world.message().await.unwrap();
        assert!(world.store.message_failed(&leased, &problem, world.now()).await.unwrap());
    }
    assert_eq!(pauses[..6], [0, 1, 5, 15, 60, 60]);
    assert!(world.now() - start() > TimeDelta::hours(44));
    world.clock.advance(TimeDelta::days(2));
    assert_eq!(world.message().await, None);
    let unsent = world.store.unsent_messages(world.now()).await.unwrap();
    assert_eq!(
        unsent.listed.iter().map(|one| (one.order, one.kind)).collect::<Vec<_>>(),
        [(order, MessageKind::Paid)]
    );
    assert_eq!(world.said(order, "A message could not be sent (paid): [MAIL001]").await, 1);
}

impl World {
    async fn message_is_not_due(&self) -> bool {
        // Whoever looks so gives back what it took: its lease has ended.
        self.store.lease_message(TimeDelta::seconds(-1), self.now()).await.unwrap().is_none()
    }
}

#[tokio::test]
async fn trouble_that_passes_within_the_hour_is_not_told_and_trouble_that_stays_is_told_once() {
    let world = World::new().await;
    let order = world.order().await;
    world.happens(order, Event::PaymentReceived).await;
    let paid = world.message().await.unwrap();
    world.store.message_sent(&paid, "paid", world.now()).await.unwrap();
    let empty = || Event::PoolEmpty { why: "none".into(), by_hand: false };
    world.happens(order, empty()).await;
    world.clock.advance(TimeDelta::minutes(59));
    assert_eq!(world.message().await, None);
    world.happens(order, Event::ServerClaimed { server: server(1) }).await;
    world.clock.advance(TimeDelta::hours(2));
    assert_eq!(world.message().await, None, "it passed");
    let problem = Problem::transient(Code::SRV001, "no", "no");
    world
        .happens(order, Event::EffectFailed { effect: EffectKind::ClaimServer, problem: problem.clone() })
        .await;
    world.happens(order, Event::RetryDue).await;
    world.happens(order, Event::EffectFailed { effect: EffectKind::ClaimServer, problem }).await;
    world.clock.advance(TimeDelta::hours(1));
    let delayed = world.message().await.unwrap();
    assert_eq!(delayed.kind, MessageKind::Delayed);
    world.store.message_sent(&delayed, "delayed", world.now()).await.unwrap();
    world.clock.advance(TimeDelta::days(1));
    assert_eq!(world.message().await, None);
}

#[tokio::test]
async fn a_task_is_told_to_staff_once_and_ends_when_the_order_has_a_server() {
    let world = World::new().await;
    let order = world.order().await;
    world.happens(order, Event::PaymentReceived).await;
    world.happens(order, Event::PoolEmpty { why: "none".into(), by_hand: false }).await;
    let deadline = world.now() + TimeDelta::days(1);
    for _ in 0..2 {
        world.store.open_purchase_task(order.0, order, "Buy one.", deadline, world.now()).await.unwrap();
    }
    let tasks = world.store.tasks().await.unwrap();
    assert_eq!(tasks.iter().map(|task| task.detail.as_str()).collect::<Vec<_>>(), ["Buy one."]);
    assert_eq!(world.said(order, "A task was opened: this order needs a server").await, 1);
    let mut kinds = Vec::new();
    while let Some(leased) = world.message().await {
        world.store.message_sent(&leased, "x", world.now()).await.unwrap();
        kinds.push((leased.kind, leased.detail));
    }
    assert_eq!(kinds, [(MessageKind::Paid, None), (MessageKind::TaskOpened, Some("Buy one.".to_owned()))]);
    world.happens(order, Event::ServerClaimed { server: server(1) }).await;
    assert_eq!(world.store.tasks().await.unwrap(), []);
}

#[tokio::test]
async fn an_order_keeps_the_language_of_its_customer() {
    let world = World::new().await;
    let english = world.order().await;
    let mut new = world.store.order(english).await.unwrap().unwrap().new;
    new.id = OrderId::generate();
    world.store.create_order_in(Language::De, &new, world.now()).await.unwrap();
    let language = async |id| world.store.order(id).await.unwrap().unwrap().language;
    assert_eq!((language(english).await, language(new.id).await), (Language::En, Language::De));
}
