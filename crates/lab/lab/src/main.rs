//! letsbe-lab: everything outside the product's power, made real on one machine, and the demo.
//!
//! Here is only the command line; what the lab does is in the library.

mod demo;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The lab: simulated Netcup over real hosts, DNS, ACME, image registry, mail, Stripe.
#[derive(Parser)]
#[command(name = "letsbe-lab", version, arg_required_else_help = true)]
struct Arguments {
    /// The repository.
    #[arg(long, default_value = ".", global = true)]
    repository: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Place a real order and watch it become a live server.
    Demo {
        /// End when the order is fulfilled, instead of leaving everything running until Ctrl-C.
        #[arg(long)]
        once: bool,
        /// Then destroy the server, and bring the customer back on another one.
        #[arg(long)]
        disaster: bool,
    },
    /// Measure one order, and then runs that have nothing to do, side by side with their own logins.
    Bench {
        /// How many such runs.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
        runs: u32,
        /// Folder with the release builds of all programs.
        #[arg(long, default_value = "target/release")]
        programs: PathBuf,
    },
    /// Measure how much memory the agent and the secrets proxy hold.
    Memory {
        /// Folder with their release builds.
        #[arg(long, default_value = "target/release")]
        programs: PathBuf,
    },
    /// Measure nights of a 4 GB server: time and bytes beside the restic program alone, memory.
    Nights {
        /// Folder with the node's release build.
        #[arg(long, default_value = "target/release")]
        programs: PathBuf,
    },
    /// Build the images that the lab needs (the demo and the tests do it by themselves).
    Images,
    /// Remove everything that labs left behind on this machine: containers, volumes, networks, folders.
    Down,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let repository = arguments.repository.canonicalize()?;
    match arguments.command {
        Command::Demo { once, disaster } => {
            let scenario = if disaster { demo::Scenario::Disaster } else { demo::Scenario::Order };
            demo::demo(&repository, scenario, once).await
        }
        Command::Bench { runs, programs } => {
            demo::images().await?;
            let bench = letsbe_lab::bench::bench(&programs, &repository, &demo::TOOLS, runs, &demo::say);
            let report = bench.await?;
            println!("\n{report}");
            Ok(())
        }
        Command::Memory { programs } => {
            letsbe_lab::docker::ensure_engine().await?;
            println!("\n{}", letsbe_lab::memory::measure(&programs, &repository).await?);
            Ok(())
        }
        Command::Nights { programs } => {
            demo::images().await?;
            println!("\n{}", letsbe_lab::nights::measure(&programs, &repository, &demo::say).await?);
            Ok(())
        }
        Command::Images => demo::images().await,
        Command::Down => letsbe_lab::lab::cleanup_stale().await.map(drop),
    }
}
