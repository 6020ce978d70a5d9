use std::{sync::Arc, time::Instant};
use letsbe_host::{Engine, Journal, LocalMachine};
use letsbe_types::{Problem, job::RunEventKind};
struct Print;
#[async_trait::async_trait]
impl Journal for Print {
    async fn record(&self, event: RunEventKind) -> Result<(), Problem> {
        println!("{}", serde_json::to_string(&event).unwrap());
        Ok(())
    }
    async fn await_ssh_confirmation(&self, _: u16, _: &str, _: std::time::Duration) -> Result<(), Problem> { Ok(()) }
}
#[tokio::main]
async fn main() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let args: Vec<String> = std::env::args().collect();
    let catalog = Arc::new(letsbe_catalog::Catalog::load(std::path::Path::new(&args[2])).unwrap_or_else(|e| panic!("{e}")));
    if args[1] == "setup-tool" {
        if let Err(p) = letsbe_provision::stacks::run_setup(&LocalMachine, &catalog, &args[3]).await { eprintln!("{p}"); std::process::exit(1); }
        return;
    }
    let desired = serde_json::from_str(&std::fs::read_to_string(&args[3]).unwrap()).unwrap();
    let mut ops = letsbe_provision::stacks::stack_operations(Arc::clone(&catalog), &desired).unwrap();
    ops.extend(letsbe_provision::verify::operations(catalog, &desired).unwrap());
    let engine = Engine::new(&LocalMachine, &ops);
    let began = Instant::now();
    if args[1] == "plan" {
        for p in engine.plan(&desired).await { println!("{} {} {}", p.step, p.operation, match p.assessment { Ok(a) => serde_json::to_string(&a).unwrap(), Err(e) => format!("ERR {e}") }); }
    } else if args[1] == "time" {
        for op in &ops {
            let t = Instant::now();
            let a = op.assess(&LocalMachine, &desired).await;
            println!("{:>5} ms {} {}", t.elapsed().as_millis(), op.name(), a.is_ok());
        }
    } else {
        println!("{:?}", engine.run(&desired, &Print).await);
    }
    println!("took {:?}", began.elapsed());
}
