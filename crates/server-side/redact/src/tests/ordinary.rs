use proptest::prelude::*;

use super::redactor;

/// Nothing of it is a secret, and some of it is long.
const ORDINARY: &[&str] = &[
    "The nightly backup took four minutes and 37 seconds; 12 of 12 checks passed.",
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301 and 550e8400e29b41d4a716446655440000",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "commit 1b2c3d4e5f60718293a4b5c6d7e8f90123456789 (HEAD -> main)",
    "/var/lib/docker/volumes/letsbe-ghost_content/_data/images/2026/11/Header-Image-V2-Final.png",
    "https://docs.example.com/en/administration/backup-and-restore/Restore-From-Snapshot?page=2&sort=name#step-3",
    "https://github.com/example/Project-Name/blob/main/src/main/java/com/example/application/ServiceImpl2.java",
    "https://user@example.com:8443/path and redis://cache:6379/0 and postgres://ghost:${DB_PASSWORD}@db:5432/ghost",
    "pub(crate) fn a_known_value_is_found_in_every_form_and_place_of_2_texts(redactor: &Arc<Redactor>) -> Result<()>",
    "getElementsByClassNameAndTagNameInDocumentOrderV2 = AbstractSingletonProxyFactoryBean2.createInstance();",
    "GF_SERVER_ROOT_URL=https://grafana.example.com GF_USERS_ALLOW_SIGN_UP=false NODE_OPTIONS=--max-old-space-size=4096",
    "letsbe-secrets-proxy-7d9f8b6c5d-x2x4z 1/1 Running 0 5d22h 10.42.0.17",
    "integrity sha512-dOiLmXq3wZ0k1Y7c9vTfRjS4hPnB2uGxE6aKsQWlVtMrCiUyJzHpFbN5dLoA8eYgI3mXKvDqRwTZc0uB1nSfPg==",
    "github.com/pkg/errors v0.9.1 h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4=",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl operator@letsbe",
    "checksum = \"e7e9cc8b1b85264074fbcc02a88680c4096b1e47df8f739dceb03bf482f04bd6\"",
    "task-management risk-assessment-for-2026-and-later-years disk-usage: sk-learn",
    "-----BEGIN CERTIFICATE----- and -----BEGIN PUBLIC KEY-----",
    "eyJ is how JSON begins in base64; AKIA is a prefix; AIza too; ghp_ and xoxb- as well.",
    "====================================================================== 1234567890123456789012345678901234567890",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "Straße 100 % &amp; \\n 50%25 &#8364; \u{200b}\u{fe0f} \u{201e}quoted\u{201c} \u{2014} fine",
    "SECRET_REF(ghost/database_password) SECRET_REF(pattern/jwt-0a1b2c3d) SECRET_REF(entropy/0a1b2c3d)",
];

#[test]
fn ordinary_text_code_addresses_and_lock_files_stay() {
    for text in ORDINARY {
        assert_eq!(&redactor().text(text), text);
    }
}

#[test]
fn our_own_sources_stay() {
    let redactor = redactor();
    for text in [
        include_str!("../../../../../Cargo.lock"),
        include_str!("../../../../../ARCHITECTURE.md"),
        include_str!("../known.rs"),
    ] {
        for line in text.lines() {
            assert_eq!(redactor.text(line), line);
        }
    }
}

#[test]
fn what_looks_like_a_secret_goes() {
    let random = "q8ZrT5vWx2LmN7pKs4DfG6hJ9yBc3EaU0iOt";
    for (kind, text) in [
        ("pattern/aws", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("pattern/github", format!("ghp_{random}")),
        ("pattern/github", format!("github_pat_11ABCDEFG0{random}")),
        ("pattern/slack", "xoxb-123456789012-abcdefGHIJKL".to_owned()),
        ("pattern/stripe", format!("sk_live_{random}")),
        ("pattern/google", "AIzaSyD4x7Qm2Lk9Zp3Vt6Rw8Yb1Nc5Hj0Gf2Ks".to_owned()),
        ("pattern/model", format!("sk-proj-{random}")),
        (
            "pattern/age",
            format!(
                "AGE-SECRET-KEY-1{}",
                "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".repeat(2).get(..58).expect("58")
            ),
        ),
        ("pattern/jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlIG9mIGl0".to_owned()),
        ("entropy/", random.to_owned()),
        ("entropy/", "q8ZrT5vWx2LmN7p/Ks4DfG6hJ9yBc3EaU0+iOtRwQ1zXcVbNm=".to_owned()),
    ] {
        let redacted = redactor().text(&format!("see {text} here"));
        let middle = redacted.strip_prefix("see SECRET_REF(").and_then(|rest| rest.strip_suffix(") here"));
        assert!(
            middle.is_some_and(|name| name.starts_with(kind) && !name.contains(')')),
            "{text}: {redacted}"
        );
        assert_eq!(redactor().text(&text), redactor().text(&text), "the same name each time");
    }
}

#[test]
fn what_stands_beside_something_random_is_looked_at_again() {
    // As one run it is full of separators like a path; without the part in the middle its beginning is not.
    let (left, middle) =
        ("q8ZrT5vWx2LmN7pKs4DfG6hJ9yBc3Ea-U0iOtRwQ1zXcVbNm8kLp", "Zk3Tq9Lw7Xv1Bn5Rm8Pc2Ys6Hd4Gf0JaUeWo");
    let redacted = redactor().text(&format!("{left}-{middle}-a-b-c-d-e-f-g-h-i-j-k-l-m-n"));
    assert!(!redacted.contains("q8ZrT5") && !redacted.contains("Zk3Tq9"), "{redacted}");
    assert!(redacted.ends_with(")-a-b-c-d-e-f-g-h-i-j-k-l-m-n"), "{redacted}");
}

#[test]
fn the_shortest_random_run_is_found_anywhere() {
    let (redactor, run) = (redactor(), "q8ZrT5vWx2LmN7pKs4DfG6hJ9yBc3EaU");
    for before in 0..100 {
        let redacted = redactor.text(&format!("{}{run} and more", ".".repeat(before)));
        assert!(
            redacted.starts_with(&format!("{}SECRET_REF(entropy/", ".".repeat(before))),
            "{before}: {redacted}"
        );
    }
    assert_eq!(redactor.text(&run[1..]), run[1..]);
}

#[test]
fn a_name_that_looks_random_stays_a_name() {
    let name = "tool/q8ZrT5vWx2LmN7pKs4DfG6hJ9yBc3EaU0iOtRwQ1";
    let redactor = super::redactor_for([(name, super::HEX)]);
    let text = crate::placeholder(name);
    assert_eq!(redactor.text(&format!("{} and {text}", super::HEX)), format!("{text} and {text}"));
    assert_ne!(self::redactor().text(&text), text, "a name that nobody knows is no name");
}

#[test]
fn private_keys_go_as_a_whole_and_passwords_out_of_addresses() {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nBG5vbmUAAAAEbm9uZQ==\n-----END OPENSSH PRIVATE KEY-----";
    for text in
        [key.to_owned(), key.replace('\n', "\\n"), key.replace("-----END OPENSSH PRIVATE KEY-----", "")]
    {
        let redacted = redactor().text(&format!("a: {text}; b"));
        assert!(redacted.starts_with("a: SECRET_REF(pattern/private-key-"), "{redacted}");
        assert!(!redacted.contains("b3Bl") && redacted.ends_with("; b"), "{redacted}");
    }
    let redacted = redactor().text("DATABASE_URL=postgres://ghost:pa55@w:rd@db:5432/ghost?sslmode=off");
    assert!(
        redacted.starts_with("DATABASE_URL=postgres://ghost:SECRET_REF(pattern/connection-"),
        "{redacted}"
    );
    assert!(redacted.ends_with(")@db:5432/ghost?sslmode=off"), "{redacted}");
}

/// Like the vault makes them, by a row of numbers that is always the same.
fn a_thousand_secrets() -> std::sync::Arc<crate::Redactor> {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};
    let value = |at: u32| {
        let digest = Sha256::digest(at.to_le_bytes());
        match at % 3 {
            0 => hex::encode(digest),
            1 => base64::engine::general_purpose::STANDARD.encode(digest),
            // As people are given them.
            _ => base64::engine::general_purpose::URL_SAFE.encode(digest)[..12].to_owned(),
        }
    };
    let values: Vec<String> = (0..1_000).map(value).collect();
    super::redactor_for(values.iter().map(|value| ("tool/key", value.as_str())))
}

const PROSE: &[&str] = &[
    "The quick brown fox jumps over the lazy dog while thirteen engineers argue about naming conventions.",
    "Franz jagt im komplett verwahrlosten Taxi quer durch Bayern; die Überprüfung der Maßnahmen dauert 14 Tage.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю. 東京は今日も晴れです。 Ελληνικά γράμματα.",
    "for (let i = 0; i < 10; i++) { total += prices[i] * 1.19; } // 19 % VAT, see RFC 9110 and ISO-8601",
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301 10.42.0.17:8443 2026-11-28T05:00:00.123Z 00:1a:2b:3c:4d:5e",
    "[12, 250, 7, 99, 101, 32, 45, 200, 17, 64, 91, 13] 0x1f 0x8b 0777 01100001 01100010 1e-9 3.14159",
    "&lt;p class=&quot;x&quot;&gt; 50%25 \\u00e4 \\x41 \\101 &#8364; 🙂🙃 a\u{301} \u{200b}\u{fe0f}",
];

#[test]
fn a_megabyte_that_holds_none_of_a_thousand_secrets_is_unchanged() {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};
    let redactor = a_thousand_secrets();
    let random: Vec<u8> =
        (1_000_000..1_010_000_u32).flat_map(|at| Sha256::digest(at.to_le_bytes())).collect();
    let image = format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(random));
    let digests: Vec<String> =
        (2_000_000..2_001_000_u32).map(|at| hex::encode(Sha256::digest(at.to_le_bytes()))).collect();
    let body = serde_json::json!({ "messages": [
        { "role": "user", "content": PROSE.join("\n").repeat(400) },
        { "role": "user", "content": [{ "type": "image_url", "image_url": { "url": image } }] },
        { "role": "tool", "content": digests.join("\n") },
        { "role": "assistant", "content": PROSE },
    ] })
    .to_string();
    assert!(body.len() > 700_000);
    assert!(redactor.json_body(body.as_bytes()).expect("a body") == body.as_bytes());
    let text = PROSE.join(" ").repeat(50);
    assert_eq!(redactor.whole_text(&text).expect("a text"), text);
    let mut stream = redactor.stream();
    let mut out = Vec::new();
    text.as_bytes().chunks(1000).for_each(|chunk| stream.push(chunk, &mut out));
    stream.finish(&mut out);
    assert!(out == text.as_bytes());
}

proptest! {
    #[test]
    fn what_holds_no_secret_is_unchanged(words in prop::collection::vec("[a-zäöü]{1,14}|[0-9]{1,8}|[,.;:!?()\n]", 0..80)) {
        let text = words.join(" ");
        prop_assert_eq!(redactor().text(&text), text.clone());
        let body = serde_json::json!({"messages": [{"role": "user", "content": text}]}).to_string();
        prop_assert_eq!(redactor().json_body(body.as_bytes()).expect("a body"), body.into_bytes());
    }
}
