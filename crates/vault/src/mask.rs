use letsbe_types::Secret;

use crate::Credentials;

/// What stands where a secret was.
const MASK: &str = "‹secret›";
/// Shorter values stand in ordinary text by chance.
const LENGTH_MIN: usize = 8;

/// Takes known values out of text that was written by programs which do not know what is secret.
#[derive(Debug, Default)]
pub struct Mask(Vec<Secret<String>>);

impl Mask {
    /// Masks every value of these credentials, as it is and in its percent-encoded form.
    #[must_use]
    pub fn of(credentials: &Credentials) -> Self {
        let mut values: Vec<Secret<String>> = credentials
            .iter()
            .filter(|(_, _, value)| value.expose().len() >= LENGTH_MIN)
            .flat_map(|(_, _, value)| [value.clone(), percent_encoded(value)])
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
    use crate::Credentials;

    #[test]
    fn known_values_are_taken_out_of_what_programs_say() {
        let mut credentials = Credentials::default();
        credentials.insert_missing("ghost", "database_password", "ab/cd+ef==canary".into());
        credentials.insert_missing("ghost", "port", "80".into());
        let mask = Mask::of(&credentials);
        let said =
            "cannot log in with ab/cd+ef==canary to mysql://u:ab%2Fcd%2Bef%3D%3Dcanary@db:80/".to_owned();
        assert_eq!(mask.apply(said), "cannot log in with ‹secret› to mysql://u:‹secret›@db:80/");
    }
}
