//! How often a container was restarted lately: Docker tells only how often since it was made.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use super::docker::Container;

const HOUR: Duration = Duration::from_secs(3600);
/// Looks of an hour; a heartbeat takes five minutes, and one that is asked for comes between.
const LOOKS: usize = 120;

/// What was seen of each container, oldest first, with one look older than an hour to compare with.
#[derive(Default)]
pub(super) struct Restarts {
    seen: HashMap<String, VecDeque<(Instant, u32)>>,
}

impl Restarts {
    /// Writes into each container's sign how often it was restarted within the last hour. Of a container that was not
    /// seen before, nothing is known yet.
    pub(super) fn mark(&mut self, containers: &mut [Container], now: Instant) {
        self.seen.retain(|id, _| containers.iter().any(|container| container.id == *id));
        for container in containers {
            let looks = self.seen.entry(container.id.clone()).or_default();
            looks.push_back((now, container.sign.restarts));
            while looks.len() > LOOKS || looks.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= HOUR) {
                looks.pop_front();
            }
            let before = looks.front().map_or(0, |(_, restarts)| *restarts);
            container.sign.restarts_last_hour = container.sign.restarts.saturating_sub(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{super::docker, Restarts};

    #[test]
    fn what_docker_restarted_within_an_hour_is_counted_and_forgotten_after_it() {
        let (mut restarts, start) = (Restarts::default(), Instant::now());
        let mut look = |minute: u64, id: &str, count: u32| {
            let mut containers = [docker::example(id, count)];
            restarts.mark(&mut containers, start + Duration::from_secs(60 * minute));
            containers[0].sign.restarts_last_hour
        };
        assert_eq!(look(0, "a", 7), 0, "of the time before nothing is known");
        assert_eq!(look(5, "a", 9), 2);
        assert_eq!(look(60, "a", 10), 3);
        assert_eq!(look(66, "a", 10), 1, "two of them are more than an hour ago");
        assert_eq!(look(130, "a", 10), 0);
        assert_eq!(look(131, "b", 4), 0, "another container");
        assert_eq!(look(132, "b", 0), 0, "made anew");
    }
}
