//! PostgreSQL for tests: a private server of Debian's package for each test program, and databases made from a template.
//!
//! The server listens on a socket in a temporary folder only, keeps nothing durable, runs as an unprivileged user, and
//! ends with the test program however that ends. It panics where something is missing, and must never be a dependency of a
//! program: only tests use it.

mod databases;
mod rerun;
mod server;

pub use databases::{address_of, database_of};
pub use rerun::{cases, is_wanted, rerun};
pub use server::{Server, is_root, programs, unprivileged};
