//! Messages to customers and to staff, beside the order's own way: one that cannot be sent holds no order up.
//!
//! Repeatable: a message has the same id each time, so that a second copy can be told from a new message.

pub(super) mod letters;

use letsbe_pages::dns_entries;
use letsbe_store::{LeasedMessage, MessageKind, Order, StoreError};
use letsbe_types::{Code, EmailAddress, Problem, crash};

use self::letters::{Letter, Reader};
use super::{Worker, store_problem};
use crate::background::lease;

letsbe_types::crash_points! {
    /// Where the Hub can be killed while it sends a message, in the order in which it comes to them.
    pub mod points {
        LEASED = "message.leased",
        SENT = "message.sent",
        STORED = "message.stored",
    }
}

/// What became of a message that was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// It was sent.
    Sent,
    /// It could not be sent, or another Hub sends it.
    NotSent,
    /// What it would have said is true no more.
    Void,
}

/// Sends the message that has been due longest; `None` if none is due.
pub(crate) async fn deliver_next(worker: &Worker) -> Result<Option<Delivered>, StoreError> {
    let Some(leased) = worker.store.lease_message(worker.lease, worker.clock.now()).await? else {
        return Ok(None);
    };
    crash::point(&points::LEASED);
    deliver(worker, &leased).await.map(Some)
}

async fn deliver(worker: &Worker, leased: &LeasedMessage) -> Result<Delivered, StoreError> {
    let order = worker.store.order(leased.order).await?;
    let Some(order) = order.filter(|order| leased.kind.is_true_of(&order.state)) else {
        worker.store.message_void(leased, worker.clock.now()).await?;
        return Ok(Delivered::Void);
    };
    let sent = tokio::select! {
        sent = send(worker, &order, leased) => sent,
        () = keep_lease(worker, leased) => return Ok(Delivered::NotSent),
    };
    let now = worker.clock.now();
    match sent {
        Ok(()) => {
            crash::point(&points::SENT);
            worker.store.message_sent(leased, said(leased.kind), now).await?;
            crash::point(&points::STORED);
            Ok(Delivered::Sent)
        }
        Err(problem) => {
            tracing::warn!(%problem, order = %leased.order, kind = leased.kind.as_str(), "a message was not sent");
            worker.store.message_failed(leased, &problem, now).await?;
            Ok(Delivered::NotSent)
        }
    }
}

/// Returns when the lease is lost.
async fn keep_lease(worker: &Worker, leased: &LeasedMessage) {
    let extend = |until| worker.store.extend_message(leased, until);
    lease::keep(worker.lease, &*worker.clock, extend).await;
}

/// What the timeline says once it is so.
const fn said(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Paid => "The customer was told by e-mail: the payment has arrived",
        MessageKind::DnsWanted => "The customer was told by e-mail which DNS entries are needed",
        MessageKind::Delayed => "The customer was told by e-mail that it takes longer",
        MessageKind::PersonWanted => "Staff was told by e-mail: this order needs a person",
        MessageKind::TaskOpened => "Staff was told by e-mail: there is a task",
    }
}

async fn send(worker: &Worker, order: &Order, leased: &LeasedMessage) -> Result<(), Problem> {
    let Letter { subject, text } = letter(worker, order, leased);
    if leased.kind.is_for_customer() {
        return worker.mailer.send(&order.new.email, &leased.once_key, &subject, text).await;
    }
    let staff = staff(worker).await?;
    // One by one: an address that is refused keeps nobody else from being told.
    let (mut taken, mut refused) = (false, None);
    for to in &staff {
        match worker.mailer.send(to, &leased.once_key, &subject, text.clone()).await {
            Ok(()) => taken = true,
            Err(problem) => {
                tracing::warn!(%problem, %to, "a member of staff was not written to");
                refused = Some(problem);
            }
        }
    }
    refused.filter(|_| !taken).map_or(Ok(()), Err)
}

fn letter(worker: &Worker, order: &Order, leased: &LeasedMessage) -> Letter {
    let reader = Reader::of(worker, order);
    match leased.kind {
        MessageKind::Paid => reader.paid(),
        MessageKind::DnsWanted => {
            let entries = dns_entries::of_order(&worker.catalog, order);
            reader.dns_wanted(entries.map(|entries| entries.all).unwrap_or_default().as_slice())
        }
        MessageKind::Delayed => reader.delayed(),
        MessageKind::PersonWanted => letters::person_wanted(&worker.public_url, order),
        MessageKind::TaskOpened => {
            letters::task_opened(&worker.public_url, order, leased.detail.as_deref().unwrap_or_default())
        }
    }
}

/// Who of staff is written to.
async fn staff(worker: &Worker) -> Result<Vec<EmailAddress>, Problem> {
    if !worker.staff_mail.is_empty() {
        return Ok(worker.staff_mail.clone());
    }
    let members = worker.store.staff(worker.clock.now()).await.map_err(store_problem)?;
    let addresses: Vec<EmailAddress> = members.iter().filter_map(|one| one.email.parse().ok()).collect();
    if addresses.is_empty() {
        return Err(Problem::transient(
            Code::MAIL011,
            "Nobody of staff can be written to.",
            "Set mail.staff in the Hub's configuration, or add somebody: letsbe-hub add-staff --email ADDRESS.",
        ));
    }
    Ok(addresses)
}
