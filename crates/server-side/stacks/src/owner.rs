//! Whether a tool's owner was seen to be the customer: a record in the folder of the volume that holds its accounts.
//!
//! It lies beside the volume's content, where no container reaches it, and goes with the volume: a tool whose data was
//! thrown away is a tool without an owner. A restore exchanges the content and leaves the record.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use letsbe_catalog::{Catalog, Tool};
use letsbe_host::{FileWrite, Machine};
use letsbe_types::{Code, Problem};
use serde::{Deserialize, Serialize};

use super::reading;

/// There once every tool's owner was seen on this server.
pub(crate) const ALL_PROVEN: &str = letsbe_types::paths::OWNERS_PROVEN;
const VOLUMES: &str = "/var/lib/docker/volumes";
const RECORD: &str = "letsbe-owner.json";

/// What the record rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Proof {
    /// None yet: nobody had set the tool up when we began.
    Begun,
    /// The owner's log-in with the vault's password has worked.
    LoggedIn,
    /// The data is the lost server's, with the password that its owner has given himself.
    Restored,
    /// A person has checked, and accepted the owner.
    Accepted,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    tool: String,
    proof: Proof,
    at: DateTime<Utc>,
}

/// The file of a tool that has accounts.
pub(crate) fn path(tool: &Tool) -> Option<PathBuf> {
    let (setup, volume) = (tool.setup.as_ref(), tool.accounts_volume()?);
    setup.map(|_| PathBuf::from(format!("{VOLUMES}/letsbe-{}_{volume}/{RECORD}", tool.name)))
}

/// Whether the tool may be reached: it has no log-in, or its owner was seen.
pub(crate) async fn is_proven(machine: &dyn Machine, tool: &Tool) -> Result<bool, Problem> {
    if tool.setup.is_none() {
        return Ok(true);
    }
    Ok(proof(machine, tool).await?.is_some_and(|proof| proof != Proof::Begun))
}

/// What is written down of a tool.
pub(crate) async fn proof(machine: &dyn Machine, tool: &Tool) -> Result<Option<Proof>, Problem> {
    let Some(path) = path(tool) else { return Ok(None) };
    let found = reading::file(machine, path).await?;
    let record = found.and_then(|state| serde_json::from_str::<Record>(&state.content).ok());
    Ok(record.filter(|record| record.tool == tool.name.as_str()).map(|record| record.proof))
}

/// Writes down how the owner was seen, or that his set-up begins.
pub(crate) async fn record(machine: &dyn Machine, tool: &Tool, proof: Proof) -> Result<(), Problem> {
    let Some(path) = path(tool) else { return Ok(()) };
    let record = Record { tool: tool.name.as_str().to_owned(), proof, at: Utc::now() };
    let text = serde_json::to_string(&record).unwrap_or_default();
    let written = machine.write(&FileWrite::new(path, 0o600, text)).await;
    written.map_err(|error| reading::unreadable(&error))
}

/// Records a person's word that a tool's present administrator is the customer: `letsbe-node accept-owner <tool>`.
///
/// # Errors
/// There is no such tool with a log-in, or its volume is missing.
pub async fn accept_owner(machine: &dyn Machine, catalog: &Catalog, name: &str) -> Result<(), Problem> {
    let tool = check_owned(machine, catalog, name).await?;
    record(machine, tool, Proof::Accepted).await
}

/// The tool, if it has a log-in and data here, so that its owner can be accepted. Changes nothing.
///
/// # Errors
/// `NODE050` when not.
pub async fn check_owned<'a>(
    machine: &dyn Machine,
    catalog: &'a Catalog,
    name: &str,
) -> Result<&'a Tool, Problem> {
    let tool = catalog.tools().find(|tool| tool.name.as_str() == name && tool.setup.is_some());
    let unknown = || {
        Problem::permanent(Code::NODE050, format!("there is no tool {name} with a log-in"), "Check the name.")
    };
    let tool = tool.ok_or_else(unknown)?;
    let volume = path(tool).and_then(|path| Some(path.parent()?.file_name()?.to_str()?.to_owned()));
    let volumes = machine.list(VOLUMES.as_ref()).await.map_err(|error| reading::unreadable(&error))?;
    if !volume.is_some_and(|volume| volumes.contains(&volume)) {
        let message = format!("{name} has no data on this server");
        return Err(Problem::permanent(Code::NODE050, message, "Run the provisioning first."));
    }
    Ok(tool)
}
