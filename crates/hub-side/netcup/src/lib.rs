//! Typed client of Netcup's Server Control Panel (SCP) API: device login, upkeep of tokens, tasks, and errors
//! sorted by what to do about them.
//!
//! It must never repeat a write whose outcome is unknown before it has read what happened, never order, choose or
//! claim a server (that is `letsbe-servers`), and never print a token.

mod calls;
mod client;
mod error;
#[rustfmt::skip]
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    clippy::too_many_lines,
    clippy::allow_attributes_without_reason,
    reason = "made by tools/netcup-generator"
)]
mod generated;
mod hooks;
mod image;
mod network;
mod oauth;
mod task;
mod tokens;

pub use calls::Power;
pub use client::{ScpClient, ScpConfig};
pub use error::{ErrorKind, ScpError};
pub use generated::types;
pub use image::{ImageBegun, ImageInstall};
pub use oauth::{CLIENT_ID, DeviceLogin, DevicePoll, Realm, Tokens, next_interval};
pub use task::{TaskEnd, TaskState, word};
pub use tokens::{MemoryTokenStore, REFRESH_TOKEN_IDLE_LIFE, StoredToken, TokenStore};

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    /// Regeneration takes a minute of compiling; that the generated file belongs to its sources is checked by hash.
    #[test]
    fn the_generated_client_belongs_to_its_description() {
        let code = include_str!("generated.rs");
        for (name, source) in [
            ("description", include_bytes!("../spec/scp-openapi.json").as_slice()),
            ("operations", include_bytes!("../spec/operations.txt").as_slice()),
        ] {
            let line = format!("// {name}: sha256:{}\n", hex::encode(Sha256::digest(source)));
            assert!(code.contains(&line), "spec/ has changed: run tools/netcup-generator (no line {line:?})");
        }
        let manifest = include_str!("../../../../tools/netcup-generator/Cargo.toml");
        let version = manifest.lines().find_map(|line| line.strip_prefix("version = ")).expect("a version");
        let line = format!("// generator: netcup-generator {}\n", version.trim_matches('"'));
        assert!(code.contains(&line), "the generator has changed: run it (no line {line:?})");
    }

    /// What the real API sends beside its description: unknown members and values, `null` for a list, a site
    /// without the name that the description requires.
    #[test]
    fn answers_are_read_generously() {
        let server: super::types::Server = serde_json::from_value(serde_json::json!({
            "id": 7, "name": "v22026", "disabled": false, "nickname": "", "firewallFeatureActive": true,
            "template": {"id": 1, "name": "+"}, "site": {"id": 1, "city": "Nuremberg"},
            "ipv4Addresses": null, "architecture": "RISCV",
            "serverLiveInfo": {"state": "DREAMING", "disks": null, "bootorder": ["HDD", "TAPE"]},
        }))
        .expect("readable");
        assert_eq!(super::word(server.architecture.as_ref()), "RISCV");
        assert_eq!(super::word(server.server_live_info.and_then(|live| live.state).as_ref()), "DREAMING");
    }

    #[test]
    fn the_generated_client_has_the_operations_of_the_list_and_no_other() {
        let wanted = include_str!("../spec/operations.txt").lines().filter(|line| !line.starts_with('#'));
        let mut wanted: Vec<_> = wanted.filter_map(|line| line.split_whitespace().next()).collect();
        let calls =
            include_str!("generated.rs").lines().filter_map(|line| line.strip_prefix("    pub async fn "));
        let mut made: Vec<_> = calls.filter_map(|call| call.split('<').next()).collect();
        wanted.sort_unstable();
        made.sort_unstable();
        assert_eq!(made, wanted);
    }
}
