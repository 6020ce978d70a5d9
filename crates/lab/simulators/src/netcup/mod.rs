//! Netcup, simulated: the SCP API as its description has it, and the Keycloak realm in front of it.
//!
//! It answers as the real one does, with its locks, tasks and gaps (the list of servers has neither addresses nor
//! power states), and fails on demand. What a server really is, it leaves to a [`HostControl`].

mod account;
mod api;
mod control;
mod faults;
mod host;
mod media;
mod network;
mod policies;
mod readings;
mod realm;
mod server;
mod state;
mod task;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError},
};

use axum::Router;
use letsbe_types::{Secret, clock::Clock};
use tokio::{net::TcpListener, sync::oneshot};

pub use faults::Faults;
pub use host::{HostControl, MemoryHosts, PowerCommand, System};
pub use server::SimServer;
pub use state::Call;

use state::{Shared, State};

/// A running simulation; it ends when this is dropped.
pub struct NetcupSim {
    shared: Arc<Shared>,
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl NetcupSim {
    /// Starts a simulation on an address (port 0: any free port) with a pool of servers.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn start(
        listen: SocketAddr,
        servers: Vec<SimServer>,
        hosts: Arc<dyn HostControl>,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(State::new(servers), hosts, clock, format!("http://{address}")));
        let (stop, stopped) = oneshot::channel::<()>();
        let router = router(&shared);
        tokio::spawn(async move {
            let until = async move {
                stopped.await.ok();
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
                tracing::error!(%error, "the simulated Netcup ended");
            }
        });
        Ok(Self { shared, address, _stop: stop })
    }

    /// The API's address, up to `/scp-core`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}/scp-core", self.address)
    }

    /// The Keycloak realm's address.
    #[must_use]
    pub fn realm_url(&self) -> String {
        format!("http://{}/realms/scp", self.address)
    }

    /// The address of the control endpoints, up to `/_lab`.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}/_lab", self.address)
    }

    /// Logs somebody in without a browser and gives the refresh token.
    #[must_use]
    pub fn login(&self) -> Secret<String> {
        self.shared.state().logins.open(self.shared.clock.now())
    }

    /// What the person with the browser does about a user code. False if there is no such code.
    #[must_use]
    pub fn decide_login(&self, user_code: &str, confirm: bool) -> bool {
        self.shared.state().logins.decide(user_code, confirm)
    }

    /// Changes what goes wrong from now on.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        let mut state = self.shared.state();
        change(&mut state.faults);
        self.shared.hold.send_replace(state.faults.hold_tasks);
    }

    /// How many installations a server got.
    #[must_use]
    pub fn installs(&self, server: i32) -> u32 {
        self.shared.state().installs.get(&server).copied().unwrap_or(0)
    }

    /// The calls that arrived, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.iter().cloned().collect()
    }

    /// The public keys in the account.
    #[must_use]
    pub fn ssh_keys(&self) -> Vec<String> {
        self.shared.state().ssh_keys.iter().map(|key| key.key.clone()).collect()
    }

    /// Waits until no task is under way.
    pub async fn settled(&self) {
        let mut done = self.shared.task_ended.subscribe();
        loop {
            done.mark_unchanged();
            if self.shared.state().tasks.iter().all(task::Task::is_over) {
                return;
            }
            if done.changed().await.is_err() {
                return;
            }
        }
    }

    /// Makes every access token die at once, as if its 300 seconds had passed on Netcup's clock only.
    pub fn expire_access_tokens(&self) {
        self.shared.state().logins.expire_access();
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .nest("/scp-core", api::router(shared))
        .nest("/realms/scp", realm::router(shared))
        .nest("/_lab", control::router(shared))
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
