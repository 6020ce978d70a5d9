//! `letsbe explain CODE`: the page about an error code, from inside the program.

use letsbe_types::{Code, Problem};

use crate::style;

/// Prints the page.
///
/// # Errors
/// When there is no such code; similar ones are named.
pub(crate) fn show(code: &str, json: bool) -> anyhow::Result<()> {
    let code = code.trim().trim_matches(['[', ']']).to_ascii_uppercase();
    let Some(page) = letsbe_explain::page(&code) else { return Err(unknown(&code).into()) };
    if json {
        return style::say_json(&serde_json::json!({ "code": code, "page": page }));
    }
    style::say(page.trim_end());
    Ok(())
}

fn unknown(code: &str) -> Problem {
    let family: String = code.chars().take_while(char::is_ascii_alphabetic).collect();
    let near: Vec<&str> = letsbe_explain::codes()
        .filter(|known| !family.is_empty() && known.starts_with(&family))
        .take(NAMED)
        .collect();
    let hint = match near.as_slice() {
        [] => "A code stands in brackets before a message, for example [DNS001].".to_owned(),
        near => format!("Codes that begin so: {} …", near.join(", ")),
    };
    Problem::permanent(Code::HUB027, format!("There is no error code {code}."), hint)
}

/// Codes named in one hint.
const NAMED: usize = 8;

#[cfg(test)]
mod tests {
    use super::{show, unknown};

    #[test]
    fn a_code_is_found_as_people_type_it_and_others_name_their_family() {
        for typed in ["DNS001", "dns001", "[DNS001]", " pool001 "] {
            assert!(show(typed, true).is_ok(), "{typed}");
        }
        assert!(show("DNS999", false).is_err());
        assert!(unknown("DNS999").hint.contains("DNS001"));
        assert!(unknown("1").hint.contains("in brackets"));
    }
}
