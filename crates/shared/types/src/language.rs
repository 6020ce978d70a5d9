//! The languages in which customers are written to.

use serde::{Deserialize, Serialize};

/// A language in which a customer is written to.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
}

impl Language {
    /// The one that a tag such as `de-AT` asks for; English for all that is not spoken here.
    #[must_use]
    pub fn of_tag(tag: &str) -> Self {
        let primary = tag.split(['-', '_']).next().unwrap_or_default().trim();
        if primary.eq_ignore_ascii_case("de") { Self::De } else { Self::En }
    }

    /// Its tag, as it is stored.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn german_is_german_in_every_country_and_the_rest_is_english() {
        for (tag, language) in
            [("de", Language::De), ("DE-at", Language::De), ("de_CH", Language::De), ("den", Language::En)]
        {
            assert_eq!(Language::of_tag(tag), language, "{tag}");
        }
        for tag in ["", "en", "fr-FR", "-de"] {
            assert_eq!(Language::of_tag(tag), Language::En, "{tag}");
        }
        for language in [Language::En, Language::De] {
            assert_eq!(Language::of_tag(language.tag()), language);
        }
    }
}
