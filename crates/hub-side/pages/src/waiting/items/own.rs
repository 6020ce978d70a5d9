//! What about the Hub itself waits for a person.

use chrono::{DateTime, Utc};
use letsbe_types::backups::{BackupState, HubBackup};

use super::{Item, ItemWriter, capital};
use crate::words::{HubTaskWords, Said, Words};

impl ItemWriter {
    /// The Hub's own backup.
    #[must_use]
    pub fn own(&self, own: &HubBackup) -> Option<Item> {
        let level = match own.state {
            BackupState::Failed => "failed",
            BackupState::Troubled => "warning",
            BackupState::Fine | BackupState::Awaited | BackupState::Ended => return None,
        };
        let since = own.succeeded_at.unwrap_or(self.now);
        let title = Words::of(self.language).own.title;
        let item = Item::new(level, &self.words.this_hub, title, since);
        let text = Said::english(format!("{}.", capital(&own.troubles.join("; "))));
        Some(Item { text, ..item }.at("/backups".to_owned(), self.words.own_link))
    }

    /// Background work that stalls, as the driver of this Hub saw it at that moment.
    #[must_use]
    pub fn stalled(&self, at: DateTime<Utc>, stalled: usize) -> Option<Item> {
        if stalled == 0 {
            return None;
        }
        let words = HubTaskWords::of(self.language);
        let what = if stalled == 1 { words.stalled_one } else { words.stalled_many };
        let item = Item::new("failed", &self.words.this_hub, format!("{stalled} {what}"), at);
        let item = Item { hint: Said::ours(words.stalled_hint), ..item };
        Some(item.at("/hub/tasks".to_owned(), words.show))
    }
}
