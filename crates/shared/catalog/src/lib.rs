#![doc = include_str!("../README.md")]

mod check;
mod compose;
mod confine;
mod credential;
mod exchange;
mod load;
mod nginx;
mod owner;
mod render;
mod rotation;
mod select;
mod state;
mod suits;
mod template;
mod tiers;
mod tool;
mod tool_id;
mod upload;

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
    DataVersion, Database, DatabaseEngine, DatabaseRotation, Health, Kind, Need, Port, Restore,
    RuleException, Service, Setup, State, StateMethod, Tool, ToolFiles, Update, Vhost,
};
pub use tool_id::{InvalidToolId, ToolId};
pub use upload::{UPLOAD_ID, UPLOAD_PORT, UPLOAD_USER, Upload};
