//! Journaled work of several steps: one action after the other, each recorded before the next, so that whoever comes
//! after a killed process goes on where it was. Crash points are made from the saga's actions.
//!
//! What a saga's journal is and how a failure turns it back is the saga's own, and pure; here it is driven.

use letsbe_types::{
    Problem,
    crash::{self, Point},
};

/// Work of several steps on this server.
pub trait Saga {
    /// An action. Each is good to be done again: a kill after it, and before it is recorded, repeats it.
    type Action: Copy + PartialEq + 'static;

    /// Begins the names of its crash points.
    const NAME: &'static str;

    /// Every action, forward and back.
    fn actions() -> Vec<Self::Action>;

    /// An action's name, as crash points have it.
    fn name(action: Self::Action) -> &'static str;

    /// Whether nothing comes after an action.
    fn is_last(action: Self::Action) -> bool;

    /// What comes next in the present direction; `None` when all is done.
    fn next(&self) -> Option<Self::Action>;

    /// Notes in the journal's value that an action is done.
    fn record(&mut self, action: Self::Action);

    /// Keeps the journal, durably.
    ///
    /// # Errors
    /// When it cannot be written.
    fn keep(&self) -> Result<(), Problem>;

    /// The work has ended: removes the journal.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove(&self) -> Result<(), Problem>;

    /// Carries an action out.
    fn act(&mut self, action: Self::Action) -> impl Future<Output = Result<(), Problem>>;

    /// Changes the journal's value after a failure, so that [`Saga::next`] says how to go on.
    ///
    /// # Errors
    /// When it cannot go on now; what is kept is what was kept before, unless it removed that.
    fn after_failure(&mut self, action: Self::Action, problem: Problem) -> Result<(), Problem>;

    /// Where it can be killed after the journal of a failure was kept.
    fn failure_kept(action: Self::Action) -> Point {
        recorded::<Self>(action)
    }
}

/// An action is done, and not recorded yet.
fn done<S: Saga + ?Sized>(action: S::Action) -> Point {
    Point::of_family(format!("{}.{}.done", S::NAME, S::name(action)))
}

/// An action is recorded. After the last one there is no journal any more.
fn recorded<S: Saga + ?Sized>(action: S::Action) -> Point {
    Point::of_family(format!("{}.{}.recorded", S::NAME, S::name(action)))
}

/// Where [`drive`] can be killed by a test: before and after each action is recorded.
#[must_use]
pub fn points<S: Saga>() -> Vec<Point> {
    let actions = S::actions();
    let recorded = actions.iter().copied().filter(|action| !S::is_last(*action)).map(recorded::<S>);
    actions.iter().copied().map(done::<S>).chain(recorded).collect()
}

/// Does one action after the other, each recorded before the next, until nothing is left to do.
///
/// # Errors
/// When the journal cannot be written, or the saga cannot go on now ([`Saga::after_failure`]).
pub async fn drive<S: Saga>(saga: &mut S) -> Result<(), Problem> {
    while let Some(action) = saga.next() {
        let kept = match saga.act(action).await {
            Ok(()) => {
                crash::point(&done::<S>(action));
                saga.record(action);
                recorded::<S>(action)
            }
            Err(problem) => {
                saga.after_failure(action, problem)?;
                S::failure_kept(action)
            }
        };
        if saga.next().is_none() {
            saga.remove()?;
        } else {
            saga.keep()?;
            crash::point(&kept);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use letsbe_types::{Code, Problem};

    use super::{Saga, drive, points};
    use crate::files;

    /// Writes `a`, `b` and `c`; when `b` fails, `a` is taken back.
    struct Letters {
        journal: PathBuf,
        done: Vec<&'static str>,
        back: bool,
        written: String,
        /// What each attempt finds in the journal, and whether it fails, once.
        seen: Vec<String>,
        fails: Option<&'static str>,
    }

    impl Letters {
        fn new(journal: PathBuf, done: Vec<&'static str>, fails: Option<&'static str>) -> Self {
            Self { journal, done, back: false, written: String::new(), seen: Vec::new(), fails }
        }
    }

    impl Saga for Letters {
        type Action = &'static str;
        const NAME: &'static str = "letters";

        fn actions() -> Vec<&'static str> {
            vec!["a", "b", "c", "take_back"]
        }

        fn name(action: &'static str) -> &'static str {
            action
        }

        fn is_last(action: &'static str) -> bool {
            ["c", "take_back"].contains(&action)
        }

        fn next(&self) -> Option<&'static str> {
            let actions: &[&str] = if self.back { &["take_back"] } else { &["a", "b", "c"] };
            actions.iter().copied().find(|action| !self.done.contains(action))
        }

        fn record(&mut self, action: &'static str) {
            self.done.push(action);
        }

        fn keep(&self) -> Result<(), Problem> {
            files::write(&self.journal, self.done.join(" ").as_bytes())
        }

        fn remove(&self) -> Result<(), Problem> {
            files::remove(&self.journal)
        }

        async fn act(&mut self, action: &'static str) -> Result<(), Problem> {
            self.seen.push(std::fs::read_to_string(&self.journal).unwrap_or_default());
            if self.fails.take_if(|fails| *fails == action).is_some() {
                return Err(Problem::transient(Code::WORK001, "the pen is empty", ""));
            }
            if action == "take_back" {
                self.written.clear()
            } else {
                self.written.push_str(action)
            }
            Ok(())
        }

        fn after_failure(&mut self, action: &'static str, problem: Problem) -> Result<(), Problem> {
            if action != "b" {
                return Err(problem);
            }
            (self.back, self.done) = (true, Vec::new());
            Ok(())
        }
    }

    #[tokio::test]
    async fn each_action_is_recorded_before_the_next_and_the_journal_is_gone_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letters");
        let mut saga = Letters::new(path.clone(), vec![], None);
        drive(&mut saga).await.unwrap();
        assert_eq!(
            (saga.written.as_str(), saga.seen),
            ("abc", vec![String::new(), "a".into(), "a b".into()])
        );
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_failure_turns_back_or_ends_this_attempt_and_the_next_goes_on_from_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letters");
        let mut back = Letters::new(path.clone(), vec![], Some("b"));
        drive(&mut back).await.unwrap();
        assert!(back.back && back.written.is_empty() && !path.exists());
        let mut stays = Letters::new(path.clone(), vec![], Some("c"));
        assert_eq!(drive(&mut stays).await.unwrap_err().code, Code::WORK001);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a b", "what was kept before");
        let mut next = Letters::new(path.clone(), vec!["a", "b"], None);
        drive(&mut next).await.unwrap();
        assert!(next.written == "c" && !path.exists());
    }

    #[test]
    fn crash_points_are_made_from_the_actions_and_the_last_ones_are_not_recorded() {
        let names: Vec<String> = points::<Letters>().iter().map(ToString::to_string).collect();
        let done = ["letters.a.done", "letters.b.done", "letters.c.done", "letters.take_back.done"];
        assert_eq!(names[..4], done);
        assert_eq!(names[4..], ["letters.a.recorded", "letters.b.recorded"]);
    }
}
