//! Checks that share a scenario, each a test of its own: listed, run alone by its name, reported by its name.
//!
//! The scenario is set up when the first check that was asked for begins, and removed at the end. A check that fails hides
//! no other. Each must pass alone too: what only holds in an order is one check.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use tokio::runtime::Runtime;

/// What checks are made on.
pub trait Scenario: Send + Sync + 'static {
    /// Removes what was set up, whatever the checks said.
    fn remove(&self) -> impl Future<Output = anyhow::Result<()>>;
}

type SetUp<S> = Box<dyn FnOnce(&Runtime) -> anyhow::Result<S> + Send>;
type Check<S> = Box<dyn FnOnce(&Shared<S>) -> Result<(), Failed> + Send>;

/// The checks of one test program.
pub struct Checks<S> {
    name: &'static str,
    limit: Duration,
    at_once: usize,
    set_up: SetUp<S>,
    checks: Vec<(&'static str, Check<S>)>,
}

impl<S: Scenario> Checks<S> {
    /// No checks yet. All their names begin with `name`, and none may take longer than `limit`.
    pub fn on<F>(name: &'static str, limit: Duration, set_up: F) -> Self
    where
        F: AsyncFnOnce() -> anyhow::Result<S> + Send + 'static,
    {
        let set_up: SetUp<S> = Box::new(move |runtime: &Runtime| runtime.block_on(async { set_up().await }));
        Self { name, limit, at_once: 1, set_up, checks: Vec::new() }
    }

    /// So many may be made beside each other; without this, one at a time.
    #[must_use]
    pub fn at_once(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    /// Adds a check. Its name is an identifier, so that it can be typed.
    #[must_use]
    pub fn check<F>(mut self, name: &'static str, check: F) -> Self
    where
        F: AsyncFnOnce(&S) -> anyhow::Result<()> + Send + 'static,
    {
        let limit = self.limit;
        self.checks.push((name, Box::new(move |shared: &Shared<S>| shared.make(limit, check))));
        self
    }

    /// Adds a check that needs no scenario: alone it takes no time.
    #[must_use]
    pub fn check_without_scenario(mut self, name: &'static str, check: fn() -> anyhow::Result<()>) -> Self {
        self.checks.push((name, Box::new(move |_: &Shared<S>| check().map_err(failed))));
        self
    }

    /// Makes the checks that the command line asks for, as any test program; for `main`.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        match self.run_with(Arguments::from_args()) {
            Ok(conclusion) => conclusion.exit_code(),
            Err(error) => {
                eprintln!("error: {error:?}");
                ExitCode::FAILURE
            }
        }
    }

    fn run_with(self, mut arguments: Arguments) -> anyhow::Result<Conclusion> {
        let asked = arguments.test_threads.unwrap_or(self.at_once);
        arguments.test_threads = Some(asked.clamp(1, self.at_once.max(1)));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let shared = Arc::new(Shared { runtime, state: Mutex::new(State::New(self.set_up)) });
        let trials = self.checks.into_iter().map(|(name, check)| {
            let shared = Arc::clone(&shared);
            Trial::test(format!("{}::{name}", self.name), move || check(&shared))
        });
        let conclusion = libtest_mimic::run(&arguments, trials.collect());
        shared.remove().context("the scenario could not be removed")?;
        Ok(conclusion)
    }
}

/// What the checks share.
struct Shared<S> {
    runtime: Runtime,
    state: Mutex<State<S>>,
}

enum State<S> {
    New(SetUp<S>),
    Ready(Arc<S>),
    /// It was tried once; it is not tried again.
    Failed,
}

impl<S: Scenario> Shared<S> {
    /// The scenario, which the first who asks sets up; the others wait.
    fn scenario(&self) -> Result<Arc<S>, Failed> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match std::mem::replace(&mut *state, State::Failed) {
            State::New(set_up) => self.set_up(set_up),
            tried => tried,
        };
        match &*state {
            State::Ready(scenario) => Ok(Arc::clone(scenario)),
            State::New(_) | State::Failed => Err("the scenario could not be set up: see above".into()),
        }
    }

    fn set_up(&self, set_up: SetUp<S>) -> State<S> {
        let began = Instant::now();
        let made = catch_unwind(AssertUnwindSafe(|| set_up(&self.runtime)));
        match made.unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked"))) {
            Ok(scenario) => {
                println!("-- set up in {} s", began.elapsed().as_secs());
                State::Ready(Arc::new(scenario))
            }
            Err(error) => {
                println!("\nerror: the scenario could not be set up: {error:?}");
                State::Failed
            }
        }
    }

    fn make<F>(&self, limit: Duration, check: F) -> Result<(), Failed>
    where
        F: AsyncFnOnce(&S) -> anyhow::Result<()>,
    {
        let scenario = self.scenario()?;
        let began = Instant::now();
        let made = self.runtime.block_on(async { tokio::time::timeout(limit, check(&scenario)).await });
        println!("     {:.1} s", began.elapsed().as_secs_f64());
        made.unwrap_or_else(|_| Err(anyhow::anyhow!("it took longer than {} s", limit.as_secs())))
            .map_err(failed)
    }

    fn remove(&self) -> anyhow::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State::Ready(scenario) = std::mem::replace(&mut *state, State::Failed) else { return Ok(()) };
        let removed = self.runtime.block_on(scenario.remove());
        // What it holds may end tasks when it is dropped.
        let _inside = self.runtime.enter();
        drop(scenario);
        removed
    }
}

fn failed(error: anyhow::Error) -> Failed {
    format!("{error:?}").into()
}

#[cfg(test)]
mod tests;
