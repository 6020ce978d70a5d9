//! Asking on the terminal. Whoever breaks off gets it back as it was, with what is typed shown, and the exit code 130.

use rustix::termios;

/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Asks, where standard input is a terminal. Nothing is done before the answer, so that nothing is half done without.
///
/// # Errors
/// When the terminal cannot be read.
pub(crate) async fn asked<T: Send + 'static>(
    ask: impl FnOnce() -> dialoguer::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let before = termios::tcgetattr(std::io::stdin())?;
    let asking = tokio::task::spawn_blocking(ask);
    let answer = tokio::select! {
        answer = asking => Some(answer?),
        _ = tokio::signal::ctrl_c() => None,
    };
    match answer {
        Some(Err(dialoguer::Error::IO(error))) if error.kind() == std::io::ErrorKind::Interrupted => {}
        Some(answer) => return Ok(answer?),
        None => {}
    }
    let _ = termios::tcsetattr(std::io::stdin(), termios::OptionalActions::Now, &before);
    eprintln!();
    std::process::exit(INTERRUPTED);
}
