//! The repository, with the real programs: what fails leaves nothing, copies carry everything over, damage is named,
//! and the stock restic by itself accepts what we wrote.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail, too")]

mod as_it_was;
mod damage;
mod key;
mod killed;
mod outside;
mod place;
mod restoring;
mod signed;
mod storing;
mod webdav;
