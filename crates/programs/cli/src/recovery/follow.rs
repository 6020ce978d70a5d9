//! Following a recovery to its end, and giving the new server its keys on the way.

use anyhow::{Context as _, bail};
use letsbe_types::{
    ids::OrderId,
    recovery::{RecoveryEntry, RecoveryState, WaitsFor},
};

use super::{Opener, keys, show};
use crate::{
    hub::{Hub, LOOK, is_unanswered, patiently},
    orders,
    style::{self, Level, Told, harmless, say},
};

pub(super) async fn unseal(
    hub: &Hub,
    id: OrderId,
    opener: &Opener,
    wait: bool,
    json: bool,
) -> anyhow::Result<()> {
    let keys = keys::Keys::read(opener)?;
    let mut entry = newest(hub, id).await?;
    loop {
        match (entry.waits_for, &entry.keys) {
            (WaitsFor::Keys, Some(asked)) => match keys.give(hub, id, &asked.recipient, json).await {
                // Whether it was heard, the next look tells.
                Err(error) if wait && is_unanswered(&error) => {}
                given => return answer(&given?, json),
            },
            (WaitsFor::Run, Some(asked)) if asked.given_at.is_some() => {
                if !json {
                    say(&format!("{} the new server's keys were given already", Level::Fine.mark()));
                }
                return answer(&entry, json);
            }
            (WaitsFor::Nothing | WaitsFor::Dns | WaitsFor::Release | WaitsFor::Operator, _) => {
                bail!("no new server of {} will ask for keys: {}", entry.domain, show::waiting(&entry))
            }
            _ if !wait => {
                bail!(
                    "the new server of {} does not ask for its keys yet: {} (--wait waits for it)",
                    entry.domain,
                    show::waiting(&entry)
                )
            }
            _ => {}
        }
        tokio::time::sleep(LOOK).await;
        entry = patiently(async || newest(hub, id).await).await?;
    }
}

fn answer(entry: &RecoveryEntry, json: bool) -> anyhow::Result<()> {
    if json { style::say_json(entry) } else { Ok(()) }
}

pub(super) async fn newest(hub: &Hub, id: OrderId) -> anyhow::Result<RecoveryEntry> {
    hub.recovery(id).await?.context("this tenant's server was never lost")
}

/// Shows what happens until the recovery ends, and unseals the keys each time that a run asks for them.
pub(super) async fn follow(
    hub: &Hub,
    id: OrderId,
    keys: Option<&keys::Keys>,
    json: bool,
) -> anyhow::Result<()> {
    let begun = newest(hub, id).await?;
    let mut last = 0;
    let mut told: Option<WaitsFor> = None;
    let mut given: Option<String> = None;
    loop {
        // What goes on does not need us.
        let look = async || anyhow::Ok((newest(hub, id).await?, hub.order_after(id, last).await?));
        let (entry, order) = patiently(look).await?;
        for line in order.timeline.iter().filter(|line| line.sequence > last && line.at >= begun.requested_at)
        {
            if json { style::say_json(line)? } else { say(&orders::line(line)) }
        }
        last = orders::newest(&order, last);
        if entry.id != begun.id || entry.state != RecoveryState::Running {
            return ended(&entry, json);
        }
        let asked = entry.keys.as_ref().filter(|_| entry.waits_for == WaitsFor::Keys);
        if let (Some(asked), Some(keys)) = (asked, keys)
            && given.as_ref() != Some(&asked.recipient)
        {
            match keys.give(hub, id, &asked.recipient, json).await {
                // Whether it was heard, the next look tells.
                Err(error) if is_unanswered(&error) => {}
                sent => {
                    sent?;
                    given = Some(asked.recipient.clone());
                }
            }
        } else if told != Some(entry.waits_for) && !json {
            say(&format!("{} {}", Level::Running.mark(), style::bold(&show::waiting(&entry))));
            show::needed(&entry);
        }
        told = Some(entry.waits_for);
        if entry.waits_for == WaitsFor::Operator {
            return ended(&entry, json);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn ended(entry: &RecoveryEntry, json: bool) -> anyhow::Result<()> {
    if json {
        style::say_json(entry)?;
    } else {
        show::end(entry)?;
    }
    match (&entry.problem, entry.state) {
        (_, RecoveryState::Finished) => Ok(()),
        _ if json => Err(Told.into()),
        (Some(problem), _) => Err(problem.clone().into()),
        _ => bail!("the recovery of {} did not end well: {}", entry.domain, harmless(&show::waiting(entry))),
    }
}
