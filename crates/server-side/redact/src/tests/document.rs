use proptest::prelude::*;
use serde_json::Value;

use super::json::any_json;
use crate::document::Document;

fn written(json: &str) -> String {
    Document::read(json).expect("JSON").to_string()
}

#[test]
fn every_byte_and_kind_of_number_is_written_as_serde_json_writes_it() {
    let mut texts: Vec<String> = (0..0x180).filter_map(char::from_u32).map(String::from).collect();
    // At each place of the bytes that are looked at together.
    texts.extend((0..130).map(|at| format!("{}\"{}\u{1}\\", "a".repeat(at), "ü".repeat(130 - at))));
    for text in texts {
        let json = Value::from(text.as_str()).to_string();
        assert_eq!(written(&json), json, "{text:?}");
    }
    for json in
        ["0", "-0", "-1", "1e2", "0.1", "1e-7", "123456789012345678901234567890", "18446744073709551615"]
    {
        let value: Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(written(json), value.to_string());
    }
}

#[test]
fn fields_are_in_the_order_of_their_names_and_of_two_the_later_counts() {
    let json = r#"{"b":1,"a":{"z":null,"y":[]},"b":2,"\u0061":true,"b":3}"#;
    assert_eq!(written(json), r#"{"a":true,"b":3}"#);
}

#[test]
fn a_field_that_is_renamed_takes_the_place_of_one_with_that_name() {
    let Document::Fields(mut fields) = Document::read(r#"{"a":1,"b":2,"c":3,"d":4}"#).expect("JSON") else {
        panic!("an object")
    };
    fields.rename(vec![(0, "d".to_owned()), (2, "aa".to_owned())]);
    assert_eq!(Document::Fields(fields).to_string(), r#"{"aa":3,"b":2,"d":1}"#);
}

#[test]
fn another_text_is_looked_through_anew() {
    let redactor = super::redactor();
    let Document::Text(mut text) = Document::read("\"harmless\"").expect("JSON") else { panic!("a text") };
    text.is_clean();
    assert!(text.found(&redactor.known).is_empty());
    text.set(super::DATABASE.to_owned());
    assert!(!text.found(&redactor.known).is_empty());
}

proptest! {
    #[test]
    fn a_document_is_read_and_written_as_serde_json_does_it(value in any_json()) {
        let json = value.to_string();
        prop_assert_eq!(&written(&json), &json);
        prop_assert_eq!(Value::from(Document::from(value.clone())), value);
    }
}
