//! A whole answer out of a stream: from a provider that streams to who wants a whole one.

use tokio::time::{Instant, timeout_at};

use super::{
    dialect::{Gathered, meaning},
    ending::Ending,
    meter::Reservation,
    upstream::{Failure, Incoming},
    wish::{Form, Wish},
};
use crate::limits::ANSWER_BYTES;

/// Reads to the end. When everything was said, only the usage is waited for, and nothing that comes can break it.
pub(super) async fn gather(
    wish: &Wish,
    incoming: &mut Incoming,
    reservation: &mut Reservation,
    until: Instant,
) -> Result<Vec<u8>, Failure> {
    let (mut gathered, mut ending, mut bytes) = (Gathered::default(), Ending::of(wish), 0);
    loop {
        let is_complete = ending.is_complete();
        let next = match ending.afterword(Instant::now()) {
            Some(afterword) => {
                let next = timeout_at(until.min(afterword), incoming.event(reservation)).await;
                next.unwrap_or_else(|_| Err(Failure::new("nothing follows")))
            }
            None => incoming.event(reservation).await,
        };
        let event = match next {
            Ok(Some(event)) => event,
            Ok(None) if ending.has_begun() => break,
            Ok(None) => return Err(Failure::new("its answer is cut")),
            Err(_) if is_complete => break,
            Err(failure) => return Err(failure),
        };
        bytes += event.raw.len();
        let meaning = match meaning(wish.form, &event) {
            Some(meaning) if !meaning.is_failure && bytes <= ANSWER_BYTES && wish.form == Form::Chat => {
                meaning
            }
            _ if is_complete => break,
            None => return Err(Failure::new("its answer is malformed")),
            Some(_) => return Err(Failure::new("it gave up in its answer")),
        };
        if let Some(usage) = meaning.usage {
            reservation.report(usage);
        }
        ending.add(meaning.ends);
        if !meaning.is_nothing {
            gathered.push(event.data.as_deref().unwrap_or_default());
        }
        if meaning.is_last {
            break;
        }
    }
    Ok(gathered.finish())
}
