//! What an agent sends is read or refused; what was read is written as the same.
#![no_main]

use letsbe_types::tenant::{Heartbeat, TenantEvents};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok(heartbeat) = serde_json::from_slice::<Heartbeat>(body) {
        let text = serde_json::to_string(&heartbeat).expect("writes");
        assert_eq!(serde_json::from_str::<Heartbeat>(&text).expect("reads"), heartbeat);
    }
    if let Ok(events) = serde_json::from_slice::<TenantEvents>(body) {
        let text = serde_json::to_string(&events).expect("writes");
        assert_eq!(serde_json::from_str::<TenantEvents>(&text).expect("reads"), events);
    }
});
