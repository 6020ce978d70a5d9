//! A whole answer out of a stream: from a provider that streams to who wants a whole one.

use tokio::time::{Instant, timeout_at};

use super::{
    dialect::{Gathered, meaning},
    meter::Reservation,
    upstream::{Failure, Incoming},
    wish::{Form, Wish},
};
use crate::limits::{AFTERWORD, ANSWER_BYTES};

/// Reads to the end. When everything was said, only the usage is waited for, and nothing that comes can break it.
pub(super) async fn gather(
    wish: &Wish,
    incoming: &mut Incoming,
    reservation: &mut Reservation,
    until: Instant,
) -> Result<Vec<u8>, Failure> {
    let (mut gathered, mut ended, mut bytes) = (Gathered::default(), 0, 0);
    let every = wish.every_choice();
    let mut afterword = None;
    loop {
        let is_complete = ended & every == every;
        let next = if is_complete {
            // Counted once: heartbeats after the end would otherwise hold the caller.
            let until = *afterword.get_or_insert_with(|| until.min(Instant::now() + AFTERWORD));
            let next = timeout_at(until, incoming.event(reservation)).await;
            next.unwrap_or_else(|_| Err(Failure::new("nothing follows")))
        } else {
            incoming.event(reservation).await
        };
        let event = match next {
            Ok(Some(event)) => event,
            // A provider need not give as many choices as were asked for.
            Ok(None) if ended != 0 => break,
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
        ended |= meaning.ends;
        if !meaning.is_nothing {
            gathered.push(event.data.as_deref().unwrap_or_default());
        }
        if meaning.is_last {
            break;
        }
    }
    Ok(gathered.finish())
}
