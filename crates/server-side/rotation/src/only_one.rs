//! One rotation at a time; one that comes after a dead one takes over its place in the host's lock at once.

use std::io::{Read as _, Seek as _, Write as _};

use letsbe_types::{Code, Problem, ids::JobId};

use letsbe_base::{files, guard::Guard, layout::Layout};

/// The right to rotate, until it is dropped or the process dies.
pub(super) struct Turn {
    /// Id in the host's lock, the same for every rotation of this server.
    pub(super) run: JobId,
    _guard: Guard,
}

/// Takes the turn.
///
/// # Errors
/// While another process has it.
pub(super) fn turn(layout: &Layout) -> Result<Turn, Problem> {
    let path = layout.state("rotation.turn");
    let unusable = |error: std::io::Error| files::unusable(&path, error);
    let mut guard = Guard::at_once(&path)?.ok_or_else(|| {
        Problem::transient(
            Code::ROT005,
            "Another rotation is at work on this server",
            "Wait for its end, then repeat.",
        )
    })?;
    let file = guard.file();
    let mut text = String::new();
    file.take(64).read_to_string(&mut text).map_err(unusable)?;
    let run = match text.trim().parse() {
        Ok(run) => run,
        Err(_) => {
            let run = JobId::generate();
            file.rewind().and_then(|()| file.set_len(0)).map_err(unusable)?;
            writeln!(file, "{run}").and_then(|()| file.sync_all()).map_err(unusable)?;
            run
        }
    };
    Ok(Turn { run, _guard: guard })
}

#[cfg(test)]
mod tests {
    use super::turn;
    use letsbe_base::layout::Layout;

    #[test]
    fn one_rotation_at_a_time_and_the_next_has_the_same_name() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        let first = turn(&layout).unwrap();
        assert_eq!(turn(&layout).err().map(|problem| problem.code), Some("ROT005".to_owned()));
        let run = first.run;
        drop(first);
        assert_eq!(turn(&layout).unwrap().run, run);
    }
}
