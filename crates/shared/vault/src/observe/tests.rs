use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{ToolFiles, observe};
use crate::{EnvFile, Origin, Vault, vault::tests::noon};

fn templates() -> BTreeMap<String, BTreeMap<String, String>> {
    let of = |list: &[(&str, &str)]| {
        list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<BTreeMap<_, _>>()
    };
    BTreeMap::from([
        (
            ".env".to_owned(),
            of(&[
                ("DB", "pg://db:5432?u=x&p={{ database_password }}&d=x"),
                ("URL", "https://{{ hostname }}"),
                ("PUBLIC_KEY_URL", "https://{{ hostname }}/keys/public"),
                ("MAIL", "smtp://{{ hostname }}:{{ admin_password }}@h"),
                ("BOTH", "{{ admin_password }}{{ database_password }}"),
            ]),
        ),
        ("db.env".to_owned(), of(&[("POSTGRES_PASSWORD", "{{ database_password }}")])),
    ])
}

fn vault() -> Vault {
    let mut vault = Vault::default();
    vault.put("nocodb", "database_password", "old-password".into(), Origin::Made, noon());
    vault.put("nocodb", "admin_password", "admin-password".into(), Origin::Made, noon());
    vault
}

/// What is new in these files: key and value.
fn seen(vault: &Vault, files: &[(&str, &str)]) -> Vec<(String, String)> {
    with(files, |files| {
        let observed = observe(vault, files);
        observed.into_iter().map(|it| (it.key, it.value.expose().clone())).collect()
    })
}

fn with<T>(files: &[(&str, &str)], what: impl FnOnce(&ToolFiles<'_>) -> T) -> T {
    let files = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), EnvFile::parse(text.as_bytes()).expect("a file")))
        .collect();
    let public = BTreeMap::from([("hostname".to_owned(), "nocodb.example.com".to_owned())]);
    let credentials = BTreeSet::from(["database_password", "admin_password"]);
    let templates = templates();
    what(&ToolFiles { tool: "nocodb", credentials, templates: &templates, public: &public, files: &files })
}

const RENDERED: &str = "DB='pg://db:5432?u=x&p=old-password&d=x'\nURL=https://nocodb.example.com\n\
    PUBLIC_KEY_URL=https://nocodb.example.com/keys/public\nMAIL='smtp://nocodb.example.com:admin-password@h'\n\
    POOL_KEY=no\n";

#[test]
fn files_as_they_were_rendered_hold_nothing_new() {
    let db = "POSTGRES_PASSWORD=old-password\n";
    assert_eq!(seen(&vault(), &[(".env", RENDERED), ("db.env", db)]), []);
}

#[test]
fn a_credential_that_was_changed_by_hand_is_seen_in_its_template() {
    let one = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    let changed = RENDERED.replace("old-password", "new&password");
    assert_eq!(seen(&vault(), &[(".env", &changed)]), one("database_password", "new&password"));
    let mail = RENDERED.replace("admin-password", "p@ss");
    assert_eq!(seen(&vault(), &[(".env", &mail)]), one("admin_password", "p@ss"));
    let other = "DB=mysql://root:hidden%2Fhere@h/x\n";
    assert_eq!(seen(&vault(), &[(".env", other)]), one("env..env.DB", "mysql://root:hidden%2Fhere@h/x"));
}

#[test]
fn of_two_places_the_edited_one_counts_whichever_it_is() {
    let (old, new) = ("POSTGRES_PASSWORD=old-password\n", "POSTGRES_PASSWORD=new-password\n");
    let edited = RENDERED.replace("old-password", "new-password");
    for files in [[(".env", edited.as_str()), ("db.env", old)], [(".env", RENDERED), ("db.env", new)]] {
        let mut vault = vault();
        let taken = with(&files, |files| vault.take_in(files, noon()));
        assert_eq!(taken, ["database_password"]);
        let entry = vault.entry("nocodb", "database_password").expect("there");
        assert_eq!(entry.present.expose(), "new-password");
        assert!(
            matches!(&entry.origin, Origin::Observed { variable } if variable.ends_with("PASSWORD") || variable == ".env DB")
        );
        assert_eq!(seen(&vault, &files), [], "the place that was left is no edit");
        let back = [(".env", RENDERED), ("db.env", old)];
        assert_eq!(seen(&vault, &back).len(), 1, "what stands everywhere again is in force again");
    }
}

#[test]
fn what_a_rotation_writes_is_no_hand_edit() {
    let mut vault = vault();
    vault.write_ahead("nocodb", "database_password", "coming-password".into(), noon()).expect("there");
    let file = |value: &str| RENDERED.replace("old-password", value);
    assert_eq!(seen(&vault, &[(".env", &file("coming-password"))]), []);
    let own = vec![("env..env.DB".to_owned(), "own-password".to_owned())];
    assert_eq!(seen(&vault, &[(".env", &file("own-password"))]), own, "known, and the rotation goes on");
    vault.commit("nocodb", "database_password", noon());
    assert_eq!(seen(&vault, &[(".env", &file("coming-password"))]), []);
    vault.write_ahead("nocodb", "database_password", "given-up".into(), noon()).expect("there");
    vault.abandon("nocodb", "database_password", noon());
    assert_eq!(seen(&vault, &[(".env", &file("coming-password"))]), []);
}

#[test]
fn secrets_that_somebody_added_are_seen_and_public_settings_are_not() {
    for (line, expected) in [
        ("SMTP_PASSWORD=correct-horse", Some("correct-horse")),
        ("stripe_api_key='sk_live_1'", Some("sk_live_1")),
        ("CACHE=redis://:s3cr3tvalue@cache:6379/0", Some("s3cr3tvalue")),
        ("CACHE=redis://u:a%2Fb%2Fc%2Fd%2Fe@cache", Some("a/b/c/d/e")),
        ("HOOK=https://h/x?a=1&Password=s3cr3tvalue", Some("s3cr3tvalue")),
        ("CACHE=redis://:pw@cache:6379/0", Some("redis://:pw@cache:6379/0")),
        ("ALLOW_EMPTY_PASSWORD=yes", None),
        ("SITE=https://example.com/a:b@c", None),
        ("NOTE='not://really a url:x@y'", None),
        ("SMTP_PASSWORD=", None),
        ("SMTP_PASSWORD=${ELSEWHERE}", None),
        ("SAME_PASSWORD=old-password", None),
        ("BOTH=changed-both", Some("changed-both")),
    ] {
        let observed = seen(&vault(), &[(".env", line)]);
        let value = observed.first().map(|(_, value)| value.as_str());
        assert_eq!(value, expected, "{line}");
        assert!(observed.iter().all(|(key, _)| key.starts_with("env..env.")), "{observed:?}");
    }
}

proptest! {
    #[test]
    fn what_was_taken_in_is_not_new_again(
        edits in proptest::collection::vec((0..4_usize, "(old-password|one-password|two-password|x)"), 1..12),
        pending in any::<bool>(),
    ) {
        let mut vault = vault();
        if pending {
            vault.write_ahead("nocodb", "database_password", "one-password".into(), noon()).expect("there");
        }
        let mut values = ["old-password"; 4].map(str::to_owned);
        for (place, value) in edits {
            values[place] = value;
            let env = format!("DB='pg://db:5432?u=x&p={}&d=x'\nA_KEY={}\n", values[0], values[1]);
            let db = format!("POSTGRES_PASSWORD={}\nB_SECRET={}\n", values[2], values[3]);
            let files = [(".env", env.as_str()), ("db.env", db.as_str())];
            with(&files, |files| vault.take_in(files, noon()));
            prop_assert_eq!(seen(&vault, &files), []);
            for value in values.iter().filter(|value| value.len() >= 8) {
                prop_assert!(vault.every_value().any(|(_, known)| known.expose() == value), "{} is not known", value);
            }
        }
    }
}
