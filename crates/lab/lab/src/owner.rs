//! Whose something of a lab is: the process that made it, by its number and start time. What belongs to a process
//! that is gone may be removed.

/// A process number with its start time (`4711:90210`), so that a number that is used again is told apart.
pub(crate) fn of_process(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command stands in brackets and may hold anything; the start time is the 20th field after it.
    let started = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?;
    Some(format!("{pid}:{started}"))
}

/// Whether this process is still there.
pub(crate) fn lives(owner: &str) -> bool {
    let pid = owner.split_once(':').and_then(|(pid, _)| pid.parse().ok());
    pid.and_then(of_process).is_some_and(|identity| identity == owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_owner_is_told_from_a_dead_or_another_one() {
        assert!(lives(&of_process(std::process::id()).unwrap()));
        for dead in [format!("{}:1", std::process::id()), "4194305:1".to_owned(), String::new()] {
            assert!(!lives(&dead), "{dead:?}");
        }
    }
}
