//! How fast a dump passes by: `cargo run --release -p letsbe-backup --example tally`.

use std::time::Instant;

use letsbe_backup::Tally;
use letsbe_catalog::DatabaseEngine;

const ROUNDS: usize = 2_000;
/// As a pipe gives it.
const PIECE: usize = 64 << 10;

fn main() {
    for (name, row) in [("short rows", 120), ("long rows", 20_000)] {
        let line = format!("INSERT INTO `posts` VALUES (1,'{}');\n", "x".repeat(row));
        let block = line.repeat((1 << 20) / line.len() + 1);
        let mut tally = Tally::new(DatabaseEngine::Mariadb);
        let began = Instant::now();
        for _ in 0..ROUNDS {
            block.as_bytes().chunks(PIECE).for_each(|piece| tally.feed(piece));
        }
        tally.feed(b"-- Dump completed\n");
        let (bytes, _, tables) = tally.finish().unwrap_or_default();
        let speed = bytes as f64 / 1e6 / began.elapsed().as_secs_f64();
        println!("{name}: {speed:.0} MB/s, {} rows", tables.values().sum::<u64>());
    }
}
