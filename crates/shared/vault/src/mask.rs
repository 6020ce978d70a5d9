//! Takes known values out of other programs' output.

use letsbe_types::Secret;

use crate::{Credentials, Vault};

/// What stands where a secret was.
const MASK: &str = "‹secret›";
/// Shorter values stand in ordinary text by chance.
const LENGTH_MIN: usize = 8;

/// Takes known values out of text that was written by programs which do not know what is secret.
#[derive(Debug, Default)]
pub struct Mask(Vec<Secret<String>>);

impl Mask {
    /// Masks every value of the vault and of what waits for it, as it is and in its percent-encoded form.
    #[must_use]
    pub fn of(vault: Option<&Vault>, waiting: Option<&Credentials>) -> Self {
        let sealed = vault.into_iter().flat_map(Vault::every_value).map(|(_, value)| value);
        let waiting = waiting.into_iter().flat_map(Credentials::iter).map(|(_, _, value)| value);
        let mut values: Vec<Secret<String>> = sealed
            .chain(waiting)
            .filter(|value| value.expose().len() >= LENGTH_MIN)
            .flat_map(|value| [value.clone(), percent_encoded(value)])
            .collect();
        // A value inside another one must not break the longer one up.
        values.sort_by_key(|value| std::cmp::Reverse(value.expose().len()));
        Self(values)
    }

    /// The text without the values.
    #[must_use]
    pub fn apply(&self, text: String) -> String {
        self.0.iter().fold(text, |text, value| {
            if text.contains(value.expose()) { text.replace(value.expose(), MASK) } else { text }
        })
    }
}

/// RFC 3986: everything but unreserved characters.
fn percent_encoded(value: &Secret<String>) -> Secret<String> {
    let encoded = value.expose().bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    Secret::new(encoded.collect())
}

#[cfg(test)]
mod tests {
    use super::Mask;
    use crate::{Credentials, Origin, Vault, vault::tests::noon};

    #[test]
    fn known_values_are_taken_out_of_what_programs_say() {
        let mut credentials = Credentials::default();
        credentials.insert_missing("ghost", "database_password", "ab/cd+ef==canary".into());
        credentials.insert_missing("ghost", "port", "80".into());
        let mut vault = Vault::default();
        vault.put("odoo", "a", "an-old-value".into(), Origin::Made, noon());
        vault.put("odoo", "a", "a-new-value".into(), Origin::Made, noon());
        let mask = Mask::of(Some(&vault), Some(&credentials));
        assert_eq!(mask.apply("not an-old-value: a-new-value".to_owned()), "not ‹secret›: ‹secret›");
        let said =
            "cannot log in with ab/cd+ef==canary to mysql://u:ab%2Fcd%2Bef%3D%3Dcanary@db:80/".to_owned();
        assert_eq!(mask.apply(said), "cannot log in with ‹secret› to mysql://u:‹secret›@db:80/");
    }
}
