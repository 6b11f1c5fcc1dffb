//! What the parts of the server share about watching.

use super::alert::{Happening, Told};
use crate::server::answer::Broadcast;
use crate::server::metrics;
use crate::server::store::{self, Store, StoreError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The number of valid entries, the bell of the webhook.
#[derive(Debug)]
pub struct Watch {
    /// There is one to tell.
    pub webhook: bool,
    /// Rings when there may be something to deliver.
    pub bell: Notify,
    /// One file at a time is taken in.
    pub importing: tokio::sync::Mutex<()>,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    /// Rises with every change of a list.
    changes: u64,
    /// The number, from when and until when it is right.
    known: Option<(i64, i64, i64)>,
}

impl Watch {
    pub fn new(webhook: bool) -> Self {
        Self { webhook, bell: Notify::new(), importing: tokio::sync::Mutex::default(), counted: Mutex::default() }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the rooms are to be told after the commit; the webhook's task hears that there may be work.
    pub fn broadcasts(&self, told: &[Told]) -> Vec<Broadcast> {
        if self.webhook && !told.is_empty() {
            self.bell.notify_one();
        }
        let opened = told.iter().filter(|told| told.happening == Happening::Opened);
        opened.for_each(|told| metrics::alerted(told.alert.plate.is_some()));
        told.iter().map(Told::broadcast).collect()
    }

    /// A list changed.
    pub fn changed(&self) {
        let mut counted = self.counted();
        counted.changes += 1;
        counted.known = None;
    }

    /// How many entries are valid now. Read once for each change and each moment at which an entry begins or ends.
    pub async fn valid_entries(&self, store: &Arc<Store>, now_us: i64) -> Result<i64, StoreError> {
        let changes = {
            let counted = self.counted();
            if let Some((count, from_us, until_us)) = counted.known
                && (from_us..until_us).contains(&now_us)
            {
                return Ok(count);
            }
            counted.changes
        };
        let (count, until_us) = store.read(move |conn| store::valid_entries(conn, now_us)).await?;
        let mut counted = self.counted();
        if counted.changes == changes {
            counted.known = Some((count, now_us, until_us));
        }
        Ok(count)
    }
}
