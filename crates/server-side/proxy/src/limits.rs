//! How much is taken, and how long is waited.

use std::time::Duration;

/// Longest body of a request to a model.
pub(crate) const REQUEST_BYTES: usize = 16 * 1024 * 1024;
/// Longest body of a request to the command gate.
pub(crate) const GATE_BYTES: usize = 4 * 1024 * 1024;
/// Longest answer that is not streamed, and longest event of a stream.
pub(crate) const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Longest error of a provider that is passed on.
pub(crate) const ERROR_BYTES: usize = 64 * 1024;
/// Bodies of all requests at the same time: one of the longest, or many usual ones.
pub(crate) const BODIES_BYTES: usize = REQUEST_BYTES;
/// Requests to models at the same time.
pub(crate) const MODEL_REQUESTS: usize = 64;
/// Requests to the command gate at the same time, open event streams included.
pub(crate) const GATE_REQUESTS: usize = 64;
/// Longer bodies are looked through on a thread of their own, so that nobody else waits.
pub(crate) const LONG_BODY_BYTES: usize = 512 * 1024;

/// When everything was said, the usage is waited for this long.
pub(crate) const AFTERWORD: Duration = Duration::from_secs(5);

/// How long is waited for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the line to the agent, and for its answer.
    pub agent: Duration,
    /// For the caller's body.
    pub caller: Duration,
    /// For a connection to a provider.
    pub connect: Duration,
    /// For the first byte of a streamed answer.
    pub first_byte: Duration,
    /// Between two pieces of an answer, and for the first byte of one that is not streamed: it is complete then.
    pub idle: Duration,
    /// For everything that belongs to one request. Shorter than the agent keeps an unsettled reservation.
    pub whole: Duration,
    /// For the command gate to begin its answer: a command may run that long.
    pub gate: Duration,
    /// For requests under way when the program is told to end; then they are broken off. Docker kills after ten seconds.
    pub farewell: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            agent: Duration::from_secs(3),
            caller: Duration::from_secs(30),
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(20),
            idle: Duration::from_secs(120),
            whole: Duration::from_secs(600),
            gate: Duration::from_secs(900),
            farewell: Duration::from_secs(5),
        }
    }
}
