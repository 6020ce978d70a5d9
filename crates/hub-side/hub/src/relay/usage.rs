//! What a provider says was used, read from its answer as it passes: nothing is held back, and of an answer no more is
//! kept than one line of a stream or one whole answer.

use serde::Deserialize;

use super::limits::{Memory, READ_BYTES, Share};

/// More tokens than any request can use; a provider that says so is mistaken.
const PLAUSIBLE: u64 = 10_000_000;

/// Tokens as a provider says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) input: u64,
    pub(super) output: u64,
}

/// Reads the usage of one answer.
pub(super) struct UsageReader {
    share: Share,
    stream: bool,
    line: Vec<u8>,
    memory: Option<Memory>,
    /// The line is longer than is read.
    skipped: bool,
    found: Option<Reported>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    response: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(alias = "prompt_tokens")]
    input_tokens: u64,
    // Embeddings write nothing.
    #[serde(default, alias = "completion_tokens")]
    output_tokens: u64,
}

impl UsageReader {
    /// For a stream, or for a whole answer.
    pub(super) const fn new(share: Share, stream: bool) -> Self {
        Self { share, stream, line: Vec::new(), memory: None, skipped: false, found: None }
    }

    /// More of the answer.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if !self.stream {
            return self.keep(bytes);
        }
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let Some(first) = lines.next() else { return };
        self.keep(first);
        for next in lines {
            self.line_ends();
            self.keep(next);
        }
    }

    /// What the provider has said so far.
    pub(super) const fn found(&self) -> Option<Reported> {
        self.found
    }

    /// What the provider said last; the last word counts.
    pub(super) fn finish(mut self) -> Option<Reported> {
        self.line_ends();
        self.found
    }

    fn keep(&mut self, bytes: &[u8]) {
        let length = self.line.len() + bytes.len();
        if self.skipped || bytes.is_empty() {
            return;
        }
        if length > READ_BYTES || !self.has_memory(length) {
            self.skipped = true;
            self.line = Vec::new();
            return;
        }
        self.line.extend_from_slice(bytes);
    }

    /// Memory is taken as the line grows: for twice as much each time.
    fn has_memory(&mut self, length: usize) -> bool {
        if length <= self.line.capacity() && self.memory.is_some() {
            return true;
        }
        let wanted = length.next_power_of_two().max(4096);
        let Ok(more) = self.share.memory(wanted) else { return false };
        match &mut self.memory {
            Some(memory) => memory.add(more),
            None => self.memory = Some(more),
        }
        self.line.reserve_exact(wanted - self.line.len());
        true
    }

    fn line_ends(&mut self) {
        let line = std::mem::take(&mut self.line);
        let skipped = std::mem::take(&mut self.skipped);
        self.memory = None;
        if skipped {
            return;
        }
        let json = if self.stream { line.strip_prefix(b"data:") } else { Some(line.as_slice()) };
        let said = json.and_then(|json| serde_json::from_slice::<Answer>(json).ok());
        let usage = said.and_then(|said| said.usage.or_else(|| said.response?.usage));
        if let Some(Usage { input_tokens, output_tokens }) = usage {
            self.found = Some(Reported { input: input_tokens, output: output_tokens });
        }
    }
}

impl Reported {
    /// Whether it can be: something was read, and what came back was written.
    pub(super) fn is_plausible(self, received: u64, has_output: bool) -> bool {
        let silent = self.output == 0 && received > 0 && has_output;
        (1..=PLAUSIBLE).contains(&self.input) && self.output <= PLAUSIBLE && !silent
    }
}

#[cfg(test)]
mod tests {
    use letsbe_types::ids::OrderId;
    use proptest::prelude::*;

    use super::{READ_BYTES, Reported, Share, UsageReader};
    use crate::relay::limits::Slots;

    fn share() -> Share {
        Slots::default().take(OrderId::generate()).expect("free").share()
    }

    fn read(stream: bool, pieces: &[&[u8]]) -> Option<Reported> {
        let mut reader = UsageReader::new(share(), stream);
        pieces.iter().for_each(|piece| reader.push(piece));
        reader.finish()
    }

    const STREAM: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":1}\"}}],\
        \"usage\":null}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"x\":{}}}\
        \r\n\r\ndata: [DONE]\n\n";

    proptest! {
        #[test]
        fn the_usage_is_found_however_the_answer_is_cut(
            mut cuts in prop::collection::vec(0..STREAM.len(), 0..12),
        ) {
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &STREAM.as_bytes()[cut[0]..cut[1]]).collect();
            prop_assert_eq!(read(true, &pieces), Some(Reported { input: 7, output: 3 }));
        }
    }

    #[test]
    fn the_usage_of_every_form_is_read_and_no_other_text_is_taken_for_it() {
        let seven = Some(Reported { input: 7, output: 3 });
        for (stream, body, found) in [
            (false, r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#, seven),
            (false, r#"{"output":[],"usage":{"input_tokens":7,"output_tokens":3}}"#, seven),
            (false, r#"{"data":[],"usage":{"prompt_tokens":7}}"#, Some(Reported { input: 7, output: 0 })),
            (
                true,
                "data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":7,\"output_tokens\":3}}}\n",
                seven,
            ),
            (true, "data:{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}", seven),
            (false, r#"{"usage":{"prompt_tokens":-7,"completion_tokens":3}}"#, None),
            (false, r#"{"a":{"usage":{"prompt_tokens":7,"completion_tokens":3}}}"#, None),
            (true, "{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n", None),
            (false, "usage", None),
            (false, "", None),
        ] {
            assert_eq!(read(stream, &[body.as_bytes()]), found, "{body}");
        }
    }

    #[test]
    fn what_is_too_long_is_not_kept_and_the_next_line_is_read() {
        let long = vec![b'x'; READ_BYTES + 1];
        let usage = b"\ndata: {\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n";
        assert_eq!(read(true, &[b"data: ", &long, usage]), Some(Reported { input: 7, output: 3 }));
        let mut reader = UsageReader::new(share(), false);
        reader.push(&long);
        assert!(reader.line.is_empty() && reader.line.capacity() == 0);
        assert_eq!(reader.finish(), None);
    }

    #[test]
    fn a_report_is_believed_if_it_can_be() {
        for (input, output, received, has_output, believed) in [
            (7, 3, 30, true, true),
            (0, 3, 30, true, false),
            (7, 0, 30, true, false),
            (7, 0, 30, false, true),
            (7, 0, 0, true, true),
            (u64::MAX, 3, 30, true, false),
            (7, 10_000_001, 30, true, false),
        ] {
            let reported = Reported { input, output };
            assert_eq!(reported.is_plausible(received, has_output), believed, "{reported:?}");
        }
    }
}
