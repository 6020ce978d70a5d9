//! A run: started by a provisioner, carried out by a unit of its own, followed by whoever wants to.

pub(crate) mod attach;
pub(crate) mod decide;
pub(crate) mod execute;
pub(crate) mod keys;
pub(crate) mod plan;
pub(crate) mod recover;
pub(crate) mod start;

use std::{io::Write as _, path::Path, sync::Arc};

use letsbe_host::Operation;
use letsbe_protocol::NodeLine;
use letsbe_types::{
    Code, Problem,
    ids::JobId,
    job::{DesiredServer, RunEvent},
};
use serde::{Deserialize, Serialize};

use crate::manual::ManualInstalled;
use letsbe_base::{bundle, layout::Layout};

/// What a run is asked to do. Kept in memory only, for as long as it is asked for.
#[derive(Serialize, Deserialize)]
pub(crate) struct Request {
    /// What the server shall become.
    pub(crate) desired: DesiredServer,
    /// Last event of the journal when this was asked: an end that comes later is the end of this request.
    pub(crate) after: u64,
    /// Seconds by which this server's clock is ahead of the provisioner's, if that was told.
    pub(crate) clock_ahead: Option<i64>,
}

/// The operations of all steps, from the installed bundle's catalog; and the manual of this program.
pub(crate) fn operations(folder: &Path, desired: &DesiredServer) -> Result<Vec<Box<dyn Operation>>, Problem> {
    let mut operations = letsbe_stacks::all_operations(Arc::new(bundle::catalog(folder)?), desired)?;
    let manual = ManualInstalled::new(Layout::default());
    let place = operations.partition_point(|operation| operation.step() <= manual.step());
    operations.insert(place, Box::new(manual));
    Ok(operations)
}

/// Name of the unit that carries a run out.
pub(crate) fn unit(job: JobId) -> String {
    format!("letsbe-run-{job}")
}

/// Prints an event; fails when nobody reads any more.
pub(crate) fn print(event: &RunEvent) -> std::io::Result<()> {
    print_line(&NodeLine::Event(event.clone()))
}

/// Prints one line of the protocol.
pub(crate) fn print_line(line: &NodeLine) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(line).map_err(std::io::Error::other)?;
    text.push(b'\n');
    let mut output = std::io::stdout().lock();
    output.write_all(&text)?;
    output.flush()
}

/// Reads the wishes from standard input.
pub(crate) fn read_desired() -> Result<DesiredServer, Problem> {
    serde_json::from_reader(std::io::stdin().lock()).map_err(|error| {
        Problem::permanent(
            Code::NODE002,
            format!("What the server shall become cannot be read: {error}"),
            "The provisioner and the node program must be of the same version.",
        )
    })
}
