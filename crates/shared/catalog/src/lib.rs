#![doc = include_str!("../README.md")]

mod check;
mod compose;
mod compose_file;
mod credential;
mod entry;
mod exchange;
#[cfg(test)]
mod fields;
mod former;
mod house_lines;
mod image;
mod load;
mod nginx;
mod owner;
mod render;
mod rotation;
mod rules;
mod select;
mod state;
mod suits;
mod template;
mod tiers;
mod tool;
mod tool_id;
mod upload;

pub use check::{CheckReport, CheckedTool, Finding, NotChecked, Severity, check_folder};
pub use compose_file::{Port, Service};
pub use credential::{Credential, CredentialCategory, CredentialMethod};
pub use exchange::{Capture, Exchange, Expect, Header, RenderedExchange, Transport, render_exchange};
pub use load::{Agent, Catalog, CatalogError, CatalogErrors};
pub use nginx::{CertificatePaths, Door, SiteFile, render_main_nginx, render_nginx, render_sites};
pub use render::{EnvFile, RenderContext, RenderedStack, render_agents, render_stack};
pub use rotation::{CredentialRotation, Rotation};
pub use select::Selection;
pub use template::RenderError;
pub use tiers::TierSpec;
pub use tool::{
    DataVersion, Database, DatabaseEngine, DatabaseRotation, Health, Kind, Need, Restore, RuleException,
    Setup, State, StateMethod, Tool, ToolFiles, Update, Vhost,
};
pub use tool_id::{InvalidToolId, ToolId};
pub use upload::{UPLOAD_ID, UPLOAD_PORT, UPLOAD_USER, Upload};
