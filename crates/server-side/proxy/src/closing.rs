//! The end of the program: what is under way gets a little time, and what is not done then is broken off, so that its
//! tokens are settled before the line to the agent is let go.

use tokio::sync::watch;

/// Whether requests are to be broken off.
#[derive(Debug, Clone)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl Closing {
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Waits until requests are to be broken off; for ever if that never happens.
    pub(crate) async fn closed(&mut self) {
        if self.0.wait_for(|closed| *closed).await.is_err() {
            std::future::pending().await
        }
    }
}
