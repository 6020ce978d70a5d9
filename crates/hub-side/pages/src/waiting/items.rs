//! Puts what waits for a person into words, with what to do.

mod own;

use chrono::{DateTime, TimeDelta, Utc};
use letsbe_store::{Order, Tenant, UnsentMessage, UnsentMessages};
use letsbe_types::{
    Code, Language, Problem,
    api::TaskEntry,
    backups::Drill,
    recovery::{RecoveryEntry, WaitsFor},
    shell::quoted,
    tenant::Approval,
    tenants::Health,
};
use uuid::Uuid;

use crate::{
    around::here,
    tenants::{Complaint, can_be_decided, class_label},
    view::{Moment, mark},
    words::{RecoveryWords, Said, TenantWords, WaitingWords, problem_title, task_title},
};

/// E-mails that are told of one by one: where no mail server answers, none of them is sent.
const MOST_UNSENT: usize = 5;
/// Approvals of one tenant that are shown one by one: whoever has its key fills no page with them.
const APPROVALS_OF_ONE: usize = 5;
/// A new server is heard within this.
const FIRST_SIGN: TimeDelta = TimeDelta::hours(1);

/// Something that waits for a person.
#[derive(Debug)]
pub struct Item {
    pub(super) level: &'static str,
    pub(super) about: String,
    pub(super) title: String,
    pub(super) text: Said,
    /// What to do.
    pub(super) hint: Said,
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
            text: Said::default(),
            hint: Said::default(),
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
        Self { text: Said::quoted_english(message), hint: Said::english(hint), code: Some(code), ..self }
    }

    pub(super) fn mark(&self) -> &'static str {
        mark(self.level)
    }

    pub(super) fn since(&self) -> Moment {
        Moment::of(self.since, here().language())
    }

    pub(super) fn until(&self) -> Option<Moment> {
        self.until.map(|at| Moment::of(at, here().language()))
    }

    /// What is worst comes first; what is broken before what is asked; then what has the next deadline, then what has
    /// waited longest.
    pub(super) fn rank(&self) -> (usize, bool, bool, DateTime<Utc>) {
        let levels = ["failed", "warning", "waiting"];
        let level = levels.iter().position(|level| *level == self.level).unwrap_or(levels.len());
        (level, self.is_question, self.until.is_none(), self.until.unwrap_or(self.since))
    }
}

/// Writes what waits, for one reader.
#[derive(Clone, Copy)]
pub struct ItemWriter {
    language: Language,
    words: &'static WaitingWords,
    now: DateTime<Utc>,
}

/// In the order of the page.
pub fn worst_first(items: &mut [Item]) {
    items.sort_by_key(Item::rank);
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl ItemWriter {
    /// In this language; `now` is when what waits was read.
    #[must_use]
    pub const fn new(language: Language, now: DateTime<Utc>) -> Self {
        Self { language, words: WaitingWords::of(language), now }
    }

    /// Orders that need a person, and how many there are in all.
    #[must_use]
    pub fn orders(&self, orders: &[Order], all: u64) -> Vec<Item> {
        let [of_orders, ..] = self.words.kinds;
        let more = self.more("failed", of_orders, all, orders.len(), "/?state=needs_you");
        orders.iter().map(|one| self.order(one)).chain(more).collect()
    }

    /// Open tasks, and how many there are in all.
    #[must_use]
    pub fn tasks(&self, tasks: &[TaskEntry], all: u64) -> Vec<Item> {
        let [_, of_tasks, ..] = self.words.kinds;
        let more = self.more("failed", of_tasks, all, tasks.len(), "/");
        // A lost server is among the recoveries, with what to type.
        let told = tasks.iter().filter(|one| one.kind != "lost_server").map(|one| self.task(one));
        told.chain(more).collect()
    }

    fn order(&self, order: &Order) -> Item {
        let problem = order.state.problem.as_ref();
        let about = problem.and_then(|problem| problem_title(&problem.code, self.language));
        let title = match about {
            Some(about) => format!("{}: {about}", self.words.order_stuck),
            None => self.words.order_stuck.to_owned(),
        };
        let item = Item::new("failed", &order.new.domain, title, order.updated_at);
        let item = match problem {
            Some(problem) => item.saying(problem),
            None => item,
        };
        item.at(format!("/orders/{}", order.new.id), self.words.order_and_desk)
    }

    fn task(&self, task: &TaskEntry) -> Item {
        let is_late = task.deadline < self.now || task.kind.starts_with("payment_");
        let level = if is_late { "failed" } else { "warning" };
        let known = task_title(&task.kind, self.language).map(str::to_owned);
        let title = known.unwrap_or_else(|| capital(&task.kind.replace('_', " ")));
        Item {
            text: Said::english(task.detail.clone()),
            hint: Said::ours(self.words.task_hint),
            until: Some(task.deadline),
            task: Some(task.id),
            ..Item::new(level, &task.domain, title, task.opened_at)
        }
        .at(format!("/orders/{}", task.order), self.words.order_and_desk)
    }

    fn unsent(&self, message: &UnsentMessage) -> Item {
        let is_for_customer = message.kind.is_for_customer();
        let title = if is_for_customer { self.words.mail_to_customer } else { self.words.mail_to_staff };
        Item {
            hint: Said::ours(self.words.mail_hint),
            code: Some(Code::MAIL012.into()),
            ..Item::new("warning", &message.domain, title, message.since)
        }
        .at(format!("/orders/{}", message.order), self.words.the_order)
    }

    /// E-mails one by one, and that there are more.
    #[must_use]
    pub fn messages(&self, messages: &UnsentMessages) -> Vec<Item> {
        let shown = messages.listed.iter().take(MOST_UNSENT);
        let mut items: Vec<Item> = shown.map(|message| self.unsent(message)).collect();
        let more = messages.all.saturating_sub(items.len() as u64);
        if let Some(oldest) = messages.oldest.filter(|_| more > 0) {
            let title = format!("{more} {}", self.words.more_mails);
            let hint = Said::ours(self.words.mails_hint);
            let item = Item::new("warning", &self.words.this_hub, title, oldest);
            let item = Item { hint, code: Some(Code::MAIL012.into()), ..item };
            items.push(item.at("/".to_owned(), self.words.all_orders));
        }
        items
    }

    /// What is told of in one line, because there is too much of it.
    fn more(
        &self,
        level: &'static str,
        what: &'static str,
        all: u64,
        shown: usize,
        link: &str,
    ) -> Option<Item> {
        let more = all.saturating_sub(shown as u64);
        let title = format!("{more} {}", self.words.more_wait);
        let item = Item::new(level, &what, title, self.now);
        (more > 0).then(|| item.at(link.to_owned(), self.words.all_of_them))
    }

    /// Lost servers; beside these there are `more`.
    #[must_use]
    pub fn recoveries(&self, entries: &[RecoveryEntry], more: u64) -> Vec<Item> {
        let [_, _, of_lost, _] = self.words.kinds;
        let more = self.more("failed", of_lost, more, 0, "/tenants?health=lost");
        more.into_iter().chain(entries.iter().filter_map(|entry| self.lost(entry))).collect()
    }

    /// A recovery that waits for keys, or a lost server that nobody has accounted for.
    fn lost(&self, entry: &RecoveryEntry) -> Option<Item> {
        let (link, words) = (format!("/tenants/{}", entry.tenant), self.words);
        if let (WaitsFor::Keys, Some(keys)) = (entry.waits_for, &entry.keys) {
            let title = RecoveryWords::of(self.language).keys_needed;
            let hint =
                format!("{} `letsbe backups unseal {} --identity FILE`", words.keys_hint, entry.domain);
            let item = Item::new("failed", &entry.domain, title, entry.requested_at);
            let item = Item { hint: Said::ours(hint), until: Some(keys.deadline), ..item };
            return Some(item.at(link, words.the_recovery));
        }
        if !entry.lost_server_is_open() {
            return None;
        }
        let server = entry.lost.server.as_ref()?;
        let [before, behind] = words.became;
        let hint = format!(
            "{} `letsbe backups settle-lost {} --server {} --became wiped --evidence TEXT`",
            words.settle_hint,
            entry.domain,
            quoted(&server.0)
        );
        let since = entry.finished_at.unwrap_or(entry.requested_at);
        let item = Item::new("warning", &entry.domain, format!("{before} {server}{behind}"), since);
        Some(Item { hint: Said::ours(hint), ..item }.at(link, words.the_tenant))
    }

    /// A tenant's server, and the questions of its AI team that can still be answered.
    #[must_use]
    pub fn tenant(
        &self,
        tenant: &Tenant,
        (health, complaints): (Health, &[Complaint]),
        pending: &[Approval],
    ) -> Vec<Item> {
        let open = pending.iter().filter(|approval| can_be_decided(approval, self.now));
        let questions = self.questions(tenant, open.map(|approval| self.asked(tenant, approval)).collect());
        self.server(tenant, health, complaints).into_iter().chain(questions).collect()
    }

    fn server(&self, tenant: &Tenant, health: Health, complaints: &[Complaint]) -> Option<Item> {
        // What takes a lost server's place is followed as an order.
        if tenant.order.state.recovery.is_some() {
            return None;
        }
        let (domain, id, words) = (&tenant.order.new.domain, tenant.order.new.id, self.words);
        let heard = tenant.agent.last_heartbeat_at.unwrap_or(tenant.agent.registered_at);
        let look = |level, title: &str, text: Said, hint: String| {
            let item = Item::new(level, domain, title, heard);
            let item = Item { text, hint: Said::ours(hint), ..item };
            Some(item.at(format!("/tenants/{id}"), words.the_tenant))
        };
        match health {
            Health::Silent => look(
                "failed",
                words.silent,
                Said::ours(words.silent_text),
                format!("{} `letsbe backups recover {domain} --plan --reason TEXT`", words.silent_hint),
            ),
            Health::Never if self.now - tenant.agent.registered_at > FIRST_SIGN => look(
                "failed",
                words.never_heard,
                Said::ours(words.never_text),
                format!("{} `systemctl status letsbe-agent`", words.never_hint),
            ),
            Health::Troubled => {
                let first = complaints.first().map(|worst| worst.text.as_str()).unwrap_or_default();
                let text = Said::quoted_english(format!("{}.", capital(first)));
                let more = WaitingWords::more_wrong(self.language, complaints.len().saturating_sub(1));
                let hint = format!("{more} {}", words.troubled_hint).trim_start().to_owned();
                look("warning", words.troubled, text, hint)
            }
            Health::Fine | Health::Never | Health::Revoked | Health::Lost | Health::Ended => None,
        }
    }

    /// A tenant's questions: the worst one by one, and that there are more.
    fn questions(&self, tenant: &Tenant, mut all: Vec<Item>) -> Vec<Item> {
        all.sort_by_key(Item::rank);
        let more = all.split_off(all.len().min(APPROVALS_OF_ONE));
        if let Some(oldest) = more.iter().map(|item| item.since).min() {
            let title = format!("{} {}", more.len(), self.words.more_questions);
            let item = Item::new("waiting", &tenant.order.new.domain, title, oldest);
            all.push(item.at(format!("/tenants/{}", tenant.order.new.id), self.words.all_of_them));
        }
        all
    }

    fn asked(&self, tenant: &Tenant, approval: &Approval) -> Item {
        let Approval { agent, action, tool, class, plan, requested_at, expires_at, .. } = approval;
        let said = TenantWords::of(self.language);
        let tool = tool.as_ref().map(|tool| format!(" {} {tool}", said.on)).unwrap_or_default();
        let class = class_label(class, self.language);
        let level = if class.level == "failed" { "failed" } else { "waiting" };
        let title = format!("{agent} {}: {action}{tool} ({})", said.asks, class.words);
        Item {
            text: Said::quoted(plan.clone()),
            hint: Said::ours(self.words.question_hint),
            until: Some(*expires_at),
            is_question: true,
            ..Item::new(level, &tenant.order.new.domain, title, *requested_at)
        }
        .at(format!("/tenants/{}", tenant.order.new.id), self.words.decide)
    }

    /// Drills that a person does and that are due; beside these there are `more`.
    #[must_use]
    pub fn drills(&self, drills: &[(Drill, Order)], more: u64) -> Vec<Item> {
        let [.., of_drills] = self.words.kinds;
        let more = self.more("warning", of_drills, more, 0, "/backups");
        more.into_iter().chain(drills.iter().map(|(drill, order)| self.drill(drill, order))).collect()
    }

    fn drill(&self, drill: &Drill, order: &Order) -> Item {
        let item = Item::new("warning", &order.new.domain, self.words.drill_due, drill.due_at);
        let link = format!("/tenants/{}/drills/{}", drill.tenant, drill.id);
        Item { hint: Said::ours(self.words.drill_hint), ..item }.at(link, self.words.what_to_do)
    }
}
