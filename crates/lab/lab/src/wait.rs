//! Waiting for what others do: looking again and again, for a limited time.

use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// What a look can see: what was waited for, or that it is not there yet.
pub trait Look {
    /// What was waited for.
    type Found;

    /// It, or why it is not there yet.
    ///
    /// # Errors
    /// As long as it is not there.
    fn found(self) -> Result<Self::Found, String>;
}

impl<T> Look for Option<T> {
    type Found = T;

    fn found(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing was seen".to_owned())
    }
}

impl<T> Look for Result<T, String> {
    type Found = T;

    fn found(self) -> Self {
        self
    }
}

/// Waits until a look finds something.
///
/// # Errors
/// When none did within `patience`, with the last reason; and at once when a look itself fails.
pub async fn eventually<L, F>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> F,
) -> anyhow::Result<L::Found>
where
    L: Look,
    F: Future<Output = anyhow::Result<L>>,
{
    let mut last = "no look came to its end".to_owned();
    let looks = async {
        loop {
            match look().await?.found() {
                Ok(found) => return Ok(found),
                Err(reason) => last = reason,
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let ended = tokio::time::timeout(patience, looks).await;
    ended.unwrap_or_else(|_| anyhow::bail!("{what}: not within {patience:?}: {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_with_what_is_found_the_last_reason_or_the_failure_of_a_look() {
        let mut looks = 0;
        let third = eventually("the third", Duration::from_secs(9), || {
            looks += 1;
            let look = looks;
            async move { Ok((look == 3).then_some(look)) }
        });
        assert_eq!(third.await.unwrap(), 3);
        let never = eventually("a door", Duration::from_millis(300), || async {
            Ok(Err::<(), _>("it is closed".to_owned()))
        });
        assert_eq!(never.await.unwrap_err().to_string(), "a door: not within 300ms: it is closed");
        let failed = eventually("a door", Duration::from_secs(9), || async {
            Err::<Option<()>, _>(anyhow::anyhow!("there is no house"))
        });
        assert_eq!(failed.await.unwrap_err().to_string(), "there is no house");
    }
}
