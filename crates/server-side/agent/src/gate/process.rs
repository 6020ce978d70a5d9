//! Runs one program in bounded memory and time. Its output, both streams together, is redacted before anything else
//! sees it. Of long output the beginning and the end are kept, and what stands beside the cut is not shown.

use std::{process::Stdio, time::Duration};

use letsbe_gate::{Excerpt, Parts};
use letsbe_host::Command;
use letsbe_redact::Redactor;
use letsbe_types::Problem;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use crate::gate::{clean, problem};

/// Bytes of output that are kept: of standard output, and of the error output.
pub(super) const KEPT_BYTES: (usize, usize) = (192 * 1024, 64 * 1024);
/// Bytes on both sides of a cut that are not shown. A secret that the cut goes through is shorter, in whatever form.
const MARGIN_BYTES: usize = 8 * 1024;
/// Every process that a call starts, in whatever container, carries this variable with the call's id.
pub(super) const MARK: &str = "LETSBE_GATE_CALL";

/// What a program left behind.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// `None` if it was stopped after its time.
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) bytes: u64,
}

impl Output {
    /// The output of a program that must have worked.
    pub(super) fn of_success(self, what: &str) -> Result<String, Problem> {
        if self.code == Some(0) {
            return Ok(self.stdout);
        }
        let last = self.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        Err(problem::failed(format!("{what} did not work: {last}")))
    }
}

/// Runs a program; any exit code is an answer.
pub(super) async fn run(command: &Command, id: &str, redactor: &Redactor) -> Result<Output, Problem> {
    let failed =
        |error: std::io::Error| problem::failed(format!("{} could not be run: {error}", command.program));
    let mut child = command.process().env(MARK, id).spawn().map_err(failed)?;
    let (input, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some((mut pipe, text)) = input.zip(command.input.as_ref()) {
            // A program may end without reading its input; its exit code then tells.
            let _ = pipe.write_all(text.expose().as_bytes()).await;
        }
    };
    let kept_of = |bytes| Excerpt::new(bytes + 2 * MARGIN_BYTES);
    let mut kept = (kept_of(KEPT_BYTES.0), kept_of(KEPT_BYTES.1));
    let work = async {
        tokio::join!(feed, pump(out, &mut kept.0), pump(err, &mut kept.1));
        child.wait().await
    };
    let ended = tokio::time::timeout(command.timeout, work).await;
    let bytes = kept.0.seen() + kept.1.seen();
    let code = match ended {
        Ok(status) => Some(status.map_err(failed)?.code().unwrap_or(-1)),
        Err(_) => {
            stop(id).await;
            None
        }
    };
    let (stdout, stderr) = shown(kept.0.into_parts(), kept.1.into_parts(), redactor)?;
    Ok(Output { code, stdout, stderr, bytes })
}

/// Both streams without secrets, looked through as one text.
fn shown(out: Parts, err: Parts, redactor: &Redactor) -> Result<(String, String), Problem> {
    let left_out = (out.left_out, err.left_out);
    let texts = clean::texts(&[out.head, out.tail, err.head, err.tail], redactor)?;
    let [out_head, out_tail, err_head, err_tail]: [String; 4] =
        texts.try_into().map_err(|_| problem::not_shown())?;
    let out = Parts { head: out_head, left_out: left_out.0, tail: out_tail };
    let err = Parts { head: err_head, left_out: left_out.1, tail: err_tail };
    Ok((out.shown(MARGIN_BYTES), err.shown(MARGIN_BYTES)))
}

/// What is kept was not looked through yet: a piece that one stream alone would lose would hide the rest in the other.
async fn pump(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Excerpt) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 16 * 1024];
    // A pipe that cannot be read has ended.
    while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
        kept.push(&chunk[..count]);
    }
}

/// Ends every process of a call. Ending `docker exec` alone would leave the program in the container running.
async fn stop(id: &str) {
    let mark = format!("{MARK}={id}");
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    let marked = processes.flatten().filter_map(|entry| {
        let number = entry.file_name().into_string().ok()?.parse::<u32>().ok()?;
        let variables = std::fs::read(entry.path().join("environ")).ok()?;
        variables.split(|byte| *byte == 0).any(|one| one == mark.as_bytes()).then(|| number.to_string())
    });
    let numbers: Vec<String> = marked.collect();
    if !numbers.is_empty() {
        let mut kill = tokio::process::Command::new("kill");
        kill.arg("-KILL").args(&numbers).stderr(Stdio::null()).kill_on_drop(true);
        let _ = tokio::time::timeout(Duration::from_secs(5), kill.status()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use letsbe_host::Command;
    use letsbe_redact::{KnownSecret, Redactor};

    use super::{KEPT_BYTES, run};

    fn redactor() -> Arc<Redactor> {
        let secret = KnownSecret { name: "ghost/a".to_owned(), value: "canary-5f3e9a-value".into() };
        Arc::new(Redactor::new([secret]).expect("a redactor"))
    }

    #[tokio::test]
    async fn output_is_redacted_and_its_exit_code_told() {
        let command = Command::new("cat", ["-"]).with_input("a canary-5f3e9a-value b".into());
        let output = run(&command, "t1", &redactor()).await.expect("runs");
        assert_eq!((output.code, output.stdout.as_str()), (Some(0), "a SECRET_REF(ghost/a) b"));
        let output =
            run(&Command::new("ls", ["/canary-5f3e9a-value"]), "t2", &redactor()).await.expect("runs");
        assert!(output.code == Some(2) && output.stderr.contains("SECRET_REF(ghost/a)"), "{output:?}");
        assert_eq!(
            run(&Command::words("/no/such"), "t3", &redactor()).await.expect_err("none").code,
            "GATE008"
        );
    }

    #[tokio::test]
    async fn a_secret_in_pieces_over_both_streams_is_found() {
        let script = "printf 'a canary-5f3e'; printf '9a-value b' >&2";
        let output = run(&Command::new("sh", ["-c", script]), "t5", &redactor()).await.expect("runs");
        let both = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(both, "a SECRET_REF(ghost/a) b", "{output:?}");
    }

    #[tokio::test]
    async fn nothing_of_a_secret_is_shown_beside_a_cut() {
        // A form that no stream is looked through for, so that the cut goes through one of them.
        let hidden: String = "canary-5f3e9a-value".chars().flat_map(|c| [c, '\u{200b}']).collect();
        let text = format!("{hidden} .").repeat(20_000);
        let command = Command::new("cat", ["-"]).with_input(text.as_str().into());
        let output = run(&command, "t6", &redactor()).await.expect("runs");
        let shown = output.stdout.replace('\u{200b}', "");
        assert!(shown.contains("bytes left out") && shown.len() > 10_000, "{} bytes", shown.len());
        assert!(!shown.contains("can") && !shown.contains("lue"), "a piece is there");
    }

    /// `printenv | sed 's/./&-/g'`: past every redactor that looks at the text as it is written only.
    #[tokio::test]
    async fn a_password_with_a_sign_after_each_letter_is_not_shown() {
        let value = "klMf38PFo9QzT2wXbN7vRs4Y";
        let secret = KnownSecret { name: "ghost/a".to_owned(), value: value.into() };
        let redactor = Arc::new(Redactor::new([secret]).expect("a redactor"));
        let printed = format!("MYSQL_PASSWORD={value}\n");
        for script in ["s/./&-/g", "s/./& /g", "s/./&\\n/g"] {
            let command = Command::new("sed", [script]).with_input(printed.as_str().into());
            let shown = match run(&command, "t7", &redactor).await {
                Ok(output) => output.stdout,
                Err(problem) => problem.code,
            };
            let letters: String = shown.chars().filter(char::is_ascii_alphanumeric).collect();
            assert!(!letters.contains(value), "{script}: {shown}");
        }
    }

    #[tokio::test]
    async fn output_without_end_is_bounded_and_stopped() {
        let command = Command::new("yes", ["canary-5f3e9a-value"]).within(Duration::from_millis(300));
        let output = run(&command, "t4", &redactor()).await.expect("runs");
        assert_eq!(output.code, None);
        assert!(output.stdout.len() < KEPT_BYTES.0 * 2 && !output.stdout.contains("canary"));
    }

    #[tokio::test]
    async fn what_a_stopped_program_started_is_ended_too() {
        // `env --ignore-environment` would be another matter; nothing that is started here forgets its call.
        let id = uuid_like();
        let command = Command::new("setsid", ["--fork", "sleep", "600"]).within(Duration::from_millis(300));
        // The pipes stay open in the one that was started, so the call has not ended.
        let output = run(&command, &id, &redactor()).await.expect("runs");
        assert_eq!(output.code, None);
        let mark = format!("{}={id}", super::MARK);
        let alive = || {
            std::fs::read_dir("/proc").expect("processes").flatten().any(|entry| {
                std::fs::read(entry.path().join("environ"))
                    .is_ok_and(|text| text.split(|byte| *byte == 0).any(|one| one == mark.as_bytes()))
            })
        };
        let gone = async {
            while alive() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.expect("ended");
    }

    fn uuid_like() -> String {
        letsbe_types::ids::ApprovalId::generate().to_string()
    }
}
