//! `letsbe-hub admin move`: from SQLite to PostgreSQL.

use std::path::PathBuf;

use anyhow::Context as _;
use letsbe_hub::config::{HubConfig, moved_note};
use letsbe_store::{Relocation, TableRows};
use serde_json::json;

use super::{Planned, Yes, asked};

/// What a person typed.
pub(crate) struct Move {
    /// Where to.
    pub(crate) to: String,
    /// File with the password of that database.
    pub(crate) password_file: Option<PathBuf>,
    /// Whether JSON is wanted.
    pub(crate) json: bool,
}

/// Moves the Hub's database; nothing is removed from the file.
pub(crate) async fn move_database(
    config: &HubConfig,
    wanted: Move,
    planned: Planned,
    yes: Yes,
) -> anyhow::Result<()> {
    let file = config.database_file()?.context("the Hub's database is PostgreSQL's already")?;
    let target = HubConfig {
        database: Some(wanted.to),
        database_password_file: wanted.password_file,
        ..config.clone()
    };
    let target = target.database()?;
    let relocation = Relocation::prepare(&file, target.clone()).await?;
    if planned.plan {
        print(wanted.json, "would be moved", &relocation.tables);
        if !wanted.json {
            println!("{} would stay as it is, and would not be served any more.", file.display());
        }
        return Ok(());
    }
    let rows: u64 = relocation.tables.iter().map(|table| table.rows).sum();
    let consequence = format!("{rows} rows of {} are moved to {target}.", file.display());
    asked::by_name("move", &consequence, yes)?;
    let moved = relocation.carry_out().await?;
    let note = moved_note(&file);
    let written = std::fs::write(&note, format!("{target}\n"));
    written.with_context(|| format!("all rows were moved, but {} could not be written", note.display()))?;
    print(wanted.json, "moved and counted", &moved);
    if !wanted.json {
        println!(
            "{} stays as it was, and is not served any more. Next: database = \"{target}\" in the settings, then letsbe-hub serve.",
            file.display()
        );
    }
    Ok(())
}

fn print(json: bool, what: &str, tables: &[TableRows]) {
    if json {
        let tables: Vec<_> =
            tables.iter().map(|table| json!({"table": table.table, "rows": table.rows})).collect();
        println!("{}", json!({"outcome": what, "tables": tables}));
        return;
    }
    for table in tables {
        println!("{}: {} rows {what}", table.table, table.rows);
    }
}
