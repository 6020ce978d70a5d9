//! What of Docker's interface is let through: a list of reads, and starting, stopping and restarting one container. Pure.
//! What stands in no row is refused, whatever Docker would do with it.

use axum::http::Method;

/// Longest address.
const PATH_BYTES: usize = 512;
/// Longest query.
const QUERY_BYTES: usize = 2_048;

/// A request that may be sent to Docker.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Where, with the query.
    pub(super) target: String,
    pub(super) answer: Answer,
}

/// What is done with Docker's answer, or before it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It says nothing of a container: passed on as it comes.
    Plain,
    /// Passed on as it comes, for as long as it comes.
    Stream,
    /// Known fields only.
    Fields(Shape),
    /// The state of this container is changed, if it is a tool's.
    Change {
        /// Its name or id.
        container: String,
    },
}

/// Which answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Info,
    Containers,
    Container,
    Images,
    Image,
    Networks,
    Network,
    Volumes,
    Volume,
}

/// Whether a request may be sent; `None` if not.
pub(super) fn decide(method: &Method, path: &str, query: Option<&str>) -> Option<Allowed> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._:@-".contains(&byte);
    if path.len() > PATH_BYTES || !path.bytes().all(plain) {
        return None;
    }
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    if segments.iter().any(|segment| segment.is_empty() || segment.bytes().all(|byte| byte == b'.')) {
        return None;
    }
    let unversioned = match segments.split_first() {
        Some((first, rest)) if is_version(first) => rest,
        _ => segments.as_slice(),
    };
    let answer = match method.as_str() {
        "HEAD" if unversioned == ["_ping"] => Answer::Plain,
        "GET" => read(unversioned)?,
        "POST" => change(unversioned, query)?,
        _ => return None,
    };
    let target = match query {
        None => path.to_owned(),
        Some(query) if query.len() > QUERY_BYTES || !query.bytes().all(|byte| byte.is_ascii_graphic()) => {
            return None;
        }
        Some(query) => format!("{path}?{query}"),
    };
    Some(Allowed { target, answer })
}

fn read(segments: &[&str]) -> Option<Answer> {
    Some(match segments {
        ["_ping" | "version"] => Answer::Plain,
        ["info"] => Answer::Fields(Shape::Info),
        ["events"] => Answer::Stream,
        ["containers", "json"] => Answer::Fields(Shape::Containers),
        ["containers", name, "json"] if is_name(name) => Answer::Fields(Shape::Container),
        ["containers", name, "logs" | "stats"] if is_name(name) => Answer::Stream,
        ["images", "json"] => Answer::Fields(Shape::Images),
        ["images", .., last] if segments.len() > 2 && *last == "json" => Answer::Fields(Shape::Image),
        ["networks"] => Answer::Fields(Shape::Networks),
        ["networks", name] if is_name(name) => Answer::Fields(Shape::Network),
        ["volumes"] => Answer::Fields(Shape::Volumes),
        ["volumes", name] if is_name(name) => Answer::Fields(Shape::Volume),
        _ => return None,
    })
}

/// Only how long Docker waits may be said.
fn change(segments: &[&str], query: Option<&str>) -> Option<Answer> {
    let ["containers", container, "start" | "stop" | "restart"] = segments else { return None };
    let waits = |query: &str| {
        query.strip_prefix("t=").is_some_and(|seconds| {
            (1..=3).contains(&seconds.len()) && seconds.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let said = query.unwrap_or_default();
    let fine = is_name(container) && (said.is_empty() || waits(said));
    fine.then(|| Answer::Change { container: (*container).to_owned() })
}

/// `v1.41`
fn is_version(segment: &str) -> bool {
    let Some((major, minor)) = segment.strip_prefix('v').and_then(|numbers| numbers.split_once('.')) else {
        return false;
    };
    let number = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    number(major) && number(minor)
}

fn is_name(segment: &str) -> bool {
    segment.len() <= 128
        && segment.starts_with(|first: char| first.is_ascii_alphanumeric())
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use proptest::prelude::*;

    use super::{Answer, Shape, decide};

    fn answer(line: &str) -> Option<Answer> {
        let (method, target) = line.split_once(' ').unwrap();
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        decide(&method.parse::<Method>().unwrap(), path, query).map(|allowed| allowed.answer)
    }

    #[test]
    fn reads_and_changes_of_the_list_are_let_through() {
        let change = || Some(Answer::Change { container: "letsbe-ghost".to_owned() });
        let fields = |shape| Some(Answer::Fields(shape));
        for (line, wanted) in [
            ("GET /_ping", Some(Answer::Plain)),
            ("HEAD /v1.41/_ping", Some(Answer::Plain)),
            ("GET /v1.41/version", Some(Answer::Plain)),
            ("GET /info", fields(Shape::Info)),
            ("GET /v1.41/events?since=1", Some(Answer::Stream)),
            ("GET /v1.41/containers/json?all=1&filters=%7B%22a%22%3A1%7D", fields(Shape::Containers)),
            ("GET /containers/letsbe-ghost/json", fields(Shape::Container)),
            ("GET /containers/0a1b/logs?follow=1&stdout=1", Some(Answer::Stream)),
            ("GET /containers/0a1b/stats?stream=0", Some(Answer::Stream)),
            ("GET /images/json", fields(Shape::Images)),
            ("GET /images/portainer/portainer-ce:2.21.5/json", fields(Shape::Image)),
            ("GET /images/sha256:0a1b/json", fields(Shape::Image)),
            ("GET /networks", fields(Shape::Networks)),
            ("GET /networks/letsbe-ghost_default", fields(Shape::Network)),
            ("GET /volumes", fields(Shape::Volumes)),
            ("GET /volumes/letsbe-ghost_data", fields(Shape::Volume)),
            ("POST /v1.41/containers/letsbe-ghost/restart?t=10", change()),
            ("POST /containers/letsbe-ghost/start", change()),
            ("POST /containers/letsbe-ghost/stop", change()),
        ] {
            assert_eq!(answer(line), wanted, "{line}");
        }
    }

    const REFUSED: [&str; 75] = [
        "POST /containers/create",
        "POST /v1.41/containers/create?name=x",
        "POST /containers/letsbe-ghost/exec",
        "POST /exec/0a1b/start",
        "GET /exec/0a1b/json",
        "POST /containers/letsbe-ghost/attach?stream=1",
        "GET /containers/letsbe-ghost/attach/ws?stream=1",
        "GET /containers/letsbe-ghost/archive?path=/",
        "HEAD /containers/letsbe-ghost/archive?path=/",
        "PUT /containers/letsbe-ghost/archive?path=/",
        "GET /containers/letsbe-ghost/export",
        "GET /containers/letsbe-ghost/changes",
        "GET /containers/letsbe-ghost/top",
        "POST /containers/letsbe-ghost/update",
        "POST /containers/letsbe-ghost/rename?name=x",
        "POST /containers/letsbe-ghost/kill",
        "POST /containers/letsbe-ghost/pause",
        "POST /containers/letsbe-ghost/unpause",
        "POST /containers/letsbe-ghost/resize",
        "POST /containers/letsbe-ghost/wait",
        "POST /containers/letsbe-ghost/stop?signal=KILL",
        "POST /containers/letsbe-ghost/restart?t=1&signal=KILL",
        "POST /containers/letsbe-ghost/start?detachKeys=x",
        "DELETE /containers/letsbe-ghost",
        "POST /containers/prune",
        "POST /commit?container=letsbe-ghost",
        "POST /build",
        "POST /build/prune",
        "POST /session",
        "POST /grpc",
        "POST /images/create?fromImage=x",
        "POST /images/load",
        "POST /images/x/push",
        "POST /images/x/tag",
        "GET /images/get",
        "GET /images/x/get",
        "GET /images/x/history",
        "DELETE /images/x",
        "POST /images/prune",
        "POST /volumes/create",
        "DELETE /volumes/x",
        "POST /volumes/prune",
        "POST /networks/create",
        "POST /networks/x/connect",
        "POST /networks/prune",
        "DELETE /networks/x",
        "GET /plugins",
        "POST /plugins/pull",
        "GET /swarm",
        "POST /swarm/init",
        "GET /secrets",
        "GET /configs",
        "GET /services",
        "GET /nodes",
        "GET /tasks",
        "POST /auth",
        "GET /distribution/x/json",
        "GET /system/df",
        "GET /",
        "OPTIONS /info",
        "CONNECT /info",
        "GET /containers/../secrets",
        "GET /containers/json/../../secrets",
        "GET /containers/./json",
        "GET //containers/json",
        "GET /containers//json",
        "GET /containers/json/",
        "GET /v1.41/v1.41/secrets",
        "GET /v1/containers/json",
        "GET /containers/a%2f..%2f..%2fsecrets/json",
        "GET /containers/a;b/json",
        "GET /containers/-x/json",
        "GET /images/..%2fsecrets/json",
        "GET /images/../json",
        "HEAD /containers/json",
    ];

    #[test]
    fn whatever_makes_enters_copies_or_removes_is_refused() {
        for line in REFUSED {
            assert_eq!(answer(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_the_three_changes_is_ever_posted(path in "(/[a-z0-9._:@-]{0,12}){0,6}", query in "[a-z=&0-9]{0,8}") {
            let allowed = decide(&Method::POST, &path, Some(&query));
            let is_change = allowed.is_none_or(|allowed| {
                let ends = ["/start", "/stop", "/restart"].iter().any(|end| path.ends_with(end));
                ends && matches!(allowed.answer, Answer::Change { .. })
            });
            prop_assert!(is_change);
        }
    }
}
