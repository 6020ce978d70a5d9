//! Measures the redactor with a thousand secrets beside `serde_json`, which takes turns with it, and compares it with
//! its budgets; ends with 1 if one is missed.
//! `cargo run --release -p letsbe-redact --example throughput`

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use letsbe_budget::{Budget, Line, median, ratios};
use letsbe_redact::{KnownSecret, Redactor};
use letsbe_types::Secret;

const SECRETS: usize = 1_000;
/// A machine may be twice as fast as another: budgets are ratios to what serde_json takes to read and write the same.
const RATIO_MAX: f64 = 3.0;
const STREAM_RATIO_MAX: f64 = 3.0;
/// For text that is made to be slow.
const HOSTILE_MEGABYTES_A_SECOND_MIN: f64 = 5.0;
const HEAP_KIB_MAX: f64 = 15.0 * 1024.0;
const BODY_BYTES: usize = 100 * 1024;
/// So much is looked through for each number.
const BYTES_EACH: usize = 64 << 20;

const PROSE: &str = "The server has been updated and all containers are healthy again; the nightly backup took four \
    minutes and 37 seconds. Please look at https://docs.example.com/administration/backups?page=2 for details, \
    then run `docker compose --project-name ghost up --detach` in /opt/letsbe/stacks/ghost. Überraschungen gab es \
    keine. Nothing else needs attention: 12 of 12 checks passed, disk usage is at 43 %, memory at 61 %.\n";

fn main() -> ExitCode {
    let mut numbers = Numbers(0x2545_F491_4F6C_DD1D);
    let before = resident_kib();
    let started = Instant::now();
    let redactor =
        Arc::new(Redactor::new((0..SECRETS).map(|at| numbers.secret(at))).expect("a thousand secrets fit"));
    let made = started.elapsed();
    let heap = resident_kib() - before;
    println!("a redactor for {SECRETS} secrets, made in {} ms", made.as_millis());

    let prose = PROSE.repeat((4 << 20) / PROSE.len());
    let json = body(4 << 20);
    let encoded: String = (0..4 << 20).map(|_| numbers.letter()).collect();
    let mut lines = vec![Line::fixed("resident memory, KiB", heap, Budget::AtMost(HEAP_KIB_MAX))];
    let (escapes, marks) = ("\\u0041\\u0062".repeat(4 << 16), "SECRET_REF(tool-1/key_".repeat(4 << 15));
    let (numbers, spelled) = ("12, 250, 99, ".repeat(4 << 16), "a b c d e f 0 1 2 ".repeat(4 << 15));
    for (name, text) in [("chat text", &prose), ("JSON", &json), ("base64-like text", &encoded)] {
        let json = serde_json::Value::from(text.as_str()).to_string();
        let name = format!("stream, {name}");
        let run = &mut || streamed(&redactor, text);
        lines.push(beside_serde(&name, &json, text.len(), run, STREAM_RATIO_MAX));
    }
    let hostile =
        [("escapes", &escapes), ("placeholders", &marks), ("numbers", &numbers), ("letters", &spelled)];
    for (name, text) in hostile {
        let json = serde_json::Value::from(text.as_str()).to_string();
        let redact = &mut || drop(black_box(redactor.text(black_box(text))));
        let [ours, theirs] = seconds(text.len(), [redact, &mut || with_serde(&json)]);
        let speeds: Vec<f64> = ours.iter().map(|seconds| speed(text.len(), *seconds)).collect();
        let least = Budget::AtLeast(HOSTILE_MEGABYTES_A_SECOND_MIN);
        lines.push(Line::timed(format!("all rules, {name}, MB/s"), &speeds, least, &[&theirs]));
    }
    for (name, bytes) in [("100 KB", BODY_BYTES), ("4 MB", 4 << 20)] {
        let body = body(bytes);
        let mut redact =
            || drop(black_box(redactor.json_body(black_box(body.as_bytes())).expect("the body is JSON")));
        let name = format!("body of {name}");
        lines.push(beside_serde(&name, &body, body.len(), &mut redact, RATIO_MAX));
    }
    lines.iter().for_each(|line| println!("{line}"));
    letsbe_budget::exit(&lines)
}

/// Seconds of many runs of each; what is compared takes turns.
fn seconds<const N: usize>(bytes: usize, mut runs: [&mut dyn FnMut(); N]) -> [Vec<f64>; N] {
    let mut seconds = [const { Vec::new() }; N];
    for _ in 0..(BYTES_EACH / bytes).clamp(9, 400) {
        for (run, seconds) in runs.iter_mut().zip(&mut seconds) {
            let started = Instant::now();
            run();
            seconds.push(started.elapsed().as_secs_f64());
        }
    }
    seconds
}

/// Beside `serde_json`, which reads and writes the same: both speeds, and the ratio of the times.
fn beside_serde(name: &str, json: &str, bytes: usize, run: &mut dyn FnMut(), most: f64) -> Line {
    let [ours, theirs] = seconds(bytes, [run, &mut || with_serde(json)]);
    let [speed, serde] = [&ours, &theirs].map(|seconds| speed(bytes, median(seconds)));
    println!("{name}: {speed:.0} MB/s, serde_json {serde:.0} MB/s");
    Line::timed(format!("{name}, ratio"), &ratios(&ours, &theirs), Budget::AtMost(most), &[&theirs])
}

/// MB a second.
fn speed(bytes: usize, seconds: f64) -> f64 {
    bytes as f64 / 1e6 / seconds
}

/// `serde_json` reads and writes this.
fn with_serde(body: &str) {
    let value: serde_json::Value = serde_json::from_str(black_box(body)).expect("the body is JSON");
    drop(black_box(serde_json::to_vec(&value).expect("JSON")));
}

fn streamed(redactor: &Arc<Redactor>, text: &str) {
    let mut stream = redactor.stream();
    let mut out = Vec::with_capacity(1 << 20);
    for chunk in text.as_bytes().chunks(64 * 1024) {
        out.clear();
        stream.push(black_box(chunk), &mut out);
    }
    stream.finish(&mut out);
    black_box(&out);
}

/// A chat as a runtime sends it: long messages, calls of tools, their results.
fn body(bytes: usize) -> String {
    let text = PROSE.replace('"', "\\\"").replace('\n', "\\n");
    let mut body = String::from(
        r#"{"model":"example/large","stream":true,"messages":[{"role":"system","content":"Be brief."}"#,
    );
    let mut call = 0;
    while body.len() < bytes {
        call += 1;
        let _ = write!(
            body,
            r#",{{"role":"user","content":[{{"type":"text","text":"{text}"}}]}},{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_{call}","type":"function","function":{{"name":"logs","arguments":"{{\"container\":\"ghost\",\"lines\":{call}}}"}}}}]}},{{"role":"tool","tool_call_id":"call_{call}","content":"{text}{text}"}}"#
        );
    }
    body + "]}"
}

fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(f64::MAX)
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn letter(&mut self) -> char {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char::from(LETTERS[(self.next() >> 32) as usize % 64])
    }

    /// Like the vault makes them: 32 random bytes, half of them written in base64, half in hex.
    fn secret(&mut self, at: usize) -> KnownSecret {
        let value: String = if at.is_multiple_of(2) {
            (0..43).map(|_| self.letter()).chain(['=']).collect()
        } else {
            (0..4).map(|_| format!("{:016x}", self.next())).collect()
        };
        KnownSecret { name: format!("tool-{}/key_{at}", at % 28), value: Secret::new(value) }
    }
}
