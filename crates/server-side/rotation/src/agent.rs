//! Telling the agent on this server that the vault has changed.

use letsbe_types::Problem;
use tokio::net::UnixStream;

use letsbe_base::{control, layout::Layout};

/// Asks the agent to read the vault again, and waits until nothing leaves under the old state.
///
/// # Errors
/// When it runs and does not do it. Without an agent nothing leaves at all.
pub(super) async fn reload(layout: &Layout) -> Result<(), Problem> {
    if UnixStream::connect(layout.control_socket()).await.is_err() {
        tracing::info!("no agent runs here: nobody is told");
        return Ok(());
    }
    control::call(layout, "POST", "/vault/reload", None).await.map(drop)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{UnixListener, UnixStream},
    };

    use super::reload;
    use letsbe_base::{files, layout::Layout};

    #[tokio::test]
    async fn an_agent_that_runs_must_say_yes_and_one_that_does_not_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        assert!(reload(&layout).await.is_ok());
        files::make_folder(layout.control_socket().parent().unwrap()).unwrap();
        let listener = UnixListener::bind(layout.control_socket()).unwrap();
        let agent = tokio::spawn(async move {
            for status in ["204 No Content", "503 Service Unavailable"] {
                // The first connection only looks whether somebody is there.
                drop(listener.accept().await.unwrap());
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 1024];
                let length = stream.read(&mut request).await.unwrap();
                assert!(request[..length].starts_with(b"POST /vault/reload HTTP/1.1\r\n"));
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        assert!(reload(&layout).await.is_ok());
        assert!(reload(&layout).await.is_err());
        agent.await.unwrap();
        // A child that another test of this process forks at this moment holds the listener until it executes.
        while UnixStream::connect(layout.control_socket()).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(reload(&layout).await.is_ok(), "the socket of a dead agent");
    }
}
