//! How fast a dump passes by: `cargo run --release -p letsbe-backup --example dump_counter`.

use std::time::Instant;

use letsbe_backup::DumpCounter;
use letsbe_catalog::DatabaseEngine;

const ROUNDS: usize = 2_000;
/// As a pipe gives it.
const PIECE: usize = 64 << 10;

fn main() {
    for (name, row) in [("short rows", 120), ("long rows", 20_000)] {
        let line = format!("INSERT INTO `posts` VALUES (1,'{}');\n", "x".repeat(row));
        let block = line.repeat((1 << 20) / line.len() + 1);
        let mut counter = DumpCounter::new(DatabaseEngine::Mariadb);
        let began = Instant::now();
        for _ in 0..ROUNDS {
            block.as_bytes().chunks(PIECE).for_each(|piece| counter.feed(piece));
        }
        counter.feed(b"-- Dump completed\n");
        let (bytes, _, tables) = counter.finish().unwrap_or_default();
        let speed = bytes as f64 / 1e6 / began.elapsed().as_secs_f64();
        println!("{name}: {speed:.0} MB/s, {} rows", tables.values().sum::<u64>());
    }
}
