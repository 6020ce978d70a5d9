//! The parser of environment files against docker compose itself, and against bytes that nobody wrote on purpose.

use std::{fmt::Write as _, process::Command};

use letsbe_types::Secret;
use letsbe_vault::{EnvFile, EnvFileError};
use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::StdRng};

/// Pieces that files are made of, by hand or by the renderer.
const PIECES: &[&str] = &[
    "A",
    "B_2",
    "c.d",
    "A",
    "export ",
    "export\t",
    "=",
    "=",
    "=",
    ": ",
    " = ",
    "value",
    "a+b/c==",
    "two words",
    "'",
    "'",
    "'it is $A'",
    "\"",
    "\"",
    "\"a\\n\\\"b\\\\\"",
    "\"\\$A $$ \\0101 \\x\"",
    "$A",
    "${A}",
    "$$",
    "#",
    " # note",
    "# note\n",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\\",
    "\\'",
    "\u{feff}",
    "ä",
    "\t",
    "[0]",
    ":",
    "http://u:p@h:1/?a=b&c=d",
    "\u{a0}",
    "''",
    "\"\"",
    "K='x' ",
    "K=\"y\" # z",
    "$",
    "$2",
    "$!",
    "${A:-d}",
    "${B_2-d $}",
    "${NOPE:-${A}x}",
    "${NOPE-}",
    "${A:+set}",
    "${NOPE+set}",
];

fn made_up(random: &mut StdRng) -> String {
    let mut text = String::from(if random.random_bool(0.1) { "\u{feff}" } else { "" });
    for _ in 0..random.random_range(1..6) {
        let name = ["A", "B_2", "c.d", "export X", "Y "][random.random_range(0..5)];
        let _ = write!(text, "{name}{}", ["=", ": ", " = "][random.random_range(0..3)]);
        for _ in 0..random.random_range(0..4) {
            text.push_str(PIECES[random.random_range(0..PIECES.len())]);
        }
        text.push_str(if random.random_bool(0.2) { "\r\n" } else { "\n" });
    }
    text
}

/// What docker compose makes of these files: one object of variables for each.
fn read_by_compose(files: &[String]) -> Vec<serde_json::Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut services = serde_json::Map::new();
    for (index, content) in files.iter().enumerate() {
        let name = format!("f{index}.env");
        std::fs::write(folder.path().join(&name), content).expect("writes");
        services.insert(format!("s{index}"), serde_json::json!({ "image": "none", "env_file": [name] }));
    }
    let compose = serde_json::json!({ "services": services }).to_string();
    std::fs::write(folder.path().join("compose.yml"), compose).expect("writes");
    let output = Command::new("docker")
        .args(["compose", "config", "--format", "json"])
        .current_dir(folder.path())
        .output()
        .expect("docker compose");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let named = (0..files.len()).find(|index| said.contains(&format!("f{index}.env")));
    assert!(output.status.success(), "{said}\n{:?}", named.map(|index| &files[index]));
    let mut read: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    (0..files.len()).map(|index| read["services"][format!("s{index}")]["environment"].take()).collect()
}

#[test]
fn what_is_accepted_docker_compose_accepts_and_reads_the_same() {
    let mut random = StdRng::seed_from_u64(20_261_122);
    let by_hand = [
        "A='pg://h:5432?u=a&p=b'\nB=abc+/=\nC=''\n",
        "\u{feff}export A=1\r\nB = \"x\\ty\"\r\n\r\n# A=2\r\nA=3 # the last one\r\n",
        "A=#no-comment\nB= #none either\nC=x#y\nD='#' # z\nE=\n F: yaml\n",
        "A='two\nlines' B=same-line\nC=\"it's\"\nD='say \"it\"'\nE='a\\b'\n",
        "DB_PASSWORD=Sommer$2026!\nB=geheim$\nC=\"x$ y$2 $-z\"\nD='q$2$'\nE=$$$\nF=$é\nG=$\n",
        "A=Sommer$2026!\nB=${A:-no}\nC=${NOPE:-def}\nD=${NOPE-${A}x}\nE=${A:+alt}\nF=${NOPE:+alt}\nG=${A-}}\nH=\n\
         I=${H:-emp}\nJ=${H-emp}\nK=${NOPE:-a$2b}\nL=${A:?err}\nM=${A:-${B:-c}}\nN=x${NOPE:-a b}y\n",
        "A=x\nB=$A\nC=${A}y\nD='$A'\nE=\"$A\"\nF=$$A\nG=\"\\$A\"\n",
    ];
    let mut files: Vec<String> = by_hand.iter().map(|text| (*text).to_owned()).collect();
    files.extend((0..1_500).map(|_| made_up(&mut random)));
    let accepted = |text: &String| EnvFile::parse(text.as_bytes()).is_ok();
    files.retain(accepted);
    assert!(files.len() > 400, "only {} files are accepted", files.len());
    assert!(by_hand.iter().all(|text| files.contains(&(*text).to_owned())));
    let password = EnvFile::parse(by_hand[4].as_bytes()).expect("accepted");
    assert_eq!(password.get("DB_PASSWORD").map(|value| value.expose().as_str()), Some("Sommer$2026!"));
    for text in [by_hand[4], by_hand[5]] {
        let known = EnvFile::parse(text.as_bytes()).expect("accepted").variables().len();
        assert_eq!(known, text.trim().lines().count(), "every value is known: {text}");
    }
    for (text, read) in files.iter().zip(read_by_compose(&files)) {
        let ours = EnvFile::parse(text.as_bytes()).expect("accepted");
        for (name, value) in ours.variables() {
            // Compose doubles dollar signs in what it prints.
            let theirs = read[name].as_str().map(|value| value.replace("$$", "$"));
            assert_eq!(theirs.as_ref(), Some(value.expose()), "{name} in {text:?}");
        }
    }
}

#[test]
fn a_file_that_is_not_finished_or_no_file_of_variables_is_refused_without_quoting_it() {
    for (content, line) in [
        ("A=1\nB='canary", 2),
        ("A=\"canary\\\"", 1),
        ("A=1\n\ncanary", 3),
        ("A=1\nB{canary}=1", 2),
        ("=canary", 1),
        ("A B=canary", 1),
        ("A=\"${canary\"", 1),
    ] {
        let error = EnvFile::parse(content.as_bytes()).expect_err(content).to_string();
        assert!(
            error.contains(&format!("line {line} ")) && !error.contains("canary"),
            "{content:?}: {error}"
        );
    }
    let doubling: String = (0..64).fold("A0=12345678\n".to_owned(), |mut text, index| {
        let _ = writeln!(text, "A{}=$A{index}$A{index}", index + 1);
        text
    });
    assert!(EnvFile::parse(doubling.as_bytes()).is_err(), "a value that grows without end");
    assert_eq!(EnvFile::parse(&vec![b'#'; (1 << 20) + 1]).err(), Some(EnvFileError::TooLarge));
    assert_eq!(EnvFile::parse(b"A=\xff").err(), Some(EnvFileError::NoText));
}

#[test]
fn the_last_of_several_assignments_is_read_and_rewritten() {
    let file = EnvFile::parse(b"A=1 # one\r\nexport A = 'two' # two\r\nB=\"$A\"\r\n").expect("reads");
    assert_eq!(file.get("A").expect("there").expose(), "two");
    let rewritten = file.with("A", &"it=3 $".into()).expect("rewrites");
    assert_eq!(rewritten.expose(), "A=1 # one\r\nexport A = 'it=3 $' # two\r\nB=\"$A\"\r\n");
    assert_eq!(file.with("C", &"x".into()).err(), Some(EnvFileError::Unknown("C".to_owned())));
    for unsafe_value in ["it's", "a\nb", "a\rb", "ends in \\"] {
        assert!(matches!(file.with("A", &unsafe_value.into()), Err(EnvFileError::Unsafe(_))));
    }
}

/// Text that looks like a file of variables, with everything that is special in one.
fn shaped() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop::sample::select(PIECES), 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn no_bytes_make_the_parser_of_environment_files_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), text in shaped(),
    ) {
        for content in [bytes, text.into_bytes()] {
            if let Err(error) = EnvFile::parse(&content) {
                prop_assert!(error.to_string().len() < 100);
            }
        }
    }

    #[test]
    fn rewriting_a_value_keeps_everything_else_byte_for_byte(
        text in shaped(), place in any::<prop::sample::Index>(), value in "[ -~ä]{0,20}",
    ) {
        let Ok(file) = EnvFile::parse(text.as_bytes()) else { return Ok(()) };
        let before: Vec<(String, String)> =
            file.variables().into_iter().map(|(name, value)| (name.to_owned(), value.expose().clone())).collect();
        if before.is_empty() {
            return Ok(());
        }
        let (name, old) = &before[place.index(before.len())];
        let Ok(rewritten) = file.with(name, &Secret::new(value.clone())) else { return Ok(()) };
        let again = EnvFile::parse(rewritten.expose().as_bytes()).expect("still a file");
        prop_assert_eq!(again.get(name).map(Secret::expose), Some(&value));
        // One piece of the text is another one now: what is before and after it is the same.
        let (a, b) = (text.as_bytes(), rewritten.expose().as_bytes());
        let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(a, b)| a == b).count();
        prop_assert!(a.len() - head - tail <= old.len() * 2 + 2 || value == *old || text.contains("${"), "{:?} {:?}", text, rewritten.expose());
        for (other, value) in &before {
            // A value that puts this one in changes with it.
            if other != name && !text.contains('$') {
                prop_assert_eq!(again.get(other).map(Secret::expose), Some(value));
            }
        }
    }
}
