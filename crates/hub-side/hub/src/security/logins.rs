//! Log-ins of one account: after some that failed in a row, strangers wait, longer each time. An address from which the
//! account's owner logged in before does not wait, so that nobody locks the owner out. In memory, bounded.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

/// Failures in a row that cost nothing.
const FREE: u32 = 10;
const FIRST_PAUSE: TimeDelta = TimeDelta::minutes(1);
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(30);
/// Accounts that are remembered; names that nobody has are counted, too.
const ACCOUNTS: usize = 10_000;
/// Addresses of one account's owner.
const KNOWN: usize = 8;

#[derive(Debug, Default)]
struct Account {
    failures: u32,
    until: DateTime<Utc>,
    known: Vec<IpAddr>,
}

/// What is known of log-ins.
#[derive(Debug, Default)]
pub struct Logins(Mutex<HashMap<String, Account>>);

impl Logins {
    /// How long this caller has to wait before it may try again.
    pub(crate) fn wait(&self, name: &str, caller: IpAddr, now: DateTime<Utc>) -> Option<TimeDelta> {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.get(name).filter(|account| !account.known.contains(&caller))?;
        (account.until > now).then(|| account.until - now)
    }

    /// A name and a password did not fit.
    pub(crate) fn failed(&self, name: &str, caller: IpAddr, now: DateTime<Utc>) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= ACCOUNTS && !accounts.contains_key(name) {
            accounts.retain(|_, account| account.until > now || !account.known.is_empty());
            if accounts.len() >= ACCOUNTS {
                return;
            }
        }
        let account = accounts.entry(name.to_owned()).or_default();
        account.failures = account.failures.saturating_add(1);
        let Some(over) = account.failures.checked_sub(FREE) else { return };
        // Whoever guesses from an address of the owner's is a stranger now.
        account.known.retain(|known| *known != caller);
        let pause = FIRST_PAUSE * 1_i32.wrapping_shl(over.min(8));
        account.until = now + pause.min(LONGEST_PAUSE);
    }

    /// The owner came in.
    pub(crate) fn succeeded(&self, name: &str, caller: IpAddr, now: DateTime<Utc>) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(name.to_owned()).or_default();
        (account.failures, account.until) = (0, now);
        account.known.retain(|known| *known != caller);
        account.known.insert(0, caller);
        account.known.truncate(KNOWN);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use chrono::{DateTime, TimeDelta};

    use super::{ACCOUNTS, Logins};

    #[test]
    fn strangers_wait_longer_each_time_and_the_owner_does_not() {
        let logins = Logins::default();
        let mut now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        logins.succeeded("ann", address(1), now);
        // From many addresses, so that no limit for one address counts.
        for number in 100..109 {
            logins.failed("ann", address(number), now);
            assert_eq!(logins.wait("ann", address(number), now), None);
        }
        let mut waits = Vec::new();
        for number in 200..208 {
            logins.failed("ann", address(number), now);
            let wait = logins.wait("ann", address(999), now).expect("strangers wait");
            waits.push(wait.num_minutes());
            assert_eq!(logins.wait("ann", address(1), now), None, "the owner is not locked out");
            now += wait;
            assert_eq!(logins.wait("ann", address(999), now), None);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(logins.wait("bob", address(999), now), None, "accounts are counted apart");
        logins.failed("ann", address(1), now);
        assert!(logins.wait("ann", address(1), now).is_some(), "whoever guesses there is a stranger");
        logins.succeeded("ann", address(1), now);
        assert_eq!(logins.wait("ann", address(999), now + TimeDelta::seconds(1)), None);
    }

    #[test]
    fn names_that_nobody_has_fill_nothing_up() {
        let logins = Logins::default();
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        for number in 0..ACCOUNTS + 50 {
            logins.failed(&format!("nobody-{number}"), IpAddr::from([192, 0, 2, 1]), now);
        }
        assert!(logins.0.lock().unwrap().len() <= ACCOUNTS);
    }
}
