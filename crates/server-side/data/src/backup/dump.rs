//! A database's dump on its way into the repository: the parent has the repository's program start the child, which runs
//! the database's own client, counts what passes and leaves the facts about it.

pub(super) mod child;
pub(super) mod parent;
