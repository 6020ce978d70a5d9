//! The Hub's own backup, by hand, and bringing the Hub back.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use letsbe_hub::{
    backups::own,
    config::{HubBackupConfig, HubConfig, named_database},
};
use letsbe_store::{Database, Store};
use letsbe_types::clock::{Clock as _, SystemClock};

use super::{
    Planned, Yes,
    move_database::{Move, move_database},
};

#[derive(Subcommand)]
pub(crate) enum AdminCommand {
    /// Back the Hub up now: database, settings, keys, files of running jobs. The Hub may serve meanwhile.
    Backup {
        /// Another repository than the one in the configuration.
        #[arg(long, requires = "password_file")]
        to: Option<String>,
        /// File with that repository's password.
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
    /// Move the Hub's database from SQLite to an empty one of PostgreSQL; the rows of every table are counted on both sides.
    /// The Hub must stand still.
    Move {
        /// The address, postgres://<user>@<host>/<database>.
        #[arg(long)]
        to: String,
        /// File with the password of that database.
        #[arg(long)]
        password_file: Option<PathBuf>,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        planned: Planned,
        #[command(flatten)]
        yes: Yes,
    },
    /// Bring the Hub back on a machine where it is not, and prove that all of it is there.
    Rebuild {
        /// The repository, as restic names it.
        #[arg(long)]
        from: String,
        /// File with its password.
        #[arg(long)]
        password_file: PathBuf,
        /// Everything is put below this folder at its own path; / on a new machine.
        #[arg(long)]
        to: PathBuf,
        /// Which snapshot.
        #[arg(long, default_value = "latest")]
        snapshot: String,
        /// An empty database of PostgreSQL that gets the rows, postgres://<user>@<host>/<database>; a file of SQLite without it.
        #[arg(long)]
        database: Option<String>,
        /// File with the password of that database.
        #[arg(long, requires = "database")]
        database_password_file: Option<PathBuf>,
    },
}

pub(crate) async fn admin(config_file: &Path, command: AdminCommand) -> anyhow::Result<()> {
    match command {
        AdminCommand::Backup { to, password_file } => {
            let config = HubConfig::load(config_file)?;
            let given = to.zip(password_file).map(|(repository, password_file)| HubBackupConfig {
                repository,
                password_file,
                files: Default::default(),
            });
            let own = given.or_else(|| config.backups.hub.clone());
            let own = own.context("[backups.hub] is not in the configuration, and --to was not given")?;
            let store = Store::open(&config.database()?).await?;
            let snapshot = own::backup(&store, &config, &own, config_file, SystemClock.now()).await?;
            println!("Backed up and read back: snapshot {snapshot} in {}.", own.repository);
        }
        AdminCommand::Move { to, password_file, json, planned, yes } => {
            let config = HubConfig::load(config_file)?;
            move_database(&config, Move { to, password_file, json }, planned, yes).await?;
        }
        AdminCommand::Rebuild {
            from,
            password_file,
            to,
            snapshot,
            database,
            database_password_file: key,
        } => {
            let into = database.map(|named| named_database(&named, key.as_deref())).transpose()?;
            let source =
                own::Source { repository: &from, password_file: &password_file, snapshot: &snapshot };
            let manifest = own::rebuild(source, &to, into.clone()).await?;
            print_rebuilt(&manifest, into.as_ref());
        }
    }
    Ok(())
}

fn print_rebuilt(manifest: &own::Manifest, into: Option<&Database>) {
    let own::Manifest { at, counts, files, .. } = manifest;
    println!(
        "The Hub as of {at}: {} orders, {} tenants, {} members of staff, {} sealed keys, {} files; all as the manifest \
         says.",
        counts.orders,
        counts.tenants,
        counts.staff,
        counts.escrows,
        files.len()
    );
    let (was, file) = (&manifest.postgres, manifest.database.display());
    match (into.map(Database::to_string), was) {
        (Some(is), was) if was.as_ref() != Some(&is) => {
            println!("Name its database in the settings: database = \"{is}\"")
        }
        (None, Some(was)) => {
            println!(
                "Its settings name {was}. Name the database that it has now: database = \"sqlite:{file}\""
            );
        }
        _ => {}
    }
    println!("Next: see that the files belong to the Hub's user, then letsbe-hub serve.");
}
