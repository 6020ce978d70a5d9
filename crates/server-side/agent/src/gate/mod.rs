//! The command gate: the one way in which the AI team acts on this server.
//!
//! It must never run what was not judged, hand out a value of a secret, or do anything while the vault cannot be read.

mod answer;
mod approvals;
mod clean;
mod cli;
mod control;
mod execute;
mod from_here;
mod server;

mod log;
mod mcp;
mod problem;
mod process;
mod reads;
mod rules;
mod schema;
mod secret_refs;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::Utc;
use letsbe_gate::{Action, Call, Decision, Entry, Judgement, Outcome, Phase, Verb, decide, plan};
use letsbe_types::{
    Problem, clock,
    ids::ApprovalId,
    tenant::{Autonomy, LogChain, LogHead, TenantEventKind},
};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, time::Instant};

pub use cli::{ApprovalsCommand, GateCommand, approvals, gate};

use crate::{
    context::{AgentContext, Secrets},
    gate::{
        answer::{Asked, Refusal},
        execute::{Executor, ServerExecutor, Work},
        log::Log,
        rules::{BundleRules, Rules},
        secret_refs::Filled,
        store::Store,
    },
    limit::Limit,
};
use letsbe_base::{files, layout::Layout};

letsbe_types::crash_points! {
    /// Where the agent can be killed around an approved call.
    pub(crate) mod points {
        HELD = "gate.held",
        DECIDED = "gate.decided",
        TAKEN = "gate.taken",
        BEGUN = "gate.begun",
        EXECUTED = "gate.executed",
        FINISHED = "gate.finished",
    }
}

/// Calls that are carried out at the same time.
const AT_ONCE: usize = 8;
/// Bytes of the arguments that the log keeps of a call.
const LOGGED_BYTES: usize = 4 * 1024;
/// The proxy's container holds every secret in memory: nobody runs anything in it.
const CLOSED: &str = "secrets-proxy";

/// The command gate.
pub(crate) struct Gate {
    context: Arc<AgentContext>,
    rules: BundleRules,
    executor: Arc<dyn Executor>,
    log: Log,
    store: Store,
    slots: Arc<Semaphore>,
    limit: Limit,
    recent: clean::Recent,
}

/// A call with everything that was decided about it.
#[derive(Clone)]
struct Judged {
    call: Call,
    judgement: Judgement,
    autonomy: Autonomy,
    decision: Decision,
    plan: String,
    /// Why it can never be done, if so.
    obstacle: Option<Problem>,
}

/// Who allowed a call, where somebody did.
#[derive(Clone)]
struct Allowed {
    approval: ApprovalId,
    by: String,
}

/// Where the log lies.
fn log_path(layout: &Layout) -> std::path::PathBuf {
    layout.audit_log().with_file_name("gate.jsonl")
}

/// What the Hub is told of the log while the gate is closed.
pub(crate) fn published_of_closed(layout: &Layout, known: &LogHead) -> (LogHead, Option<LogChain>) {
    log::published_by_file(&log_path(layout), known)
}

impl Gate {
    /// Reads the table and the catalog of the bundle, the log and the approvals, and goes on with what was approved.
    pub(crate) async fn open(context: Arc<AgentContext>) -> Result<Arc<Self>, Problem> {
        let executor = Arc::new(ServerExecutor::new(context.layout.clone()));
        Self::open_with(context, executor)
    }

    fn open_with(context: Arc<AgentContext>, executor: Arc<dyn Executor>) -> Result<Arc<Self>, Problem> {
        let rules = BundleRules::open(context.layout.bundle())?;
        let (log, broken) = Log::open(&log_path(&context.layout), |text| log::note(Utc::now(), text))?;
        if let Some(broken) = broken {
            let problem = problem::damaged(broken);
            tracing::error!(%problem, "the gate's log is damaged");
            context.outbox.publish(TenantEventKind::Trouble { problem })?;
        }
        let store = Store::open(context.layout.state("approvals.json"))?;
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let limit = Limit::default();
        let recent = clean::Recent::default();
        let gate = Arc::new(Self { context, rules, executor, log, store, slots, limit, recent });
        gate.resume()?;
        Ok(gate)
    }

    /// Last entry of the log.
    pub(crate) fn head(&self) -> LogHead {
        self.log.head()
    }

    /// What the Hub is told of the log, which knows it up to this line.
    pub(crate) fn published(&self, known: &LogHead) -> (LogHead, Option<LogChain>) {
        self.log.published(known)
    }

    fn secrets(&self) -> Result<Arc<Secrets>, Refusal> {
        self.context.secrets.borrow().clone().ok_or_else(|| Refusal::locked(problem::locked()))
    }

    fn is_installed(&self, name: &str) -> bool {
        self.context.layout.stack(name).join("docker-compose.yml").exists()
    }

    /// The container that a call is about; `None` for the server itself.
    fn container(&self, action: &Action, rules: &Rules) -> Result<Option<String>, Problem> {
        let Some(name) = action.tool() else { return Ok(None) };
        let mut tools = rules.tools();
        let tool = tools.find(|tool| tool.name.as_str() == name && self.is_installed(name));
        let tool = tool.ok_or_else(|| problem::not_here(format!("There is no {name} on this server")))?;
        let wanted = action.service();
        let service = tool.services.iter().find(|service| wanted.is_none_or(|wanted| wanted == service.name));
        let missing = || {
            let known: Vec<&str> = tool.services.iter().map(|service| service.name.as_str()).collect();
            problem::not_here(format!("{name} has no such service; it has {}", known.join(", ")))
        };
        Ok(Some(service.ok_or_else(missing)?.container.clone()))
    }

    /// What a call is, and what is done with it. What can never be done is known here, before anybody is asked.
    fn judge(&self, call: Call, secrets: &Secrets) -> Judged {
        let configuration = self.context.configuration.borrow().clone();
        let rules = self.rules.current();
        let judgement = rules.table.judge(&call);
        let unlocked = call
            .action
            .tool()
            .is_some_and(|tool| configuration.external_unlocked.iter().any(|unlocked| unlocked == tool));
        let decision = decide(&judgement, configuration.autonomy, unlocked);
        let (plan, obstacle) = (plan(&call), self.possible(&call, secrets, &rules).err());
        Judged { call, judgement, autonomy: configuration.autonomy, decision, plan, obstacle }
    }

    fn possible(&self, call: &Call, secrets: &Secrets, rules: &Rules) -> Result<(), Problem> {
        if let Action::Update { .. } = call.action {
            return Err(problem::not_yet(call.action.verb()));
        }
        self.container(&call.action, rules)?;
        let Action::Run(run) = &call.action else { return Ok(()) };
        if run.tool.as_deref() == Some(CLOSED) {
            return Err(problem::not_here(format!("Nothing is run in the container of {CLOSED}")));
        }
        if run.tool.is_none() && !rules.table.lists(run) {
            return Err(problem::not_on_host());
        }
        secret_refs::fill(run, &secrets.present).map(|_| ())
    }

    /// Answers a call of an agent.
    async fn ask(self: &Arc<Self>, asked: Asked) -> Result<Value, Refusal> {
        let secrets = self.secrets()?;
        // From here on nothing holds a value of a secret, whoever pasted one.
        let arguments = secret_refs::redacted(asked.arguments, &secrets.redactor);
        let clean = |text: String| secrets.redactor.text(&text);
        let (agent, verb, tool) = (clean(asked.agent), clean(asked.verb), asked.tool.map(clean));
        let call = match Call::parse(&agent, &verb, tool.as_deref(), arguments) {
            Ok(call) => call,
            Err(invalid) => {
                let wrong: Vec<&str> = invalid.0.iter().map(|fault| fault.field.as_str()).collect();
                self.log
                    .append(log::note(Utc::now(), format!("refused, wrong fields: {}", wrong.join(", "))))?;
                return Err(invalid.into());
            }
        };
        let approval = match call.action {
            Action::ApprovalStatus { approval } => Some((approval, None)),
            _ => asked.approval.map(|approval| (approval, Some(&call))),
        };
        if let Some((approval, call)) = approval {
            return Ok(self.approval_answer(approval, call)?);
        }
        let judged = self.judge(call, &secrets);
        if let Some(problem) = &judged.obstacle {
            self.log.append(self.entry(&judged, Phase::Refused, &problem.to_string(), None))?;
            return Ok(judged.answer("refused", json!({ "problem": problem })));
        }
        if asked.plan_only {
            self.log.append(self.entry(&judged, Phase::Planned, "shown only", None))?;
            return Ok(judged.answer("planned", json!({ "because": judged.judgement.because })));
        }
        match judged.decision {
            Decision::Ask => Ok(self.hold(&judged)?),
            Decision::Run => {
                let slot = Arc::clone(&self.slots).try_acquire_owned();
                let slot = slot.map_err(|_| Refusal::busy(problem::busy()))?;
                let gate = Arc::clone(self);
                // A caller who hangs up must not leave half of it done, and no end in the log.
                let done = tokio::spawn(async move {
                    let answer = gate.carry_out(&judged, None).await;
                    drop(slot);
                    answer
                });
                Ok(done.await.map_err(|error| problem::failed(format!("It was broken off: {error}")))??)
            }
        }
    }

    /// Carries a call out, with its two entries in the log. An error means that it was not begun.
    async fn carry_out(&self, judged: &Judged, allowed: Option<Allowed>) -> Result<Value, Problem> {
        let begun =
            self.log.append(self.entry(judged, Phase::Begun, &judged.judgement.because, allowed.as_ref()))?;
        letsbe_types::crash::point(&points::BEGUN);
        let started = Instant::now();
        let result = self.execute(judged, begun).await;
        letsbe_types::crash::point(&points::EXECUTED);
        let milliseconds = clock::milliseconds(started.elapsed());
        let outcome = match &result {
            Ok(done) => Outcome { exit_code: done.exit_code, bytes: done.bytes, milliseconds, problem: None },
            Err(problem) => {
                Outcome { milliseconds, problem: Some(problem.code.clone()), ..Outcome::default() }
            }
        };
        let mut entry = self.entry(judged, Phase::Ended, "", allowed.as_ref());
        (entry.begun, entry.outcome) = (Some(begun), Some(outcome));
        (entry.arguments, entry.plan) = (String::new(), String::new());
        self.log.append(entry)?;
        Ok(match result {
            Ok(done) => judged.answer("done", json!({ "entry": begun, "result": done.result })),
            Err(problem) => judged.answer("failed", json!({ "entry": begun, "problem": problem })),
        })
    }

    async fn execute(&self, judged: &Judged, begun: u64) -> Result<execute::Done, Problem> {
        let secrets = self.context.secrets.borrow().clone().ok_or_else(problem::locked)?;
        let action = judged.call.action.clone();
        let done = match &action {
            Action::Status => self.own(self.status()),
            Action::ListTools => self.own(self.list_tools()),
            _ => {
                let filled = match &action {
                    Action::Run(run) => secret_refs::fill(run, &secrets.present)?,
                    _ => Filled::default(),
                };
                let container = self.container(&action, &self.rules.current())?;
                let id = format!("{begun}-{}", ApprovalId::generate());
                let redactor = Arc::clone(&secrets.redactor);
                self.executor.carry_out(Work { id, action, container, filled, redactor }).await
            }
        };
        // Once more, over everything that leaves: an executor's own words may quote something, too.
        let tool = judged.call.action.tool().unwrap_or_default();
        let done = done.and_then(|done| {
            let result = self.recent.clean(tool, done.result, &secrets.redactor)?;
            Ok(execute::Done { result, ..done })
        });
        done.map_err(|problem| clean::problem(problem, &secrets.redactor))
    }

    fn own(&self, result: Value) -> Result<execute::Done, Problem> {
        Ok(execute::Done { exit_code: None, bytes: result.to_string().len() as u64, result })
    }

    fn status(&self) -> Value {
        let configuration = self.context.configuration.borrow().clone();
        json!({
            "autonomy": configuration.autonomy,
            "external_unlocked": configuration.external_unlocked,
            "approvals_pending": self.pending(),
            "log": self.head(),
        })
    }

    fn list_tools(&self) -> Value {
        let rules = self.rules.current();
        let here = rules.tools().filter(|tool| self.is_installed(tool.name.as_str()));
        // What provisioning wrote down of them: where each is reached. Without it the names are told all the same.
        let registry = self.context.layout.state("tool-registry.json");
        let registry: Value = files::read_json(&registry).ok().flatten().unwrap_or_default();
        let known = registry["tools"].as_array().map_or(&[][..], Vec::as_slice);
        let urls = |name: &str| {
            let found = known.iter().find(|tool| tool["name"] == name);
            found.map_or_else(|| json!([]), |tool| tool["urls"].clone())
        };
        let tools: Vec<Value> = here
            .map(|tool| {
                let services: Vec<&str> = tool.services.iter().map(|service| service.name.as_str()).collect();
                json!({ "name": tool.name.as_str(), "title": tool.title, "services": services,
                        "urls": urls(tool.name.as_str()) })
            })
            .collect();
        let verbs: Vec<Value> =
            Verb::ALL.iter().map(|verb| json!({ "name": verb, "class": rules.table.verb(*verb) })).collect();
        json!({ "tools": tools, "verbs": verbs })
    }

    fn entry(&self, judged: &Judged, phase: Phase, decision: &str, allowed: Option<&Allowed>) -> Entry {
        let arguments = serde_json::to_value(&judged.call.action).unwrap_or_default();
        let mut arguments = secret_refs::shortened(arguments, LOGGED_BYTES / 2).to_string();
        arguments.truncate(arguments.floor_char_boundary(LOGGED_BYTES));
        Entry {
            number: 0,
            at: Utc::now(),
            phase,
            agent: judged.call.agent.clone(),
            verb: judged.call.action.verb().to_string(),
            tool: judged.call.action.tool().map(str::to_owned),
            arguments,
            class: Some(judged.judgement.class),
            autonomy: Some(judged.autonomy),
            decision: decision.to_owned(),
            plan: judged.plan.clone(),
            approval: allowed.map(|allowed| allowed.approval.to_string()),
            by: allowed.map(|allowed| allowed.by.clone()),
            begun: None,
            outcome: None,
        }
    }
}
