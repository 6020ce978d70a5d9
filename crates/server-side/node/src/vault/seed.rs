//! How the first secrets get into the vault, and how two of them may leave it: sealed.

use chrono::{DateTime, Utc};
use letsbe_types::{Code, Problem, Secret, crash};
use letsbe_vault::{Given, Vault};

use super::open;
use letsbe_base::{
    audit,
    layout::Layout,
    vault::{files, inbox, random},
};

letsbe_types::crash_points! {
    /// Where `vault seed` can be killed: before anything was written, and after the vault was saved, while its inbox
    /// is still there.
    pub(crate) mod points {
        READ = "vault.seed.read",
        SAVED = "vault.seed.saved",
    }
}

/// Takes in what waits in `credentials.env` and what was given. Nothing is removed here: whoever called removes the
/// file after this, when the vault has it durably.
pub(super) fn seed(layout: &Layout, input: &Secret<String>, now: DateTime<Utc>) -> Result<(), Problem> {
    let given: Given = match input.expose().trim() {
        "" => Given::default(),
        // The error's own words could quote a key.
        text => serde_json::from_str(text)
            .map_err(|error| not_understood(&format!("line {}, column {}", error.line(), error.column())))?,
    };
    let files = files(layout);
    let inbox = inbox(layout)?.unwrap_or_default();
    let mut keys = random();
    crash::point(&points::READ);
    let count = Vault::update(&files, &mut random(), |vault| {
        vault.check(&given)?;
        vault.seed(&inbox, &given, &mut keys, now);
        Ok(vault.entries().count())
    })?;
    crash::point(&points::SAVED);
    files.make_private()?;
    println!("the vault has {count} secrets");
    Ok(())
}

pub(super) fn not_understood(error: &dyn std::fmt::Display) -> Problem {
    Problem::permanent(
        Code::VAULT008,
        format!("What the vault shall be seeded with cannot be read: {error}"),
        "It is JSON: {\"models\": {\"<provider>\": \"<key>\"}, \"destination_secret\": \"…\"}. Nothing was changed.",
    )
}

pub(super) fn escrow(layout: &Layout, recipients: &[String], now: DateTime<Utc>) -> Result<(), Problem> {
    let vault = open(layout)?;
    let sealed = letsbe_vault::escrow(&vault, &files(layout).read_key()?, recipients)?;
    audit::write_down(layout, "vault escrow", ("recipients", &recipients.join(" ")), now)?;
    print!("{sealed}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use letsbe_vault::{Credentials, Vault};

    use super::{escrow, seed};
    use letsbe_base::{files, layout::Layout, vault};

    #[test]
    fn what_waits_is_in_the_vault_before_its_file_may_go() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let mut waiting = Credentials::default();
        waiting.insert_missing("ghost", "a", "canary-1".into());
        files::write(&layout.credentials(), waiting.to_file().expose().as_bytes()).unwrap();
        assert_eq!(vault::credentials(&layout).unwrap(), Some(waiting));
        let input = r#"{"models":{"openrouter":"canary-2-kT9vQ2xZ7mB4cR8w"}}"#.into();
        seed(&layout, &input, now).unwrap();
        assert!(layout.credentials().exists(), "removed by whoever called");
        std::fs::remove_file(layout.credentials()).unwrap();
        let sealed = std::fs::read(&vault::files(&layout).sealed).unwrap();
        seed(&layout, &input, now).unwrap();
        seed(&layout, &"".into(), now).unwrap();
        assert_eq!(std::fs::read(&vault::files(&layout).sealed).unwrap(), sealed, "seeded once");
        let present = vault::credentials(&layout).unwrap().unwrap();
        assert_eq!(present.get("ghost", "a").unwrap().expose(), "canary-1");
        assert_eq!(present.get("models", "openrouter").unwrap().expose(), "canary-2-kT9vQ2xZ7mB4cR8w");
        let refused = seed(&layout, &r#"{"models":{"openrouter":"canary-4"}}"#.into(), now).unwrap_err();
        assert!(refused.code == "VAULT010" && !refused.message.contains("canary"), "{refused}");

        for unclear in [
            r#"{"models":{"openrouter":["canary-2"]}}"#,
            r#"{"models":{"a":"canary-2-kT9vQ2xZ7mB4cR8w","\u0061":"canary-5-kT9vQ2xZ7mB4cR8w"}}"#,
            r#"{"destination_secret":"canary-2","destination_secret":"canary-5"}"#,
        ] {
            let refused = seed(&layout, &unclear.into(), now).unwrap_err();
            assert!(refused.code == "VAULT008" && !refused.message.contains("canary"), "{refused}");
            assert!(refused.message.contains("line 1, column "), "{refused}");
        }
        files::write(&layout.credentials(), b"canary-3").unwrap();
        let refused = seed(&layout, &"".into(), now).unwrap_err();
        assert!(refused.code == "NODE041" && !refused.message.contains("canary"), "{refused}");
        assert!(vault::credentials(&layout).is_err(), "nobody knows what is secret");
        files::write(&layout.credentials(), b"# tool: ghost\nGHOST_A=canary-3\xff\n").unwrap();
        let refused = seed(&layout, &"".into(), now).unwrap_err();
        assert!(refused.code == "NODE041" && refused.message.contains("line 2 "), "{refused}");
    }

    #[test]
    fn a_bad_recipient_of_the_escrow_is_refused_before_anything_is_written_down() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let recipients = ["age1nonsense".to_owned()];
        assert_eq!(escrow(&layout, &recipients, now).unwrap_err().code, "VAULT007");
        seed(&layout, &"".into(), now).unwrap();
        files::make_folder(layout.audit_log().parent().unwrap()).unwrap();
        assert_eq!(escrow(&layout, &recipients, now).unwrap_err().code, "VAULT005");
        assert!(!layout.audit_log().exists());
        assert!(Vault::open(&vault::files(&layout)).unwrap().is_some());
    }
}
