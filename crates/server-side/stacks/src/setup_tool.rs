//! `letsbe-node setup-tool`: sends a tool the requests that create its owner, over the loopback interface.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use letsbe_catalog::{Catalog, Exchange, Setup, Tool, render_exchange};
use letsbe_host::Machine;
use letsbe_types::{Code, Problem, Secret, paths};

use super::{
    deployment::{Deployment, declared, not_rendered},
    http::{self, Answer, Cookies, Missed},
    owner::{self, Proof},
    reading,
};
use crate::backups;

/// A tool that is healthy may still refuse requests for a moment.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// So often a log-in that is refused is tried: a tool that starts may not know its owner yet, and one that is asked
/// oftener locks him out.
const LOG_INS: u32 = 3;

/// Variables with secret values.
pub(crate) type Values = BTreeMap<String, Secret<String>>;

impl Deployment {
    /// Sends one of a tool's exchanges to its loopback port. `values` are its credentials.
    pub(crate) async fn ask(
        &self,
        tool: &Tool,
        port: u16,
        exchange: &Exchange,
        values: &Values,
    ) -> Result<Answer, Problem> {
        self.ask_keeping(tool, port, exchange, values, &mut Cookies::default()).await
    }

    async fn ask_keeping(
        &self,
        tool: &Tool,
        port: u16,
        exchange: &Exchange,
        values: &Values,
        cookies: &mut Cookies,
    ) -> Result<Answer, Problem> {
        let rendered = render_exchange(tool, exchange, &self.context(false), values).map_err(not_rendered)?;
        http::ask(port, &rendered, cookies).await
    }
}

/// Asks until the answer is as expected or the patience ends.
pub(crate) async fn persist(
    deployment: &Deployment,
    tool: &Tool,
    port: u16,
    exchange: &Exchange,
    values: &Values,
) -> Result<Answer, Problem> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let answer = deployment.ask(tool, port, exchange, values).await?;
        if answer.is_ok() || tokio::time::Instant::now() >= deadline {
            return Ok(answer);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// What is known of a tool's data before it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// Nothing: it may be in use already.
    Unknown,
    /// We began to set it up, and were cut off.
    Begun,
    /// It was restored from a backup.
    Restored,
}

/// One tool with a set-up, and what is known of its accounts.
pub(crate) struct ToolSetup<'a> {
    deployment: &'a Deployment,
    tool: &'a Tool,
    setup: &'a Setup,
    values: Values,
}

impl<'a> ToolSetup<'a> {
    /// # Errors
    /// When the tool has no set-up.
    pub(crate) fn new(deployment: &'a Deployment, tool: &'a Tool, values: Values) -> Result<Self, Problem> {
        let setup = tool.setup.as_ref().ok_or_else(|| unknown(tool.name.as_str()))?;
        Ok(Self { deployment, tool, setup, values })
    }

    /// Whether the tool answers that nobody has set it up.
    pub(crate) async fn reports_fresh(&self) -> Result<bool, Problem> {
        let Some(question) = &self.setup.fresh_when else { return Ok(false) };
        let answer = self.deployment.ask(self.tool, self.setup.port, question, &self.values).await?;
        Ok(answer.is_ok())
    }

    /// The same, asked until the tool has answered; `None` where it has no answer to this.
    async fn is_fresh(&self) -> Result<Option<bool>, Problem> {
        let Some(question) = &self.setup.fresh_when else { return Ok(None) };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.deployment.ask(self.tool, self.setup.port, question, &self.values).await? {
                Ok(_) => return Ok(Some(true)),
                Err(Missed { refused: true, .. }) => return Ok(Some(false)),
                Err(missed) if tokio::time::Instant::now() >= deadline => {
                    return Err(failed(self.tool, &format!("whether it is set up: {missed}")));
                }
                Err(_) => tokio::time::sleep(ASK_AGAIN).await,
            }
        }
    }

    /// Sends one exchange after the other; the first that is not answered as expected ends it, with its number.
    async fn send(&self, exchanges: &[Exchange]) -> Result<Result<(), (usize, Missed)>, Problem> {
        let (mut values, mut cookies) = (self.values.clone(), Cookies::default());
        for (index, exchange) in exchanges.iter().enumerate() {
            let (tool, port) = (self.tool, self.setup.port);
            let answer = self.deployment.ask_keeping(tool, port, exchange, &values, &mut cookies).await?;
            let missed = |missed: Missed| {
                let why = format!("request {} ({}): {missed}", index + 1, exchange.path);
                (index, Missed { why, ..missed })
            };
            let captured = match answer {
                Ok(body) => exchange.captured(body.expose()).map_err(|why| missed(Missed::silent(why))),
                Err(other) => Err(missed(other)),
            };
            match captured {
                Ok(captured) => values.extend(captured),
                Err(missed) => return Ok(Err(missed)),
            }
        }
        Ok(Ok(()))
    }

    /// The owner's log-in and whatever else must hold.
    async fn done(&self) -> Result<Result<(), Missed>, Problem> {
        self.send_until_answered(&self.setup.done_when).await
    }

    /// What belongs to the set-up once the owner is there.
    async fn finish(&self) -> Result<(), Problem> {
        let sent = self.send_until_answered(&self.setup.then).await?;
        sent.map_err(|missed| failed(self.tool, &format!("what follows on its owner: {missed}")))
    }

    /// Exchanges that can be repeated: sent until the tool has answered.
    async fn send_until_answered(&self, exchanges: &[Exchange]) -> Result<Result<(), Missed>, Problem> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut refused = 0;
        loop {
            let Err((_, missed)) = self.send(exchanges).await? else { return Ok(Ok(())) };
            refused += u32::from(missed.refused);
            if refused >= LOG_INS || tokio::time::Instant::now() >= deadline {
                return Ok(Err(missed));
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Sends the requests. Only the first is repeated: nothing has been changed before it.
    async fn set_up(&self) -> Result<(), Problem> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.send(&self.setup.requests).await? {
                Ok(()) => return Ok(()),
                Err((0, _)) if tokio::time::Instant::now() < deadline => tokio::time::sleep(ASK_AGAIN).await,
                Err((_, missed)) => return Err(failed(self.tool, &missed.why)),
            }
        }
    }

    /// Creates the tool's owner, or checks that there is one.
    ///
    /// # Errors
    /// `NODE051` when it does not answer as its recipe says, `NODE100` when somebody else has set it up.
    async fn settle(&self, fresh: Option<bool>, past: Past) -> Result<Proof, Problem> {
        if fresh != Some(true) {
            let Err(missed) = self.done().await? else {
                // Somebody who lives in it has made it his own.
                if past == Past::Begun {
                    self.finish().await?;
                }
                return Ok(Proof::LoggedIn);
            };
            match fresh {
                // Its owner may have changed the password before the server was lost.
                Some(_) if missed.refused && past == Past::Restored => return Ok(Proof::Restored),
                Some(_) if missed.refused => return Err(not_ours(self.tool, self.deployment, &missed)),
                Some(_) => return Err(failed(self.tool, &format!("the owner's log-in: {missed}"))),
                None => {}
            }
        }
        self.set_up().await?;
        self.done().await?.map_err(|missed| {
            let why = format!("all requests were sent, but its owner is still not seen: {missed}");
            failed(self.tool, &why)
        })?;
        self.finish().await?;
        Ok(Proof::LoggedIn)
    }
}

/// Creates a tool's owner and records it: `letsbe-node setup-tool <tool>`. The desired server is read from standard
/// input, as [`super::setup::ToolsSetUp`] passes it. The requests carry passwords, so they are made in a
/// short-lived program that reads them from the credentials file, not from its arguments.
///
/// # Errors
/// The tool is unknown, its credentials are not made yet, or it did not answer as its recipe says.
pub async fn run_setup(machine: &dyn Machine, catalog: &Catalog, name: &str) -> Result<(), Problem> {
    let desired = serde_json::from_reader(std::io::stdin().lock()).map_err(|error| {
        let message = format!("what the server shall become cannot be read: {error}");
        Problem::permanent(
            Code::NODE002,
            message,
            "The set-up is started by a provisioning run, not by hand.",
        )
    })?;
    let deployment = Deployment::new(Arc::new(catalog.clone()), &desired)?;
    set_up(machine, &deployment, name).await
}

async fn set_up(machine: &dyn Machine, deployment: &Deployment, name: &str) -> Result<(), Problem> {
    let tool = deployment.find(name).ok_or_else(|| unknown(name))?;
    let credentials = reading::credentials(machine).await?.ok_or_else(credentials_missing)?;
    let setup = ToolSetup::new(deployment, tool, declared(tool, &credentials))?;
    // Only until every owner was seen on this server: data that is set up again later was not restored.
    let settled = reading::file(machine, owner::ALL_PROVEN).await?.is_some();
    let past = if !settled && backups::is_back(machine, name).await? {
        Past::Restored
    } else if owner::proof(machine, tool).await? == Some(Proof::Begun) {
        Past::Begun
    } else {
        Past::Unknown
    };
    let fresh = setup.is_fresh().await?;
    if fresh == Some(true) {
        owner::record(machine, tool, Proof::Begun).await?;
    }
    let proof = setup.settle(fresh, past).await?;
    owner::record(machine, tool, proof).await
}

fn unknown(name: &str) -> Problem {
    Problem::permanent(Code::NODE050, format!("there is no tool {name} with a set-up"), "Check the name.")
}

fn failed(tool: &Tool, why: &str) -> Problem {
    Problem::transient(
        Code::NODE051,
        format!("{} could not be set up: {why}", tool.name),
        format!("See `docker logs --tail 100 letsbe-{}` on the server, then retry the order.", tool.name),
    )
}

/// Set up, and not by us.
fn not_ours(tool: &Tool, deployment: &Deployment, missed: &Missed) -> Problem {
    let name = &tool.name;
    Problem::permanent(
        Code::NODE100,
        format!(
            "{name} is set up, but not with the owner's log-in from the vault ({missed}), which this server has never \
             seen work: somebody else may own it. https://{} is not opened.",
            deployment.context(false).hostname(tool)
        ),
        format!(
            "Look at its users. If its administrator is the customer: `letsbe-node accept-owner {name}` on the server, \
             then retry the order. If not: bring a backup back, or on a new server throw its data away (`docker compose \
             down --volumes` in {}), then retry.",
            paths::stack(name.as_str()).display()
        ),
    )
}

/// The credentials have yet to be made.
pub(crate) fn credentials_missing() -> Problem {
    Problem::transient(
        Code::NODE052,
        "the credentials are not made yet",
        "`credentials.generated` makes them.",
    )
}

#[cfg(test)]
mod tests;
