//! `--plan`, declared once.

/// On every command that changes something on this server.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Planned {
    /// Only say what would be done.
    #[arg(long)]
    pub plan: bool,
}
