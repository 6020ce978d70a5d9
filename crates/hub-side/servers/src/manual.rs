//! Servers that an operator assigns by address.

use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use letsbe_types::{Code, Problem, ids::ServerId};

use crate::{
    Begun, Capabilities, InstallRequest, Power, ProviderError, ServerProvider, ServerView, TaskId, TaskState,
};

const PREFIX: &str = "manual:";

/// Servers that an operator assigns by address (`manual:203.0.113.7`). Installed by whoever delivered them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manual;

impl Manual {
    /// The id of the server at an address.
    #[must_use]
    pub fn id(address: Ipv4Addr) -> ServerId {
        ServerId(format!("{PREFIX}{address}"))
    }
}

fn not_possible(id: &str, what: &str, hint: &str) -> ProviderError {
    Problem::permanent(Code::SERVER_MANUAL, format!("{id} was assigned by hand: {what}"), hint).into()
}

#[async_trait]
impl ServerProvider for Manual {
    fn name(&self) -> &'static str {
        "manual"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn list(&self) -> Result<Vec<ServerView>, ProviderError> {
        Err(not_possible(
            "every server of this provider",
            "there is no list of them",
            "assign a server to the order",
        ))
    }

    async fn server(&self, id: &ServerId) -> Result<ServerView, ProviderError> {
        let address = id.0.strip_prefix(PREFIX).and_then(|address| address.parse::<IpAddr>().ok());
        let Some(IpAddr::V4(address)) = address else {
            let message = format!("\"{id}\" is no server assigned by hand");
            return Err(Problem::permanent(
                Code::SERVER_MANUAL,
                message,
                "assign it as manual:<IPv4 address>",
            )
            .into());
        };
        Ok(ServerView {
            id: id.clone(),
            name: address.to_string(),
            hostname: None,
            nickname: None,
            disabled: false,
            template: None,
            site: None,
            region: None,
            power: Power::Unknown("not asked".into()),
            locked: None,
            rescue: false,
            snapshots: 0,
            ipv4: vec![address],
            ipv6: Vec::new(),
            resources: None,
        })
    }

    async fn find_install(&self, _: &ServerId, _: DateTime<Utc>) -> Result<Option<TaskId>, ProviderError> {
        Ok(None)
    }

    async fn start_install(&self, id: &ServerId, _: &InstallRequest) -> Result<Begun, ProviderError> {
        Err(not_possible(
            &id.0,
            "it cannot be installed from here",
            "install Debian 12 with our SSH key on it",
        ))
    }

    async fn task(&self, id: &ServerId, _: &TaskId) -> Result<TaskState, ProviderError> {
        Err(not_possible(&id.0, "it has no tasks", "continue with the order; there is nothing to wait for"))
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::ids::ServerId;

    use super::Manual;
    use crate::{Capabilities, ServerProvider};

    #[tokio::test]
    async fn a_manual_server_is_its_address_and_nothing_else() {
        assert_eq!(Manual.capabilities(), Capabilities::default());
        let id = Manual::id([203, 0, 113, 7].into());
        let view = Manual.server(&id).await.expect("a view");
        assert_eq!(view.address().map(|address| address.to_string()).as_deref(), Some("203.0.113.7"));
        for bad in ["netcup:7", "manual:", "manual:example.com", "203.0.113.7"] {
            let refused = Manual.server(&ServerId(bad.into())).await;
            assert!(refused.is_err_and(|error| !error.retryable()), "{bad}");
        }
        assert!(Manual.list().await.is_err_and(|error| !error.retryable()));
    }
}
