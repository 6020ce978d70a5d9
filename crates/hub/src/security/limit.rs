//! The rate limit: one token bucket for each caller and kind of request, in memory, bounded.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};

use crate::{AppState, controllers::ApiError, web};

/// Callers kept at most. Beyond it, memory is worth more than the memory of who called.
const MOST_CALLERS: usize = 10_000;

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Attempts to log in.
    Login,
    /// What anybody may ask.
    Public,
    /// Refused requests of those who come with a key or a signature.
    Refused,
}

impl Scope {
    /// Requests a minute, and how many may come at once.
    const fn per_minute(self) -> f64 {
        match self {
            Self::Login => 10.0,
            Self::Public | Self::Refused => 60.0,
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
        (self.tokens + seconds * scope.per_minute() / 60.0).min(scope.per_minute())
    }
}

/// All buckets.
#[derive(Default)]
pub(crate) struct Limits(Mutex<HashMap<(Scope, IpAddr), Bucket>>);

impl Limits {
    /// Whether this caller may go on; `cost` tokens are taken if so.
    fn allows(&self, scope: Scope, caller: IpAddr, cost: f64, now: DateTime<Utc>) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens =
            buckets.get(&(scope, caller)).map_or(scope.per_minute(), |bucket| bucket.refilled(scope, now));
        if tokens < 1.0 {
            return false;
        }
        if buckets.len() >= MOST_CALLERS {
            buckets.retain(|(scope, _), bucket| bucket.refilled(*scope, now) < scope.per_minute());
            if buckets.len() >= MOST_CALLERS {
                buckets.clear();
            }
        }
        if cost > 0.0 {
            buckets.insert((scope, caller), Bucket { tokens: tokens - cost, at: now });
        }
        true
    }

    /// Seconds until the next request of this caller is let through.
    fn wait(&self, scope: Scope, caller: IpAddr, now: DateTime<Utc>) -> i64 {
        let buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = buckets.get(&(scope, caller)).map_or(1.0, |bucket| bucket.refilled(scope, now));
        let seconds = ((1.0 - tokens) * 60.0 / scope.per_minute()).ceil();
        (seconds as i64).clamp(1, 60)
    }
}

/// What the two layers below need.
#[derive(Clone)]
pub(crate) struct Limited {
    pub(crate) state: AppState,
    pub(crate) limits: std::sync::Arc<Limits>,
    pub(crate) scope: Scope,
}

/// Counts every request.
pub(crate) async fn every(State(limited): State<Limited>, request: Request, next: Next) -> Response {
    let now = limited.state.clock.now();
    if !limited.limits.allows(limited.scope, caller(&request), 1.0, now) {
        let seconds = limited.limits.wait(limited.scope, caller(&request), now);
        return web::refused(&limited.state, request.uri(), request.headers(), ApiError::too_many(seconds))
            .await;
    }
    next.run(request).await
}

/// Marks the answer to a caller whose key was good: what is refused to it is no attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownCaller;

/// Counts only what was refused: whoever brings a good key is never held up.
pub(crate) async fn refused(State(limited): State<Limited>, request: Request, next: Next) -> Response {
    let (caller, now) = (caller(&request), limited.state.clock.now());
    if !limited.limits.allows(limited.scope, caller, 0.0, now) {
        return ApiError::too_many(limited.limits.wait(limited.scope, caller, now)).into_response();
    }
    let response = next.run(request).await;
    let is_known = response.extensions().get::<KnownCaller>().is_some();
    if response.status().is_client_error() && !is_known {
        limited.limits.allows(limited.scope, caller, 1.0, now);
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
    use super::{Limits, MOST_CALLERS, Scope};
    use chrono::{DateTime, TimeDelta};
    use std::net::{IpAddr, Ipv4Addr};

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
}
