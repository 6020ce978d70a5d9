//! Runs the server's operations on this machine, for trying them out: `apply FILE [--plan]`, `apply revert-ssh`.
//!
//! It confirms the move of SSH by itself and prints the journal. Never run it on a machine that you want to keep.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use letsbe_host::{Engine, Journal, LocalMachine, Question, operations, server_operations};
use letsbe_types::{
    Code, Problem,
    job::{DesiredServer, Outcome, RunEventKind},
};

struct Printed {
    confirm: bool,
}

#[async_trait]
impl Journal for Printed {
    async fn record(&self, event: RunEventKind) -> Result<(), Problem> {
        match event {
            RunEventKind::StepStarted { step, title } => println!("step {step}: {title}"),
            RunEventKind::Operation { operation, outcome, milliseconds, .. } => {
                println!("  {milliseconds:>6} ms {operation}: {}", words(&outcome));
            }
            _ => {}
        }
        Ok(())
    }

    async fn ask(&self, question: &Question, _: Duration) -> Result<(), Problem> {
        println!("  (confirming that {question}: {})", self.confirm);
        if self.confirm {
            return Ok(());
        }
        Err(Problem::transient(Code::NODE020, "nobody confirmed the move of SSH", "Retry the order."))
    }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Converged { why } => format!("converged: {why}"),
        Outcome::Changed { what } => format!("changed: {what}"),
        Outcome::Warned { warning } => format!("warned: {warning}"),
        Outcome::Skipped { why } => format!("skipped: {why}"),
        Outcome::Failed { problem } => format!("FAILED: {problem} ({})", problem.hint),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = arguments.first().ok_or("usage: apply FILE [--plan | --unconfirmed] | apply revert-ssh")?;
    if file == "revert-ssh" {
        println!("reverted: {}", operations::ssh::revert(&LocalMachine).await?);
        return Ok(());
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let desired: DesiredServer = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let operations = server_operations(&BTreeSet::new());
    let engine = Engine::new(&LocalMachine, &operations);
    let began = Instant::now();
    if has("--plan") {
        for planned in engine.plan(&desired).await {
            println!("{}", serde_json::to_string_pretty(&planned)?);
        }
    } else {
        let confirm = !has("--unconfirmed");
        let readiness = letsbe_host::readiness::wait(&LocalMachine, None, Duration::from_secs(60)).await?;
        println!("ready after {} ms, warnings: {readiness:?}", began.elapsed().as_millis());
        let result = engine.run(&desired, &Printed { confirm }).await?;
        println!("result: {result:?}");
    }
    println!("{} ms", began.elapsed().as_millis());
    Ok(())
}
