//! What the end-to-end tests share: a lab that is set up once, and checks that are made on it.
//!
//! It must never be used by a program, nor by a test of another crate.

pub mod scenario;
