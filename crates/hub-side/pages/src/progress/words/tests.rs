use letsbe_dns::{Answer, Way, missing_lines};
use letsbe_lifecycle::order::{Phase, State};
use letsbe_types::Language;

use super::{Words, instead, state};

#[test]
fn every_state_has_words_of_its_own_in_each_language() {
    for phase in Phase::ALL {
        for needs_operator in [false, true] {
            let order = State { phase, needs_operator, ..State::new() };
            let [english, german] = [Language::En, Language::De].map(|language| state(language, &order));
            assert_ne!(english.0, german.0, "{phase}");
            assert_ne!(english.1, german.1, "{phase}");
        }
    }
    let [english, german] = [Language::En, Language::De].map(Words::of);
    for lost in [false, true] {
        let differ = english.way(lost).titles.iter().zip(&german.way(lost).titles).all(|(en, de)| en != de);
        assert!(differ, "a stage has one name in both languages");
    }
}

#[test]
fn whatever_the_dns_check_finds_is_said_in_german() {
    let wanted = "192.0.2.7".parse().unwrap();
    let ways = || {
        [Way::Zone, Way::Alias("old.example".into()), Way::Delegation("ns.old.example".into())].into_iter()
    };
    let given: [&[&str]; 4] =
        [&[], &["192.0.2.9"], &["192.0.2.7", "2001:db8::1"], &["192.0.2.8", "192.0.2.9"]];
    let mut said = Vec::new();
    for (way, given) in ways().flat_map(|way| given.map(|given| (way.clone(), given))) {
        let answer = Answer {
            name: "a.example".parse().unwrap(),
            server: "ns1.a.example".into(),
            addresses: given.iter().map(|address| address.parse().unwrap()).collect(),
            way,
        };
        let line = missing_lines(&[answer], wanted).remove(0);
        let found = line.split_once(" (").unwrap().1.strip_suffix(')').unwrap();
        // "gives nothing" has words of its own.
        if !found.ends_with(" gives nothing") {
            assert_eq!(instead(Language::En, found), found);
            said.push(instead(Language::De, found));
        }
    }
    let english = ["gives", "leads", "remove", "instead", "which", "nothing"];
    for line in &said {
        assert!(!english.iter().any(|word| line.contains(word)) && line != "etwas anderes", "{line}");
    }
    assert!(said.contains(&"ns1.a.example gibt stattdessen A 192.0.2.9".to_owned()), "{said:#?}");
}
