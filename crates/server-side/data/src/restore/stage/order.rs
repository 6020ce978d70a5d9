//! The head of a dump, given to a program that tells what is in it; the dump itself goes on to the database.

use std::process::Stdio;

use letsbe_host::Command;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

/// No more of a dump is kept in memory.
const HEAD: usize = 64 << 20;
const PIECE: usize = 64 << 10;

/// What `lister` prints about the beginning of `dump`. What was read for that is in `head`. `None` when it did not end well,
/// or not in its time: then loading tells what is wrong.
pub(super) async fn contents(
    lister: &Command,
    dump: &mut (impl AsyncRead + Unpin),
    head: &mut Vec<u8>,
) -> std::io::Result<Option<String>> {
    let mut process = lister.process();
    process.stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = process.spawn()?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else { return Ok(None) };
    let feed = async {
        let mut piece = vec![0; PIECE];
        while head.len() < HEAD {
            let length = dump.read(&mut piece).await?;
            head.extend_from_slice(&piece[..length]);
            // It ends when it has read enough.
            if length == 0 || input.write_all(&piece[..length]).await.is_err() {
                break;
            }
        }
        drop(input);
        std::io::Result::Ok(())
    };
    let mut said = Vec::new();
    let mut output = output.take(HEAD as u64);
    let ending = async {
        let (fed, read) = tokio::join!(feed, output.read_to_end(&mut said));
        fed?;
        read?;
        drop(output);
        child.wait().await
    };
    // All that was read is in the head, wherever this stops.
    let Ok(ended) = tokio::time::timeout(lister.timeout, ending).await else { return Ok(None) };
    let ended = ended?;
    Ok((ended.success() && said.len() < HEAD).then(|| String::from_utf8_lossy(&said).into_owned()))
}

#[cfg(test)]
mod tests {
    use letsbe_host::Command;
    use tokio::io::AsyncReadExt as _;

    use super::contents;

    #[tokio::test]
    async fn the_head_is_told_of_and_nothing_of_the_dump_is_lost() {
        let dump: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).map(|byte| byte | 1).collect();
        let table = [
            (Command::new("head", ["--bytes=5"]), Some(5)),
            (Command::new("cat", ["-"]), Some(dump.len())),
            (Command::new("false", [""; 0]), None),
            (Command::new("sleep", ["600"]).within(std::time::Duration::from_millis(50)), None),
        ];
        for (lister, wanted) in table {
            let (mut rest, mut head) = (&dump[..], Vec::new());
            let told = contents(&lister, &mut rest, &mut head).await.unwrap();
            let wanted = wanted.map(|length| String::from_utf8_lossy(&dump[..length]).into_owned());
            assert!(told == wanted, "{}", lister.program);
            rest.read_to_end(&mut head).await.unwrap();
            assert!(head == dump, "{}", lister.program);
        }
    }
}
