//! letsbe-hub: the central program, with its roles as subcommands.
//!
//! Here is only the command line; what the Hub does is in the library.

#[macro_use(println)]
extern crate letsbe_types;

mod commands;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The Hub of a LetsBe fleet.
#[derive(Parser)]
#[command(name = "letsbe-hub", version, arg_required_else_help = true)]
struct Arguments {
    /// The configuration file.
    #[arg(long, short, env = "LETSBE_HUB_CONFIG", default_value = "/etc/letsbe/hub.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make what a new Hub needs: the data folder, the database and the SSH key for tenants' servers.
    Init,
    /// Look whether everything that the configuration names is there and as it must be, and start nothing.
    Check,
    /// Serve the API and the pages, and work on orders.
    Serve,
    /// Add a member of staff, or give one a new password: asked for on a terminal, else read from standard input.
    AddStaff {
        /// The e-mail address to log in with.
        #[arg(long)]
        email: String,
    },
    /// List who can log in.
    ListStaff,
    /// Remove a member of staff and end the sessions.
    RemoveStaff {
        /// The e-mail address.
        #[arg(long)]
        email: String,
    },
    /// Return a server to the pool that an order gave up and that you have wiped at the provider.
    ReturnServer {
        /// Its id as orders show it, for example netcup:4711.
        server: String,
    },
    /// Log in to Netcup: shows a code that you confirm in the browser.
    NetcupLogin,
    /// Back up the Hub itself, or bring it back.
    #[command(subcommand)]
    Admin(commands::AdminCommand),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,sqlx=warn,hickory_resolver=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let config = || letsbe_hub::config::HubConfig::load(&arguments.config);
    match arguments.command {
        Command::Init => commands::init(&config()?).await,
        Command::Check => {
            config()?.ready()?;
            println!("{}: everything that it names is there.", arguments.config.display());
            Ok(())
        }
        Command::Serve => commands::serve(config()?, &arguments.config).await,
        Command::AddStaff { email } => commands::add_staff(&config()?, &email).await,
        Command::ListStaff => commands::list_staff(&config()?).await,
        Command::RemoveStaff { email } => commands::remove_staff(&config()?, &email).await,
        Command::ReturnServer { server } => commands::return_server(&config()?, &server).await,
        Command::NetcupLogin => commands::netcup_login(&config()?).await,
        // There is no configuration yet where a Hub is brought back.
        Command::Admin(command) => commands::admin(&arguments.config, command).await,
    }
}
