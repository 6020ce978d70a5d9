//! letsbe-provisioner: carries out one provisioning job, read as JSON from standard input.
//!
//! Prints the run's events as JSON lines. Exit code 0: the server is provisioned and verified. 1: it is not.

use std::{
    io::{IsTerminal as _, Read as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use letsbe_protocol::NodeLine;
use letsbe_provisioner::flow::{self, Options, Progress};
use letsbe_types::{Code, Problem, harmless, job::ProvisionJob};

/// A server's own installer may still be at work when the provider says that the system is installed.
const FIRST_BOOT: Duration = Duration::from_secs(120);

/// Carries out one provisioning job, read as JSON from standard input.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Scan all ports from outside, instead of the ones that matter most.
    #[arg(long)]
    full_scan: bool,
    /// Print what a run would change, one operation a line, and change nothing.
    #[arg(long, conflicts_with = "full_scan")]
    plan: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    let is_seen = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_seen).with_writer(std::io::stderr).init();
    match carry_out(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            note(&format!("{problem}\n{}", problem.hint));
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(arguments: Arguments) -> Result<(), Problem> {
    let unusable = |error: String| {
        Problem::permanent(Code::NODE002, format!("The job cannot be read: {error}"), "The Hub writes it.")
    };
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| unusable(error.to_string()))?;
    let job: ProvisionJob = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    if arguments.plan {
        return plan(&job).await;
    }
    let options = Options { full_scan: arguments.full_scan, first_boot: FIRST_BOOT, ..Options::default() };
    flow::run(&job, options, &|progress| match progress {
        Progress::Event(event) => {
            if let Ok(line) = serde_json::to_string(&event) {
                // Whoever started us may be gone; the job goes on, and the Hub hears of it by HTTP.
                let _ = writeln!(std::io::stdout(), "{line}");
            }
        }
        Progress::Connected { user, .. } => note(&format!("connected as {user}")),
        Progress::Uploading { file, sent, total } if sent == total => {
            note(&format!("uploaded {file} ({total} bytes)"));
        }
        Progress::Uploading { .. } => {}
        Progress::Note(text) => note(&text),
    })
    .await
}

/// Prints the plan, or a problem in its place.
async fn plan(job: &ProvisionJob) -> Result<(), Problem> {
    let planned = flow::plan(job, &|progress| {
        if let Progress::Note(text) = progress {
            note(&text);
        }
    });
    let (lines, end): (Vec<_>, _) = match planned.await {
        Ok(operations) => (operations.iter().map(serde_json::to_string).collect(), Ok(())),
        Err(problem) => {
            let refused = NodeLine::Refused { problem: problem.clone() };
            (vec![serde_json::to_string(&refused)], Err(problem))
        }
    };
    for line in lines.into_iter().flatten() {
        let _ = writeln!(std::io::stdout(), "{line}");
    }
    end
}

fn note(text: &str) {
    // Much of it is a server's own text, and the Hub's log is read on terminals.
    for line in text.lines() {
        let _ = writeln!(std::io::stderr(), "{}", harmless(line));
    }
}
