//! Models through the Hub: keys of tenants, requests that are counted once.

use chrono::TimeDelta;
use letsbe_store::{KeyGiven, KeyRefused, NewEntry, RelayRequest, RelayUse, Reserved};
use letsbe_types::ids::OrderId;
use uuid::Uuid;

use crate::{
    World,
    tenants::{key, tenant},
};

const MODEL: &str = "lab/lab-large";

fn request(tenant: OrderId, input: u64, output: u64) -> RelayRequest<'static> {
    RelayRequest { tenant, model: MODEL, input, output }
}

async fn reserved(world: &World, tenant: OrderId, input: u64, output: u64) -> Uuid {
    match world.store.reserve_relay(request(tenant, input, output), 1_000, world.now()).await.unwrap() {
        Reserved::As(id) => id,
        Reserved::Exhausted(taken) => panic!("{taken} are taken"),
    }
}

#[tokio::test]
async fn the_key_before_works_until_the_new_one_was_used_and_an_hour_at_most() {
    let world = World::new().await;
    let one = tenant(&world).await;
    let whose = async |key: &str| world.store.relay_tenant(key, world.now()).await.unwrap();
    world.store.put_relay_key(one, "first", world.now()).await.unwrap();
    assert_eq!(whose("first").await, Ok(one));
    assert_eq!(whose("other").await, Err(KeyRefused::Unknown));
    let renew = async |new: &str| world.store.renew_relay_key(&key(one), new, world.now()).await.unwrap();
    // The answers with the second and the third key are lost: the server goes on with the first.
    assert_eq!(renew("second").await, KeyGiven::To(one));
    assert_eq!(renew("third").await, KeyGiven::To(one));
    assert_eq!((whose("first").await, whose("second").await), (Ok(one), Err(KeyRefused::Unknown)));
    assert_eq!(whose("third").await, Ok(one));
    assert_eq!(whose("first").await, Err(KeyRefused::Unknown), "the new one was used");
    renew("fourth").await;
    world.clock.advance(TimeDelta::minutes(61));
    assert_eq!(whose("third").await, Err(KeyRefused::Unknown), "an hour is over");
    assert_eq!(whose("fourth").await, Ok(one));
    // A run that begins brings its own, and every other one is dead; the same again changes nothing.
    renew("fifth").await;
    world.store.put_relay_key(one, "sixth", world.now()).await.unwrap();
    world.store.put_relay_key(one, "sixth", world.now()).await.unwrap();
    assert_eq!((whose("sixth").await, whose("fourth").await), (Ok(one), Err(KeyRefused::Unknown)));
    let entry = NewEntry::new("operator", "ok", "renewed");
    assert!(world.store.drop_relay_key(one, &entry, world.now()).await.unwrap());
    assert!(!world.store.drop_relay_key(one, &entry, world.now()).await.unwrap());
    assert_eq!(whose("sixth").await, Err(KeyRefused::Unknown));
}

#[tokio::test]
async fn a_key_is_of_no_use_without_its_agent_and_renewed_by_the_agents_own_key_only() {
    let world = World::new().await;
    let (one, bare) = (tenant(&world).await, world.order().await);
    world.store.put_relay_key(one, "one", world.now()).await.unwrap();
    world.store.put_relay_key(bare, "bare", world.now()).await.unwrap();
    let whose = async |key: &str| world.store.relay_tenant(key, world.now()).await.unwrap();
    assert_eq!(whose("bare").await, Err(KeyRefused::Unknown), "nobody has registered");
    let renew = async |agent: &str| world.store.renew_relay_key(agent, "new", world.now()).await.unwrap();
    assert_eq!(renew("one").await, KeyGiven::Refused(KeyRefused::Unknown), "a relay key renews nothing");
    world.store.revoke_agent(one, &NewEntry::new("operator", "ok", "revoked"), world.now()).await.unwrap();
    assert_eq!(whose("one").await, Err(KeyRefused::Revoked));
    assert_eq!(renew(&key(one)).await, KeyGiven::Refused(KeyRefused::Revoked));
}

#[tokio::test]
async fn a_request_is_counted_once_whatever_settles_it_and_an_abandoned_one_in_full() {
    let world = World::new().await;
    let (one, other) = (tenant(&world).await, tenant(&world).await);
    let used = |input, output, reported| Some(RelayUse { input, output, reported });
    let first = reserved(&world, one, 100, 100).await;
    for used in [used(70, 30, true), used(90, 90, false), None] {
        world.store.settle_relay(first, used, world.now()).await.unwrap();
    }
    let free = reserved(&world, one, 100, 100).await;
    world.store.settle_relay(free, None, world.now()).await.unwrap();
    // The process that sent it died.
    let abandoned = reserved(&world, one, 200, 300).await;
    world.clock.advance(TimeDelta::minutes(20));
    let before = world.now() - TimeDelta::minutes(15);
    let store = world.another_process().await;
    assert_eq!(store.settle_abandoned_relays(before, world.now()).await.unwrap(), 1);
    assert_eq!(store.settle_abandoned_relays(before, world.now()).await.unwrap(), 0);
    world.store.settle_relay(abandoned, used(1, 1, true), world.now()).await.unwrap();
    let days = world.store.relayed(one, world.now()).await.unwrap();
    assert_eq!(days.len(), 1);
    let day = &days[0];
    assert_eq!((day.model.as_str(), day.input, day.output), (MODEL, 270, 330));
    assert_eq!((day.requests, day.estimated), (2, 1));
    assert_eq!(world.store.relayed(other, world.now()).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_used_and_what_is_under_way_stay_within_the_month() {
    let world = World::new().await;
    let (one, other) = (tenant(&world).await, tenant(&world).await);
    let ask = async |tenant, input, output| {
        world.store.reserve_relay(request(tenant, input, output), 1_000, world.now()).await.unwrap()
    };
    let first = reserved(&world, one, 300, 300).await;
    assert_eq!(ask(one, 200, 201).await, Reserved::Exhausted(600), "one is under way");
    assert!(matches!(ask(other, 500, 500).await, Reserved::As(_)), "another tenant's tokens are its own");
    let used = RelayUse { input: 300, output: 100, reported: true };
    world.store.settle_relay(first, Some(used), world.now()).await.unwrap();
    assert_eq!(ask(one, 300, 301).await, Reserved::Exhausted(400));
    world.clock.advance(TimeDelta::days(10));
    assert!(matches!(ask(one, 500, 500).await, Reserved::As(_)), "another month has begun");
}
