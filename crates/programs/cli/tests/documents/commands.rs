//! Commands of a program as the documents write them, and as programs and pages tell people to type them, held against
//! the program's own help.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
}

/// README, CONTRIBUTING, ARCHITECTURE, everything in `docs/`, and the crates' READMEs.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let folders = ["", "docs", "docs/errors", "docs/decisions"].map(|folder| root.join(folder));
    let pages = folders.iter().flat_map(|folder| entries(folder));
    let sides = entries(&root.join("crates")).filter(|path| path.is_dir());
    let crates = sides.flat_map(|side| entries(&side).chain([side]));
    pages
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .chain(crates.map(|folder| folder.join("README.md")).filter(|page| page.is_file()))
        .collect()
}

/// What stands in code: between backticks, over line ends too, and in indented blocks.
fn code(text: &str) -> Vec<String> {
    let blocks = text.lines().filter(|line| line.starts_with("    ") && !line.contains('`'));
    let joined = text.replace('\n', " ");
    let spans = joined.split('`').skip(1).step_by(2).map(str::to_owned);
    blocks.map(str::to_owned).chain(spans).collect()
}

/// What programs and pages say: Rust, templates and scripts of all crates but the lab, without tests.
fn sources() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let (name, kind) = (path.file_name(), path.extension());
            let left_out = ["lab", "tests", "tests.rs", "fixtures", "examples"];
            if name.is_some_and(|name| left_out.iter().any(|one| name == *one)) {
            } else if path.is_dir() {
                folders.push(path);
            } else if kind.is_some_and(|kind| ["rs", "html", "sh", "j2"].iter().any(|one| kind == *one)) {
                files.push(path);
            }
        }
    }
    files
}

/// Begins like a command, and is none: the first line of a vault's file.
const NO_COMMAND: &str = "letsbe vault {";

/// What stands in a source between backticks, and texts that begin with a program's name.
fn typed(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    // A text goes on in the next line behind a backslash; a comment behind its slashes.
    let mut parts = source.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    let joined = parts.fold(first, |text, part| text + part.trim_start());
    let joined = ["///", "//!", "//"].iter().fold(joined, |text, mark| text.replace(mark, " "));
    let is_ours = |span: &&str| span.starts_with("letsbe");
    let spans = joined.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).filter(is_ours);
    let texts = joined.split("\"letsbe").skip(1).map(|text| {
        let end = text.find(['"', '\n', '`', '\\']).unwrap_or(text.len());
        format!("letsbe{}", &text[..end])
    });
    let all = spans.map(str::to_owned).chain(texts);
    all.filter(|text| !text.starts_with(NO_COMMAND)).collect()
}

/// The words after each mention of the program in a piece of code, to where something else begins.
fn calls(program: &str, code: &str) -> Vec<Vec<String>> {
    let words: Vec<&str> = code.split_whitespace().collect();
    let is_program = |word: &str| word.rsplit('/').next() == Some(program);
    // As the value of an option it is a name, no call.
    let is_call = |at: usize| is_program(words[at]) && (at == 0 || !words[at - 1].starts_with("--"));
    let starts = (0..words.len()).filter(|at| is_call(*at)).map(|at| at + 1);
    starts
        .map(|start| {
            let ends = |word: &&&str| {
                !word.starts_with(['(', '#']) && !["&&", "|", "<", ">", "\\", ";", "=", "is"].contains(*word)
            };
            let call = words[start..].iter().take_while(ends);
            call.map(|word| word.trim_end_matches([',', '.', ';', ':', ')']).to_owned()).collect()
        })
        .collect()
}

/// The program's help, each page asked for once.
struct Help<'a> {
    binary: &'a str,
    program: &'a str,
    known: BTreeMap<Vec<String>, Option<String>>,
}

impl Help<'_> {
    /// The help of these subcommands; `None` if there is no such one.
    fn of(&mut self, path: &[String]) -> Option<String> {
        let ask = || {
            let output = Command::new(self.binary).args(path).arg("--help").output().expect("it runs");
            output.status.success().then(|| String::from_utf8(output.stdout).expect("text"))
        };
        self.known.entry(path.to_vec()).or_insert_with(ask).clone()
    }

    /// Whether this is the help of these subcommands, whatever stands between them.
    fn is_of(&self, help: &str, names: &[String]) -> bool {
        let usage = help.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap_or_default();
        let words = usage.split(' ').filter(|word| !word.starts_with(['<', '[', '-']));
        words.eq(std::iter::once(self.program).chain(names.iter().map(String::as_str)))
    }

    /// What is wrong with a call.
    fn wrong(&mut self, call: &[String]) -> Option<String> {
        let (mut path, mut names, mut may_go_on) = (Vec::new(), Vec::new(), true);
        for word in call {
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            let is_word = word.chars().all(is_plain) && !word.starts_with(|c: char| c.is_ascii_digit());
            if let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty() && !flag.contains('{'))
            {
                let flag = flag.split('=').next().unwrap_or(flag);
                let help = self.of(&path)?;
                let mut words = help.split([' ', '\n', ',', '[', ']']);
                if !words.any(|one| one.strip_prefix("--") == Some(flag)) {
                    return Some(format!("{names:?} has no --{flag}"));
                }
                // Its value may stand behind it.
                may_go_on = may_go_on && names.is_empty();
            } else if may_go_on && is_word && !word.starts_with('-') {
                let next = [path.as_slice(), std::slice::from_ref(word)].concat();
                let Some(help) = self.of(&next) else { return Some(format!("{names:?} has no {word}")) };
                let named = [names.as_slice(), std::slice::from_ref(word)].concat();
                may_go_on = self.is_of(&help, &named);
                if may_go_on {
                    (path, names) = (next, named);
                }
            } else if may_go_on && !names.is_empty() {
                // Something of the caller's; a subcommand may follow.
                may_go_on = self.of(&path).is_some_and(|help| help.contains("> <COMMAND>"));
                path.push("acme.example".to_owned());
            }
        }
        None
    }
}

/// Checks all; answers how many calls there were.
pub(crate) fn checked(binary: &str, program: &str) -> usize {
    let mut help = Help { binary, program, known: BTreeMap::new() };
    let (mut calls_seen, mut findings) = (BTreeSet::new(), BTreeSet::new());
    let read = |page: &PathBuf| fs::read_to_string(page).expect("text");
    let written = pages().into_iter().map(|page| (code(&read(&page)), page));
    let told = sources().into_iter().map(|page| (typed(&read(&page)), page));
    for (code, page) in written.chain(told) {
        for call in code.iter().flat_map(|code| calls(program, code)) {
            // `run|prove` are two.
            let choices = call.iter().find(|word| word.contains('|') && !word.starts_with('-'));
            let all: Vec<Vec<String>> = match choices {
                Some(choices) => choices
                    .split('|')
                    .map(|one| {
                        call.iter().map(|word| if word == choices { one.to_owned() } else { word.clone() })
                    })
                    .map(Iterator::collect)
                    .collect(),
                None => vec![call],
            };
            for call in all.into_iter().filter(|call| !call.is_empty()) {
                let wrong = help.wrong(&call);
                findings.extend(
                    wrong.map(|why| format!("{}: {program} {}: {why}", page.display(), call.join(" "))),
                );
                calls_seen.insert(call);
            }
        }
    }
    assert!(findings.is_empty(), "{}", findings.into_iter().collect::<Vec<_>>().join("\n"));
    calls_seen.len()
}
