//! The rate limit: one token bucket for each caller and kind of request, in memory, bounded.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::{AppState, controllers::ApiError, security::keys, web};

/// Callers kept at most. Beyond it, memory is worth more than the memory of who called.
const MOST_CALLERS: usize = 10_000;
/// Good keys kept at most: nobody makes them up.
const MOST_KEYS: usize = 100_000;

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Attempts to log in.
    Login,
    /// What anybody may ask.
    Public,
    /// Orders: each is kept for weeks, paid or not.
    Checkout,
    /// Refused requests of those who come with a key or a signature.
    Refused,
    /// What an agent asks with a key that is good. A busy server asks some ten times a minute; one that was away for a week
    /// hands its queue over in some hundred requests.
    Agent,
}

impl Scope {
    /// Requests a minute.
    const fn per_minute(self) -> f64 {
        match self {
            Self::Checkout => 2.0,
            Self::Login => 10.0,
            Self::Public | Self::Refused => 60.0,
            Self::Agent => 240.0,
        }
    }

    /// How many may come at once.
    const fn burst(self) -> f64 {
        match self {
            Self::Checkout => 30.0,
            other => other.per_minute(),
        }
    }
}

struct Bucket {
    tokens: f64,
    at: DateTime<Utc>,
}

impl Bucket {
    fn refilled(&self, scope: Scope, now: DateTime<Utc>) -> f64 {
        let seconds = (now - self.at).num_milliseconds().max(0) as f64 / 1000.0;
        (self.tokens + seconds * scope.per_minute() / 60.0).min(scope.burst())
    }

    /// Takes `cost` tokens, or says how long it is until there is one.
    fn take(&mut self, scope: Scope, cost: f64, now: DateTime<Utc>) -> Result<(), TimeDelta> {
        let tokens = self.refilled(scope, now);
        if tokens < 1.0 {
            let seconds = (1.0 - tokens) * 60.0 / scope.per_minute();
            return Err(TimeDelta::milliseconds((seconds * 1000.0) as i64));
        }
        if cost > 0.0 {
            *self = Self { tokens: tokens - cost, at: now };
        }
        Ok(())
    }
}

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// Everybody at an address.
    Address(IpAddr),
    /// Whoever has the key with this hash.
    Key(Arc<str>),
}

/// All buckets.
#[derive(Default)]
pub(crate) struct Limits(Mutex<HashMap<(Scope, Who), Bucket>>);

impl Limits {
    /// Whether this caller may go on; `cost` tokens are taken if so.
    fn allows(&self, scope: Scope, caller: IpAddr, cost: f64, now: DateTime<Utc>) -> bool {
        self.take(scope, Who::Address(caller), cost, now).is_ok()
    }

    /// Takes `cost` tokens, or says how long it is until there is one.
    fn take(&self, scope: Scope, who: Who, cost: f64, now: DateTime<Utc>) -> Result<(), TimeDelta> {
        let key = (scope, who);
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(&key) {
            return bucket.take(scope, cost, now);
        }
        // What only asks makes no bucket; whoever has one makes room for nobody.
        if cost > 0.0 {
            if buckets.len() >= MOST_CALLERS {
                buckets.retain(|(scope, _), bucket| bucket.refilled(*scope, now) < scope.burst());
                if buckets.len() >= MOST_CALLERS {
                    buckets.clear();
                }
            }
            buckets.insert(key, Bucket { tokens: scope.burst() - cost, at: now });
        }
        Ok(())
    }

    /// The same for a key that was good before; `None` for any other: only such keys have buckets.
    fn take_known(&self, scope: Scope, key: &Arc<str>, now: DateTime<Utc>) -> Option<Result<(), TimeDelta>> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.get_mut(&(scope, Who::Key(Arc::clone(key))))?;
        Some(bucket.take(scope, 1.0, now))
    }
}

/// Hashes of keys that were good, since this process began and until one is refused. Whoever has one is not held up by what
/// others at his address are refused: a container of the same server, or all that stand behind one proxy.
#[derive(Default)]
pub(crate) struct GoodKeys(Mutex<HashSet<Arc<str>>>);

impl GoodKeys {
    fn has(&self, key: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    fn note(&self, key: Arc<str>, is_good: bool) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_good {
            keys.remove(&*key);
        } else if keys.len() < MOST_KEYS {
            keys.insert(key);
        }
    }
}

/// What the layers below need.
#[derive(Clone)]
pub(crate) struct Limited {
    pub(crate) state: AppState,
    pub(crate) limits: Arc<Limits>,
    pub(crate) good: Arc<GoodKeys>,
    pub(crate) scope: Scope,
}

/// Counts every request.
pub(crate) async fn every(State(limited): State<Limited>, request: Request, next: Next) -> Response {
    let now = limited.state.clock.now();
    if let Err(wait) = limited.limits.take(limited.scope, Who::Address(caller(&request)), 1.0, now) {
        let error = ApiError::too_many(wait);
        return web::refused(&limited.state, request.uri(), request.headers(), error).await;
    }
    next.run(request).await
}

/// Marks the answer to a caller whose key was good: what is refused to it is no attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownCaller;

/// Counts what a good key asks, so that one tenant's server, or whoever took its key, cannot keep the Hub busy for others.
/// A key that was never good gets no bucket: what is refused is counted by address.
pub(crate) async fn known(State(limited): State<Limited>, mut request: Request, next: Next) -> Response {
    let now = limited.state.clock.now();
    let Some(key) = keys::bearer_hash(&mut request) else { return next.run(request).await };
    let taken = limited.limits.take_known(limited.scope, &key, now);
    let is_known = taken.is_some();
    let mut response = match taken {
        Some(Err(wait)) => ApiError::too_many_of_one(wait).into_response(),
        _ => next.run(request).await,
    };
    if is_known && response.status() != StatusCode::UNAUTHORIZED {
        response.extensions_mut().insert(KnownCaller);
    } else if response.status().is_success() {
        let _ = limited.limits.take(limited.scope, Who::Key(key), 1.0, now);
    }
    response
}

/// Counts only what was refused, by address: whoever brings a key that was good before is not held up by it.
pub(crate) async fn refused(State(limited): State<Limited>, mut request: Request, next: Next) -> Response {
    let (caller, now) = (caller(&request), limited.state.clock.now());
    let key = keys::bearer_hash(&mut request);
    let was_good = key.as_deref().is_some_and(|key| limited.good.has(key));
    if !was_good && let Err(wait) = limited.limits.take(limited.scope, Who::Address(caller), 0.0, now) {
        return ApiError::too_many(wait).into_response();
    }
    let response = next.run(request).await;
    let is_known = response.extensions().get::<KnownCaller>().is_some();
    if response.status().is_client_error() && !is_known {
        limited.limits.allows(limited.scope, caller, 1.0, now);
    }
    match key {
        Some(key) if is_known && !was_good => limited.good.note(key, true),
        Some(key) if was_good && response.status() == StatusCode::UNAUTHORIZED => {
            limited.good.note(key, false)
        }
        _ => {}
    }
    response
}

/// The caller's address. Only a proxy on this machine is believed when it says for whom it asks.
pub(crate) fn caller(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let peer = peer.unwrap_or(IpAddr::V6(Ipv6Addr::LOCALHOST)).to_canonical();
    let forwarded = || {
        let header = request.headers().get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        header.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    match if peer.is_loopback() { forwarded().unwrap_or(peer) } else { peer } {
        // One customer of a provider has at least this much.
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::{Limits, MOST_CALLERS, Scope, Who};
    use chrono::{DateTime, TimeDelta};
    use std::{
        net::{IpAddr, Ipv4Addr},
        sync::Arc,
    };

    #[test]
    fn a_bucket_empties_refills_and_never_overflows() {
        let limits = Limits::default();
        let caller = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let mut now = DateTime::from_timestamp(1_790_000_000, 0).expect("a moment");
        let takes = |now| (0..100).filter(|_| limits.allows(Scope::Public, caller, 1.0, now)).count();
        assert_eq!(takes(now), 60);
        now += TimeDelta::seconds(2);
        assert_eq!(takes(now), 2);
        now += TimeDelta::days(1);
        assert_eq!(takes(now), 60);
        assert!(limits.allows(Scope::Login, caller, 1.0, now), "scopes are counted apart");
        let orders = |now| (0..100).filter(|_| limits.allows(Scope::Checkout, caller, 1.0, now)).count();
        assert_eq!(orders(now), 30);
        now += TimeDelta::minutes(2);
        assert_eq!(orders(now), 4);
    }

    #[test]
    fn memory_is_bounded() {
        let limits = Limits::default();
        let now = DateTime::from_timestamp(1_790_000_000, 0).expect("a moment");
        for number in 0..u32::try_from(MOST_CALLERS).expect("small") + 50 {
            assert!(limits.allows(Scope::Public, IpAddr::V4(number.into()), 1.0, now));
        }
        assert!(limits.0.lock().expect("lock").len() <= MOST_CALLERS);
    }

    #[test]
    fn a_caller_that_is_counted_already_makes_no_other_forgotten() {
        let limits = Limits::default();
        let now = DateTime::from_timestamp(1_790_000_000, 0).expect("a moment");
        let key = |number: usize| -> Arc<str> { format!("{number}").into() };
        assert!(limits.take_known(Scope::Agent, &key(0), now).is_none(), "only a good key has a bucket");
        for number in 0..MOST_CALLERS {
            limits.take(Scope::Agent, Who::Key(key(number)), 1.0, now).expect("the first");
        }
        let last = key(MOST_CALLERS - 1);
        let mut asked = 1;
        while limits.take(Scope::Agent, Who::Key(last.clone()), 1.0, now).is_ok() {
            asked += 1;
        }
        assert_eq!(asked, 240);
        assert_eq!(limits.0.lock().expect("lock").len(), MOST_CALLERS);
        assert!(limits.take_known(Scope::Agent, &last, now).is_some_and(|taken| taken.is_err()));
        assert!(limits.take_known(Scope::Agent, &key(0), now).is_some_and(|taken| taken.is_ok()));
    }
}
