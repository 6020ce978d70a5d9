//! Package sources of apt, in both of its formats.

use std::collections::BTreeMap;

use serde::Serialize;

/// One suite of one archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Address of the archive.
    pub uri: String,
    /// Suite, for example `bookworm` or `bookworm-security`.
    pub suite: String,
    /// Components, for example `main`.
    pub components: Vec<String>,
    /// Key ring that the archive is checked with, if named.
    pub signed_by: Option<String>,
}

/// Parses the one-line format (`sources.list`). Source-code lines and lines switched off are left out.
#[must_use]
pub fn parse_list(text: &str) -> Vec<Source> {
    text.lines()
        .filter_map(|line| {
            let rest = line.trim().strip_prefix("deb ").or_else(|| line.trim().strip_prefix("deb\t"))?;
            let rest = rest.split('#').next().unwrap_or_default().trim();
            let (options, rest) = match rest.strip_prefix('[') {
                Some(inner) => inner.split_once(']')?,
                None => ("", rest),
            };
            let signed_by = options
                .split_whitespace()
                .find_map(|option| option.strip_prefix("signed-by="))
                .map(str::to_owned);
            let mut words = rest.split_whitespace().map(|word| word.trim_matches('"').to_owned());
            Some(Source { uri: words.next()?, suite: words.next()?, components: words.collect(), signed_by })
        })
        .collect()
}

/// Parses the deb822 format (`*.sources`).
#[must_use]
pub fn parse_sources(text: &str) -> Vec<Source> {
    text.replace("\r\n", "\n").split("\n\n").flat_map(parse_stanza).collect()
}

/// apt's own words for no, in any case; any number that is zero, as C writes it, is one too. More than a word is none.
fn is_no(value: &str) -> bool {
    let word = value.to_ascii_lowercase();
    let digits = word.strip_prefix("0x").unwrap_or(&word);
    matches!(word.as_str(), "no" | "false" | "without" | "off" | "disable") || digits.parse() == Ok(0_i64)
}

fn parse_stanza(stanza: &str) -> Vec<Source> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut current = String::new();
    for line in stanza.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with([' ', '\t']) {
            fields.entry(current.clone()).or_default().push_str(line);
        } else if let Some((name, value)) = line.split_once(':') {
            current = name.to_ascii_lowercase();
            fields.insert(current.clone(), value.trim().to_owned());
        }
    }
    let words = |name: &str| -> Vec<String> {
        fields
            .get(name)
            .map(|value| value.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default()
    };
    let off = fields.get("enabled").is_some_and(|value| is_no(value));
    if off || !words("types").iter().any(|kind| kind == "deb") {
        return Vec::new();
    }
    // A key given in place is several lines of text; only a file can be named again elsewhere.
    let signed_by = fields.get("signed-by").filter(|value| value.starts_with('/')).cloned();
    let suites = words("suites");
    words("uris")
        .into_iter()
        .flat_map(|uri| {
            let (components, signed_by) = (words("components"), signed_by.clone());
            suites.clone().into_iter().map(move |suite| Source {
                uri: uri.clone(),
                suite,
                components: components.clone(),
                signed_by: signed_by.clone(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parse_sources;

    #[test]
    fn a_source_that_apt_calls_off_is_off_in_every_word_and_case() {
        let sources = |enabled: &str| {
            let rest = "Types: deb\nURIs: http://a/debian\nSuites: bookworm\nComponents: main\n";
            parse_sources(&format!("{enabled}{rest}")).len()
        };
        for off in
            ["no", "No", "NO", "false", "False", "0", "00", "off", "Off", "without", "disable", "Disable"]
        {
            assert_eq!(sources(&format!("Enabled: {off}\n")), 0, "{off}");
            assert_eq!(sources(&format!("enabled:{off}  \n")), 0, "{off}");
        }
        for on in
            ["", "Enabled: yes\n", "Enabled: true\n", "Enabled: 1\n", "Enabled: with\n", "Enabled: on\n"]
        {
            assert_eq!(sources(on), 1, "{on}");
        }
    }
}
