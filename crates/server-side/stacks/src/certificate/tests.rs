use chrono::{DateTime, TimeDelta, Utc};
use letsbe_host::{Assessment, Change, Converge as _};

use super::{Certificate, CertificateRenewed, Facts, ORDERS, Orders, RenewalFacts, decide, server_of};
use crate::tests::desired;

fn certificate(names: &[&str], days: i64) -> Certificate {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let ends = Utc::now() + TimeDelta::days(days);
    Certificate { names, begins: ends - TimeDelta::days(90), ends, digest: String::new() }
}

#[test]
fn a_certificate_is_asked_for_when_it_is_missing_short_or_ending() {
    let desired = desired();
    let names = ["example.com", "blog.example.com"].map(|name| name.parse().expect("a name"));
    let url = desired.certificates.directory_url.clone();
    let facts = |certificate, server: Option<&str>| Facts {
        certificate,
        server: server.map(str::to_owned),
        orders: Orders::default(),
        now: Utc::now(),
    };
    let all = ["blog.example.com", "example.com", "old.example.com"];
    let good = facts(Some(certificate(&all, 60)), url.as_deref());
    assert!(matches!(decide(&good, &names, &desired), Ok(Assessment::Converged { .. })));
    for (facts, why) in [
        (facts(None, None), "there is no certificate"),
        (
            facts(Some(certificate(&["example.com"], 60)), url.as_deref()),
            "the certificate lacks blog.example.com",
        ),
        (facts(Some(certificate(&all, 29)), url.as_deref()), "the certificate ends on"),
        (facts(Some(certificate(&all, 60)), Some("https://other/dir")), "another authority"),
    ] {
        let Ok(Assessment::Needed { because, changes }) = decide(&facts, &names, &desired) else {
            panic!("{why}")
        };
        assert!(because.contains(why), "{because}");
        let run = changes.iter().find(|change| matches!(change, Change::Run(_))).expect("a run").to_string();
        assert!(run.contains("--domain example.com --domain blog.example.com"), "{run}");
        assert!(
            run.contains("REQUESTS_CA_BUNDLE=") && run.contains("--server https://acme.lab/dir"),
            "{run}"
        );
        assert_eq!(run.contains("--force-renewal"), why == "another authority", "{run}");
    }
}

#[test]
fn a_certificate_is_read_as_openssl_reads_it() {
    let pem = include_str!("../../tests/fixtures/certificate.pem");
    let read = Certificate::parse(pem).expect("parses");
    assert_eq!(read.ends.timestamp(), 1_803_074_071);
    let digest = "1da0fd6d1e78fba3be69e09ea5f03878123a3b6d8f3c5d77cab8f2ca17db6e67";
    assert_eq!(read.digest, digest);
    assert_eq!(
        read.names.iter().map(String::as_str).collect::<Vec<_>>(),
        ["blog.example.com", "example.com"]
    );
    let name = |text: &str| text.parse::<letsbe_types::DomainName>().expect("a name");
    assert!(read.covers(&[name("example.com"), name("blog.example.com")]));
    assert!(!read.covers(&[name("example.com"), name("crm.example.com")]));
}

#[test]
fn renewal_files_are_read() {
    assert_eq!(server_of("# x\n[renewalparams]\nserver = https://a/dir\n").as_deref(), Some("https://a/dir"));
    assert_eq!(server_of("server_x = y\n"), None);
    assert!(Certificate::parse("nothing").is_err());
    assert!(Certificate::parse("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
}

#[test]
fn renewal_converges_only_with_all_files_and_the_timer() {
    let assess = |written: [bool; 2], timer_runs| {
        let facts = RenewalFacts { written: written.to_vec(), timer_runs };
        CertificateRenewed.converge(&facts, &desired()).expect("decides")
    };
    assert!(matches!(assess([true, true], true), Assessment::Converged { .. }));
    for (written, timer) in [([false, true], true), ([true, false], true), ([true, true], false)] {
        assert!(matches!(assess(written, timer), Assessment::Needed { .. }));
    }
}

/// Facts of a certificate of so many days, with so many left.
fn of_life(now: DateTime<Utc>, life: i64, left_hours: i64) -> Facts {
    let ends = now + TimeDelta::hours(left_hours);
    let names = ["example.com".to_owned()].into();
    let certificate =
        Certificate { names, begins: ends - TimeDelta::days(life), ends, digest: String::new() };
    Facts { certificate: Some(certificate), server: None, orders: Orders::default(), now }
}

#[test]
fn too_old_is_a_third_of_the_life_and_never_more_than_thirty_days() {
    let (now, names) = (Utc::now(), ["example.com".parse().expect("a name")]);
    for (life, left_hours, needed) in [
        (90, 31 * 24, false),
        (90, 30 * 24 - 1, true),
        (64, 28 * 24, false),
        (64, 22 * 24, false),
        (64, 21 * 24, true),
        (45, 16 * 24, false),
        (45, 15 * 24 - 1, true),
        (6, 3 * 24, false),
        (6, 47, true),
        (397, 31 * 24, false),
        (397, 29 * 24, true),
        (0, 1, false),
        (90, -1, true),
    ] {
        let assessed = decide(&of_life(now, life, left_hours), &names, &desired()).expect("decides");
        assert_eq!(
            matches!(assessed, Assessment::Needed { .. }),
            needed,
            "{life} days, {left_hours} hours left"
        );
    }
}

#[test]
fn certbot_is_believed_when_it_does_not_renew_yet_but_not_until_the_last_day() {
    let (now, names) = (Utc::now(), ["example.com".parse().expect("a name")]);
    let asked = |hours_ago: i64, left_hours: i64| {
        let orders = Orders { failed: vec![], well: Some(now - TimeDelta::hours(hours_ago)) };
        decide(&Facts { orders, ..of_life(now, 90, left_hours) }, &names, &desired()).expect("decides")
    };
    assert!(matches!(asked(1, 20 * 24), Assessment::Warned { .. }));
    assert!(matches!(asked(25, 20 * 24), Assessment::Needed { .. }));
    assert!(matches!(asked(1, 23), Assessment::Needed { .. }));
    // Names that are missing are asked for, whatever was said before.
    let orders = Orders { failed: vec![], well: Some(now) };
    let none = Facts { certificate: None, orders, ..of_life(now, 90, 1) };
    assert!(matches!(decide(&none, &names, &desired()), Ok(Assessment::Needed { .. })));
}

/// Runs that fail each time, at the retries' own times, until certbot is not started any more.
#[test]
fn runs_that_fail_again_and_again_leave_the_authority_alone_after_three_orders_an_hour() {
    let (began, names) = (Utc::now(), ["example.com".parse().expect("a name")]);
    let mut orders = Orders::default();
    let mut started = Vec::new();
    for minute in [0, 1, 6, 21, 22, 40, 59, 62, 63, 70, 90, 130] {
        let now = began + TimeDelta::minutes(minute);
        let facts = Facts { certificate: None, orders: orders.clone(), ..of_life(now, 90, 1) };
        match decide(&facts, &names, &desired()) {
            Ok(Assessment::Needed { changes, .. }) => {
                let Change::Write(file) = &changes[0] else { panic!("it is not written down first") };
                assert!(file.path.as_os_str() == ORDERS && file.mode == 0o600);
                orders = serde_json::from_str(file.content.expose()).expect("JSON");
                let runs = changes.iter().filter(|change| matches!(change, Change::Run(_)));
                let retries: u32 =
                    runs.map(|run| if let Change::Run(c) = run { 1 + c.retries } else { 0 }).sum();
                assert_eq!(retries, 1, "one order a run");
                started.push(minute);
            }
            Err(problem) => assert_eq!((problem.code.as_str(), problem.retryable), ("NODE112", false)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(started, [0, 1, 6, 62, 63, 70, 130]);
    for (index, minute) in started.iter().enumerate() {
        let hour = started[..=index].iter().filter(|earlier| minute - *earlier < 60).count();
        assert!(hour <= 3, "{hour} orders within the hour before minute {minute}");
    }
}

#[test]
fn an_order_that_was_fulfilled_leaves_no_failure_behind() {
    let (now, names) = (Utc::now(), ["example.com".parse().expect("a name")]);
    let orders = Orders { failed: vec![now - TimeDelta::minutes(5)], well: None };
    let facts = Facts { certificate: None, orders, ..of_life(now, 90, 1) };
    let Ok(Assessment::Needed { changes, .. }) = decide(&facts, &names, &desired()) else { panic!("needed") };
    let Some(Change::Write(last)) = changes.last() else { panic!("the end is not written down") };
    let left: Orders = serde_json::from_str(last.content.expose()).expect("JSON");
    assert_eq!(left, Orders { failed: vec![], well: Some(now) });
}
