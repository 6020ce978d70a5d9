//! Crash points: named places at which a debug build kills itself (SIGKILL) once, when a test asks for it.
//!
//! Each stands in a list beside the code that dies there ([`crash_points!`](crate::crash_points)), and only what
//! stands in a list can be named to [`point`]: a test that takes the list misses none. What `letsbe-node` has, it
//! tells itself: `letsbe-node crash-points`.
//!
//! The test sets `LETSBE_CRASH_LOG` to a file and lists in it nothing; every point reached for the first time
//! appends its name and dies. Run under a supervisor, one workflow is thereby killed at every point exactly once,
//! and the file is the evidence of which points were hit. Release builds compile this to nothing.

use std::{borrow::Cow, fmt};

/// The variable that names the log file.
pub const LOG_VARIABLE: &str = "LETSBE_CRASH_LOG";

/// A place at which a debug build can be killed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point(Cow<'static, str>);

impl Point {
    /// The point of this name. Called by [`crash_points!`](crate::crash_points).
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// One of a family, made from the names of what there is one for each: steps, actions, effects. The function that
    /// makes it makes the family's list too.
    #[must_use]
    pub const fn of_family(name: String) -> Self {
        Self(Cow::Owned(name))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Where one piece of work can be killed: a module with a constant for each point, and `ALL` of them.
///
/// ```
/// letsbe_types::crash_points! {
///     /// Where the kettle can be killed, in the order in which it comes to them.
///     mod points {
///         FILLED = "kettle.filled",
///         BOILED = "kettle.boiled",
///     }
/// }
///
/// letsbe_types::crash::point(&points::FILLED);
/// ```
#[macro_export]
macro_rules! crash_points {
    ($(#[$about:meta])* $visibility:vis mod $module:ident { $($point:ident = $name:literal),+ $(,)? }) => {
        $(#[$about])*
        $visibility mod $module {
            $(
                #[doc = concat!("`", $name, "`")]
                pub const $point: $crate::crash::Point = $crate::crash::Point::named($name);
            )+
            /// All of them. Made from the names, so that a constant where nothing dies is unused to the compiler.
            #[cfg(debug_assertions)]
            pub const ALL: [$crate::crash::Point; [$($name),+].len()] = [$($crate::crash::Point::named($name)),+];
        }
    };
}

/// Dies here if a test asked for it and this point has not been hit yet.
#[cfg(debug_assertions)]
pub fn point(point: &Point) {
    if strikes(point) {
        let _ = std::process::Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
        // SIGKILL is delivered at once, but the call above may return first.
        loop {
            std::thread::park();
        }
    }
}

/// Whether a fault of another kind than death (a cut connection) shall strike here: true once, when a test asked for
/// crashes. Logged like a crash point.
#[cfg(debug_assertions)]
#[must_use]
pub fn strikes(point: &Point) -> bool {
    use std::io::Write as _;

    let Some(path) = std::env::var_os(LOG_VARIABLE) else { return false };
    let hit = std::fs::read_to_string(&path).unwrap_or_default();
    if hit.lines().any(|line| line == point.name()) {
        return false;
    }
    let log = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    log.and_then(|mut log| writeln!(log, "{point}").and_then(|()| log.sync_all())).is_ok()
}

/// Nothing: crash points exist in debug builds only.
#[cfg(not(debug_assertions))]
pub const fn point(_point: &Point) {}

/// Never: faults exist in debug builds only.
#[cfg(not(debug_assertions))]
#[must_use]
pub const fn strikes(_point: &Point) -> bool {
    false
}
