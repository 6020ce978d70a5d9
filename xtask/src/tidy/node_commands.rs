//! Commands of the node program are spelled in one place: `NodeCommand`, which a test compares with its command line.

use crate::{File, Finding, Repository};

/// The one place.
const PLACE: &str = "crates/shared/protocol/src/command.rs";

/// Crates that drive other programs whose verbs are the same (restic's `restore`), and not the node program.
const OTHERS: [&str; 3] =
    ["crates/server-side/backup/", "crates/server-side/proxy/", "crates/server-side/redact/"];

/// Names by which a text calls the program that comes before its verb.
const PROGRAM: [&str; 3] = ["{program}", "{NODE_PROGRAM}", "{NODE_ON_PATH}"];

/// Lines that spell a command of the node program as strings: a list that begins with its verbs, or its verbs behind a
/// variable that is the program. What a person is told to type (`letsbe-node status`) is prose. Tests and the lab may:
/// they say what must be there.
#[must_use]
pub fn spelled(repository: &Repository) -> Vec<Finding> {
    let Some(place) = repository.file(PLACE) else { return vec![Finding::gone(PLACE)] };
    let starts = starts(place);
    let tests = repository.test_modules();
    let is_asked = |file: &&File| {
        let is_there = ["crates/server-side/", "crates/hub-side/provisioner/", "crates/programs/"];
        is_there.iter().any(|folder| file.path.starts_with(folder))
            && !OTHERS.iter().any(|folder| file.path.starts_with(folder))
            && !tests.contains(file.path.trim_end_matches(".rs"))
    };
    let in_file = |file: &File| -> Vec<Finding> {
        let spelled = |line: &str| starts.iter().any(|start| line.contains(start));
        let lines = file.program_lines().filter(|(_, line)| spelled(line));
        let message = format!("a command of the node program is a `NodeCommand` ({PLACE})");
        lines.map(|(number, _)| file.finding(number, message.clone())).collect()
    };
    repository.rust().filter(is_asked).flat_map(in_file).collect()
}

/// How a command that is spelled as strings begins, for each that the one place has.
fn starts(place: &File) -> Vec<String> {
    let verbs = place.text.split("Argv::new(\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0));
    let of = |verbs: &str| {
        let words: Vec<String> = verbs.split(' ').map(|word| format!("\"{word}\"")).collect();
        let list = format!("[{}", words.join(", "));
        PROGRAM.map(|program| format!("{program} {verbs}")).into_iter().chain([list]).collect::<Vec<_>>()
    };
    verbs.flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::{PLACE, spelled};
    use crate::{Repository, tidy};

    #[test]
    fn no_command_of_the_node_program_is_spelled_as_strings() {
        tidy::assert_none(&spelled(&Repository::read()));
    }

    #[test]
    fn lists_and_texts_are_found_and_what_other_programs_do_is_not() {
        let place = "Argv::new(\"rotate\"); Argv::new(\"backup resume\"); Argv::new(\"restore\");\n";
        let program = "run([\"rotate\", \"--all\"]);\nformat!(\"{program} backup resume\");\n\
                       // [\"rotate\"]\ndocker([\"exec\", \"rotate\"]);\nlet hint = \"letsbe-node rotate\";\n\
                       #[cfg(test)]\nmod tests {\n[\"rotate\"]\n}\n";
        let restic = "call(&[\"restore\", \"--json\"]);\n";
        let files = [
            (PLACE, place),
            ("crates/server-side/agent/src/a.rs", program),
            ("crates/server-side/agent/src/tests.rs", program),
            ("crates/server-side/backup/src/a.rs", restic),
            ("crates/lab/lab/src/a.rs", program),
        ];
        let found = tidy::messages(&spelled(&Repository::example(&files)));
        let lines: Vec<&str> = found.lines().collect();
        assert_eq!(lines.len(), 2, "{found}");
        assert!(lines[0].starts_with("crates/server-side/agent/src/a.rs:1: "), "{found}");
        assert!(lines[1].starts_with("crates/server-side/agent/src/a.rs:2: "), "{found}");
    }
}
