use letsbe_catalog::Catalog;
use letsbe_pages::dns_entries::{Entry, Now};
use letsbe_types::Language;

use super::{Letter, Reader};

const LINK: &str = "https://hub.example.com/progress/1";

fn written(language: Language, letter: impl Fn(&Reader<'_>) -> Letter) -> String {
    let domain = "bakery.example".parse().unwrap();
    let Letter { subject, text } = letter(&Reader { language, domain: &domain, link: LINK.to_owned() });
    assert!(subject.contains("bakery.example"), "{subject}");
    assert!(text.contains(LINK), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    format!("Subject: {subject}\n\n{text}")
}

#[test]
fn each_letter_has_its_link_in_both_languages() {
    let entry = |name: &str| Entry {
        name: name.to_owned(),
        kind: "A",
        wanted: "192.0.2.7".to_owned(),
        now: Now::Nothing,
    };
    let entries = [entry("bakery.example"), entry("status.bakery.example")];
    let all: Vec<String> = [Language::En, Language::De]
        .into_iter()
        .flat_map(|language| {
            [
                written(language, |reader| reader.paid()),
                written(language, |reader| reader.dns_wanted(&entries)),
                written(language, |reader| reader.delayed()),
                written(language, |reader| reader.ready(&[])),
                written(language, |reader| reader.recovered(None)),
            ]
        })
        .collect();
    for dns in [&all[1], &all[6]] {
        assert!(dns.contains("  bakery.example         A     192.0.2.7\n"), "{dns}");
        assert!(dns.contains("  status.bakery.example  A     192.0.2.7\n"), "{dns}");
    }
    insta::assert_snapshot!("letters", all.join("\n---\n"));
}

#[test]
fn whoever_lost_a_server_reads_from_when_the_data_are() {
    let moment = Some("2026-11-22T02:00:00Z".parse().unwrap());
    for (language, when) in
        [(Language::En, "22 November 2026, 02:00"), (Language::De, "22.11.2026, 02:00 Uhr")]
    {
        let text = written(language, |reader| reader.recovered(moment));
        assert!(text.contains(when), "{text}");
    }
    assert!(written(Language::En, |reader| reader.recovered(None)).contains("is missing"));
}

#[test]
fn the_message_names_every_address_and_what_the_first_visit_needs() {
    let catalog = Catalog::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog").as_ref()).unwrap();
    let wanted = ["ghost", "uptime-kuma", "static-website"].map(|name| name.parse().unwrap());
    let mut tools: Vec<_> = wanted.iter().filter_map(|id| catalog.tool(id)).cloned().collect();
    tools[1].first_visit = Some("The first visitor chooses a theme.".to_owned());
    let tools: Vec<_> = tools.iter().collect();
    for (language, note, upload, most) in [
        (Language::En, "Please note", "Upload your pages there by SFTP", "up to 10 GB:"),
        (Language::De, "Bitte beachten Sie", "Ihre Seiten laden Sie dort per SFTP hoch", "bis zu 10 GB:"),
    ] {
        let text = written(language, |reader| reader.ready(&tools));
        for expected in [
            "https://blog.bakery.example/",
            "https://status.bakery.example/",
            upload,
            most,
            "sftp://letsbe-website@bakery.example:22023/",
            &format!("{note}: The first visitor chooses a theme."),
        ] {
            assert!(text.contains(expected), "{expected} is missing: {text}");
        }
    }
}
