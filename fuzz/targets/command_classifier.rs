//! No word with a character that a shell would act on is in a command that may run unasked.
#![no_main]

use letsbe_gate::{Call, Class, Table};
use libfuzzer_sys::fuzz_target;

const TABLE: &str = include_str!("../../catalog/gate/commands.toml");

fuzz_target!(|words: Vec<String>| {
    let table = Table::parse(TABLE).expect("the table is valid");
    let arguments = serde_json::json!({ "command": words });
    let Ok(call) = Call::parse("agent", "run", Some("ghost"), arguments) else { return };
    let class = table.judge(&call).class;
    let acted_on = |word: &String| word.contains(|c| ";|&$`<>()\n\\'\"*?[]{}~#!".contains(c));
    if words.iter().any(acted_on) {
        assert!(class != Class::Green, "{words:?}");
    }
});
