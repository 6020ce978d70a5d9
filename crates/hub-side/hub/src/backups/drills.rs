//! Drills (runbook 9.3): each month every tool of each tenant is restored and proven by the tenant's own server, on a
//! day of its own; each quarter a person brings one tenant's whole server back on a spare one.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, TimeDelta, Utc};
use letsbe_store::{NewEntry, Store, StoreError};
use letsbe_types::{
    backup::Proof,
    backups::{Drill, DrillKind, DrillReport},
    ids::{CommandId, DrillId, OrderId},
    tenant::{CommandOutcome, CommandWork, TenantCommand},
    tenants::CommandEntry,
};
use serde::Serialize;

/// A server that is away for a day does its drill when it is back.
const LASTS: TimeDelta = TimeDelta::hours(24);
/// Days of a month over which tenants' drills are spread; every month has them.
const DAYS: u128 = 28;
/// After the nights' work, when somebody is there to look.
const HOUR: u32 = 10;
/// When in a quarter its drill is due.
const QUARTERLY_AFTER: TimeDelta = TimeDelta::days(30);
/// Proofs of one drill.
const PROOFS: u64 = 100;
/// Tenants read at once.
const PAGE: u64 = 200;

/// `2026-11`, and when a tenant's drill of that month is due.
pub(crate) fn monthly(tenant: OrderId, now: DateTime<Utc>) -> (String, DateTime<Utc>) {
    // The last bytes of an id are random.
    let day = u32::try_from(tenant.0.as_u128() % DAYS).unwrap_or(0) + 1;
    let date = now.date_naive().with_day(day).unwrap_or_else(|| now.date_naive());
    (now.format("%Y-%m").to_string(), at(date))
}

/// `2026-Q4`, when its drill is due, and its number since the beginning of years.
pub(crate) fn quarterly(now: DateTime<Utc>) -> (String, DateTime<Utc>, u64) {
    let (year, quarter) = (now.year(), now.month0() / 3);
    let first = NaiveDate::from_ymd_opt(year, quarter * 3 + 1, 1).unwrap_or_else(|| now.date_naive());
    let number = u64::try_from(year).unwrap_or(0) * 4 + u64::from(quarter);
    (format!("{year}-Q{}", quarter + 1), at(first) + QUARTERLY_AFTER, number)
}

fn at(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::from_hms_opt(HOUR, 0, 0).unwrap_or(NaiveTime::MIN)).and_utc()
}

/// Whose server is brought back in a quarter: each in its turn.
pub(crate) fn in_turn(tenants: &[OrderId], number: u64) -> Option<OrderId> {
    let mut sorted = tenants.to_vec();
    sorted.sort_unstable();
    let place = number.checked_rem(u64::try_from(sorted.len()).ok()?)?;
    sorted.get(usize::try_from(place).ok()?).copied()
}

/// What a monthly drill showed; `None` while its server is at it.
pub(crate) fn report(command: &CommandEntry, proofs: Vec<Proof>, now: DateTime<Utc>) -> Option<DrillReport> {
    let failed = |summary: &str| DrillReport { summary: summary.to_owned(), ..DrillReport::default() };
    let held = proofs.iter().filter(|proof| proof.holds()).count();
    let mut report = match &command.outcome {
        Some(CommandOutcome::Done { .. }) => DrillReport {
            passed: held > 0 && held == proofs.len(),
            summary: format!("{held} of {} backups restored, started, probed and found equal", proofs.len()),
            ..DrillReport::default()
        },
        Some(CommandOutcome::Failed { problem }) => {
            DrillReport { problem: Some(problem.clone()), ..failed(&problem.message) }
        }
        Some(CommandOutcome::Expired) => failed("the server got it too late"),
        Some(CommandOutcome::Interrupted) => failed("the server's agent ended while it was at work"),
        None if command.expires_at + LASTS < now => failed("the server never said how it ended"),
        None => return None,
    };
    report.proofs = proofs;
    Some(report)
}

/// What one round did.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Round {
    /// Drills that were begun.
    pub begun: u64,
    /// Drills whose server was asked how far they are.
    pub under_way: u64,
}

/// Notes what is due, begins it, and ends what has ended.
///
/// # Errors
/// When the database fails.
pub async fn round(store: &Store, now: DateTime<Utc>) -> Result<Round, StoreError> {
    schedule(store, now).await?;
    let mut done = Round::default();
    for (drill, command) in store.open_drills().await? {
        if drill.kind != DrillKind::Monthly {
            continue;
        }
        match command {
            None if drill.due_at <= now => {
                begin(store, &drill, "the schedule", now).await?;
                done.begun += 1;
            }
            None => {}
            Some(command) => {
                end(store, &drill, command, now).await?;
                done.under_way += 1;
            }
        }
    }
    Ok(done)
}

async fn schedule(store: &Store, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (mut tenants, mut page) = (Vec::new(), 0);
    loop {
        let (some, total) = store.tenants(page, PAGE, None).await?;
        let live = some.iter().filter(|tenant| tenant.agent.revoked_at.is_none());
        tenants.extend(live.map(|tenant| (tenant.order.new.id, tenant.agent.registered_at)));
        page += 1;
        if some.is_empty() || page * PAGE >= total {
            break;
        }
    }
    for (tenant, registered_at) in &tenants {
        let (period, due_at) = monthly(*tenant, now);
        // Who was not there on its day has its first drill next month.
        if *registered_at < due_at {
            store.schedule_drill(*tenant, DrillKind::Monthly, &period, due_at).await?;
        }
    }
    let (period, due_at, number) = quarterly(now);
    let tenants: Vec<OrderId> = tenants.into_iter().map(|(tenant, _)| tenant).collect();
    if let Some(tenant) = in_turn(&tenants, number)
        && !store.has_drill(DrillKind::Quarterly, &period).await?
    {
        store.schedule_drill(tenant, DrillKind::Quarterly, &period, due_at).await?;
    }
    Ok(())
}

/// Gives the tenant's server its command.
///
/// # Errors
/// When the database fails.
pub(crate) async fn begin(
    store: &Store,
    drill: &Drill,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let work = CommandWork::Drill { tool: None };
    // The drill's own id: begun twice after a crash, it is one command still.
    let command = TenantCommand { id: CommandId(drill.id.0), issued_at: now, expires_at: now + LASTS, work };
    if store.command(drill.tenant, command.id).await?.is_none() {
        let line = NewEntry::new("backup", "running", format!("The monthly drill begins, by {by}"));
        store.create_command(drill.tenant, &command, by, &line).await?;
    }
    store.begin_drill(drill.id, command.id, now).await
}

async fn end(store: &Store, drill: &Drill, command: CommandId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let Some(entry) = store.command(drill.tenant, command).await? else { return Ok(()) };
    let since = drill.began_at.unwrap_or(drill.due_at);
    let proofs = store.proofs(drill.tenant, PROOFS).await?;
    let proofs = proofs.into_iter().filter(|proof| proof.began_at >= since).collect();
    let Some(report) = report(&entry, proofs, now) else { return Ok(()) };
    finish(store, drill.tenant, drill.id, &report, now).await.map(drop)
}

/// Keeps a report, with a line in the order's timeline; false when there was one already.
///
/// # Errors
/// When the database fails.
pub(crate) async fn finish(
    store: &Store,
    tenant: OrderId,
    drill: DrillId,
    report: &DrillReport,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (level, word) = if report.passed { ("ok", "passed") } else { ("failed", "failed") };
    let line = NewEntry::new("backup", level, format!("A drill {word}: {}", report.summary));
    store.finish_drill(tenant, drill, report, &line, now).await
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use letsbe_types::ids::OrderId;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::{in_turn, monthly, quarterly};

    proptest! {
        #[test]
        fn every_tenant_has_one_day_in_each_month_and_every_quarter_one_tenant(
            tenant in any::<u128>(),
            seconds in 1_700_000_000_i64..2_500_000_000,
        ) {
            let now: DateTime<Utc> = DateTime::from_timestamp(seconds, 0).unwrap();
            let tenant = OrderId(Uuid::from_u128(tenant));
            let (period, due_at) = monthly(tenant, now);
            prop_assert_eq!(due_at.format("%Y-%m").to_string(), period);
            prop_assert_eq!(monthly(tenant, due_at).1, due_at);
            let (quarter, due_at, number) = quarterly(now);
            prop_assert_eq!(quarterly(due_at), (quarter, due_at, number));
        }
    }

    #[test]
    fn tenants_take_turns_and_their_days_are_spread() {
        let tenants: Vec<OrderId> = (0..5_u128).map(|n| OrderId(Uuid::from_u128(n))).collect();
        let turns: Vec<OrderId> = (0..5).filter_map(|number| in_turn(&tenants, number)).collect();
        assert_eq!(turns, tenants);
        assert_eq!(in_turn(&[], 3), None);
        let now = "2026-02-10T00:00:00Z".parse().unwrap();
        let days: std::collections::BTreeSet<_> =
            (0..28_u128).map(|n| monthly(OrderId(Uuid::from_u128(n)), now).1).collect();
        assert_eq!(days.len(), 28);
        let names =
            ["2026-01-31T00:00:00Z", "2026-12-31T23:00:00Z"].map(|at| quarterly(at.parse().unwrap()).0);
        assert_eq!(names, ["2026-Q1", "2026-Q4"]);
    }
}
