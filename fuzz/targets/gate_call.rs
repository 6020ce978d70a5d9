//! Any arguments of any verb are a call or are refused by field.
#![no_main]

use letsbe_gate::Call;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (String, String, Option<String>, Vec<u8>)| {
    let (agent, verb, tool, arguments) = input;
    if let Ok(arguments) = serde_json::from_slice(&arguments) {
        for verb in [verb.as_str(), "run", "logs", "restart"] {
            let _ = Call::parse(&agent, verb, tool.as_deref(), serde_json::Value::clone(&arguments));
        }
    }
});
