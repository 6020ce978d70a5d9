use std::collections::BTreeSet;

use letsbe_types::{Region, Tier, ids::ServerId};
use proptest::prelude::*;

use super::{Refusal, TierSize, Wanted, choose_server};
use crate::view::{Power, Resources, ServerView};

fn id(number: u32) -> ServerId {
    ServerId(format!("netcup:{number}"))
}

/// A free server of the Build tier.
fn free(number: u32) -> ServerView {
    let name = format!("v2202{number}");
    ServerView {
        id: id(number),
        hostname: Some(format!("{name}.luckysrv.de")),
        name,
        nickname: Some(String::new()),
        disabled: false,
        template: None,
        site: Some("Nuremberg".into()),
        region: Some(Region::Eu),
        power: Power::On,
        locked: Some(false),
        rescue: false,
        snapshots: 0,
        ipv4: vec![std::net::Ipv4Addr::from(0x0a00_0000 + number)],
        ipv6: Vec::new(),
        resources: Some(Resources { memory_mib: 16 * 1024, vcpu: 8, disk_mib: 320 * 1024 }),
    }
}

fn build() -> Wanted {
    Wanted {
        tier: Tier::Build,
        size: TierSize { vcpu: 8, memory_gb: 16, disk_gb: 320 },
        region: Region::Eu,
        delivered_templates: BTreeSet::new(),
    }
}

#[test]
fn every_doubt_is_a_refusal() {
    let small = Resources { memory_mib: 8 * 1024, vcpu: 4, disk_mib: 160 * 1024 };
    let large = Resources { memory_mib: 32 * 1024, vcpu: 12, disk_mib: 640 * 1024 };
    let little_disk = Resources { disk_mib: 290 * 1024, ..free(1).resources.expect("a size") };
    let cases: Vec<(Refusal, ServerView)> = vec![
        (Refusal::Disabled, ServerView { disabled: true, ..free(1) }),
        (Refusal::Template("Webserver".into()), ServerView { template: Some("Webserver".into()), ..free(1) }),
        (Refusal::Named("mail".into()), ServerView { nickname: Some("mail".into()), ..free(1) }),
        (Refusal::Named("a.example".into()), ServerView { hostname: Some("a.example".into()), ..free(1) }),
        (
            Refusal::StateUnknown("PAUSED".into()),
            ServerView { power: Power::Unknown("PAUSED".into()), ..free(1) },
        ),
        (
            Refusal::StateUnknown(String::new()),
            ServerView { power: Power::Unknown(String::new()), ..free(1) },
        ),
        (Refusal::Locked, ServerView { locked: Some(true), ..free(1) }),
        (Refusal::LockUnknown, ServerView { locked: None, ..free(1) }),
        (Refusal::Rescue, ServerView { rescue: true, ..free(1) }),
        (Refusal::Snapshots(2), ServerView { snapshots: 2, ..free(1) }),
        (Refusal::Site("Nuremberg".into()), ServerView { region: Some(Region::Na), ..free(1) }),
        (Refusal::Site("Vienna".into()), ServerView { region: None, site: Some("Vienna".into()), ..free(1) }),
        (Refusal::SizeUnknown, ServerView { resources: None, ..free(1) }),
        (Refusal::TooSmall(small), ServerView { resources: Some(small), ..free(1) }),
        (Refusal::TooSmall(little_disk), ServerView { resources: Some(little_disk), ..free(1) }),
        (Refusal::TooLarge(large), ServerView { resources: Some(large), ..free(1) }),
        (Refusal::NoAddress, ServerView { ipv4: Vec::new(), ..free(1) }),
    ];
    for (why, server) in cases {
        let refused =
            choose_server(std::slice::from_ref(&server), &build(), &BTreeSet::new()).expect_err("refused");
        assert_eq!(refused.refused, [(id(1), why.clone())]);
        assert!(refused.to_string().contains(&why.to_string()), "{refused}");
        // The doubtful one never stands in the way of a good one.
        let pool = [server, free(2)];
        assert_eq!(choose_server(&pool, &build(), &BTreeSet::new()), Ok(id(2)), "{why}");
    }
}

#[test]
fn a_fresh_server_is_taken_on_or_off_named_by_netcup_or_not_at_all() {
    let name = free(1).name;
    for server in [
        free(1),
        ServerView { power: Power::Off, ..free(1) },
        ServerView { hostname: None, nickname: None, ..free(1) },
        ServerView { hostname: Some(String::new()), ..free(1) },
        ServerView { hostname: Some(name), ..free(1) },
    ] {
        assert_eq!(choose_server(&[server], &build(), &BTreeSet::new()), Ok(id(1)));
    }
}

#[test]
fn the_smallest_then_the_lowest_number_wins_and_taken_ones_are_left() {
    let bigger = Resources { memory_mib: 24 * 1024, vcpu: 10, disk_mib: 512 * 1024 };
    let pool = [ServerView { resources: Some(bigger), ..free(3) }, free(10), free(9)];
    let mut taken = BTreeSet::new();
    for expected in [9, 10, 3] {
        let chosen = choose_server(&pool, &build(), &taken).expect("one is free");
        assert_eq!(chosen, id(expected));
        taken.insert(chosen);
    }
    let none = choose_server(&pool, &build(), &taken).expect_err("all are taken");
    assert!(none.refused.iter().all(|(_, why)| *why == Refusal::Taken), "{none}");
    let empty = choose_server(&[], &build(), &taken).expect_err("nothing there");
    assert_eq!(empty.to_string(), "no free build server in region eu: the pool is empty");
}

#[test]
fn servers_that_share_an_id_or_an_address_are_ambiguous() {
    let same_address = ServerView { ipv4: free(1).ipv4, ..free(2) };
    for pool in [[free(1), free(1)], [free(1), same_address]] {
        let refused = choose_server(&pool, &build(), &BTreeSet::new()).expect_err("refused");
        assert!(refused.refused.iter().all(|(_, why)| *why == Refusal::Ambiguous), "{refused}");
    }
}

#[test]
fn a_template_is_taken_only_if_servers_are_delivered_with_it() {
    let product = "VPS 1000 G12".to_owned();
    let server = ServerView { template: Some(product.clone()), ..free(1) };
    assert!(choose_server(std::slice::from_ref(&server), &build(), &BTreeSet::new()).is_err());
    let wanted = Wanted { delivered_templates: [product].into(), ..build() };
    assert_eq!(choose_server(&[server], &wanted, &BTreeSet::new()), Ok(id(1)));
}

prop_compose! {
    fn any_server()(
        number in 1_u32..8,
        disabled in prop::bool::weighted(0.2),
        template in prop::option::weighted(0.2, "[A-Z]{3}"),
        nickname in prop::option::weighted(0.2, "[a-z]{3}"),
        locked in prop::option::weighted(0.9, prop::bool::weighted(0.2)),
        rescue in prop::bool::weighted(0.1),
        snapshots in prop::sample::select(vec![0_u32, 0, 0, 0, 1]),
        region in prop::sample::select(vec![Some(Region::Eu), Some(Region::Eu), Some(Region::Na), None]),
        power in prop::sample::select(vec![Power::On, Power::On, Power::Off, Power::Unknown("BLOCKED".into())]),
        size in prop::option::weighted(0.9, (1_u64..40, 1_u32..16, 100_u64..700)),
    ) -> ServerView {
        let resources = size.map(|(memory, vcpu, disk)| {
            Resources { memory_mib: memory * 1024, vcpu, disk_mib: disk * 1024 }
        });
        let fresh = free(number);
        ServerView { disabled, template, nickname, locked, rescue, snapshots, region, power, resources, ..fresh }
    }
}

proptest! {
    #[test]
    fn what_is_chosen_is_free_fits_and_does_not_depend_on_the_order(
        pool in prop::collection::vec(any_server(), 0..12),
        taken in prop::collection::btree_set((1_u32..8).prop_map(id), 0..4),
    ) {
        let chosen = choose_server(&pool, &build(), &taken);
        let mut reversed = pool.clone();
        reversed.reverse();
        let again = choose_server(&reversed, &build(), &taken);
        prop_assert_eq!(chosen.clone().ok(), again.ok());
        match chosen {
            Ok(chosen) => {
                prop_assert!(!taken.contains(&chosen));
                let found: Vec<_> = pool.iter().filter(|server| server.id == chosen).collect();
                prop_assert_eq!(found.len(), 1);
                let server = found[0];
                prop_assert!(!server.disabled && !server.rescue && server.snapshots == 0);
                prop_assert_eq!(&server.template, &None);
                prop_assert_eq!(&server.nickname, &None);
                prop_assert_eq!(server.locked, Some(false));
                prop_assert_eq!(server.region, Some(Region::Eu));
                prop_assert!(!matches!(server.power, Power::Unknown(_)));
                let size = server.resources.expect("a size");
                prop_assert!(size.vcpu >= 8 && size.memory_mib >= 15 * 1024 && size.memory_mib < 31 * 1024);
                prop_assert!(size.disk_mib * 1_048_576 >= 320_000_000_000);
            }
            Err(none) => prop_assert_eq!(none.refused.len(), pool.len()),
        }
    }
}
