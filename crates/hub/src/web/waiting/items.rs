//! All that waits for a person, with what to do.

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::{
    ListedTenants, NEEDS_YOU, Order, Rating, Search, Sort, Store, Tenant, TenantQuery, UnsentMessage,
    UnsentMessages,
};
use letsbe_types::{
    Problem,
    api::TaskEntry,
    backups::{BackupState, Drill, DrillKind},
    recovery::{RecoveryEntry, WaitsFor},
    shell::quoted,
    tenant::Approval,
    tenants::Health,
};
use uuid::Uuid;

use super::super::{
    tenants::{can_be_decided, class_label},
    view::{Moment, mark},
};
use crate::{
    AppState,
    controllers::{ApiResult, backups::hub, tenants::health},
    recovery::view,
    tenants::standings::LIMITS,
};

/// Orders, and recoveries, that are told of one by one.
const MOST: u64 = 500;
/// Tenants that are looked at, in pieces.
const TENANTS_AT_ONCE: u64 = 200;
const MOST_PIECES: u64 = 25;
/// Drills that are told of one by one.
const MOST_DRILLS: usize = 50;
/// E-mails that are told of one by one: where no mail server answers, none of them is sent.
const MOST_UNSENT: usize = 5;
/// Approvals of one tenant that are shown one by one: whoever has its key fills no page with them.
const APPROVALS_OF_ONE: usize = 5;
/// A new server is heard within this.
const FIRST_SIGN: TimeDelta = TimeDelta::hours(1);

/// Something that waits for a person.
#[derive(Debug)]
pub(crate) struct Item {
    pub(super) level: &'static str,
    pub(super) about: String,
    pub(super) title: String,
    pub(super) text: String,
    /// What to do.
    pub(super) hint: String,
    pub(super) code: Option<String>,
    pub(super) link: String,
    pub(super) words: &'static str,
    pub(super) since: DateTime<Utc>,
    /// An AI team asks: nothing is broken.
    is_question: bool,
    until: Option<DateTime<Utc>>,
    /// A task that is marked as done here.
    pub(super) task: Option<Uuid>,
}

impl Item {
    fn new(
        level: &'static str,
        about: &impl ToString,
        title: impl Into<String>,
        since: DateTime<Utc>,
    ) -> Self {
        Self {
            level,
            about: about.to_string(),
            title: title.into(),
            text: String::new(),
            hint: String::new(),
            code: None,
            link: String::new(),
            words: "",
            since,
            is_question: false,
            until: None,
            task: None,
        }
    }

    fn at(self, link: String, words: &'static str) -> Self {
        Self { link, words, ..self }
    }

    fn saying(self, problem: &Problem) -> Self {
        let Problem { code, message, hint, .. } = problem.clone();
        Self { text: message, hint, code: Some(code), ..self }
    }

    pub(super) fn mark(&self) -> &'static str {
        mark(self.level)
    }

    pub(super) fn since(&self) -> Moment {
        self.since.into()
    }

    pub(super) fn until(&self) -> Option<Moment> {
        self.until.map(Moment::from)
    }

    /// What is worst comes first; what is broken before what is asked; then what has the next deadline, then what has
    /// waited longest.
    pub(super) fn rank(&self) -> (usize, bool, bool, DateTime<Utc>) {
        let levels = ["failed", "warning", "waiting"];
        let level = levels.iter().position(|level| *level == self.level).unwrap_or(levels.len());
        (level, self.is_question, self.until.is_none(), self.until.unwrap_or(self.since))
    }
}

/// All of it.
pub(crate) async fn items(state: &AppState) -> ApiResult<Vec<Item>> {
    let (store, now) = (&state.store, state.clock.now());
    let mut items: Vec<Item> = Vec::new();
    let (orders, all) = store.orders_that_need_a_person(MOST).await?;
    items.extend(orders.iter().map(order));
    items.extend(more("failed", "Orders", all, orders.len(), "/?state=needs_you", now));
    // A lost server is told of below, with what to type.
    let tasks = store.tasks().await?;
    items.extend(tasks.iter().filter(|one| one.kind != "lost_server").map(|one| task(one, now)));
    items.extend(more("failed", "Tasks", store.open_tasks().await?, tasks.len(), "/", now));
    items.extend(of_messages(&store.unsent_messages(now).await?));
    recoveries(store, now, &mut items).await?;
    for only in [NEEDS_YOU, "never"] {
        of_tenants(store, only, now, &mut items).await?;
    }
    drills(store, now, &mut items).await?;
    items.extend(own(state).await);
    items.sort_by_key(Item::rank);
    Ok(items)
}

/// Of the tenants that the lists have under this word: the database finds them, so that nobody else's heartbeat is read.
async fn of_tenants(
    store: &Store,
    only: &'static str,
    now: DateTime<Utc>,
    items: &mut Vec<Item>,
) -> ApiResult<()> {
    for page in 0..MOST_PIECES {
        let (search, sort, page_size) = (Search::default(), Sort::Worst, TENANTS_AT_ONCE);
        let rating = Rating::Health;
        let query = TenantQuery { search, rating, only: Some(only), sort, page, page_size, limits: LIMITS };
        let ListedTenants { tenants, total, .. } = store.list_tenants(&query, now).await?;
        // Who was never heard and asks is under both words.
        let told = || tenants.iter().filter(|one| only == NEEDS_YOU || one.approvals_pending == 0);
        let asking = told().filter(|one| one.approvals_pending > 0).map(|one| one.order.new.id);
        let mut pending = store.pending_approvals(&asking.collect::<Vec<_>>()).await?;
        for one in told() {
            items.extend(tenant(one, now));
            let pending = pending.remove(&one.order.new.id).unwrap_or_default().into_iter();
            let open = pending.filter(|approval| can_be_decided(approval, now));
            items.extend(questions(one, open.map(|approval| asked(one, &approval)).collect()));
        }
        if (page + 1) * TENANTS_AT_ONCE >= total {
            break;
        }
    }
    Ok(())
}

fn order(order: &Order) -> Item {
    let problem = order.state.problem.as_ref();
    let title = "The order does not go on without you";
    let item = Item::new("failed", &order.new.domain, title, order.updated_at);
    let item = match problem {
        Some(problem) => item.saying(problem),
        None => item,
    };
    item.at(format!("/orders/{}", order.new.id), "The order and its desk")
}

fn task(task: &TaskEntry, now: DateTime<Utc>) -> Item {
    let level = if task.deadline < now || task.kind.starts_with("payment_") { "failed" } else { "warning" };
    let title = match task.kind.as_str() {
        "purchase_server" => "A server is wanted".to_owned(),
        kind => capital(&kind.replace('_', " ")),
    };
    let hint = "Mark it as done when you have done it.".to_owned();
    Item {
        text: task.detail.clone(),
        hint,
        until: Some(task.deadline),
        task: Some(task.id),
        ..Item::new(level, &task.domain, title, task.opened_at)
    }
    .at(format!("/orders/{}", task.order), "The order and its desk")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn unsent(message: &UnsentMessage) -> Item {
    let whom = if message.kind.is_for_customer() { "the customer" } else { "staff" };
    let title = format!("An e-mail to {whom} could not be sent yet");
    Item {
        hint: "Check the mail server's address and login, or say it by hand.".to_owned(),
        code: Some("MAIL012".to_owned()),
        ..Item::new("warning", &message.domain, title, message.since)
    }
    .at(format!("/orders/{}", message.order), "The order")
}

/// E-mails one by one, and that there are more.
fn of_messages(messages: &UnsentMessages) -> Vec<Item> {
    let mut items: Vec<Item> = messages.listed.iter().take(MOST_UNSENT).map(unsent).collect();
    let more = messages.all.saturating_sub(items.len() as u64);
    if let Some(oldest) = messages.oldest.filter(|_| more > 0) {
        let title = format!("{more} more e-mails could not be sent yet");
        let hint = "Check the mail server's address and login: `letsbe-hub check`".to_owned();
        let item = Item::new("warning", &"This Hub", title, oldest);
        items.push(Item { hint, code: Some("MAIL012".to_owned()), ..item }.at("/".to_owned(), "All orders"));
    }
    items
}

/// What is told of in one line, because there is too much of it.
fn more(
    level: &'static str,
    what: &'static str,
    all: u64,
    shown: usize,
    link: &str,
    now: DateTime<Utc>,
) -> Option<Item> {
    let more = all.saturating_sub(shown as u64);
    let title = format!("{more} more wait");
    (more > 0).then(|| Item::new(level, &what, title, now).at(link.to_owned(), "All of them"))
}

/// Lost servers.
async fn recoveries(store: &Store, now: DateTime<Utc>, items: &mut Vec<Item>) -> ApiResult<()> {
    let (open, all) = store.open_recoveries(MOST).await?;
    items.extend(more("failed", "Lost servers", all, open.len(), "/tenants?health=lost", now));
    let orders = store.orders_of(&open.iter().map(|one| one.order).collect::<Vec<_>>()).await?;
    let entries = open.into_iter().filter_map(|one| {
        let order = orders.get(&one.order)?;
        Some(view::entry(one, order, now))
    });
    items.extend(entries.filter_map(|entry| lost(&entry)));
    Ok(())
}

/// A recovery that waits for keys, or a lost server that nobody has accounted for.
fn lost(entry: &RecoveryEntry) -> Option<Item> {
    let link = format!("/tenants/{}", entry.tenant);
    if let (WaitsFor::Keys, Some(keys)) = (entry.waits_for, &entry.keys) {
        let title = "The new server needs the keys from the escrow";
        let hint = format!("`letsbe backups unseal {} --identity FILE`", entry.domain);
        let item = Item::new("failed", &entry.domain, title, entry.requested_at);
        return Some(Item { hint, until: Some(keys.deadline), ..item }.at(link, "The recovery"));
    }
    if !entry.lost_server_is_open() {
        return None;
    }
    let server = entry.lost.server.as_ref()?;
    let title = format!("What became of {server}, which was lost?");
    let hint = format!(
        "Wipe it or cancel it, then write it down (`--became cancelled` of one that was cancelled): `letsbe backups \
         settle-lost {} --server {} --became wiped --evidence TEXT`",
        entry.domain,
        quoted(&server.0)
    );
    let since = entry.finished_at.unwrap_or(entry.requested_at);
    Some(Item { hint, ..Item::new("warning", &entry.domain, title, since) }.at(link, "The tenant"))
}

fn tenant(tenant: &Tenant, now: DateTime<Utc>) -> Option<Item> {
    // What takes a lost server's place is followed as an order.
    if tenant.order.state.recovery.is_some() {
        return None;
    }
    let (health, complaints) = health::of_tenant(tenant, now);
    let (domain, id) = (&tenant.order.new.domain, tenant.order.new.id);
    let heard = tenant.agent.last_heartbeat_at.unwrap_or(tenant.agent.registered_at);
    let look = |level, title: &str, text: String, hint: &str| {
        let item = Item::new(level, domain, title, heard);
        Some(Item { text, hint: hint.to_owned(), ..item }.at(format!("/tenants/{id}"), "The tenant"))
    };
    match health {
        Health::Silent => look(
            "failed",
            "The server is silent",
            "Nothing was heard of it for more than 15 minutes.".to_owned(),
            &format!(
                "Look whether its tools answer. If it is lost: `letsbe backups recover {domain} --plan --reason TEXT`"
            ),
        ),
        Health::Never if now - tenant.agent.registered_at > FIRST_SIGN => look(
            "failed",
            "The server was never heard",
            "It registered, and said nothing since.".to_owned(),
            "On the server: `systemctl status letsbe-agent`",
        ),
        Health::Troubled => {
            let first = complaints.first().map(|worst| worst.text.as_str()).unwrap_or_default();
            let more = match complaints.len() {
                0 | 1 => String::new(),
                2 => " One more thing is wrong.".to_owned(),
                count => format!(" {} more things are wrong.", count - 1),
            };
            let text = format!("{}.{more}", capital(first));
            look("warning", "The server is not as it should be", text, "The tenant's page says what to do.")
        }
        Health::Fine | Health::Never | Health::Revoked | Health::Lost | Health::Ended => None,
    }
}

/// A tenant's questions: the worst one by one, and that there are more.
fn questions(tenant: &Tenant, mut all: Vec<Item>) -> Vec<Item> {
    all.sort_by_key(Item::rank);
    let more = all.split_off(all.len().min(APPROVALS_OF_ONE));
    if let Some(oldest) = more.iter().map(|item| item.since).min() {
        let title = format!("{} more questions of its AI team wait", more.len());
        let item = Item::new("waiting", &tenant.order.new.domain, title, oldest);
        all.push(item.at(format!("/tenants/{}", tenant.order.new.id), "All of them"));
    }
    all
}

fn asked(tenant: &Tenant, approval: &Approval) -> Item {
    let Approval { agent, action, tool, class, plan, requested_at, expires_at, .. } = approval;
    let tool = tool.as_ref().map(|tool| format!(" on {tool}")).unwrap_or_default();
    let class = class_label(class);
    let level = if class.level == "failed" { "failed" } else { "waiting" };
    let title = format!("{agent} asks: {action}{tool} ({})", class.words);
    Item {
        text: plan.clone(),
        hint: "Allow it once, or refuse it. It counts as refused when the time is over.".to_owned(),
        until: Some(*expires_at),
        is_question: true,
        ..Item::new(level, &tenant.order.new.domain, title, *requested_at)
    }
    .at(format!("/tenants/{}", tenant.order.new.id), "Decide")
}

/// Drills that a person does and that are due: one in a quarter, beside those that were asked for.
async fn drills(store: &Store, now: DateTime<Utc>, items: &mut Vec<Item>) -> ApiResult<()> {
    let open = store.open_drills().await?.into_iter().map(|(drill, _)| drill);
    let due = open.filter(|drill| drill.kind == DrillKind::Quarterly && drill.due_at <= now);
    let due: Vec<Drill> = due.collect();
    let shown = &due[..due.len().min(MOST_DRILLS)];
    items.extend(more("warning", "Drills", due.len() as u64, shown.len(), "/backups", now));
    let orders = store.orders_of(&shown.iter().map(|drill| drill.tenant).collect::<Vec<_>>()).await?;
    items.extend(shown.iter().filter_map(|drill| Some(of_drill(drill, orders.get(&drill.tenant)?))));
    Ok(())
}

fn of_drill(drill: &Drill, order: &Order) -> Item {
    let title = "The quarterly drill is due";
    let item = Item::new("warning", &order.new.domain, title, drill.due_at);
    let hint = "Bring the whole server back on a spare one, and write down what you saw.".to_owned();
    let link = format!("/tenants/{}/drills/{}", drill.tenant, drill.id);
    Item { hint, ..item }.at(link, "What to do")
}

/// The Hub's own backup.
async fn own(state: &AppState) -> Option<Item> {
    let own = hub::of(state).await;
    let level = match own.state {
        BackupState::Failed => "failed",
        BackupState::Troubled => "warning",
        BackupState::Fine | BackupState::Awaited | BackupState::Ended => return None,
    };
    let since = own.succeeded_at.unwrap_or_else(|| state.clock.now());
    let item = Item::new(level, &"This Hub", "The Hub's own backup", since);
    let text = format!("{}.", capital(&own.troubles.join("; ")));
    Some(Item { text, ..item }.at("/backups".to_owned(), "What to add, and when it last succeeded"))
}
