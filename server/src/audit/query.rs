//! Looking into the log: which entries match, newest first, a page at a time.

use legator_engine::tlog::Hash;
use serde_json::Value;
use sqlx::sqlite::SqliteConnection;

use super::fault::ReadFault;
use super::store;
use crate::tenant::{Reach, Tenant};

/// A page holds this many entries at most, whatever was asked for.
const LONGEST_PAGE: u32 = 1000;

/// What an entry must be to match; what is `None` asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub actor: Option<String>,
    /// A kind, or all kinds of a noun when it ends in a dot: `command.`.
    pub kind: Option<String>,
    pub command: Option<String>,
    pub probe: Option<String>,
    /// Only entries of tenants within it.
    pub reach: Reach,
    /// From this time on, in UTC milliseconds.
    pub since_ms: Option<i64>,
    /// Up to and with this time, in UTC milliseconds.
    pub until_ms: Option<i64>,
    /// Somewhere in the entry, whatever the case of ASCII letters.
    pub text: Option<String>,
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub index: u64,
    pub at_ms: i64,
    pub kind: String,
    pub actor: String,
    pub subject: String,
    pub command: Option<String>,
    pub probe: Option<String>,
    pub tenant: Option<String>,
    pub leaf_hash: Hash,
    /// The exact bytes that were hashed; `None` once retention dropped them.
    pub json: Option<String>,
}

impl Entry {
    /// Whose it is.
    pub fn tenant(&self) -> Tenant {
        Tenant::of_column(self.tenant.as_deref())
    }

    /// The `body` that its writer gave it.
    pub fn body(&self) -> Option<Value> {
        let mut entry: Value = serde_json::from_str(self.json.as_deref()?).ok()?;
        Some(entry.get_mut("body")?.take())
    }
}

/// Some entries, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` when there is none.
    pub next: Option<u64>,
}

pub(super) async fn entries(
    connection: &mut SqliteConnection,
    filter: &Filter,
    before: Option<u64>,
    limit: u32,
) -> Result<Page, ReadFault> {
    let limit = limit.clamp(1, LONGEST_PAGE);
    // Times of entries follow the callers' clocks; those of checkpoints never fall, so they bound where to look.
    let from = match filter.since_ms {
        Some(since) => store::size_before(connection, since).await?,
        None => 0,
    };
    // One more than asked tells whether there is a next page.
    let mut entries = store::entries(connection, filter, from, before, limit + 1).await?;
    let more = entries.len() > limit as usize;
    entries.truncate(limit as usize);
    let next = entries.last().filter(|_| more).map(|entry| entry.index);
    Ok(Page { entries, next })
}
