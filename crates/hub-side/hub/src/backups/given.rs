//! A destination that a person gave for an order. It holds the secret that opens it, so it lies beside the jobs'
//! tokens in a file that only the Hub reads, never in the database, and goes when a server has it.

use std::path::Path;

use letsbe_types::{Problem, backup::Destination, ids::OrderId};

use crate::recovery::source::SourceFile;

/// The file of an order.
pub(crate) fn file(jobs_folder: &Path, order: OrderId) -> SourceFile {
    SourceFile::named(jobs_folder, &format!("destination-{order}.json"))
}

/// What was given; `None` if nothing was.
pub(crate) fn read(jobs_folder: &Path, order: OrderId) -> Result<Option<Destination>, Problem> {
    file(jobs_folder, order).read()
}
